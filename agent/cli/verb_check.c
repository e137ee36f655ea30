/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "cli/paragraph.h"
#include "core/policy_size.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>

/* Why what the policy sets stays a dry run although the agent enforces; NULL: it does not. */
static const char *dry_because(const struct config *config, const struct policy *policy)
{
	if (config->mode != MODE_ENFORCE)
		return NULL; /* said of all of it */
	if (!config->enforce_all && !config->enforce_actions[ACTION_HOLD])
		return "EnforceActions= without hold";
	return policy->mode == MODE_ENFORCE ? NULL : "Mode= of the policy";
}

static bool has_limit(const struct policy *policy)
{
	for (size_t i = 0; i < policy->setting_count; i++)
		if (setting_get(policy->settings[i].id)->is_limit &&
		    policy->settings[i].size.number != SETTING_UNLIMITED)
			return true;
	return false;
}

/* What is allowed, and yet not what most who write it expect. */
static void add_remarks(const struct policy *policy, struct strbuf *out)
{
	const struct policy_setting *score = policy_setting(policy, SETTING_OOM_SCORE_ADJ);

	if (policy->kind != KIND_VM)
		return;
	if (has_limit(policy))
		strbuf_add(out, ". A guest at a limit is slowed down or killed, whatever is free "
				"inside of it");
	if (score && score->size.number < 0)
		strbuf_add(out, ". The kernel kills what guests depend on before a guest with a "
				"low score");
}

static void print_policy(const struct config *config, const struct policy *policy)
{
	const char *dry = dry_because(config, policy);
	char lead[NAME_BYTES + sizeof(" sets ")], text[1024];
	struct strbuf out = STRBUF(text);

	for (size_t i = 0; i < policy->setting_count; i++) {
		/* The other half of Nodes=home. */
		if (policy->settings[i].is_home && policy->settings[i].id == SETTING_ALLOWED_CPUS)
			continue;
		strbuf_add(&out, i ? ", " : "");
		policy_setting_format(&policy->settings[i], &out);
	}
	if (dry && policy->setting_count)
		strbuf_addf(&out, " (a dry run by %s)", dry);
	if (policy->has_ceiling) {
		strbuf_add(&out, policy->setting_count ? "; rules may raise a limit to "
						       : "a ceiling: rules may raise a limit to ");
		policy_size_format(&policy->max_ceiling, &out);
	}
	add_remarks(policy, &out);
	snprintf(lead, sizeof(lead), "%s sets ", policy->name);
	paragraph_print_behind(lead, text);
}

/* Why a canary is not armed although the agent enforces; NULL: it is. */
static const char *not_armed_because(const struct config *config, const struct canary *canary)
{
	if (config->mode != MODE_ENFORCE)
		return NULL; /* said of all of it */
	if (!config->enforce_all && !config->enforce_actions[ACTION_ARM])
		return "EnforceActions= without kill";
	return canary->mode == MODE_ENFORCE ? NULL : "Mode= of the canary";
}

/* The rule that OnDeath= of the section makes, or NULL. */
static const struct rule *find_death(const struct config *config, size_t canary)
{
	for (size_t i = 0; i < config->rule_count; i++)
		if (config->rules[i].canary == canary + 1)
			return &config->rules[i];
	return NULL;
}

static void add_place(const struct canary *canary, struct strbuf *out)
{
	if (canary->place == CANARY_ON_NODE)
		strbuf_addf(out, " on node %u", canary->node);
	else if (canary->place == CANARY_ON_EACH_NODE)
		strbuf_add(out, " on each node");
	if (canary->slice) {
		strbuf_add(out, " in ");
		strbuf_add_name(out, canary->slice);
	}
}

static void print_canary(const struct config *config, size_t i)
{
	const struct canary *canary = &config->canaries[i];
	const char *dry = not_armed_because(config, canary);
	const struct rule *death = find_death(config, i);
	char lead[CANARY_NAME_MAX + sizeof("canary  holds ")], text[1024];
	struct strbuf out = STRBUF(text);

	policy_size_format(&canary->size, &out);
	add_place(canary, &out);
	if (dry)
		strbuf_addf(&out, " (a dry run by %s)", dry);
	for (size_t step = 0; death && step < death->ladder_count; step++) {
		strbuf_add(&out, step ? ", " : "; at its death ");
		strbuf_add_name(&out, death->ladder[step].text);
	}
	snprintf(lead, sizeof(lead), "canary %s holds ", canary->name);
	paragraph_print_behind(lead, text);
}

static void print_count(const char *before, size_t count, const char *one, const char *many)
{
	printf("%s%zu %s", before, count, count == 1 ? one : many);
}

static void print_counts(const struct config *config)
{
	bool has_canaries = config->canary_count > 0;

	print_count("", config_policy_count(config), "policy", "policies");
	print_count(has_canaries ? ", " : " and ", config_rule_count(config), "rule", "rules");
	if (has_canaries)
		print_count(" and ", config->canary_count, "canary", "canaries");
	printf(", no fault; Mode=%s\n", mode_name(config->mode));
}

static void check_all(const struct config_path *path, struct diag_list *diags)
{
	_cleanup_(config_freep) struct config *config = NULL;

	if (config_load(path, diags, &config) < 0)
		return;
	print_counts(config);
	cli_complain_empty("check", config, path);
	for (size_t i = 0; i < config->policies.count; i++) {
		const struct policy *policy = &config->policies.policies[i];

		if (policy->setting_count > 0 || policy->has_ceiling)
			print_policy(config, policy);
	}
	for (size_t i = 0; i < config->canary_count; i++)
		print_canary(config, i);
}

int verb_check(const struct verb *verb, int argc, char **argv)
{
	struct diag_list diags = { 0 };
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_CONFIG | CLI_OPERANDS, argc, argv, &options, &status) < 0)
		return status;
	if (options.first == argc)
		check_all(&options.config_path, &diags);
	for (int i = options.first; i < argc; i++)
		if (config_check_file(argv[i], &options.config_path, &diags) == 0)
			printf("%s: no fault\n", argv[i]);
	status = diags.count + diags.dropped > 0 ? EXIT_CONFIGURATION : EXIT_DONE;
	fflush(stdout);
	diag_print(&diags, stderr);
	diag_done(&diags);
	return status;
}
