/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/loader.h"
#include "util/macro.h"
#include "util/text.h"

#include <string.h>

/* Budget of kills: three services in ten minutes is a mishap, more is the agent itself running
 * wild. */
#define KILL_BUDGET_COUNT  3
#define KILL_BUDGET_WINDOW (10 * USEC_PER_MIN)

bool read_mode(struct load *load, const struct ini_key *key, enum mode *ret)
{
	const char *const words[] = {
		[MODE_DRY_RUN] = mode_name(MODE_DRY_RUN),
		[MODE_ENFORCE] = mode_name(MODE_ENFORCE),
	};
	int i;

	if (!read_word(load, key, words, ARRAY_SIZE(words), &i))
		return false;
	*ret = (enum mode)i;
	return true;
}

static void read_agent_mode(struct load *load, const struct ini_key *key, void *object)
{
	struct agent_settings *settings = object;

	read_mode(load, key, &settings->config->mode);
}

/* Unlike in a Do= line, "hold" may stand here: by it what policies set acts, or does not. Canaries
 * are there to be killed, so they are armed where that acts, and by no word of their own. */
static int find_action(const char *name)
{
	for (int i = 0; i < ACTION_COUNT_; i++)
		if (i != ACTION_ARM && strcmp(actions[i].name, name) == 0)
			return i;
	return -1;
}

static void refuse_action(struct load *load, const struct word_list *list)
{
	const char *names[ACTION_COUNT_], *nearest;
	size_t count = 0;

	if (strcmp(list->word, actions[ACTION_ARM].name) == 0) {
		load_fault(load, list->key, list->offset,
			   "%s cannot be named: canaries are armed where kill acts", list->word);
		return;
	}
	for (int i = 0; i < ACTION_COUNT_; i++)
		if (i != ACTION_ARM)
			names[count++] = actions[i].name;
	nearest = diag_nearest(list->word, names, count);
	load_fault(load, list->key, list->offset, "unknown action %s%s%s%s", list->word,
		   nearest ? "; did you mean " : "; \"oomwarden actions\" lists them",
		   nearest ? nearest : "", nearest ? "?" : "");
}

static void read_enforce_actions(struct load *load, const struct ini_key *key, void *object)
{
	struct agent_settings *settings = object;
	struct word_list list = { .load = load, .key = key };
	const char *word;

	while ((word = word_list_next(&list))) {
		int action = find_action(word);

		if (action < 0) {
			refuse_action(load, &list);
			continue;
		}
		settings->config->enforce_all = false;
		settings->config->enforce_actions[action] = true;
		if (action == ACTION_KILL)
			settings->config->enforce_actions[ACTION_ARM] = true;
	}
}

static bool has_set(const struct agent_settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->set_count; i++)
		if (strcmp(settings->sets[i].name, name) == 0)
			return true;
	return false;
}

static void read_policy_sets(struct load *load, const struct ini_key *key, void *object)
{
	struct agent_settings *settings = object;
	struct word_list list = { .load = load, .key = key };
	const char *word;

	if (!settings->sets_given)
		settings->set_count = 0;
	settings->sets_given = true;
	while ((word = word_list_next(&list))) {
		struct set_name *set = &settings->sets[settings->set_count];

		/* A set is a file name without its end: "../x" is none. */
		if (!is_name(word)) {
			load_fault(load, key, list.offset, "%s is no name of a policy set", word);
		} else if (has_set(settings, word)) {
			load_fault(load, key, list.offset, "policy set %s is named twice", word);
		} else if (settings->set_count == SETS_MAX) {
			load_fault(load, key, list.offset, "more than %d policy sets", SETS_MAX);
			return;
		} else {
			*set = (struct set_name){ .file = load->file,
						  .line = key->line,
						  .column = key->column + (unsigned)list.offset };
			memcpy(set->name, list.word, sizeof(set->name));
			settings->set_count++;
		}
	}
}

static void read_kill_budget(struct load *load, const struct ini_key *key, void *object)
{
	struct agent_settings *settings = object;
	const char *slash = strchr(key->value, '/');
	uint64_t count;
	usec_t window;
	char number[8];

	if (slash && (size_t)(slash - key->value) < sizeof(number)) {
		snprintf(number, sizeof(number), "%.*s", (int)(slash - key->value), key->value);
		if (text_to_u64(number, &count) == 0 && count <= KILL_BUDGET_MAX &&
		    text_to_usec(slash + 1, &window) == 0 && window > 0 &&
		    window <= 365 * 24 * 60 * USEC_PER_MIN) {
			settings->config->kill_budget_count = (unsigned)count;
			settings->config->kill_budget_window_usec = window;
			return;
		}
	}
	load_fault(load, key, 0,
		   "KillBudget=%s: expected COUNT/SPAN like 3/10min, at most %d in at most a year",
		   key->value, KILL_BUDGET_MAX);
}

static const struct schema_key keys[] = {
	{ .name = "Mode", .read = read_agent_mode },
	{ .name = "EnforceActions", .may_be_empty = true, .read = read_enforce_actions },
	{ .name = "Policy", .may_be_empty = true, .read = read_policy_sets },
	{ .name = "KillBudget", .read = read_kill_budget },
};

const struct schema agent_schema = {
	.section = "Agent",
	.keys = keys,
	.count = ARRAY_SIZE(keys),
};

void agent_defaults(struct config *config, struct agent_settings *settings)
{
	config->mode = MODE_DRY_RUN;
	config->enforce_all = true;
	config->kill_budget_count = KILL_BUDGET_COUNT;
	config->kill_budget_window_usec = KILL_BUDGET_WINDOW;
	*settings = (struct agent_settings){
		.config = config,
		.sets = { { .name = "kvm-host" }, { .name = "services" } },
		.set_count = 2,
	};
}

void agent_load(struct load *load, const struct ini *ini, struct agent_settings *settings)
{
	load->file = ini->file;
	for (size_t i = 0; i < ini->section_count; i++)
		if (schema_section_name(load, &agent_schema, &ini->sections[i]))
			schema_apply(load, &agent_schema, &ini->sections[i], settings);
}
