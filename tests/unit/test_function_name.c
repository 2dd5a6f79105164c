/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a function's name a fingerprint is made of.
 */
#include "analyze/function_name.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect(const char *function, const char *expected)
{
	char name[LR_FUNCTION_NAME_MAX];

	cr_assert_eq(lr_function_name(function, name), strlen(expected), "%s: %s", function, name);
	cr_assert_str_eq(name, expected, "%s", function);
}

Test(function_name, a_plain_or_qualified_name_stays)
{
	expect("main", "main");
	expect("", "");
	expect("ns::(anonymous namespace)::box::ref", "ns::(anonymous namespace)::box::ref");
	expect("std::__cxx11::basic_string::~basic_string",
	       "std::__cxx11::basic_string::~basic_string");
	expect("operators_of", "operators_of");
	expect("my_operator", "my_operator");
}

Test(function_name, what_compilers_add_is_left_out)
{
	expect("f.constprop.0", "f");
	expect("f.part.0.isra.1", "f");
	expect("ns::f [clone .cold]", "ns::f");
	expect(".hidden", ".hidden");
}

Test(function_name, template_arguments_are_left_out)
{
	expect("net::make<3, s>", "net::make");
	expect("net::make<3u, s>", "net::make");
	expect("maker<main::{lambda(int)#1}>::operator()", "maker::operator()");
	expect("call<(a->*b)>::f", "call::f");
	expect("f<int (*)(...)>::g", "f::g");
}

Test(function_name, operators_stay)
{
	expect("ns::operator<< <char>", "ns::operator<<");
	expect("ns::operator< <char>", "ns::operator<");
	expect("box::operator->", "box::operator->");
	expect("box::operator<=>", "box::operator<=>");
	expect("box<int>::operator[]", "box::operator[]");
	expect("box::operator()<int>", "box::operator()");
	expect("operator new", "operator new");
	expect("box::operator char const*", "box::operator char const*");
	expect("box::operator std::vector<int>", "box::operator std::vector");
}

Test(function_name, numbers_of_lambdas_and_unnamed_types_are_left_out)
{
	expect("main::{lambda()#1}::operator()", "main::{lambda}::operator()");
	expect("main::{lambda(int)#22}::operator()", "main::{lambda}::operator()");
	expect("main::{lambda(main::{lambda()#1})#2}::operator()", "main::{lambda}::operator()");
	expect("main::$_0::operator()", "main::{lambda}::operator()");
	expect("main::{lambda}::operator()", "main::{lambda}::operator()");
	expect("{unnamed type#1}::f", "{unnamed type}::f");
	expect("a::b::{closure#0}", "a::b::{closure}");
}

Test(function_name, parameters_and_return_types_of_functions_around_are_left_out)
{
	expect("net::pool::get(int)::local::go(int) const::{lambda(int)#1}::operator()",
	       "net::pool::get::local::go::{lambda}::operator()");
	expect("net::pool::get::local::go::{lambda}::operator()",
	       "net::pool::get::local::go::{lambda}::operator()");
	expect("auto ns::f<int>(int)::{lambda()#1}::operator()", "ns::f::{lambda}::operator()");
	expect("ns::(anonymous namespace)::f(std::vector<int>) const &::local::g",
	       "ns::(anonymous namespace)::f::local::g");
	expect("name[abi:cxx11]", "name");
	expect("<T as Trait<U>>::f", "<T as Trait<U>>::f");
}

Test(function_name, a_name_that_is_no_name_does_no_harm)
{
	expect("f<", "f");
	expect("f(((", "f");
	expect("f{", "f{}");
	expect(">>>)]}", ">>>)]}");
}

Test(function_name, a_long_name_is_cut)
{
	static char function[3 * LR_FUNCTION_NAME_MAX];
	char name[LR_FUNCTION_NAME_MAX];

	memset(function, 'x', sizeof(function) - 1);
	cr_assert_eq(lr_function_name(function, name), LR_FUNCTION_NAME_MAX - 1);
	cr_assert_eq(strlen(name), LR_FUNCTION_NAME_MAX - 1);
}
