/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of names. Used by one thread.
 */
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void out_of_memory(void)
{
	fputs("memfs: out of memory\n", stderr);
	exit(1);
}

void sum_add(struct sum *sum, const void *bytes, size_t n)
{
	const unsigned char *byte = bytes;

	sum->size += n;
	for (size_t i = 0; i < n; i++)
		sum->hash = (sum->hash ^ byte[i]) * 1099511628211u;
}

bool sum_equal(const struct sum *a, const struct sum *b)
{
	return a->size == b->size && a->hash == b->hash;
}

static char *copy(const char *text)
{
	char *result = strdup(text);

	if (!result)
		out_of_memory();
	return result;
}

size_t tree_add(struct tree *tree, size_t parent, const char *name, enum inode_kind kind)
{
	if (tree->n == tree->capacity) {
		size_t capacity = tree->capacity ? 2 * tree->capacity : 1024;
		struct entry *entries = realloc(tree->entries, capacity * sizeof(*entries));

		if (!entries)
			out_of_memory();
		tree->entries = entries;
		tree->capacity = capacity;
	}
	tree->entries[tree->n] =
		(struct entry){ .parent = parent, .name = copy(name), .kind = kind, .sum = SUM_EMPTY };
	return tree->n++;
}

void tree_move(struct tree *tree, size_t entry, size_t parent, const char *name)
{
	char *text = copy(name);

	free(tree->entries[entry].name);
	tree->entries[entry].name = text;
	tree->entries[entry].parent = parent;
}

char *tree_path(const struct tree *tree, size_t entry)
{
	size_t length = 0;
	char *path;

	for (size_t i = entry; i != TREE_ROOT; i = tree->entries[i].parent)
		length += 1 + strlen(tree->entries[i].name);
	path = malloc(length + 1);
	if (!path)
		out_of_memory();
	path[length] = '\0';
	for (size_t i = entry; i != TREE_ROOT; i = tree->entries[i].parent) {
		size_t n = strlen(tree->entries[i].name);

		length -= n;
		memcpy(path + length, tree->entries[i].name, n);
		path[--length] = '/';
	}
	return path;
}

static uint64_t hash_of(const struct tree *tree, size_t i)
{
	const struct entry *entry = &tree->entries[i];
	char *path = tree_path(tree, i);
	struct sum sum = SUM_EMPTY;

	sum_add(&sum, path, strlen(path));
	sum_add(&sum, &entry->kind, sizeof(entry->kind));
	sum_add(&sum, &entry->number, sizeof(entry->number));
	sum_add(&sum, &entry->sum, sizeof(entry->sum));
	free(path);
	return sum.hash;
}

struct tree_digest tree_digest(const struct tree *tree)
{
	struct tree_digest digest = { .n_names = 0 };

	for (size_t i = 0; i < tree->n; i++) {
		if (tree->entries[i].gone)
			continue;
		digest.n_names++;
		digest.hash += hash_of(tree, i);
	}
	return digest;
}

char *path_join(const char *directory, const char *name)
{
	size_t length = strlen(directory);
	size_t size = strlen(name) + 1;
	char *path = malloc(length + 1 + size);

	if (!path)
		out_of_memory();
	memcpy(path, directory, length);
	path[length] = '/';
	memcpy(path + length + 1, name, size);
	return path;
}

void tree_finish(struct tree *tree)
{
	for (size_t i = 0; i < tree->n; i++)
		free(tree->entries[i].name);
	free(tree->entries);
	*tree = (struct tree){ .n = 0 };
}
