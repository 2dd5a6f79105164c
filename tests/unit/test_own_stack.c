/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread's own stack: how far down it is known, and that nothing is waited for to know it.
 */
#include "runtime/arena.h"
#include "runtime/stack.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline))

static void begin(void)
{
	lr_arena_start(NULL);
}

TestSuite(own_stack, .init = begin);

static NOINLINE uint32_t capture_for(struct lr_stack_thread *thread)
{
	struct lr_stack_start start = LR_STACK_HERE();

	return lr_stack_capture(thread, &start);
}

static NOINLINE bool use_stack_and_capture(struct lr_stack_thread *thread, int levels)
{
	volatile char room[16 * 1024];
	bool is_own;

	room[0] = 1;
	if (levels > 0)
		is_own = use_stack_and_capture(thread, levels - 1);
	else
		is_own = capture_for(thread) != 0 && !thread->memo_is_for_once;
	return is_own && room[0] == 1;
}

static void *capture_deeper_and_deeper(void *ret_known)
{
	struct lr_stack_thread *thread = calloc(1, sizeof(*thread));
	bool known = true;

	for (int levels = 0; levels < 40; levels++)
		known = use_stack_and_capture(thread, levels) && known;
	*(bool *)ret_known = known && thread->own.high - thread->own.low >= 39 * 16 * 1024;
	free(thread);
	return NULL;
}

static bool in_thread(void *(*function)(void *))
{
	pthread_t thread;
	bool result = false;

	cr_assert(pthread_create(&thread, NULL, function, &result) == 0);
	pthread_join(thread, NULL);
	return result;
}

/* Otherwise each capture asks the kernel to read the stack: it is right, but slow. */
Test(own_stack, is_known_as_deep_as_it_was_used)
{
	bool known = false;

	cr_assert(in_thread(capture_deeper_and_deeper));
	capture_deeper_and_deeper(&known);
	cr_assert(known);
}

static struct lr_stack_thread fibres_thread;
static ucontext_t main_context;
static ucontext_t fibre_context;

static void fibre_main(void)
{
	capture_for(&fibres_thread);
	swapcontext(&fibre_context, &main_context);
}

static void *capture_in_fibre(void *ret_foreign)
{
	getcontext(&fibre_context);
	fibre_context.uc_stack.ss_sp = malloc(64 * 1024);
	fibre_context.uc_stack.ss_size = 64 * 1024;
	makecontext(&fibre_context, fibre_main, 0);
	capture_for(&fibres_thread);
	swapcontext(&main_context, &fibre_context);
	*(bool *)ret_foreign = fibres_thread.memo_is_for_once;
	return NULL;
}

Test(own_stack, is_not_that_of_a_fibre)
{
	cr_assert(in_thread(capture_in_fibre));
}

static volatile sig_atomic_t ticks;
static volatile int without_site;
static struct lr_stack_thread fresh_threads[400];

static void capture_for_the_first_time(int number)
{
	(void)number;
	if (ticks < 400)
		without_site += capture_for(&fresh_threads[ticks++]) == 0;
}

Test(own_stack, is_found_in_a_handler_that_interrupted_malloc)
{
	struct sigaction action = { .sa_handler = capture_for_the_first_time, .sa_flags = SA_RESTART };
	struct itimerval often = { .it_interval = { .tv_usec = 50 }, .it_value = { .tv_usec = 50 } };

	/* From the first thread on, malloc takes its locks. */
	in_thread(capture_deeper_and_deeper);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (ticks < 400) {
		void *volatile blocks[2] = { malloc(5000), malloc(6000) };

		free(blocks[0]);
		free(blocks[1]);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	cr_assert_eq(without_site, 0);
}
