/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/action.h"
#include "cli/catalogue.h"
#include "util/macro.h"
#include "util/strbuf.h"

/* What may stand there, where no value says it. */
static const char *placeholder(const struct action_arg_spec *arg)
{
	switch (arg->type) {
	case ARG_AMOUNT:
		return "BYTES";
	case ARG_NODE:
		return "NODE";
	case ARG_DURATION:
		return "DURATION";
	case ARG_NUMBER:
		return "NUMBER";
	case ARG_PERMILLE:
		return "PERCENT";
	case ARG_RATE:
		return "RATE";
	case ARG_SETTING:
		return "SETTING";
	case ARG_UNIT:
		return "UNIT";
	case ARG_WORD:
		break;
	}
	return "WORD";
}

/* Of words all of them, the first of which may be the fallback. */
static void add_value(const struct action_arg_spec *arg, struct strbuf *out)
{
	if (arg->type != ARG_WORD) {
		strbuf_add(out, arg->fallback ? arg->fallback : placeholder(arg));
		return;
	}
	for (size_t i = 0; arg->words[i]; i++)
		strbuf_addf(out, "%s%s", i ? "|" : "", arg->words[i]);
}

/* As in a Do= line, in brackets what may be left out, which is then as it stands there. */
static void add_arguments(const struct action *action, struct strbuf *out)
{
	for (size_t i = 0; i < action->arg_count; i++) {
		const struct action_arg_spec *arg = &action->args[i];
		bool may_miss = arg->fallback || arg->is_optional;

		strbuf_addf(out, "%s%s", i ? " " : "", may_miss ? "[" : "");
		if (arg->name)
			strbuf_addf(out, "%s=", arg->name);
		add_value(arg, out);
		strbuf_add(out, may_miss ? "]" : "");
	}
}

static void add_settings(const struct action_arg_spec *arg, struct strbuf *out)
{
	const char *separator = " (";

	for (int i = 0; i < SETTING_COUNT_; i++)
		if (arg->setting_bits & UINT32_C(1) << i) {
			strbuf_addf(out, "%s%s", separator, setting_get((enum setting_id)i)->name);
			separator = ", ";
		}
	strbuf_add(out, ")");
}

/* What it does, and what each argument means. */
static void add_meaning(const struct action *action, struct strbuf *out)
{
	strbuf_add(out, action->summary);
	for (size_t i = 0; i < action->arg_count; i++) {
		const struct action_arg_spec *arg = &action->args[i];

		strbuf_add(out, ". ");
		if (arg->name) {
			strbuf_addf(out, "%s= ", arg->name);
		} else {
			add_value(arg, out);
			strbuf_add(out, ": ");
		}
		strbuf_add(out, arg->meaning);
		if (arg->type == ARG_SETTING)
			add_settings(arg, out);
	}
}

static void add_scopes(const struct action *action, struct strbuf *out)
{
	if (action->is_internal)
		strbuf_add(out, action->sets ? "none: policies" : "none: canaries");
	for (int s = 0; s < SCOPE_COUNT_; s++)
		if (action->scopes & (1U << s))
			strbuf_addf(out, "%s%s", out->length ? " " : "", scope_name((enum scope)s));
}

static void add_action(struct table *table, size_t row)
{
	const struct action *action = &actions[row];
	char text[1536];
	struct strbuf b = STRBUF(text);

	table_cell(table, action->name);
	add_arguments(action, &b);
	table_cell(table, text);
	strbuf_reset(&b);
	add_scopes(action, &b);
	table_cell(table, text);
	table_cell(table, action->reversible ? "yes" : "no");
	table_cell(table, action->destructive ? "yes" : "no");
	strbuf_reset(&b);
	add_meaning(action, &b);
	table_cell(table, text);
}

int verb_actions(const struct verb *verb, int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ .name = "ACTION" },	   { .name = "ARGUMENTS", .wrap = true },
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
