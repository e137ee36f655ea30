/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/text.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits at *text and moves behind them. The C library's readers accept blanks and signs, and
 * some of them another base. */
static int take_u64(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	}
	*text = p;
	*ret = value;
	return 0;
}

#define FRACTION_DIGITS_MAX 9

/* Reads ".25" as value 25 of scale 100; nothing there is 0 of 1. */
static int take_fraction(const char **text, uint64_t *ret_value, uint64_t *ret_scale)
{
	const char *p = *text;
	uint64_t value = 0, scale = 1;

	if (*p != '.') {
		*ret_value = 0;
		*ret_scale = 1;
		return 0;
	}
	p++;
	if (!is_digit(*p))
		return -EINVAL;
	for (unsigned digits = 0; is_digit(*p); p++, digits++) {
		if (digits == FRACTION_DIGITS_MAX)
			return -ERANGE;
		value = value * 10 + (uint64_t)(*p - '0');
		scale *= 10;
	}
	*text = p;
	*ret_value = value;
	*ret_scale = scale;
	return 0;
}

/* "1.25" is 1 and 25 of scale 100. */
static int take_number(const char **text, uint64_t *ret_value, uint64_t *ret_fraction,
		       uint64_t *ret_scale)
{
	int r = take_u64(text, ret_value);

	return r < 0 ? r : take_fraction(text, ret_fraction, ret_scale);
}

/* value.fraction times unit, the part below one cut off. */
static int scale_u64(uint64_t value, uint64_t fraction, uint64_t scale, uint64_t unit,
		     uint64_t *ret)
{
	uint64_t whole, part;

	if (__builtin_mul_overflow(value, unit, &whole))
		return -ERANGE;
	/* unit / scale and unit % scale: fraction < scale <= 10^9, so no product overflows. */
	part = unit / scale * fraction + unit % scale * fraction / scale;
	if (__builtin_add_overflow(whole, part, &whole))
		return -ERANGE;
	*ret = whole;
	return 0;
}

int text_to_u64(const char *text, uint64_t *ret)
{
	uint64_t value;
	int r;

	r = take_u64(&text, &value);
	if (r < 0)
		return r;
	if (*text != '\0')
		return -EINVAL;
	*ret = value;
	return 0;
}

int text_to_i64(const char *text, int64_t *ret)
{
	bool negative = *text == '-';
	uint64_t value;
	int r;

	r = text_to_u64(text + negative, &value);
	if (r < 0)
		return r;
	if (value > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int64_t)-value : (int64_t)value;
	return 0;
}

int text_to_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
		if (strcasecmp(text, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

int text_to_bytes(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGTPE";
	uint64_t value, fraction, scale, unit = 1;
	int r;

	r = take_number(&text, &value, &fraction, &scale);
	if (r < 0)
		return r;
	if (*text == 'B') {
		text++;
	} else if (*text != '\0') {
		const char *letter = strchr(units, *text);

		if (!letter)
			return -EINVAL;
		unit <<= 10 * (letter - units + 1);
		text++;
	}
	/* Half a byte is a forgotten unit. */
	if (*text != '\0' || (unit == 1 && scale > 1))
		return -EINVAL;
	return scale_u64(value, fraction, scale, unit, ret);
}

/* systemd.time(7), with its average month and year. "infinity" is not among them. */
static const struct {
	const char *name;
	usec_t usec;
} time_units[] = {
	{ "seconds", USEC_PER_SEC },
	{ "second", USEC_PER_SEC },
	{ "sec", USEC_PER_SEC },
	{ "s", USEC_PER_SEC },
	{ "minutes", USEC_PER_MIN },
	{ "minute", USEC_PER_MIN },
	{ "min", USEC_PER_MIN },
	{ "m", USEC_PER_MIN },
	{ "months", 2629800 * USEC_PER_SEC },
	{ "month", 2629800 * USEC_PER_SEC },
	{ "M", 2629800 * USEC_PER_SEC },
	{ "msec", USEC_PER_MSEC },
	{ "ms", USEC_PER_MSEC },
	{ "hours", 60 * USEC_PER_MIN },
	{ "hour", 60 * USEC_PER_MIN },
	{ "hr", 60 * USEC_PER_MIN },
	{ "h", 60 * USEC_PER_MIN },
	{ "days", 24 * 60 * USEC_PER_MIN },
	{ "day", 24 * 60 * USEC_PER_MIN },
	{ "d", 24 * 60 * USEC_PER_MIN },
	{ "weeks", 7 * 24 * 60 * USEC_PER_MIN },
	{ "week", 7 * 24 * 60 * USEC_PER_MIN },
	{ "w", 7 * 24 * 60 * USEC_PER_MIN },
	{ "years", 31557600 * USEC_PER_SEC },
	{ "year", 31557600 * USEC_PER_SEC },
	{ "y", 31557600 * USEC_PER_SEC },
	{ "usec", 1 },
	{ "us", 1 },
	{ "\xce\xbcs", 1 }, /* GREEK SMALL LETTER MU */
	{ "\xc2\xb5s", 1 }, /* MICRO SIGN */
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* A missing unit means seconds. */
static int take_time_unit(const char **text, usec_t *ret)
{
	const char *p = *text;
	size_t length;

	while (is_letter(*p))
		p++;
	length = (size_t)(p - *text);
	if (length == 0) {
		*ret = USEC_PER_SEC;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(time_units); i++) {
		if (strlen(time_units[i].name) == length &&
		    memcmp(time_units[i].name, *text, length) == 0) {
			*ret = time_units[i].usec;
			*text = p;
			return 0;
		}
	}
	return -EINVAL;
}

int text_to_usec(const char *text, usec_t *ret)
{
	usec_t total = 0;

	if (strcmp(text, "infinity") == 0) {
		*ret = USEC_INFINITY;
		return 0;
	}
	for (;;) {
		uint64_t value, fraction, scale;
		usec_t unit, part;
		int r;

		r = take_number(&text, &value, &fraction, &scale);
		if (r < 0)
			return r;
		/* "5 min" is one term, "5 6min" two. */
		if (*text == ' ' && is_letter(text[strspn(text, " ")]))
			text += strspn(text, " ");
		r = take_time_unit(&text, &unit);
		if (r < 0)
			return r;
		r = scale_u64(value, fraction, scale, unit, &part);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(total, part, &total) || total == USEC_INFINITY)
			return -ERANGE;
		if (*text == '\0')
			break;
		text += strspn(text, " ");
	}
	*ret = total;
	return 0;
}

int text_to_permyriad(const char *text, uint32_t *ret)
{
	uint64_t value, fraction, scale;
	int r;

	r = take_number(&text, &value, &fraction, &scale);
	if (r < 0)
		return r;
	if (strcmp(text, "%") != 0 || scale > 100)
		return -EINVAL;
	r = scale_u64(value, fraction, scale, 100, &value);
	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)value;
	return 0;
}

size_t text_utf8_length(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t character;
	size_t length;

	if (p[0] < 0x80)
		return p[0] != 0;
	if ((p[0] & 0xe0) == 0xc0)
		length = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		length = 3;
	else if ((p[0] & 0xf8) == 0xf0)
		length = 4;
	else
		return 0;
	character = p[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (p[i] & 0x3fU);
	}
	if (character < (length == 2   ? 0x80U
			 : length == 3 ? 0x800U
				       : 0x10000U) ||
	    (character >= 0xd800 && character <= 0xdfff) || character > 0x10ffff)
		return 0;
	return length;
}

bool text_is_clean_utf8(const char *text)
{
	while (*text) {
		size_t length = text_utf8_length(text);
		unsigned char c = (unsigned char)*text;

		if (length == 0 || (c < 0x20 && c != '\t') || c == 0x7f)
			return false;
		if (length == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0)
			return false;
		text += length;
	}
	return true;
}
