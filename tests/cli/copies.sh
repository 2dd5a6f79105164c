#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The library more than once in a process: in the program and in a plugin, linked in every way. One of them checks, and what lives or
# dies through another is neither a leak nor a misuse for it.
. "$(dirname "$0")/../support/tap.sh"

notice='lastref: this library is in the process twice, in '
note='note: 1 more copy of the library was in this process; what was born through it was not checked'

# The source of a plugin and of a program that opens it; both count the same type.
sources()
{
	cat >box.h <<-'C'
		#include <lastref/lastref.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>

		struct box {
			struct lastref_count refs;
		};

		static void box_destroy(struct box *box)
		{
			free(box);
		}

		LASTREF_DEFINE(box, struct box, refs, box_destroy);

		static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct box);

		/* What each side lets the other one do. */
		struct side {
			struct box *(*new)(void);
			void (*unref)(struct box *box);
			void (*add_route)(void *route);
			void (*remove_route)(void *route);
			size_t (*check)(void);
			void (*switch_on)(void);
			unsigned char *watch;
		};

		static struct box *new(void)
		{
			struct box *box = calloc(1, sizeof(*box));

			if (!box)
				abort();
			box_ref_init(box);
			return box;
		}

		static void unref(struct box *box)
		{
			box_unref(box);
		}

		static void add_route(void *route)
		{
			lastref_register(&route_type, route);
		}

		static void remove_route(void *route)
		{
			lastref_unregister(&route_type, route);
		}

		static void switch_on(void)
		{
			lastref_set_leak_mode(LASTREF_LEAKS_WARN);
		}

		static const struct side own_side = {
			new, unref, add_route, remove_route, lastref_leak_check, switch_on, &lastref_watch
		};
	C
	cat >plugin.c <<-'C'
		#include "box.h"

		const struct side *plugin_side(void)
		{
			return &own_side;
		}
	C
	cat >prog.c <<-'C'
		#include "box.h"
		#include <dlfcn.h>
		#include <pthread.h>
		#include <sys/wait.h>

		static void cross(const struct side *from, const struct side *to)
		{
			static char route;

			to->unref(from->new());
			from->add_route(&route);
			to->remove_route(&route);
			from->add_route(&route);
			from->remove_route(&route);
		}

		static int go(const struct side *plugin, const char *what)
		{
			int status = 0;

			if (strcmp(what, "cross") == 0) {
				cross(&own_side, plugin);
				cross(plugin, &own_side);
			}
			if (strcmp(what, "leak") == 0) {
				own_side.new();
				plugin->new();
			}
			if (strcmp(what, "on") == 0) {
				plugin->switch_on();
				own_side.switch_on();
				own_side.new();
			}
			if (strcmp(what, "fork") == 0 && fork() == 0) {
				cross(&own_side, plugin);
				own_side.new();
				exit(0);
			}
			wait(&status);
			if (strcmp(what, "watch") == 0)
				printf("%d %d\n", lastref_watch, *plugin->watch);
			if (plugin->check() != 0 && own_side.watch != plugin->watch)
				return 3;
			return status;
		}

		int main(int argc, char **argv)
		{
			void *library = dlopen("./plugin.so", RTLD_NOW | RTLD_LOCAL);
			const struct side *(*side)(void);

			if (!library) {
				fprintf(stderr, "%s\n", dlerror());
				return 1;
			}
			*(void **)&side = dlsym(library, "plugin_side");
			return go(side(), argc > 1 ? argv[1] : "");
		}
	C
}

with()
{
	run env "LASTREF=$1" LASTREF_COMMAND="$LASTREF_CMD" "${@:2}"
}

# expect_two FIRST SECOND: in prog with ./plugin.so there are two copies, and that of FIRST checks.
expect_two()
{
	with leaks=warn ./prog cross
	expect_status 0
	expect_text stderr "$notice$1 and in $2; the second stays off"
	expect_equal "$(wc -l <stderr)" 1

	with leaks=warn ./prog leak
	expect_status 0
	expect_text stderr 'lastref: 1 object leaked'
	expect_match stderr 'BORN AT .*new.* main$'
	expect_text stderr "$note"

	run "$LASTREF_CMD" run -- ./prog cross
	expect_status 0
	expect_text stderr 'lastref: no leaks known, but see the notes'
	expect_text stderr "$note"
	run "$LASTREF_CMD" run -- ./prog leak
	expect_status 23
	expect_equal "$(grep -cE ' leaked, [0-9]+ B' stderr)" 1
	expect_text stderr 'lastref: 1 object leaked'
	expect_no_text stderr ' in process '

	with leaks=warn ./prog fork
	expect_status 0
	expect_equal "$(grep -cE ' leaked, [0-9]+ B' stderr)" 1
	expect_equal "$(grep -cF "$notice" stderr)" 1
	expect_text stderr "$note"

	run ./prog leak
	expect_status 0
	expect_empty stderr
	run ./prog watch
	expect_equal "$(cat stdout)" '0 0'
	with leaks=warn ./prog watch
	expect_equal "$(cat stdout)" '1 0'
	run ./prog on
	expect_text stderr "$notice$1 and in $2; the second stays off"
	expect_text stderr 'lastref: 1 object leaked'
}

# expect_one: both sides of prog use one copy, and there is nothing to say.
expect_one()
{
	with leaks=warn ./prog cross
	expect_status 0
	expect_empty stderr
	with leaks=warn ./prog watch
	expect_equal "$(cat stdout)" '1 1'
	with leaks=warn ./prog leak
	expect_text stderr 'lastref: 2 objects leaked'
	expect_no_text stderr 'copy'
	run "$LASTREF_CMD" run -- ./prog leak
	expect_status 23
	expect_equal "$(grep -cE ' leaked, [0-9]+ B' stderr)" 1
	expect_text stderr 'lastref: 2 objects leaked'
	run ./prog on
	expect_text stderr 'lastref: 1 object leaked'
}

plugin_shared()
{
	compile plugin.so plugin.c -shared -fPIC
}

plugin_static()
{
	compile_static plugin.so plugin.c -shared -fPIC "$@"
}

test_a_static_program_and_a_plugin_with_the_shared_library()
{
	sources
	plugin_shared
	compile_static prog prog.c
	expect_two 'the program' "$LASTREF_BUILD/liblastref.so.0"
}

test_a_static_program_and_a_static_plugin()
{
	sources
	plugin_static
	compile_static prog prog.c
	expect_two 'the program' ./plugin.so
}

test_a_shared_program_and_a_static_plugin_that_hides_its_symbols()
{
	sources
	plugin_static -Wl,--exclude-libs,ALL
	compile prog prog.c
	expect_two "$LASTREF_BUILD/liblastref.so.0" ./plugin.so
}

test_a_static_program_and_a_stripped_plugin_without_unused_sections()
{
	sources
	plugin_static -Wl,--exclude-libs,ALL -Wl,--gc-sections -s
	compile_static prog prog.c -Wl,--gc-sections
	expect_two 'the program' ./plugin.so
}

test_a_static_program_that_exports_its_symbols_serves_the_plugin()
{
	sources
	plugin_shared
	compile_static prog prog.c -rdynamic
	expect_one
	plugin_static
	expect_one
}

test_a_shared_program_serves_a_static_plugin_that_hides_nothing()
{
	sources
	plugin_static
	compile prog prog.c
	expect_one
	# Here the byte that operations look at is one of the program's own, copied there by the loader.
	compile prog prog.c -no-pie -fno-pie
	expect_one
}

# The library starts before the program's own copy, and yet nobody calls it.
test_a_shared_library_whose_symbols_the_program_replaces_does_not_check()
{
	sources
	plugin_shared
	compile_static prog prog.c -Wl,--no-as-needed -L"$LASTREF_BUILD" -l:liblastref.so.0
	readelf -dW prog | grep -q 'NEEDED.*liblastref' || fail "the program does not load the shared library"
	expect_one
}

test_a_preloaded_library_is_the_first_and_the_static_program_stays_off()
{
	sources
	plugin_static -Wl,--exclude-libs,ALL
	compile_static prog prog.c
	with leaks=warn env LD_PRELOAD="$LASTREF_BUILD/liblastref.so.0" ./prog cross
	expect_status 0
	expect_text stderr "$notice$LASTREF_BUILD/liblastref.so.0 and in the program; the second stays off"
	expect_text stderr "$notice$LASTREF_BUILD/liblastref.so.0 and in ./plugin.so; the second stays off"
	expect_equal "$(wc -l <stderr)" 2
}

# A program without the library opens two plugins that have a copy each, and closes the first one early.
test_the_copy_that_checks_outlives_its_plugin()
{
	sources
	plugin_static -Wl,--exclude-libs,ALL
	cp plugin.so other.so
	cat >prog.c <<-'C'
		#include <dlfcn.h>
		#include <pthread.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>

		/* The begin of struct side of box.h, which a program without the library cannot include. */
		struct side {
			void *(*new)(void);
			void (*unref)(void *box);
		};

		static const struct side *open_plugin(const char *path, void **ret_library)
		{
			const struct side *(*side)(void);

			*ret_library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
			if (!*ret_library)
				_exit(1);
			*(void **)&side = dlsym(*ret_library, "plugin_side");
			return side();
		}

		static int step; /* 1: the thread has used the plugin; 2: the plugin is closed */

		static void wait_for(int value)
		{
			while (__atomic_load_n(&step, __ATOMIC_ACQUIRE) != value)
				usleep(1000);
		}

		static void *work(void *side_)
		{
			const struct side *side = side_;

			side->unref(side->new());
			__atomic_store_n(&step, 1, __ATOMIC_RELEASE);
			wait_for(2);
			return NULL;
		}

		int main(void)
		{
			void *libraries[2];
			const struct side *first = open_plugin("./plugin.so", &libraries[0]);
			const struct side *second;
			pthread_t thread;
			void *box = first->new();

			if (pthread_create(&thread, NULL, work, (void *)first) != 0)
				return 1;
			wait_for(1);
			second = open_plugin("./other.so", &libraries[1]);
			dlclose(libraries[0]);
			if (fork() == 0)
				exit(0);
			wait(NULL);
			second->unref(box);
			second->unref(second->new());
			dlclose(libraries[1]);
			__atomic_store_n(&step, 2, __ATOMIC_RELEASE);
			pthread_join(thread, NULL);
			printf("done\n");
			return 0;
		}
	C
	"$CC" -std=gnu11 -Wall -Werror -pthread -o prog prog.c
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(cat stdout)" "done"
	expect_text stderr "${notice}./plugin.so and in ./other.so; the second stays off"
	expect_equal "$(wc -l <stderr)" 1
	run ./prog
	expect_status 0
	expect_empty stderr
}

test_a_static_plugin_can_be_closed_and_its_thread_end_while_checking_is_on()
{
	sources
	plugin_static -Wl,--exclude-libs,ALL
	cat >prog.c <<-'C'
		#include <dlfcn.h>
		#include <stdio.h>
		#include <string.h>

		int main(void)
		{
			char line[4096];
			int mapped = 0;
			FILE *maps;

			for (int i = 0; i < 3; i++) {
				void *library = dlopen("./plugin.so", RTLD_NOW | RTLD_LOCAL);

				if (!library)
					return 1;
				dlclose(library);
			}
			maps = fopen("/proc/self/maps", "r");
			while (maps && fgets(line, sizeof(line), maps))
				mapped |= strstr(line, "plugin.so") != NULL;
			printf("%s\n", mapped ? "stays" : "went");
			return 0;
		}
	C
	"$CC" -o prog prog.c
	run ./prog
	expect_status 0
	expect_equal "$(cat stdout)" went
	with leaks=warn ./prog
	expect_status 0
	expect_empty stderr
	expect_equal "$(cat stdout)" stays
}

# Its struct has members that this version does not know.
test_a_copy_of_a_later_version_is_noticed()
{
	cat >later.c <<-'C'
		#include <stdint.h>
		#include <stdio.h>

		static unsigned char watch;

		static uint32_t dying(const void *type, const void *object, uint32_t index)
		{
			(void)type;
			(void)object;
			return index;
		}

		static void died(uint32_t index)
		{
			(void)index;
		}

		static void unregister(const void *type, const void *object)
		{
			(void)type;
			(void)object;
		}

		static void noticed(void)
		{
			printf("noticed\n");
			fflush(stdout);
		}

		struct {
			uint32_t size, role;
			const void *own, *used, *dying, *died, *unregister, *noticed, *more[8];
		} later_copy __attribute__((visibility("hidden"))) = {
			sizeof(later_copy), 1, &watch, &watch, dying, died, unregister, noticed, { 0 }
		};

		__asm__(".pushsection .note.lastref, \"a\", %note\n"
			".balign 4\n"
			".long 8, 4, 1\n"
			".asciz \"lastref\"\n"
			".long later_copy - .\n"
			".popsection\n");
	C
	"$CC" -shared -fPIC -o later.so later.c
	sources
	cat >prog.c <<-'C'
		#include "box.h"

		int main(void)
		{
			own_side.remove_route(new());
			own_side.unref(new());
			return 0;
		}
	C
	compile prog prog.c -Wl,--no-as-needed ./later.so
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(cat stdout)" noticed
	expect_text stderr "${notice}./later.so and in $LASTREF_BUILD/liblastref.so.0; the second stays off"
	expect_equal "$(wc -l <stderr)" 1
}

# A misuse needs no registry; but the second copy must not look up in its own what the first one stored.
test_a_misuse_through_the_second_copy_is_told_without_a_history()
{
	sources
	plugin_static
	cat >>prog.c <<-'C'

		__attribute__((destructor)) static void misuse(void)
		{
			void *library = dlopen("./plugin.so", RTLD_NOW | RTLD_LOCAL);
			const struct side *(*side)(void);
			static struct box box;

			if (!library)
				_exit(1);
			*(void **)&side = dlsym(library, "plugin_side");
			box_ref_init(&box);
			box_unref_with(&box, NULL, NULL);
			side()->unref(&box);
		}
	C
	compile_static prog prog.c
	ulimit -c 0
	with leaks=warn ./prog cross
	expect_status 134
	expect_match stderr 'MISUSE  ONE UNREF TOO MANY \(the object is dead\): box at 0x'
	expect_match stderr '  AT  .*unref'
	expect_no_text stderr 'BORN AT'
	expect_no_text stderr 'run with LASTREF'
}

run_tests "$@"
