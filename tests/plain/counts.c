/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of every count, and of the template on top of it: a plain main() that links statically, for machines and
 * compiler flags on which Criterion does not run. TAP on standard output.
 *
 * The rules in full are in tests/unit. Here each operation is done once by one thread, then by many: enough to see that what the
 * compiler makes of the atomics is right on this machine. It says nothing of orderings: qemu on x86 has those of x86.
 */
#include <lastref/lastref.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 200
#define STEPS 50

/* A kind of count, and of object that has one. */
struct kind {
	const char *name;
	void (*init)(void *count);
	void (*make_immortal)(void *count);
	void (*ref)(void *count);
	bool (*tryref)(void *count);
	bool (*unref)(void *count);
	bool (*unref_unless_last)(void *count);
	int64_t (*read)(const void *count);
	bool (*is_unique)(const void *count);
	bool (*evict)(void *count); /* NULL if the last unref is the end */

	void *(*box_new)(void);
	void *(*box_ref)(void *box);
	void *(*box_tryref)(void *box);
	void *(*box_unref)(void *box);
	bool (*box_evict)(void *box);
};

/* What a count is in: larger than any. */
union any_count {
	struct lastref_count standard;
	struct lastref_hot_count hot;
	struct lastref_cache_count cache;
};

static int boxes_destroyed;

/* @prefix: the name of the kind; @count: the name of its struct and the begin of that of its functions. */
#define DEFINE_KIND(prefix, count, immortal, evict_)                                               \
	static void prefix##_init(void *c)                                                         \
	{                                                                                          \
		count##_init(c);                                                                   \
	}                                                                                          \
	static void prefix##_make_immortal(void *c)                                                \
	{                                                                                          \
		static const struct count initial = immortal;                                      \
		memcpy(c, &initial, sizeof(initial));                                              \
	}                                                                                          \
	static void prefix##_ref(void *c)                                                          \
	{                                                                                          \
		count##_ref(c);                                                                    \
	}                                                                                          \
	static bool prefix##_tryref(void *c)                                                       \
	{                                                                                          \
		return count##_tryref(c);                                                          \
	}                                                                                          \
	static bool prefix##_unref(void *c)                                                        \
	{                                                                                          \
		return count##_unref(c);                                                           \
	}                                                                                          \
	static bool prefix##_unref_unless_last(void *c)                                            \
	{                                                                                          \
		return count##_unref_unless_last(c);                                               \
	}                                                                                          \
	static int64_t prefix##_read(const void *c)                                                \
	{                                                                                          \
		return count##_read(c);                                                            \
	}                                                                                          \
	static bool prefix##_is_unique(const void *c)                                              \
	{                                                                                          \
		return count##_is_unique(c);                                                       \
	}                                                                                          \
	struct prefix##_box {                                                                      \
		struct count refs;                                                                 \
	};                                                                                         \
	static void prefix##_box_destroy(struct prefix##_box *box)                                 \
	{                                                                                          \
		__atomic_add_fetch(&boxes_destroyed, 1, __ATOMIC_RELAXED);                         \
		free(box);                                                                         \
	}                                                                                          \
	LASTREF_DEFINE(prefix##_box, struct prefix##_box, refs, prefix##_box_destroy);             \
	static void *prefix##_new(void)                                                            \
	{                                                                                          \
		struct prefix##_box *box = calloc(1, sizeof(*box));                                \
		if (!box)                                                                          \
			abort();                                                                   \
		prefix##_box_ref_init(box);                                                        \
		return box;                                                                        \
	}                                                                                          \
	static void *prefix##_any_ref(void *box)                                                   \
	{                                                                                          \
		return prefix##_box_ref(box);                                                      \
	}                                                                                          \
	static void *prefix##_any_tryref(void *box)                                                \
	{                                                                                          \
		return prefix##_box_tryref(box);                                                   \
	}                                                                                          \
	static void *prefix##_any_unref(void *box)                                                 \
	{                                                                                          \
		return prefix##_box_unref(box);                                                    \
	}                                                                                          \
	static bool prefix##_any_evict(void *box)                                                  \
	{                                                                                          \
		return prefix##_box_ref_evict(box);                                                \
	}                                                                                          \
	static const struct kind prefix##_kind = {                                                 \
		.name = #prefix,                                                                   \
		.init = prefix##_init,                                                             \
		.make_immortal = prefix##_make_immortal,                                           \
		.ref = prefix##_ref,                                                               \
		.tryref = prefix##_tryref,                                                         \
		.unref = prefix##_unref,                                                           \
		.unref_unless_last = prefix##_unref_unless_last,                                   \
		.read = prefix##_read,                                                             \
		.is_unique = prefix##_is_unique,                                                   \
		.evict = evict_,                                                                   \
		.box_new = prefix##_new,                                                           \
		.box_ref = prefix##_any_ref,                                                       \
		.box_tryref = prefix##_any_tryref,                                                 \
		.box_unref = prefix##_any_unref,                                                   \
		.box_evict = prefix##_any_evict,                                                   \
	}

static bool cache_evict(void *count)
{
	return lastref_cache_count_evict(count);
}

DEFINE_KIND(standard, lastref_count, LASTREF_COUNT_IMMORTAL, NULL);
DEFINE_KIND(hot, lastref_hot_count, LASTREF_HOT_COUNT_IMMORTAL, NULL);
DEFINE_KIND(cache, lastref_cache_count, LASTREF_CACHE_COUNT_IMMORTAL, cache_evict);

/* Did the test that runs fail? Set by any thread. */
static bool failed;

__attribute__((format(printf, 2, 3))) static void expect(bool is_so, const char *format, ...)
{
	va_list arguments;

	if (is_so || __atomic_exchange_n(&failed, true, __ATOMIC_RELAXED))
		return;
	va_start(arguments, format);
	printf("# not so: ");
	/* The analyzer does not see that the list is begun two lines above. */
	vprintf(format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	printf("\n");
	va_end(arguments);
}

#define EXPECT(condition) expect(condition, "line %d: %s", __LINE__, #condition)

static int misuses;
static enum lastref_misuse_kind last_misuse;

static void note_misuse(const struct lastref_misuse *misuse, void *context)
{
	(void)context;
	misuses++;
	last_misuse = misuse->kind;
}

/* After an unref that said that it was the last: the count is dead. */
static void end(const struct kind *kind, void *count)
{
	EXPECT(!kind->evict || kind->evict(count));
}

/*
 * One thread.
 */

static void a_new_count_has_one_reference(const struct kind *kind)
{
	union any_count count;

	memset(&count, 0xa5, sizeof(count));
	kind->init(&count);
	EXPECT(kind->read(&count) == 1);
	EXPECT(kind->is_unique(&count));
}

static void only_the_last_unref_says_so(const struct kind *kind)
{
	union any_count count;

	kind->init(&count);
	kind->ref(&count);
	EXPECT(kind->tryref(&count));
	EXPECT(kind->read(&count) == 3);
	EXPECT(!kind->is_unique(&count));
	EXPECT(!kind->unref(&count));
	EXPECT(!kind->unref(&count));
	EXPECT(kind->unref(&count));
	EXPECT(kind->read(&count) == 0);
}

static void unref_unless_last_never_gives_up_the_last(const struct kind *kind)
{
	union any_count count;

	kind->init(&count);
	kind->ref(&count);
	EXPECT(kind->unref_unless_last(&count));
	EXPECT(!kind->unref_unless_last(&count));
	EXPECT(kind->read(&count) == 1);
}

static void no_tryref_brings_the_dead_back(const struct kind *kind)
{
	union any_count count;

	kind->init(&count);
	EXPECT(kind->unref(&count));
	end(kind, &count);
	for (int i = 0; i < STEPS; i++)
		EXPECT(!kind->tryref(&count));
	EXPECT(kind->read(&count) == 0);
	EXPECT(misuses == 0);
}

static void an_object_at_rest_can_be_revived(const struct kind *kind)
{
	union any_count count;

	if (!kind->evict)
		return;
	kind->init(&count);
	EXPECT(!kind->evict(&count));
	EXPECT(kind->unref(&count));
	EXPECT(kind->tryref(&count));
	EXPECT(!kind->evict(&count));
	EXPECT(kind->unref(&count));
	EXPECT(kind->evict(&count));
	EXPECT(!kind->evict(&count));
}

static void the_immortal_take_everything_and_never_die(const struct kind *kind)
{
	union any_count count;

	kind->make_immortal(&count);
	for (int i = 0; i < STEPS; i++) {
		EXPECT(!kind->unref(&count));
		EXPECT(kind->tryref(&count));
		EXPECT(kind->unref_unless_last(&count));
	}
	kind->ref(&count);
	EXPECT(kind->read(&count) == INT64_MAX);
	EXPECT(misuses == 0);
}

static void expect_misuse(const struct kind *kind, void *count, void (*operation)(void *),
			  enum lastref_misuse_kind expected)
{
	misuses = 0;
	operation(count);
	EXPECT(misuses == 1);
	EXPECT(last_misuse == expected);
	EXPECT(!kind->tryref(count));
	EXPECT(kind->read(count) == 0);
}

static bool (*unref_of_kind)(void *);

static void unref_and_forget(void *count)
{
	EXPECT(!unref_of_kind(count));
}

static void make_dead(const struct kind *kind, void *count)
{
	kind->init(count);
	EXPECT(kind->unref(count));
	end(kind, count);
}

static void each_misuse_is_found_and_leaves_the_count_dead(const struct kind *kind)
{
	union any_count count;

	unref_of_kind = kind->unref;
	memset(&count, 0, sizeof(count));
	expect_misuse(kind, &count, kind->ref, LASTREF_MISUSE_REF_UNINITIALIZED);
	memset(&count, 0, sizeof(count));
	expect_misuse(kind, &count, unref_and_forget, LASTREF_MISUSE_UNREF_UNINITIALIZED);
	make_dead(kind, &count);
	expect_misuse(kind, &count, kind->ref, LASTREF_MISUSE_REF_DEAD);
	make_dead(kind, &count);
	expect_misuse(kind, &count, unref_and_forget, LASTREF_MISUSE_UNREF_DEAD);
}

/* The steps of two threads in the order that matters, by one: the reviver marks the gap and gives up before the unref there goes on. */
static void an_unref_in_the_gap_whose_reviver_has_gone_is_the_last(const struct kind *kind)
{
	struct lastref_hot_count count;
	int64_t in_gap;
	int64_t unused;

	if (kind != &hot_kind)
		return;
	lastref_hot_count_init(&count);
	EXPECT(lastref_hot_count_unref_begin_(&count, &in_gap));
	EXPECT(lastref_hot_count_tryref_as_(&count, &unused, NULL, &count));
	EXPECT(!lastref_hot_count_unref_begin_(&count, &unused));
	EXPECT(lastref_hot_count_unref_end_(&count, in_gap, NULL, &count));
	EXPECT(!lastref_hot_count_tryref(&count));
	EXPECT(misuses == 0);
}

/*
 * Many threads. Between the two barriers of a round they work; outside of them the count is the main thread's.
 */

static pthread_barrier_t barrier;

struct shared {
	const struct kind *kind;
	union any_count count;
	void *box;
	int written[THREADS]; /* each thread its own, without a lock */
	int last_unrefs;
};

struct worker {
	struct shared *shared;
	int number;
	void (*work)(struct worker *worker);
};

static void *run_worker(void *worker_)
{
	struct worker *worker = worker_;

	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		worker->work(worker);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void run_workers(struct shared *shared, void (*work)(struct worker *worker),
			void (*begin)(struct shared *shared), void (*finish)(struct shared *shared))
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .shared = shared, .number = i, .work = work };
		if (pthread_create(&threads[i], NULL, run_worker, &workers[i]) != 0)
			abort();
	}
	for (int round = 0; round < ROUNDS; round++) {
		begin(shared);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		finish(shared);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
}

/* One reference for each thread. */
static void begin_counts(struct shared *shared)
{
	memset(shared->written, 0, sizeof(shared->written));
	shared->last_unrefs = 0;
	shared->kind->init(&shared->count);
	for (int i = 1; i < THREADS; i++)
		shared->kind->ref(&shared->count);
}

static void expect_one_last_unref(struct shared *shared)
{
	EXPECT(shared->last_unrefs == 1);
	EXPECT(shared->kind->read(&shared->count) == 0);
	end(shared->kind, &shared->count);
}

static void use_and_give_up(struct worker *worker)
{
	struct shared *shared = worker->shared;
	const struct kind *kind = shared->kind;

	for (int i = 0; i < STEPS; i++) {
		kind->ref(&shared->count);
		EXPECT(kind->tryref(&shared->count));
		EXPECT(kind->unref_unless_last(&shared->count));
		EXPECT(!kind->unref(&shared->count));
	}
	shared->written[worker->number] = STEPS;
	if (!kind->unref(&shared->count))
		return;
	__atomic_add_fetch(&shared->last_unrefs, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		EXPECT(shared->written[i] == STEPS);
}

static void of_many_threads_one_makes_the_last_unref_and_sees_what_all_wrote(const struct kind *kind)
{
	struct shared shared = { .kind = kind };

	run_workers(&shared, use_and_give_up, begin_counts, expect_one_last_unref);
}

static void begin_with_one_reference(struct shared *shared)
{
	shared->last_unrefs = 0;
	shared->kind->init(&shared->count);
}

/* The first thread holds the reference, the others try to get one meanwhile. A cache count comes to rest more than once. */
static void try_while_the_last_goes(struct worker *worker)
{
	struct shared *shared = worker->shared;
	const struct kind *kind = shared->kind;
	int lasts = 0;

	if (worker->number == 0)
		lasts += kind->unref(&shared->count);
	for (int i = 0; worker->number > 0 && i < STEPS; i++) {
		if (kind->tryref(&shared->count))
			lasts += kind->unref(&shared->count);
	}
	__atomic_add_fetch(&shared->last_unrefs, lasts, __ATOMIC_RELAXED);
}

static void expect_dead_once(struct shared *shared)
{
	EXPECT(shared->last_unrefs >= 1);
	EXPECT(shared->kind->evict || shared->last_unrefs == 1);
	end(shared->kind, &shared->count);
	EXPECT(!shared->kind->tryref(&shared->count));
	EXPECT(shared->kind->read(&shared->count) == 0);
}

static void beside_tryrefs_an_object_dies_once_and_stays_dead(const struct kind *kind)
{
	struct shared shared = { .kind = kind };

	run_workers(&shared, try_while_the_last_goes, begin_with_one_reference, expect_dead_once);
	EXPECT(misuses == 0);
}

/*
 * The template, with checking on.
 */

static void begin_boxes(struct shared *shared)
{
	boxes_destroyed = 0;
	shared->box = shared->kind->box_new();
	for (int i = 1; i < THREADS; i++)
		shared->kind->box_ref(shared->box);
}

static void use_box(struct worker *worker)
{
	const struct kind *kind = worker->shared->kind;
	void *box = worker->shared->box;

	for (int i = 0; i < STEPS; i++) {
		EXPECT(kind->box_ref(box) == box);
		EXPECT(kind->box_tryref(box) == box);
		EXPECT(!kind->box_unref(box));
		kind->box_unref(box);
	}
	kind->box_unref(box);
}

static void expect_destroyed_once(struct shared *shared)
{
	if (shared->kind->evict) {
		EXPECT(boxes_destroyed == 0);
		EXPECT(shared->kind->box_evict(shared->box));
	}
	EXPECT(boxes_destroyed == 1);
}

static void an_object_that_threads_share_is_destroyed_once_and_is_no_leak(const struct kind *kind)
{
	struct shared shared = { .kind = kind };

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	run_workers(&shared, use_box, begin_boxes, expect_destroyed_once);
	EXPECT(lastref_live_objects() == 0);
	EXPECT(lastref_leak_check() == 0);
	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
}

static void an_object_that_is_not_given_back_is_a_leak(const struct kind *kind)
{
	void *box;

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	box = kind->box_new();
	EXPECT(lastref_live_objects() == 1);
	EXPECT(lastref_leak_check() == 1);
	kind->box_unref(box);
	if (kind->evict)
		EXPECT(kind->box_evict(box));
	EXPECT(lastref_live_objects() == 0);
	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

static const struct test {
	const char *name;
	void (*run)(const struct kind *kind);
} tests[] = {
	TEST(a_new_count_has_one_reference),
	TEST(only_the_last_unref_says_so),
	TEST(unref_unless_last_never_gives_up_the_last),
	TEST(no_tryref_brings_the_dead_back),
	TEST(an_object_at_rest_can_be_revived),
	TEST(the_immortal_take_everything_and_never_die),
	TEST(each_misuse_is_found_and_leaves_the_count_dead),
	TEST(an_unref_in_the_gap_whose_reviver_has_gone_is_the_last),
	TEST(of_many_threads_one_makes_the_last_unref_and_sees_what_all_wrote),
	TEST(beside_tryrefs_an_object_dies_once_and_stays_dead),
	TEST(an_object_that_threads_share_is_destroyed_once_and_is_no_leak),
	TEST(an_object_that_is_not_given_back_is_a_leak),
};

static bool run_test(const struct test *test, const struct kind *kind, size_t number)
{
	failed = false;
	misuses = 0;
	test->run(kind);
	printf("%s %zu - %s: %s\n", failed ? "not ok" : "ok", number, kind->name, test->name);
	fflush(stdout);
	return !failed;
}

int main(void)
{
	static const struct kind *const kinds[] = { &standard_kind, &hot_kind, &cache_kind };
	const size_t per_kind = sizeof(tests) / sizeof(tests[0]);
	const size_t kind_count = sizeof(kinds) / sizeof(kinds[0]);
	bool all_passed = true;

	lastref_set_misuse_handler(note_misuse, NULL);
	printf("1..%zu\n", kind_count * per_kind);
	for (size_t i = 0; i < kind_count * per_kind; i++)
		all_passed &= run_test(&tests[i % per_kind], kinds[i / per_kind], i + 1);
	return !all_passed;
}
