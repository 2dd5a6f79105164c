/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An in-memory file system. A program includes this header; it links lastref and nothing else.
 *
 * Read first: inode.h and dir.h for what is stored, dentry.h and dcache.h for the cache in front of
 * it, then walk.c, which has the argument of who locks what. A dentry is given up by dentry_put();
 * all else by unref.
 *
 * All functions may be called by any number of threads at once, fs_destroy() apart. They return 0
 * or a negative errno; a result in a ret_ parameter is left alone on failure, and is a reference of
 * the caller's own.
 *
 * Paths start at a dentry, @base, such as a mount's root: slashes at their front mean nothing. "."
 * and ".." are understood. Symbolic links are not followed: they can be read, and stand for
 * themselves.
 */
#ifndef MEMFS_FS_H
#define MEMFS_FS_H

#include "dcache.h"
#include "dentry.h"
#include "file.h"
#include "inode.h"
#include "mount.h"

/** enum fs_fault - mistakes that can be switched on, to see them reported. */
enum fs_fault {
	FS_FAULT_NONE,
	FS_FAULT_LOOKUP, /* fs_lookup() of a name that is too long keeps the directory */
	FS_FAULT_HANDLE, /* for the program: a handle is not closed after an error */
	FS_FAULT_RENAME, /* once, a dentry that is renamed keeps its old parent */
	FS_FAULT_CYCLE,	 /* once, a parent holds its child, which holds the parent */
	FS_FAULT_OVER,	 /* once, a dentry that comes to rest is given up twice */
};

/**
 * struct fs_options - of fs_create()
 * @cache_limit: how many dentries may rest in the cache
 */
struct fs_options {
	enum fs_fault fault;
	size_t cache_limit;
};

/** FS_CACHE_LIMIT - the default: more than most trees have names. */
#define FS_CACHE_LIMIT ((size_t)1 << 18)

/**
 * struct fs - a file system
 * @has_erred: the fault was made that is made once; atomic
 * @lock: guards @mounts
 * @mounts: slot: the list of mounts
 * @inodes: finds an inode by its number
 * @dcache: finds a dentry by its directory and name
 */
struct fs {
	struct fs_options options;
	bool has_erred;
	pthread_mutex_t lock;
	struct mount *mounts;
	struct inode_table inodes;
	struct dcache dcache;
};

/**
 * fs_create() - a file system without mounts, or NULL without memory. @options may be NULL: no
 * fault, FS_CACHE_LIMIT.
 */
struct fs *fs_create(const struct fs_options *options);

/**
 * fs_makes_mistake() - is this the fault that was asked for, and has it not been made yet? True
 * once.
 */
bool fs_makes_mistake(struct fs *fs, enum fs_fault fault);

/**
 * fs_destroy() - unmount everything, and see that everything is gone
 *
 * Nobody uses the file system any more, and all that was opened is closed. Whatever is left then
 * was leaked, and lastref_leak_check() reports it. (So in a program that has other counted objects,
 * they should be gone too.)
 *
 * Return: how many objects leaked; 0 if checking is off.
 */
size_t fs_destroy(struct fs *fs);

/**
 * fs_lookup() - follow a path
 *
 * Return: 0; -ENOENT; -ENOTDIR (a name in the middle is no directory); -ENAMETOOLONG.
 */
int fs_lookup(struct dentry *base, const char *path, struct dentry **ret_dentry);

/**
 * fs_find_inode() - find an inode by its number, as a file server does. Return: 0; -ESTALE if it is
 * gone.
 */
int fs_find_inode(struct fs *fs, uint64_t number, struct inode **ret_inode);

/**
 * fs_list() - the entries of a directory, in no order: an array of references, for fs_list_free()
 *
 * Return: 0; -ENOTDIR; -ENOMEM.
 */
int fs_list(struct dentry *directory, struct dentry ***ret_entries, size_t *ret_n);

/** fs_list_free() - give back what fs_list() returned. */
void fs_list_free(struct dentry **entries, size_t n);

/*
 * Whatever makes a name fails with -EEXIST if it is there, with -ENOENT if its directory is not (or
 * was removed meanwhile), and with -EINVAL for "." and "..".
 */

/** fs_create_file() - make an empty file and open it. */
int fs_create_file(struct dentry *base, const char *path, struct file **ret_file);

/** fs_mkdir() - make an empty directory. */
int fs_mkdir(struct dentry *base, const char *path);

/** fs_symlink() - make a symbolic link to any @target. */
int fs_symlink(struct dentry *base, const char *target, const char *path);

/** fs_link() - one more name for the file at @from; directories have one only (-EPERM). */
int fs_link(struct dentry *base, const char *from, const char *to);

/**
 * fs_open() - open a file; or a directory, which cannot be read however
 *
 * Return: 0; -ELOOP for a symbolic link; as fs_lookup().
 */
int fs_open(struct dentry *base, const char *path, struct file **ret_file);

/**
 * fs_unlink() - take a name away; the file goes with its last name and its last handle. Return: 0,
 * -EISDIR.
 */
int fs_unlink(struct dentry *base, const char *path);

/** fs_rmdir() - remove an empty directory. Return: 0, -ENOTDIR, -ENOTEMPTY. */
int fs_rmdir(struct dentry *base, const char *path);

/**
 * fs_rename() - give a file or directory another name, in any directory
 *
 * A target that exists is replaced, and at no instant missing. Two names of one file: nothing
 * happens.
 *
 * Return: 0; -EINVAL into its own subtree; -EISDIR, -ENOTDIR if only one of them is a directory;
 * -ENOTEMPTY if the target is a directory with entries.
 */
int fs_rename(struct dentry *base, const char *from, const char *to);

/**
 * fs_save() - save a tree in a file, with its counts and with what is in the cache
 *
 * Nobody else uses the file system meanwhile, and nobody holds anything of this tree: only the
 * mount holds its root. If it fails, a file that was at @path is as it was.
 *
 * Return: 0; -EBUSY if something is held; -EISDIR, -ENOTSUP if @path is no regular file; the errno
 * of a write that failed; -ENOMEM.
 */
int fs_save(struct mount *mount, const char *path);

/**
 * fs_restore() - make a tree as it was saved: the same names, contents, numbers and counts; what
 * rested in the cache rests there again
 * @fs: has no inodes; nobody else uses it meanwhile
 * @name: of the mount
 * @ret_why: what is wrong with the file, if the result is -EBADMSG; a text that stays
 *
 * The whole file is checked before anything of it is there: the result is the whole tree or none.
 *
 * Return: 0, and the caller gets a reference to the mount; -EBADMSG; -EEXIST if @fs has inodes;
 * -EISDIR, -ENOTSUP if @path is no regular file; the errno of opening or reading it; -ENOMEM.
 */
int fs_restore(struct fs *fs, const char *name, const char *path, struct mount **ret_mount,
	       const char **ret_why);

#endif
