/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/kill_story.h"

#include "act/action.h"
#include "explain/sentence.h"
#include "util/macro.h"

#include <string.h>

/* From here on it is told that a reading was not of the last moment. */
#define AGO_USEC (1 * USEC_PER_SEC)

static void add_victim(const struct kernel_event *event, const struct verdict *verdict,
		       struct strbuf *out)
{
	if (event->counted > 1)
		strbuf_addf(out, "%u processes", event->counted);
	else if (event->counted == 1)
		strbuf_add(out, "a process");
	else
		strbuf_addf(out, "process %d (", (int)event->pid);
	if (event->counted == 0) {
		strbuf_add_name(out, event->comm);
		strbuf_add_char(out, ')');
	}
	if (event->cgroup_known) {
		strbuf_add(out, " of /");
		strbuf_add_name(out, event->cgroup);
	}
	if (verdict->is_guest) {
		strbuf_add(out, ", guest ");
		strbuf_add_name(out, verdict->service_name);
	}
}

static void add_limit_cgroup(const struct kernel_event *event, struct strbuf *out)
{
	char path[KERNEL_EVENT_CGROUP_BYTES];
	size_t length = MIN_OF(event->limit_length, sizeof(path) - 1);

	if (!event->limit_known || event->cgroup[length] == '\0') {
		strbuf_add(out, event->limit_known ? ": it was at its limit"
						   : ": a cgroup was at its limit");
		return;
	}
	memcpy(path, event->cgroup, length);
	path[length] = '\0';
	strbuf_add(out, ": /");
	strbuf_add_name(out, path);
	strbuf_add(out, " was at its limit");
}

static void add_nodes(const struct verdict *verdict, const char *text, struct strbuf *out)
{
	bool is_one = idset_count(&verdict->nodes) == 1;

	if (idset_is_empty(&verdict->nodes)) {
		strbuf_addf(out, ": the nodes of %s were out of memory", text);
		return;
	}
	strbuf_addf(out, is_one ? ": node " : ": nodes ");
	idset_format(&verdict->nodes, out);
	strbuf_addf(out, ", of %s, %s out of memory", text, is_one ? "was" : "were");
}

static void add_constraint(const struct kernel_event *event, const struct verdict *verdict,
			   struct strbuf *out)
{
	switch (event->constraint) {
	case OOM_CONSTRAINT_NONE:
		strbuf_add(out, ": the host was out of memory");
		return;
	case OOM_CONSTRAINT_CPUSET:
		add_nodes(verdict, "a cpuset", out);
		return;
	case OOM_CONSTRAINT_MEMORY_POLICY:
		add_nodes(verdict, "a memory policy", out);
		return;
	case OOM_CONSTRAINT_MEMCG:
		add_limit_cgroup(event, out);
		return;
	case OOM_CONSTRAINT_UNKNOWN:
		break;
	}
	if (verdict->place == VERDICT_OF_NODES)
		add_nodes(verdict, "what it may use", out);
}

void kill_story_kill(const struct kernel_event *event, const struct verdict *verdict,
		     struct strbuf *out)
{
	strbuf_add(out, "the kernel's OOM killer took ");
	add_victim(event, verdict, out);
	if (event->by_hand) {
		strbuf_add(out, ": somebody has asked for it (SysRq f)");
		return;
	}
	add_constraint(event, verdict, out);
	if (event->order_known && event->order > 0 && event->constraint != OOM_CONSTRAINT_MEMCG)
		strbuf_addf(out, ", for %u pages in a row", 1U << MIN_OF(event->order, 20U));
}

/* What it takes to fire, told by what held instead. */
static const char *fires_when(const char *held)
{
	static const struct {
		const char *held, *words;
	} rows[] = {
		{ ">=", "fires below" }, { ">", "fires up to" }, { "<=", "fires above" },
		{ "<", "fires from" },	 { "!=", "fires at" },	 { "==", "fires at anything but" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].held, held) == 0)
			return rows[i].words;
	return "against";
}

void kill_story_missed_by(const struct verdict_rule *rule, struct strbuf *out)
{
	if (rule->standing == STANDING_MISSED && rule->missed_by != INT64_MAX)
		reading_format(reading_of(rule->missed_by), rule->dimension, out);
}

static void add_nearest(const struct verdict *verdict, const struct verdict_rule *rule,
			struct strbuf *out)
{
	const struct evidence *at = &rule->nearest;
	const char *what;

	if (at->metric == METRIC_NONE) {
		strbuf_add(out, "nothing was read yet");
		return;
	}
	what = at->words[0] ? at->words : metric_get(at->metric)->name;
	if (at->value.state == READING_UNKNOWN) {
		strbuf_addf(out, "%s was not known", what);
		return;
	}
	strbuf_addf(out, "%s was ", what);
	reading_format(at->value, rule->dimension, out);
	if (verdict->is_late && metric_get(at->metric)->scope == SCOPE_SERVICE) {
		strbuf_add(out, " after it");
	} else if (rule->usec >= AGO_USEC) {
		strbuf_add_char(out, ' ');
		strbuf_add_duration(out, rule->usec);
		strbuf_add(out, " before");
	}
	if (at->threshold.state == READING_UNKNOWN) {
		strbuf_add(out, ", against what was not known");
		return;
	}
	strbuf_addf(out, ", %s ", fires_when(at->comparison));
	reading_format(at->threshold, rule->dimension, out);
	if (rule->missed_by == INT64_MAX)
		return;
	strbuf_add(out, ": missed by ");
	kill_story_missed_by(rule, out);
}

static const char *line_text(const struct config *config, const struct verdict_rule *rule)
{
	const struct rule *r = &config->rules[rule->rule];

	return rule->ladder < r->ladder_count ? r->ladder[rule->ladder].text : "nothing is left";
}

static void add_refusal(const struct config *config, const struct snapshot *snapshot,
			const struct verdict_rule *rule, struct strbuf *out)
{
	strbuf_addf(out, ", but of '%s' nothing came: ", line_text(config, rule));
	if (rule->service != 0) {
		explain_subject(snapshot, (struct subject){ SCOPE_SERVICE, rule->service }, out);
		strbuf_add(out, " is passed over, ");
	}
	strbuf_add(out, refusal_text(rule->refusal));
}

static void add_fired(const struct config *config, const struct snapshot *snapshot,
		      const struct verdict_rule *rule, struct strbuf *out)
{
	strbuf_add(out, "had fired ");
	strbuf_add_duration(out, rule->usec);
	strbuf_add(out, " before");
	switch (rule->standing) {
	case STANDING_RUNNING:
		strbuf_addf(out, ", and its step still ran: %s", line_text(config, rule));
		return;
	case STANDING_WAITING:
		strbuf_addf(out, ", and what it did was not enough; next: %s",
			    line_text(config, rule));
		return;
	case STANDING_DRY_RUN:
		strbuf_addf(out, ", but as a dry run (%s): %s",
			    rule->mode_from ? rule->mode_from : "Mode=", line_text(config, rule));
		return;
	case STANDING_REFUSED:
		add_refusal(config, snapshot, rule, out);
		return;
	default:
		strbuf_add(out, ", and every step was used up");
		return;
	}
}

static void add_brief(const struct rule *rule, const struct verdict_rule *r, struct strbuf *out)
{
	if (rule->for_usec == 0) {
		strbuf_add(out, "did not fire: its Until= was true as well");
		return;
	}
	strbuf_add(out, "did not fire: its condition was true ");
	strbuf_add_duration(out, r->usec);
	strbuf_add(out, " before, but not for ");
	strbuf_add_duration(out, rule->for_usec);
}

void kill_story_rule(const struct config *config, const struct snapshot *snapshot,
		     const struct verdict *verdict, const struct verdict_rule *r,
		     struct strbuf *out)
{
	const struct rule *rule = &config->rules[r->rule];

	strbuf_addf(out, "%s on ", rule->name);
	if (r->subject.scope == SCOPE_SERVICE && r->subject.key == verdict->service)
		strbuf_add_name(out, verdict->service_name);
	else
		explain_subject(snapshot, r->subject, out);
	strbuf_add_char(out, ' ');
	switch (r->standing) {
	case STANDING_COOLING:
		strbuf_add(out, "was cooling down, for ");
		strbuf_add_duration(out, r->usec);
		strbuf_add(out, " more");
		return;
	case STANDING_PENDING:
		strbuf_add(out, "was about to fire: true for ");
		strbuf_add_duration(out, r->usec);
		strbuf_add(out, " of ");
		strbuf_add_duration(out, rule->for_usec);
		return;
	case STANDING_BRIEF:
		add_brief(rule, r, out);
		return;
	case STANDING_MISSED:
	case STANDING_UNKNOWN:
		strbuf_add(out, "did not fire: ");
		add_nearest(verdict, r, out);
		return;
	default:
		add_fired(config, snapshot, r, out);
		return;
	}
}

static void add_no_rule(const struct verdict *verdict, struct strbuf *out)
{
	if (verdict->place == VERDICT_OF_CGROUP && verdict->service == 0)
		strbuf_add(out, "no policy matches that cgroup, so no rule is about it");
	else
		strbuf_add(out, "no rule in force is about that and could have helped");
	strbuf_addf(out, "; of those that are shipped %s is", verdict->shipped);
}

static void add_own_limit(const struct config *config, const struct verdict *verdict,
			  struct strbuf *out)
{
	const struct setting_value value = { .number = verdict->limit_bytes };

	strbuf_add(out, "that limit, ");
	setting_value_format(SETTING_MEMORY_MAX, &value, out);
	strbuf_add(out, ", was set for ");
	if (verdict->limit_rule == RULE_NONE)
		strbuf_add(out, "policy ");
	strbuf_add(out, verdict->limit_rule == RULE_NONE
				? config->policies.policies[verdict->limit_policy].name
				: config->rules[verdict->limit_rule].name);
}

void kill_story_verdict(const struct config *config, const struct snapshot *snapshot,
			const struct verdict *verdict, struct strbuf *out)
{
	switch (verdict->kind) {
	case VERDICT_CANARY:
		strbuf_add(out, "the canary died first, as meant");
		return;
	case VERDICT_NO_RULE:
		add_no_rule(verdict, out);
		return;
	case VERDICT_NOT_YET:
		strbuf_add(out, "no rule had looked at the machine yet");
		return;
	case VERDICT_ASKED:
		strbuf_add(out, "nothing need have been short, and no rule was to prevent it");
		return;
	case VERDICT_OWN_LIMIT:
		add_own_limit(config, verdict, out);
		break;
	case VERDICT_RULES:
		break;
	}
	for (size_t i = 0; i < verdict->rule_count; i++) {
		strbuf_add(out, i > 0 || verdict->kind == VERDICT_OWN_LIMIT ? "; " : "");
		kill_story_rule(config, snapshot, verdict, &verdict->rules[i], out);
	}
	if (verdict->left_out > 0)
		strbuf_addf(out, "; and %zu rules more", verdict->left_out);
}
