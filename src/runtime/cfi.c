/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call frame information: .eh_frame_hdr is searched for the function's entry (FDE), whose program, after that of the entry it shares
 * with its neighbours (CIE), is run up to the instruction. Of the registers that it speaks of, three matter here: the
 * return address, rbp, and the one from which the frame address (CFA) is computed.
 *
 * Formats: Linux Standard Base, "Exception Frames"; DWARF 5, section 6.4; x86-64 psABI for the register numbers.
 *
 * Layer: runtime. Locks: none.
 *
 * What is not obvious: DWARF lets a frame be described by any expression. Compilers, assemblers and linkers emit four: the frame
 * of a signal (glibc), a realigned stack (gcc), and the two forms of a PLT entry (linkers). These are recognized as
 * bytes; any other ends the walk, because an evaluator would be more code than all of this, for no frame that is met.
 */
#include "runtime/cfi.h"

#include <stddef.h>
#include <string.h>

#define REGISTER_FP 6
#define REGISTER_SP 7
#define REGISTER_RA 16
#define REMEMBERED_MAX 8

/* Encodings of pointers in .eh_frame (DW_EH_PE_*). */
enum {
	ENCODED_ABSOLUTE = 0x00,
	ENCODED_ULEB = 0x01,
	ENCODED_U2 = 0x02,
	ENCODED_U4 = 0x03,
	ENCODED_U8 = 0x04,
	ENCODED_SLEB = 0x09,
	ENCODED_S2 = 0x0a,
	ENCODED_S4 = 0x0b,
	ENCODED_S8 = 0x0c,
	ENCODED_FORMAT = 0x0f,
	ENCODED_PC_RELATIVE = 0x10,
	ENCODED_DATA_RELATIVE = 0x30,
	ENCODED_BASE = 0xf0, /* also the bit for "indirect", which is not used for code */
	ENCODED_OMITTED = 0xff,
};

/* Instructions (DW_CFA_*). The first three keep an operand in their low six bits. */
enum {
	OP_ADVANCE = 0x40,
	OP_OFFSET = 0x80,
	OP_RESTORE = 0xc0,
	OP_NOP = 0x00,
	OP_SET_LOC = 0x01,
	OP_ADVANCE_1 = 0x02,
	OP_ADVANCE_2 = 0x03,
	OP_ADVANCE_4 = 0x04,
	OP_OFFSET_EXTENDED = 0x05,
	OP_RESTORE_EXTENDED = 0x06,
	OP_UNDEFINED = 0x07,
	OP_SAME_VALUE = 0x08,
	OP_REGISTER = 0x09,
	OP_REMEMBER = 0x0a,
	OP_RESTORE_STATE = 0x0b,
	OP_CFA = 0x0c,
	OP_CFA_REGISTER = 0x0d,
	OP_CFA_OFFSET = 0x0e,
	OP_CFA_EXPRESSION = 0x0f,
	OP_EXPRESSION = 0x10,
	OP_OFFSET_EXTENDED_SIGNED = 0x11,
	OP_CFA_SIGNED = 0x12,
	OP_CFA_OFFSET_SIGNED = 0x13,
	OP_VALUE_OFFSET = 0x14,
	OP_VALUE_OFFSET_SIGNED = 0x15,
	OP_VALUE_EXPRESSION = 0x16,
	OP_GNU_ARGUMENTS_SIZE = 0x2e,
};

/* Of DWARF expressions (DW_OP_*). */
enum {
	EXPR_DEREF = 0x06,
	EXPR_LITERAL_0 = 0x30,
	EXPR_LITERAL_31 = 0x4f,
	EXPR_BREG_FP = 0x76,
	EXPR_BREG_SP = 0x77,
};

/* Where the program text is read. Past the end, reads give 0 and set @bad. */
struct cursor {
	uintptr_t at;
	uintptr_t end;
	bool bad;
};

enum saved {
	SAVED_NOWHERE,
	SAVED_AT_OFFSET,
	SAVED_BY_EXPRESSION,
	SAVED_UNDEFINED,
	SAVED_OTHERWISE
};

struct place {
	enum saved saved;
	int64_t offset;
	struct cursor expression;
};

/* A row of the table that the program describes. */
struct row {
	uint64_t cfa_register;
	int64_t cfa_offset;
	bool cfa_by_expression;
	struct cursor cfa_expression;
	struct place fp;
	struct place ra;
};

struct entry {
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding;
	bool has_augmentation;
	bool is_signal;
	struct cursor initial; /* the CIE's program */
	struct cursor program; /* the FDE's */
	uintptr_t begin;
};

struct machine {
	const struct entry *entry;
	uintptr_t location;
	struct row row;
	struct row initial;
	struct row remembered[REMEMBERED_MAX];
	int remembered_count;
};

static bool has(struct cursor *cursor, size_t size)
{
	if (cursor->bad || cursor->end - cursor->at < size)
		cursor->bad = true;
	return !cursor->bad;
}

static uint64_t read_unsigned(struct cursor *cursor, size_t size)
{
	uint64_t value = 0;

	if (!has(cursor, size))
		return 0;
	memcpy(&value, (const void *)cursor->at, size);
	cursor->at += size;
	return value;
}

static int64_t read_signed(struct cursor *cursor, size_t size)
{
	unsigned int unused_bits = 64 - 8 * (unsigned int)size;

	return (int64_t)(read_unsigned(cursor, size) << unused_bits) >> unused_bits;
}

static uint64_t read_uleb(struct cursor *cursor)
{
	uint64_t value = 0;
	uint64_t byte;
	unsigned int shift = 0;

	do {
		byte = read_unsigned(cursor, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

static int64_t read_sleb(struct cursor *cursor)
{
	uint64_t value = 0;
	uint64_t byte;
	unsigned int shift = 0;

	do {
		byte = read_unsigned(cursor, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if ((byte & 0x40) && shift < 64)
		value |= ~UINT64_C(0) << shift;
	return (int64_t)value;
}

/* A cursor over the next @size bytes, which @cursor skips. */
static struct cursor take(struct cursor *cursor, uint64_t size)
{
	struct cursor taken = { 0 };

	if (!has(cursor, size))
		return taken;
	taken.at = cursor->at;
	taken.end = cursor->at + size;
	cursor->at += size;
	return taken;
}

static uint64_t read_format(struct cursor *cursor, uint8_t encoding)
{
	switch (encoding & ENCODED_FORMAT) {
	case ENCODED_ABSOLUTE:
	case ENCODED_U8:
	case ENCODED_S8:
		return read_unsigned(cursor, 8);
	case ENCODED_ULEB:
		return read_uleb(cursor);
	case ENCODED_U2:
		return read_unsigned(cursor, 2);
	case ENCODED_U4:
		return read_unsigned(cursor, 4);
	case ENCODED_SLEB:
		return (uint64_t)read_sleb(cursor);
	case ENCODED_S2:
		return (uint64_t)read_signed(cursor, 2);
	case ENCODED_S4:
		return (uint64_t)read_signed(cursor, 4);
	default:
		cursor->bad = true;
		return 0;
	}
}

static uintptr_t read_encoded(struct cursor *cursor, uint8_t encoding, uintptr_t data_base)
{
	uintptr_t at = cursor->at;
	uint64_t value = read_format(cursor, encoding);

	switch (encoding & ENCODED_BASE) {
	case ENCODED_ABSOLUTE:
		return value;
	case ENCODED_PC_RELATIVE:
		return at + value;
	case ENCODED_DATA_RELATIVE:
		return data_base + value;
	default:
		cursor->bad = true;
		return 0;
	}
}

static struct cursor cursor_at(const struct lr_cfi_image *image, uintptr_t at)
{
	struct cursor cursor = { .at = at, .end = image->end };

	cursor.bad = at < image->start || at >= image->end;
	return cursor;
}

static size_t encoded_size(uint8_t encoding)
{
	switch (encoding & ENCODED_FORMAT) {
	case ENCODED_U4:
	case ENCODED_S4:
		return 4;
	case ENCODED_ABSOLUTE:
	case ENCODED_U8:
	case ENCODED_S8:
		return 8;
	default:
		return 0;
	}
}

/* Binary search of @table, pairs of (first instruction, FDE) sorted by the first. Returns the FDE's address or 0. */
static uintptr_t search(const struct cursor *table, uint64_t count, uint8_t encoding,
			uintptr_t base, uintptr_t pc)
{
	size_t size = encoded_size(encoding);
	uint64_t low = 0;
	uint64_t high = count;
	struct cursor pair = *table;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		pair.at = table->at + middle * 2 * size;
		if (read_encoded(&pair, encoding, base) <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return 0;
	pair.at = table->at + (low - 1) * 2 * size + size;
	low = read_encoded(&pair, encoding, base);
	return pair.bad ? 0 : low;
}

static uintptr_t find_fde(const struct lr_cfi_image *image, uintptr_t pc)
{
	struct cursor header = cursor_at(image, image->header);
	uint8_t version = (uint8_t)read_unsigned(&header, 1);
	uint8_t frame_encoding = (uint8_t)read_unsigned(&header, 1);
	uint8_t count_encoding = (uint8_t)read_unsigned(&header, 1);
	uint8_t table_encoding = (uint8_t)read_unsigned(&header, 1);
	uint64_t count;

	if (version != 1 || count_encoding == ENCODED_OMITTED || encoded_size(table_encoding) == 0)
		return 0;
	if (frame_encoding != ENCODED_OMITTED)
		read_encoded(&header, frame_encoding, image->header);
	count = read_encoded(&header, count_encoding, image->header);
	if (header.bad || count > (header.end - header.at) / (2 * encoded_size(table_encoding)))
		return 0;
	return search(&header, count, table_encoding, image->header, pc);
}

/* The content of the record at @at, past its length. */
static struct cursor open_record(const struct lr_cfi_image *image, uintptr_t at)
{
	struct cursor cursor = cursor_at(image, at);
	uint64_t length = read_unsigned(&cursor, 4);
	struct cursor record;

	if (length == UINT32_MAX)
		length = read_unsigned(&cursor, 8);
	record = take(&cursor, length);
	record.bad = cursor.bad || length == 0;
	return record;
}

/* The letters after 'z' say what the augmentation data holds; after one that is not known, the rest is skipped by its length. */
static void read_augmentation(struct entry *entry, struct cursor letters, struct cursor data)
{
	uint8_t encoding;

	while (letters.at < letters.end) {
		switch (read_unsigned(&letters, 1)) {
		case 'R':
			entry->encoding = (uint8_t)read_unsigned(&data, 1);
			break;
		case 'P':
			encoding = (uint8_t)read_unsigned(&data, 1);
			read_format(&data, encoding);
			break;
		case 'L':
			read_unsigned(&data, 1);
			break;
		case 'S':
			entry->is_signal = true;
			break;
		case 'B':
			break;
		default:
			return;
		}
	}
}

static bool read_cie(struct entry *entry, struct cursor cie)
{
	uint64_t id = read_unsigned(&cie, 4);
	uint64_t version = read_unsigned(&cie, 1);
	struct cursor letters = cie;
	uint64_t ra_register;

	while (read_unsigned(&cie, 1) != 0)
		continue;
	letters.end = cie.at - 1;
	entry->code_align = read_uleb(&cie);
	entry->data_align = read_sleb(&cie);
	ra_register = version == 1 ? read_unsigned(&cie, 1) : read_uleb(&cie);
	if (cie.bad || id != 0 || (version != 1 && version != 3) || ra_register != REGISTER_RA)
		return false;
	entry->encoding = ENCODED_ABSOLUTE;
	if (letters.at < letters.end) {
		if (read_unsigned(&letters, 1) != 'z')
			return false;
		entry->has_augmentation = true;
		read_augmentation(entry, letters, take(&cie, read_uleb(&cie)));
	}
	entry->initial = cie;
	return !cie.bad;
}

static bool read_fde(const struct lr_cfi_image *image, uintptr_t at, uintptr_t pc, struct entry *entry)
{
	struct cursor fde = open_record(image, at);
	uintptr_t id_at = fde.at;
	uint64_t cie_distance = read_unsigned(&fde, 4);
	uint64_t length;

	if (fde.bad || cie_distance == 0 ||
	    !read_cie(entry, open_record(image, id_at - cie_distance)))
		return false;
	entry->begin = read_encoded(&fde, entry->encoding, 0);
	length = read_format(&fde, entry->encoding & ENCODED_FORMAT);
	if (entry->has_augmentation)
		take(&fde, read_uleb(&fde));
	entry->program = fde;
	return !fde.bad && pc >= entry->begin && pc - entry->begin < length;
}

static struct place *place_of(struct row *row, uint64_t number)
{
	if (number == REGISTER_FP)
		return &row->fp;
	return number == REGISTER_RA ? &row->ra : NULL;
}

static void set_saved(struct machine *machine, uint64_t number, enum saved saved, int64_t offset)
{
	struct place *place = place_of(&machine->row, number);

	if (!place)
		return;
	place->saved = saved;
	place->offset = offset;
}

/* Offsets are small numbers; that of a corrupt program may be any, and must not overflow. */
static int64_t scaled(const struct machine *machine, int64_t factor)
{
	return (int64_t)((uint64_t)factor * (uint64_t)machine->entry->data_align);
}

static void restore(struct machine *machine, uint64_t number)
{
	struct place *place = place_of(&machine->row, number);

	if (place)
		*place = *place_of(&machine->initial, number);
}

static void set_expression(struct machine *machine, struct cursor *program)
{
	struct place *place = place_of(&machine->row, read_uleb(program));
	struct cursor expression = take(program, read_uleb(program));

	if (!place)
		return;
	place->saved = SAVED_BY_EXPRESSION;
	place->expression = expression;
}

static void advance(struct machine *machine, uint64_t delta)
{
	machine->location += delta * machine->entry->code_align;
}

static void remember(struct machine *machine, struct cursor *program)
{
	if (machine->remembered_count < REMEMBERED_MAX)
		machine->remembered[machine->remembered_count++] = machine->row;
	else
		program->bad = true;
}

static void restore_state(struct machine *machine, struct cursor *program)
{
	if (machine->remembered_count > 0)
		machine->row = machine->remembered[--machine->remembered_count];
	else
		program->bad = true;
}

static void set_cfa(struct machine *machine, uint64_t number, int64_t offset)
{
	machine->row.cfa_register = number;
	machine->row.cfa_offset = offset;
	machine->row.cfa_by_expression = false;
}

/* Instructions about the frame address. Returns false if @op is none of them. */
static bool run_cfa(struct machine *machine, uint64_t op, struct cursor *program)
{
	struct row *row = &machine->row;
	uint64_t number;

	switch (op) {
	case OP_CFA:
		number = read_uleb(program);
		set_cfa(machine, number, (int64_t)read_uleb(program));
		return true;
	case OP_CFA_SIGNED:
		number = read_uleb(program);
		set_cfa(machine, number, scaled(machine, read_sleb(program)));
		return true;
	case OP_CFA_REGISTER:
		set_cfa(machine, read_uleb(program), row->cfa_offset);
		return true;
	case OP_CFA_OFFSET:
		row->cfa_offset = (int64_t)read_uleb(program);
		return true;
	case OP_CFA_OFFSET_SIGNED:
		row->cfa_offset = scaled(machine, read_sleb(program));
		return true;
	case OP_CFA_EXPRESSION:
		row->cfa_by_expression = true;
		row->cfa_expression = take(program, read_uleb(program));
		return true;
	default:
		return false;
	}
}

/* Instructions about one register. Returns false if @op is none of them. */
static bool run_register(struct machine *machine, uint64_t op, struct cursor *program)
{
	uint64_t number;

	switch (op) {
	case OP_OFFSET_EXTENDED:
		number = read_uleb(program);
		set_saved(machine, number, SAVED_AT_OFFSET,
			  scaled(machine, (int64_t)read_uleb(program)));
		return true;
	case OP_OFFSET_EXTENDED_SIGNED:
		number = read_uleb(program);
		set_saved(machine, number, SAVED_AT_OFFSET, scaled(machine, read_sleb(program)));
		return true;
	case OP_RESTORE_EXTENDED:
		restore(machine, read_uleb(program));
		return true;
	case OP_UNDEFINED:
		set_saved(machine, read_uleb(program), SAVED_UNDEFINED, 0);
		return true;
	case OP_SAME_VALUE:
		set_saved(machine, read_uleb(program), SAVED_NOWHERE, 0);
		return true;
	case OP_EXPRESSION:
		set_expression(machine, program);
		return true;
	default:
		return false;
	}
}

/* Ways to save a register that no rule here can follow: they matter only if the register is one of ours. */
static bool run_unfollowed(struct machine *machine, uint64_t op, struct cursor *program)
{
	uint64_t number;

	switch (op) {
	case OP_REGISTER:
	case OP_VALUE_OFFSET:
	case OP_VALUE_OFFSET_SIGNED:
		number = read_uleb(program);
		read_uleb(program);
		break;
	case OP_VALUE_EXPRESSION:
		number = read_uleb(program);
		take(program, read_uleb(program));
		break;
	default:
		return false;
	}
	set_saved(machine, number, SAVED_OTHERWISE, 0);
	return true;
}

static void run_other(struct machine *machine, uint64_t op, struct cursor *program)
{
	switch (op) {
	case OP_NOP:
		break;
	case OP_SET_LOC:
		machine->location = read_encoded(program, machine->entry->encoding, 0);
		break;
	case OP_ADVANCE_1:
		advance(machine, read_unsigned(program, 1));
		break;
	case OP_ADVANCE_2:
		advance(machine, read_unsigned(program, 2));
		break;
	case OP_ADVANCE_4:
		advance(machine, read_unsigned(program, 4));
		break;
	case OP_REMEMBER:
		remember(machine, program);
		break;
	case OP_RESTORE_STATE:
		restore_state(machine, program);
		break;
	case OP_GNU_ARGUMENTS_SIZE:
		read_uleb(program);
		break;
	default:
		if (!run_cfa(machine, op, program) && !run_register(machine, op, program) &&
		    !run_unfollowed(machine, op, program))
			program->bad = true;
	}
}

/* Run @program until it describes a later instruction than @pc. */
static bool run(struct machine *machine, struct cursor program, uintptr_t pc)
{
	while (program.at < program.end && !program.bad && machine->location <= pc) {
		uint64_t op = read_unsigned(&program, 1);
		uint64_t operand = op & 0x3f;

		switch (op & 0xc0) {
		case OP_ADVANCE:
			advance(machine, operand);
			break;
		case OP_OFFSET:
			set_saved(machine, operand, SAVED_AT_OFFSET,
				  scaled(machine, (int64_t)read_uleb(&program)));
			break;
		case OP_RESTORE:
			restore(machine, operand);
			break;
		default:
			run_other(machine, op, &program);
		}
	}
	return !program.bad;
}

/* Is @expression "register + offset", then exactly @rest? */
static bool is_register_plus(struct cursor expression, uint8_t breg, int64_t *ret_offset,
			     const uint8_t *rest, size_t rest_size)
{
	int64_t offset;

	if (read_unsigned(&expression, 1) != breg)
		return false;
	offset = read_sleb(&expression);
	if (expression.bad || expression.end - expression.at != rest_size)
		return false;
	if (rest_size > 0 && memcmp((const void *)expression.at, rest, rest_size) != 0)
		return false;
	*ret_offset = offset;
	return true;
}

/*
 * A PLT entry: sp + 8, and 8 more if the instruction is in the part of the 16-byte entry that follows a push. The literal is where
 * that part begins.
 */
static bool is_plt(struct cursor expression, uintptr_t pc, int64_t *ret_offset)
{
	/* breg7+8; breg16+0; lit15; and; lit N; ge; lit3; shl; plus */
	static const uint8_t head[] = { EXPR_BREG_SP, 8, 0x80, 0, 0x3f, 0x1a };
	static const uint8_t tail[] = { 0x2a, 0x33, 0x24, 0x22 };
	const uint8_t *bytes = (const uint8_t *)expression.at;
	uint8_t literal;

	if (expression.end - expression.at != sizeof(head) + 1 + sizeof(tail))
		return false;
	literal = bytes[sizeof(head)];
	if (memcmp(bytes, head, sizeof(head)) != 0 ||
	    memcmp(bytes + sizeof(head) + 1, tail, sizeof(tail)) != 0 || literal < EXPR_LITERAL_0 ||
	    literal > EXPR_LITERAL_31)
		return false;
	*ret_offset = (pc & 15) >= (uintptr_t)(literal - EXPR_LITERAL_0) ? 16 : 8;
	return true;
}

static void set_cfa_rule(const struct row *row, uintptr_t pc, struct lr_rule *rule)
{
	static const uint8_t deref[] = { EXPR_DEREF };

	rule->cfa_offset = row->cfa_offset;
	if (!row->cfa_by_expression) {
		if (row->cfa_register == REGISTER_SP)
			rule->kind = LR_RULE_SP;
		else if (row->cfa_register == REGISTER_FP)
			rule->kind = LR_RULE_FP;
	} else if (is_register_plus(row->cfa_expression, EXPR_BREG_FP, &rule->cfa_offset, deref,
				    sizeof(deref))) {
		rule->kind = LR_RULE_DRAP;
	} else if (is_plt(row->cfa_expression, pc, &rule->cfa_offset)) {
		rule->kind = LR_RULE_SP;
	}
}

/* Where fp was saved. False if the rule has no word for it. */
static bool set_fp_rule(const struct row *row, struct lr_rule *rule)
{
	switch (row->fp.saved) {
	case SAVED_NOWHERE:
	case SAVED_UNDEFINED:
		return rule->kind != LR_RULE_DRAP;
	case SAVED_AT_OFFSET:
		rule->fp_offset = row->fp.offset;
		return rule->kind != LR_RULE_DRAP && rule->fp_offset != 0;
	case SAVED_BY_EXPRESSION:
		return rule->kind == LR_RULE_DRAP &&
		       is_register_plus(row->fp.expression, EXPR_BREG_FP, &rule->fp_offset, NULL, 0);
	default:
		return false;
	}
}

/* The kernel's frame of a signal: its ucontext holds sp at this offset. glibc's return trampoline says so. */
static bool is_signal_frame(const struct row *row)
{
	static const uint8_t deref[] = { EXPR_DEREF };
	int64_t offset = 0;

	return row->cfa_by_expression &&
	       is_register_plus(row->cfa_expression, EXPR_BREG_SP, &offset, deref, sizeof(deref)) &&
	       offset == 160;
}

static struct lr_rule rule_of(const struct entry *entry, const struct row *row, uintptr_t pc)
{
	static const struct lr_rule end = { .kind = LR_RULE_END };
	struct lr_rule rule = { .kind = LR_RULE_NONE };

	if (entry->is_signal) {
		rule.kind = is_signal_frame(row) ? LR_RULE_SIGNAL : LR_RULE_END;
		return rule;
	}
	if (row->ra.saved != SAVED_AT_OFFSET || row->ra.offset != -8)
		return end;
	set_cfa_rule(row, pc, &rule);
	if (rule.kind == LR_RULE_NONE || !set_fp_rule(row, &rule) ||
	    ((rule.cfa_offset | rule.fp_offset) & 7) != 0)
		return end;
	return rule;
}

struct lr_rule lr_cfi_find(const struct lr_cfi_image *image, uintptr_t pc)
{
	struct entry entry = { 0 };
	struct machine machine;
	uintptr_t fde = image->header ? find_fde(image, pc) : 0;

	if (!fde || !read_fde(image, fde, pc, &entry))
		return (struct lr_rule){ .kind = LR_RULE_END };
	machine.entry = &entry;
	machine.remembered_count = 0;
	machine.location = 0; /* the CIE's program holds everywhere */
	memset(&machine.row, 0, sizeof(machine.row));
	machine.initial = machine.row;
	if (!run(&machine, entry.initial, UINTPTR_MAX))
		return (struct lr_rule){ .kind = LR_RULE_END };
	machine.initial = machine.row;
	machine.location = entry.begin;
	if (!run(&machine, entry.program, pc))
		return (struct lr_rule){ .kind = LR_RULE_END };
	return rule_of(&entry, &machine.row, pc);
}
