/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the last tick left, and what is read anew for people who ask. */

#include "host/question.h"
#include "host/state.h"
#include "sense/memory_detail.h"
#include "sense/task_detail.h"
#include "sense/zone_detail.h"

const struct config *warden_config(const struct warden *w)
{
	return w->config;
}

const struct pause_list *warden_paused(const struct warden *w)
{
	return &w->paused;
}

const struct snapshot *warden_snapshot(const struct warden *w)
{
	return w->made_up ? w->made_up : sense_snapshot(w->sense);
}

const struct plan *warden_plan(const struct warden *w)
{
	return &w->plan;
}

size_t warden_outcomes(const struct warden *w, const struct outcome **ret)
{
	*ret = w->outcomes;
	return w->outcome_count;
}

const struct step *warden_step(const struct warden *w, uint64_t id)
{
	return step_list_find(&w->steps, id);
}

const struct engine *warden_engine(const struct warden *w)
{
	return w->engine;
}

size_t warden_gaps(const struct warden *w, struct sense_gap ret_gaps[SENSE_GAPS_MAX])
{
	return sense_gaps(w->sense, ret_gaps);
}

int warden_zones(const struct warden *w, struct zone_details *ret)
{
	return zone_detail_read(&w->root, ret);
}

int warden_tasks(const struct warden *w, struct task_details *ret)
{
	return task_detail_read(&w->root, &w->layout,
				sense_snapshot(w->sense)->host.page_size_bytes, ret);
}

int warden_memory(const struct warden *w, struct memory_detail *ret)
{
	return memory_detail_read(&w->root, w->sense,
				  sense_snapshot(w->sense)->host.page_size_bytes, ret);
}

int warden_kernel(const struct warden *w, struct kernel_detail *ret)
{
	return kernel_detail_read(&w->root, ret);
}

int warden_guest(struct warden *w, pid_t pid, uint64_t start_ticks, struct guest_detail *ret)
{
	return question_guest(&w->root, w->pool, pid, start_ticks, ret);
}

int warden_guest_outline(const struct warden *w, pid_t pid, uint64_t start_ticks,
			 struct guest_detail *ret)
{
	return question_guest(&w->root, NULL, pid, start_ticks, ret);
}

bool warden_monitor(const struct warden *w, const struct service *service, pid_t *ret_pid,
		    uint64_t *ret_start_ticks)
{
	return sense_find_monitor(w->sense, service, ret_pid, ret_start_ticks);
}

void warden_task_policies(struct warden *w, struct task_details *tasks)
{
	if (w->pool && w->root.live && sense_snapshot(w->sense)->node_count > 1)
		question_task_policies(w->pool, tasks);
}

const char *warden_limit_cgroup(const struct warden *w, const struct service *service)
{
	return sense_limit_cgroup(w->sense, service);
}
