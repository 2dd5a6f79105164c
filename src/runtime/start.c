/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, switches, end, fork.
 *
 * Layer: runtime. Locks: start_lock, for the first use and for switching the mode.
 *
 * lastref_watch begins with the bit for births set, so that an object born before our constructor ran (in a constructor of a statically linked
 * program) calls the runtime, which then sets itself up. After that the byte says what the mode says.
 */
#include "runtime/start.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "base/sink.h"
#include "runtime/addresses.h"
#include "runtime/arena.h"
#include "runtime/copies.h"
#include "runtime/fault_guard.h"
#include "runtime/gate.h"
#include "runtime/held.h"
#include "runtime/holds.h"
#include "runtime/ignore.h"
#include "runtime/leak_check.h"
#include "runtime/loader.h"
#include "runtime/machine.h"
#include "runtime/on_signal.h"
#include "runtime/output.h"
#include "runtime/registry.h"
#include "runtime/stack.h"
#include "runtime/symbols.h"
#include "runtime/thread.h"
#include "runtime/turn.h"
#include "runtime/types.h"

#include <lastref/check.h>
#include <lastref/version.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

unsigned char lastref_watch = LASTREF_WATCH_BIRTHS_;
extern unsigned char lr_own_watch __attribute__((alias("lastref_watch"), visibility("hidden")));

static struct lr_lock start_lock = LR_LOCK_INIT(LR_RANK_START);
static bool settings_read; /* this and the next two: guarded by start_lock */
static bool arena_started;
static bool error_output_is_open;
static pid_t owner; /* the process that this state belongs to; guarded by start_lock */

/*
 * Is everything below set up, for this process? The answer lies in a page that the kernel clears in the child of any fork, also of
 * _Fork() and clone(), which call no handlers: so a child notices before it touches what is its parent's.
 */
static bool started_without_page;
static bool *started =
	&started_without_page;	    /* both this and the place: written under start_lock, release */
static enum lastref_leak_mode mode; /* guarded by start_lock for writing */
static struct lr_settings settings;

const char *lastref_version(void)
{
	return LASTREF_VERSION_STRING;
}

int lr_start_error_output(void)
{
	return error_output_is_open ? STDERR_FILENO : -1;
}

const struct lr_settings *lr_start_settings(void)
{
	return &settings;
}

/* Caller holds start_lock, or is alone. */
static void set_watch(void)
{
	unsigned char watch = 0;

	/* The byte is another copy's. */
	if (lr_copies_role() == LR_COPY_REPLACED)
		return;
	if (mode != LASTREF_LEAKS_OFF)
		watch = LASTREF_WATCH_BIRTHS_ | (lr_types_any_logged() ? LASTREF_WATCH_REFS_ : 0);
	__atomic_store_n(&lastref_watch, watch, __ATOMIC_RELAXED);
}

static void read_settings(void)
{
	char message[1024];
	const char *text = secure_getenv(LR_SETTINGS_VARIABLE);
	struct lr_sink sink;

	lr_settings_defaults(&settings);
	if (!text || lr_settings_parse(&settings, text, message, sizeof(message)) == 0)
		return;
	/* A wrong word must not be half obeyed: checking stays off, and the program runs. */
	lr_settings_defaults(&settings);
	lr_sink_init(&sink, lr_start_error_output());
	lr_sink_text(&sink, "lastref: ");
	lr_sink_text(&sink, message);
	lr_sink_text(&sink, "; checking is off\n");
	lr_sink_flush(&sink);
}

static enum lastref_leak_mode mode_of(enum lr_leaks leaks)
{
	if (leaks == LR_LEAKS_WARN)
		return LASTREF_LEAKS_WARN;
	return leaks == LR_LEAKS_PANIC ? LASTREF_LEAKS_PANIC : LASTREF_LEAKS_OFF;
}

static bool is_started(void)
{
	/* Pairs with the releases in start(). */
	const bool *place = __atomic_load_n(&started, __ATOMIC_ACQUIRE);

	return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

/* The number of this process. Written where no other thread is: in the child of a fork. */
static uint32_t process;

uint32_t lr_start_process(void)
{
	if (LR_UNLIKELY(!is_started()))
		lr_start_checking();
	return process;
}

bool lr_start_is_process(uint32_t number)
{
	if (LR_LIKELY(process == number && is_started()))
		return true;
	/* The child of a fork that called no handlers has the number of its parent until here. */
	if (process == number)
		lr_start_checking();
	return process == number;
}

/* In the child: only this thread is left, and whatever the others were doing is half done. So everything begins anew. */
static void restart_all(void)
{
	lr_lock_restart(&start_lock);
	/* It says to a handler that comes all the same (ThreadSanitizer delivers them late) that nothing is ready for it. */
	lr_lock(&start_lock);
	process++;
	lr_registry_restart_in_child();
	lr_turn_restart_in_child();
	lr_held_restart_in_child();
	lr_thread_restart_in_child();
	lr_types_restart_in_child();
	lr_ignore_restart_in_child();
	lr_address_restart_in_child();
	lr_gate_restart_in_child();
	lr_fault_guard_restart_in_child();
	lr_stack_restart_in_child();
	lr_symbols_restart_in_child();
	lr_loader_restart_in_child();
	lr_output_restart_in_child();
	lr_leak_check_restart_in_child();
	lr_on_signal_restart_in_child();
	lr_arena_restart_in_child();
	if (mode == LASTREF_LEAKS_OFF)
		lr_arena_count(LR_BORN_UNCHECKED, 1);
	/* Most children exec at once: an arena is made when the first object is born. */
	arena_started = false;
	__atomic_store_n(started, false, __ATOMIC_RELEASE);
	owner = getpid();
	lr_unlock(&start_lock);
}

/* A handler that took a reference halfway would find tables of which the memory is gone. */
static void restart_in_child(void)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* While the counts and the notes are as the fork copied them. */
	lr_held_end_fork_in_child();
	restart_all();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void make_started_page(void)
{
	bool *page = lr_pages_map(4096);

	if (page && madvise(page, 4096, MADV_WIPEONFORK) == 0)
		__atomic_store_n(&started, page, __ATOMIC_RELEASE);
	else
		lr_pages_unmap(page, 4096);
}

/* What costs memory and system calls, and is not needed while checking is off. Caller holds start_lock. */
static void start_arena(const char *folder)
{
	if (arena_started)
		return;
	arena_started = true;
	lr_copies_keep_module();
	lr_arena_start(folder);
	lr_arena_header()->stack_depth = (uint32_t)settings.stack_depth;
	if (!LR_MACHINE_HAS_UNWINDER)
		lr_arena_count(LR_NO_UNWINDER, LR_NO_UNWINDER_BUILT);
	lr_gate_start();
}

/*
 * A signal handler, which must not, may end the thread that it interrupted while that had a lock of
 * ours. The lock stays taken then, and to wait for it would be for ever.
 */
static void give_back(void)
{
	if (lr_lock_held())
		return;
	/* In the child of a fork that called no handlers, others may have had the locks. */
	lr_start_process();
	lr_fault_guard_leave();
	lr_object_let_go_all();
}

/*
 * The calling thread ends. If it does so in a function of the program that a check called, or that
 * function was left by longjmp() before, the frames of the check are gone, and with them who would
 * give back what others wait for. Its memory, and the libraries that it pinned, stay.
 */
static void leave_check(void)
{
	if (lr_turn_is_ours()) {
		give_back();
		lr_gate_leave();
	}
	lr_leak_check_leave();
	lr_turn_leave();
}

/* Before any handler of the program, whatever the mode: ours must run first in the child. */
static void start_settings(void)
{
	settings_read = true;
	lr_copies_start();
	owner = getpid();
	lr_thread_start(leave_check);
	error_output_is_open = fcntl(STDERR_FILENO, F_GETFD) >= 0;
	pthread_atfork(lr_held_prepare_fork, lr_held_end_fork, restart_in_child);
	make_started_page();
	read_settings();
	lr_output_start(settings.output);
	lr_on_signal_start(settings.signal);
	mode = mode_of(settings.leaks);
	if (mode != LASTREF_LEAKS_OFF && lr_copies_role() != LR_COPY_FIRST) {
		mode = LASTREF_LEAKS_OFF;
		lr_copies_say_off(lr_start_error_output());
	}
	if (mode == LASTREF_LEAKS_OFF)
		lr_arena_count(LR_BORN_UNCHECKED, 1);
	lr_stack_set_depth(settings.stack_depth);
	lr_types_start(settings.types, settings.log);
}

/* Caller holds start_lock. */
static void start(void)
{
	if (!settings_read)
		start_settings();
	if (mode != LASTREF_LEAKS_OFF)
		start_arena(secure_getenv(LR_RUN_VARIABLE));
	set_watch();
	/* Pairs with the acquire in is_started(). */
	__atomic_store_n(started, true, __ATOMIC_RELEASE);
}

/* The handler of `signal=` asks the same on the thread that it interrupts, which must not hold the lock then. */
static LR_COLD void start_once(void)
{
	sigset_t all;
	sigset_t before;

	/* The child of a fork that called no handlers. */
	if (settings_read && owner != getpid())
		restart_in_child();
	sigfillset(&all);
	/* The arena's own: it takes back what a file size limit sends, unless somebody else blocks it. */
	sigdelset(&all, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	lr_lock(&start_lock);
	if (!is_started())
		start();
	lr_unlock(&start_lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool lr_start_checking(void)
{
	if (LR_UNLIKELY(!is_started()))
		start_once();
	return __atomic_load_n(&mode, __ATOMIC_RELAXED) != LASTREF_LEAKS_OFF;
}

void lr_start_watch(void)
{
	lr_lock(&start_lock);
	set_watch();
	lr_unlock(&start_lock);
}

void lr_start_arena(void)
{
	lr_start_checking();
	lr_lock(&start_lock);
	start_arena(NULL);
	lr_unlock(&start_lock);
}

void lastref_set_leak_mode(enum lastref_leak_mode new_mode)
{
	lr_start_checking();
	if (new_mode != LASTREF_LEAKS_WARN && new_mode != LASTREF_LEAKS_PANIC)
		new_mode = LASTREF_LEAKS_OFF;
	if (lr_copies_role() != LR_COPY_FIRST) {
		if (new_mode != LASTREF_LEAKS_OFF)
			lr_copies_say_off(lr_start_error_output());
		return;
	}
	lr_lock(&start_lock);
	if (new_mode == LASTREF_LEAKS_OFF)
		lr_arena_count(LR_BORN_UNCHECKED, 1);
	else
		start_arena(secure_getenv(LR_RUN_VARIABLE));
	__atomic_store_n(&mode, new_mode, __ATOMIC_RELAXED);
	set_watch();
	lr_unlock(&start_lock);
}

enum lastref_leak_mode lastref_get_leak_mode(void)
{
	lr_start_checking();
	return __atomic_load_n(&mode, __ATOMIC_RELAXED);
}

__attribute__((constructor(101))) static void start_of_program(void)
{
	lr_start_checking();
}

/* Runs after the destructors of everything that depends on this library. */
__attribute__((destructor(101))) static void end_of_program(void)
{
	uint32_t number;

	/* Again in a child that a function of the program forked while it was asked. */
	do {
		/* The child of a fork in which no object was born. */
		if (!is_started())
			return;
		number = lr_start_process();
		if (lr_start_checking())
			lr_leak_check_at_exit();
		else
			__atomic_store_n(&lr_arena_header()->state, LR_PROCESS_OFF, __ATOMIC_RELEASE);
	} while (!lr_start_is_process(number));
}
