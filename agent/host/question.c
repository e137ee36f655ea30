/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/question.h"

#include "engine/worker.h"
#include "sense/guest_detail.h"
#include "sys/clock.h"
#include "sys/sysroot.h"

/* The kernel's victim is among these: by its rule size decides, but for oom_score_adj. */
#define POLICIES_ASKED_MAX 32

static int ask_inspector(void *context, const struct work_request *request,
			 void (*each)(void *each_context, const struct work_reply *reply),
			 void *each_context)
{
	return worker_pool_ask(context, request, WORKER_INSPECTION_MAX_USEC, each, each_context);
}

int question_guest(const struct sysroot *root, struct worker_pool *pool, pid_t pid,
		   uint64_t start_ticks, struct guest_detail *ret)
{
	const struct describer describer = { .ask = ask_inspector, .context = pool };
	bool asks = root->live && pool;

	return guest_detail_read(root, asks ? &describer : NULL, pid, start_ticks, ret);
}

static void take_policy(void *context, const struct work_reply *reply)
{
	struct task_detail *task = context;

	if (!reply->final || reply->error != 0)
		return;
	task->policy = reply->inspection.task_policy;
	task->policy_nodes = reply->inspection.task_nodes;
}

static bool may_be_victim(const struct task_detail *task)
{
	return !task->has_no_memory && !task->is_kernel_thread && task->rss_pages > 0;
}

/* The next smaller one, equals in the order of the list; NULL: none. */
static struct task_detail *next_to_ask(struct task_details *tasks, const struct task_detail *last)
{
	struct task_detail *best = NULL;

	for (size_t i = 0; i < tasks->count; i++) {
		struct task_detail *task = &tasks->tasks[i];
		bool is_behind = !last || task->rss_pages < last->rss_pages ||
				 (task->rss_pages == last->rss_pages && task > last);

		if (is_behind && may_be_victim(task) &&
		    (!best || task->rss_pages > best->rss_pages))
			best = task;
	}
	return best;
}

void question_task_policies(struct worker_pool *pool, struct task_details *tasks)
{
	usec_t deadline = clock_monotonic_usec() + WORKER_INSPECTION_MAX_USEC;
	struct task_detail *task = NULL;

	for (int i = 0; i < POLICIES_ASKED_MAX; i++) {
		usec_t now = clock_monotonic_usec();
		struct work_request request;

		task = next_to_ask(tasks, task);
		if (!task || now >= deadline)
			return;
		request = (struct work_request){
			.kind = WORK_INSPECT,
			.pid = task->pid,
			.start_ticks = task->start_ticks,
		};
		(void)worker_pool_ask(pool, &request, deadline - now, take_policy, task);
	}
}
