/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/json_value.h"

#include "cli/cli.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>
#include <string.h>

/* Every second one of 1,024: 512 ids of up to 4 digits and a comma. */
#define NODE_LIST_BYTES 4096

static bool json_failed;

static const char *const dimension_units[] = {
	[DIM_COUNT] = "",
	[DIM_BYTES] = "_bytes",
	[DIM_PERCENT] = "_percent",
	[DIM_DURATION] = "_usec",
	[DIM_BYTE_RATE] = "_bytes_per_sec",
	[DIM_COUNT_RATE] = "_per_sec",
};

void json_add(struct json_object *to, const char *key, struct json_object *value)
{
	if (!to || json_object_object_add(to, key, value) < 0)
		json_failed = true;
}

void json_push(struct json_object *to, struct json_object *value)
{
	if (!to || !value || json_object_array_add(to, value) < 0)
		json_failed = true;
}

void json_text(struct json_object *to, const char *key, const char *value)
{
	struct json_object *text = json_object_new_string(value);

	if (!text)
		json_failed = true;
	json_add(to, key, text);
}

void json_name(struct json_object *to, const char *key, const char *name)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	strbuf_add_name(&b, name);
	json_text(to, key, text);
}

void json_number(struct json_object *to, const char *key, int64_t value)
{
	struct json_object *number = json_object_new_int64(value);

	if (!number)
		json_failed = true;
	json_add(to, key, number);
}

struct json_object *json_reading(struct reading r, enum dimension d)
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

void json_readings(struct json_object *to, const struct reading *readings, enum metric_id first,
		   enum metric_id end)
{
	for (int i = (int)first; i < (int)end; i++) {
		const struct metric *m = metric_get((enum metric_id)i);
		char key[64];

		snprintf(key, sizeof(key), "%s%s", m->name, dimension_units[m->dimension]);
		json_add(to, key,
			 json_reading(readings[metric_index((enum metric_id)i)], m->dimension));
	}
}

static struct json_object *json_shares(const struct snapshot *s, const struct service *service)
{
	struct json_object *shares = json_object_new_object();
	char key[16];

	for (size_t i = 0; i < s->node_count; i++) {
		snprintf(key, sizeof(key), "%u", s->nodes[i].id);
		json_number(shares, key, (int64_t)service->shares[i].bytes);
	}
	return shares;
}

static struct json_object *json_reasons(unsigned reasons)
{
	static const char *const names[] = { "cpuset", "task policy", "mapping policy", "backend" };
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (reasons & (1U << i))
			json_push(list, json_object_new_string(names[i]));
	return list;
}

struct json_object *json_service(const struct config *config, const struct snapshot *snapshot,
				 const struct service *service)
{
	const struct policy *policy = &config->policies.policies[service->policy];
	struct json_object *object = json_object_new_object();
	char text[NODE_LIST_BYTES];
	struct strbuf b = STRBUF(text);

	json_name(object, "name", service->name);
	json_name(object, "cgroup", service->path);
	json_text(object, "policy", policy->name);
	json_text(object, "kind", service_kind_name(policy->kind));
	json_text(object, "kill", kill_class_name(policy->kill));
	json_text(object, "nodes", nodes_mode_name(policy->nodes));
	json_readings(object, service->readings, METRIC_SERVICE_CURRENT, METRIC_SERVICE_END_);
	json_add(object, "bytes_by_node", service->shares ? json_shares(snapshot, service) : NULL);
	/* Of one whose processes were never listed there is none. */
	if (service->allowed_known) {
		idset_format(service->allowed, &b);
		json_text(object, "allowed_nodes", text);
	} else {
		json_add(object, "allowed_nodes", NULL);
	}
	json_add(object, "confined_by", json_reasons(service->confined_by));
	return object;
}

struct json_object *json_gaps(const struct sense_gap *gaps, size_t count)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count; i++)
		json_push(list, json_object_new_string(gaps[i].text));
	return list;
}

void json_start(void)
{
	json_failed = false;
}

void json_fail(void)
{
	json_failed = true;
}

int json_finish(struct json_object *root)
{
	const char *text =
		json_failed ? NULL : json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);

	if (text)
		puts(text);
	json_object_put(root);
	return text ? EXIT_DONE : EXIT_FAILED;
}
