#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The formats for programs: JSON, JUnit XML, SARIF. Each document is compared with its schema.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/suite.sh"

PYTHON=$(command -v python3) || PYTHON=

need_validators()
{
	[ -n "$PYTHON" ] || skip 'needs python3'
	"$PYTHON" -c 'import jsonschema' 2>/dev/null || skip 'needs python3-jsonschema'
	command -v xmllint >/dev/null || skip 'needs xmllint'
}

json_is_valid()
{
	"$PYTHON" "$SRC/tests/support/validate.py" "$SRC/docs/report-schema.json" "$1"
}

# No Debian package has the schema of OASIS, which says more. Who has the file gives its path in SARIF_SCHEMA.
sarif_is_valid()
{
	"$PYTHON" "$SRC/tests/support/validate.py" "${SARIF_SCHEMA:-$SRC/tests/data/sarif-2.1.0-part.json}" "$1"
}

junit_is_valid()
{
	xmllint --noout --schema "$SRC/tests/data/junit.xsd" "$1" 2>xmllint.out || fail "$(cat xmllint.out)"
}

# all_formats ARGUMENT...: `lastref ARGUMENT...` in each format, as out.json, out.junit and out.sarif, all of them valid, with
# one exit status, $status.
all_formats()
{
	local format last=''

	need_validators
	for format in json junit sarif; do
		run "$LASTREF_CMD" "$@" --format "$format" -o "out.$format"
		expect_equal "${last:-$status}" "$status"
		last=$status
		expect_empty stdout
	done
	json_is_valid out.json
	junit_is_valid out.junit
	sarif_is_valid out.sarif
}

# refused CHECK FILE: the check says no.
refused()
{
	if ("$@") >refusal 2>&1; then
		fail "$1 finds nothing wrong with $2"
	fi
}

# get FILE EXPRESSION: of the JSON document d.
get()
{
	"$PYTHON" -c 'import json, sys; d = json.load(open(sys.argv[1])); r = eval(sys.argv[2]); print(r)' "$1" "$2"
}

test_a_suite_with_leaks_is_valid_in_each_format()
{
	net_suite
	run_suite images
	all_formats report images
	expect_status 1
	expect_equal "$(get out.json '[d["total"][k] for k in ("causes", "objects", "processes", "processes_with_leaks")]')" '[2, 4, 3, 2]'
	expect_equal "$(get out.json '[(c["type"], c["objects"], c["processes"], c["status"]) for c in d["causes"]]')" \
		"[('conn', 3, 2, 'new'), ('packet', 1, 1, 'new')]"
	expect_equal "$(get out.json '[f["function"] for f in d["causes"][0]["born_at"]]')" "['conn_open', 'main']"
	expect_equal "$(get out.json 'd["causes"][0]["examples"][0]["description"]')" 'to host 1'
	expect_equal "$(get out.json '[p["file"] for p in d["processes"]]')" "['images/t_clean', 'images/t_open', 'images/t_send']"
	expect_equal "$(xmllint --xpath 'count(//failure)' out.junit)" 2
	expect_equal "$(xmllint --xpath 'string(/testsuites/@failures)' out.junit)" 2
	expect_text out.junit 'BORN AT  net.c:27 conn_open &lt; t_open.c:6 main'
}

test_sarif_names_files_below_the_current_folder_from_there()
{
	net_suite
	run_suite images t_send
	all_formats report images
	expect_equal "$(get out.sarif 'd["runs"][0]["originalUriBaseIds"]["%SRCROOT%"]["uri"]')" "file://$PWD/"
	expect_equal "$(get out.sarif '[r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in d["runs"][0]["results"]]')" \
		"['net.c', 'net.c']"
	expect_equal "$(get out.sarif '[r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for r in d["runs"][0]["results"]]')" \
		"['conn_open', 'packet_new']"
	mkdir 'other place'
	(cd 'other place' && all_formats report ../images)
	expect_equal "$(get 'other place/out.sarif' 'd["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]')" \
		"file://$PWD/net.c"
	expect_text 'other place/out.sarif' "file://$PWD/other%20place/"
}

test_fingerprints_are_the_same_in_each_format()
{
	net_suite
	run_suite images t_open
	all_formats report images
	run "$LASTREF_CMD" report images
	fingerprint=$(sed -n 's/^LEAK .*\[\(lr-[0-9a-f]*\)\].*/\1/p' stdout)
	expect_equal "$(get out.json 'd["causes"][0]["fingerprint"]')" "$fingerprint"
	expect_equal "$(get out.sarif 'd["runs"][0]["results"][0]["partialFingerprints"]["lastref/v1"]')" "$fingerprint"
	expect_match out.junit "name=\"\[$fingerprint\] leak conn net.c: conn_open &lt; main\""
}

test_nothing_leaked_is_a_suite_with_one_test_that_passed()
{
	net_suite
	run_suite images t_clean
	all_formats report images
	expect_status 0
	expect_equal "$(get out.json 'd["causes"]')" '[]'
	expect_equal "$(get out.sarif 'd["runs"][0]["results"]')" '[]'
	expect_equal "$(xmllint --xpath 'string(//testsuite/@tests)' out.junit)" 1
	expect_equal "$(xmllint --xpath 'count(//testcase)' out.junit)" 1
}

test_a_file_that_ends_early_is_an_error_of_the_suite()
{
	need_validators
	net_suite
	run_suite images t_clean
	head -c $(($(stat -c %s images/t_clean) - 8)) images/t_clean >part
	run "$LASTREF_CMD" report --format junit part
	expect_status 4
	expect_equal "$(xmllint --xpath 'string(//testsuite/@errors)' stdout)" 1
	expect_equal "$(xmllint --xpath 'string(//testcase/error/@message)' stdout)" \
		'1 file ends early; what is there was analyzed'
}

test_suppressed_leaks_are_marked()
{
	net_suite
	run_suite images
	echo 'leak:"<&conn>"' >supp
	echo 'leak:conn_open' >>supp
	all_formats report --suppressions supp images
	expect_status 1
	expect_equal "$(get out.json '[c["status"] for c in d["causes"]]')" "['suppressed', 'new']"
	expect_equal "$(get out.json '[d["causes"][0]["suppressed_by"][k] for k in ("file", "line", "pattern")]')" "['supp', 2, 'conn_open']"
	expect_equal "$(get out.sarif '["suppressions" in r for r in d["runs"][0]["results"]]')" '[True, False]'
	expect_equal "$(xmllint --xpath 'string(//skipped/@message)' out.junit)" 'suppressed by supp:2'
	expect_equal "$(xmllint --xpath 'count(//failure)' out.junit)" 1
}

test_a_diff_marks_what_is_new_what_stays_and_what_is_gone()
{
	net_suite
	run_suite before t_open
	run_suite after t_open t_send
	"$LASTREF_CMD" report --format baseline -o base before || [ $? -eq 1 ]
	echo 'lr-00000001 cycle node 2 list.c: node_new' >>base
	all_formats diff base after
	expect_status 1
	expect_equal "$(get out.json '[(c["type"], c["status"]) for c in d["causes"]]')" "[('conn', 'known'), ('packet', 'new')]"
	expect_equal "$(get out.json 'd["gone"]')" "[{'fingerprint': 'lr-00000001', 'words': 'cycle node 2 list.c: node_new'}]"
	expect_equal "$(get out.sarif '[(r["ruleId"], r["baselineState"]) for r in d["runs"][0]["results"]]')" \
		"[('leak', 'unchanged'), ('leak', 'new'), ('cycle', 'absent')]"
	expect_equal "$(xmllint --xpath 'string(//skipped/@message)' out.junit)" 'known to the baseline'
	run "$LASTREF_CMD" diff --format json base base
	expect_status 2
	expect_text stderr 'a baseline as NEW has no stacks'
}

test_what_could_not_be_read_is_in_each_format()
{
	net_suite
	run_suite images t_clean
	all_formats report images missing
	expect_status 3
	expect_equal "$(get out.json 'd["problems"]')" "['cannot open missing: No such file or directory']"
	expect_equal "$(get out.sarif 'd["runs"][0]["invocations"][0]["executionSuccessful"]')" False
	expect_equal "$(xmllint --xpath 'string(//error/@message)' out.junit)" 'cannot open missing: No such file or directory'
}

test_misuse_is_in_each_format()
{
	net_library
	net_program t_misuse <<-'C'
		static struct lastref_count none;
		lastref_set_misuse_handler((void (*)(const struct lastref_misuse *, void *))(void (*)(void))getpid, NULL);
		lastref_count_ref(&none);
	C
	run_suite images t_misuse
	all_formats report images
	expect_status 1
	expect_equal "$(get out.json 'd["total"]["misuses"]')" 1
	expect_equal "$(get out.sarif '[r["ruleId"] for r in d["runs"][0]["results"]]')" "['misuse']"
	expect_equal "$(xmllint --xpath 'string(//failure/@type)' out.junit)" misuse
}

test_misuse_has_its_place_in_each_format()
{
	net_library
	net_program t_misuse <<-'C'
		struct conn *conn = conn_open(1);

		lastref_set_misuse_handler((void (*)(const struct lastref_misuse *, void *))(void (*)(void))getpid, NULL);
		conn_unref(conn_ref(conn));
		conn_unref(conn);
		for (int i = 0; i < 3; i++)
			lastref_count_unref(&conn->refs);
	C
	sed -i 's/free(conn);/(void)conn;/' net.c
	compile t_misuse t_misuse.c
	run_suite images t_misuse
	cp images/t_misuse images/again
	all_formats report images
	expect_status 1
	expect_equal "$(get out.json 'd["total"]["misuses"]')" 6
	expect_equal "$(get out.json 'len(d["misuses"])')" 1
	expect_equal "$(get out.json 'd["misuses"][0]["times"]')" 6
	expect_equal "$(get out.json 'd["misuses"][0]["at"][-1]["function"]')" main
	expect_equal "$(get out.json 'd["misuses"][0]["at"][0]["line"]')" 11
	expect_equal "$(get out.sarif '[r["locations"][0]["physicalLocation"]["region"]["startLine"] for r in d["runs"][0]["results"]]')" '[11]'
	expect_match out.junit 'message="6 misuses, reported by the program in its own output: [A-Z][^:]*: .* at t_misuse.c:11 main"'
}

test_cycles_and_what_they_keep_are_described()
{
	compile cycle - <<-'C'
		#include <lastref/lastref.h>
		#include <stdlib.h>
		struct node { struct lastref_count refs; struct node *next; struct node *load; };
		static void node_destroy(struct node *node) { free(node); }
		LASTREF_DEFINE(node, struct node, refs, node_destroy, .owns = LASTREF_OWNS(struct node, next, load));
		static struct node *node_new(void)
		{
			struct node *node = calloc(1, sizeof(*node));
			node_ref_init(node);
			return node;
		}
		int main(void)
		{
			struct node *a = node_new(), *b = node_new();
			a->next = b;
			b->next = a;
			a->load = node_new();
			return 0;
		}
	C
	mkdir images
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/cycle -- ./cycle
	all_formats report images
	expect_status 1
	expect_equal "$(get out.json '[(c["kind"], c["objects_in_cycle"]) for c in d["causes"]]')" "[('cycle', 2)]"
	expect_equal "$(get out.json '[(l["from"], l["member"], l["to"]) for l in d["causes"][0]["links"]]')" \
		"[('node#1', 'next', 'node#2'), ('node#2', 'next', 'node#1')]"
	expect_equal "$(get out.sarif '[r["ruleId"] for r in d["runs"][0]["results"]]')" "['cycle']"
	expect_equal "$(xmllint --xpath 'string(//failure/@type)' out.junit)" cycle
}

test_objects_that_were_freed_without_unref_are_counted_in_each_format()
{
	compile gone - <<-'C'
		#include <lastref/lastref.h>
		#include <sys/mman.h>
		struct page { struct lastref_count refs; };
		LASTREF_DEFINE(page, struct page, refs, NULL);
		int main(void)
		{
			struct page *pages[5];
			for (int i = 0; i < 5; i++) {
				pages[i] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				page_ref_init(pages[i]);
			}
			munmap(pages[3], 4096);
			munmap(pages[4], 4096);
			return 0;
		}
	C
	mkdir images
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/gone -- ./gone
	all_formats report images
	expect_equal "$(get out.json '[(c["objects"], c["freed_without_unref"]) for c in d["causes"]]')" "[(5, 2)]"
	expect_text out.sarif '5 page leaked, 2 of them freed without the last unref'
	expect_text out.junit '5 page leaked, 2 of them freed without the last unref'
}

test_foreign_bytes_stay_valid_json_and_xml()
{
	net_library
	cat >wild.c <<-'C'
		#include "net.h"
		#include <stdio.h>
		static const unsigned char wild[] = "<&>\"'\\ \x01\x1b[31m\n\xff\xfe \xed\xa0\x80 \xef\xbf\xbf \xef\xbf\xbe ]]> \xe2\x80\xae gr\xc3\xbc\xc3\x9f";
		static int describe(const void *object, char *buffer, size_t size)
		{
			(void)object;
			return snprintf(buffer, size, "%s", (const char *)wild);
		}
		static const struct lastref_type type = { .name = (const char *)wild, .c_type = "wild", .size = 4, .describe = describe };
		int main(void)
		{
			static int object;
			lastref_register(&type, &object);
			return 0;
		}
	C
	compile wild wild.c
	mkdir images
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/one -- ./wild $'argument \xff\x02 <&"'
	cp images/one $'images/\xff\x01<&">'
	echo 'leak:no such' >$'supp\xff<"&'
	all_formats report --suppressions $'supp\xff<"&' images $'missing\xff\x03<"&'
	expect_status 3
	expect_text out.json 'grüß'
	expect_text out.json '\\xff\\xfe'
	expect_text out.junit '\xed\xa0\x80'
	echo 'leak:n' >$'supp\xff<"&'
	all_formats report --suppressions $'supp\xff<"&' images
	expect_status 0
}

test_a_document_that_does_not_keep_to_its_schema_is_found()
{
	net_suite
	run_suite images t_open
	all_formats report images
	sed 's/"kind": "leak"/"kind": "leek"/' out.json >wrong
	refused json_is_valid wrong
	sed 's/"objects": [0-9]*,/"objects": "many",/' out.json >wrong
	refused json_is_valid wrong
	sed 's/"startLine": [0-9]*/"startLine": 0/' out.sarif >wrong
	refused sarif_is_valid wrong
	sed 's/"ruleIndex"/"ruleNumber"/' out.sarif >wrong
	refused sarif_is_valid wrong
	sed 's/ errors="0"//' out.junit >wrong
	refused junit_is_valid wrong
}

test_a_run_of_several_processes_writes_one_document()
{
	need_validators
	net_suite
	run "$LASTREF_CMD" run --quiet --format junit --report leaks.xml -- sh -c './t_open; ./t_send; ./t_clean'
	expect_status 23
	expect_empty stderr
	junit_is_valid leaks.xml
	expect_equal "$(xmllint --xpath 'count(//failure)' leaks.xml)" 2
	run "$LASTREF_CMD" run --format json -- sh -c './t_open; ./t_send; ./t_clean'
	expect_status 23
	json_is_valid stderr
	expect_equal "$(get stderr 'len(d["processes"])')" 3
}

test_a_document_that_cannot_be_written_gives_3_and_leaves_nothing()
{
	local format

	net_suite
	run_suite images t_open
	for format in json junit sarif; do
		# shellcheck disable=SC2016 # the inner shell expands it
		run bash -c '(ulimit -f 0; exec "$@" 2>&1) | cat; exit "${PIPESTATUS[0]}"' bash \
			"$LASTREF_CMD" report --format "$format" -o out images
		expect_status 3
		expect_text stdout 'cannot write out: File too large'
		run sh -c '"$@" >/dev/full' sh "$LASTREF_CMD" report --format "$format" images
		expect_status 3
	done
	set -- out*
	expect_equal "$*" 'out*'
}

run_tests "$@"
