/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/config.h"
#include "rule/loader.h"
#include "rule/search.h"
#include "util/macro.h"
#include "util/sum.h"

#include <errno.h>
#include <string.h>

/*
 * The order of loading follows who names whom: the agent's settings name policy sets, the sets hold
 * policies, rules name policies. Canaries stand in the files of rules and come before the sets: the
 * policy that is matched first is the one that is loaded first, and theirs go before all others. A
 * fault stops nothing: what can be read is read, so that one look at the report is enough. Only at
 * the end, when there is any, all of it is thrown away.
 */

#define AGENT_FILE	 "oomwarden.ini"
#define POLICY_DIRECTORY "policies"
#define RULE_DIRECTORY	 "rules.d"

const struct config_path config_path_default = {
	.directories = {
		"/usr/lib/oomwarden",
		"/usr/local/lib/oomwarden",
		"/run/oomwarden",
		"/etc/oomwarden",
	},
	.count = 4,
};

struct generation {
	struct load load;
	const struct config_path *path;
	struct config *config;
	struct agent_settings settings;
	struct policy_loader policies;
	struct canary_loader canaries;
	/* The files that were read: faults and origins point to their names. */
	struct ini **files;
	size_t file_count;
};

static void generation_done(struct generation *g)
{
	for (size_t i = 0; i < g->file_count; i++)
		ini_free(g->files[i]);
	free(g->files);
	free(g->policies.origins);
	config_free(g->config);
	*g = (struct generation){ 0 };
}

static int generation_start(struct generation *g, const struct config_path *path,
			    struct diag_list *diags)
{
	*g = (struct generation){
		.load = { .diags = diags },
		.path = path,
		.config = calloc(1, sizeof(*g->config)),
	};
	if (!g->config)
		return -ENOMEM;
	g->policies.table = &g->config->policies;
	g->canaries.config = g->config;
	g->canaries.policies = &g->policies;
	g->config->sum = SUM_BEGIN;
	agent_defaults(g->config, &g->settings);
	return 0;
}

/* The file's content, kept until the generation ends; NULL when it cannot be read (reported). */
static const struct ini *open_file(struct generation *g, const char *path)
{
	struct ini **grown = reallocarray(g->files, g->file_count + 1, sizeof(*grown));
	struct ini *ini = NULL;
	int r;

	if (grown)
		g->files = grown;
	r = grown ? ini_read(path, g->load.diags, &ini) : -ENOMEM;
	if (r == -ENOENT)
		diag_add(g->load.diags, path, 0, 0, "does not exist");
	if (r == -ENOMEM)
		g->load.no_memory = true;
	if (r < 0)
		return NULL;
	g->files[g->file_count++] = ini;
	g->config->sum = sum_text(g->config->sum, path);
	g->config->sum = sum_bytes(g->config->sum, &ini->sum, sizeof(ini->sum));
	return ini;
}

static int find_file(struct generation *g, const char *name, char **ret_path)
{
	int result = search_file(g->path, name, g->load.diags, ret_path);

	if (result < 0)
		g->load.no_memory = true;
	return result;
}

static int find_files(struct generation *g, const char *subdirectory, struct search_list *ret)
{
	int r = search_all(g->path, subdirectory, g->load.diags, ret);

	if (r < 0)
		g->load.no_memory = true;
	return r;
}

static void load_agent(struct generation *g)
{
	_cleanup_(freep) char *path = NULL;
	const struct ini *ini;

	if (find_file(g, AGENT_FILE, &path) != SEARCH_FOUND)
		return;
	ini = open_file(g, path);
	if (ini)
		agent_load(&g->load, ini, &g->settings);
}

/* Names are file names without ".ini". */
static const char *nearest_set(struct generation *g, const char *name, char *buffer, size_t size)
{
	_cleanup_(search_list_done) struct search_list list = { 0 };
	const char *nearest;

	if (find_files(g, POLICY_DIRECTORY, &list) < 0)
		return NULL;
	for (size_t i = 0; i < list.count; i++) {
		const char *base = search_base_name(list.paths[i]);

		memmove(list.paths[i], base, strlen(base) + 1);
		list.paths[i][strlen(list.paths[i]) - strlen(".ini")] = '\0';
	}
	nearest = diag_nearest(name, (const char *const *)list.paths, list.count);
	if (!nearest)
		return NULL;
	snprintf(buffer, size, "%s", nearest);
	return buffer;
}

static void report_no_set(struct generation *g, const struct set_name *set, const char *mask)
{
	char buffer[WORD_BYTES];
	const char *nearest;

	if (mask) {
		diag_add(g->load.diags, set->file, set->line, set->column,
			 "policy set %s is masked by %s", set->name, mask);
		return;
	}
	nearest = nearest_set(g, set->name, buffer, sizeof(buffer));
	diag_add(g->load.diags, set->file, set->line, set->column,
		 "there is no policy set %s (%s/%s.ini)%s%s%s", set->name, POLICY_DIRECTORY,
		 set->name, nearest ? "; did you mean " : "", nearest ? nearest : "",
		 nearest ? "?" : "");
}

static void load_set(struct generation *g, const struct set_name *set)
{
	_cleanup_(freep) char *path = NULL;
	char name[sizeof(POLICY_DIRECTORY) + WORD_BYTES + sizeof(".ini")];
	const struct ini *ini;
	int result;

	snprintf(name, sizeof(name), "%s/%s.ini", POLICY_DIRECTORY, set->name);
	result = find_file(g, name, &path);
	if (result == SEARCH_FOUND) {
		ini = open_file(g, path);
		if (ini)
			policy_load(&g->load, ini, set->name, &g->policies);
	} else if ((result == SEARCH_NONE || result == SEARCH_MASKED) && set->file) {
		/* One that is looked for by default only need not be there. */
		report_no_set(g, set, path);
	}
}

static void load_sets(struct generation *g)
{
	for (size_t i = 0; i < g->settings.set_count; i++)
		load_set(g, &g->settings.sets[i]);
}

/* Opens all files of rules, which are read for rules later. */
static void load_canaries(struct generation *g)
{
	_cleanup_(search_list_done) struct search_list list = { 0 };

	if (find_files(g, RULE_DIRECTORY, &list) < 0)
		return;
	for (size_t i = 0; i < list.count; i++) {
		const struct ini *ini = open_file(g, list.paths[i]);

		if (ini)
			canary_load(&g->load, ini, &g->canaries);
	}
}

static void load_rules(struct generation *g, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		rule_load(&g->load, g->files[i], g->config);
}

/* Is there a canary, or one that stands in where none holds memory (act/kill_plan.c)? */
static bool has_canaries(const struct config *config)
{
	for (size_t i = 0; i < config->policies.count; i++) {
		const struct policy *policy = &config->policies.policies[i];

		if (policy->canary != 0 || (policy->kill == KILL_FIRST && policy->kind != KIND_VM))
			return true;
	}
	return false;
}

static size_t count_canary_steps(const struct rule *rule)
{
	size_t count = 0;

	for (size_t i = 0; i < rule->ladder_count; i++)
		count += action_call_is_canary(&rule->ladder[i]);
	return count;
}

/* Steps that could never be taken are as if they were not there: the rules that are shipped have
 * them for those who configure canaries. A rule that has no other is left as it is. */
static void drop_canary_steps(struct rule *rule)
{
	size_t kept = 0;

	if (count_canary_steps(rule) == rule->ladder_count)
		return;
	for (size_t i = 0; i < rule->ladder_count; i++) {
		if (action_call_is_canary(&rule->ladder[i]))
			action_call_done(&rule->ladder[i]);
		else
			rule->ladder[kept++] = rule->ladder[i];
	}
	rule->ladder_count = kept;
}

static int result_of(const struct generation *g, size_t faults_before)
{
	struct diag_list *diags = g->load.diags;

	if (g->load.no_memory) {
		diag_add(diags, NULL, 0, 0, "out of memory");
		return -ENOMEM;
	}
	return diags->count + diags->dropped > faults_before ? -EINVAL : 0;
}

int config_load(const struct config_path *path, struct diag_list *diags, struct config **ret)
{
	static const char *const subdirectories[] = { POLICY_DIRECTORY, RULE_DIRECTORY };
	_cleanup_(generation_done) struct generation g;
	size_t faults = diags->count + diags->dropped, first, end;
	int r;

	r = generation_start(&g, path, diags);
	if (r == 0)
		r = search_check(path, subdirectories, ARRAY_SIZE(subdirectories), diags);
	if (r < 0) {
		diag_add(diags, NULL, 0, 0, "out of memory");
		return r;
	}
	load_agent(&g);
	first = g.file_count;
	load_canaries(&g);
	end = g.file_count;
	load_sets(&g);
	load_rules(&g, first, end);
	for (size_t i = 0; i < g.config->rule_count && !has_canaries(g.config); i++)
		drop_canary_steps(&g.config->rules[i]);
	r = result_of(&g, faults);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(g.config);
	return 0;
}

/* A copy of `file`'s name without directory and ".ini". */
static void set_of(const char *file, char *buffer, size_t size)
{
	const char *base = search_base_name(file);
	size_t length = strlen(base);

	if (length > 4 && strcmp(base + length - 4, ".ini") == 0)
		length -= 4;
	snprintf(buffer, size, "%.*s", (int)MIN_OF(length, size - 1), base);
}

static bool is_in(const char *file, const char *directory)
{
	const char *base = search_base_name(file);
	size_t length = strlen(directory), before;

	if (base == file)
		return false;
	before = (size_t)(base - 1 - file);
	return before >= length && memcmp(base - 1 - length, directory, length) == 0 &&
	       (before == length || base[-2 - (long)length] == '/');
}

/* What the file is: by its place where that tells, else by its first section. */
static const struct schema *schema_of(const char *file, const struct ini *ini)
{
	static const struct schema *const schemas[] = { &agent_schema, &policy_schema,
							&rule_schema };

	if (strcmp(search_base_name(file), AGENT_FILE) == 0)
		return &agent_schema;
	if (is_in(file, POLICY_DIRECTORY))
		return &policy_schema;
	if (is_in(file, RULE_DIRECTORY))
		return &rule_schema;
	for (size_t i = 0; i < ARRAY_SIZE(schemas) && ini->section_count > 0; i++)
		if (schema_is_of(schemas[i], &ini->sections[0]) ||
		    (schemas[i]->beside && schema_is_of(schemas[i]->beside, &ini->sections[0])))
			return schemas[i];
	return NULL;
}

/* The policies in force, for rules that name them. Faults there are not those of the file at hand.
 */
static void load_policies_silently(struct generation *g)
{
	struct diag_list *diags = g->load.diags;
	struct diag_list aside = { 0 };

	g->load.diags = &aside;
	load_agent(g);
	load_sets(g);
	g->load.diags = diags;
	diag_done(&aside);
}

static void check_content(struct generation *g, const char *file, const struct ini *ini)
{
	const struct schema *schema = schema_of(file, ini);
	char set[WORD_BYTES];

	if (schema == &agent_schema) {
		agent_load(&g->load, ini, &g->settings);
	} else if (schema == &policy_schema) {
		set_of(file, set, sizeof(set));
		policy_load(&g->load, ini, set, &g->policies);
	} else if (schema == &rule_schema) {
		canary_load(&g->load, ini, &g->canaries);
		load_policies_silently(g);
		rule_load(&g->load, ini, g->config);
	} else if (ini->section_count == 0) {
		diag_add(g->load.diags, file, 0, 0, "holds no section: it configures nothing");
	} else {
		diag_add(g->load.diags, file, ini->sections[0].line, 2,
			 "unknown section [%s]: expected [Agent], [Policy NAME], [Rule NAME] or "
			 "[Canary NAME]",
			 ini->sections[0].name);
	}
}

int config_check_file(const char *file, const struct config_path *path, struct diag_list *diags)
{
	_cleanup_(generation_done) struct generation g;
	size_t faults = diags->count + diags->dropped;
	const struct ini *ini;
	int r;

	r = generation_start(&g, path, diags);
	if (r < 0) {
		diag_add(diags, NULL, 0, 0, "out of memory");
		return r;
	}
	ini = open_file(&g, file);
	if (ini)
		check_content(&g, file, ini);
	return result_of(&g, faults);
}

size_t config_policy_count(const struct config *config)
{
	return config->policies.count - config->canary_count;
}

size_t config_rule_count(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->rule_count; i++)
		count += config->rules[i].canary == 0;
	return count;
}

void rule_mark_metrics(const struct rule *rule, bool marks[METRIC_COUNT_])
{
	for (size_t i = 0; i < rule->when_count; i++)
		expr_mark_metrics(rule->when[i], marks);
	if (rule->until)
		expr_mark_metrics(rule->until, marks);
}

void config_mark_metrics(const struct config *config, bool marks[METRIC_COUNT_])
{
	for (size_t i = 0; i < config->rule_count; i++)
		rule_mark_metrics(&config->rules[i], marks);
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	for (size_t i = 0; i < config->rule_count; i++)
		rule_done(&config->rules[i]);
	for (size_t i = 0; i < config->canary_count; i++)
		canary_done(&config->canaries[i]);
	free(config->rules);
	free(config->canaries);
	policy_table_done(&config->policies);
	free(config);
	return NULL;
}
