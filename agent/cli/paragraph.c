/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/paragraph.h"

#include "util/macro.h"
#include "util/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MAX 100
#define WIDTH_MIN 40

size_t paragraph_columns(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t number;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	if (columns && text_to_u64(columns, &number) == 0 && number < 10000)
		return (size_t)number;
	return 0;
}

static size_t line_width(void)
{
	size_t columns = paragraph_columns();

	if (columns == 0 || columns > WIDTH_MAX)
		return WIDTH_MAX;
	return columns < WIDTH_MIN ? WIDTH_MIN : columns;
}

/* Characters, not bytes. */
static size_t width_of(const char *text, size_t length)
{
	size_t width = 0;

	for (size_t i = 0; i < length; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

void paragraph_print_behind(const char *lead, const char *text)
{
	size_t indent = width_of(lead, strlen(lead)), width = line_width(), column = indent;

	fputs(lead, stdout);
	for (bool first = true; *text; first = false) {
		size_t length = strcspn(text, " "), wide = width_of(text, length);

		if (!first && column + 1 + wide > width) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			putchar(' ');
			column++;
		}
		fwrite(text, 1, length, stdout);
		column += wide;
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

void paragraph_print(size_t indent, const char *text)
{
	static const char blanks[] = "                ";

	paragraph_print_behind(blanks + sizeof(blanks) - 1 - MIN_OF(indent, sizeof(blanks) - 1),
			       text);
}
