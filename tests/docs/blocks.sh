# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The blocks of a page, for the tests of documents: taking them out, and comparing what commands print with what the
# page says.

# split PAGE: its blocks as files 001.info (what follows the three backquotes) and 001.body and so on, in the current
# folder.
split()
{
	awk '
		/^```/ && !inside {
			inside = 1
			name = sprintf("%03d", ++n)
			print substr($0, 4) >(name ".info")
			printf "" >(name ".body")
			next
		}
		/^```$/ {
			inside = 0
			close(name ".info")
			close(name ".body")
			next
		}
		inside { print >(name ".body") }
		END {
			if (inside) {
				print "a block is not closed" >"/dev/stderr"
				exit 1
			}
		}
	' "$1"
}

# answer FILE: run the lines of FILE that begin with `$ `, in one shell, and print each with what it prints.
answer()
{
	local line

	# What a crash leaves, and how deep a stack may be, is not the caller's.
	printf 'ulimit -Sc 0 && ulimit -Ss 8192\n' >script
	sed -n 's/^\$ //p' "$1" | while IFS= read -r line; do
		printf "printf '%%s\\\\n' %q\n%s\n" "\$ $line" "$line"
	done >>script
	bash script </dev/null 2>&1 || true # the status is the last command's, which may be meant to fail
}

without_addresses()
{
	sed -E 's/0x[0-9a-f]+/0x.../g'
}

# compare FILE LABEL: the commands in FILE print what FILE says.
compare()
{
	answer "$1" | without_addresses >actual
	without_addresses <"$1" >expected
	diff -u expected actual || fail "the text at $2 is not what the commands print"
}
