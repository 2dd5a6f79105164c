#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# scripts/check-models must be able to say no: each test breaks a copy of the models, or of the script.

. "$(dirname "$0")/../support/tap.sh"

model=hot_holds_with_3_lookups
mutant=hot_without_its_mark_touches_freed_memory

# copy_models: a source tree of the script and the models, in the folder of the test
copy_models()
{
	command -v spin >/dev/null || skip 'spin is not installed'
	mkdir scripts
	cp "$SRC"/scripts/check-models "$SRC"/scripts/common.sh scripts/
	cp -r "$SRC"/models .
}

# expect_no SENTENCE: the copy says no to it
expect_no()
{
	run scripts/check-models "$1"
	expect_status 1
	expect_match stdout "^not ok 1 - $1\$"
}

test_a_model_that_does_not_hold_is_found()
{
	copy_models
	sed -i 's/^#ifndef MUTANT_NOMARK/#if 0/' models/hot.pml
	echo '#ifdef MUTANT_NOMARK' >>models/hot.pml
	echo '#endif' >>models/hot.pml
	expect_no "$model"
}

test_a_mutant_that_holds_is_found()
{
	copy_models
	sed -i 's/MUTANT_NOMARK/MUTANT_NONE/' models/hot.pml
	printf '#ifdef MUTANT_NOMARK\n#endif\n' >>models/hot.pml
	expect_no "$mutant"
	expect_text stdout 'found: holds'
}

test_a_mutant_that_fails_for_another_reason_is_found()
{
	copy_models
	sed -i 's/assert(destroyed == 1);/assert(false);/' models/hot.pml
	expect_no "$mutant"
	expect_text stdout 'assertion violated 0'
}

test_a_mutant_with_a_syntax_error_is_found()
{
	copy_models
	echo 'active proctype' >>models/hot.pml
	expect_no "$mutant"
}

test_a_search_that_came_to_a_limit_proves_nothing()
{
	copy_models
	sed -i 's/^depth_limit=.*/depth_limit=20/' scripts/check-models
	expect_no "$model"
	expect_text stdout 'a limit was reached'
	sed -i 's/^depth_limit=.*/depth_limit=1000/; s/^memory_limit=.*/memory_limit=128/' scripts/check-models
	expect_no "$model"
}

test_a_setting_that_no_model_knows_is_found()
{
	copy_models
	sed -i 's/TRYERS=3 UNIQUE/TRYER=3/' scripts/check-models
	expect_no "$model"
	expect_text stdout 'knows no TRYER'
}

run_tests "$@"
