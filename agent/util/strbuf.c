/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/strbuf.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void strbuf_reset(struct strbuf *b)
{
	b->length = 0;
	b->truncated = false;
	if (b->size > 0)
		b->data[0] = '\0';
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The longest prefix of at most `room` bytes that does not end inside a character. */
static size_t cut_at_character(const char *text, size_t room)
{
	size_t cut = room;

	for (unsigned back = 0; back < 3 && cut > 0 && is_continuation(text[cut]); back++)
		cut--;
	/* Not UTF-8 after all: nothing to keep whole. */
	return is_continuation(text[cut]) ? room : cut;
}

static void add_bytes(struct strbuf *b, const char *text, size_t length)
{
	size_t room;

	/* What follows a cut would read as if it stood right behind the text before. */
	if (b->truncated || b->size == 0) {
		b->truncated = b->truncated || length > 0;
		return;
	}
	room = b->size - 1 - b->length;
	if (length > room) {
		length = cut_at_character(text, room);
		b->truncated = true;
	}
	memcpy(b->data + b->length, text, length);
	b->length += length;
	b->data[b->length] = '\0';
}

void strbuf_add(struct strbuf *b, const char *text)
{
	add_bytes(b, text, strlen(text));
}

void strbuf_add_char(struct strbuf *b, char c)
{
	add_bytes(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *format, ...)
{
	size_t room;
	va_list args;
	int length;

	if (b->truncated || b->size == 0) {
		b->truncated = true;
		return;
	}
	room = b->size - b->length;
	va_start(args, format);
	length = vsnprintf(b->data + b->length, room, format, args);
	va_end(args);
	if (length < 0) {
		b->data[b->length] = '\0';
		b->truncated = true;
	} else if ((size_t)length >= room) {
		char *start = b->data + b->length, *end = b->data + b->size - 1, *last = end;

		/* vsnprintf() cuts at a byte: take back a character that lost its tail. */
		while (last > start && end - last < 3 && is_continuation(last[-1]))
			last--;
		if (last > start && (unsigned char)last[-1] >= 0xc0 &&
		    text_utf8_length(last - 1) == 0)
			end = last - 1;
		*end = '\0';
		b->length = (size_t)(end - b->data);
		b->truncated = true;
	} else {
		b->length += (size_t)length;
	}
}

/* C1 controls, U+0080 to U+009F: valid UTF-8, yet some terminals obey them. */
static bool is_c1_control(const char *character)
{
	return (unsigned char)character[0] == 0xc2 && (unsigned char)character[1] < 0xa0;
}

static void add_escaped(struct strbuf *b, const char *bytes, size_t count)
{
	char escape[4 * 2 + 1];

	for (size_t i = 0; i < count; i++)
		snprintf(escape + 4 * i, 5, "\\x%02x", (unsigned char)bytes[i]);
	/* All of an escape or none of it: half of one would name another byte. */
	if (b->size - b->length <= 4 * count)
		b->truncated = true;
	add_bytes(b, escape, 4 * count);
}

void strbuf_add_name(struct strbuf *b, const char *name)
{
	while (*name) {
		size_t length = text_utf8_length(name);
		unsigned char c = (unsigned char)*name;

		if (length == 0 || c < 0x20 || c == 0x7f)
			add_escaped(b, name, 1);
		else if (length == 2 && is_c1_control(name))
			add_escaped(b, name, 2);
		else
			add_bytes(b, name, length);
		name += length > 0 ? length : 1;
	}
}

void strbuf_add_bytes(struct strbuf *b, int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t amount = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;
	const char *sign = bytes < 0 ? "-" : "";
	uint64_t unit = 1, tenths;
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(units) && amount / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	if (i == 0) {
		strbuf_addf(b, "%s%" PRIu64 " B", sign, amount);
		return;
	}
	tenths = amount / unit * 10 + (amount % unit * 10 + unit / 2) / unit;
	if (tenths >= 10240 && i + 1 < ARRAY_SIZE(units)) {
		tenths = 10;
		i++;
	}
	if (tenths % 10)
		strbuf_addf(b, "%s%" PRIu64 ".%" PRIu64 " %s", sign, tenths / 10, tenths % 10,
			    units[i]);
	else
		strbuf_addf(b, "%s%" PRIu64 " %s", sign, tenths / 10, units[i]);
}

/* Three digits or so: what is longer than a minute is told in seconds, and so on down. */
static usec_t round_for_people(usec_t usec)
{
	static const struct {
		usec_t from;
		usec_t to;
	} steps[] = {
		{ USEC_PER_MIN, USEC_PER_SEC },
		{ USEC_PER_SEC, 10 * USEC_PER_MSEC },
		{ 100 * USEC_PER_MSEC, USEC_PER_MSEC },
		{ USEC_PER_MSEC, 10 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (usec >= steps[i].from && usec < USEC_INFINITY - steps[i].to)
			return (usec + steps[i].to / 2) / steps[i].to * steps[i].to;
	return usec;
}

void strbuf_add_duration(struct strbuf *b, usec_t usec)
{
	static const struct {
		const char *name;
		usec_t usec;
	} wholes[] = {
		{ "d", 24 * 60 * USEC_PER_MIN },
		{ "h", 60 * USEC_PER_MIN },
		{ "min", USEC_PER_MIN },
	};
	const char *separator = "";
	usec_t unit;

	if (usec == USEC_INFINITY) {
		strbuf_add(b, "infinity");
		return;
	}
	if (usec == 0) {
		strbuf_add(b, "0s");
		return;
	}
	usec = round_for_people(usec);
	for (size_t i = 0; i < ARRAY_SIZE(wholes); i++) {
		if (usec < wholes[i].usec)
			continue;
		strbuf_addf(b, "%s%" PRIu64 "%s", separator, usec / wholes[i].usec, wholes[i].name);
		usec %= wholes[i].usec;
		separator = " ";
	}
	if (usec == 0)
		return;
	unit = usec >= USEC_PER_SEC ? USEC_PER_SEC : usec >= USEC_PER_MSEC ? USEC_PER_MSEC : 1;
	strbuf_addf(b, "%s%" PRIu64, separator, usec / unit);
	if (usec % unit) {
		char fraction[7];
		int digits = unit == USEC_PER_SEC ? 6 : 3;

		snprintf(fraction, sizeof(fraction), "%0*" PRIu64, digits, usec % unit);
		while (digits > 0 && fraction[digits - 1] == '0')
			fraction[--digits] = '\0';
		strbuf_addf(b, ".%s", fraction);
	}
	strbuf_add(b, unit == USEC_PER_SEC ? "s" : unit == USEC_PER_MSEC ? "ms" : "us");
}

void strbuf_add_permyriad(struct strbuf *b, int64_t permyriad)
{
	uint64_t amount = permyriad < 0 ? -(uint64_t)permyriad : (uint64_t)permyriad;
	const char *sign = permyriad < 0 ? "-" : "";

	if (amount % 10)
		strbuf_addf(b, "%s%" PRIu64 ".%02" PRIu64 "%%", sign, amount / 100, amount % 100);
	else if (amount % 100)
		strbuf_addf(b, "%s%" PRIu64 ".%" PRIu64 "%%", sign, amount / 100,
			    amount % 100 / 10);
	else
		strbuf_addf(b, "%s%" PRIu64 "%%", sign, amount / 100);
}

void strbuf_add_count(struct strbuf *b, int64_t count)
{
	uint64_t rest = count < 0 ? (uint64_t)0 - (uint64_t)count : (uint64_t)count;
	uint64_t divisor = 1;

	if (count < 0)
		strbuf_add_char(b, '-');
	while (rest / divisor >= 1000)
		divisor *= 1000;
	strbuf_addf(b, "%" PRIu64, rest / divisor);
	for (divisor /= 1000; divisor > 0; divisor /= 1000)
		strbuf_addf(b, ",%03" PRIu64, rest / divisor % 1000);
}
