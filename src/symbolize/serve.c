/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries in, frames out, line by line.
 *
 * Layer: symbolize. Locks: none.
 *
 * The other side is a program in an unknown state (it may be about to die), so nothing about a line is taken for
 * granted: also one that is too long, or has a zero byte in it, gets exactly one answer, and the next line is read
 * from its begin.
 */
#include "symbolize/serve.h"

#include "symbolize/symbolize.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define LR_QUERY_BUILD_ID_MAX 64

struct query {
	uint64_t offset;
	uint8_t build_id[LR_QUERY_BUILD_ID_MAX];
	size_t build_id_size;
	struct lr_file_stamp stamp;
	char path[PATH_MAX];
};

/*
 * Room for 16 digits, two for each byte, and every character of the path escaped. What does not fit is dropped: the
 * path that is left is still too long, so that the query is malformed.
 */
struct line {
	char text[16 + 1 + 2 * LR_QUERY_BUILD_ID_MAX + 1 + 2 * PATH_MAX];
	size_t length;
};

/* Read up to the newline, which is left out. Return: false at the end of @in. */
static bool read_line(FILE *in, struct line *line)
{
	int byte = getc_unlocked(in);

	line->length = 0;
	if (byte == EOF)
		return false;
	for (; byte != EOF && byte != '\n'; byte = getc_unlocked(in)) {
		if (line->length + 1 < sizeof(line->text))
			line->text[line->length++] = (char)byte;
	}
	line->text[line->length] = '\0';
	return true;
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* Return: what follows the digits and @end; NULL if it is not so. */
static const char *parse_number(const char *text, char end, uint64_t *ret_number)
{
	uint64_t number = 0;
	int digits = 0;

	for (; digit_value(*text) >= 0 && digits < 16; text++, digits++)
		number = number << 4 | (uint64_t)digit_value(*text);
	*ret_number = number;
	return digits && *text == end ? text + 1 : NULL;
}

static const char *parse_stamp(const char *text, struct lr_file_stamp *ret_stamp)
{
	text = parse_number(text, ',', &ret_stamp->size);
	return text ? parse_number(text, ' ', &ret_stamp->modified) : NULL;
}

static const char *parse_build_id(const char *text, struct query *query)
{
	query->build_id_size = 0;
	query->stamp = (struct lr_file_stamp){ 0 };
	if (text[0] == '=')
		return parse_stamp(text + 1, &query->stamp);
	if (text[0] == '-')
		return text[1] == ' ' ? text + 2 : NULL;
	for (; digit_value(text[0]) >= 0; text += 2) {
		int low = digit_value(text[1]);

		if (low < 0 || query->build_id_size == LR_QUERY_BUILD_ID_MAX)
			return NULL;
		query->build_id[query->build_id_size++] = (uint8_t)(digit_value(text[0]) << 4 | low);
	}
	return query->build_id_size && *text == ' ' ? text + 1 : NULL;
}

static bool parse_path(const char *text, struct query *query)
{
	size_t length = 0;

	for (; *text; text++) {
		char byte = *text;

		if (length + 1 == sizeof(query->path))
			return false;
		if (byte == '\\') {
			text++;
			if (*text != 'n' && *text != '\\')
				return false;
			byte = *text == 'n' ? '\n' : '\\';
		}
		query->path[length++] = byte;
	}
	query->path[length] = '\0';
	return length > 0;
}

static bool parse_query(const struct line *line, struct query *query)
{
	const char *rest;

	if (strlen(line->text) != line->length)
		return false;
	rest = parse_number(line->text, ' ', &query->offset);
	if (rest)
		rest = parse_build_id(rest, query);
	return rest && parse_path(rest, query);
}

static void write_name(FILE *out, const char *name)
{
	if (!name || !*name)
		name = "?";
	for (; *name; name++)
		putc_unlocked(*name == '\t' || *name == '\n' ? '?' : *name, out);
}

static void write_frame(const struct lr_symbol_frame *frame, void *context)
{
	FILE *out = context;

	write_name(out, frame->function);
	putc_unlocked('\t', out);
	write_name(out, frame->file);
	fprintf(out, "\t%u\t%u\n", frame->line, frame->column);
}

static void resolve(struct lr_symbols *symbols, const struct query *query, FILE *out)
{
	const struct lr_symbols_file file = {
		.path = query->path,
		.build_id = query->build_id,
		.build_id_size = query->build_id_size,
		.stamp = query->stamp,
	};

	lr_symbols_resolve(symbols, &file, query->offset, write_frame, out);
}

static void answer(struct lr_symbols *symbols, const struct line *line, FILE *out)
{
	struct query query;

	/* Why nothing is known does not matter to who asks: the frame is shown as module+offset. */
	if (parse_query(line, &query))
		resolve(symbols, &query, out);
	putc_unlocked('\n', out);
}

int lr_symbolize_serve(FILE *in, FILE *out)
{
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct line line;
	bool written = true;

	if (!symbols)
		return -ENOMEM;
	while (written && read_line(in, &line)) {
		answer(symbols, &line, out);
		written = fflush(out) == 0;
	}
	lr_symbols_destroy(symbols);
	return written && !ferror(in) ? 0 : -EIO;
}
