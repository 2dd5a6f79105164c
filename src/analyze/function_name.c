/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of functions without what does not stay.
 *
 * Layer: analyze. Locks: none; no allocation.
 *
 * One walk over the name, which takes one of its pieces in each step: brackets of a kind with all that is in them, an operator, or
 * one character. A name of C has no such pieces and goes through as it is. A space outside of brackets is what ends a return
 * type: `int ns::f<int>(int)::{lambda()#1}::operator()`, where the demangler tells of a function around a lambda.
 */
#include "analyze/function_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

struct walk {
	const char *at; /* in the function's name */
	char *name;
	size_t length;
};

static void put(struct walk *walk, const char *text, size_t length)
{
	size_t room = LR_FUNCTION_NAME_MAX - 1 - walk->length;

	length = length < room ? length : room;
	memcpy(walk->name + walk->length, text, length);
	walk->length += length;
}

static bool begins_with(const char *text, const char *begin)
{
	return strncmp(text, begin, strlen(begin)) == 0;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* Behind the bracket that closes the one at @at; the end of the text if none does. "->" closes nothing. */
static const char *skip_brackets(const char *at)
{
	const char *begin = at;
	int depth = 0;

	for (; *at; at++) {
		if (strchr("(<[{", *at))
			depth++;
		else if (strchr(")>]}", *at) && !(at > begin && *at == '>' && at[-1] == '-'))
			depth--;
		if (depth == 0)
			return at + 1;
	}
	return at;
}

/* What may follow the parameters of a function around a class. */
static const char *skip_qualifiers(const char *at)
{
	static const char *const qualifiers[] = { " const", " volatile", " &&", " &" };

	for (size_t i = 0; i < sizeof(qualifiers) / sizeof(qualifiers[0]); i++) {
		if (begins_with(at, qualifiers[i]))
			at += strlen(qualifiers[i]);
	}
	return at;
}

/* `operator<<`, `operator()`, `operator new`, `operator char const*`: up to its template arguments or parameters. */
static void take_operator(struct walk *walk)
{
	const char *begin = walk->at;
	const char *at = begin + strlen("operator");

	if (begins_with(at, "()") || begins_with(at, "[]"))
		at += 2;
	else if (*at == ' ')
		at += strcspn(at, "(<:");
	else
		at += strspn(at, "<>=!+-*/%^&|~,");
	put(walk, begin, (size_t)(at - begin));
	/* `operator< <int>` */
	walk->at = begins_with(at, " <") ? at + 1 : at;
}

/* `{lambda(int)#2}`, `{unnamed type#1}` */
static void take_braces(struct walk *walk)
{
	const char *begin = walk->at;
	const char *end = skip_brackets(begin);

	walk->at = end;
	if (begins_with(begin, "{lambda")) {
		put(walk, "{lambda}", strlen("{lambda}"));
		return;
	}
	put(walk, begin, strcspn(begin, "#}"));
	put(walk, "}", 1);
}

/* clang's name of what has none: `main::$_0::operator()`. */
static bool is_numbered_lambda(const struct walk *walk)
{
	return begins_with(walk->at, "$_") && isdigit((unsigned char)walk->at[2]);
}

static void take_parentheses(struct walk *walk)
{
	static const char anonymous[] = "(anonymous namespace)";

	if (begins_with(walk->at, anonymous)) {
		put(walk, anonymous, strlen(anonymous));
		walk->at += strlen(anonymous);
		return;
	}
	walk->at = skip_qualifiers(skip_brackets(walk->at));
}

/* Rust's `<T as Trait>::f` begins with what is no template's argument. */
static bool is_template(const struct walk *walk)
{
	return *walk->at == '<' && walk->length > 0 && walk->name[walk->length - 1] != ':';
}

static bool is_operator(const struct walk *walk)
{
	return begins_with(walk->at, "operator") && !is_word(walk->at[strlen("operator")]) &&
	       (walk->length == 0 || !is_word(walk->name[walk->length - 1]));
}

static void take_type(struct walk *walk)
{
	const char *begin = walk->at;

	walk->at = skip_brackets(begin);
	put(walk, begin, (size_t)(walk->at - begin));
}

static void step(struct walk *walk)
{
	if (is_operator(walk)) {
		take_operator(walk);
	} else if (is_numbered_lambda(walk)) {
		put(walk, "{lambda}", strlen("{lambda}"));
		walk->at += 2 + strspn(walk->at + 2, "0123456789");
	} else if (*walk->at == '{') {
		take_braces(walk);
	} else if (*walk->at == '(') {
		take_parentheses(walk);
	} else if (*walk->at == '[' || is_template(walk)) {
		walk->at = skip_brackets(walk->at);
	} else if (*walk->at == '<') {
		take_type(walk);
	} else {
		if (*walk->at == ' ')
			walk->length = 0;
		else
			put(walk, walk->at, 1);
		walk->at++;
	}
}

/* C++ has dots in no name, and C neither. */
static bool is_at_end(const struct walk *walk)
{
	return *walk->at == '\0' || begins_with(walk->at, " [clone") ||
	       (*walk->at == '.' && walk->length > 0);
}

size_t lr_function_name(const char *function, char name[LR_FUNCTION_NAME_MAX])
{
	struct walk walk = { .at = function, .name = name };

	while (!is_at_end(&walk))
		step(&walk);
	name[walk.length] = '\0';
	return walk.length;
}
