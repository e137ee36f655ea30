/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/release.h"

#include "util/macro.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define NUMBER_MAX 1000000U

static bool take_number(const char **text, unsigned *ret)
{
	unsigned value = 0;

	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); (*text)++)
		value = MIN_OF(value * 10 + (unsigned)(**text - '0'), NUMBER_MAX);
	*ret = value;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

int release_parse(const char *text, struct release *ret)
{
	struct release r = { 0 };

	if (!take_number(&text, &r.major) || !take_char(&text, '.') ||
	    !take_number(&text, &r.minor))
		return -EINVAL;
	if (take_char(&text, '.') && !take_number(&text, &r.patch))
		return -EINVAL;
	if (take_char(&text, '-'))
		take_number(&text, &r.build);
	*ret = r;
	return 0;
}

int release_compare(const struct release *a, const struct release *b)
{
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	return (a->patch > b->patch) - (a->patch < b->patch);
}

bool release_has_mark(const char *text, const char *mark)
{
	size_t length = strlen(mark);

	for (const char *at = strstr(text, mark); at; at = strstr(at + 1, mark))
		if (!isdigit((unsigned char)at[length]))
			return true;
	return false;
}
