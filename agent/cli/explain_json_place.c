/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/json_value.h"
#include "explain/kernel_story.h"
#include "explain/place_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

static struct json_object *cache_object(const struct slab_detail *slab)
{
	struct json_object *o = json_object_new_object();

	json_name(o, "cache", slab->name);
	json_number(o, "bytes", (int64_t)MIN_OF(slab->bytes, (uint64_t)INT64_MAX));
	json_number(o, "object_bytes", (int64_t)MIN_OF(slab->object_bytes, (uint64_t)INT64_MAX));
	json_number(o, "active_objects",
		    (int64_t)MIN_OF(slab->active_objects, (uint64_t)INT64_MAX));
	if (slab->growth_known) {
		json_number(o, "growth_bytes", slab->growth_bytes);
		json_number(o, "growth_usec", (int64_t)slab->growth_usec);
	}
	return o;
}

struct json_object *explain_json_kernel_memory(const struct explain_report *report)
{
	static struct kernel_story story; /* large, and one at a time */
	struct json_object *o = json_object_new_object(), *caches = json_object_new_array();
	struct json_object *findings = json_object_new_array();
	char text[512];
	struct strbuf b = STRBUF(text);

	kernel_story_tell(report->snapshot, &report->memory, &story);
	for (size_t i = 0; i < story.count; i++) {
		strbuf_reset(&b);
		kernel_finding_text(&story.findings[i], &b);
		json_push(findings, json_object_new_string(text));
	}
	for (size_t i = 0; i < report->memory.slab_count; i++)
		json_push(caches, cache_object(&report->memory.slabs[i]));
	json_add(o, "findings", findings);
	json_add(o, "slab_caches", report->memory.slabs_known ? caches : NULL);
	if (!report->memory.slabs_known)
		json_object_put(caches);
	return o;
}

struct json_object *explain_json_fallback(const struct explain_report *report,
					  const struct node *node)
{
	const struct snapshot *s = report->snapshot;
	struct json_object *list = json_object_new_array();
	const struct node *order[IDSET_BITS];
	size_t count = s->node_count <= IDSET_BITS ? place_fallback(s, node, order) : 0;

	for (size_t i = 0; i < count; i++)
		json_push(list, json_object_new_int64(order[i]->id));
	return list;
}

struct json_object *explain_json_confined(const struct explain_report *report, unsigned node)
{
	const struct snapshot *s = report->snapshot;
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->service_count; i++) {
		const struct service *service = &s->services[i];

		if (explain_is_confined(report, service, node))
			json_push(list, json_service(report->config, s, service));
	}
	return list;
}
