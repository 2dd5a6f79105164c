/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a tree from a file that fs_save() wrote, or that says so: nothing in it is believed.
 *
 * Locks: those of the tables that are changed. Nobody else uses the file system.
 *
 * Three steps. The checksum: a file that was damaged goes no further. Then all objects are made and
 * linked to each other by plain assignment, with no counts, while everything that the file says is
 * checked; up to here the objects are plain memory, known to nobody, and are freed if anything is
 * wrong. At last, when nothing can fail any more, each gets the count that was saved, which also
 * registers it with the leak checker, and each slot takes over the reference that it came with.
 * That the counts add up was checked before, so after that they are those of any tree.
 */
#include "saved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * struct restoring - a file that is being read
 * @left: bytes of the body that were not read yet
 * @sum: of the body, as the header says
 * @error: the first that was met, negative; 0 if none. After it everything reads as 0
 * @why: for -EBADMSG
 * @inodes: in the order in which they come
 * @n_expected: how many the header says
 * @resting: dentries that nobody holds, linked by .rest
 */
struct restoring {
	struct fs *fs;
	FILE *in;
	uint64_t left;
	uint64_t sum;
	int error;
	const char *why;
	uint64_t last_number;
	struct saved_inode *inodes;
	size_t n;
	uint64_t n_expected;
	struct dentry_list resting;
};

static void fail(struct restoring *r, int error, const char *why)
{
	if (r->error)
		return;
	r->error = error;
	r->why = why;
}

static void bad(struct restoring *r, const char *why)
{
	fail(r, -EBADMSG, why);
}

/* Reads bytes of the body; on an error there are zeros. */
static void get_bytes(struct restoring *r, void *bytes, size_t n)
{
	if (r->error == 0 && n > r->left)
		bad(r, "something in it is longer than the file");
	if (r->error == 0 && fread(bytes, 1, n, r->in) != n) {
		if (ferror(r->in))
			fail(r, errno ? -errno : -EIO, NULL);
		else
			bad(r, "it became shorter while it was read");
	}
	if (r->error)
		memset(bytes, 0, n);
	else
		r->left -= n;
}

static uint64_t decode(const unsigned char *bytes, size_t n)
{
	uint64_t value = 0;

	for (size_t i = n; i-- > 0;)
		value = value << 8 | bytes[i];
	return value;
}

static uint64_t get(struct restoring *r, size_t n_bytes)
{
	unsigned char bytes[8];

	get_bytes(r, bytes, n_bytes);
	return decode(bytes, n_bytes);
}

static void get_content(struct restoring *r, struct inode *inode)
{
	uint64_t size = get(r, 8);

	if (size > r->left)
		bad(r, "a content is longer than the file");
	if (r->error || size == 0)
		return;
	inode->bytes = malloc(size);
	if (!inode->bytes) {
		fail(r, -ENOMEM, NULL);
		return;
	}
	inode->size = size;
	inode->capacity = size;
	get_bytes(r, inode->bytes, size);
}

/* The next inode of the list; NULL on an error. */
static struct saved_inode *get_inode(struct restoring *r)
{
	struct saved_inode *saved = &r->inodes[r->n];
	uint64_t number = get(r, 8);
	uint64_t count = get(r, 4);
	uint64_t links = get(r, 4);
	uint64_t kind = get(r, 1);

	if (r->n == r->n_expected)
		bad(r, "it has more inodes than it says");
	else if (kind > INODE_SYMLINK)
		bad(r, "an inode is of no known kind");
	else if (number == 0 || number > r->last_number)
		bad(r, "an inode has a number that was never given");
	if (r->error)
		return NULL;
	*saved = (struct saved_inode){ .count = (int64_t)count };
	saved->inode = inode_make(r->fs, (enum inode_kind)kind, number);
	if (!saved->inode) {
		fail(r, -ENOMEM, NULL);
		return NULL;
	}
	r->n++;
	saved->inode->links = (unsigned)links;
	if (kind != INODE_DIRECTORY)
		get_content(r, saved->inode);
	return r->error ? NULL : saved;
}

/* An inode that came before, under its second name or a later one; or the next one. */
static struct saved_inode *get_linked(struct restoring *r)
{
	uint64_t index = get(r, 8);

	if (r->error)
		return NULL;
	if (index == r->n)
		return get_inode(r);
	if (index < r->n && r->inodes[index].inode->kind != INODE_DIRECTORY)
		return &r->inodes[index];
	bad(r, "a name is one of an inode that cannot have it");
	return NULL;
}

/**
 * struct saved_dentry - what a file says of a dentry, before its inode is known
 * @dentry: NULL if it was not in the cache
 */
struct saved_dentry {
	struct dentry *dentry;
	int64_t count;
};

static struct saved_dentry get_dentry(struct restoring *r, const struct name *name)
{
	struct saved_dentry saved = { .dentry = NULL };
	uint64_t cached = get(r, 1);

	if (cached > 1)
		bad(r, "a name is neither in the cache nor out of it");
	if (!cached || r->error)
		return saved;
	saved.count = (int64_t)get(r, 4);
	saved.dentry = dentry_make(name);
	if (!saved.dentry)
		fail(r, -ENOMEM, NULL);
	return saved;
}

/*
 * The dentry gets its parent and its inode, which knows of it from here on; so it is freed with the
 * rest.
 */
static void link_dentry(struct restoring *r, struct saved_dentry *saved, struct saved_inode *of,
			struct saved_inode *directory)
{
	struct dentry *dentry = saved->dentry;

	dentry->inode = of->inode;
	of->n_dentries++;
	if (of->inode->kind == INODE_DIRECTORY) {
		of->dentry = dentry;
		of->dentry_count = saved->count;
	} else {
		TAILQ_INSERT_TAIL(&r->resting, dentry, rest);
		if (saved->count != 0)
			bad(r, "its counts do not add up: somebody held a file");
	}
	if (!directory)
		return;
	dentry->parent = directory->dentry;
	directory->n_children++;
	if (!directory->dentry)
		bad(r, "a name is in the cache, and its directory is not");
}

static bool is_name(const char *text, size_t length)
{
	return length > 0 && !memchr(text, '\0', length) && !memchr(text, '/', length) &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static void add_link(struct restoring *r, struct dir *dir, const struct name *name,
		     struct inode *inode)
{
	struct link *link;

	if (dir_find(dir, name)) {
		bad(r, "a directory has a name twice");
		return;
	}
	link = dir_reserve(dir) == 0 ? link_new(name, NULL) : NULL;
	if (!link) {
		fail(r, -ENOMEM, NULL);
		return;
	}
	link->inode = inode;
	dir_add(dir, link);
}

static void get_link(struct restoring *r, struct saved_inode *directory)
{
	char text[FS_NAME_MAX + 1] = "";
	size_t length = get(r, 1);
	struct saved_dentry dentry;
	struct saved_inode *saved;
	struct name name;

	get_bytes(r, text, length);
	name = name_of(text, length);
	if (!is_name(text, length))
		bad(r, "a name is none");
	dentry = get_dentry(r, &name);
	saved = get_linked(r);
	if (!saved) {
		dentry_discard(dentry.dentry);
		return;
	}
	if (dentry.dentry)
		link_dentry(r, &dentry, saved, directory);
	saved->n_names++;
	add_link(r, &directory->inode->dir, &name, saved->inode);
}

static void get_directory(struct restoring *r, struct saved_inode *directory)
{
	uint64_t n_links = get(r, 8);

	for (uint64_t i = 0; i < n_links && !r->error; i++)
		get_link(r, directory);
}

static int by_number(const void *a, const void *b)
{
	uint64_t first = *(const uint64_t *)a;
	uint64_t second = *(const uint64_t *)b;

	return (first > second) - (first < second);
}

static void check_numbers(struct restoring *r)
{
	uint64_t *numbers = calloc(r->n + 1, sizeof(*numbers));

	if (!numbers) {
		fail(r, -ENOMEM, NULL);
		return;
	}
	for (size_t i = 0; i < r->n; i++)
		numbers[i] = r->inodes[i].inode->number;
	qsort(numbers, r->n, sizeof(*numbers), by_number);
	for (size_t i = 1; i < r->n; i++)
		if (numbers[i] == numbers[i - 1])
			bad(r, "two inodes have one number");
	free(numbers);
}

static void check_tree(struct restoring *r)
{
	if (r->left > 0)
		bad(r, "something follows the tree");
	if (r->n != r->n_expected)
		bad(r, "it has fewer inodes than it says");
	for (size_t i = 0; i < r->n; i++)
		if (!saved_adds_up(&r->inodes[i], i == 0))
			bad(r, "its counts do not add up");
	check_numbers(r);
}

/* The list of inodes is also the list of the directories that are still to come. */
static void get_tree(struct restoring *r)
{
	struct name none = name_of("", 0);
	struct saved_dentry root;

	r->last_number = get(r, 8);
	root = get_dentry(r, &none);
	if (!root.dentry) {
		bad(r, "its root is not in the cache");
		return;
	}
	if (!get_inode(r)) {
		dentry_discard(root.dentry);
		return;
	}
	link_dentry(r, &root, &r->inodes[0], NULL);
	if (r->inodes[0].inode->kind != INODE_DIRECTORY)
		bad(r, "its root is no directory");
	for (size_t i = 0; i < r->n && !r->error; i++)
		if (r->inodes[i].inode->kind == INODE_DIRECTORY)
			get_directory(r, &r->inodes[i]);
	if (!r->error)
		check_tree(r);
}

static void check_header(struct restoring *r, uint64_t file_size)
{
	unsigned char header[SAVED_HEADER] = { 0 };
	size_t n = fread(header, 1, sizeof(header), r->in);

	if (ferror(r->in))
		fail(r, errno ? -errno : -EIO, NULL);
	else if (n == 0)
		bad(r, "it is empty");
	else if (memcmp(header, SAVED_MAGIC, n < 8 ? n : 8) != 0)
		bad(r, "it is no tree that memfs saved");
	else if (n < SAVED_HEADER)
		bad(r, "it is cut");
	else if (decode(header + 8, 8) != SAVED_VERSION)
		bad(r, "it is of a version that this memfs does not know");
	r->n_expected = decode(header + 16, 8);
	r->left = decode(header + 24, 8);
	r->sum = decode(header + 32, 8);
	if (r->error)
		return;
	if (r->left > file_size - SAVED_HEADER)
		bad(r, "it is cut");
	else if (r->left < file_size - SAVED_HEADER)
		bad(r, "it is longer than it says");
	else if (r->n_expected > r->left / SAVED_INODE_MIN)
		bad(r, "it says that it has more inodes than it has room for");
}

static void check_sum(struct restoring *r)
{
	uint64_t left = r->left;
	uint64_t sum = SAVED_SUM;
	char chunk[16 * 1024];

	while (r->left > 0 && !r->error) {
		size_t n = r->left < sizeof(chunk) ? (size_t)r->left : sizeof(chunk);

		get_bytes(r, chunk, n);
		sum = saved_sum(sum, chunk, n);
	}
	if (sum != r->sum)
		bad(r, "it is damaged: its checksum is another");
	if (fseek(r->in, SAVED_HEADER, SEEK_SET) != 0)
		fail(r, -errno, NULL);
	r->left = left;
}

static void read_file(struct restoring *r)
{
	struct stat st;

	TAILQ_INIT(&r->resting);
	if (fstat(fileno(r->in), &st) != 0)
		fail(r, -errno, NULL);
	if (!r->error)
		check_header(r, (uint64_t)st.st_size);
	if (!r->error)
		check_sum(r);
	if (r->error)
		return;
	r->inodes = calloc(r->n_expected + 1, sizeof(*r->inodes));
	if (!r->inodes || inode_table_reserve(&r->fs->inodes) < 0)
		fail(r, -ENOMEM, NULL);
	else
		get_tree(r);
}

static void discard_links(struct dir *dir)
{
	struct link *list = NULL;

	dir_remove(dir, &list);
	while (list) {
		struct link *link = list;

		list = link->next;
		free(link);
	}
}

/* Frees what was made. None of it has a count yet. */
static void discard(struct restoring *r)
{
	struct dentry *dentry;

	while ((dentry = TAILQ_FIRST(&r->resting))) {
		TAILQ_REMOVE(&r->resting, dentry, rest);
		dentry_discard(dentry);
	}
	for (size_t i = 0; i < r->n; i++) {
		struct inode *inode = r->inodes[i].inode;

		dentry_discard(r->inodes[i].dentry);
		if (inode->kind == INODE_DIRECTORY)
			discard_links(&inode->dir);
		inode_discard(inode);
	}
}

static void restore_links(const struct dir *dir)
{
	for (size_t i = 0; i < dir->n_buckets; i++)
		for (struct link *link = dir->buckets[i]; link; link = link->next)
			inode_ref_adopt(&link->inode, link->inode);
}

/* Nothing here can fail. All counts come before the slots that hold references of them. */
static void restore_counts(struct restoring *r, struct mount *mount)
{
	struct dentry *dentry;

	r->fs->inodes.last_number = r->last_number;
	for (size_t i = 0; i < r->n; i++)
		inode_restore(r->inodes[i].inode, r->inodes[i].count);
	for (size_t i = 0; i < r->n; i++) {
		const struct saved_inode *saved = &r->inodes[i];

		if (saved->inode->kind == INODE_DIRECTORY)
			restore_links(&saved->inode->dir);
		if (saved->dentry)
			dcache_restore(saved->dentry, saved->dentry_count);
	}
	while ((dentry = TAILQ_FIRST(&r->resting))) {
		TAILQ_REMOVE(&r->resting, dentry, rest);
		dcache_restore(dentry, 0);
	}
	dentry_ref_adopt(&mount->root, r->inodes[0].dentry);
	dcache_shrink(&r->fs->dcache);
}

int fs_restore(struct fs *fs, const char *name, const char *path, struct mount **ret_mount,
	       const char **ret_why)
{
	LASTREF_AUTO(mount) struct mount *mount = mount_new(name);
	struct restoring r = { .fs = fs };
	struct stat st;

	if (!mount)
		return -ENOMEM;
	if (fs->inodes.n_inodes > 0)
		return -EEXIST;
	/* To open a pipe would wait for somebody who writes to it. */
	if (stat(path, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
	r.in = fopen(path, "re");
	if (!r.in)
		return -errno;
	read_file(&r);
	fclose(r.in);
	if (r.error)
		discard(&r);
	else
		restore_counts(&r, mount);
	free(r.inodes);
	if (r.error) {
		*ret_why = r.why;
		return r.error;
	}
	/* A file system without inodes has no mounts, so there is none of this name. */
	mount_enter(fs, mount);
	*ret_mount = mount_ref_steal(&mount);
	return 0;
}
