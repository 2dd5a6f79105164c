/* SPDX-License-Identifier: Apache-2.0 */
/* What the object-code test disassembles: the template's hot operations, each as a function of its own. Compiled, not run. */
#include <lastref/lastref.h>

#include <stdlib.h>

struct box {
	struct lastref_count refs;
};

static void box_destroy(struct box *box)
{
	free(box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

struct plaza {
	struct lastref_hot_count refs;
};

static void plaza_destroy(struct plaza *plaza)
{
	free(plaza);
}

LASTREF_DEFINE(plaza, struct plaza, refs, plaza_destroy);

struct entry {
	struct lastref_cache_count refs;
};

static void entry_destroy(struct entry *entry)
{
	free(entry);
}

LASTREF_DEFINE(entry, struct entry, refs, entry_destroy);

struct box *hot_ref(struct box *box);
struct box *hot_tryref(struct box *box);
void hot_unref(struct box *box);
void hot_set(struct box **slot, struct box *box);
void hot_clear(struct box **slot);
struct plaza *plaza_ref_(struct plaza *plaza);
struct plaza *plaza_tryref_(struct plaza *plaza);
void plaza_unref_(struct plaza *plaza);
struct entry *entry_ref_(struct entry *entry);
struct entry *entry_tryref_(struct entry *entry);
void entry_unref_(struct entry *entry);

struct box *hot_ref(struct box *box)
{
	return box_ref(box);
}

struct box *hot_tryref(struct box *box)
{
	return box_tryref(box);
}

void hot_unref(struct box *box)
{
	box_unref(box);
}

void hot_set(struct box **slot, struct box *box)
{
	box_ref_set(slot, box);
}

void hot_clear(struct box **slot)
{
	box_ref_clear(slot);
}

struct plaza *plaza_ref_(struct plaza *plaza)
{
	return plaza_ref(plaza);
}

struct plaza *plaza_tryref_(struct plaza *plaza)
{
	return plaza_tryref(plaza);
}

void plaza_unref_(struct plaza *plaza)
{
	plaza_unref(plaza);
}

struct entry *entry_ref_(struct entry *entry)
{
	return entry_ref(entry);
}

struct entry *entry_tryref_(struct entry *entry)
{
	return entry_tryref(entry);
}

void entry_unref_(struct entry *entry)
{
	entry_unref(entry);
}
