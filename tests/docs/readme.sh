#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The README's report is what hello leaks today, and the documents together leave nothing out that they promise.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/blocks.sh"

# The documents that have links.
pages()
{
	find "$SRC" -maxdepth 1 -name '*.md'
	find "$SRC/docs" -name '*.md'
}

test_the_report_is_what_hello_prints()
{
	local texts=0 info

	ln -s "$LASTREF_BUILD" build
	split "$SRC/README.md"
	for info in *.info; do
		[ "$(cat "$info")" = text ] || continue
		compare "${info%.info}.body" README.md
		grep -qF '$ build/lastref run -- build/examples/hello/hello' "${info%.info}.body" && texts=$((texts + 1))
	done
	expect_equal "$texts" 1
}

test_it_is_at_most_100_lines_long()
{
	[ "$(wc -l <"$SRC/README.md")" -le 100 ]
}

test_every_relative_link_leads_to_a_file()
{
	local page target links=0

	while IFS= read -r page; do
		while IFS= read -r target; do
			links=$((links + 1))
			[ -e "$(dirname "$page")/${target%%#*}" ] || fail "$page: there is no $target"
		done < <(grep -oE '\]\([^):]+\)' "$page" | sed -E 's/^\]\(|\)$//g')
	done < <(pages)
	[ "$links" -gt 10 ]
}

test_the_index_names_every_page()
{
	local page

	while IFS= read -r page; do
		page=${page#"$SRC/docs/"}
		[ "$page" = README.md ] || grep -qF "($page)" "$SRC/docs/README.md" || fail "docs/README.md does not link $page"
	done < <(find "$SRC/docs" -name '*.md')
}

test_every_public_function_is_in_the_manual()
{
	local name found=0

	while read -r name; do
		found=$((found + 1))
		grep -qF "*$name*" "$SRC/man/lastref.3.scd" || fail "lastref.3.scd does not name $name"
	done < <(grep -hoE '\blastref_[a-z_]+[a-z]\(' "$SRC/include/lastref/count.h" "$SRC/include/lastref/check.h" |
		tr -d '(' | grep -vE '_as_$|lastref_(misuse_[a-z_]+|watched_[a-z_]+|object_[a-z]+)$' | sort -u)
	[ "$found" -gt 20 ]
}

test_every_function_of_the_template_is_in_the_manual()
{
	local suffix found=0

	while read -r suffix; do
		found=$((found + 1))
		grep -qF "*x$suffix*" "$SRC/man/LASTREF_DEFINE.3.scd" || fail "LASTREF_DEFINE.3.scd does not name x$suffix()"
	done < <(sed -n '/define LASTREF_DECLARE_(/,/^$/p' "$SRC/include/lastref/object.h" |
		grep -oE 'name##[a-z_]+' | sed 's/^name##//' | sort -u)
	[ "$found" -ge 15 ]
}

# The tables of image-format.md as a C program that compiles only if they are right.
format_as_asserts()
{
	printf '#include "format/image.h"\n'
	awk -F'[|`]' '
		/^### `struct / { name = $2 }
		/^\| [0-9]+ \| [0-9]+ \| `/ {
			printf "_Static_assert(offsetof(%s, %s) == %d, \"%s\");\n", name, $5, $2, $5
			printf "_Static_assert(sizeof(((%s *)0)->%s) == %d, \"%s\");\n", name, $5, $3, $5
		}
	' "$SRC/docs/image-format.md"
}

test_the_offsets_of_the_image_format_are_right()
{
	local field

	format_as_asserts >format.c
	[ "$(grep -c offsetof format.c)" -gt 40 ]
	"$CC" -std=gnu11 -I"$SRC/src" -fsyntax-only format.c
	while read -r field; do
		[ "$field" = table ] || grep -qF "\`$field\`" "$SRC/docs/image-format.md" || fail "image-format.md has no $field"
	done < <(sed -n '/^struct lr_image_header {/,/^}/p' "$SRC/src/format/image.h" |
		sed -nE 's/^\t[a-z0-9_ ]+ ([a-z_]+)(\[.*)?;.*/\1/p')
}

test_the_architecture_names_every_lock_rank()
{
	local rank ranks=0

	while read -r rank; do
		ranks=$((ranks + 1))
		grep -qF "| $rank |" "$SRC/docs/architecture/README.md" || fail "the table of locks has no $rank"
	done < <(sed -nE 's/^\t(LR_RANK_[A-Z]+),.*/\1/p' "$SRC/src/base/ranks.h")
	[ "$ranks" -ge 8 ]
}

run_tests "$@"
