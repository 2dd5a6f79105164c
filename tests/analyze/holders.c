/* SPDX-License-Identifier: Apache-2.0 */
/* References that change hands: stored, passed on, in slots. See dentry.h. */
#include "dentry.h"

struct table {
	struct dentry *first;
	struct dentry *last;
};

void right_stored_in_a_struct(struct table *table, const char *path);
void right_second_stored(struct table *table, struct dentry *d);
void wrong_second_not_stored(struct table *table, struct dentry *d);
void right_passed_to_an_owner(const char *path);
void right_second_passed_to_an_owner(struct dentry *d);
void wrong_not_passed_on_error(const char *path);
int right_auto(const char *path);
int right_auto_on_error(const char *path);
int wrong_beside_auto(const char *path);
void right_set_and_clear(struct table *table, struct dentry *d);
void right_adopt(struct table *table, const char *path);
void right_move(struct table *table);
void right_steal(struct table *table);
void wrong_steal(struct table *table);
struct dentry *right_returned(const char *path);
struct dentry *right_steal_returned(struct table *table);

void right_stored_in_a_struct(struct table *table, const char *path)
{
	table->first = dentry_open(path);
}

void right_second_stored(struct table *table, struct dentry *d)
{
	table->first = dentry_ref(d);
	table->last = d;
}

/* finds: malloc-leak */
void wrong_second_not_stored(struct table *table, struct dentry *d)
{
	struct dentry *again = dentry_ref(d);

	if (again->number > 7)
		return;
	table->first = again;
}

void right_passed_to_an_owner(const char *path)
{
	struct dentry *d = dentry_open(path);

	if (d)
		table_add(d);
}

void right_second_passed_to_an_owner(struct dentry *d)
{
	table_add(dentry_ref(d));
}

/* finds: malloc-leak */
void wrong_not_passed_on_error(const char *path)
{
	struct dentry *d = dentry_open(path);

	if (d && dentry_check(d) == 0)
		table_add(d);
}

int right_auto(const char *path)
{
	LASTREF_AUTO(dentry) struct dentry *d = dentry_open(path);

	return d ? dentry_check(d) : -1;
}

int right_auto_on_error(const char *path)
{
	LASTREF_AUTO(dentry) struct dentry *d = dentry_open(path);
	LASTREF_AUTO(dentry) struct dentry *again = NULL;

	if (!d)
		return -1;
	again = dentry_ref(d);
	return dentry_check(again);
}

/* finds: malloc-leak */
int wrong_beside_auto(const char *path)
{
	LASTREF_AUTO(dentry) struct dentry *d = dentry_open(path);
	struct dentry *again;

	if (!d)
		return -1;
	again = dentry_ref(d);
	return again->number;
}

void right_set_and_clear(struct table *table, struct dentry *d)
{
	dentry_ref_set(&table->first, d);
	dentry_ref_clear(&table->last);
}

void right_adopt(struct table *table, const char *path)
{
	dentry_ref_adopt(&table->first, dentry_open(path));
}

void right_move(struct table *table)
{
	struct dentry *taken = NULL;

	dentry_ref_move(&taken, &table->first);
	dentry_ref_clear(&taken);
}

void right_steal(struct table *table)
{
	dentry_unref(dentry_ref_steal(&table->first));
}

/* finds: malloc-leak */
void wrong_steal(struct table *table)
{
	struct dentry *d = dentry_ref_steal(&table->first);

	if (d)
		d->number = 0;
}

struct dentry *right_returned(const char *path)
{
	struct dentry *d = dentry_open(path);

	if (d && dentry_check(d) < 0)
		d = dentry_unref(d);
	return d;
}

struct dentry *right_steal_returned(struct table *table)
{
	return dentry_ref_steal(&table->first);
}
