#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Stacks that are not what a thread was born with, or that cannot be walked: a shorter stack in the report, never a crash.
#
# ROUNDS: how many kinds of damage to frame information are tried.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

ROUNDS=${ROUNDS:-300}

# fibre_program OUT [FLAG...]: a program whose main() is on stdin, with boxes and fibres.
fibre_program()
{
	cat - >main.c
	box_program "$@" -I"$SRC/tests/surroundings" -D_GNU_SOURCE <<-'C'
		#include "fibres.h"
		#include "main.c"
	C
}

test_births_refs_and_deaths_happen_on_fibres()
{
	fibre_program fibres <<-'C'
		static struct box *shared;

		__attribute__((noinline)) static void forget_one(void)
		{
			box_new();
		}

		/* What is born here dies on the other fibre, and the other way around. */
		static void exchange(struct fibre *self)
		{
			for (int i = 0; i < 100; i++) {
				struct box *former = shared;

				shared = box_new();
				box_unref(box_ref(shared));
				fibre_leave(self);
				if (former)
					box_unref(former);
			}
			if (self->argument)
				forget_one();
		}

		int main(int argc, char **argv)
		{
			struct fibre a, b;

			(void)argv;
			fibre_init(&a, 64 * 1024, exchange, NULL);
			fibre_init(&b, 64 * 1024, exchange, &a);
			while (!a.is_over || !b.is_over) {
				fibre_enter(&a);
				fibre_enter(&b);
			}
			box_unref(shared);
			fibre_finish(&a);
			fibre_finish(&b);
			printf("%zu live, %d\n", lastref_live_objects(), argc);
			return 0;
		}
	C
	with leaks=warn ./fibres
	expect_status 0
	expect_text stdout '1 live'
	expect_text stderr 'lastref: 1 object leaked'
	expect_match stderr 'main\.c:[0-9]+ forget_one < main\.c:[0-9]+ exchange < fibres\.h:[0-9]+ fibre_main'
}

test_a_destructor_and_describe_may_switch_fibres()
{
	fibre_program switches <<-'C'
		struct parcel {
			struct lastref_count refs;
			struct fibre *fibre; /* that is left by what works on it */
		};

		static int described;
		static int destroyed;

		static void parcel_destroy(struct parcel *parcel)
		{
			fibre_leave(parcel->fibre);
			destroyed++;
			free(parcel);
		}

		static int parcel_describe(const void *parcel, char *buf, size_t size)
		{
			fibre_leave(((const struct parcel *)parcel)->fibre);
			described++;
			return snprintf(buf, size, "told on a fibre");
		}

		LASTREF_DEFINE(parcel, struct parcel, refs, parcel_destroy, .describe = parcel_describe);

		static struct parcel *parcel_new(struct fibre *fibre)
		{
			struct parcel *parcel = calloc(1, sizeof(*parcel));

			if (!parcel)
				abort();
			parcel->fibre = fibre;
			parcel_ref_init(parcel);
			return parcel;
		}

		static void destroy_one(struct fibre *self)
		{
			parcel_unref(parcel_new(self));
		}

		static void check(struct fibre *self)
		{
			struct parcel *parcel = parcel_new(self);

			printf("%zu found\n", lastref_leak_check());
			parcel_unref(parcel);
		}

		int main(void)
		{
			struct fibre fibres[3];

			fibre_init(&fibres[0], 64 * 1024, destroy_one, NULL);
			fibre_init(&fibres[1], 64 * 1024, destroy_one, NULL);
			fibre_init(&fibres[2], 256 * 1024, check, NULL);
			for (int i = 0; i < 3; i++)
				fibre_enter(&fibres[i]);
			/* Each is in the middle of it now. */
			box_unref(box_new());
			for (int i = 0; i < 3; i++)
				while (!fibres[i].is_over)
					fibre_enter(&fibres[i]);
			for (int i = 0; i < 3; i++)
				fibre_finish(&fibres[i]);
			printf("%d destroyed, %d described, %zu live\n", destroyed, described, lastref_live_objects());
			return 0;
		}
	C
	with leaks=warn ./switches
	expect_status 0
	expect_text stdout '3 destroyed, 1 described, 0 live'
	expect_text stderr '3 objects leaked'
	expect_text stderr 'told on a fibre'
	expect_match stderr 'BEING DESTROYED  2 of them, last unref at main\.c:[0-9]+ destroy_one < fibres\.h:[0-9]+ fibre_main'
}

test_stacks_of_fibres_may_vanish_and_others_come_in_their_place()
{
	fibre_program vanish <<-'C'
		static struct box *last;
		static unsigned int seed = 1;
		static void *first_stack;
		static int met_again;

		__attribute__((noinline)) static int at_depth(int levels)
		{
			volatile char room[200];

			room[0] = 1;
			if (levels > 0)
				return at_depth(levels - 1) + room[0];
			if (last)
				box_unref(last);
			last = box_new();
			return room[0];
		}

		static void work(struct fibre *self)
		{
			(void)self;
			at_depth(rand_r(&seed) % 40);
		}

		/* A smaller stack at the lower end of a larger one's place: what was above it is not there any more. */
		static void *be_busy(void *unused)
		{
			for (int i = 0; i < 1000; i++) {
				size_t size = i % 2 ? 16 * 1024 : 256 * 1024;
				struct fibre fibre;

				fibre_init(&fibre, size, work, NULL);
				met_again += fibre.stack == first_stack;
				first_stack = i == 0 ? fibre.stack : first_stack;
				fibre_enter(&fibre);
				at_depth(i % 7);
				fibre_finish(&fibre);
				if (i % 3 == 0)
					at_depth(i % 7);
			}
			return unused;
		}

		/* With a stack that the program brought there is no guard page: what is mapped next lies right below it. */
		static void in_thread(void)
		{
			pthread_attr_t attributes;
			pthread_t thread;
			void *stack = mmap(NULL, 256 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			pthread_attr_init(&attributes);
			pthread_attr_setstack(&attributes, stack, 256 * 1024);
			if (pthread_create(&thread, &attributes, be_busy, NULL) != 0)
				abort();
			pthread_join(thread, NULL);
		}

		int main(void)
		{
			be_busy(NULL);
			in_thread();
			box_unref(last);
			printf("%s, %zu live\n", met_again > 0 ? "met again" : "never met", lastref_live_objects());
			return 0;
		}
	C
	with leaks=warn ./vanish
	expect_status 0
	expect_text stdout 'met again, 0 live'
	expect_empty stderr
}

test_a_fibre_may_go_on_in_another_thread()
{
	fibre_program moved <<-'C'
		#define FIBRES 8

		static struct fibre fibres[FIBRES];
		static pthread_mutex_t locks[FIBRES];

		__attribute__((noinline)) static void keep(struct box **boxes, int i)
		{
			if (boxes[i % 10])
				box_unref(boxes[i % 10]);
			boxes[i % 10] = box_new();
		}

		static void work(struct fibre *self)
		{
			struct box *boxes[10] = { 0 };

			for (int i = 0; i < 500; i++) {
				keep(boxes, i);
				fibre_leave(self);
				box_unref(box_ref(boxes[i % 10]));
			}
			for (int i = 0; i < 10; i++)
				box_unref(boxes[i]);
		}

		static void *drive(void *first)
		{
			int over = 0;

			for (size_t i = (size_t)first; over < FIBRES; i++) {
				size_t at = i % FIBRES;

				over = at == (size_t)first % FIBRES ? 0 : over;
				pthread_mutex_lock(&locks[at]);
				if (fibres[at].is_over)
					over++;
				else
					fibre_enter(&fibres[at]);
				pthread_mutex_unlock(&locks[at]);
			}
			return NULL;
		}

		int main(void)
		{
			pthread_t threads[3];

			for (size_t i = 0; i < FIBRES; i++) {
				pthread_mutex_init(&locks[i], NULL);
				fibre_init(&fibres[i], 64 * 1024, work, NULL);
			}
			for (size_t i = 0; i < 3; i++)
				if (pthread_create(&threads[i], NULL, drive, (void *)(i * 3)) != 0)
					abort();
			for (size_t i = 0; i < 3; i++)
				pthread_join(threads[i], NULL);
			for (size_t i = 0; i < FIBRES; i++)
				fibre_finish(&fibres[i]);
			printf("%zu live\n", lastref_live_objects());
			return 0;
		}
	C
	with leaks=warn ./moved
	expect_status 0
	expect_text stdout '0 live'
	expect_empty stderr
}


# A library of functions that call each other with all that frame information can say, and the program that loads one copy after
# the other, each with other damage.
damage_program()
{
	cat >chain.c <<-'C'
		#include <alloca.h>
		#include <string.h>

		typedef void callback(void);

		void middle(callback *call, int n);
		void chain(callback *call, int n);

		__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void inner(callback *call, int n)
		{
			char *room = alloca((size_t)(16 + n * 32));

			memset(room, n, 16);
			call();
			__asm__ volatile("" : : "r"(room) : "memory");
		}

		__attribute__((noinline)) void middle(callback *call, int n)
		{
			volatile char aligned[64] __attribute__((aligned(128)));

			aligned[0] = (char)n;
			inner(call, n);
			aligned[1] = aligned[0];
		}

		/* Words that look like addresses of the stack, for frames that are taken for those of a signal. */
		__attribute__((noinline)) void chain(callback *call, int n)
		{
			volatile char *words[60];

			for (int i = 0; i < 60; i++)
				words[i] = (volatile char *)words - (i % 3) * (12 << 20) - i * 8;
			if (n > 0)
				chain(call, n - 1);
			else
				middle(call, n);
			__asm__ volatile("" : : "r"(words) : "memory");
		}
	C
	"$CC" -O2 -g0 -fPIC -shared -Wl,--build-id=sha1 -o chain.so chain.c
	readelf -SW chain.so >sections
	fibre_program damage -ldl <<-'C'
		#include <dlfcn.h>
		#include <fcntl.h>

		static struct box *born;

		static void bear(void)
		{
			born = box_new();
		}

		static unsigned int seed;

		static unsigned int pick(unsigned int count)
		{
			seed = seed * 1664525 + 1013904223;
			return (seed >> 8) % count;
		}

		/* Bytes of which frame information is made, so that damage makes sense sometimes. */
		static unsigned char some_byte(void)
		{
			static const unsigned char sense[] = { 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x16, 0x76, 0x77,
							       0x06, 0x41, 0x44, 0x83, 0x86, 0x90, 0xc6, 0x00, 0x7f, 0xff,
							       'z',  'R',  'S',  'P',  'L',  0x1b, 0x80, 0x01, 0x08, 0x10 };

			return pick(2) ? sense[pick(sizeof(sense))] : (unsigned char)pick(256);
		}

		static void damage(unsigned char *part, size_t size)
		{
			size_t at = pick((unsigned int)size);
			size_t length = size - at;

			switch (pick(12)) {
			case 0:
				memset(part + at, 0, length);
				break;
			case 1:
				for (size_t i = at; i < size; i++)
					part[i] = (unsigned char)pick(256);
				break;
			case 2:
				memmove(part + at, part, length);
				break;
			default:
				for (unsigned int i = pick(4) + 1; i > 0; i--)
					part[pick((unsigned int)size)] = some_byte();
			}
		}

		struct part {
			size_t at;
			size_t size;
		};

		static void make_library(const char *name, const unsigned char *good, size_t size, const struct part *parts)
		{
			unsigned char *copy = malloc(size);
			int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0700);
			unsigned int which = pick(4);

			if (!copy || fd < 0)
				abort();
			memcpy(copy, good, size);
			if (which != 0 && parts[0].size > 0)
				damage(copy + parts[0].at, parts[0].size);
			if (which < 2 && parts[1].size > 0)
				damage(copy + parts[1].at, parts[1].size);
			/* Another build-id, else the library is taken for the former one, of which all is known. */
			memcpy(copy + parts[2].at + parts[2].size - sizeof(seed), &seed, sizeof(seed));
			if (write(fd, copy, size) != (ssize_t)size)
				abort();
			close(fd);
			free(copy);
		}

		static void call_it(void (*chain)(void (*)(void), int))
		{
			for (int n = 0; n < 4; n++) {
				chain(bear, n);
				box_unref(born);
			}
		}

		static void on_fibre(struct fibre *self)
		{
			void (*chain)(void (*)(void), int);

			*(void **)&chain = self->argument;
			call_it(chain);
		}

		static void *in_thread(void *chain_)
		{
			void (*chain)(void (*)(void), int);

			*(void **)&chain = chain_;
			call_it(chain);
			return NULL;
		}

		/* It stays: what is known of its addresses would be taken as known of the next one's, too, if that came in its place. */
		static void use_library(const char *name)
		{
			void *library = dlopen(name, RTLD_NOW);
			void (*chain)(void (*)(void), int);
			struct fibre fibre;
			pthread_t thread;

			if (!library)
				abort();
			*(void **)&chain = dlsym(library, "chain");
			call_it(chain);
			chain(bear, 1);
			fibre_init(&fibre, 64 * 1024, on_fibre, *(void **)&chain);
			fibre_enter(&fibre);
			fibre_finish(&fibre);
			if (pthread_create(&thread, NULL, in_thread, *(void **)&chain) != 0)
				abort();
			pthread_join(thread, NULL);
		}

		/* arguments: first round, rounds, then place and size: of .eh_frame, of .eh_frame_hdr, of the build-id */
		int main(int argc, char **argv)
		{
			static unsigned char good[1 << 16];
			struct part parts[3];
			int fd = open("chain.so", O_RDONLY);
			ssize_t size = read(fd, good, sizeof(good));
			unsigned int first;

			if (argc != 9 || size <= 0)
				return 2;
			first = (unsigned int)atoi(argv[1]);
			for (int i = 0; i < 3; i++) {
				parts[i].at = strtoul(argv[3 + 2 * i], NULL, 16);
				parts[i].size = strtoul(argv[4 + 2 * i], NULL, 16);
			}
			for (unsigned int round = first; round < first + (unsigned int)atoi(argv[2]); round++) {
				char name[40];

				/* On a crash, the file shows the round. */
				seed = round;
				snprintf(name, sizeof(name), "./damaged%u.so", round);
				make_library(name, good, (size_t)size, parts);
				use_library(name);
				unlink(name);
			}
			printf("%zu live\n", lastref_live_objects());
			return 0;
		}
	C
}

# Where section $1 is in the file, and its size.
section()
{
	awk -v name="$1" '{ for (i = 1; i < NF; i++) if ($i == name) print $(i + 3), $(i + 4) }' sections
}

test_damaged_frame_information_makes_a_shorter_stack()
{
	damage_program
	# shellcheck disable=SC2046
	with leaks=warn timeout 120 ./damage 1 "$ROUNDS" $(section .eh_frame) $(section .eh_frame_hdr) \
		$(section .note.gnu.build-id)
	expect_status 0
	expect_text stdout "$ROUNDS live"
	# Thousands have a comma in the report.
	expect_text stderr "$(sed -E 's/([0-9]+)([0-9]{3})$/\1,\2/' <<<"$ROUNDS") causes"
}

test_a_library_without_frame_information_ends_the_stack()
{
	local name

	damage_program
	"$CC" -O2 -g0 -fPIC -shared -fno-asynchronous-unwind-tables -fno-unwind-tables -Wl,--build-id=sha1 \
		-o untold.so chain.c
	objcopy --remove-section .eh_frame_hdr chain.so no_header.so
	objcopy --remove-section .eh_frame --remove-section .eh_frame_hdr chain.so no_frames.so
	strip --strip-all --remove-section .eh_frame -o stripped.so chain.so
	# One after the other: arguments of the program are place and size of the parts to damage, here none.
	for name in untold no_header no_frames stripped; do
		mv "$name.so" chain.so
		with leaks=warn timeout 50 ./damage 0 1 0 0 0 0 "$(build_id_place)" 24
		expect_status 0
		expect_text stdout '1 live'
		expect_match stderr 'box_new < main\.c:[0-9]+ bear'
	done
}

# Where a build-id may be changed in chain.so.
build_id_place()
{
	readelf -SW chain.so >sections
	section .note.gnu.build-id | cut -d ' ' -f 1
}

# liar NAME FRAME...: a function that calls its argument, with FRAME for its frame information.
liar()
{
	printf '.text\n.globl %s\n.type %s, @function\n%s:\n.cfi_startproc\n' "$1" "$1" "$1"
	printf '%s\n' "${@:2}"
	printf 'subq $1048, %%rsp\ncall *%%rdi\naddq $1048, %%rsp\nret\n.cfi_endproc\n.size %s, .-%s\n' "$1" "$1"
}

# What each says of the frame of 1,056 bytes; its first 240 bytes are words of the test's choice.
write_liars()
{
	{
		echo '.section .note.GNU-stack,"",@progbits'
		printf '.text\n.globl without_cfi\n.type without_cfi, @function\nwithout_cfi:\n'
		printf 'subq $1048, %%rsp\ncall *%%rdi\naddq $1048, %%rsp\nret\n'
		liar cyclic '.cfi_def_cfa_offset 0'
		liar beyond '.cfi_def_cfa_offset 67108864'
		# Less than can be remembered of a rule, and more than the stack has.
		liar over '.cfi_def_cfa_offset 102400'
		liar unaligned '.cfi_def_cfa_offset 1053'
		liar by_frame_pointer '.cfi_def_cfa %rbp, 16'
		liar by_another '.cfi_def_cfa %rbx, 16'
		liar below '.cfi_def_cfa_offset 1056' '.cfi_offset %rbp, -1176'
		liar far_fp '.cfi_def_cfa_offset 1056' '.cfi_offset %rbp, -131072'
		# DW_CFA_def_cfa_expression: rbp+0, deref; rsp+0, deref; lit0; and one that goes around for ever.
		liar realigned '.cfi_escape 0x0f,0x03,0x76,0x00,0x06' '.cfi_escape 0x10,0x06,0x02,0x76,0x00'
		liar by_stack '.cfi_escape 0x0f,0x03,0x77,0x00,0x06'
		liar null '.cfi_escape 0x0f,0x01,0x30'
		liar endless '.cfi_escape 0x0f,0x03,0x2f,0xfd,0xff'
		# A signal handler's frame, of which rsp+160 is the interrupted stack pointer.
		liar interrupted '.cfi_signal_frame' '.cfi_escape 0x0f,0x04,0x77,0xa0,0x01,0x06'
	} >liars.s
}

liars='without_cfi cyclic beyond over unaligned by_frame_pointer by_another below far_fp realigned by_stack null endless interrupted'

test_a_frame_that_lies_or_has_no_information_ends_the_stack()
{
	local name

	write_liars
	for name in $liars; do printf 'LIAR(%s)\n' "$name"; done >liars.h
	gcc -c -o liars.o liars.s
	fibre_program lies liars.o <<-'C'
		static struct box *born;
		static uintptr_t words[30];

		#define LIAR(name) void name(void (*called)(void));
		#include "liars.h"
		#undef LIAR
		#define LIAR(name) name,
		static void (*const liars[])(void (*called)(void)) = {
		#include "liars.h"
		};
		#define LIARS (sizeof(liars) / sizeof(liars[0]))

		/* Into the frame of the liar, which begins above the return address to it. */
		__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void bear(void)
		{
			memcpy((char *)__builtin_frame_address(0) + 16, words, sizeof(words));
			if (born)
				box_unref(born);
			born = box_new();
		}

		/* All words the same; that at 168 of a signal's frame is an instruction, here of a liar again. */
		static void try_each(uintptr_t word)
		{
			for (size_t i = 0; i < LIARS; i++) {
				for (size_t w = 0; w < 30; w++)
					words[w] = word;
				words[21] = (uintptr_t)liars[i] + 7;
				for (int again = 0; again < 3; again++)
					liars[i](bear);
			}
		}

		static void *try_all(void *high)
		{
			uintptr_t here = (uintptr_t)__builtin_frame_address(0);

			try_each(0);
			try_each(1);
			try_each(UINTPTR_MAX - 7);
			try_each(0x5555555555555555);
			for (long step = 8; step < 1L << 46; step *= 2) {
				try_each(here - (uintptr_t)step);
				try_each(here + (uintptr_t)step);
				try_each((uintptr_t)high - (uintptr_t)step);
			}
			return NULL;
		}

		static void on_fibre(struct fibre *self)
		{
			try_all(self->stack + self->size);
		}

		int main(int argc, char **argv)
		{
			struct fibre fibre;
			pthread_t thread;
			char *pages;

			try_all(argv + argc);
			/* Above the fibre's stack there is nothing to read. */
			pages = mmap(NULL, 512 * 1024, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (pages == MAP_FAILED || mprotect(pages, 65536, PROT_READ | PROT_WRITE) != 0)
				abort();
			fibre_init_on(&fibre, pages, 65536, on_fibre, NULL);
			fibre_enter(&fibre);
			fibre_finish(&fibre);
			if (pthread_create(&thread, NULL, try_all, argv) != 0)
				abort();
			pthread_join(thread, NULL);
			printf("%zu live\n", lastref_live_objects());
			return 0;
		}
	C
	with leaks=warn timeout 50 ./lies
	expect_status 0
	expect_text stdout '1 live'
	expect_text stderr 'lastref: 1 object leaked'
	expect_match stderr 'box_new < main\.c:[0-9]+ bear'
}

run_tests "$@"
