/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/advice.h"

#include "cli/cli.h"
#include "cli/paragraph.h"
#include "util/amount.h"
#include "util/macro.h"
#include "util/strbuf.h"

void advice_print(const struct advice_list *list, size_t indent)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; i < list->count; i++) {
		strbuf_reset(&b);
		advice_names(&list->items[i], &b);
		strbuf_addf(&b, ": %s", list->items[i].text);
		paragraph_print(indent, text);
	}
	if (list->left_out == 0)
		return;
	strbuf_reset(&b);
	strbuf_addf(&b, "and %zu more that found no room here", list->left_out);
	paragraph_print(indent, text);
}

static bool starts_units(const struct config *config)
{
	for (size_t i = 0; i < config->rule_count; i++)
		for (size_t l = 0; l < config->rules[i].ladder_count; l++)
			if (config->rules[i].ladder[l].action == ACTION_START_UNIT)
				return true;
	return false;
}

static void print_stuck(const struct plan_report *report, const struct stuck_node *stuck)
{
	const struct node *node = snapshot_node(report->snapshot, stuck->node);
	char text[512];
	struct strbuf b = STRBUF(text);

	strbuf_addf(&b,
		    "no move can help node %u: what is there may not go, or finds no room; what "
		    "would:",
		    stuck->node);
	paragraph_print(2, text);
	advice_print(&stuck->advice, 4);
	strbuf_reset(&b);
	if (node && obstacle_node_text(node, &b))
		paragraph_print(4, text);
	if (!starts_units(report->config))
		paragraph_print(4,
				"a guest less: a rule can start a unit that sends one to another "
				"host (evacuate@.service, see EXAMPLE in oomwarden.ini(5))");
}

void advice_print_stuck(const struct plan_report *report)
{
	if (report->stuck_count == 0)
		return;
	cli_heading("WHAT COULD BE CHANGED");
	for (size_t i = 0; i < report->stuck_count; i++)
		print_stuck(report, &report->stuck[i]);
}

static void add_amount(struct json_object *to, const char *key, uint64_t bytes)
{
	json_number(to, key, (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX));
}

static struct json_object *advice_object(const struct advice *advice)
{
	struct json_object *o = json_object_new_object(), *services = json_object_new_array();
	size_t shown = MIN_OF(advice->count, (size_t)ADVICE_SERVICES_MAX);

	json_text(o, "obstacle", obstacle_name(advice->obstacle));
	json_text(o, "text", advice->text);
	for (size_t i = 0; i < shown; i++) {
		struct json_object *entry = json_object_new_object();

		json_name(entry, "name", advice->services[i].service->name);
		json_name(entry, "cgroup", advice->services[i].service->path);
		add_amount(entry, "bytes", advice->services[i].bytes);
		json_push(services, entry);
	}
	json_add(o, "services", services);
	json_number(o, "services_left_out", (int64_t)(advice->count - shown));
	add_amount(o, "bytes", advice->bytes);
	return o;
}

struct json_object *advice_json(const struct advice_list *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < list->count; i++)
		json_push(array, advice_object(&list->items[i]));
	return array;
}

struct json_object *advice_json_of(const struct snapshot *snapshot, const struct policy *policy,
				   const struct service *service, unsigned obstacles)
{
	struct json_object *array = json_object_new_array();
	char text[ADVICE_BYTES];
	struct strbuf b = STRBUF(text);

	for (int i = 0; i < OBSTACLE_COUNT_; i++) {
		struct json_object *o;

		if (!(obstacles & 1U << i))
			continue;
		o = json_object_new_object();
		strbuf_reset(&b);
		obstacle_text(snapshot, policy, service, (enum obstacle)i, &b);
		json_text(o, "obstacle", obstacle_name((enum obstacle)i));
		json_text(o, "text", text);
		json_push(array, o);
	}
	return array;
}

struct json_object *advice_json_stuck(const struct plan_report *report)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < report->stuck_count; i++) {
		const struct stuck_node *stuck = &report->stuck[i];
		const struct node *node = snapshot_node(report->snapshot, stuck->node);
		struct json_object *o = json_object_new_object();
		uint64_t pages = node ? less(node->huge_pages_free, node->huge_pages_reserved) : 0;

		json_number(o, "node", stuck->node);
		add_amount(o, "idle_huge_page_bytes", node ? pages * node->huge_page_bytes : 0);
		json_add(o, "could_change", advice_json(&stuck->advice));
		json_push(array, o);
	}
	return array;
}
