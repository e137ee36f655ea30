/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/action.h"
#include "cli/catalogue.h"
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

static void add_action(struct table *table, size_t row)
{
	const struct action *action = &actions[row];
	char text[256];
	struct strbuf b = STRBUF(text);

	table_cell(table, action->name);
	add_arguments(action, &b);
	table_cell(table, text);
	strbuf_reset(&b);
	add_scopes(action, &b);
	table_cell(table, text);
	table_cell(table, action->reversible ? "yes" : "no");
	table_cell(table, action->destructive ? "yes" : "no");
	table_cell(table, action->summary);
}

int verb_actions(const struct verb *verb, int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ .name = "ACTION" },	   { .name = "DEFAULTS" },
		{ .name = "RULES ON" },	   { .name = "REVERSIBLE" },
		{ .name = "DESTRUCTIVE" }, { .name = "MEANING", .wrap = true },
	};
	static const struct catalogue catalogue = {
		.name = "actions",
		.columns = columns,
		.column_count = ARRAY_SIZE(columns),
		.row_count = ACTION_COUNT_,
		.row = add_action,
	};

	return catalogue_run(&catalogue, verb, argc, argv);
}
