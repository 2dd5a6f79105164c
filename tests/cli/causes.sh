#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The report of causes, as text: a forgotten reference with all that it keeps, and a cycle.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

# A file system of which a mount is forgotten, with so many dentries. What it holds is in no member.
mount_program()
{
	cat >prog.c <<-'C'
		#include <lastref/lastref.h>
		#include <stdio.h>
		#include <stdlib.h>

		struct dentry {
			struct lastref_count refs;
			char name[36];
		};

		static void dentry_destroy(struct dentry *dentry)
		{
			free(dentry);
		}

		LASTREF_DEFINE(dentry, struct dentry, refs, dentry_destroy);

		struct mount {
			struct lastref_count refs;
			struct dentry **children;
			size_t count;
		};

		static void mount_destroy(struct mount *mount)
		{
			for (size_t i = 0; i < mount->count; i++)
				dentry_ref_clear(&mount->children[i]);
			free(mount->children);
			free(mount);
		}

		static void mount_visit(const void *object, lastref_visitor visitor, void *context)
		{
			const struct mount *mount = object;

			for (size_t i = 0; i < mount->count; i++)
				visitor(context, "children", mount->children[i]);
		}

		static int mount_describe(const void *object, char *buf, size_t size)
		{
			(void)object;
			return snprintf(buf, size, "\"ext4:/data\"");
		}

		LASTREF_DEFINE(mount, struct mount, refs, mount_destroy, .describe = mount_describe,
			       .visit = mount_visit);

		static struct dentry *dentry_new(void)
		{
			struct dentry *dentry = calloc(1, sizeof(*dentry));

			if (!dentry)
				abort();
			dentry_ref_init(dentry);
			return dentry;
		}

		static struct mount *mount_new(size_t count)
		{
			struct mount *mount = calloc(1, sizeof(*mount));

			if (!mount || !(mount->children = calloc(count, sizeof(*mount->children))))
				abort();
			while (mount->count < count)
				mount->children[mount->count++] = dentry_new();
			mount_ref_init(mount);
			return mount;
		}

		static struct mount *last_mount;

		int main(void)
		{
			struct mount *mount = mount_new(10000);

			last_mount = mount_ref(mount);
			mount_unref(mount);
			return 0;
		}
	C
	compile prog prog.c
}

# Sessions and streams that hold each other; each second stream has a packet.
cycle_program()
{
	cat >prog.c <<-'C'
		#include <lastref/lastref.h>
		#include <stdlib.h>

		struct packet {
			struct lastref_count refs;
		};

		static void packet_destroy(struct packet *packet)
		{
			free(packet);
		}

		LASTREF_DEFINE(packet, struct packet, refs, packet_destroy);

		struct session;

		struct stream {
			struct lastref_count refs;
			struct session *owner;
			struct packet *first;
		};

		static void stream_destroy(struct stream *stream);
		LASTREF_DEFINE(stream, struct stream, refs, stream_destroy,
			       .owns = LASTREF_OWNS(struct stream, owner, first));

		struct session {
			struct lastref_count refs;
			struct stream *stream;
		};

		static void session_destroy(struct session *session)
		{
			stream_unref(session->stream);
			free(session);
		}

		LASTREF_DEFINE(session, struct session, refs, session_destroy,
			       .owns = LASTREF_OWNS(struct session, stream));

		static void stream_destroy(struct stream *stream)
		{
			session_unref(stream->owner);
			packet_unref(stream->first);
			free(stream);
		}

		static void serve(int with_packet)
		{
			struct session *session = calloc(1, sizeof(*session));
			struct stream *stream = calloc(1, sizeof(*stream));

			if (!session || !stream)
				abort();
			session_ref_init(session);
			stream_ref_init(stream);
			stream->owner = session_ref(session);
			session->stream = stream;
			if (with_packet && (stream->first = calloc(1, sizeof(struct packet))))
				packet_ref_init(stream->first);
			session_unref(session);
		}

		int main(void)
		{
			for (int i = 0; i < 312; i++)
				serve(i % 2);
			return 0;
		}
	C
	compile prog prog.c
}

# expect_report FILE: it is what stands on standard input, whatever the line numbers and fingerprints are.
expect_report()
{
	sed -E 's/\[lr-[0-9a-f]{8}\]/[lr-...]/; s/prog\.c:[0-9]+/prog.c:N/g' "$1" >got
	diff -u - got || fail "the report is another one"
}

test_one_forgotten_reference_and_all_that_it_keeps_are_one_block()
{
	mount_program
	with leaks=warn ./prog
	expect_report stderr <<-'END'
		lastref: 10,001 objects leaked, 429 KB, 1 cause

		LEAK 1 of 1  [lr-...]  1 leaked reference keeps 10,001 objects (429 KB) alive
		  ROOT     mount#1 "ext4:/data"  (reference count of 1 instead of 0)
		  BORN AT  prog.c:N mount_new < prog.c:N main
		  KEEPS    10,000 dentry, through mount.children
		  Fix this one reference and all 10,001 go. Independent leaks left after that: 0
	END
}

test_the_parent_and_a_file_tell_the_same()
{
	mount_program
	run "$LASTREF_CMD" run -o image -- ./prog
	expect_status 23
	expect_text stderr '1 leaked reference keeps 10,001 objects (429 KB) alive'
	expect_text stderr '  KEEPS    10,000 dentry, through mount.children'
	run "$LASTREF_CMD" report image
	expect_text stdout '  KEEPS    10,000 dentry, through mount.children'
	expect_text stdout '  Fix this one reference and all 10,001 go. Independent leaks left after that: 0'
}

test_cycles_of_one_shape_are_one_block()
{
	cycle_program
	with leaks=warn ./prog
	expect_report stderr <<-'END'
		lastref: 780 objects leaked, 13 KB, 1 cause

		CYCLE 1 of 1  [lr-...]  2 objects hold each other and nobody else holds them (312 times, same shape)
		  session#1 .stream --> stream#1
		  stream#1 .owner --> session#1   <- closes the cycle
		  BORN AT  prog.c:N serve < prog.c:N main
		  also keeps 156 packet
	END
}

# Without options of the types, memory is looked at.
test_without_owns_and_visit_the_same_cycle_is_found_in_memory()
{
	cycle_program
	sed -E 's/,$/);/; /\.owns = /d' prog.c >found.c
	compile found found.c
	with leaks=warn ./found
	expect_text stderr '2 objects hold each other and nobody else holds them (312 times, same shape)'
	expect_text stderr '  session#1 +0x8 --> stream#1'
	expect_text stderr '  also keeps 156 packet'
	expect_text stderr 'These references were found in the memory of the objects'
}

test_a_killed_process_has_no_graph_and_each_object_is_a_leak()
{
	mount_program
	sed -E 's/^(\t*)return 0;$/\1abort();/' prog.c >killed.c
	compile killed killed.c
	run "$LASTREF_CMD" run -- ./killed
	expect_text stderr 'lastref: 10,001 objects leaked'
	expect_text stderr '10,000 dentry'
	expect_text stderr 'who holds whom is not known'
}

# growing_program LISTS: lists that are forgotten, each with an item. After the first the program checks, and then this one grows.
growing_program()
{
	cat >prog.c <<-'C'
		#include <lastref/lastref.h>
		#include <stdlib.h>

		struct item {
			struct lastref_count refs;
			struct item *next;
		};

		static void item_destroy(struct item *item)
		{
			free(item);
		}

		LASTREF_DEFINE(item, struct item, refs, item_destroy, .owns = LASTREF_OWNS(struct item, next));

		static struct item *item_new(void)
		{
			struct item *item = calloc(1, sizeof(*item));

			item_ref_init(item);
			return item;
		}

		int main(void)
		{
			struct item *lists[LISTS];
			lastref_checkpoint checkpoint;

			for (int i = 0; i < LISTS; i++) {
				lists[i] = item_new();
				lists[i]->next = item_new();
				if (i == 0)
					lastref_leak_check();
			}
			checkpoint = lastref_checkpoint_now();
			lists[0]->next->next = item_new();
			lastref_leaks_since(checkpoint);
			lists[0]->next->next->next = item_new();
			lists[0]->next->next->next->next = item_new();
			return 0;
		}
	C
	compile prog prog.c "-DLISTS=$1"
}

fingerprints()
{
	sed -n 's/^LEAK .*\[\(lr-[0-9a-f]*\)\].*/\1/p' "$1"
}

test_what_a_reported_leak_holds_later_is_told_with_it()
{
	growing_program 1
	run "$LASTREF_CMD" run -- ./prog
	expect_status 23
	expect_equal "$(fingerprints stderr | wc -l)" 3
	expect_equal "$(fingerprints stderr | sort -u | wc -l)" 1
	expect_match stderr '^lastref: 2 objects leaked, 32 B, 1 cause$'
	expect_match stderr '^LEAK 1 of 1  \[lr-[0-9a-f]*\]  1 leaked reference keeps 2 objects \(32 B\) alive$'
	expect_match stderr '^lastref: 1 object leaked, 16 B, 1 cause since the checkpoint$'
	expect_match stderr '^LEAK 1 of 1  \[lr-[0-9a-f]*\]  reported before; it keeps 1 more object \(16 B\) alive$'
	expect_match stderr '^LEAK 1 of 1  \[lr-[0-9a-f]*\]  reported before; it keeps 2 more objects \(32 B\) alive$'
	expect_match stderr '^  ROOT     item#1 '
	expect_match stderr '^  KEEPS    2 item, through item.next$'
	expect_match stderr '^note: 3 more live objects were reported by an earlier check$'
	expect_equal "$(grep -c 'Fix this one' stderr)" 1
}

test_a_new_root_of_a_leak_that_was_reported_is_told_beside_what_that_holds()
{
	growing_program 2
	run "$LASTREF_CMD" run --report out -- ./prog
	expect_status 23
	expect_match out '^lastref: 4 objects leaked, 64 B, 1 cause$'
	expect_match out '^LEAK 1 of 1  \[lr-[0-9a-f]*\]  1 leaked reference keeps 2 objects \(32 B\) alive$'
	expect_match out '^  ROOT     item#3 '
	expect_match out '^  Fix this one reference and all 2 go'
	expect_match out '^  Such that were reported before keep 2 more objects \(32 B\) alive$'
}

# Two entries of a cache come to rest in a request; with an argument they are evicted in the end.
resting_program()
{
	cat >prog.c <<-'C'
		#include <lastref/lastref.h>
		#include <stdio.h>

		struct entry {
			struct lastref_cache_count refs;
		};

		LASTREF_DEFINE(entry, struct entry, refs, NULL);

		int main(int argc, char **argv)
		{
			static struct entry entries[2];
			lastref_checkpoint before = lastref_checkpoint_now();

			(void)argv;
			for (int i = 0; i < 2; i++) {
				entry_ref_init(&entries[i]);
				entry_unref(&entries[i]);
			}
			printf("%zu\n", lastref_leaks_since(before));
			for (int i = 0; i < 2 && argc > 1; i++)
				entry_ref_evict(&entries[i]);
			return 0;
		}
	C
	compile prog prog.c
}

test_what_a_request_left_at_rest_in_a_cache_is_told_at_exit_only()
{
	resting_program
	for front in env "$LASTREF_CMD run --"; do
		# shellcheck disable=SC2086 # several words
		LASTREF=leaks=warn:exitcode=23 run $front ./prog
		expect_status 23
		expect_equal "$(cat stdout)" 0
		expect_equal "$(grep -c '^lastref: ' stderr)" 1
		expect_text stderr 'lastref: 2 objects leaked, 16 B, 1 cause'
		expect_text stderr 'entry#1  (at rest in its cache, never evicted)'
	done
}

test_what_a_request_left_at_rest_and_was_evicted_later_is_told_by_nobody()
{
	resting_program
	run "$LASTREF_CMD" run --quiet -- ./prog evict
	expect_status 0
	expect_equal "$(cat stdout)" 0
	expect_empty stderr
}

run_tests "$@"
