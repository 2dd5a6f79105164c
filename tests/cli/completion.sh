#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Completion for bash, sourced in a bash.

. "$(dirname "$0")/../support/tap.sh"

# complete_words WORD...: what the last of these words, which may be empty, can become; one a line, sorted.
complete_words()
{
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_lastref "$LASTREF_CMD" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}" | sort >replies
}

load()
{
	# shellcheck source=/dev/null # a file of the tree
	. "$SRC/completions/lastref"
}

test_it_is_registered_for_lastref()
{
	load
	complete -p lastref >how
	expect_text how _lastref
}

test_every_command_of_the_help_is_completed()
{
	local name

	load
	complete_words lastref ''
	"$LASTREF_CMD" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >names
	expect_text names report
	while read -r name; do
		grep -qx "$name" replies || fail "$name is not completed"
	done <names
	expect_no_text replies symbolize
	complete_words lastref rep
	expect_equal "$(cat replies)" report
}

test_the_options_of_each_command_are_completed()
{
	load
	complete_words lastref report --f
	expect_equal "$(cat replies)" --format
	complete_words lastref diff --f
	expect_equal "$(tr '\n' ' ' <replies)" '--fail-on --format '
	complete_words lastref run --
	for option in --output --type --stack-depth --leak-exit --suppressions --quiet --help; do
		grep -qx -- "$option" replies || fail "$option is not completed"
	done
}

# options_of COMMAND: the long options that its --help tells, one a line, and `=` behind those that take a value.
options_of()
{
	"$LASTREF_CMD" "$1" --help | sed -nE 's/^ {2,6}(-[a-z?], *)?(--[a-z-]+)(=)?.*/\2\3/p' |
		grep -vxE -- '--(help|usage|version)' | sort
}

# page_of COMMAND: its manual page.
page_of()
{
	case $1 in
	run) echo "$SRC/man/lastref.1.scd" ;;
	*) echo "$SRC/man/lastref-$1.1.scd" ;;
	esac
}

# section NAME FILE: of a manual page.
section()
{
	awk -v name="# $1" '/^# / { inside = index($0, name) == 1 } inside' "$2"
}

test_every_option_is_in_the_help_and_the_manual_and_is_completed()
{
	local command

	load
	for command in run report diff types check; do
		options_of "$command" >options
		[ -s options ]
		tr -d = <options >names
		section OPTIONS "$(page_of "$command")" | grep -oE '^(\*-[a-z]\*, )?\*--[a-z-]+' | grep -oE -- '--[a-z-]+' |
			sort | diff names - >difference || fail "$command: help and OPTIONS differ: $(cat difference)"
		# -o in a synopsis is --output.
		section SYNOPSIS "$(page_of "$command")" | grep "^\*lastref $command\*" | sed 's/\*-o\*/*--output*/' |
			grep -oE -- '--[a-z][a-z-]*' | sort |
			diff names - >difference || fail "$command: help and SYNOPSIS differ: $(cat difference)"
		complete_words lastref "$command" --
		grep -vxE -- '--(help|usage|version)' replies |
			diff names - >difference || fail "$command: help and completion differ: $(cat difference)"
	done
}

test_the_value_of_an_option_of_run_is_not_taken_for_its_command()
{
	local option

	load
	options_of run | sed -n 's/=$//p' >options
	[ "$(wc -l <options)" -ge 7 ]
	echo -o >>options
	while read -r option; do
		complete_words lastref run "$option" value --form
		[ "$(cat replies)" = --format ] || fail "the value of $option is taken for CMD"
	done <options
}

test_values_and_files_are_completed()
{
	load
	complete_words lastref report --format j
	expect_equal "$(tr '\n' ' ' <replies)" 'json junit '
	complete_words lastref report --format = j
	expect_equal "$(tr '\n' ' ' <replies)" 'json junit '
	complete_words lastref diff --fail-on ''
	expect_equal "$(tr '\n' ' ' <replies)" 'any new '
	: >reports.lastref
	complete_words lastref report rep
	expect_text replies reports.lastref
	complete_words lastref report --suppressions rep
	expect_text replies reports.lastref
}

test_behind_the_command_of_run_everything_is_its_own()
{
	load
	: >data.txt
	complete_words lastref run -o out -- cat dat
	expect_equal "$(grep -c data.txt replies)" 1
	complete_words lastref run cat --form
	expect_no_text replies --format
	complete_words lastref run -- bas
	grep -qx bash replies
}

run_tests "$@"
