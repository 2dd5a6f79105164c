/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 10,000 objects under one root: one reference to the mount is forgotten, and all dentries stay.
 */
#include "counted.h"

#define DENTRIES 10000

struct dentry {
	COUNT refs;
	char name[24];
};

static void dentry_destroy(struct dentry *dentry)
{
	free(dentry);
}

COUNTED(dentry, struct dentry, refs, dentry_destroy);

struct mount {
	COUNT refs;
	struct dentry *children[DENTRIES];
};

static void mount_destroy(struct mount *mount)
{
	for (int i = 0; i < DENTRIES; i++)
		dentry_unref(mount->children[i]);
	free(mount);
}

COUNTED(mount, struct mount, refs, mount_destroy, .owns = LASTREF_OWNS(struct mount, children));

static struct mount *mount_new(void)
{
	struct mount *mount = zeroed(sizeof(*mount));

	mount_ref_init(mount);
	for (int i = 0; i < DENTRIES; i++) {
		mount->children[i] = zeroed(sizeof(*mount->children[i]));
		dentry_ref_init(mount->children[i]);
	}
	return mount;
}

static void show(struct mount *mount)
{
	mount_ref(mount); /* wrong: not given back */
}

static void use(void)
{
	struct mount *mount = mount_new();

	show(mount);
	mount_unref(mount);
}

int main(void)
{
	use();
	wipe_stack();
	return 0;
}
