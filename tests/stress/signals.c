/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer's handler takes references to shared objects of each count and gives them back, 10,000 times a second, wherever the threads
 * are: in births, deaths, the event log, leak checks, dlopen() and fork(). Nothing deadlocks, every count is exact at the end, and
 * no check finds what is not there.
 *
 * usage: stress_signals [SECONDS [PLUGIN]]
 */
#include <lastref/lastref.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHARED 6
#define PATH_LENGTH 12

static FILE *complaints;
static int failures;
static int stop;
static long ticks;
static long kept[SHARED]; /* references that the handler keeps until the end */
static int destroyed;
static const char *plugin;

static void fail(const char *what)
{
	fprintf(complaints, "signals: %s\n", what);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

/* A type, an object that is shared by all, and what its handler and its threads do. */
#define DEFINE(name, count_type, number)                                                           \
	struct name {                                                                              \
		struct count_type refs;                                                            \
		char is_static;                                                                    \
	};                                                                                         \
	static void name##_destroy(struct name *object)                                            \
	{                                                                                          \
		if (object->is_static)                                                             \
			__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);                       \
		else                                                                               \
			free(object);                                                              \
	}                                                                                          \
	LASTREF_DEFINE(name, struct name, refs, name##_destroy);                                   \
	static struct name shared_##name = { .is_static = 1 };                                     \
	static void name##_tick(long tick)                                                         \
	{                                                                                          \
		name##_ref(&shared_##name);                                                        \
		if (!name##_tryref(&shared_##name))                                                \
			__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);                          \
		name##_unref(&shared_##name);                                                      \
		if (tick % 64 == 0)                                                                \
			__atomic_add_fetch(&kept[number], 1, __ATOMIC_RELAXED);                    \
		else if (!name##_unref_unless_last(&shared_##name))                                \
			__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);                          \
	}                                                                                          \
	static struct name *name##_new(void)                                                       \
	{                                                                                          \
		struct name *object = calloc(1, sizeof(*object));                                  \
		if (object == NULL)                                                                \
			abort();                                                                   \
		name##_ref_init(object);                                                           \
		return object;                                                                     \
	}                                                                                          \
	static void name##_check(void)                                                             \
	{                                                                                          \
		if (name##_ref_count(&shared_##name) != 1 + kept[number])                          \
			fail("the count of " #name " is wrong");                                   \
		for (long i = 0; i < kept[number]; i++)                                            \
			name##_unref(&shared_##name);                                              \
		name##_end(&shared_##name);                                                        \
	}

#define plain_end plain_unref
#define plain_logged_end plain_logged_unref
#define hot_end hot_unref
#define hot_logged_end hot_logged_unref

/* What rests in a cache dies when it is evicted. */
#define cache_end(object)                                                                          \
	do {                                                                                       \
		cache_unref(object);                                                               \
		if (!cache_ref_evict(object))                                                      \
			fail("an entry at rest was not evicted");                                  \
	} while (0)
#define cache_logged_end(object)                                                                   \
	do {                                                                                       \
		cache_logged_unref(object);                                                        \
		if (!cache_logged_ref_evict(object))                                               \
			fail("a logged entry at rest was not evicted");                            \
	} while (0)

DEFINE(plain, lastref_count, 0)
DEFINE(plain_logged, lastref_count, 1)
DEFINE(hot, lastref_hot_count, 2)
DEFINE(hot_logged, lastref_hot_count, 3)
DEFINE(cache, lastref_cache_count, 4)
DEFINE(cache_logged, lastref_cache_count, 5)

static void on_tick(int number)
{
	long tick = __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED);

	(void)number;
	plain_tick(tick);
	plain_logged_tick(tick);
	hot_tick(tick);
	hot_logged_tick(tick);
	cache_tick(tick);
	cache_logged_tick(tick);
}

/* ThreadSanitizer needs longer for a signal than there is between two at 10 kHz, and nothing else would be done. */
#if LASTREF_THREAD_SANITIZER_
#define TICK_NS (1000 * 1000)
#else
#define TICK_NS (100 * 1000)
#endif

static void start_timer(timer_t *ret_timer)
{
	struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct itimerspec often = { { 0, TICK_NS }, { 0, TICK_NS } };

	sigaction(SIGALRM, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, ret_timer) != 0 ||
	    timer_settime(*ret_timer, 0, &often, NULL) != 0)
		abort();
}

static void one_of_each(void)
{
	struct plain *a = plain_new();
	struct plain_logged *b = plain_logged_new();
	struct hot *c = hot_new();
	struct hot_logged *d = hot_logged_new();
	struct cache *e = cache_new();
	struct cache_logged *f = cache_logged_new();

	plain_unref(plain_ref(&shared_plain));
	plain_unref(a);
	plain_logged_unref(b);
	hot_unref(c);
	hot_logged_unref(d);
	cache_end(e);
	cache_logged_end(f);
}

/* A new stack for nearly each path, so that the library often adds to what it keeps. */
static __attribute__((noinline)) int go(unsigned int path, int left)
{
	if (left == 0) {
		one_of_each();
		return 1;
	}
	if (path & 1)
		return go(path >> 1, left - 1) + 1;
	return go(path >> 1, left - 1) + 2;
}

static bool is_over(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *work(void *seed)
{
	unsigned int path = (unsigned int)(uintptr_t)seed;

	while (!is_over()) {
		path = path * 1664525u + 1013904223u;
		go(path >> 8, PATH_LENGTH);
	}
	return NULL;
}

static void *check(void *unused)
{
	while (!is_over()) {
		if (lastref_leak_check() < SHARED)
			fail("a check did not find what lives all the time");
		usleep(2000);
	}
	return unused;
}

static void *load(void *unused)
{
	while (!is_over() && plugin != NULL) {
		void *library = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
		void (*plugin_work)(void);

		if (library == NULL) {
			fail(dlerror());
			return unused;
		}
		*(void **)&plugin_work = dlsym(library, "plugin_work");
		plugin_work();
		dlclose(library);
	}
	return unused;
}

/* A child knows nothing of its parent's objects, and its handler may hit it as soon as it has a timer. */
static void child(void)
{
	timer_t timer;

	start_timer(&timer);
	for (unsigned int i = 0; i < 20; i++)
		go(i * 2654435761u, PATH_LENGTH);
	timer_delete(timer);
	_exit((lastref_live_objects() != 0) | (lastref_leak_check() != 0) << 1);
}

static void *spawn(void *unused)
{
	while (!is_over()) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			child();
		/* The timer's signal interrupts the waiting, too. */
		while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
			continue;
		if (pid < 0 || status != 0) {
			fprintf(complaints, "signals: a child's status is 0x%x\n",
				(unsigned int)status);
			fail("a child ended badly");
		}
		usleep(5000);
	}
	return unused;
}

static void run(unsigned int seconds)
{
	static void *(*const bodies[])(void *) = { work, work, check, load, spawn };
	pthread_t threads[sizeof(bodies) / sizeof(bodies[0])];
	struct timespec end;
	timer_t timer;

	start_timer(&timer);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (pthread_create(&threads[i], NULL, bodies[i], (void *)(uintptr_t)(i + 1)) != 0)
			abort();
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
		continue;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		pthread_join(threads[i], NULL);
	timer_delete(timer);
}

static void verify(void)
{
	if (ticks < 100)
		fail("the timer has hardly ticked");
	if (lastref_leak_check() != SHARED || lastref_live_objects() != SHARED)
		fail("what died meanwhile is still registered");
	plain_check();
	plain_logged_check();
	hot_check();
	hot_logged_check();
	cache_check();
	cache_logged_check();
	if (destroyed != SHARED || lastref_leak_check() != 0 || lastref_live_objects() != 0)
		fail("something is left");
}

int main(int argc, char **argv)
{
	/* Neither the reports nor the log are for whoever runs this test. */
	if (getenv("LASTREF") == NULL) {
		setenv("LASTREF", "leaks=warn:log=*_logged:output=/dev/null", 1);
		execv("/proc/self/exe", argv);
		abort();
	}
	complaints = fdopen(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10), "w");
	if (complaints == NULL || dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) < 0)
		abort();
	setvbuf(complaints, NULL, _IONBF, 0);
	plugin = argc > 2 ? argv[2] : NULL;
	plain_ref_init(&shared_plain);
	plain_logged_ref_init(&shared_plain_logged);
	hot_ref_init(&shared_hot);
	hot_logged_ref_init(&shared_hot_logged);
	cache_ref_init(&shared_cache);
	cache_logged_ref_init(&shared_cache_logged);
	run(argc > 1 ? (unsigned int)atoi(argv[1]) : 20);
	verify();
	fprintf(complaints, "signals: %ld ticks\n", ticks);
	return failures;
}
