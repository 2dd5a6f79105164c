/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memfs knows of the files that it loaded: where each one is by now, and what it must contain.
 */
#ifndef MEMFS_TREE_H
#define MEMFS_TREE_H

#include "fs/fs.h"

#define TREE_ROOT SIZE_MAX

/** struct sum - size and checksum of a content; starts as SUM_EMPTY */
struct sum {
	uint64_t size;
	uint64_t hash;
};

#define SUM_EMPTY                                                                                  \
	(struct sum)                                                                               \
	{                                                                                          \
		0, 14695981039346656037u                                                           \
	}

/**
 * struct entry - one name
 * @parent: the entry of its directory, or TREE_ROOT
 * @gone: it was unlinked
 * @number: of its inode
 * @sum: of its content, or of its target
 */
struct entry {
	size_t parent;
	char *name;
	enum inode_kind kind;
	bool gone;
	uint64_t number;
	struct sum sum;
};

/** struct tree - all names, parents before their children; all zero is an empty one */
struct tree {
	struct entry *entries;
	size_t n;
	size_t capacity;
};

/** sum_add() - go on with so many bytes more. */
void sum_add(struct sum *sum, const void *bytes, size_t n);

/** sum_equal() - the same content? */
bool sum_equal(const struct sum *a, const struct sum *b);

/** tree_add() - one name more. Return: its entry. */
size_t tree_add(struct tree *tree, size_t parent, const char *name, enum inode_kind kind);

/** tree_move() - it has another name by now. */
void tree_move(struct tree *tree, size_t entry, size_t parent, const char *name);

/** tree_path() - the path of an entry, to be freed. */
char *tree_path(const struct tree *tree, size_t entry);

/** path_join() - directory, slash and name, to be freed. */
char *path_join(const char *directory, const char *name);

/**
 * struct tree_digest - what a tree is, in few words
 * @n_names: those that are there
 * @hash: of all of them, whatever their order: path, kind, number and content
 */
struct tree_digest {
	size_t n_names;
	uint64_t hash;
};

/** tree_digest() - of the names that are still there. */
struct tree_digest tree_digest(const struct tree *tree);

/** tree_finish() - give back its memory. */
void tree_finish(struct tree *tree);

/** out_of_memory() - says so and exits with status 1. */
_Noreturn void out_of_memory(void);

#endif
