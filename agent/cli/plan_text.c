/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/plan_report.h"

#include "act/action.h"
#include "cli/advice.h"
#include "cli/canaries.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/host_text.h"
#include "cli/paragraph.h"
#include "explain/neighbour_story.h"
#include "explain/sentence.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_wrapped(const char *indent, const char *text)
{
	printf("%s", indent);
	for (const char *c = text; *c; c++) {
		putchar(*c);
		if (*c == '\n' && c[1])
			printf("%s", indent);
	}
	putchar('\n');
}

static const char *host_reading(const struct snapshot *s, enum metric_id id, struct strbuf *b)
{
	strbuf_reset(b);
	reading_format(s->host.readings[metric_index(id)], metric_get(id)->dimension, b);
	return b->data;
}

static void print_neighbour(void *context, const char *name, const char *text)
{
	(void)context;
	(void)name;
	paragraph_print(2, text);
}

static void print_host(const struct plan_report *report)
{
	const struct snapshot *s = report->snapshot;
	char text[64];
	struct strbuf b = STRBUF(text);

	printf("oomwarden %s: plan for %s", OOMWARDEN_VERSION,
	       report->root ? "the captured machine " : "this machine");
	printf("%s (dry run: nothing is changed)\n", report->root ? report->root : "");
	if (s->single)
		puts("One sample: rates and times to empty are unknown, and For= counts as "
		     "elapsed.");

	cli_heading("HOST");
	printf("  %s available", host_reading(s, METRIC_MEM_AVAILABLE, &b));
	printf(" of %s", host_reading(s, METRIC_MEM_TOTAL, &b));
	if (s->host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)].state == READING_KNOWN)
		printf(", empty in %s", host_reading(s, METRIC_MEM_TIME_TO_EMPTY, &b));
	putchar('\n');
	if (s->host.swap_present) {
		printf("  swap: %s free", host_reading(s, METRIC_SWAP_FREE, &b));
		printf(" of %s\n", host_reading(s, METRIC_SWAP_TOTAL, &b));
	} else {
		puts("  no swap");
	}
	printf("  stalled for memory in the last 10 s: %s of the time some tasks",
	       host_reading(s, METRIC_PSI_MEMORY_SOME, &b));
	printf(", %s all\n", host_reading(s, METRIC_PSI_MEMORY_FULL, &b));
	printf("  killed by the kernel since boot: %s\n",
	       host_reading(s, METRIC_HOST_OOM_KILLS, &b));
	(void)neighbour_story_tell(&s->host, NEIGHBOURS_THAT_PLACE, print_neighbour, NULL);
}

static int print_nodes(const struct snapshot *s)
{
	static const struct table_column columns[] = {
		{ .name = "NODE", .right = true },     { .name = "TOTAL", .right = true },
		{ .name = "FREE", .right = true },     { .name = "HEADROOM", .right = true },
		{ .name = "EMPTY IN", .right = true }, { .name = "CONFINED", .right = true },
		{ .name = "MOVABLE", .right = true },
	};
	static const enum metric_id cells[] = { METRIC_NODE_TOTAL,    METRIC_NODE_FREE,
						METRIC_NODE_HEADROOM, METRIC_NODE_TIME_TO_EMPTY,
						METRIC_NODE_CONFINED, METRIC_NODE_MOVABLE };

	_Static_assert(ARRAY_SIZE(columns) == ARRAY_SIZE(cells) + 1, "a column each");
	return cells_print_nodes(s, columns, cells, ARRAY_SIZE(cells));
}

static void service_row(struct table *t, const struct plan_report *report,
			const struct service *service)
{
	const struct policy *policy = &report->config->policies.policies[service->policy];

	table_row(t);
	cell_name(t, service->name);
	cell_policy(t, policy);
	table_cell(t, service_kind_name(policy->kind));
	table_cell(t, kill_class_name(policy->kill));
	cell_reading(t, service->readings, METRIC_SERVICE_CURRENT);
	cell_shares(t, report->snapshot, service);
	cell_allowed(t, service);
}

static int print_services(const struct plan_report *report)
{
	static const struct table_column columns[] = {
		{ .name = "SERVICE" },
		{ .name = "POLICY" },
		{ .name = "KIND" },
		{ .name = "KILL" },
		{ .name = "SIZE", .right = true },
		{ .name = "BY NODE" },
		{ .name = "MAY USE" },
	};
	const struct snapshot *s = report->snapshot;
	_cleanup_(freep) const struct service **order = cells_order_services(s);
	_cleanup_(table_freep) struct table *t =
		table_new("services", columns, ARRAY_SIZE(columns), false);

	if (!t || !order)
		return -1;
	cli_heading("SERVICES");
	if (s->service_count == 0) {
		puts("  no cgroup of this machine is matched by a policy");
		return 0;
	}
	for (size_t i = 0; i < MIN_OF(s->service_count, (size_t)SERVICES_SHOWN); i++)
		service_row(t, report, order[i]);
	if (table_print(t) < 0)
		return -1;
	if (s->service_count > SERVICES_SHOWN)
		printf("  and %zu smaller ones\n", s->service_count - SERVICES_SHOWN);
	return 0;
}

/* Is it the last step of its line, so that the rest of the ladder follows it? */
static bool ends_line(const struct plan_report *report, size_t i)
{
	const struct step *a = &report->steps[i];

	for (size_t j = i + 1; j < report->step_count; j++) {
		const struct step *b = &report->steps[j];

		if (b->rule == a->rule && b->subject.scope == a->subject.scope &&
		    b->subject.key == a->subject.key)
			return false;
	}
	return true;
}

/* Of a policy's wish and a rule's for one target. */
static bool is_policys(const struct step *a, const struct step *b)
{
	const struct step *policys = a->rule == RULE_NONE ? a : b;
	const struct step *rules = a->rule == RULE_NONE ? b : a;

	return setting_is_beyond(a->setting.on.id, &policys->setting.wanted,
				 &rules->setting.wanted);
}

/* Of two wishes for one target the stricter is in force, and none of a policy beside a rule's but a
 * score that goes further. */
static bool loses_to(const struct step *step, const struct step *other)
{
	enum setting_id id = step->setting.on.id;
	struct setting_value in_force;

	if (other->rule == step->rule && other->subject.key == step->subject.key)
		return false;
	if (!actions[other->action].sets || other->order != STEP_START ||
	    !setting_target_equal(&step->setting.on, &other->setting.on))
		return false;
	if ((step->rule == RULE_NONE) != (other->rule == RULE_NONE))
		return (step->rule == RULE_NONE) != is_policys(step, other);
	in_force = setting_stricter(id, &step->setting.wanted, &other->setting.wanted);
	return !setting_value_equal(id, &in_force, &step->setting.wanted);
}

static void print_stricter(const struct plan_report *report, const struct step *step)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; actions[step->action].sets && i < report->step_count; i++) {
		const struct step *other = &report->steps[i];

		if (!loses_to(step, other))
			continue;
		setting_value_format(other->setting.on.id, &other->setting.wanted, &b);
		strbuf_add(&b, ", as ");
		explain_asker(report->config, other->rule, other->target.policy, &b);
		printf("       in force would be %s asks in step %zu\n", text, i + 1);
		return;
	}
}

static void print_step(const struct plan_report *report, size_t i)
{
	const struct step *step = &report->steps[i];
	const struct rule *rule;
	char text[1024];
	struct strbuf b = STRBUF(text);

	explain_step(report->config, step, &b);
	printf("  %zu. %s\n", i + 1, text);
	strbuf_reset(&b);
	actions[step->action].writes(step, &b);
	if (b.length > 0)
		print_wrapped("       ", text);
	if (step->gain_metric != METRIC_NONE) {
		strbuf_reset(&b);
		strbuf_add_bytes(&b, step->expected_gain);
		printf("       expected: %s gains %s\n", metric_get(step->gain_metric)->name, text);
	}
	print_stricter(report, step);
	if (step->rule == RULE_NONE || !ends_line(report, i))
		return;
	rule = &report->config->rules[step->rule];
	for (size_t l = step->ladder + 1; l < rule->ladder_count; l++)
		printf("       if that were not enough: %s\n", rule->ladder[l].text);
}

static void print_pending(const struct plan_report *report)
{
	const struct snapshot *s = report->snapshot;

	for (size_t i = 0; i < engine_instance_count(report->engine); i++) {
		struct rule_status status;
		const struct rule *rule;
		char held[32], subject[NAME_BYTES];
		struct strbuf h = STRBUF(held), b = STRBUF(subject);

		engine_instance_status(report->engine, i, &status);
		if (status.state != RULE_PENDING)
			continue;
		rule = &report->config->rules[status.rule];
		explain_subject(s, status.subject, &b);
		strbuf_add_duration(&h, s->now_usec - status.since_usec);
		printf("  %s on %s is true for %s", rule->name, subject, held);
		strbuf_reset(&h);
		strbuf_add_duration(&h, rule->for_usec);
		printf(" of %s\n", held);
	}
}

static void print_refusals(const struct plan_report *report)
{
	char text[512];
	struct strbuf b = STRBUF(text);

	if (report->refusal_count + report->note_count == 0)
		return;
	cli_heading("PASSED OVER");
	for (size_t i = 0; i < report->refusal_count; i++) {
		strbuf_reset(&b);
		explain_refusal(report->config, report->snapshot, &report->refusals[i], &b);
		printf("  %s\n", text);
	}
	for (size_t i = 0; i < report->note_count; i++) {
		strbuf_reset(&b);
		explain_note(report->config, report->snapshot, &report->notes[i], &b);
		paragraph_print(2, text);
	}
}

int plan_report_text(const struct plan_report *report)
{
	print_host(report);
	if (print_nodes(report->snapshot) < 0 || print_services(report) < 0)
		return EXIT_FAILED;
	if (canaries_print(report->snapshot, report->root) < 0)
		return EXIT_FAILED;

	fates_print(&report->fates);
	cli_heading("PLAN");
	if (report->step_count == 0)
		printf("  nothing to do: none of %zu rules fires\n", report->config->rule_count);
	for (size_t i = 0; i < report->step_count; i++)
		print_step(report, i);
	print_pending(report);
	print_refusals(report);
	if (report->dropped)
		printf("  and %zu more that found no room here\n", report->dropped);
	advice_print_stuck(report);
	host_text_print_gaps(report->gaps, report->gap_count);
	return EXIT_DONE;
}
