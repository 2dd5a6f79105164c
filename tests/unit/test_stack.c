/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks, one rule each. That ordinary stacks are those of backtrace(), by the ten thousand, is tests/stress/stack_vs_backtrace.c;
 * here are the stacks that are not ordinary.
 */
#include "runtime/arena.h"
#include "runtime/cfi.h"
#include "runtime/modules.h"
#include "runtime/sites.h"
#include "runtime/stack.h"
#include "tests/support/frames.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define FRAMES_MAX 200
#define NOINLINE __attribute__((noinline))

static struct lr_stack_thread self;
static volatile unsigned int sink; /* used after calls, which would be jumps else */

/* Counts a loop whose calls must come from one place: the compiler may not unroll it. */
typedef volatile int one_place;

static void begin(void)
{
	lr_arena_start(NULL);
}

TestSuite(stack, .init = begin);

static NOINLINE uint32_t capture_for(struct lr_stack_thread *thread)
{
	struct lr_stack_start start = LR_STACK_HERE();

	return lr_stack_capture(thread, &start);
}

static NOINLINE uint32_t capture(void)
{
	struct lr_stack_start start = LR_STACK_HERE();

	return lr_stack_capture(&self, &start);
}

static const struct lr_site *site_of(uint32_t id)
{
	const struct lr_site *site = lr_image_site(&lr_arena_image, id);

	cr_assert_not_null(site);
	return site;
}

static uintptr_t pc_of(uint32_t id)
{
	return site_of(id)->pc & LR_SITE_PC_MASK;
}

static int length_of(uint32_t id)
{
	int length = 0;

	for (; id != 0; id = site_of(id)->parent)
		length++;
	return length;
}

/*
 * Are the frames those that backtrace() gave? Not the first, which is the caller of both, at different addresses. A sanitizer puts
 * a frame of its own before it.
 */
static bool is_backtrace(uint32_t id, void *const *theirs, int count)
{
	int frames = length_of(id);
	int more = count - frames;

	if (more < 0 || more > 1)
		return false;
	for (int i = 1; i < frames; i++) {
		id = site_of(id)->parent;
		if (pc_of(id) != (uintptr_t)theirs[i + more])
			return false;
	}
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	return more == 0;
#else
	return true;
#endif
}

/* Same as the macro it is used in, so that a failure names the test's line. */
#define ASSERT_AS_BACKTRACE(id)                                                                    \
	do {                                                                                       \
		void *theirs_[FRAMES_MAX];                                                         \
		int count_ = backtrace(theirs_, FRAMES_MAX);                                       \
		cr_assert(is_backtrace((id), theirs_, count_));                                    \
	} while (0)

Test(stack, is_that_of_backtrace)
{
	uint32_t id = capture();

	ASSERT_AS_BACKTRACE(id);
}

static NOINLINE uintptr_t capture_and_return_address(uint32_t *ret_id)
{
	struct lr_stack_start start = LR_STACK_HERE();

	*ret_id = lr_stack_capture(&self, &start);
	return (uintptr_t)__builtin_return_address(0);
}

Test(stack, the_innermost_frame_is_the_caller)
{
	uint32_t id;
	uintptr_t address = capture_and_return_address(&id);

	cr_assert_eq(pc_of(id), address);
}

Test(stack, the_same_stack_has_the_same_site)
{
	uint32_t ids[3];

	for (one_place i = 0; i < 3; i++)
		ids[i] = capture();
	cr_assert_neq(ids[0], 0);
	cr_assert_eq(ids[0], ids[1]);
	cr_assert_eq(ids[1], ids[2]);
}

static NOINLINE uint32_t call_capture(void)
{
	uint32_t id = capture();

	sink++;
	return id;
}

Test(stack, two_calls_of_one_function_have_different_sites)
{
	uint32_t first = call_capture();
	uint32_t second = call_capture();

	cr_assert_neq(first, 0);
	cr_assert_neq(first, second);
	cr_assert_eq(pc_of(first), pc_of(second));
	cr_assert_neq(pc_of(site_of(first)->parent), pc_of(site_of(second)->parent));
}

static NOINLINE uint32_t outer_a(void)
{
	uint32_t id = call_capture();

	sink += 1;
	return id;
}

static NOINLINE uint32_t outer_b(void)
{
	uint32_t id = call_capture();

	sink += 2;
	return id;
}

Test(stack, a_memo_of_equal_inner_frames_is_verified_further_out)
{
	uint32_t a = 0;
	uint32_t b = 0;

	for (one_place i = 0; i < 4; i++) {
		uint32_t (*const outer)(void) = i & 1 ? outer_b : outer_a;
		uint32_t *last = i & 1 ? &b : &a;
		uint32_t id = outer();

		sink++;
		cr_assert(*last == 0 || *last == id);
		*last = id;
	}
	cr_assert_neq(a, b);
}

Test(stack, errno_is_kept)
{
	errno = 4711;
	capture();
	cr_assert_eq(errno, 4711);
}

Test(stack, a_capture_in_a_capture_has_no_site)
{
	self.busy = true;
	cr_assert_eq(capture(), 0);
	self.busy = false;
	cr_assert_neq(capture(), 0);
}

/* Signals */

/* Volatile: raise() is declared to call nothing of ours. */
static volatile uint32_t handler_site;
static volatile bool handler_agrees;
static volatile int handler_disagrees; /* how often */

static void handler(int number)
{
	void *theirs[FRAMES_MAX];
	int count;

	(void)number;
	handler_site = capture();
	count = backtrace(theirs, FRAMES_MAX);
	handler_agrees = is_backtrace(handler_site, theirs, count);
	handler_disagrees += !handler_agrees;
}

static void raise_with(int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	sink++;
}

static bool has_exact_frame(uint32_t id)
{
	for (; id != 0; id = site_of(id)->parent) {
		if (site_of(id)->flags & LR_SITE_EXACT)
			return true;
	}
	return false;
}

Test(stack, goes_through_a_signal_handler)
{
	raise_with(0);
	cr_assert(handler_agrees);
	cr_assert(has_exact_frame(handler_site));
	cr_assert_not(has_exact_frame(capture()));
}

Test(stack, goes_from_an_alternate_signal_stack_to_the_threads_own)
{
	stack_t alternate = { .ss_sp = malloc(256 * 1024), .ss_size = 256 * 1024 };

	sigaltstack(&alternate, NULL);
	raise_with(SA_ONSTACK);
	cr_assert(handler_agrees);
	cr_assert(has_exact_frame(handler_site));
}

static NOINLINE void raise_deep(int levels)
{
	if (levels > 0)
		raise_deep(levels - 1);
	else
		raise(SIGUSR1);
	sink++;
}

Test(stack, equal_interrupted_frames_of_different_depth_are_told_apart)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	stack_t alternate = { .ss_sp = malloc(256 * 1024), .ss_size = 256 * 1024 };
	uint32_t ids[2];

	lr_stack_set_depth(LR_STACK_DEPTH_MAX);
	capture();
	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &action, NULL);
	/* Nothing else is called between them, so the deeper stack is still there in memory when it is not the stack any more. */
	for (one_place i = 0; i < 2; i++) {
		raise_deep(i ? 3 : 60);
		ids[i] = handler_site;
	}
	cr_assert_eq(handler_disagrees, 0);
	cr_assert_gt(length_of(ids[0]), length_of(ids[1]));
}

static volatile sig_atomic_t ticks;

static void on_tick(int number)
{
	(void)number;
	/* Whether this is refused or made depends on where the program was interrupted; both are right. */
	sink += capture();
	ticks++;
}

Test(stack, an_interrupted_capture_is_not_harmed)
{
	struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval often = { .it_interval = { .tv_usec = 50 }, .it_value = { .tv_usec = 50 } };
	uint32_t expected[2] = { 0 };

	capture();
	sigaction(SIGALRM, &action, NULL);
	for (one_place i = 0; i < 2 || ticks < 200; i++) {
		uint32_t (*const outer)(void) = i & 1 ? outer_b : outer_a;
		uint32_t id = outer();

		sink++;
		if (i < 2)
			expected[i] = id;
		else
			cr_assert_eq(id, expected[i & 1]);
		if (i == 1)
			setitimer(ITIMER_REAL, &often, NULL);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	cr_assert_not(self.busy);
}

/* Other stacks */

static ucontext_t main_context;
static ucontext_t fibre_context;
static uint32_t fibre_site;
static int fibre_theirs;
static bool fibre_agrees;

static NOINLINE void fibre_inner(void)
{
	void *theirs[FRAMES_MAX];

	fibre_site = capture();
	fibre_theirs = backtrace(theirs, FRAMES_MAX);
	fibre_agrees = is_backtrace(fibre_site, theirs, fibre_theirs);
}

static void fibre_main(void)
{
	fibre_inner();
	sink++;
	swapcontext(&fibre_context, &main_context);
}

Test(stack, a_fibre_has_its_own_frames)
{
	getcontext(&fibre_context);
	fibre_context.uc_stack.ss_sp = malloc(64 * 1024);
	fibre_context.uc_stack.ss_size = 64 * 1024;
	makecontext(&fibre_context, fibre_main, 0);
	swapcontext(&main_context, &fibre_context);
	cr_assert_neq(fibre_site, 0);
	cr_assert(fibre_agrees);
	ASSERT_AS_BACKTRACE(capture());
}

/* A stack that ends at a page that cannot be read, with a frame that claims to be larger than it. */
Test(stack, what_cannot_be_read_ends_the_stack)
{
	char *pages =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct lr_stack_start start;
	uint32_t id;

	cr_assert(mprotect(pages + 2 * 4096, 4096, PROT_NONE) == 0);
	capture();
	start.pc = pc_of(capture());
	start.cfa = (uintptr_t)pages + 2 * 4096 - 16;
	start.fp = (uintptr_t)pages + 2 * 4096 - 16;
	errno = 4711;
	id = lr_stack_capture(&self, &start);
	cr_assert_eq(errno, 4711);
	cr_assert_neq(id, 0);
	cr_assert_eq(length_of(id), 1);
}

/* Calls its argument; what it says of its frame is wrong: the return address is not there. */
uint32_t with_wrong_cfi(uint32_t (*called)(void));
__asm__(".text\n"
	".globl with_wrong_cfi\n"
	".hidden with_wrong_cfi\n"
	".type with_wrong_cfi, @function\n"
	"with_wrong_cfi:\n"
	".cfi_startproc\n"
	"subq $24, %rsp\n"
	".cfi_def_cfa_offset 1048576\n"
	"call *%rdi\n"
	"addq $24, %rsp\n"
	".cfi_def_cfa_offset 8\n"
	"ret\n"
	".cfi_endproc\n"
	".size with_wrong_cfi, .-with_wrong_cfi\n");

/* As before, with an expression that nobody emits: DW_OP_lit0, a frame address of 0. */
uint32_t with_wrong_expression(uint32_t (*called)(void));
__asm__(".text\n"
	".globl with_wrong_expression\n"
	".hidden with_wrong_expression\n"
	".type with_wrong_expression, @function\n"
	"with_wrong_expression:\n"
	".cfi_startproc\n"
	"subq $24, %rsp\n"
	".cfi_escape 0x0f, 0x01, 0x30\n"
	"call *%rdi\n"
	"addq $24, %rsp\n"
	"ret\n"
	".cfi_endproc\n"
	".size with_wrong_expression, .-with_wrong_expression\n");

/* Calls its argument with its last instruction, so that the return address is in the next function, whose frame is larger. */
void with_last_call(void (*called)(void));
__asm__(".text\n"
	".globl with_last_call\n"
	".hidden with_last_call\n"
	".type with_last_call, @function\n"
	"with_last_call:\n"
	".cfi_startproc\n"
	"subq $24, %rsp\n"
	".cfi_def_cfa_offset 32\n"
	"call *%rdi\n"
	".cfi_endproc\n"
	".size with_last_call, .-with_last_call\n"
	"after_last_call:\n"
	".cfi_startproc\n"
	".cfi_def_cfa_offset 640\n"
	"ret\n"
	".cfi_endproc\n");

static jmp_buf back;
static uint32_t last_call_site;
static bool last_call_agrees;

static void capture_and_jump(void)
{
	void *theirs[FRAMES_MAX];

	last_call_site = capture();
	last_call_agrees = is_backtrace(last_call_site, theirs, backtrace(theirs, FRAMES_MAX));
	longjmp(back, 1);
}

Test(stack, a_call_at_the_end_of_a_function_belongs_to_it)
{
	if (setjmp(back) == 0)
		with_last_call(capture_and_jump);
	cr_assert_neq(last_call_site, 0);
	cr_assert(last_call_agrees);
}

Test(stack, wrong_frame_information_ends_the_stack)
{
	uint32_t whole = capture();
	uint32_t id = with_wrong_cfi(call_capture);

	cr_assert_neq(id, 0);
	cr_assert_geq(length_of(id), 2);
	cr_assert_lt(length_of(id), length_of(whole) + 2);
	id = with_wrong_expression(call_capture);
	cr_assert_eq(length_of(id), 2);
}

/* Each byte of the frame information of this program, changed: no look-up may crash or hang. */
Test(stack, corrupt_frame_information_never_crashes)
{
	struct lr_cfi_image image;
	uint32_t module;
	size_t size;
	char *copy;

	cr_assert(lr_modules_find((uintptr_t)capture, &image, &module));
	size = image.end - image.header;
	size = size < 8192 ? size : 8192;
	/* The guard page follows the image at once. */
	copy = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(mprotect(copy + 3 * 4096, 4096, PROT_NONE) == 0);
	for (unsigned int round = 0; round < 200000; round++) {
		uintptr_t pc = (uintptr_t)capture + round % 64;
		struct lr_cfi_image corrupt;

		if (round % 1000 == 0)
			memcpy(copy + 3 * 4096 - size, (const void *)image.header, size);
		copy[3 * 4096 - size + (round * 2654435761u >> 7) % size] = (char)(round >> 3);
		corrupt.header = (uintptr_t)copy + 3 * 4096 - size;
		corrupt.start = corrupt.header;
		corrupt.end = corrupt.header + size;
		sink += (unsigned int)lr_cfi_find(&corrupt, pc - image.header + corrupt.header).kind;
	}
}

/* Depth */

static NOINLINE uint32_t recurse(int levels)
{
	uint32_t id = levels > 0 ? recurse(levels - 1) : capture();

	sink++;
	return id;
}

Test(stack, a_deep_stack_is_cut_to_its_inner_frames)
{
	uint32_t id;
	uint32_t outermost;

	lr_stack_set_depth(5);
	id = recurse(20);
	cr_assert_eq(length_of(id), 5);
	for (outermost = id; site_of(outermost)->parent != 0; outermost = site_of(outermost)->parent)
		cr_assert_not(site_of(outermost)->flags & LR_SITE_CUT);
	cr_assert(site_of(outermost)->flags & LR_SITE_CUT);
}

/* As capture(), with another stack below the first frame if @cfa is not 0. */
static NOINLINE uint32_t capture_at(uintptr_t cfa)
{
	struct lr_stack_start start = LR_STACK_HERE();

	if (cfa != 0)
		start.cfa = cfa;
	return lr_stack_capture(&self, &start);
}

Test(stack, a_cut_stack_is_not_the_whole_stack_of_equal_frames)
{
	void *nowhere = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t ids[2];

	lr_stack_set_depth(1);
	for (one_place i = 0; i < 2; i++)
		ids[i] = capture_at(i ? (uintptr_t)nowhere + 4096 : 0);
	cr_assert_eq(pc_of(ids[0]), pc_of(ids[1]));
	cr_assert_neq(ids[0], ids[1]);
	cr_assert_eq(site_of(ids[0])->flags, LR_SITE_CUT);
	cr_assert_eq(site_of(ids[1])->flags, 0);
}

Test(stack, every_depth_of_a_recursion_gives_the_inner_frames)
{
	for (int levels = 0; levels < 400; levels += 7) {
		uint32_t ids[2];

		for (one_place i = 0; i < 2; i++)
			ids[i] = recurse(levels);
		cr_assert_eq(ids[0], ids[1]);
		cr_assert_leq(length_of(ids[0]), LR_STACK_DEPTH_DEFAULT);
		if (levels >= LR_STACK_DEPTH_DEFAULT)
			cr_assert_eq(length_of(ids[0]), LR_STACK_DEPTH_DEFAULT);
	}
}

Test(stack, deep_recursions_have_one_site)
{
	cr_assert_eq(recurse(200), recurse(300));
}

/* Threads */

#define RACERS 4
#define RACE_STACKS 3000

static pthread_barrier_t barrier;
static uint32_t raced[RACERS][RACE_STACKS];

static void race_leaf(struct frames *frames)
{
	struct lr_stack_start start = LR_STACK_HERE();
	struct lr_stack_thread *thread = frames->context;

	frames->path = lr_stack_capture(thread, &start);
}

/* All threads have the same frames outside of this one. */
static void *race(void *argument)
{
	uint32_t *ids = argument;
	struct lr_stack_thread *thread = calloc(1, sizeof(*thread));

	cr_assert_not_null(thread);
	for (uint32_t i = 0; i < RACE_STACKS; i++) {
		struct frames frames = { .path = i * UINT64_C(0x9e3779b97f4a7c15),
					 .left = 12,
					 .leaf = race_leaf,
					 .context = thread };

		if (i % 100 == 0)
			pthread_barrier_wait(&barrier);
		frames_go(&frames);
		ids[i] = (uint32_t)frames.path;
	}
	free(thread);
	return NULL;
}

Test(stack, threads_that_meet_a_new_stack_at_once_get_one_site)
{
	pthread_t threads[RACERS];

	pthread_barrier_init(&barrier, NULL, RACERS);
	for (int i = 0; i < RACERS; i++)
		cr_assert(pthread_create(&threads[i], NULL, race, raced[i]) == 0);
	for (int i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 1; i < RACERS; i++)
		cr_assert_eq(memcmp(raced[0], raced[i], sizeof(raced[0])), 0);
	for (int i = 0; i < RACE_STACKS; i++)
		cr_assert_neq(raced[0][i], 0);
}

static void *capture_in_thread(void *argument)
{
	void *theirs[FRAMES_MAX];
	struct lr_stack_thread *thread = calloc(1, sizeof(*thread));
	uint32_t id = capture_for(thread);
	int count = backtrace(theirs, FRAMES_MAX);

	*(bool *)argument = is_backtrace(id, theirs, count);
	free(thread);
	return NULL;
}

Test(stack, of_a_thread_begins_where_the_thread_did)
{
	pthread_t thread;
	bool agrees = false;

	cr_assert(pthread_create(&thread, NULL, capture_in_thread, &agrees) == 0);
	pthread_join(thread, NULL);
	cr_assert(agrees);
}

/* Many sites: the table grows, and everything in it is found again. */
Test(stack, sites_are_found_again_after_the_table_has_grown)
{
	static uint32_t ids[50000];

	for (uint32_t i = 0; i < 50000; i++)
		ids[i] = lr_sites_intern((i + 1) * UINT64_C(0x9e3779b97f4a7c15), 4096 + i, 0, 0);
	for (uint32_t i = 0; i < 50000; i++) {
		cr_assert_neq(ids[i], 0);
		cr_assert_eq(lr_sites_find((i + 1) * UINT64_C(0x9e3779b97f4a7c15), 4096 + i), ids[i]);
	}
	cr_assert_eq(lr_sites_find(4711, 4096), 0);
}

Test(stack, a_site_is_found_by_its_whole_hash_and_its_pc)
{
	uint64_t hash = UINT64_C(0x123456789abcdef0);
	uint32_t id = lr_sites_intern(hash, 4096, 0, 0);

	cr_assert_neq(id, 0);
	cr_assert_eq(lr_sites_find(hash, 4096), id);
	cr_assert_eq(lr_sites_find(hash ^ 0x10, 4096), 0);
	cr_assert_eq(lr_sites_find(hash, 4097), 0);
}

/* Modules */

Test(stack, a_site_names_its_module)
{
	uint32_t id = capture();
	const struct lr_module *module =
		lr_image_module(&lr_arena_image, (uint32_t)(site_of(id)->pc >> 48));
	char self_path[4096] = "";

	cr_assert_not_null(module);
	cr_assert(pc_of(id) >= module->start && pc_of(id) < module->end);
	cr_assert_gt(readlink("/proc/self/exe", self_path, sizeof(self_path) - 1), 0);
	cr_assert_str_eq(lr_image_text(&lr_arena_image, module->path, NULL), self_path);
	cr_assert_eq(module->build_id_size, 20);
}

Test(stack, a_library_has_its_path_and_bias)
{
	struct lr_cfi_image image;
	uint32_t id = 0;
	const struct lr_module *module;
	Dl_info info;

	cr_assert(lr_modules_find((uintptr_t)dlsym(RTLD_DEFAULT, "qsort"), &image, &id));
	module = lr_image_module(&lr_arena_image, id);
	cr_assert(dladdr(dlsym(RTLD_DEFAULT, "qsort"), &info) != 0);
	cr_assert_str_eq(lr_image_text(&lr_arena_image, module->path, NULL), info.dli_fname);
	cr_assert_eq(module->bias, (uintptr_t)info.dli_fbase);
}

Test(stack, an_address_in_no_module_is_said_to_be_in_none)
{
	struct lr_cfi_image image;
	uint32_t id = 0;

	cr_assert_not(lr_modules_find(4096, &image, &id));
	cr_assert_not(lr_modules_find((uintptr_t)&id, &image, &id));
}

/*
 * Compile a library that calls what it is given to @path. Its outer function has a frame of about @room bytes, and its call is at the
 * same address whatever that is; the call of its inner function is @gap bytes further on.
 */
static void compile(const char *path, int room, int gap)
{
	static const char source[] =
		"static __attribute__((noinline)) unsigned inner(unsigned (*called)(void));\n"
		"unsigned call(unsigned (*called)(void))\n"
		"{ volatile char room[ROOM]; unsigned id; room[0] = 1; id = inner(called); return id + room[0] - 1; }\n"
		"static unsigned inner(unsigned (*called)(void))\n"
		"{ volatile char room[8]; unsigned id; room[0] = 1; __asm__ volatile(\".fill \" GAP \", 1, 0x90\");\n"
		"  id = called(); return id + room[0] - 1; }\n";
	char command[1024];
	FILE *compiler;

	snprintf(command, sizeof(command),
		 "cc -x c -O2 -fno-toplevel-reorder -fPIC -shared -Wl,--build-id -DROOM=%d '-DGAP=\"%d\"' -o %s -",
		 room, gap, path);
	compiler = popen(command, "w");
	cr_assert_not_null(compiler);
	fputs(source, compiler);
	cr_assert_eq(pclose(compiler), 0);
}

static NOINLINE uint32_t call_library(const char *path, uintptr_t *ret_address)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	uint32_t (*call)(uint32_t(*called)(void));
	uint32_t id;

	cr_assert_not_null(library);
	*(void **)&call = dlsym(library, "call");
	*ret_address = (uintptr_t)call;
	id = call(call_capture);
	cr_assert_eq(dlclose(library), 0);
	return id;
}

static uint32_t module_of_parent(uint32_t id)
{
	return (uint32_t)(site_of(site_of(id)->parent)->pc >> 48);
}

Test(stack, a_library_in_the_place_of_another_is_another_module)
{
	char folder[] = "/tmp/lastref-stack-XXXXXX";
	char paths[2][64];
	uintptr_t addresses[3];
	uint32_t ids[3];
	int whole = length_of(capture());

	cr_assert_not_null(mkdtemp(folder));
	for (int i = 0; i < 2; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%d.so", folder, i);
		compile(paths[i], i ? 2000 : 3000, i ? 64 : 1);
	}
	for (int i = 0; i < 3; i++)
		ids[i] = call_library(paths[i & 1], &addresses[i]);
	for (int i = 0; i < 2; i++)
		unlink(paths[i]);
	rmdir(folder);
	cr_assert_eq(addresses[0] >> 12, addresses[1] >> 12,
		     "the second library was not put where the first was");
	for (int i = 0; i < 3; i++)
		cr_assert_eq(length_of(ids[i]), whole + 4);
	cr_assert_neq(module_of_parent(ids[0]), module_of_parent(ids[1]));
	cr_assert_eq(module_of_parent(ids[0]), module_of_parent(ids[2]),
		     "the same code at the same place again");
}

/* Forks */

Test(stack, the_child_of_a_fork_begins_anew)
{
	uint32_t parents = recurse(10);
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		void *theirs[FRAMES_MAX];
		uint32_t id;

		lr_arena_restart_in_child();
		lr_arena_start(NULL);
		lr_stack_restart_in_child();
		id = capture();
		_exit(id != 0 && is_backtrace(id, theirs, backtrace(theirs, FRAMES_MAX)) ? 0 : 1);
	}
	cr_assert_neq(parents, 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}
