/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The reading of a Do= line against the table of actions. A line is the action's name and then its
 * arguments between blanks, KEY=VALUE in any order, or one bare word where a row has an argument
 * without a key. Every fault of a line is reported, each at its own column.
 */

#include "act/argument.h"
#include "act/unit_text.h"
#include "util/diag.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* One Do= line while it is read: where faults go, and which arguments were seen. */
struct reader {
	const char *file;
	unsigned line;
	unsigned column; /* of the action's name */
	struct diag_list *diags;
	const struct action *action;
	struct action_call *call;
	bool given[ACTION_ARGS_MAX];
	unsigned columns[ACTION_ARGS_MAX]; /* of the values that were given */
};

/* The next word: its start, and the rest behind it. The word is cut out of the text. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");

	if (!*word)
		return NULL;
	*rest = word + strcspn(word, " \t");
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

static int parse_value(struct reader *r, size_t argument, const char *value, unsigned column)
{
	const struct action_arg_spec *spec = &r->action->args[argument];
	const struct argument_place place = {
		.action = r->action,
		.file = r->file,
		.line = r->line,
		.column = column,
		.diags = r->diags,
	};

	if (argument_parse(&place, spec, value, &r->call->values[argument]) < 0)
		return -EINVAL;
	if (spec->type != ARG_UNIT)
		return 0;
	r->call->unit = strdup(value);
	if (r->call->unit)
		return 0;
	diag_add(r->diags, r->file, r->line, column, "out of memory");
	return -EINVAL;
}

/* The argument of that key, or the one without a key for NULL; -1 if the action has none. */
static int find_argument(const struct action *action, const char *key)
{
	for (size_t i = 0; i < action->arg_count; i++) {
		const char *name = action->args[i].name;

		if (key ? name && strcmp(name, key) == 0 : !name)
			return (int)i;
	}
	return -1;
}

static void refuse_key(struct reader *r, const char *key, unsigned column)
{
	const char *names[ACTION_ARGS_MAX];
	const char *nearest;
	size_t count = 0;
	char list[256];
	struct strbuf b = STRBUF(list);

	for (size_t i = 0; i < r->action->arg_count; i++)
		if (r->action->args[i].name)
			names[count++] = r->action->args[i].name;
	nearest = diag_nearest(key, names, count);
	for (size_t i = 0; i < count; i++)
		strbuf_addf(&b, "%s%s=", i ? ", " : "", names[i]);
	if (nearest)
		diag_add(r->diags, r->file, r->line, column, "%s takes no %s=; did you mean %s=?",
			 r->action->name, key, nearest);
	else if (count > 0)
		diag_add(r->diags, r->file, r->line, column, "%s takes no %s=; it takes %s",
			 r->action->name, key, list);
	else
		diag_add(r->diags, r->file, r->line, column, "%s takes no %s", r->action->name,
			 r->action->arg_count ? key : "arguments");
}

static int parse_argument(struct reader *r, char *word, unsigned column)
{
	char *equals = strchr(word, '=');
	const char *key = NULL, *value = word;
	unsigned value_column = column;
	int i;

	if (equals) {
		*equals = '\0';
		key = word;
		value = equals + 1;
		value_column += (unsigned)(value - word);
	}
	i = find_argument(r->action, key);
	if (i < 0 && key) {
		refuse_key(r, key, column);
		return -EINVAL;
	}
	if (i < 0) {
		diag_add(r->diags, r->file, r->line, column, "%s does not take %s", r->action->name,
			 word);
		return -EINVAL;
	}
	if (r->given[i]) {
		diag_add(r->diags, r->file, r->line, column, "%s%s is %s", word, key ? "=" : "",
			 key ? "given twice" : "one word too many");
		return -EINVAL;
	}
	r->given[i] = true;
	r->columns[i] = value_column;
	if (!*value) {
		diag_add(r->diags, r->file, r->line, value_column, "%s= needs a value", word);
		return -EINVAL;
	}
	return parse_value(r, (size_t)i, value, value_column);
}

/* What was not given. The fallbacks of the table are read like what an operator writes. */
static int fill_in(struct reader *r)
{
	int result = 0;

	for (size_t i = 0; i < r->action->arg_count; i++) {
		const struct action_arg_spec *spec = &r->action->args[i];

		if (r->given[i])
			continue;
		if (spec->fallback) {
			if (parse_value(r, i, spec->fallback, r->column) < 0)
				result = -EINVAL;
		} else if (spec->is_optional) {
			r->call->values[i] = ARG_NOT_GIVEN;
		} else {
			diag_add(r->diags, r->file, r->line, r->column, "%s needs %s%s",
				 r->action->name, spec->name ? spec->name : spec->meaning,
				 spec->name ? "=" : "");
			result = -EINVAL;
		}
	}
	return result;
}

/* What only shows when all are read. */
static int check_whole(struct reader *r)
{
	char fault[256];
	struct strbuf b = STRBUF(fault);
	int i = r->action->check ? r->action->check(r->call, &b) : -1;

	if (i < 0)
		return 0;
	diag_add(r->diags, r->file, r->line, r->given[i] ? r->columns[i] : r->column, "%s: %s",
		 r->action->name, fault);
	return -EINVAL;
}

static int find_named(struct reader *r, const char *name)
{
	const char *names[ACTION_COUNT_];
	const char *nearest;
	size_t count = 0;
	int id = action_find(name);

	if (id >= 0)
		return id;
	for (int i = 0; i < ACTION_COUNT_; i++)
		if (!actions[i].is_internal)
			names[count++] = actions[i].name;
	nearest = diag_nearest(name, names, count);
	if (nearest)
		diag_add(r->diags, r->file, r->line, r->column,
			 "unknown action %s; did you mean %s?", name, nearest);
	else
		diag_add(r->diags, r->file, r->line, r->column,
			 "unknown action %s; `oomwarden actions` lists them", name);
	return -EINVAL;
}

int action_parse(const char *text, const char *file, unsigned line, unsigned column,
		 struct diag_list *diags, struct action_call *ret_call)
{
	_cleanup_(freep) char *copy = strdup(text);
	_cleanup_(action_call_done) struct action_call call = { .line = line,
								.text = strdup(text) };
	struct reader r = { .file = file, .line = line, .diags = diags, .call = &call };
	int id, result = 0;
	char *rest, *name, *word;

	if (!copy || !call.text) {
		diag_add(diags, file, line, column, "out of memory");
		return -EINVAL;
	}
	rest = copy;
	name = next_word(&rest);
	if (!name) {
		diag_add(diags, file, line, column, "an action is missing");
		return -EINVAL;
	}
	r.column = column + (unsigned)(name - copy);
	id = find_named(&r, name);
	if (id < 0)
		return -EINVAL;
	r.action = &actions[id];
	call.action = (enum action_id)id;

	while ((word = next_word(&rest)))
		if (parse_argument(&r, word, column + (unsigned)(word - copy)) < 0)
			result = -EINVAL;
	if (fill_in(&r) < 0)
		result = -EINVAL;
	if (result == 0)
		result = check_whole(&r);
	if (result < 0)
		return result;
	*ret_call = call;
	call = (struct action_call){ 0 };
	return 0;
}

void action_call_done(struct action_call *call)
{
	free(call->text);
	free(call->unit);
	call->text = NULL;
	call->unit = NULL;
}

unsigned action_call_scopes(const struct action_call *call)
{
	const struct action *action = &actions[call->action];
	unsigned scopes = action->scopes;

	for (size_t i = 0; i < action->arg_count; i++) {
		const struct action_arg_spec *spec = &action->args[i];

		if (spec->type == ARG_UNIT && call->unit)
			scopes &= unit_text_scopes(call->unit, action->finds_guest);
		if (spec->word_scopes && call->values[i] != ARG_NOT_GIVEN)
			scopes &= spec->word_scopes[call->values[i]];
	}
	return scopes;
}
