/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "util/macro.h"
#include "util/strbuf.h"

#include <stdarg.h>
#include <stdio.h>

int cli_complain(const char *verb, const char *format, ...)
{
	char text[1024], clean[1024];
	struct strbuf b = STRBUF(clean);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	strbuf_add_name(&b, text);
	fprintf(stderr, "oomwarden %s: %s\n", verb, clean);
	return EXIT_FAILED;
}
