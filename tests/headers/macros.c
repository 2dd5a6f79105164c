/* SPDX-License-Identifier: Apache-2.0 */
/* Every macro of the public headers without options: valid C from C11 on and valid C++ from C++17 on. Compiled, not run. */
#include <lastref/lastref.h>

#include <stdlib.h>

/* Names that a program may have before our macros use them: nothing of ours hides them. */
static int count, object, type, kind, token, death;

struct box {
	int content;
	struct lastref_count refs;
};

static void box_destroy(struct box *box)
{
	free(box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

struct lid {
	struct lastref_count refs;
};

LASTREF_DEFINE(lid, struct lid, refs, NULL);

struct crate {
	struct lastref_count refs;
};

static void crate_destroy(struct crate *crate)
{
	free(crate);
}

static const struct lastref_type crate_options = LASTREF_TYPE("crate", struct crate);

LASTREF_DEFINE_TYPE(crate, struct crate, refs, crate_destroy, &crate_options);

struct parcel;
LASTREF_DECLARE(parcel, struct parcel);

struct parcel {
	struct lastref_count refs;
};

static void parcel_destroy(struct parcel *parcel)
{
	free(parcel);
}

LASTREF_DEFINE_EXTERN(parcel, struct parcel, refs, parcel_destroy);

struct plaza {
	struct lastref_hot_count refs;
};

LASTREF_DEFINE(plaza, struct plaza, refs, NULL);

struct entry {
	struct lastref_cache_count refs;
};

LASTREF_DEFINE(entry, struct entry, refs, NULL);

static struct lastref_hot_count hot_forever = LASTREF_HOT_COUNT_IMMORTAL;
static struct lastref_hot_count hot_one = LASTREF_HOT_COUNT_INIT;
static struct lastref_cache_count cache_forever = LASTREF_CACHE_COUNT_IMMORTAL;
static struct lastref_cache_count cache_one = LASTREF_CACHE_COUNT_INIT;
static struct lastref_count forever = LASTREF_COUNT_IMMORTAL;
static struct lastref_count one = LASTREF_COUNT_INIT;

static void release(struct box *box, void *context)
{
	(void)context;
	free(box);
}

static void use_slots(struct box *box)
{
	LASTREF_AUTO(box) struct box *slot = NULL;
	struct box *other = NULL;

	box_ref_set(&slot, box);
	box_ref_move(&other, &slot);
	box_ref_adopt(&slot, box_ref_steal(&other));
	box_ref_clear(&other);
}

static bool use_other_counts(void)
{
	struct plaza plaza;
	struct entry entry;

	plaza_ref_init(&plaza);
	if (!plaza_tryref(plaza_ref(&plaza)) || !plaza_unref_unless_last(&plaza))
		return false;
	plaza_unref_any(plaza_unref(&plaza) ? NULL : &plaza);
	entry_ref_restore(&entry, 0);
	if (entry_ref_is_evicted(&entry) || !entry_tryref(&entry))
		return false;
	entry_unref(&entry);
	lastref_hot_count_ref(&hot_forever);
	lastref_cache_count_ref(&cache_forever);
	return entry_ref_evict(&entry) && lastref_hot_count_unref(&hot_one) &&
	       lastref_cache_count_unref(&cache_one) && lastref_cache_count_evict(&cache_one);
}

int main(void)
{
	struct box *box = (struct box *)calloc(1, sizeof(*box));
	struct lid lid;
	int content;
	struct crate *crate = (struct crate *)calloc(1, sizeof(*crate));
	struct parcel *parcel = (struct parcel *)calloc(1, sizeof(*parcel));

	if (!box || !crate || !parcel || !use_other_counts())
		return 1;
	box_ref_init(box);
	use_slots(box);
	if (box_tryref(box) && !box_unref_unless_last(box))
		return 1;
	lastref_unref(box_ref_type(), lastref_ref(box_ref_type(), box));
	box_unref_with(box_ref(box), release, NULL);
	box_unref_any(box);
	lid_ref_restore(&lid, 1);
	lid_unref(&lid);
	crate_ref_init(crate);
	crate_unref(crate);
	parcel_ref_init(parcel);
	parcel_unref(parcel);
	content = count + object + type + kind + token + death;
	lastref_count_ref(&forever);
	return content + (lastref_count_unref(&one) && lastref_count_is_unique(&one));
}
