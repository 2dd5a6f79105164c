/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts shared by many threads, with real memory that is given back: exactly one takes the last reference, it sees what all others wrote,
 * and nobody touches the object after that. Built for each count: the standard one, -DHOT, -DCACHE.
 *
 * What the holders write are plain fields, so that ThreadSanitizer sees whether the count alone orders them. Therefore the three ways to
 * come by an object lend it as little order as they can: none, a lock under which it is looked up, and sections that who
 * frees it waits for. orderings.sh shows that without any of the orderings of the headers this program fails.
 *
 * The first argument is how many rounds there are (2,000).
 */
#include <lastref/count.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 8
#define STEPS 50

#if defined(HOT)
#define COUNT(verb) lastref_hot_count##verb
#define ONE INT64_MIN
#define REVIVED_FROM INT64_MAX
#elif defined(CACHE)
#define COUNT(verb) lastref_cache_count##verb
#define ONE 2
#define REVIVED_FROM 1
#else
#define COUNT(verb) lastref_count##verb
#define ONE 1
#define REVIVED_FROM INT64_MIN /* nothing is revived */
#endif

/* Each thread writes its own field while it holds a reference; who ends the object reads all of them, without a lock. */
struct object {
	struct COUNT() refs;
	int written[THREADS];
	int revivals; /* written by who revived it, of whom there is one at a time */
	int turns;    /* written by who found one reference, held by who never writes */
	int uses;     /* atomic */
};

static pthread_barrier_t barrier;
static int rounds = 2000;
static long born, ended;
static int failures;

static void fail(const char *what)
{
	fprintf(stderr, "counts: %s\n", what);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

static struct object *new_object(void)
{
	struct object *object = calloc(1, sizeof(*object));

	if (object == NULL)
		abort();
	COUNT(_init)(&object->refs);
	__atomic_add_fetch(&born, 1, __ATOMIC_RELAXED);
	return object;
}

static void use(struct object *object, int me)
{
	object->written[me]++;
	__atomic_add_fetch(&object->uses, 1, __ATOMIC_RELAXED);
}

/* By whom nobody else is a holder beside. */
static void check_uses(const struct object *object)
{
	int seen = 0;

	for (int i = 0; i < THREADS; i++)
		seen += object->written[i];
	if (seen != __atomic_load_n(&object->uses, __ATOMIC_RELAXED) || object->revivals < 0)
		fail("what another thread wrote before its unref is not seen");
}

static void destroy(struct object *object)
{
	check_uses(object);
	__atomic_add_fetch(&ended, 1, __ATOMIC_RELAXED);
	free(object);
}

static bool try_object(struct object *object)
{
	int64_t token;

	if (!COUNT(_tryref_as_)(&object->refs, &token, NULL, NULL))
		return false;
	if (token == REVIVED_FROM)
		object->revivals++;
	return true;
}

/* Ends what nobody holds: at once, but for an object at rest, which is evicted. */
static bool evict(struct object *object)
{
#ifdef CACHE
	return lastref_cache_count_evict(&object->refs);
#else
	(void)object;
	return true;
#endif
}

/*
 * Rounds: all threads begin with a reference of one object, and nothing but its count comes between them.
 */

static struct object *shared;

static void take_and_give_back(struct object *object)
{
	for (int i = 0; i < STEPS; i++) {
		COUNT(_ref)(&object->refs);
		if (!COUNT(_tryref)(&object->refs))
			fail("tryref failed although the thread holds a reference");
		if (!COUNT(_unref_unless_last)(&object->refs))
			fail("two references of this thread, and one of them is called the last");
		if (COUNT(_unref)(&object->refs))
			fail("unref took the last reference although the thread holds another");
	}
}

static bool give_up(struct object *object, int me)
{
	if (COUNT(_is_unique)(&object->refs))
		check_uses(object);
	if (me % 2 && COUNT(_unref_unless_last)(&object->refs))
		return false;
	return COUNT(_unref)(&object->refs);
}

static void in_rounds(int me)
{
	for (int round = 0; round < rounds; round++) {
		struct object *object;
		bool last;

		pthread_barrier_wait(&barrier);
		object = shared;
		take_and_give_back(object);
		use(object, me);
		last = give_up(object, me);
#ifdef CACHE
		/* Another thread than the one that brought it to rest. */
		(void)last;
		while (me == 0 && !evict(object))
			sched_yield();
		last = me == 0;
#endif
		if (last)
			destroy(object);
		pthread_barrier_wait(&barrier);
	}
}

static void lead_rounds(void)
{
	for (int round = 0; round < rounds; round++) {
		long before = ended;

		shared = new_object();
		for (int i = 1; i < THREADS; i++)
			COUNT(_ref)(&shared->refs);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		if (ended - before != 1)
			fail("not exactly one thread ended the object");
	}
}

/*
 * A lock: an object is looked up under it, and leaves under it.
 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct object *table; /* guarded by lock; no reference */

static struct object *look_up(void)
{
	struct object *object;

	pthread_mutex_lock(&lock);
	object = table;
	if (object == NULL || !try_object(object))
		table = object = new_object();
	pthread_mutex_unlock(&lock);
	return object;
}

static void leave(struct object *object)
{
	if (table == object)
		table = NULL;
}

#ifdef CACHE
static void put_back(struct object *object, bool keep)
{
	bool is_over;

	if (lastref_cache_count_unref_unless_last(&object->refs))
		return;
	pthread_mutex_lock(&lock);
	is_over = lastref_cache_count_unref(&object->refs);
	if (is_over)
		check_uses(object);
	is_over = is_over && !keep && evict(object);
	if (is_over)
		leave(object);
	pthread_mutex_unlock(&lock);
	if (is_over)
		destroy(object);
}
#else
static void put_back(struct object *object, bool keep)
{
	(void)keep;
	if (!COUNT(_unref)(&object->refs))
		return;
	pthread_mutex_lock(&lock);
	leave(object);
	pthread_mutex_unlock(&lock);
	destroy(object);
}
#endif

static void under_lock(int me)
{
	for (int i = 0; i < 5 * rounds; i++) {
		struct object *object = look_up();

		use(object, me);
		put_back(object, i % 3 == 0);
	}
}

/*
 * Sections: an object is looked up in one, and who ends it waits until nobody is in one that began before it left.
 */

static struct object *published; /* atomic; no reference */
static int sections[THREADS];	 /* atomic; odd: the thread is in one */

static void enter(int me)
{
	__atomic_add_fetch(&sections[me], 1, __ATOMIC_SEQ_CST);
}

static void leave_section(int me)
{
	__atomic_add_fetch(&sections[me], 1, __ATOMIC_SEQ_CST);
}

/* It has left already: whoever enters a section from now on does not find it. */
static void wait_for_sections(void)
{
	for (int i = 0; i < THREADS; i++) {
		int seen = __atomic_load_n(&sections[i], __ATOMIC_SEQ_CST);

		while (seen % 2 && __atomic_load_n(&sections[i], __ATOMIC_SEQ_CST) == seen)
			sched_yield();
	}
}

static struct object *look_up_published(int me)
{
	struct object *object;

	enter(me);
	object = __atomic_load_n(&published, __ATOMIC_SEQ_CST);
	if (object != NULL && !try_object(object))
		object = NULL;
	leave_section(me);
	return object;
}

/* What is published, or else a new one, which is published unless another thread was faster. */
static struct object *obtain(int me)
{
	struct object *object = look_up_published(me);
	struct object *nothing = NULL;

	if (object != NULL)
		return object;
	object = new_object();
	__atomic_compare_exchange_n(&published, &nothing, object, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	return object;
}

/* Return: true if the object is over. What came to rest may be evicted and freed by another thread, unless this is a section. */
static bool let_go(struct object *object, int me)
{
	bool is_over;

#ifdef CACHE
	enter(me);
	is_over = lastref_cache_count_unref(&object->refs) && evict(object);
	leave_section(me);
#else
	(void)me;
	is_over = COUNT(_unref)(&object->refs);
#endif
	return is_over;
}

static void retire(struct object *object)
{
	struct object *expected = object;

	__atomic_compare_exchange_n(&published, &expected, NULL, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	wait_for_sections();
	destroy(object);
}

static void in_sections(int me)
{
	for (int i = 0; i < 10 * rounds; i++) {
		struct object *object = obtain(me);

		use(object, me);
		if (i % 8 == 0)
			sched_yield();
		if (let_go(object, me))
			retire(object);
	}
}

#ifndef CACHE
/*
 * Pairs: two threads, of which one gives up the only reference while the other one looks the object up. Who ends it waits for that look,
 * but not for the other one's unref to be over: of that it learns by the count alone. So they must meet within the unref.
 */

static struct object *pair_object;
static int pair_round; /* atomic, as the next two */
static int pair_looks;
static int pair_ends;

static void wait_until(const int *counter, int value)
{
	for (int i = 1; __atomic_load_n(counter, __ATOMIC_ACQUIRE) != value; i++) {
		if (i % 1000 == 0)
			sched_yield();
	}
}

static void end_pair_object(struct object *object, int round)
{
	if (!COUNT(_unref)(&object->refs))
		return;
	wait_until(&pair_looks, round);
	destroy(object);
	__atomic_store_n(&pair_ends, round, __ATOMIC_RELEASE);
}

static void pause_for(int turns)
{
	for (volatile int i = 0; i < turns; i++)
		continue;
}

static void give_up_in_pair(int round)
{
	struct object *object = new_object();

	use(object, 0);
	pair_object = object;
	__atomic_store_n(&pair_round, round, __ATOMIC_RELEASE);
	pause_for(round / 16 % 128);
	end_pair_object(object, round);
	wait_until(&pair_ends, round);
}

static void look_up_in_pair(int round)
{
	struct object *object;
	bool found;

	wait_until(&pair_round, round);
	object = pair_object;
	pause_for(round % 16);
	found = try_object(object);
	if (found)
		use(object, 1);
	__atomic_store_n(&pair_looks, round, __ATOMIC_RELEASE);
	if (found)
		end_pair_object(object, round);
}

static void in_pairs(int me)
{
	for (int round = 1; round <= 50 * rounds && me < 2; round++) {
		if (me == 0)
			give_up_in_pair(round);
		else
			look_up_in_pair(round);
	}
}
#endif

/*
 * Turns: one reference stays, and whoever takes the second one has the object to itself but for those who come later.
 */

static struct object *kept;

static void in_turns(int me)
{
	(void)me;
	for (int i = 0; i < 20 * rounds; i++) {
		int64_t token;

		if (!COUNT(_tryref_as_)(&kept->refs, &token, NULL, NULL))
			fail("tryref failed although the object is held");
		else if (token == ONE)
			kept->turns++;
		if (COUNT(_unref)(&kept->refs))
			fail("unref took a reference that is another's");
	}
}

/*
 * All of it.
 */

struct worker {
	pthread_t thread;
	int number;
	void (*work)(int me);
};

static void *start_work(void *worker_)
{
	const struct worker *worker = worker_;

	worker->work(worker->number);
	return NULL;
}

/* @work by all threads, and @lead by this one. */
static void run(void (*work)(int me), void (*lead)(void))
{
	struct worker workers[THREADS];

	for (int i = 0; i < THREADS; i++) {
		workers[i].number = i;
		workers[i].work = work;
		if (pthread_create(&workers[i].thread, NULL, start_work, &workers[i]) != 0)
			abort();
	}
	if (lead != NULL)
		lead();
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atoi(argv[1]);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	run(in_rounds, lead_rounds);
	run(under_lock, NULL);
	if (table != NULL && evict(table))
		destroy(table);
	run(in_sections, NULL);
#ifndef CACHE
	run(in_pairs, NULL);
#endif
	kept = new_object();
	run(in_turns, NULL);
	if (!COUNT(_unref)(&kept->refs) || !evict(kept))
		fail("the reference that was kept is not the last");
	destroy(kept);
	if (born != ended)
		fail("not every object was ended");
	return failures;
}
