/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/guest_option.h"

#include "util/idset.h"
#include "util/text.h"

#include <ctype.h>
#include <string.h>

bool guest_pair_next(struct span *text, struct guest_pair *ret)
{
	struct span field;
	size_t n = 0;

	if (text->length == 0)
		return false;
	while (n < text->length) {
		if (text->data[n] == ',') {
			if (n + 1 >= text->length || text->data[n + 1] != ',')
				break;
			n++;
		}
		n++;
	}
	field = span_of(text->data, n);
	*text = span_skip(*text, n + 1);
	ret->value = field;
	ret->key = span_of(field.data, 0);
	if (memchr(field.data, '=', field.length)) {
		span_next_field(&field, '=', &ret->key);
		ret->value = field;
	}
	return true;
}

void guest_option_copy(struct span value, char *buffer, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < value.length && n + 1 < size; i++) {
		buffer[n++] = value.data[i];
		if (value.data[i] == ',' && i + 1 < value.length && value.data[i + 1] == ',')
			i++;
	}
	buffer[n] = '\0';
}

uint64_t guest_option_size(struct span s, char unit)
{
	char text[32];
	uint64_t bytes;
	size_t n;

	if (s.length == 0 || s.length + 2 > sizeof(text) || !span_copy(s, text, sizeof(text)))
		return 0;
	n = s.length;
	text[n - 1] = (char)toupper((unsigned char)text[n - 1]);
	if (text[n - 1] == 'B') {
		text[--n] = '\0';
	} else if (unit && isdigit((unsigned char)text[n - 1])) {
		text[n] = unit;
		text[n + 1] = '\0';
	}
	return text_to_bytes(text, &bytes) == 0 ? bytes : 0;
}

bool guest_option_is_on(struct span s)
{
	return span_is(s, "on") || span_is(s, "yes") || span_is(s, "true") ||
	       span_is(s, "on-fault") || s.length == 0;
}

bool guest_option_contains(struct span s, const char *part)
{
	size_t length = strlen(part);

	for (size_t i = 0; i + length <= s.length; i++)
		if (memcmp(s.data + i, part, length) == 0)
			return true;
	return false;
}

static struct span skip_space(struct span s)
{
	size_t n = 0;

	while (n < s.length && strchr(" \t\r\n", s.data[n]) && s.data[n] != '\0')
		n++;
	return span_skip(s, n);
}

/* The length of the string that starts at s ("..."), or 0 if it does not end. */
static size_t json_string_length(struct span s)
{
	for (size_t i = 1; i < s.length; i++) {
		if (s.data[i] == '\\')
			i++;
		else if (s.data[i] == '"')
			return i + 1;
	}
	return 0;
}

/* The length of the value that starts at s, nested ones included, up to the comma or brace behind
 * it. */
static size_t json_value_length(struct span s)
{
	size_t n = 0, depth = 0;

	while (n < s.length) {
		char c = s.data[n];

		if (c == '"') {
			size_t length = json_string_length(span_skip(s, n));

			if (length == 0)
				return 0;
			n += length;
			continue;
		}
		if (c == '[' || c == '{')
			depth++;
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return n;
		if (c == ']' || c == '}')
			depth--;
		n++;
	}
	return 0;
}

static struct span trim_space(struct span s)
{
	s = skip_space(s);
	while (s.length > 0 && strchr(" \t\r\n", s.data[s.length - 1]) &&
	       s.data[s.length - 1] != '\0')
		s.length--;
	return s;
}

static struct span unquote(struct span s)
{
	if (s.length >= 2 && s.data[0] == '"')
		return span_of(s.data + 1, s.length - 2);
	return s;
}

/* Takes the next member; `text` starts behind the opening brace. */
static bool next_member(struct span *text, struct guest_pair *ret)
{
	struct span s = skip_space(*text);
	size_t length;

	if (span_starts(s, ","))
		s = skip_space(span_skip(s, 1));
	length = span_starts(s, "\"") ? json_string_length(s) : 0;
	if (length == 0)
		return false;
	ret->key = unquote(span_of(s.data, length));
	s = skip_space(span_skip(s, length));
	if (!span_starts(s, ":"))
		return false;
	s = skip_space(span_skip(s, 1));
	length = json_value_length(s);
	if (length == 0)
		return false;
	ret->value = unquote(trim_space(span_of(s.data, length)));
	*text = span_skip(s, length);
	return true;
}

bool guest_value_next(struct guest_value *value, const char *implied, struct guest_pair *ret)
{
	if (value->json)
		return next_member(&value->text, ret);
	if (!guest_pair_next(&value->text, ret))
		return false;
	if (ret->key.length == 0)
		ret->key = span_of(implied, strlen(implied));
	return true;
}

struct guest_value guest_value_open(struct span text)
{
	bool json = span_starts(skip_space(text), "{");

	return (struct guest_value){
		.text = json ? span_skip(skip_space(text), 1) : text,
		.json = json,
	};
}

bool guest_option_nodes(struct span value, struct idset *nodes)
{
	struct idset more;
	struct span item;

	if (!span_starts(value, "[")) {
		if (value.length == 0 || span_idset(value, &more) < 0)
			return false;
		idset_unite(nodes, &more);
		return true;
	}
	if (value.length < 2 || !span_ends(value, "]"))
		return false;
	value = span_of(value.data + 1, value.length - 2);
	while (span_next_field(&value, ',', &item)) {
		if (span_idset(trim_space(item), &more) < 0)
			return false;
		idset_unite(nodes, &more);
	}
	return true;
}
