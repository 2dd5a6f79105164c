#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Alternate signal stacks, small stacks, and stacks that are left in other ways than by returning.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

# stack_program OUT [FLAG...]: a program whose main() is on stdin, with boxes, fibres and what follows.
stack_program()
{
	cat - >main.c
	box_program "$@" -I"$SRC/tests/surroundings" -D_GNU_SOURCE <<-'C'
		#include "fibres.h"

		static int misused;

		__attribute__((unused)) static void on_misuse(const struct lastref_misuse *misuse, void *unused)
		{
			(void)unused;
			misused += strstr(misuse->message, "MISUSE") != NULL;
		}

		__attribute__((unused)) static void misuse_one(void)
		{
			static struct box never_born;

			box_ref(&never_born);
		}

		__attribute__((unused)) static void use_one(void)
		{
			struct box *box = box_new();

			box_unref(box_ref(box));
			box_unref(box);
		}

		/* Pages with one below that cannot be read or written. */
		__attribute__((unused)) static char *guarded(size_t size)
		{
			char *pages = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (pages == MAP_FAILED || mprotect(pages, 4096, PROT_NONE) != 0)
				abort();
			return pages + 4096;
		}

		#include "main.c"
	C
}

test_all_is_done_in_nested_handlers_on_alternate_stacks()
{
	stack_program handlers <<-'C'
		static struct box *shared;
		static struct box *born;
		static int depth;

		__attribute__((noinline)) static void on_signal(int number)
		{
			depth++;
			box_unref(box_ref(shared));
			use_one();
			if (born)
				box_unref(born);
			born = box_new();
			misuse_one();
			if (number == SIGUSR1)
				raise(SIGUSR2);
			else
				printf("%zu found\n", lastref_leak_check());
			use_one();
			depth--;
		}

		static void *in_thread(void *unused)
		{
			struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
			stack_t alternate = { .ss_sp = guarded(64 * 1024), .ss_size = 64 * 1024 };

			sigaltstack(&alternate, NULL);
			sigaction(SIGUSR1, &action, NULL);
			sigaction(SIGUSR2, &action, NULL);
			for (int i = 0; i < 3; i++) {
				use_one();
				raise(SIGUSR1);
			}
			use_one();
			/* What a memo has of the alternate stack is not there any more. */
			alternate.ss_flags = SS_DISABLE;
			sigaltstack(&alternate, NULL);
			munmap(alternate.ss_sp, alternate.ss_size);
			use_one();
			return unused;
		}

		int main(void)
		{
			pthread_t thread;

			lastref_set_misuse_handler(on_misuse, NULL);
			shared = box_new();
			in_thread(NULL);
			if (pthread_create(&thread, NULL, in_thread, NULL) != 0)
				abort();
			pthread_join(thread, NULL);
			printf("%d misused, %d deep, %zu live\n", misused, depth, lastref_live_objects());
			return 0;
		}
	C
	with leaks=warn ./handlers
	expect_status 0
	expect_text stdout '12 misused, 0 deep, 2 live'
	expect_match stderr 'box_new < main\.c:[0-9]+ on_signal < .* < main\.c:[0-9]+ on_signal < .* main\.c:[0-9]+ in_thread'
}

# What the guide says of small stacks (docs/guide/leak-checks.md). The kernel's own frame of a signal comes on top.
test_a_small_stack_is_enough()
{
	stack_program small <<-'C'
		static char *low;

		/* How much of it was written to. */
		static size_t used(const char *pages, size_t size)
		{
			size_t untouched = 0;

			while (untouched < size && pages[untouched] == 0x5a)
				untouched++;
			return size - untouched;
		}

		static void work(struct fibre *self)
		{
			if (self->argument)
				misuse_one();
			else
				use_one();
		}

		static void check(struct fibre *self)
		{
			(void)self;
			box_new();
			printf("%zu found\n", lastref_leak_check());
		}

		static void on_signal(int number)
		{
			(void)number;
			use_one();
		}

		static void on_fibre(const char *what, void (*function)(struct fibre *self), void *argument, size_t most)
		{
			struct fibre fibre;
			size_t size = 128 * 1024;

			fibre_init(&fibre, size, function, argument);
			memset(fibre.stack, 0x5a, size - 512);
			fibre_enter(&fibre);
			printf("%s: %zu bytes, %s\n", what, used(fibre.stack, size),
			       used(fibre.stack, size) <= most ? "enough" : "too many");
			fibre_finish(&fibre);
		}

		int main(int argc, char **argv)
		{
			size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 8192;
			struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
			stack_t alternate;

			(void)argv;
			lastref_set_misuse_handler(on_misuse, NULL);
			low = guarded((size + 4095) & ~(size_t)4095);
			alternate = (stack_t){ .ss_sp = low, .ss_size = size };
			sigaction(SIGUSR1, &action, NULL);
			if (sigaltstack(&alternate, NULL) != 0)
				abort();
			if (argc > 1) {
				raise(SIGUSR1);
				printf("handled\n");
				return 0;
			}
			on_fibre("birth and death", work, NULL, 8192);
			on_fibre("misuse", work, &size, 16384);
			on_fibre("leak check", check, NULL, 16384);
			return misused != 1;
		}
	C
	for settings in leaks=warn 'leaks=warn:log=*:output=log'; do
		with "$settings" ./small
		expect_status 0
		[ "$settings" != leaks=warn ] || expect_match stdout '^birth and death: [0-9]+ bytes, enough'
		expect_match stdout '^misuse: [0-9]+ bytes, enough'
		expect_match stdout '^leak check: [0-9]+ bytes, enough'
	done
	with leaks=warn ./small handler
	expect_status 0
	expect_text stdout 'handled'
}

test_frames_that_were_jumped_out_of_leave_nothing_behind()
{
	stack_program jumps <<-'C'
		static jmp_buf back;
		static volatile int is_set;
		static struct box *boxes[64];

		__attribute__((noinline)) static int dig(int levels, int which)
		{
			volatile char room[64];

			room[0] = 1;
			if (levels > 0)
				return dig(levels - 1, which) + room[0];
			boxes[which] = box_new();
			if (is_set)
				longjmp(back, 1);
			return room[0];
		}

		/* Frames of one size, so that those inside of them are at the same addresses. */
		__attribute__((noinline)) static int by_way_of_a(int which)
		{
			return dig(5, which) + 1;
		}

		__attribute__((noinline)) static int by_way_of_b(int which)
		{
			return dig(5, which) + 2;
		}

		/* Half of the boxes come from one stack and half from another: neither is taken for the one that was left before. */
		int main(void)
		{
			for (volatile int i = 0; i < 64; i++) {
				if (setjmp(back) == 0) {
					is_set = 1;
					if (i % 2)
						by_way_of_a(i);
					else
						by_way_of_b(i);
				}
			}
			printf("%zu live\n", lastref_live_objects());
			return 0;
		}
	C
	with leaks=warn ./jumps
	expect_status 0
	expect_text stdout '64 live'
	expect_text stderr '2 causes'
	expect_text stderr '32 box'
	expect_text stderr 'by_way_of_a'
	expect_text stderr 'by_way_of_b'
}

test_code_in_anonymous_memory_ends_the_stack()
{
	stack_program jit <<-'C'
		static struct box *born;

		static void bear(void)
		{
			born = box_new();
		}

		/* push %rbp; mov %rsp,%rbp; sub $16,%rsp; call *%rdi; leave; ret */
		static const unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0xff, 0xd7, 0xc9, 0xc3 };

		int main(void)
		{
			/* Written anew at the same place, each time a byte further on, after what was there is gone. */
			for (int i = 0; i < 200; i++) {
				unsigned char *made = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
							   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				void (*call)(void (*called)(void));

				if (made == MAP_FAILED)
					return 77;
				memcpy(made + i, code, sizeof(code));
				made += i;
				memcpy(&call, &made, sizeof(call));
				call(bear);
				box_unref(born);
				if (i == 199)
					call(bear);
				munmap(made - i, 8192);
			}
			return 0;
		}
	C
	with leaks=warn ./jit
	[ "$status" != 77 ] || skip "no memory for code that is written"
	expect_status 0
	expect_text stderr 'lastref: 1 object leaked'
	expect_match stderr 'box_new < main\.c:[0-9]+ bear'
}

test_a_birth_near_the_end_of_a_guarded_stack_reads_nothing_beyond()
{
	stack_program guards <<-'C'
		static char *low;
		static int births;

		/* Down to where a birth and what the test itself calls just fit. */
		__attribute__((noinline)) static int dig(void)
		{
			volatile char room[512];
			char here;

			room[0] = (char)(&here > low + 10 * 1024);
			if (room[0])
				return dig() + room[0];
			use_one();
			births++;
			return room[0];
		}

		static void *work(void *size)
		{
			char here;
			char *bottom = &here - (size_t)size + 16384;

			use_one();
			low = low ? low : bottom;
			dig();
			use_one();
			/* Now a guard of the user's above the end, where there was known stack before. */
			bottom = (char *)(((unsigned long)&here - 65536) & ~4095ul);
			if (mprotect(bottom, 4096, PROT_NONE) != 0)
				abort();
			low = bottom + 4096;
			dig();
			use_one();
			mprotect(bottom, 4096, PROT_READ | PROT_WRITE);
			return NULL;
		}

		int main(void)
		{
			pthread_attr_t attributes;
			pthread_t thread;
			size_t size = 256 * 1024;

			work((void *)size);
			pthread_attr_init(&attributes);
			pthread_attr_setstack(&attributes, low = guarded(size), size);
			if (pthread_create(&thread, &attributes, work, (void *)size) != 0)
				abort();
			pthread_join(thread, NULL);
			printf("%d births, %zu live\n", births, lastref_live_objects());
			return 0;
		}
	C
	with leaks=warn ./guards
	expect_status 0
	expect_text stdout '4 births, 0 live'
	expect_empty stderr
}

run_tests "$@"
