/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves a tree to a file.
 *
 * Locks: fs_tree_lock for writing, so that the tables may be read. The counts are those of one
 * moment only because nobody else uses the file system.
 *
 * The file is written under another name beside the old one and takes its place when it is complete
 * and on the disk, so a full disk, or a death in the middle, leaves the old one as it was.
 */
#include "saved.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * struct saving - a file that is being written
 * @size: of the body so far
 * @sum: of the body so far
 * @error: of the first write that failed, or 0
 * @inodes: those that were met, in the order in which they come in the file; there is room for all
 * @linked: finds one of @inodes that may be met again, for <search.h>
 */
struct saving {
	struct fs *fs;
	FILE *out;
	uint64_t size;
	uint64_t sum;
	int error;
	struct saved_inode *inodes;
	size_t n;
	void *linked;
};

static void put_bytes(struct saving *s, const void *bytes, size_t n)
{
	s->sum = saved_sum(s->sum, bytes, n);
	s->size += n;
	if (n > 0 && s->error == 0 && fwrite(bytes, 1, n, s->out) != n)
		s->error = -errno;
}

static void encode(unsigned char *bytes, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}

static void put(struct saving *s, uint64_t value, size_t n_bytes)
{
	unsigned char bytes[8];

	encode(bytes, value, n_bytes);
	put_bytes(s, bytes, n_bytes);
}

static int by_inode(const void *a, const void *b)
{
	const struct inode *first = ((const struct saved_inode *)a)->inode;
	const struct inode *second = ((const struct saved_inode *)b)->inode;

	return (first > second) - (first < second);
}

/* What was met before of an inode, or NULL. A directory has one name, and so has most else. */
static struct saved_inode *find_met(struct saving *s, struct inode *inode)
{
	const struct saved_inode key = { .inode = inode };
	void *found = inode->links > 1 ? tfind(&key, &s->linked, by_inode) : NULL;

	return found ? *(struct saved_inode **)found : NULL;
}

static int meet(struct saving *s, struct inode *inode, struct saved_inode **ret_met)
{
	struct saved_inode *met = &s->inodes[s->n];

	*met = (struct saved_inode){ .inode = inode, .count = inode_ref_count(inode) };
	if (inode->links > 1 && !tsearch(met, &s->linked, by_inode))
		return -ENOMEM;
	s->n++;
	*ret_met = met;
	return 0;
}

static void put_inode(struct saving *s, const struct saved_inode *saved)
{
	struct inode *inode = saved->inode;

	put(s, inode->number, 8);
	put(s, (uint64_t)saved->count, 4);
	put(s, inode->links, 4);
	put(s, inode->kind, 1);
	if (inode->kind == INODE_DIRECTORY)
		return;
	put(s, inode->size, 8);
	put_bytes(s, inode->bytes, inode->size);
}

/* Return: 0; -EBUSY if a dentry is held that no tree holds. */
static int put_dentry(struct saving *s, struct dentry *dentry, struct saved_inode *of)
{
	int64_t count = dentry ? dentry_ref_count(dentry) : 0;

	put(s, dentry != NULL, 1);
	if (!dentry)
		return 0;
	put(s, (uint64_t)count, 4);
	of->n_dentries++;
	if (of->inode->kind != INODE_DIRECTORY)
		return count == 0 ? 0 : -EBUSY;
	of->dentry = dentry;
	of->dentry_count = count;
	return 0;
}

static int put_link(struct saving *s, struct saved_inode *directory, const struct link *link)
{
	const struct name name = { link->name, link->length, link->hash };
	struct dentry *dentry = directory->dentry ? dcache_peek(directory->dentry, &name) : NULL;
	struct saved_inode *saved = find_met(s, link->inode);
	bool is_new = !saved;
	int r = is_new ? meet(s, link->inode, &saved) : 0;

	if (r < 0)
		return r;
	directory->n_children += dentry != NULL;
	saved->n_names++;
	put(s, link->length, 1);
	put_bytes(s, link->name, link->length);
	r = put_dentry(s, dentry, saved);
	put(s, (uint64_t)(saved - s->inodes), 8);
	if (is_new)
		put_inode(s, saved);
	return r < 0 ? r : s->error;
}

static int by_name(const void *a, const void *b)
{
	const struct link *const *first = a;
	const struct link *const *second = b;

	return strcmp((*first)->name, (*second)->name);
}

static const struct link **sorted_links(const struct dir *dir)
{
	const struct link **links = calloc(dir->n_links + 1, sizeof(*links));
	size_t n = 0;

	if (!links)
		return NULL;
	for (size_t i = 0; i < dir->n_buckets; i++)
		for (const struct link *link = dir->buckets[i]; link; link = link->next)
			links[n++] = link;
	qsort(links, n, sizeof(*links), by_name);
	return links;
}

static int put_directory(struct saving *s, struct saved_inode *directory)
{
	const struct dir *dir = &directory->inode->dir;
	const struct link **links = sorted_links(dir);
	int r = links ? 0 : -ENOMEM;

	put(s, dir->n_links, 8);
	for (size_t i = 0; i < dir->n_links && r == 0; i++)
		r = put_link(s, directory, links[i]);
	free(links);
	return r;
}

/* The list of inodes is also the list of the directories that are still to come. */
static int put_tree(struct saving *s, struct dentry *root)
{
	struct saved_inode *saved;
	int r = meet(s, root->inode, &saved);

	put(s, s->fs->inodes.last_number, 8);
	if (r == 0)
		r = put_dentry(s, root, saved);
	if (r == 0)
		put_inode(s, saved);
	for (size_t i = 0; i < s->n && r == 0; i++)
		if (s->inodes[i].inode->kind == INODE_DIRECTORY)
			r = put_directory(s, &s->inodes[i]);
	return r;
}

/* What is held by more than the tree is in use. */
static int check_counts(const struct saving *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!saved_adds_up(&s->inodes[i], i == 0))
			return -EBUSY;
	return s->error;
}

/* Before the rest is known, the header is one of a file that is cut. */
static int put_header(struct saving *s)
{
	unsigned char header[SAVED_HEADER] = SAVED_MAGIC;

	encode(header + 8, SAVED_VERSION, 8);
	encode(header + 16, s->n, 8);
	encode(header + 24, s->size, 8);
	encode(header + 32, s->sum, 8);
	if (fflush(s->out) != 0 || fseek(s->out, 0, SEEK_SET) != 0)
		return -errno;
	return fwrite(header, 1, sizeof(header), s->out) == sizeof(header) ? 0 : -errno;
}

static int write_file(struct saving *s, struct dentry *root)
{
	int r;

	s->sum = SAVED_SUM;
	s->inodes = calloc(s->fs->inodes.n_inodes + 1, sizeof(*s->inodes));
	if (!s->inodes)
		return -ENOMEM;
	r = put_header(s);
	if (r == 0) {
		pthread_rwlock_wrlock(&fs_tree_lock);
		r = put_tree(s, root);
		if (r == 0)
			r = check_counts(s);
		pthread_rwlock_unlock(&fs_tree_lock);
	}
	if (r == 0)
		r = put_header(s);
	if (r == 0 && (fflush(s->out) != 0 || fsync(fileno(s->out)) != 0))
		r = -errno;
	return r;
}

static void forget_linked(struct saving *s)
{
	while (s->linked)
		tdelete(*(struct saved_inode **)s->linked, &s->linked, by_inode);
}

/* Writes the file under another name, and gives it its own at the end. */
static int write_beside(struct saving *s, struct dentry *root, const char *beside, const char *path)
{
	int r;

	s->out = fopen(beside, "we");
	if (!s->out)
		return -errno;
	r = write_file(s, root);
	forget_linked(s);
	free(s->inodes);
	if (fclose(s->out) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(beside, path) != 0)
		r = -errno;
	if (r < 0)
		unlink(beside);
	return r;
}

int fs_save(struct mount *mount, const char *path)
{
	struct saving s = { .fs = mount->root->inode->fs };
	struct stat st;
	size_t size = strlen(path) + sizeof(".4294967295");
	char *beside;
	int r;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
	beside = malloc(size);
	if (!beside)
		return -ENOMEM;
	snprintf(beside, size, "%s.%u", path, (unsigned)getpid());
	r = write_beside(&s, mount->root, beside, path);
	free(beside);
	return r;
}
