/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A bounded piece of text that needs no terminator, and the few steps that every parser of kernel
 * text is made of. Nothing here reads beyond the length, allocates, or trusts a byte.
 *
 * The kernel ends every line with a newline, so a line without one is a line that was cut: its last
 * number may lack digits and would mislead. span_next_line() therefore never returns it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idset;

struct span {
	const char *data;
	size_t length;
};

static inline struct span span_of(const char *data, size_t length)
{
	return (struct span){ .data = data, .length = length };
}

/* Takes the next complete line off `text` (without its newline). False at the end; an unfinished
 * last line is then left in `text`. */
bool span_next_line(struct span *text, struct span *ret_line);
/* Takes the next word (blanks and tabs separate) off `line`; false when there is none. */
bool span_next_word(struct span *line, struct span *ret_word);
/* Takes what is before the next `separator` (or all that is left); false when nothing is left. */
bool span_next_field(struct span *text, char separator, struct span *ret_field);

bool span_is(struct span s, const char *word);
bool span_starts(struct span s, const char *prefix);
bool span_ends(struct span s, const char *suffix);
struct span span_skip(struct span s, size_t count);
struct span span_trim(struct span s);

/* The whole span as a decimal number: 0, -EINVAL (not one), -ERANGE (above UINT64_MAX). */
int span_u64(struct span s, uint64_t *ret);
/* With a leading minus allowed; -ERANGE outside int64_t. */
int span_i64(struct span s, int64_t *ret);
int span_hex(struct span s, uint64_t *ret);
/* Its value, or -1 for another character. */
int span_hex_digit(char c);
/* The kernel's list format, "0-1,3". 0, -EINVAL, -ERANGE as idset_parse(). */
int span_idset(struct span s, struct idset *ret);
/* Copies as a string, cut to fit. False when it had to be cut or holds a NUL byte. */
bool span_copy(struct span s, char *buffer, size_t size);
