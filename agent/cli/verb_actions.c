/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "act/action.h"
#include "cli/table.h"
#include "util/macro.h"
#include "util/strbuf.h"

static void add_arguments(const struct action *action, struct strbuf *out)
{
	for (size_t i = 0; i < action->arg_count; i++) {
		const struct action_arg_spec *arg = &action->args[i];

		strbuf_addf(out, "%s%s%s%s", i ? " " : "", arg->name ? arg->name : "",
			    arg->name ? "=" : "", arg->fallback ? arg->fallback : "");
	}
}

static void add_scopes(const struct action *action, struct strbuf *out)
{
	for (int s = 0; s < SCOPE_COUNT_; s++)
		if (action->scopes & (1U << s))
			strbuf_addf(out, "%s%s", out->length ? " " : "", scope_name((enum scope)s));
}

int verb_actions(const struct verb *verb, int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ .name = "ACTION" },	   { .name = "DEFAULTS" },
		{ .name = "RULES ON" },	   { .name = "REVERSIBLE" },
		{ .name = "DESTRUCTIVE" }, { .name = "MEANING", .wrap = true },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_JSON, argc, argv, &options, &status) < 0)
		return status;
	if (options.first < argc)
		return cli_usage(verb, "it takes no operands");
	table = table_new("actions", columns, ARRAY_SIZE(columns), options.json);
	if (!table)
		return EXIT_FAILED;
	for (int i = 0; i < ACTION_COUNT_; i++) {
		char text[256];
		struct strbuf b = STRBUF(text);

		table_row(table);
		table_cell(table, actions[i].name);
		add_arguments(&actions[i], &b);
		table_cell(table, text);
		strbuf_reset(&b);
		add_scopes(&actions[i], &b);
		table_cell(table, text);
		table_cell(table, actions[i].reversible ? "yes" : "no");
		table_cell(table, actions[i].destructive ? "yes" : "no");
		table_cell(table, actions[i].summary);
	}
	return table_print(table) < 0 ? EXIT_FAILED : EXIT_DONE;
}
