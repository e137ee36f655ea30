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

void cli_complain_empty(const char *verb, const struct config *config,
			const struct config_path *path)
{
	char text[512];
	struct strbuf b = STRBUF(text);

	if (config_policy_count(config) + config_rule_count(config) + config->canary_count > 0)
		return;
	for (size_t i = 0; i < path->count; i++)
		strbuf_addf(&b, "%s%s", i == 0 ? "" : ", ", path->directories[i]);
	(void)cli_complain(verb, "there is no policy and no rule in %s%s", text,
			   path->count > 1 ? "; --config DIR reads them from elsewhere" : "");
}
