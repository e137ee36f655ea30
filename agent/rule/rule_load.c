/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/loader.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>

#define COOLDOWN_DEFAULT  (30 * USEC_PER_SEC)
#define STEP_WAIT_DEFAULT (2 * USEC_PER_SEC)
#define PRIORITY_DEFAULT  500
#define LADDER_MAX	  16

/* A rule while it is read: what a key means may hang on another one, wherever that stands. */
struct rule_draft {
	struct rule rule;
	const struct config *config;
	bool on_known;
};

static void read_description(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;

	read_text(load, key, &draft->rule.description);
}

static void read_condition(struct load *load, const struct ini_key *key,
			   const struct rule_draft *draft, struct expr **ret)
{
	struct expr *parsed = NULL;
	int r;

	/* Which metrics it may name is known only with On=, whose fault is reported already. */
	if (!draft->on_known)
		return;
	r = expr_parse(key->value, draft->rule.on, load->file, key->line, key->column, load->diags,
		       &parsed);
	if (r == -ENOMEM)
		load->no_memory = true;
	if (r == 0)
		*ret = parsed;
}

static void read_when(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;
	struct rule *rule = &draft->rule;

	if (rule->when_count == RULE_WHEN_MAX) {
		load_fault(load, key, 0, "more than %d lines When=; join conditions by \"and\"",
			   RULE_WHEN_MAX);
		return;
	}
	read_condition(load, key, draft, &rule->when[rule->when_count]);
	if (rule->when[rule->when_count])
		rule->when_count++;
}

static void read_until(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;

	if (!draft->rule.until)
		read_condition(load, key, draft, &draft->rule.until);
}

static void read_for(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;

	read_span(load, key, &draft->rule.for_usec);
}

static void read_cooldown(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;

	read_span(load, key, &draft->rule.cooldown_usec);
}

static void read_step_wait(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;

	read_span(load, key, &draft->rule.step_wait_usec);
}

static void read_priority(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;

	read_number(load, key, 0, 1000, &draft->rule.priority);
}

static void read_rule_mode(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;

	read_mode(load, key, &draft->rule.mode);
}

static bool check_is_service_rule(struct load *load, const struct ini_key *key,
				  const struct rule_draft *draft)
{
	if (!draft->on_known || draft->rule.on == SCOPE_SERVICE)
		return true;
	diag_add(load->diags, load->file, key->line, 1,
		 "%s= says which services a rule is about; this rule has On=%s", key->name,
		 scope_name(draft->rule.on));
	return false;
}

static void read_kinds(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;
	struct word_list list = { .load = load, .key = key };
	const char *word;

	if (!check_is_service_rule(load, key, draft))
		return;
	while ((word = word_list_next(&list))) {
		enum service_kind kind;

		if (read_kind(load, key, word, list.offset, &kind))
			draft->rule.kinds |= 1U << kind;
	}
}

static void report_unknown_policy(struct load *load, const struct word_list *list,
				  const struct policy_table *table)
{
	_cleanup_(freep) const char **names = reallocarray(NULL, table->count + 1, sizeof(*names));
	const char *nearest = NULL;
	size_t count = 0;

	if (names) {
		for (size_t i = 0; i < table->count; i++)
			if (table->policies[i].canary == 0)
				names[count++] = table->policies[i].name;
		nearest = diag_nearest(list->word, names, count);
	}
	load_fault(load, list->key, list->offset, "no policy %s is in force%s%s%s", list->word,
		   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static void read_policies(struct load *load, const struct ini_key *key, void *object)
{
	struct rule_draft *draft = object;
	const struct policy_table *table = &draft->config->policies;
	struct word_list list = { .load = load, .key = key };
	const char *word;

	if (!check_is_service_rule(load, key, draft))
		return;
	if (!draft->rule.policies)
		draft->rule.policies = calloc(table->count + 1, sizeof(bool));
	if (!draft->rule.policies) {
		load->no_memory = true;
		return;
	}
	while ((word = word_list_next(&list))) {
		size_t i = 0;

		/* Those of canaries are nobody's to name. */
		while (i < table->count && (table->policies[i].canary != 0 ||
					    strcmp(table->policies[i].name, word) != 0))
			i++;
		if (i < table->count)
			draft->rule.policies[i] = true;
		else
			report_unknown_policy(load, &list, table);
	}
}

static void check_action_scope(struct load *load, const struct ini_key *key,
			       const struct rule_draft *draft, const struct action_call *call)
{
	const struct action *action = &actions[call->action];
	unsigned scopes = action_call_scopes(call), on = 1U << draft->rule.on;
	char buffer[64];
	struct strbuf where = STRBUF(buffer);

	if (!draft->on_known || scopes & on)
		return;
	if (scopes == 0) {
		load_fault(load, key, 0, "%s is for no rule: its parts are for different ones",
			   call->text);
		return;
	}
	for (int s = 0; s < SCOPE_COUNT_; s++)
		if (scopes & 1U << s)
			strbuf_addf(&where, "%sOn=%s", where.length ? ", " : "",
				    scope_name((enum scope)s));
	/* The action as such, or what it was given. */
	load_fault(load, key, 0, "%s is for rules with %s; this one has On=%s",
		   action->scopes & on ? call->text : action->name, buffer,
		   scope_name(draft->rule.on));
}

/* The step, or NULL, reported. */
static const struct action_call *add_step(struct load *load, const struct ini_key *key,
					  struct rule_draft *draft)
{
	struct rule *rule = &draft->rule;
	struct action_call *grown, call;

	if (rule->ladder_count == LADDER_MAX) {
		load_fault(load, key, 0, "more than %d lines %s=", LADDER_MAX, key->name);
		return NULL;
	}
	if (action_parse(key->value, load->file, key->line, key->column, load->diags, &call) < 0)
		return NULL;
	check_action_scope(load, key, draft, &call);
	grown = reallocarray(rule->ladder, rule->ladder_count + 1, sizeof(*grown));
	if (!grown) {
		load->no_memory = true;
		action_call_done(&call);
		return NULL;
	}
	rule->ladder = grown;
	rule->ladder[rule->ladder_count] = call;
	return &rule->ladder[rule->ladder_count++];
}

static void read_do(struct load *load, const struct ini_key *key, void *object)
{
	add_step(load, key, object);
}

/* On= is looked up before all others (load_section), as they hang on it. */
static void read_nothing(struct load *load _unused_, const struct ini_key *key _unused_,
			 void *object _unused_)
{
}

static const struct schema_key keys[] = {
	{ .name = "Description", .may_be_empty = true, .read = read_description },
	{ .name = "On", .read = read_nothing },
	{ .name = "When", .repeatable = true, .read = read_when },
	{ .name = "Until", .read = read_until },
	{ .name = "For", .read = read_for },
	{ .name = "Cooldown", .read = read_cooldown },
	{ .name = "StepWait", .read = read_step_wait },
	{ .name = "Do", .repeatable = true, .read = read_do },
	{ .name = "Priority", .read = read_priority },
	{ .name = "Kind", .read = read_kinds },
	{ .name = "Policies", .read = read_policies },
	{ .name = "Mode", .read = read_rule_mode },
};

const struct schema rule_schema = {
	.section = "Rule",
	.named = true,
	.beside = &canary_schema,
	.keys = keys,
	.count = ARRAY_SIZE(keys),
};

static void load_scope(struct load *load, const struct ini_section *section,
		       struct rule_draft *draft)
{
	const struct ini_key *key = schema_find(section, "On");
	const char *names[SCOPE_COUNT_];
	int i;

	if (!key) {
		diag_add(load->diags, load->file, section->line, 1,
			 "[%s] has no On=: host, node, service or canary", section->name);
		return;
	}
	for (int s = 0; s < SCOPE_COUNT_; s++)
		names[s] = scope_name((enum scope)s);
	/* An empty one is reported with the other keys. */
	if (*key->value != '\0' && read_word(load, key, names, SCOPE_COUNT_, &i)) {
		draft->rule.on = (enum scope)i;
		draft->on_known = true;
	}
}

static bool asks_until_clear(const struct action_call *call)
{
	const struct action *action = &actions[call->action];

	for (size_t i = 0; i < action->arg_count; i++)
		if (action->args[i].type == ARG_AMOUNT && call->values[i] == ARG_UNTIL_CLEAR)
			return true;
	return false;
}

/* "until-clear" is an amount only when Until= says how many bytes clear is. */
static void check_goal(struct load *load, const struct ini_section *section,
		       const struct rule *rule)
{
	const struct ini_key *key = schema_find(section, "Until");

	if (key ? !rule->until || expr_has_goal(rule->until) : false)
		return;
	for (size_t i = 0; i < rule->ladder_count; i++) {
		if (!asks_until_clear(&rule->ladder[i]))
			continue;
		diag_add(load->diags, load->file, rule->ladder[i].line, 1,
			 "%s bytes=until-clear needs an Until= with a %s metric of bytes that must "
			 "exceed something",
			 actions[rule->ladder[i].action].name,
			 scope_name(expr_goal_scope(rule->on)));
	}
}

/* What only shows when the whole section is read. */
static void check_rule(struct load *load, const struct ini_section *section,
		       const struct rule_draft *draft)
{
	if (!schema_find(section, "When"))
		diag_add(load->diags, load->file, section->line, 1,
			 "[%s] has no When=: it would never fire", section->name);
	if (!schema_find(section, "Do"))
		diag_add(load->diags, load->file, section->line, 1,
			 "[%s] has no Do=: it would do nothing", section->name);
	if (draft->on_known)
		check_goal(load, section, &draft->rule);
}

static void check_unique(struct load *load, const struct config *config, const char *name,
			 unsigned line)
{
	for (size_t i = 0; i < config->rule_count; i++) {
		const struct rule *other = &config->rules[i];

		/* Twice in one file is a section given twice, which the reader reports. */
		if (strcmp(other->name, name) == 0 && strcmp(other->file, load->file) != 0)
			diag_add(load->diags, load->file, line, 1,
				 "rule %s is here a second time; the first is in %s", name,
				 other->file);
	}
}

/* Guests and the host's own services are spared unless a rule names them. */
static unsigned default_kinds(const struct rule *rule)
{
	unsigned kinds = 1U << KIND_SERVICE | 1U << KIND_BATCH;

	if (rule->policies)
		kinds |= 1U << KIND_VM | 1U << KIND_SYSTEM;
	return kinds;
}

void rule_done(struct rule *rule)
{
	for (size_t i = 0; i < rule->when_count; i++)
		expr_free(rule->when[i]);
	for (size_t i = 0; i < rule->ladder_count; i++)
		action_call_done(&rule->ladder[i]);
	expr_free(rule->until);
	free(rule->name);
	free(rule->description);
	free(rule->file);
	free(rule->policies);
	free(rule->ladder);
	*rule = (struct rule){ 0 };
}

static void append(struct load *load, struct config *config, struct rule *rule)
{
	struct rule *grown =
		reallocarray(config->rules, config->rule_count + 1, sizeof(*config->rules));

	if (grown)
		config->rules = grown;
	if (!grown || load->no_memory) {
		load->no_memory = true;
		rule_done(rule);
		return;
	}
	config->rules[config->rule_count++] = *rule;
}

static void load_section(struct load *load, const struct ini_section *section,
			 struct config *config)
{
	const char *name = schema_section_name(load, &rule_schema, section);
	struct rule_draft draft = {
		.config = config,
		.rule = {
			.cooldown_usec = COOLDOWN_DEFAULT,
			.step_wait_usec = STEP_WAIT_DEFAULT,
			.priority = PRIORITY_DEFAULT,
			.mode = MODE_ENFORCE,
		},
	};
	struct rule *rule = &draft.rule;

	if (!name)
		return;
	check_unique(load, config, name, section->line);
	rule->name = load_strdup(load, name);
	rule->file = load_strdup(load, load->file);
	load_scope(load, section, &draft);
	schema_apply(load, &rule_schema, section, &draft);
	check_rule(load, section, &draft);
	if (rule->kinds == 0)
		rule->kinds = default_kinds(rule);
	if (!rule->description)
		rule->description = load_strdup(load, "");
	append(load, config, rule);
}

/* The canary of that section; its number plus one, as struct rule has it, 0: a fault kept it out.
 */
static size_t find_canary(const struct config *config, const struct ini_section *section)
{
	const char *blank = strpbrk(section->name, " \t");

	for (size_t i = 0; blank && i < config->canary_count; i++)
		if (strcmp(config->canaries[i].name, blank + 1) == 0)
			return i + 1;
	return 0;
}

static void read_death_step(struct load *load, const struct ini_key *key, struct rule_draft *draft)
{
	const struct action_call *call = add_step(load, key, draft);

	if (call && asks_until_clear(call))
		load_fault(load, key, 0, "%s needs bytes=: a death does not say how much is short",
			   actions[call->action].name);
}

static void describe_death(struct load *load, const struct ini_section *section,
			   const struct canary *canary, struct rule *rule)
{
	char text[sizeof("Canary  has died") + CANARY_NAME_MAX];
	int r;

	snprintf(text, sizeof(text), CANARY_OWNER_PREFIX "%s", canary->name);
	rule->name = load_strdup(load, text);
	snprintf(text, sizeof(text), "Canary %s has died", canary->name);
	rule->description = load_strdup(load, text);
	rule->file = load_strdup(load, load->file);
	rule->mode = canary->mode;
	r = expr_parse("canary.dead > 0", SCOPE_CANARY, load->file, section->line, 1, load->diags,
		       &rule->when[0]);
	if (r == 0)
		rule->when_count = 1;
	else
		load->no_memory = true;
}

/* What OnDeath= of a canary's section asks for, as a rule. */
static void load_death(struct load *load, const struct ini_section *section, struct config *config)
{
	struct rule_draft draft = {
		.config = config,
		.on_known = true,
		.rule = {
			.on = SCOPE_CANARY,
			.once = true,
			.canary = find_canary(config, section),
			.step_wait_usec = STEP_WAIT_DEFAULT,
			.priority = PRIORITY_DEFAULT,
		},
	};
	struct rule *rule = &draft.rule;

	/* One without a value is reported with the other keys. */
	for (size_t i = 0; i < section->key_count; i++)
		if (strcmp(section->keys[i].name, "OnDeath") == 0 && *section->keys[i].value)
			read_death_step(load, &section->keys[i], &draft);
	if (rule->canary == 0 || rule->ladder_count == 0) {
		rule_done(rule);
		return;
	}
	rule->kinds = default_kinds(rule);
	describe_death(load, section, &config->canaries[rule->canary - 1], rule);
	append(load, config, rule);
}

void rule_load(struct load *load, const struct ini *ini, struct config *config)
{
	load->file = ini->file;
	for (size_t i = 0; i < ini->section_count; i++) {
		const struct ini_section *section = &ini->sections[i];

		if (schema_is_of(&canary_schema, section))
			load_death(load, section, config);
		else
			load_section(load, section, config);
	}
}
