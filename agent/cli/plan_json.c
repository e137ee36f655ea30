/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The report for programs. Amounts are plain numbers in the unit that stands in the key; what is
 * not known is null, what never ends is the string "infinity". Out of memory anywhere makes the
 * whole document fail, never a part of it silently missing: json_add() sees to that.
 */

#include "cli/plan_report.h"

#include "act/action.h"
#include "cli/cli.h"
#include "explain/sentence.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static bool json_failed;

static const char *const dimension_units[] = {
	[DIM_COUNT] = "",
	[DIM_BYTES] = "_bytes",
	[DIM_PERCENT] = "_percent",
	[DIM_DURATION] = "_usec",
	[DIM_BYTE_RATE] = "_bytes_per_sec",
	[DIM_COUNT_RATE] = "_per_sec",
};

static void json_add(struct json_object *to, const char *key, struct json_object *value)
{
	if (!to || json_object_object_add(to, key, value) < 0)
		json_failed = true;
}

static void json_push(struct json_object *to, struct json_object *value)
{
	if (!to || !value || json_object_array_add(to, value) < 0)
		json_failed = true;
}

static void json_text(struct json_object *to, const char *key, const char *value)
{
	struct json_object *text = json_object_new_string(value);

	if (!text)
		json_failed = true;
	json_add(to, key, text);
}

static void json_name(struct json_object *to, const char *key, const char *name)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	strbuf_add_name(&b, name);
	json_text(to, key, text);
}

static void json_number(struct json_object *to, const char *key, int64_t value)
{
	json_add(to, key, json_object_new_int64(value));
}

static struct json_object *json_reading(struct reading r, enum dimension d)
{
	char text[32];

	if (r.state == READING_UNKNOWN)
		return NULL;
	if (r.state == READING_INFINITE)
		return json_object_new_string("infinity");
	if (d != DIM_PERCENT)
		return json_object_new_int64(r.value);
	snprintf(text, sizeof(text), "%lld.%02lld", (long long)(r.value / 100),
		 (long long)(r.value % 100));
	return json_object_new_double_s((double)r.value / 100, text);
}

static void json_readings(struct json_object *to, const struct reading *readings,
			  enum metric_id first, enum metric_id end)
{
	for (int i = (int)first; i < (int)end; i++) {
		const struct metric *m = metric_get((enum metric_id)i);
		char key[64];

		snprintf(key, sizeof(key), "%s%s", m->name, dimension_units[m->dimension]);
		json_add(to, key,
			 json_reading(readings[metric_index((enum metric_id)i)], m->dimension));
	}
}

static struct json_object *nodes_object(const struct snapshot *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->node_count; i++) {
		struct json_object *node = json_object_new_object();

		json_number(node, "node", s->nodes[i].id);
		json_readings(node, s->nodes[i].readings, METRIC_NODE_TOTAL, METRIC_NODE_END_);
		json_push(list, node);
	}
	return list;
}

static struct json_object *shares_object(const struct snapshot *s, const struct service *service)
{
	struct json_object *shares = json_object_new_object();
	char key[16];

	for (size_t i = 0; i < s->node_count; i++) {
		snprintf(key, sizeof(key), "%u", s->nodes[i].id);
		json_number(shares, key, (int64_t)service->shares[i].bytes);
	}
	return shares;
}

static struct json_object *service_object(const struct plan_report *report,
					  const struct service *service)
{
	const struct policy *policy = &report->config->policies.policies[service->policy];
	struct json_object *object = json_object_new_object();
	char text[256];
	struct strbuf b = STRBUF(text);

	json_name(object, "name", service->name);
	json_name(object, "cgroup", service->path);
	json_text(object, "policy", policy->name);
	json_text(object, "kind", service_kind_name(policy->kind));
	json_text(object, "kill", kill_class_name(policy->kill));
	json_text(object, "nodes", nodes_mode_name(policy->nodes));
	json_readings(object, service->readings, METRIC_SERVICE_CURRENT, METRIC_SERVICE_END_);
	json_add(object, "bytes_by_node",
		 service->shares ? shares_object(report->snapshot, service) : NULL);
	idset_format(&service->allowed, &b);
	if (service->allowed_known)
		json_text(object, "allowed_nodes", text);
	else
		json_add(object, "allowed_nodes", NULL);
	return object;
}

static struct json_object *services_object(const struct plan_report *report)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < report->snapshot->service_count; i++)
		json_push(list, service_object(report, &report->snapshot->services[i]));
	return list;
}

static struct json_object *evidence_object(const struct step *step)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < step->evidence_count; i++) {
		const struct evidence *e = &step->evidence[i];
		const struct metric *m = metric_get(e->metric);
		struct json_object *object = json_object_new_object();

		json_text(object, "metric", m->name);
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

static struct json_object *step_object(const struct plan_report *report, const struct step *step)
{
	struct json_object *object = json_object_new_object();
	char text[1024];
	struct strbuf b = STRBUF(text);

	json_text(object, "rule", report->config->rules[step->rule].name);
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
	return list;
}

static struct json_object *gaps_object(const struct plan_report *report)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < report->gap_count; i++)
		json_push(list, json_object_new_string(report->gaps[i].text));
	return list;
}

int plan_report_json(const struct plan_report *report)
{
	struct json_object *root = json_object_new_object(), *host = json_object_new_object();
	const char *text;

	json_failed = false;
	json_text(root, "version", OOMWARDEN_VERSION);
	json_text(root, "mode", "dry-run");
	json_number(root, "samples", (int64_t)report->samples);
	json_readings(host, report->snapshot->host.readings, METRIC_MEM_TOTAL, METRIC_HOST_END_);
	json_add(root, "host", host);
	json_add(root, "nodes", nodes_object(report->snapshot));
	json_add(root, "services", services_object(report));
	json_add(root, "steps", steps_object(report));
	json_add(root, "passed_over", refusals_object(report));
	json_add(root, "cannot_see", gaps_object(report));

	text = json_failed ? NULL : json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);
	if (text)
		puts(text);
	json_object_put(root);
	return text ? EXIT_DONE : EXIT_FAILED;
}
