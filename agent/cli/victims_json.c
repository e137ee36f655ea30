/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/victims.h"

#include "cli/json_value.h"

void victims_json_bytes(struct json_object *to, const char *key, const struct victims *victims,
			uint64_t pages)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(pages, victims->kernel.page_size_bytes, &bytes) ||
	    bytes > INT64_MAX)
		bytes = INT64_MAX;
	json_number(to, key, (int64_t)bytes);
}

struct json_object *victims_json_task(const struct victims *victims,
				      const struct badness_scope *scope, size_t task)
{
	const struct task_detail *t = &victims->tasks.tasks[task];
	const struct service *service = victim_service(&victims->field, task);
	struct json_object *o = json_object_new_object();
	char text[1024];
	struct strbuf b = STRBUF(text);

	json_number(o, "pid", t->pid);
	json_name(o, "comm", t->comm);
	if (service)
		json_name(o, "service", service->name);
	else
		json_add(o, "service", NULL);
	if (t->cgroup)
		json_name(o, "cgroup", t->cgroup);
	else
		json_add(o, "cgroup", NULL);
	victims_json_bytes(o, "rss_bytes", victims, t->rss_pages);
	victims_json_bytes(o, "swap_bytes", victims, t->swap_pages);
	if (t->pgtables_known)
		victims_json_bytes(o, "page_tables_bytes", victims, t->pgtables_pages);
	else
		json_add(o, "page_tables_bytes", NULL);
	json_number(o, "oom_score_adj", t->oom_score_adj);
	victim_arithmetic(&victims->field, scope, task, &b);
	json_text(o, "arithmetic", text);
	return o;
}

static struct json_object *task_or_null(const struct victims *victims,
					const struct victim_story *story, size_t task)
{
	return task == BADNESS_NOBODY ? NULL : victims_json_task(victims, &story->scope, task);
}

struct json_object *victims_json(const struct victims *victims, const struct victim_story *story)
{
	struct json_object *o = json_object_new_object(), *hazards = json_object_new_array();
	char text[512];
	struct strbuf b = STRBUF(text);

	victim_scope_text(story, &b);
	json_text(o, "for", text);
	json_number(o, "processes", (int64_t)story->members);
	json_number(o, "killable", (int64_t)story->choice.killable);
	json_number(o, "total_pages", (int64_t)story->scope.total_pages);
	json_add(o, "victim", task_or_null(victims, story, story->victim));
	if (story->victim != BADNESS_NOBODY) {
		json_number(o, "points", story->choice.points);
		json_number(o, "score", story->choice.score);
		json_number(o, "ties", (int64_t)story->choice.ties);
	}
	if (story->hazards & VICTIM_GROUP)
		json_number(o, "die_together", (int64_t)story->group_count);
	json_add(o, "runner_up", task_or_null(victims, story, story->runner_up));
	for (unsigned hazard = 1; hazard <= VICTIM_HAZARD_LAST; hazard <<= 1) {
		if (!(story->hazards & hazard))
			continue;
		strbuf_reset(&b);
		victim_hazard_text(&victims->field, story, (enum victim_hazard)hazard, &b);
		json_push(hazards, json_object_new_string(text));
	}
	json_add(o, "hazards", hazards);
	return o;
}
