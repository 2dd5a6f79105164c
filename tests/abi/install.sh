#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `make install`: what lands where, and that a program outside the tree builds against it. Uses a build folder of its own, because the
# prefix is a property of one.

. "$(dirname "$0")/../support/tap.sh"

# A build of the library is seconds; all tests of this file share it.
shared=$(mktemp -d "${TMPDIR:-/tmp}/lastref-install.XXXXXX")
prefix=$shared/prefix
libdir=$prefix/lib/$(gcc -print-multiarch)

after_all()
{
	rm -rf "$shared"
}

installed()
{
	[ ! -e "$shared/failed" ] || fail "installing failed in an earlier test"
	[ ! -e "$shared/done" ] || return 0
	touch "$shared/failed"
	"$SRC/scripts/configure" "$shared/build" -Dtests=disabled
	make -C "$SRC" BUILD="$shared/build" PREFIX="$prefix" install
	rm "$shared/failed"
	touch "$shared/done"
}

use_installed()
{
	export PKG_CONFIG_PATH=$libdir/pkgconfig PATH=$prefix/bin:$PATH
	unset LD_LIBRARY_PATH
}

test_install_puts_everything_below_the_prefix()
{
	installed
	for file in "$libdir"/{liblastref.so,liblastref.so.0,liblastref.a,pkgconfig/lastref.pc} "$prefix"/bin/lastref \
		"$prefix"/share/bash-completion/completions/lastref \
		"$prefix"/include/lastref/{lastref,count,object,check,version}.h; do
		[ -s "$file" ] || fail "$file was not installed"
	done
	for page in "$SRC"/man/*.scd; do
		[ -e "$page" ] || continue
		page=$(basename "$page" .scd)
		[ -s "$prefix/share/man/man${page##*.}/$page" ] || fail "the page $page was not installed"
	done
}

test_every_public_header_is_installed_and_no_other()
{
	installed
	diff <(ls "$SRC/include/lastref") <(ls "$prefix/include/lastref")
}

test_pkg_config_gives_what_a_link_needs()
{
	installed
	use_installed
	expect_equal "$(pkg-config --modversion lastref)" "$("$prefix/bin/lastref" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+')"
	expect_equal "$(pkg-config --libs lastref | sed 's/ *$//')" "-L$libdir -llastref"
	pkg-config --static --libs lastref >static
	expect_text static '-Wl,--eh-frame-hdr'
}

test_hello_builds_outside_the_tree_and_its_leak_is_found()
{
	installed
	use_installed
	make -f "$SRC/examples/hello/Makefile"
	run lastref run -- ./hello
	expect_status 23
	expect_text stderr main.c
}

test_a_static_program_builds_with_the_flags_of_pkg_config()
{
	installed
	use_installed
	# shellcheck disable=SC2046  # flags are words
	gcc -static -o prog "$SRC/tests/abi/live.c" $(pkg-config --static --cflags --libs lastref)
	run ./prog
	expect_status 0
	expect_text stdout 'live 2'
}

test_installing_below_a_destdir_keeps_the_prefix()
{
	installed
	make -C "$SRC" BUILD="$shared/build" PREFIX="$prefix" DESTDIR="$PWD/image" install
	[ -x "image$prefix/bin/lastref" ] || fail "the command is not below DESTDIR"
	grep -qx "prefix=$prefix" "image$libdir/pkgconfig/lastref.pc"
}

run_tests "$@"
