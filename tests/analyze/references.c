/* SPDX-License-Identifier: Apache-2.0 */
/* References that are given up too often, too early, or not at all. See dentry.h. */
#include "dentry.h"

void wrong_unref_twice(const char *path);
void right_unref_once(const char *path);
void wrong_lost_second(const char *path);
void right_second(const char *path);
void right_second_outlives_first(const char *path);
int wrong_use_after_unref(const char *path);
int right_use_before_unref(const char *path);
int wrong_tryref_without_unref(struct dentry *d);
int right_tryref_with_unref(struct dentry *d);
int wrong_in_a_loop(const char *const *paths);
int right_in_a_loop(const char *const *paths);
void wrong_overwritten(const char *path);
void right_unref_returns_null(const char *path);
void right_by_another_unref(const char *path);
void wrong_unref_any_twice(const char *path);

/* finds: double-free */
void wrong_unref_twice(const char *path)
{
	struct dentry *d = dentry_open(path);

	dentry_unref(d);
	dentry_unref(d);
}

void right_unref_once(const char *path)
{
	struct dentry *d = dentry_open(path);

	dentry_unref(d);
}

/* finds: malloc-leak */
void wrong_lost_second(const char *path)
{
	struct dentry *d = dentry_open(path);
	struct dentry *again;

	if (!d)
		return;
	again = dentry_ref(d);
	dentry_check(again);
	dentry_unref(d);
}

void right_second(const char *path)
{
	struct dentry *d = dentry_open(path);
	struct dentry *again;

	if (!d)
		return;
	again = dentry_ref(d);
	dentry_check(again);
	dentry_unref(again);
	dentry_unref(d);
}

void right_second_outlives_first(const char *path)
{
	struct dentry *d = dentry_open(path);
	struct dentry *again;

	if (!d)
		return;
	again = dentry_ref(d);
	dentry_unref(d);
	again->number = 7;
	dentry_unref(again);
}

/* finds: use-after-free */
int wrong_use_after_unref(const char *path)
{
	struct dentry *d = dentry_open(path);

	if (!d)
		return -1;
	dentry_unref(d);
	return d->number;
}

int right_use_before_unref(const char *path)
{
	struct dentry *d = dentry_open(path);
	int number;

	if (!d)
		return -1;
	number = d->number;
	dentry_unref(d);
	return number;
}

/* finds: malloc-leak */
int wrong_tryref_without_unref(struct dentry *d)
{
	struct dentry *held = dentry_tryref(d);

	if (!held)
		return -1;
	return held->number;
}

int right_tryref_with_unref(struct dentry *d)
{
	struct dentry *held = dentry_tryref(d);
	int number;

	if (!held)
		return -1;
	number = held->number;
	dentry_unref(held);
	return number;
}

/* finds: malloc-leak */
int wrong_in_a_loop(const char *const *paths)
{
	int good = 0;

	for (; *paths; paths++) {
		struct dentry *d = dentry_open(*paths);

		if (!d || dentry_check(d) < 0)
			continue;
		good++;
		dentry_unref(d);
	}
	return good;
}

int right_in_a_loop(const char *const *paths)
{
	int good = 0;

	for (; *paths; paths++) {
		struct dentry *d = dentry_open(*paths);

		good += d && dentry_check(d) >= 0;
		dentry_unref(d);
	}
	return good;
}

/* finds: malloc-leak */
void wrong_overwritten(const char *path)
{
	struct dentry *d = dentry_open(path);

	d = dentry_open("/");
	dentry_unref(d);
}

void right_unref_returns_null(const char *path)
{
	struct dentry *d = dentry_open(path);

	d = dentry_unref(d);
	d = dentry_open("/");
	dentry_unref(d);
}

void right_by_another_unref(const char *path)
{
	dentry_unref_any(dentry_open(path));
	dentry_unref_with(dentry_open(path), NULL, NULL);
}

/* finds: double-free */
void wrong_unref_any_twice(const char *path)
{
	struct dentry *d = dentry_open(path);

	dentry_unref_any(d);
	dentry_unref_any(d);
}
