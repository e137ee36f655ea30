/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/status_report.h"

#include "cli/canaries.h"
#include "cli/json_snapshot.h"
#include "cli/rule_text.h"
#include "explain/sentence.h"
#include "util/strbuf.h"

static struct json_object *state_object(const struct status_report *report, size_t instance)
{
	struct json_object *o = json_object_new_object();
	struct rule_status status;
	char text[256];
	struct strbuf b = STRBUF(text);

	engine_instance_status(report->engine, instance, &status);
	explain_subject(report->snapshot, status.subject, &b);
	json_text(o, "rule", report->config->rules[status.rule].name);
	json_text(o, "subject", text);
	json_text(o, "state", rule_state_name(status.state));
	if (status.state == RULE_IDLE)
		json_add(o, "since_usec", NULL);
	else
		json_number(o, "since_usec", (int64_t)status.since_usec);
	return o;
}

int status_report_json(const struct status_report *report)
{
	struct json_object *root = json_object_new_object(), *rules = json_object_new_array();

	json_start();
	json_text(root, "version", OOMWARDEN_VERSION);
	json_text(root, "mode", mode_name(report->config->mode));
	json_number(root, "now_usec", (int64_t)report->snapshot->now_usec);
	json_add(root, "host", json_host(report->snapshot));
	json_add(root, "nodes", json_nodes(report->snapshot));
	json_add(root, "services", json_services(report->config, report->snapshot));
	canaries_json(report->snapshot, report->root, NULL, root);
	json_add(root, "pressure", json_pressure(report->snapshot));
	for (size_t i = 0; i < engine_instance_count(report->engine); i++)
		json_push(rules, state_object(report, i));
	json_add(root, "rules", rules);
	in_force_json(report->in_force, root);
	kernel_kills_json(report->kills, 0, root);
	json_add(root, "cannot_see", json_gaps(report->gaps, report->gap_count));
	return json_finish(root);
}
