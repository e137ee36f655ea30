/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/span.h"

#include "util/idset.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* The longest list of nodes, every second one of 1,024: 512 ids of up to 4 digits and a comma. */
#define LIST_BYTES 4096

bool span_next_field(struct span *text, char separator, struct span *ret_field)
{
	const char *end;

	if (text->length == 0)
		return false;
	end = memchr(text->data, separator, text->length);
	*ret_field = span_of(text->data, end ? (size_t)(end - text->data) : text->length);
	*text = span_skip(*text, ret_field->length + (end ? 1 : 0));
	return true;
}

bool span_starts(struct span s, const char *prefix)
{
	size_t length = strlen(prefix);

	return s.length >= length && memcmp(s.data, prefix, length) == 0;
}

bool span_ends(struct span s, const char *suffix)
{
	size_t length = strlen(suffix);

	return s.length >= length && memcmp(s.data + s.length - length, suffix, length) == 0;
}

static uint64_t letters_of(const char *text, unsigned letters)
{
	uint64_t eight;

	memcpy(&eight, text, sizeof(eight));
	return be64toh(eight) >> (64 - 8 * letters);
}

size_t span_find_row(struct span s, unsigned letters, const void *rows, size_t row_size,
		     size_t count)
{
	size_t from = 0, to = count;
	uint64_t wanted;

	if (s.length < SPAN_ROW_BYTES)
		return count;
	wanted = letters_of(s.data, letters);
	while (from < to) {
		size_t middle = (from + to) / 2;

		if (letters_of((const char *)rows + middle * row_size, letters) < wanted)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct span span_trim(struct span s)
{
	s = span_skip_blanks(s);
	while (s.length > 0 && span_is_blank(s.data[s.length - 1]))
		s.length--;
	return s;
}

int span_i64(struct span s, int64_t *ret)
{
	bool negative = s.length > 0 && s.data[0] == '-';
	uint64_t magnitude;
	int r = span_u64(negative ? span_skip(s, 1) : s, &magnitude);

	if (r < 0)
		return r;
	if (magnitude > (uint64_t)INT64_MAX)
		return -ERANGE;
	*ret = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return 0;
}

int span_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int span_hex(struct span s, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.length == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.length; i++) {
		int digit = span_hex_digit(s.data[i]);

		if (digit < 0)
			return -EINVAL;
		if (value >> 60)
			return -ERANGE;
		value = value << 4 | (uint64_t)digit;
	}
	*ret = value;
	return 0;
}

int span_idset(struct span s, struct idset *ret)
{
	char list[LIST_BYTES];

	if (!span_copy(s, list, sizeof(list)))
		return -EINVAL;
	return idset_parse(list, ret);
}

bool span_copy(struct span s, char *buffer, size_t size)
{
	size_t length = s.length < size ? s.length : size - 1;

	if (length > 0)
		memcpy(buffer, s.data, length);
	buffer[length] = '\0';
	return length == s.length && (length == 0 || !memchr(s.data, '\0', length));
}
