/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/unit_name.h"

#include <stddef.h>
#include <string.h>

/* Does `text` end with the whole components of `end`? */
static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	if (tail == 0 || tail > length || strcmp(text + length - tail, end) != 0)
		return false;
	return tail == length || text[length - tail - 1] == '/';
}

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The next character with systemd's \xNN undone. Escapes of what is no character of a name stay. */
static unsigned char next(const char **text)
{
	const char *t = *text;
	int high, low;

	if (t[0] == '\\' && t[1] == 'x') {
		high = hex(t[2]);
		low = high < 0 ? -1 : hex(t[3]);
		if (low >= 0 && high * 16 + low >= ' ') {
			*text += 4;
			return (unsigned char)(high * 16 + low);
		}
	}
	(*text)++;
	return (unsigned char)t[0];
}

/* Equal with escapes undone in both; a suffix that systemd knows may be left out of `asked`. */
static bool is_same(const char *name, const char *asked)
{
	while (*name && *asked)
		if (next(&name) != next(&asked))
			return false;
	if (*asked)
		return false;
	return *name == '\0' || strcmp(name, ".service") == 0 || strcmp(name, ".scope") == 0;
}

enum unit_match unit_name_match(const char *path, const char *asked)
{
	size_t length = strlen(path);

	if (asked[0] == '/')
		asked++;
	if (asked[0] == '\0')
		return UNIT_OTHER;
	if (strcmp(path, asked) == 0)
		return UNIT_PATH;
	if (ends_with(path, asked))
		return UNIT_END;
	for (const char *from = path; from; from = strchr(from, '/')) {
		from += *from == '/';
		if (is_same(from, asked))
			return UNIT_UNESCAPED;
	}
	if (strncmp(asked, path, length) == 0 && asked[length] == '/')
		return UNIT_WITHIN;
	return UNIT_OTHER;
}
