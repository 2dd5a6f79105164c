#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The scripts that judge the rest: each must be able to say no.

. "$(dirname "$0")/../support/tap.sh"

# log_of RESULT RETURNCODE STDOUT: one line of meson's JSON log
log_of()
{
	printf '{"name": "t", "stdout": "%s", "stderr": "", "result": "%s", "returncode": %s}\n' "$3" "$1" "$2"
}

count()
{
	run "$SRC/scripts/count-tests" log
	expect_equal "$(tail -n 1 stdout)" "$1"
}

test_cases_are_counted_not_files()
{
	log_of OK 0 'ok 1 - a\nok 2 - b\nok - c::d (0.00s)\n' >log
	log_of OK 0 '' >>log
	count '4 passed, 0 failed'
	expect_status 0
}

test_a_failed_case_fails_the_count_and_is_shown()
{
	log_of ERROR 1 'ok 1 - a\nnot ok 2 - bad_one\n' >log
	count '1 passed, 1 failed'
	expect_status 1
	expect_text stdout 'bad_one'
}

test_a_test_that_dies_after_good_cases_is_a_failure()
{
	log_of TIMEOUT -15 'ok 1 - a\n' >log
	count '1 passed, 1 failed'
	expect_status 1
}

test_a_run_without_tests_is_a_failure()
{
	: >log
	count '0 passed, 0 failed'
	expect_status 1
	rm log
	count '0 passed, 0 failed'
	expect_status 1
}

test_a_tap_test_without_cases_is_a_failure()
{
	log_of SKIP 0 '' >log
	count '0 passed, 1 failed'
	expect_status 1
}

test_skipped_cases_are_neither_passed_nor_failed()
{
	log_of OK 0 'ok 1 - a\nok 2 - b # SKIP not here\n' >log
	log_of SKIP 77 '' >>log
	count '1 passed, 0 failed, 2 skipped'
	expect_status 0
}

# tree LAYER INCLUDE: a source tree with one file
tree()
{
	mkdir -p "src/$1"
	echo "#include $2" >"src/$1/file.c"
}

test_a_test_that_hangs_is_ended_with_all_that_it_started_and_the_next_one_runs()
{
	cat >hang.sh <<-'SH'
		. "$SRC/tests/support/tap.sh"
		test_hangs()
		{
			sleep 1000 &
			echo $! >"$FOLDER/pid"
			mkfifo pipe
			read -r _ <pipe
		}
		test_is_fine()
		{
			true
		}
		run_tests
	SH
	FOLDER=$PWD TEST_SECONDS=1 run bash hang.sh
	expect_status 1
	expect_text stdout 'not ok 1 - hangs'
	expect_text stdout 'test_hangs was not over after 1 seconds'
	expect_text stdout 'ok 2 - is_fine'
	! kill -0 "$(cat pid)" 2>/dev/null || grep -q '^State:.Z' "/proc/$(cat pid)/status" || fail "its child still runs"
}

test_a_test_can_trap_what_was_ignored_when_the_tests_were_started()
{
	cat >traps.sh <<-'SH'
		. "$SRC/tests/support/tap.sh"
		test_traps()
		{
			for signal in HUP INT QUIT; do
				trap "touch got-$signal" "$signal"
				kill -"$signal" "$BASHPID"
				[ -e "got-$signal" ]
			done
		}
		run_tests "$@"
	SH
	trap '' HUP INT QUIT
	run bash traps.sh traps
	expect_status 0
	expect_text stdout 'ok 1 - traps'
}

test_git_ignores_what_the_scripts_make()
{
	git -C "$SRC" rev-parse --git-dir >/dev/null 2>&1 || skip "needs git, and a clone"
	# Folders, and the files beside them.
	for made in build build-asan build-aarch64-root build-aarch64-root.ini build-aarch64-root.log; do
		git -C "$SRC" check-ignore -q "$made"
	done
	expect_equal "$(git -C "$SRC" ls-files 'build*')" ''
}

test_an_include_against_the_layers_is_found()
{
	tree base '"runtime/arena.h"'
	run "$SRC/scripts/check-layers" "$PWD"
	expect_status 1
	expect_text stdout 'src/base/file.c:1: includes "runtime/arena.h"'
}

test_elfutils_belongs_to_symbolize()
{
	tree symbolize '<elfutils/libdwfl.h>'
	run "$SRC/scripts/check-layers" "$PWD"
	expect_status 0
	tree export '<elfutils/libdwfl.h>'
	run "$SRC/scripts/check-layers" "$PWD"
	expect_status 1
	expect_text stdout 'src/export/file.c:1'
}

test_an_include_must_name_its_layer()
{
	tree base '"sink.h"'
	run "$SRC/scripts/check-layers" "$PWD"
	expect_status 1
}

test_an_unknown_layer_is_found()
{
	tree misc '<stdio.h>'
	run "$SRC/scripts/check-layers" "$PWD"
	expect_status 1
	expect_text stdout 'src/misc is no layer'
}

test_a_tree_without_sources_is_no_success()
{
	mkdir src
	run "$SRC/scripts/check-layers" "$PWD"
	expect_status 2
}

test_setup_says_which_sets_there_are()
{
	run "$SRC/scripts/setup-debian" everything
	expect_status 2
	expect_text stderr 'demo|check|aarch64|lint|bench'
}

# machine USER-ID MISSING...: a folder bin/ that stands for a Debian on which packages MISSING are not installed. What apt-get and
# sudo are asked for goes to the file `asked`.
machine()
{
	local tool
	mkdir bin
	for tool in bash env dirname mktemp cat rm head; do
		ln -s "$(command -v "$tool")" bin/
	done
	echo "echo $1" >bin/id
	shift
	echo "case \" $* \" in *\" \${!#} \"*) exit 1 ;; *) echo installed ;; esac" >bin/dpkg-query
	echo "echo \"\$@\" >>'$PWD/asked'" >bin/apt-get
	echo "echo sudo >>'$PWD/asked'; \"\$@\"" >bin/sudo
	sed -i "1i #!$(command -v bash)" bin/id bin/dpkg-query bin/apt-get bin/sudo
	chmod +x bin/id bin/dpkg-query bin/apt-get bin/sudo
	touch asked
}

test_setup_asks_for_nothing_if_nothing_is_missing()
{
	machine 1000
	run env PATH="$PWD/bin" "$SRC/scripts/setup-debian" lint
	expect_status 0
	expect_empty stdout
	expect_empty asked
}

test_setup_installs_only_what_is_missing()
{
	machine 0 scdoc valgrind
	run env PATH="$PWD/bin" "$SRC/scripts/setup-debian" check
	expect_status 0
	expect_match asked '^install .* valgrind'
	expect_match asked '^install .* scdoc'
	expect_no_text asked gcc
	expect_no_text asked sudo
}

test_setup_for_the_demo_asks_for_less_than_for_the_tests()
{
	machine 0 libcriterion-dev valgrind
	run env PATH="$PWD/bin" "$SRC/scripts/setup-debian" demo
	expect_status 0
	expect_empty asked
}

test_setup_uses_sudo_when_not_root()
{
	machine 1000 meson
	run env PATH="$PWD/bin" "$SRC/scripts/setup-debian" demo
	expect_status 0
	expect_text asked sudo
	expect_match asked '^install .* meson'
}

test_setup_without_root_and_sudo_says_what_to_run()
{
	machine 1000 meson
	rm bin/sudo
	run env PATH="$PWD/bin" "$SRC/scripts/setup-debian" demo
	expect_status 1
	expect_empty asked
	expect_text stderr 'apt-get install meson'
}

# not_registered FOLDER PREFIX EXTENSION: the files FOLDER/PREFIX*.EXTENSION that no line of the folder's meson.build names.
not_registered()
{
	local file name
	for file in "$SRC/tests/$1/$2"*."$3"; do
		[ -e "$file" ] || continue
		name=$(basename "$file" ".$3")
		grep -qE "'(${name#"$2"}|$name|$name\.$3)'" "$SRC/tests/$1/meson.build" || echo "$file"
	done
}

test_no_test_is_forgotten_in_the_build_files()
{
	{
		not_registered unit test_ c
		not_registered unit test_ cpp
		not_registered cli '' sh
		not_registered stress '' c
	} >forgotten
	expect_empty forgotten
}

test_the_makefile_lists_its_targets()
{
	run make -s -C "$SRC" help
	expect_status 0
	for target in demo check check-all lint bench install; do
		expect_match stdout "^ *$target  "
	done
}

run_tests "$@"
