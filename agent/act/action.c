/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The table of actions, and the reading of a Do= line against it. A line is the action's name and
 * then its arguments between blanks, KEY=VALUE in any order, or one bare word where a row has an
 * argument without a key. Every fault of a line is reported, each at its own column.
 */

#include "act/action.h"

#include "act/plan_halves.h"
#include "util/diag.h"
#include "util/idset.h"
#include "util/macro.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

static const char *const kill_words[] = { "policy", NULL };

const struct action actions[ACTION_COUNT_] = {
	[ACTION_KILL] = {
		.name = "kill",
		.summary = "ends one service that its policy names for it: SIGTERM, then SIGKILL",
		.reversible = false,
		.destructive = true,
		.scopes = 1U << SCOPE_HOST | 1U << SCOPE_NODE,
		.args = {
			{ NULL, ARG_WORD, kill_words, "policy", "whom: as Kill= and Rank= of the policies say" },
			{ "grace", ARG_DURATION, NULL, "10s", "between SIGTERM and SIGKILL; shorter when memory ends sooner" },
		},
		.arg_count = 2,
		/* The processes are gone when it ends; their pages are on the free lists within this. */
		.settle_usec = 1 * USEC_PER_SEC,
		.plan = kill_plan,
		.level = kill_level,
		.describe = kill_describe,
		.writes = kill_writes,
	},
	[ACTION_MIGRATE] = {
		.name = "migrate",
		.summary = "moves memory of services off the starved node to a node that has room",
		.reversible = false,
		.destructive = false,
		.scopes = 1U << SCOPE_NODE,
		.args = {
			{ "bytes", ARG_AMOUNT, NULL, "until-clear", "how much, or what Until= is short of" },
			{ "to", ARG_NODE, NULL, "roomiest", "a node, or the one with most room that the service may use" },
		},
		.arg_count = 2,
		/* A moved page leaves its node at once; one sample later it shows. */
		.settle_usec = 200 * USEC_PER_MSEC,
		.plan = migrate_plan,
		.level = migrate_level,
		.describe = migrate_describe,
		.writes = migrate_writes,
	},
	[ACTION_NOTIFY] = {
		.name = "notify",
		.summary = "says it, in one structured record of the journal",
		.reversible = false,
		.destructive = false,
		.scopes = 1U << SCOPE_HOST | 1U << SCOPE_NODE | 1U << SCOPE_SERVICE,
		.plan = notify_plan,
		.describe = notify_describe,
		.writes = notify_writes,
	},
};

int action_find(const char *name)
{
	for (int i = 0; i < ACTION_COUNT_; i++)
		if (strcmp(actions[i].name, name) == 0)
			return i;
	return -1;
}

/* One Do= line while it is read: where faults go, and which arguments were seen. */
struct reader {
	const char *file;
	unsigned line;
	struct diag_list *diags;
	const struct action *action;
	struct action_call *call;
	bool given[ACTION_ARGS_MAX];
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

static int parse_amount(struct reader *r, const char *value, unsigned column, int64_t *ret)
{
	uint64_t bytes;

	if (strcmp(value, "until-clear") == 0) {
		*ret = ARG_UNTIL_CLEAR;
		return 0;
	}
	if (text_to_bytes(value, &bytes) < 0) {
		diag_add(r->diags, r->file, r->line, column,
			 "%s is no amount: write until-clear, or bytes such as 512M", value);
		return -EINVAL;
	}
	if (bytes == 0 || bytes >= INT64_MAX) {
		diag_add(r->diags, r->file, r->line, column, "%s is out of range", value);
		return -EINVAL;
	}
	*ret = (int64_t)bytes;
	return 0;
}

static int parse_node(struct reader *r, const char *value, unsigned column, int64_t *ret)
{
	uint64_t node;

	if (strcmp(value, "roomiest") == 0) {
		*ret = ARG_ROOMIEST;
		return 0;
	}
	if (text_to_u64(value, &node) < 0) {
		diag_add(r->diags, r->file, r->line, column,
			 "%s is no node: write roomiest, or a node's number", value);
		return -EINVAL;
	}
	if (node >= IDSET_BITS) {
		diag_add(r->diags, r->file, r->line, column,
			 "no kernel has a node %s: the highest is %d", value, IDSET_BITS - 1);
		return -EINVAL;
	}
	*ret = (int64_t)node;
	return 0;
}

static int parse_duration(struct reader *r, const char *value, unsigned column, int64_t *ret)
{
	usec_t usec;

	if (text_to_usec(value, &usec) < 0) {
		diag_add(r->diags, r->file, r->line, column,
			 "%s is no duration: write it as 500ms, 10s or 2min", value);
		return -EINVAL;
	}
	if (usec >= INT64_MAX) {
		diag_add(r->diags, r->file, r->line, column,
			 "%s would never end: write a finite duration", value);
		return -EINVAL;
	}
	*ret = (int64_t)usec;
	return 0;
}

static size_t word_count(const char *const *words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

static int parse_word(struct reader *r, const struct action_arg_spec *spec, const char *value,
		      unsigned column, int64_t *ret)
{
	size_t count = word_count(spec->words);
	const char *nearest;

	for (size_t i = 0; i < count; i++)
		if (strcmp(spec->words[i], value) == 0) {
			*ret = (int64_t)i;
			return 0;
		}
	if (r->action == &actions[ACTION_KILL] && strcmp(value, "canary") == 0) {
		diag_add(r->diags, r->file, r->line, column,
			 "canaries are not part of this version");
		return -EINVAL;
	}
	nearest = diag_nearest(value, spec->words, count);
	diag_add(r->diags, r->file, r->line, column, "%s does not take %s; %s %s", r->action->name,
		 value, nearest ? "did you mean" : "it takes", nearest ? nearest : spec->words[0]);
	return -EINVAL;
}

static int parse_value(struct reader *r, const struct action_arg_spec *spec, const char *value,
		       unsigned column, int64_t *ret)
{
	switch (spec->type) {
	case ARG_AMOUNT:
		return parse_amount(r, value, column, ret);
	case ARG_NODE:
		return parse_node(r, value, column, ret);
	case ARG_DURATION:
		return parse_duration(r, value, column, ret);
	case ARG_WORD:
		return parse_word(r, spec, value, column, ret);
	}
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

	for (size_t i = 0; i < r->action->arg_count; i++)
		if (r->action->args[i].name)
			names[count++] = r->action->args[i].name;
	nearest = diag_nearest(key, names, count);
	if (nearest)
		diag_add(r->diags, r->file, r->line, column, "%s takes no %s=; did you mean %s=?",
			 r->action->name, key, nearest);
	else if (count > 0)
		diag_add(r->diags, r->file, r->line, column, "%s takes no %s=; it takes %s=%s%s%s",
			 r->action->name, key, names[0], count > 1 ? ", " : "",
			 count > 1 ? names[1] : "", count > 1 ? "=" : "");
	else
		diag_add(r->diags, r->file, r->line, column, "%s takes no arguments",
			 r->action->name);
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
		diag_add(r->diags, r->file, r->line, column, "%s%s is given twice", word,
			 key ? "=" : "");
		return -EINVAL;
	}
	r->given[i] = true;
	if (!*value) {
		diag_add(r->diags, r->file, r->line, value_column, "%s= needs a value", word);
		return -EINVAL;
	}
	return parse_value(r, &r->action->args[i], value, value_column, &r->call->values[i]);
}

/* What was not given. The fallbacks of the table are read like what an operator writes. */
static int fill_in(struct reader *r, unsigned column)
{
	int result = 0;

	for (size_t i = 0; i < r->action->arg_count; i++) {
		const struct action_arg_spec *spec = &r->action->args[i];

		if (r->given[i])
			continue;
		if (!spec->fallback) {
			diag_add(r->diags, r->file, r->line, column, "%s needs %s%s",
				 r->action->name, spec->name ? spec->name : spec->meaning,
				 spec->name ? "=" : "");
			result = -EINVAL;
		} else if (parse_value(r, spec, spec->fallback, column, &r->call->values[i]) < 0) {
			result = -EINVAL;
		}
	}
	return result;
}

static int find_named(struct reader *r, const char *name, unsigned column)
{
	const char *names[ACTION_COUNT_];
	const char *nearest;
	int id = action_find(name);

	if (id >= 0)
		return id;
	for (int i = 0; i < ACTION_COUNT_; i++)
		names[i] = actions[i].name;
	nearest = diag_nearest(name, names, ACTION_COUNT_);
	if (nearest)
		diag_add(r->diags, r->file, r->line, column, "unknown action %s; did you mean %s?",
			 name, nearest);
	else
		diag_add(r->diags, r->file, r->line, column,
			 "unknown action %s; `oomwarden actions` lists them", name);
	return -EINVAL;
}

int action_parse(const char *text, const char *file, unsigned line, unsigned column,
		 struct diag_list *diags, struct action_call *ret_call)
{
	_cleanup_(freep) char *copy = strdup(text);
	_cleanup_(freep) char *kept = strdup(text);
	struct action_call call = { .line = line };
	struct reader r = { .file = file, .line = line, .diags = diags, .call = &call };
	int id, result = 0;
	char *rest, *name, *word;

	if (!copy || !kept) {
		diag_add(diags, file, line, column, "out of memory");
		return -EINVAL;
	}
	rest = copy;
	name = next_word(&rest);
	if (!name) {
		diag_add(diags, file, line, column, "an action is missing");
		return -EINVAL;
	}
	id = find_named(&r, name, column + (unsigned)(name - copy));
	if (id < 0)
		return -EINVAL;
	r.action = &actions[id];
	call.action = (enum action_id)id;

	while ((word = next_word(&rest)))
		if (parse_argument(&r, word, column + (unsigned)(word - copy)) < 0)
			result = -EINVAL;
	if (fill_in(&r, column + (unsigned)(name - copy)) < 0)
		result = -EINVAL;
	if (result < 0)
		return result;
	call.text = TAKE_PTR(kept);
	*ret_call = call;
	return 0;
}

void action_call_done(struct action_call *call)
{
	free(call->text);
	call->text = NULL;
}
