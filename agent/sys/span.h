/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A bounded piece of text that needs no terminator, and the few steps that every parser of kernel
 * text is made of. Nothing here reads beyond the length, allocates, or trusts a byte.
 *
 * The kernel ends every line with a newline, so a line without one is a line that was cut: its last
 * number may lack digits and would mislead. span_next_line() therefore never returns it.
 *
 * What every line of every file goes through is here, to be inlined: parsing is most of what a
 * quiet tick computes.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct idset;

struct span {
	const char *data;
	size_t length;
};

static inline struct span span_of(const char *data, size_t length)
{
	return (struct span){ .data = data, .length = length };
}

static inline struct span span_skip(struct span s, size_t count)
{
	if (count > s.length)
		count = s.length;
	return span_of(s.data + count, s.length - count);
}

static inline bool span_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline struct span span_skip_blanks(struct span s)
{
	size_t n = 0;

	while (n < s.length && span_is_blank(s.data[n]))
		n++;
	return span_of(s.data + n, s.length - n);
}

/* Takes the next complete line off `text` (without its newline). False at the end; an unfinished
 * last line is then left in `text`. */
static inline bool span_next_line(struct span *text, struct span *ret_line)
{
	const char *end =
		text->length ? (const char *)memchr(text->data, '\n', text->length) : NULL;

	if (!end)
		return false;
	*ret_line = span_of(text->data, (size_t)(end - text->data));
	*text = span_skip(*text, ret_line->length + 1);
	return true;
}

/* Takes the next word (blanks and tabs separate) off `line`; false when there is none. */
static inline bool span_next_word(struct span *line, struct span *ret_word)
{
	struct span s = span_skip_blanks(*line);
	size_t n = 0;

	while (n < s.length && !span_is_blank(s.data[n]))
		n++;
	*line = span_of(s.data + n, s.length - n);
	if (n == 0)
		return false;
	*ret_word = span_of(s.data, n);
	return true;
}

/* Takes what is before the next `separator` (or all that is left); false when nothing is left. */
bool span_next_field(struct span *text, char separator, struct span *ret_field);

/* Words are literals nearly always, and most of the time their lengths differ. */
static inline __attribute__((always_inline)) bool span_is(struct span s, const char *word)
{
	size_t length = strlen(word);

	return s.length == length && memcmp(s.data, word, length) == 0;
}

bool span_starts(struct span s, const char *prefix);
bool span_ends(struct span s, const char *suffix);

/* In a table whose rows begin with a name, in at least eight bytes, in the order of strcmp(3): the
 * first row that is not before all those which share their first `letters` (at most 8) with the
 * text. Most lines of a long file share them with no row, and so are told from all of them before
 * it is looked where their names end. `count`: there is none behind, or the text is too short. */
#define SPAN_ROW_BYTES 8
size_t span_find_row(struct span s, unsigned letters, const void *rows, size_t row_size,
		     size_t count);
struct span span_trim(struct span s);

/* The whole span as a decimal number: 0, -EINVAL (not one), -ERANGE (above UINT64_MAX). */
static inline int span_u64(struct span s, uint64_t *ret)
{
	uint64_t value = 0;
	bool is_over = false;

	if (s.length == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.length; i++) {
		unsigned digit = (unsigned char)s.data[i] - (unsigned)'0';

		if (digit > 9)
			return -EINVAL;
		/* 19 digits always fit. */
		if (i < 19)
			value = value * 10 + digit;
		else
			is_over |= __builtin_mul_overflow(value, (uint64_t)10, &value) ||
				   __builtin_add_overflow(value, (uint64_t)digit, &value);
	}
	if (is_over)
		return -ERANGE;
	*ret = value;
	return 0;
}

/* With a leading minus allowed; -ERANGE outside int64_t. */
int span_i64(struct span s, int64_t *ret);
int span_hex(struct span s, uint64_t *ret);
/* Its value, or -1 for another character. */
int span_hex_digit(char c);
/* The kernel's list format, "0-1,3". 0, -EINVAL, -ERANGE as idset_parse(). */
int span_idset(struct span s, struct idset *ret);
/* Copies as a string, cut to fit. False when it had to be cut or holds a NUL byte. */
bool span_copy(struct span s, char *buffer, size_t size);
