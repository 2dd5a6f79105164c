/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Qualified names, from what stands around a function's entry.
 *
 * Layer: symbolize. Locks: none.
 *
 * An entry of DWARF knows its children and not its parent, so the way down from the unit is looked for: among siblings, which
 * stand in the order of their offsets, the parent is the last that begins before the function. The children of an entry are
 * listed when the first way leads through it. In a damaged file offsets need not grow; there a list ends.
 */
#include "symbolize/dwarf_names.h"

#include "symbolize/demangle.h"
#include "symbolize/grow.h"

#include <dwarf.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of references that lead from an entry to another one of the same function, and of functions around a class of a function. */
#define LR_DWARF_STEPS 8
/* Deeper entries have no name of ours. */
#define LR_DWARF_NAME_DEPTH 64

const char *lr_dwarf_linkage_name(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	if (!dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) &&
	    !dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
		return NULL;
	return dwarf_formstring(&attribute);
}

/* What gcc and clang write for C++98 to C++20. */
static bool is_cplusplus(Dwarf_Die *unit)
{
	switch (dwarf_srclang(unit)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case 0x2b: /* DW_LANG_C_plus_plus_17 */
	case 0x2c: /* DW_LANG_C_plus_plus_20 */
		return true;
	default:
		return false;
	}
}

/* The entry that stands where the function was declared: that of a call leads to its function's, and that to the declaration. */
static Dwarf_Die declaration_of(Dwarf_Die *die)
{
	Dwarf_Die result = *die;

	for (int step = 0; step < LR_DWARF_STEPS; step++) {
		Dwarf_Attribute attribute;
		Dwarf_Die next;

		if (!dwarf_attr(&result, DW_AT_abstract_origin, &attribute) &&
		    !dwarf_attr(&result, DW_AT_specification, &attribute))
			break;
		if (!dwarf_formref_die(&attribute, &next))
			break;
		result = next;
	}
	return result;
}

/* The children of an entry, by their offsets. */
struct list {
	const void *parent; /* where it is in memory, which no other entry is */
	Dwarf_Die *children;
	size_t count;
};

static int compare_lists(const void *a_, const void *b_)
{
	const struct list *a = a_;
	const struct list *b = b_;

	return ((uintptr_t)a->parent > (uintptr_t)b->parent) -
	       ((uintptr_t)a->parent < (uintptr_t)b->parent);
}

static void list_destroy(void *list_)
{
	struct list *list = list_;

	free(list->children);
	free(list);
}

void lr_dwarf_names_finish(struct lr_dwarf_names *names)
{
	tdestroy(names->lists, list_destroy);
	names->lists = NULL;
}

/* Return: false without memory. */
static bool fill_list(struct list *list, Dwarf_Die *die)
{
	Dwarf_Off last = dwarf_dieoffset(die);
	Dwarf_Die child, next;
	int result = dwarf_child(die, &child);

	while (result == 0 && dwarf_dieoffset(&child) > last) {
		Dwarf_Die *children = lr_grow(list->children, list->count, sizeof(*children));

		if (!children)
			return false;
		list->children = children;
		children[list->count++] = child;
		last = dwarf_dieoffset(&child);
		result = dwarf_siblingof(&child, &next);
		child = next;
	}
	return true;
}

/* Return: NULL without memory. */
static const struct list *list_of(struct lr_dwarf_names *names, Dwarf_Die *die)
{
	const struct list key = { .parent = die->addr };
	struct list *const *found = tfind(&key, &names->lists, compare_lists);
	struct list *list;

	if (found)
		return *found;
	list = calloc(1, sizeof(*list));
	if (!list)
		return NULL;
	list->parent = die->addr;
	if (fill_list(list, die) && tsearch(list, &names->lists, compare_lists))
		return list;
	list_destroy(list);
	return NULL;
}

/* The last of the children of @die that begins at @offset or before it. */
static bool child_before(struct lr_dwarf_names *names, Dwarf_Die *die, Dwarf_Off offset,
			 Dwarf_Die *ret_child)
{
	const struct list *list = list_of(names, die);
	size_t low = 0;
	size_t high = list ? list->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (dwarf_dieoffset(&list->children[middle]) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
		*ret_child = list->children[low - 1];
	return low > 0;
}

static bool is_class(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

/* The name as far as it is written. */
struct text {
	struct lr_dwarf_names *names;
	char *name;
	size_t length;
	int depth; /* functions around classes around functions */
};

/* Append @part and "::". Return: false if there is no room. */
static bool add_part(struct text *text, const char *part)
{
	size_t room = LR_DWARF_NAME_MAX - text->length;
	int added = snprintf(text->name + text->length, room, "%s::", part);

	if (added < 0 || (size_t)added >= room)
		return false;
	text->length += (size_t)added;
	return true;
}

static const char *name_of_scope(Dwarf_Die *scope, Dwarf_Die *function)
{
	const char *name = dwarf_diename(scope);
	const char *inside = dwarf_diename(function);

	if (name)
		return name;
	if (!is_class(scope))
		return "(anonymous namespace)";
	return inside && strcmp(inside, "operator()") == 0 ? "{lambda}" : "{unnamed type}";
}

static bool add_scopes(struct text *text, Dwarf_Die *function);

/* A class in a function is qualified by the function, whose name may itself be in the DWARF alone. */
static bool add_function(struct text *text, Dwarf_Die *die)
{
	char *demangled = lr_demangle(lr_dwarf_linkage_name(die));
	const char *bare = dwarf_diename(die);
	bool is_added = false;
	Dwarf_Die declaration;

	text->length = 0;
	if (demangled) {
		is_added = add_part(text, demangled);
		free(demangled);
		return is_added;
	}
	declaration = declaration_of(die);
	return bare && add_scopes(text, &declaration) && add_part(text, bare);
}

/* @scope is around @function, and @around, if not NULL, the function that it is directly in. */
static bool add_scope(struct text *text, Dwarf_Die *scope, Dwarf_Die *around, Dwarf_Die *function)
{
	if (around && is_class(scope) && !add_function(text, around))
		return false;
	return add_part(text, name_of_scope(scope, function));
}

/* Go down from the unit to @function and write what qualifies it. */
static bool add_scopes(struct text *text, Dwarf_Die *function)
{
	Dwarf_Off offset = dwarf_dieoffset(function);
	Dwarf_Die scope, inside, function_around;
	Dwarf_Die *around = NULL;

	if (++text->depth > LR_DWARF_STEPS || !dwarf_diecu(function, &scope, NULL, NULL))
		return false;
	for (int level = 0; level < LR_DWARF_NAME_DEPTH; level++) {
		if (!child_before(text->names, &scope, offset, &inside))
			return false;
		if (dwarf_dieoffset(&inside) == offset)
			return true;
		scope = inside;
		if (dwarf_tag(&scope) == DW_TAG_subprogram) {
			function_around = scope;
			around = &function_around;
		} else if (is_class(&scope) || dwarf_tag(&scope) == DW_TAG_namespace) {
			if (!add_scope(text, &scope, around, function))
				return false;
			around = NULL;
		}
	}
	return false;
}

const char *lr_dwarf_qualified_name(struct lr_dwarf_names *names, Dwarf_Die *die,
				    char name[LR_DWARF_NAME_MAX])
{
	Dwarf_Die function = declaration_of(die), unit;
	const char *bare = dwarf_diename(&function);
	char qualified[LR_DWARF_NAME_MAX];
	struct text text = { .names = names, .name = qualified };

	/* The function's own unit may be one that dwz made of several, which have no language. */
	if (!bare || !dwarf_diecu(die, &unit, NULL, NULL) || !is_cplusplus(&unit))
		return NULL;
	if (!add_scopes(&text, &function) || !add_part(&text, bare))
		return NULL;
	qualified[text.length - 2] = '\0';
	return strcpy(name, qualified);
}
