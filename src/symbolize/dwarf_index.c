/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of a module by address, from its DWARF.
 *
 * Layer: symbolize. Locks: none.
 *
 * Two levels: the ranges of all compilation units, read at the begin; and for a unit that an address falls into, one
 * walk over those of its entries that can hold code, which leaves every range of every function and inlined call in
 * one flat table. A lookup is then two binary searches, and only the names of frames that are shown are ever read.
 * (dwarf_getscopes() walks the whole unit again for each address.)
 *
 * Why the walk compares offsets: entries are found through sibling references, and a damaged file can have them lead
 * into what was walked already, at every depth again. In a good file the offsets of a walk from parents to children
 * only ever grow; where they do not, a list ends. So a walk takes at most as many steps as there are entries.
 */
#include "symbolize/dwarf_index.h"

#include "symbolize/demangle.h"
#include "symbolize/grow.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Deeper entries are left out. */
#define LR_DWARF_DEPTH 128
/* Entries may share one list of ranges; a damaged file must not turn that into all of memory. */
#define LR_DWARF_RANGES_MAX (1u << 22)

struct lr_dwarf_function {
	Dwarf_Die die;
	uint32_t caller; /* into which this one is inlined: ordinal + 1; 0 if it is not inlined */
};

struct lr_dwarf_unit {
	Dwarf_Die die;	 /* has the line table */
	Dwarf_Die scope; /* has the functions: die, or what it stands for in a .dwo file */
	struct lr_dwarf_function *functions;
	uint32_t count;
	struct lr_intervals ranges; /* to ordinals of functions */
	bool read;
};

struct level {
	Dwarf_Die die;
	uint32_t function; /* around it: ordinal + 1, or 0 */
};

static void unit_finish(struct lr_dwarf_unit *unit)
{
	free(unit->functions);
	lr_intervals_finish(&unit->ranges);
	unit->functions = NULL;
	unit->count = 0;
}

void lr_dwarf_index_finish(struct lr_dwarf_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		unit_finish(&index->units[i]);
	free(index->units);
	lr_intervals_finish(&index->ranges);
	lr_dwarf_names_finish(&index->names);
	*index = (struct lr_dwarf_index){ 0 };
}

/*
 * Code of a section that the linker dropped keeps its entries, with 0 (or 1, where 0 would end a list) as its begin;
 * it would shadow what is really there.
 */
static int add_ranges(struct lr_intervals *ranges, Dwarf_Die *die, uint32_t value)
{
	Dwarf_Addr base = 0, start, end;
	ptrdiff_t next = 0;

	while ((next = dwarf_ranges(die, next, &base, &start, &end)) > 0) {
		if (start <= 1)
			continue;
		if (ranges->count >= LR_DWARF_RANGES_MAX)
			return -E2BIG;
		if (lr_intervals_add(ranges, start, end, value))
			return -ENOMEM;
	}
	return 0;
}

static int add_unit(struct lr_dwarf_index *index, Dwarf_Die *die, Dwarf_Die *split)
{
	struct lr_dwarf_unit *units = lr_grow(index->units, index->count, sizeof(*units));

	if (!units)
		return -ENOMEM;
	index->units = units;
	units[index->count] = (struct lr_dwarf_unit){
		.die = *die,
		.scope = dwarf_tag(split) == DW_TAG_compile_unit ? *split : *die,
	};
	return add_ranges(&index->ranges, die, (uint32_t)index->count++);
}

void lr_dwarf_index_init(struct lr_dwarf_index *index, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die, split;
	int result = 0;

	*index = (struct lr_dwarf_index){ 0 };
	while (!result && dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, &split) == 0) {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit)
			result = add_unit(index, &die, &split);
	}
	if (result || lr_intervals_flatten(&index->ranges))
		lr_dwarf_index_finish(index);
}

/* Nothing else has functions below it. */
static bool can_hold_functions(int tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_with_stmt:
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		return true;
	default:
		return false;
	}
}

/*
 * Take the entry of @level if it is a function with code. The code of an inlined call is part of its caller's, so
 * that one without a caller is damaged and left out.
 */
static int add_function(struct lr_dwarf_unit *unit, struct level *level, uint32_t *ret_inside)
{
	int tag = dwarf_tag(&level->die);
	bool inlined = tag == DW_TAG_inlined_subroutine;
	size_t ranges = unit->ranges.count;
	struct lr_dwarf_function *functions;
	int result;

	*ret_inside = level->function;
	if (tag != DW_TAG_subprogram && !(inlined && level->function))
		return 0;
	result = add_ranges(&unit->ranges, &level->die, unit->count);
	if (result || unit->ranges.count == ranges) {
		if (!inlined)
			*ret_inside = 0;
		return result;
	}
	functions = lr_grow(unit->functions, unit->count, sizeof(*functions));
	if (!functions)
		return -ENOMEM;
	unit->functions = functions;
	functions[unit->count++] = (struct lr_dwarf_function){
		.die = level->die,
		.caller = inlined ? level->function : 0,
	};
	*ret_inside = unit->count;
	return 0;
}

/* Go on to the next entry of the list; false at its end. See above for @last, the furthest offset so far. */
static bool next_sibling(Dwarf_Die *die, Dwarf_Off *last)
{
	Dwarf_Die next;

	if (dwarf_siblingof(die, &next) != 0 || dwarf_dieoffset(&next) <= *last)
		return false;
	*last = dwarf_dieoffset(&next);
	*die = next;
	return true;
}

static bool first_child(Dwarf_Die *die, Dwarf_Die *ret_child, Dwarf_Off *last)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0 || dwarf_dieoffset(&child) <= *last)
		return false;
	*last = dwarf_dieoffset(&child);
	*ret_child = child;
	return true;
}

static int walk_unit(struct lr_dwarf_unit *unit)
{
	struct level levels[LR_DWARF_DEPTH];
	Dwarf_Off last = dwarf_dieoffset(&unit->scope);
	int depth = 0;

	levels[0].function = 0;
	if (!first_child(&unit->scope, &levels[0].die, &last))
		return 0;
	while (depth >= 0) {
		struct level *level = &levels[depth];
		uint32_t inside;
		int result = add_function(unit, level, &inside);

		if (result)
			return result;
		if (depth + 1 < LR_DWARF_DEPTH && can_hold_functions(dwarf_tag(&level->die)) &&
		    first_child(&level->die, &level[1].die, &last)) {
			level[1].function = inside;
			depth++;
			continue;
		}
		while (depth >= 0 && !next_sibling(&levels[depth].die, &last))
			depth--;
	}
	return 0;
}

static struct lr_dwarf_unit *find_unit(struct lr_dwarf_index *index, uint64_t address)
{
	struct lr_dwarf_unit *unit;
	uint32_t ordinal;

	if (!lr_intervals_find(&index->ranges, address, &ordinal))
		return NULL;
	unit = &index->units[ordinal];
	if (!unit->read) {
		unit->read = true;
		if (walk_unit(unit) || lr_intervals_flatten(&unit->ranges))
			unit_finish(unit);
	}
	return unit;
}

/* libdw says "???" for the number 0, which means that there is no file. */
static const char *known_file(const char *name)
{
	return name && strcmp(name, "???") ? name : NULL;
}

static void place_of_address(struct lr_dwarf_unit *unit, uint64_t address,
			     struct lr_symbol_frame *frame)
{
	Dwarf_Line *row = dwarf_getsrc_die(&unit->die, address);
	int line, column;

	if (!row)
		return;
	frame->file = known_file(dwarf_linesrc(row, NULL, NULL));
	if (dwarf_lineno(row, &line) == 0 && line > 0)
		frame->line = (unsigned int)line;
	if (dwarf_linecol(row, &column) == 0 && column > 0)
		frame->column = (unsigned int)column;
}

static bool number_of(Dwarf_Die *die, unsigned int name, Dwarf_Word *ret_number)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, name, &attribute) && dwarf_formudata(&attribute, ret_number) == 0;
}

static void place_of_call(struct lr_dwarf_unit *unit, Dwarf_Die *call, struct lr_symbol_frame *frame)
{
	Dwarf_Files *files;
	Dwarf_Word number;
	size_t count;

	if (number_of(call, DW_AT_call_file, &number) &&
	    dwarf_getsrcfiles(&unit->scope, &files, &count) == 0 && number < count)
		frame->file = known_file(dwarf_filesrc(files, number, NULL, NULL));
	if (number_of(call, DW_AT_call_line, &number) && number <= INT32_MAX)
		frame->line = (unsigned int)number;
	if (number_of(call, DW_AT_call_column, &number) && number <= INT32_MAX)
		frame->column = (unsigned int)number;
}

/*
 * Emit @frame for the function @die (NULL if the DWARF has none there). A demangled name is qualified, which
 * DW_AT_name is not; but functions that other files cannot call have a linkage name only in the symbol table, and where they
 * are inlined the entries around theirs qualify them. Else the name in the source is better: the symbol may be one of
 * several, or end in ".constprop.0".
 */
static void emit_function(struct lr_dwarf_index *index, struct lr_symbol_frame *frame,
			  Dwarf_Die *die, const char *symbol, lr_symbol_emit emit, void *context)
{
	char *demangled = die ? lr_demangle(lr_dwarf_linkage_name(die)) : NULL;
	char qualified[LR_DWARF_NAME_MAX];

	if (!demangled)
		demangled = lr_demangle(symbol);
	frame->function = demangled;
	if (!frame->function && die)
		frame->function = lr_dwarf_qualified_name(&index->names, die, qualified);
	if (!frame->function && die)
		frame->function = dwarf_diename(die);
	if (!frame->function)
		frame->function = symbol;
	if (frame->function || frame->file)
		emit(frame, context);
	free(demangled);
}

bool lr_dwarf_index_frames(struct lr_dwarf_index *index, uint64_t address, const char *symbol,
			   lr_symbol_emit emit, void *context)
{
	struct lr_dwarf_unit *unit = find_unit(index, address);
	struct lr_symbol_frame frame = { 0 };
	uint32_t ordinal;

	if (!unit)
		return false;
	place_of_address(unit, address, &frame);
	if (!lr_intervals_find(&unit->ranges, address, &ordinal)) {
		emit_function(index, &frame, NULL, symbol, emit, context);
		return true;
	}
	for (uint32_t next = ordinal + 1; next; next = unit->functions[next - 1].caller) {
		struct lr_dwarf_function *function = &unit->functions[next - 1];

		emit_function(index, &frame, &function->die, function->caller ? NULL : symbol, emit,
			      context);
		frame = (struct lr_symbol_frame){ 0 };
		place_of_call(unit, &function->die, &frame);
	}
	return true;
}
