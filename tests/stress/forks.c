/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight threads, of which half are always at work in the library and the others always fork: so a child begins at any moment of the
 * others' work, with any lock of theirs taken. It goes on with the library itself and ends in each way there is.
 *
 *	forks [CHILDREN]
 *
 * A child must see nothing of its parent's objects, and its own exactly. On standard output the number of children that leaked one
 * object each, for who counts the reports. Exit status 1 if anything was wrong.
 */
#include <lastref/lastref.h>

#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define FORKERS 4
#define CHILDREN 200
/* Events and reports are seldom, because they are much text. */
#define ROUNDS_PER_EVENT 64
#define ROUNDS_PER_CHECK 128
#define STACK_SIZE (256 * 1024)

extern char **environ;

static int failures;
static bool over;
static long leaking_children;
static long children = CHILDREN;
static const char *program;

struct box {
	struct lastref_count refs;
	struct box *inside;
};

static void box_destroy(struct box *box)
{
	free(box);
}

static int box_describe(const void *box, char *buffer, size_t size)
{
	(void)box;
	return snprintf(buffer, size, "a box");
}

LASTREF_DEFINE(box, struct box, refs, box_destroy, .describe = box_describe);
LASTREF_DEFINE(note, struct box, refs, box_destroy, .log = true);
LASTREF_DEFINE(leaked, struct box, refs, box_destroy, .describe = box_describe);

static const struct lastref_type route_type = LASTREF_TYPE("net.route", int);

static void fail(const char *what)
{
	fprintf(stderr, "forks: %s\n", what);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

static struct box *new_box(void)
{
	struct box *box = calloc(1, sizeof(*box));

	if (!box)
		abort();
	return box;
}

/* One of each: template and by hand, ref, unref and tryref, logged. Leaves nothing. */
static void use_all(struct box *shared)
{
	struct box *box = new_box();
	int route;

	box_ref_init(box);
	lastref_register(&route_type, &route);
	box_ref(box);
	/* A check that describes the box has a reference of its own meanwhile. */
	if (box_tryref(box) != box || box_ref_count(box) < 3)
		fail("a count is wrong");
	box_unref(box);
	box_unref(box);
	box_unref(box);
	if (shared)
		box_unref(box_ref(shared));
	lastref_unregister(&route_type, &route);
}

static void log_events(void)
{
	struct box *note = new_box();

	note_ref_init(note);
	note_ref(note);
	note_unref(note);
	note_unref(note);
}

static void *work(void *shared)
{
	for (long round = 0; !__atomic_load_n(&over, __ATOMIC_RELAXED); round++) {
		use_all(shared);
		if (round % ROUNDS_PER_EVENT == 0)
			log_events();
	}
	return NULL;
}

static void *check(void *shared)
{
	for (long round = 0; !__atomic_load_n(&over, __ATOMIC_RELAXED); round++) {
		use_all(shared);
		lastref_live_objects();
		if (round % ROUNDS_PER_CHECK == 0)
			lastref_leak_check();
	}
	return NULL;
}

/*
 * Children of fork().
 */

static void leak_one(void)
{
	leaked_ref_init(new_box());
}

static _Noreturn void child_leaks_and_exits(void)
{
	use_all(NULL);
	leak_one();
	exit(lastref_live_objects() == 1 ? failures : 2);
}

static _Noreturn void child_checks_and_exits(void)
{
	leak_one();
	use_all(NULL);
	exit(lastref_leak_check() == 1 ? failures : 3);
}

static _Noreturn void child_ends_at_once(void)
{
	use_all(NULL);
	log_events();
	_exit(lastref_leak_check() == 0 ? failures : 4);
}

static _Noreturn void child_execs(void)
{
	use_all(NULL);
	execl(program, program, "exec", (char *)NULL);
	_exit(5);
}

static _Noreturn void child_forks_again(void)
{
	int status = -1;

	use_all(NULL);
	if (fork() == 0)
		child_ends_at_once();
	if (wait(&status) < 0 || status != 0)
		_exit(6);
	exit(lastref_live_objects() == 0 ? failures : 7);
}

static void await(pid_t child, const char *what)
{
	int status = -1;

	if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "forks: %s ended with %#x\n", what, (unsigned int)status);
		fail(what);
	}
}

static void fork_one(long number)
{
	static void (*const ends[])(void) = {
		child_leaks_and_exits, child_checks_and_exits, child_ends_at_once,
		child_execs,	       child_forks_again,
	};
	size_t kind = (size_t)number % (sizeof(ends) / sizeof(ends[0]));
	pid_t child = fork();

	if (child == 0)
		ends[kind]();
	await(child, "a child of fork()");
	if (kind < 2)
		__atomic_add_fetch(&leaking_children, 1, __ATOMIC_RELAXED);
}

/*
 * Children that have their parent's memory, for a while. What they count is counted by the parent.
 */

static void vfork_one(bool exec, struct box *shared)
{
	/* What is dangerous about it is what is tried here. */
	pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (child == 0) {
		box_unref(box_ref(shared)); /* NOLINT(clang-analyzer-unix.Vfork) */
		if (exec)
			execl(program, program, "exec", (char *)NULL);
		_exit(exec);
	}
	await(child, "a child of vfork()");
}

static int work_with_parents_memory(void *shared)
{
	box_unref(box_ref(shared));
	use_all(shared);
	return 0;
}

/* With CLONE_VFORK, so that only one of the two runs: they also share what belongs to the thread. */
static void clone_one(struct box *shared)
{
	char *stack = malloc(STACK_SIZE);

	if (!stack)
		abort();
	await(clone(work_with_parents_memory, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD,
		    shared),
	      "a child of clone()");
	free(stack);
}

static void spawn_one(void)
{
	char name[] = "exec";
	char *arguments[] = { (char *)(uintptr_t)program, name, NULL };
	pid_t child;

	if (posix_spawn(&child, program, NULL, NULL, arguments, environ) != 0)
		fail("posix_spawn() failed");
	else
		await(child, "a child of posix_spawn()");
}

static bool under_sanitizer(void)
{
#if LASTREF_THREAD_SANITIZER_
	return true;
#else
	return false;
#endif
}

static void *fork_always(void *shared)
{
	static long next;
	long number;

	while ((number = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < children) {
		fork_one(number);
		use_all(shared);
		if (number % 4 == 0)
			spawn_one();
		/* A sanitizer keeps its own account of what each thread does, and a child in the same memory disturbs that. */
		if (number % 4 == 1 && !under_sanitizer())
			vfork_one(number % 8 == 1, shared);
		if (number % 4 == 2 && !under_sanitizer())
			clone_one(shared);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[WORKERS + FORKERS];
	struct box *shared = new_box();

	program = argv[0];
	if (argc > 1 && strcmp(argv[1], "exec") == 0)
		return 0;
	if (argc > 1)
		children = atol(argv[1]);
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	box_ref_init(shared);
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, i == 0 ? check : work, shared) != 0)
			abort();
	for (int i = WORKERS; i < WORKERS + FORKERS; i++)
		if (pthread_create(&threads[i], NULL, fork_always, shared) != 0)
			abort();
	for (int i = WORKERS; i < WORKERS + FORKERS; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	if (box_ref_count(shared) != 1 || lastref_live_objects() != 1)
		fail("the parent's counts are wrong");
	box_unref(shared);
	printf("%ld\n", leaking_children);
	return failures;
}
