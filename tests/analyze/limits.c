/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gcc cannot know, and docs/guide/static-analysis.md says so: functions called alarm_... are right and warned of, those called
 * silent_... are wrong and nothing is said.
 */
#include "dentry.h"

void alarm_value_of_ref_is_not_used(const char *path);
int alarm_object_is_used_by_its_first_name(const char *path);
void silent_slot_is_not_cleared(const char *path);
void silent_extra_unref_of_a_parameter(struct dentry *d);

void alarm_value_of_ref_is_not_used(const char *path)
{
	struct dentry *d = dentry_open(path);

	if (!d)
		return;
	dentry_ref(d);
	dentry_unref(d);
	dentry_unref(d);
}

int alarm_object_is_used_by_its_first_name(const char *path)
{
	struct dentry *d = dentry_open(path);
	struct dentry *again;
	int number;

	if (!d)
		return -1;
	again = dentry_ref(d);
	dentry_unref(d);
	number = d->number;
	dentry_unref(again);
	return number;
}

void silent_slot_is_not_cleared(const char *path)
{
	struct dentry *slot = NULL;

	dentry_ref_adopt(&slot, dentry_open(path));
}

void silent_extra_unref_of_a_parameter(struct dentry *d)
{
	dentry_unref(d);
}
