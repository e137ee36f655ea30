/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/plan_report.h"

#include "act/action.h"
#include "cli/advice.h"
#include "cli/canaries.h"
#include "cli/json_snapshot.h"
#include "explain/sentence.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <string.h>

static struct json_object *evidence_object(const struct step *step)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < step->evidence_count; i++) {
		const struct evidence *e = &step->evidence[i];
		const struct metric *m = metric_get(e->metric);
		struct json_object *object = json_object_new_object();

		json_text(object, "metric", m->name);
		if (e->words[0])
			json_text(object, "expression", e->words);
		if (e->of[0])
			json_text(object, "of", e->of);
		json_text(object, "type", dimension_name(m->dimension));
		json_add(object, "value", json_reading(e->value, m->dimension));
		json_text(object, "comparison", e->comparison);
		json_add(object, "threshold", json_reading(e->threshold, m->dimension));
		json_number(object, "since_usec", (int64_t)e->since_usec);
		json_push(list, object);
	}
	return list;
}

static struct json_object *lines_object(const char *text)
{
	struct json_object *list = json_object_new_array();

	while (*text) {
		const char *end = strchrnul(text, '\n');

		if (end > text)
			json_push(list, json_object_new_string_len(text, (int)(end - text)));
		text = *end ? end + 1 : end;
	}
	return list;
}

static void add_value(struct json_object *object, const char *name, enum setting_id id,
		      const struct setting_value *value)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	setting_value_format(id, value, &b);
	json_text(object, name, text);
}

static void add_setting(struct json_object *object, const struct step_setting *s)
{
	json_text(object, "setting", setting_get(s->on.id)->name);
	add_value(object, "wanted", s->on.id, &s->wanted);
	if (s->was_known)
		add_value(object, "before", s->on.id, &s->was);
}

static struct json_object *step_object(const struct plan_report *report, const struct step *step)
{
	struct json_object *object = json_object_new_object();
	char text[1024];
	struct strbuf b = STRBUF(text);

	if (step->rule != RULE_NONE)
		json_text(object, "rule", report->config->rules[step->rule].name);
	else if (step->action == ACTION_ARM)
		json_text(object, "canary", step->target.name);
	else
		json_name(object, "policy",
			  report->config->policies.policies[step->target.policy].name);
	json_text(object, "action", actions[step->action].name);
	explain_subject(report->snapshot, step->subject, &b);
	json_text(object, "subject", text);
	json_name(object, "target", step->target.name);
	json_name(object, "cgroup", step->target.path);
	strbuf_reset(&b);
	explain_step(report->config, step, &b);
	json_text(object, "text", text);
	strbuf_reset(&b);
	actions[step->action].writes(step, &b);
	json_add(object, "writes", lines_object(text));
	json_add(object, "evidence", evidence_object(step));
	if (actions[step->action].sets)
		add_setting(object, &step->setting);
	if (step->action == ACTION_MIGRATE)
		json_text(object, "cause", move_cause_name(step->migrate.cause));
	if (step->gain_metric != METRIC_NONE) {
		json_text(object, "gain_metric", metric_get(step->gain_metric)->name);
		json_number(object, "expected_gain_bytes", step->expected_gain);
	}
	return object;
}

static struct json_object *steps_object(const struct plan_report *report)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < report->step_count; i++)
		json_push(list, step_object(report, &report->steps[i]));
	return list;
}

static struct json_object *refusals_object(const struct plan_report *report)
{
	struct json_object *list = json_object_new_array();
	char text[512];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; i < report->refusal_count; i++) {
		strbuf_reset(&b);
		explain_refusal(report->config, report->snapshot, &report->refusals[i], &b);
		json_push(list, json_object_new_string(text));
	}
	for (size_t i = 0; i < report->note_count; i++) {
		strbuf_reset(&b);
		explain_note(report->config, report->snapshot, &report->notes[i], &b);
		json_push(list, json_object_new_string(text));
	}
	return list;
}

int plan_report_json(const struct plan_report *report)
{
	struct json_object *root = json_object_new_object();

	json_start();
	json_text(root, "version", OOMWARDEN_VERSION);
	json_text(root, "mode", "dry-run");
	json_number(root, "samples", (int64_t)report->samples);
	json_add(root, "host", json_host(report->snapshot));
	json_add(root, "nodes", json_nodes(report->snapshot));
	json_add(root, "services", json_services(report->config, report->snapshot));
	canaries_json(report->snapshot, report->root, NULL, root);
	json_add(root, "if_nothing_is_done", fates_json(&report->fates));
	json_add(root, "steps", steps_object(report));
	json_add(root, "passed_over", refusals_object(report));
	json_add(root, "no_move_can_help", advice_json_stuck(report));
	json_add(root, "cannot_see", json_gaps(report->gaps, report->gap_count));
	return json_finish(root);
}
