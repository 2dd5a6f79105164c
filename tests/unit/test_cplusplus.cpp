/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template in C++. Built once as C++17 and once as C++20, where a type may have options in the macro.
 */
#include <lastref/lastref.h>

#include <criterion/criterion.h>
#include <cstdio>
#include <cstring>

struct box {
	struct lastref_count refs;
	int content = 7;
};

static int boxes_deleted;

static void box_delete(struct box *box)
{
	boxes_deleted++;
	delete box;
}

LASTREF_DEFINE(box, struct box, refs, box_delete);

static box *box_new()
{
	auto *made = new box;

	box_ref_init(made);
	return made;
}

struct member {
	struct lastref_count refs;
};

LASTREF_DEFINE(member, struct member, refs, NULL);

struct other_member {
	struct lastref_count refs;
};

LASTREF_DEFINE(other_member, struct other_member, refs, nullptr);

struct described {
	struct lastref_count refs;
};

static int described_describe(const void *, char *buf, size_t size)
{
	return std::snprintf(buf, size, "told");
}

/* In C++17 the members of a descriptor are set one by one. */
static const lastref_type described_options = [] {
	lastref_type type{};

	type.describe = described_describe;
	return type;
}();

LASTREF_DEFINE_TYPE(described, struct described, refs, NULL, &described_options);

class shape
{
      public:
	virtual ~shape()
	{
		destroyed++;
	}
	static int destroyed;
	struct lastref_count refs;
};

int shape::destroyed;

class circle : public shape
{
    public:
	int radius = 1;
};

static void shape_destroy(shape *s)
{
	delete s;
}

LASTREF_DEFINE(shape, shape, refs, shape_destroy);

struct hot_box {
	struct lastref_hot_count refs;
};

LASTREF_DEFINE(hot_box, struct hot_box, refs, nullptr);

/* An entry of a cache, whose option is set one by one for C++17. */
struct entry {
	struct lastref_cache_count refs;
};

static int entries_deleted;
static int entries_rested;

static void entry_delete(struct entry *entry)
{
	entries_deleted++;
	delete entry;
}

static void entry_rests(void *)
{
	entries_rested++;
}

static const lastref_type entry_options = [] {
	lastref_type type{};

	type.at_rest = entry_rests;
	return type;
}();

LASTREF_DEFINE_TYPE(entry, struct entry, refs, entry_delete, &entry_options);

static const lastref_type route_type = LASTREF_TYPE("net.route", struct box);

#if __cplusplus >= 202002L
struct modern {
	struct lastref_count refs;
};

LASTREF_DEFINE(modern, struct modern, refs, NULL, .describe = described_describe);

struct modern_entry {
	struct lastref_cache_count refs;
};

LASTREF_DEFINE(modern_entry, struct modern_entry, refs, NULL, .at_rest = entry_rests);

static const lastref_type modern_type =
	LASTREF_TYPE("modern.route", struct box, .describe = described_describe);
#endif

Test(cplusplus, only_the_last_unref_deletes)
{
	box *made = box_new();

	cr_assert_eq(box_ref(made), made);
	cr_assert_eq(box_tryref(made), made);
	cr_assert_null(box_unref(made));
	cr_assert(box_unref_unless_last(made));
	cr_assert_eq(boxes_deleted, 0);
	cr_assert_eq(made->content, 7);
	cr_assert_null(box_unref(made));
	cr_assert_eq(boxes_deleted, 1);
}

Test(cplusplus, slots_and_auto_work)
{
	box *slot = nullptr;

	{
		LASTREF_AUTO(box) box *made = box_new();

		box_ref_set(&slot, made);
		cr_assert_eq(box_ref_count(made), 2);
	}
	cr_assert_eq(box_ref_count(slot), 1);
	box_ref_clear(&slot);
	cr_assert_null(slot);
	cr_assert_eq(boxes_deleted, 1);
}

static void note_destroyed(box *destroyed, void *context)
{
	*static_cast<box **>(context) = destroyed;
}

Test(cplusplus, unref_with_calls_a_plain_function)
{
	box *made = box_new();
	box *destroyed = nullptr;

	box_unref_with(made, note_destroyed, &destroyed);
	cr_assert_eq(destroyed, made);
	cr_assert_eq(boxes_deleted, 0);
	delete made;
}

Test(cplusplus, a_hot_object_dies_with_its_last_reference)
{
	static hot_box immortal = { LASTREF_HOT_COUNT_IMMORTAL };
	hot_box hot;

	hot_box_ref_init(&hot);
	cr_assert_eq(hot_box_tryref(&hot), &hot);
	cr_assert_eq(hot_box_ref_count(&hot), 2);
	hot_box_unref(&hot);
	cr_assert_not(hot_box_ref_evict(&hot));
	hot_box_unref(&hot);
	cr_assert_null(hot_box_tryref(&hot));
	hot_box_unref(&immortal);
	cr_assert_eq(hot_box_ref_count(&immortal), INT64_MAX);
	cr_assert_eq(hot_box_ref_type()->count_kind, LASTREF_KIND_HOT_);
}

Test(cplusplus, an_entry_of_a_cache_rests_revives_and_is_evicted)
{
	entry *made = new entry;

	entry_ref_init(made);
	entry_unref(made);
	cr_assert_eq(entries_rested, 1);
	cr_assert_eq(entry_tryref(made), made);
	cr_assert_not(entry_ref_evict(made));
	entry_unref(made);
	cr_assert_eq(entries_rested, 2);
	cr_assert_eq(entries_deleted, 0);
	cr_assert_not(entry_ref_is_evicted(made));
	cr_assert(entry_ref_evict(made));
	cr_assert_eq(entries_deleted, 1);
	cr_assert_eq(entry_ref_type()->count_kind, LASTREF_KIND_CACHE_);
}

Test(cplusplus, a_destructor_may_be_null_or_nullptr)
{
	member one;
	other_member other;

	member_ref_init(&one);
	cr_assert_null(member_unref(&one));
	cr_assert_null(member_tryref(&one));
	other_member_ref_init(&other);
	cr_assert_null(other_member_unref(&other));
	cr_assert_null(other_member_tryref(&other));
}

Test(cplusplus, the_descriptor_tells_the_type)
{
	cr_assert_str_eq(box_ref_type()->name, "box");
	cr_assert_eq(box_ref_type()->size, sizeof(box));
	cr_assert_str_eq(route_type.name, "net.route");
	cr_assert_str_eq(route_type.c_type, "struct box");
	cr_assert_eq(route_type.size, sizeof(box));
}

Test(cplusplus, options_come_from_a_descriptor)
{
	cr_assert_str_eq(described_ref_type()->name, "described");
	cr_assert_eq(described_ref_type()->options, &described_options);
}

Test(cplusplus, a_class_with_a_virtual_destructor_is_registered_and_destroyed)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	shape *made = new circle;

	shape_ref_init(made);
	cr_assert_eq(reinterpret_cast<char *>(made) + shape_ref_type()->count_offset - 1,
		     reinterpret_cast<char *>(&made->refs));
	cr_assert_eq(lastref_live_objects(), 1);
	shape_unref(made);
	cr_assert_eq(shape::destroyed, 1);
	cr_assert_eq(lastref_live_objects(), 0);
}

Test(cplusplus, the_generic_functions_work)
{
	box *made = box_new();

	cr_assert_eq(lastref_ref(box_ref_type(), made), made);
	cr_assert_eq(lastref_ref_count(box_ref_type(), made), 2);
	lastref_unref(box_ref_type(), made);
	lastref_unref(box_ref_type(), made);
	cr_assert_eq(boxes_deleted, 1);
}

Test(cplusplus, objects_are_registered_and_leave)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	box *made = box_new();

	cr_assert_eq(lastref_live_objects(), 1);
	box_unref(made);
	cr_assert_eq(lastref_live_objects(), 0);
}

#if __cplusplus >= 202002L
Test(cplusplus, options_may_stand_in_the_macro)
{
	cr_assert_eq(modern_ref_type()->describe, described_describe);
	cr_assert_eq(modern_type.describe, described_describe);
	cr_assert_str_eq(modern_ref_type()->name, "modern");
}

Test(cplusplus, at_rest_may_stand_in_the_macro)
{
	modern_entry made;

	modern_entry_ref_restore(&made, 1);
	modern_entry_unref(&made);
	cr_assert_eq(entries_rested, 1);
}
#endif
