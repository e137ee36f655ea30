/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/xml.h"

#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char blanks[] = " \t\r\n";

static bool is_blank(char c)
{
	return c != '\0' && strchr(blanks, c);
}

void xml_init(struct xml_reader *xml, int fd, uint64_t limit_bytes)
{
	/* The buffer and the names are written before they are read. */
	xml->fd = fd;
	xml->left_bytes = limit_bytes;
	xml->depth = 0;
	xml->attributes = xml->text = span_of("", 0);
	xml->is_literal = xml->is_closing = xml->is_closed = xml->is_done = xml->at_end = false;
	xml->begin = xml->end = 0;
}

/* 1: there is more in the buffer, 0: there is no more to come; -EINVAL: no room for it. */
static int fill(struct xml_reader *xml)
{
	ssize_t n;

	if (xml->at_end)
		return 0;
	if (xml->begin > 0) {
		memmove(xml->buffer, xml->buffer + xml->begin, xml->end - xml->begin);
		xml->end -= xml->begin;
		xml->begin = 0;
	}
	if (xml->end == sizeof(xml->buffer))
		return -EINVAL;
	do
		n = read(xml->fd, xml->buffer + xml->end, sizeof(xml->buffer) - xml->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((uint64_t)n > xml->left_bytes)
		return -EFBIG;
	if (memchr(xml->buffer + xml->end, '\0', (size_t)n))
		return -EINVAL;
	xml->left_bytes -= (uint64_t)n;
	xml->end += (size_t)n;
	xml->at_end = n == 0;
	return n > 0;
}

static struct span pending(const struct xml_reader *xml)
{
	return span_of(xml->buffer + xml->begin, xml->end - xml->begin);
}

/* Does what comes begin so? Reads on until that can be told. 1, 0 or -errno. */
static int comes(struct xml_reader *xml, const char *what)
{
	size_t length = strlen(what);

	for (;;) {
		struct span s = pending(xml);
		int r;

		if (s.length >= length || memcmp(s.data, what, s.length) != 0)
			return span_starts(s, what);
		r = fill(xml);
		if (r <= 0)
			return r;
	}
}

/* Drops everything up to the end of `mark`, however far that is. */
static int skip_past(struct xml_reader *xml, const char *mark)
{
	size_t length = strlen(mark);

	for (;;) {
		struct span s = pending(xml);
		const char *found = memmem(s.data, s.length, mark, length);
		int r;

		if (found) {
			xml->begin += (size_t)(found - s.data) + length;
			return 0;
		}
		/* The mark may have begun. */
		if (s.length >= length)
			xml->begin += s.length - length + 1;
		r = fill(xml);
		if (r <= 0)
			return r < 0 ? r : -EINVAL;
	}
}

/* The end of the tag that is pending, quotes heeded; 0: it is not in the buffer yet. */
static size_t tag_length(struct span s)
{
	char quote = '\0';

	for (size_t i = 1; i < s.length; i++) {
		char c = s.data[i];

		if (quote) {
			quote = c == quote ? '\0' : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			return i + 1;
		}
	}
	return 0;
}

static size_t name_length(struct span s)
{
	size_t n = 0;

	while (n < s.length && !is_blank(s.data[n]) && !strchr("/>=<&\"'", s.data[n]))
		n++;
	return n;
}

static struct span skip_blanks(struct span s)
{
	size_t n = 0;

	while (n < s.length && is_blank(s.data[n]))
		n++;
	return span_skip(s, n);
}

/* Takes NAME="VALUE" off the list; 1, 0 at its end, -EINVAL. */
static int next_attribute(struct span *list, struct span *ret_name, struct span *ret_value)
{
	struct span s = skip_blanks(*list);
	const char *end;
	size_t length;

	if (s.length == 0)
		return 0;
	length = name_length(s);
	*ret_name = span_of(s.data, length);
	s = skip_blanks(span_skip(s, length));
	if (length == 0 || !span_starts(s, "="))
		return -EINVAL;
	s = skip_blanks(span_skip(s, 1));
	if (!span_starts(s, "\"") && !span_starts(s, "'"))
		return -EINVAL;
	end = memchr(s.data + 1, s.data[0], s.length - 1);
	if (!end)
		return -EINVAL;
	*ret_value = span_of(s.data + 1, (size_t)(end - s.data - 1));
	*list = span_skip(s, ret_value->length + 2);
	return 1;
}

static int check_attributes(struct span list)
{
	struct span name, value;
	int r;

	while ((r = next_attribute(&list, &name, &value)) > 0)
		if (memchr(value.data, '<', value.length))
			return -EINVAL;
	return r;
}

/* `tag` is without its brackets. */
static int begin_element(struct xml_reader *xml, struct span tag)
{
	size_t length;

	xml->is_closing = span_ends(tag, "/");
	if (xml->is_closing)
		tag.length--;
	length = name_length(tag);
	if (length == 0 || length >= XML_NAME_BYTES || xml->depth == XML_DEPTH_MAX || xml->is_done)
		return -EINVAL;
	if (length < tag.length && !is_blank(tag.data[length]))
		return -EINVAL;
	memcpy(xml->names[xml->depth], tag.data, length);
	xml->names[xml->depth++][length] = '\0';
	xml->attributes = span_skip(tag, length);
	return check_attributes(xml->attributes) < 0 ? -EINVAL : XML_OPEN;
}

static int end_element(struct xml_reader *xml, struct span name)
{
	while (name.length > 0 && is_blank(name.data[name.length - 1]))
		name.length--;
	if (xml->depth == 0 || !span_is(name, xml->names[xml->depth - 1]))
		return -EINVAL;
	xml->is_closed = true;
	return XML_CLOSE;
}

static int next_tag(struct xml_reader *xml)
{
	struct span s;
	size_t length;

	while ((length = tag_length(s = pending(xml))) == 0) {
		int r = fill(xml);

		if (r <= 0)
			return r < 0 ? r : -EINVAL;
	}
	xml->begin += length;
	s = span_of(s.data + 1, length - 2);
	return span_starts(s, "/") ? end_element(xml, span_skip(s, 1)) : begin_element(xml, s);
}

/* Up to `mark`, or as much as there is room for: a long text comes in pieces, a literal one must
 * fit. */
static int take_text(struct xml_reader *xml, const char *mark, bool is_literal)
{
	size_t mark_length = strlen(mark);

	for (;;) {
		struct span s = pending(xml);
		const char *found = memmem(s.data, s.length, mark, mark_length);
		bool is_full = xml->begin == 0 && s.length == sizeof(xml->buffer);
		int r;

		if (is_full && is_literal && !found)
			return -EINVAL;
		if (found || is_full) {
			xml->text = span_of(s.data, found ? (size_t)(found - s.data)
							  : s.length - mark_length);
			xml->is_literal = is_literal;
			xml->begin += xml->text.length;
			if (found && is_literal)
				xml->begin += mark_length;
			return xml->depth > 0 ? XML_TEXT : -EINVAL;
		}
		r = fill(xml);
		if (r < 0)
			return r;
		if (r == 0)
			return -EINVAL;
	}
}

/* 1: something that says nothing was dropped, 0: something else comes, -errno. */
static int drop_markup(struct xml_reader *xml)
{
	int r = comes(xml, "<!--");

	if (r > 0)
		r = skip_past(xml, "-->");
	else if (r == 0 && (r = comes(xml, "<?")) > 0)
		r = skip_past(xml, "?>");
	else
		return r;
	return r < 0 ? r : 1;
}

static int drop_blanks(struct xml_reader *xml)
{
	for (;;) {
		while (xml->begin < xml->end && is_blank(xml->buffer[xml->begin]))
			xml->begin++;
		if (xml->begin < xml->end)
			return 1;
		int r = fill(xml);

		if (r <= 0)
			return r;
	}
}

static int next_literal(struct xml_reader *xml)
{
	static const char opening[] = "<![CDATA[";
	int r = comes(xml, opening);

	if (r <= 0)
		/* Else a DOCTYPE, or a declaration within one. */
		return r < 0 ? r : -EINVAL;
	xml->begin += sizeof(opening) - 1;
	return take_text(xml, "]]>", true);
}

static int next_event(struct xml_reader *xml)
{
	int r;

	do {
		r = drop_blanks(xml);
		if (r < 0)
			return r;
		if (r == 0)
			return xml->is_done ? XML_END_OF_FILE : -EINVAL;
		r = drop_markup(xml);
	} while (r > 0);
	if (r < 0)
		return r;
	if (xml->buffer[xml->begin] != '<')
		return take_text(xml, "<", false);
	r = comes(xml, "<!");
	if (r != 0)
		return r < 0 ? r : next_literal(xml);
	return next_tag(xml);
}

int xml_next(struct xml_reader *xml)
{
	if (xml->is_closed) {
		xml->is_closed = false;
		xml->is_done = --xml->depth == 0;
	}
	if (xml->is_closing) {
		xml->is_closing = false;
		xml->is_closed = true;
		return XML_CLOSE;
	}
	return next_event(xml);
}

bool xml_is_at(const struct xml_reader *xml, const char *path)
{
	for (unsigned i = 0; i < xml->depth; i++) {
		size_t length = strlen(xml->names[i]);

		if (strncmp(path, xml->names[i], length) != 0)
			return false;
		path += length;
		if (*path != (i + 1 < xml->depth ? '/' : '\0'))
			return false;
		path += *path == '/';
	}
	return *path == '\0';
}

bool xml_attribute(const struct xml_reader *xml, const char *name, struct span *ret)
{
	struct span list = xml->attributes, key, value;

	while (next_attribute(&list, &key, &value) > 0)
		if (span_is(key, name)) {
			*ret = value;
			return true;
		}
	return false;
}

/* UTF-8 of a character that XML allows; its length, or 0. */
static size_t encode(uint64_t c, char out[4])
{
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* What is between & and ;. */
static size_t resolve(struct span entity, char out[4])
{
	static const struct {
		const char *name;
		char c;
	} known[] = {
		{ "amp", '&' }, { "apos", '\'' }, { "gt", '>' }, { "lt", '<' }, { "quot", '"' },
	};
	uint64_t c;

	if (span_starts(entity, "#x"))
		return span_hex(span_skip(entity, 2), &c) == 0 ? encode(c, out) : 0;
	if (span_starts(entity, "#"))
		return span_u64(span_skip(entity, 1), &c) == 0 ? encode(c, out) : 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (span_is(entity, known[i].name)) {
			out[0] = known[i].c;
			return 1;
		}
	return 0;
}

bool xml_copy(struct span text, bool is_literal, char *buffer, size_t size)
{
	size_t n = 0;

	buffer[0] = '\0';
	while (text.length > 0) {
		char c[4] = { text.data[0] };
		size_t length = 1, taken = 1;

		if (c[0] == '&' && !is_literal) {
			const char *end = memchr(text.data, ';', text.length);

			length =
				end ? resolve(span_of(text.data + 1, (size_t)(end - text.data) - 1),
					      c)
				    : 0;
			if (length == 0)
				return false;
			taken = (size_t)(end - text.data) + 1;
		}
		if (n + length >= size)
			return false;
		memcpy(buffer + n, c, length);
		n += length;
		buffer[n] = '\0';
		text = span_skip(text, taken);
	}
	return true;
}
