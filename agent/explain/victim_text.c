/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/victim_story.h"

#include "util/macro.h"

#include <inttypes.h>

const char *badness_era_name(enum badness_era era)
{
	static const char *const names[] = {
		[BADNESS_EL6] = "2.6.36 to 3.4, and 2.6.32 of el6",
		[BADNESS_3_5] = "3.5 to 3.13",
		[BADNESS_EL7] = "3.14 to 4.16, and 3.10 of el7",
		[BADNESS_4_17] = "4.17 to 5.0, and early el8",
		[BADNESS_5_1] = "5.1 and 5.2",
		[BADNESS_5_3] = "5.3 to 5.8, and el8",
		[BADNESS_5_9] = "5.9 to 5.13",
		[BADNESS_5_14] = "5.14 and later",
	};

	return names[era];
}

const char *victim_standing_text(enum badness_standing standing)
{
	static const char *const texts[] = {
		[BADNESS_KILLABLE] = "may be killed",
		[BADNESS_IS_INIT] = "is never killed: it is init",
		[BADNESS_IS_KERNEL_THREAD] = "is never killed: it is a thread of the kernel",
		[BADNESS_IS_ELSEWHERE] = "is not asked: it may not use these nodes",
		[BADNESS_HAS_NO_MEMORY] = "is passed over: it has no memory any more",
		[BADNESS_IS_EXEMPT] = "is never killed: its oom_score_adj is -1000",
		[BADNESS_IS_IN_VFORK] = "is passed over: it is between vfork() and exec()",
	};

	return texts[standing];
}

/* More than any machine addresses; three times that, times 1000, still fits in 63 bits. */
#define PAGES_MAX (UINT64_C(1) << 51)

static int64_t signed_pages(uint64_t pages)
{
	return (int64_t)MIN_OF(pages, PAGES_MAX);
}

static void add_bytes(uint64_t bytes, struct strbuf *out)
{
	strbuf_add_bytes(out, (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX));
}

static int64_t points_of(const struct victim_field *field, const struct badness_scope *scope,
			 const struct task_detail *task)
{
	/* Who may not be chosen has points all the same: they say why it matters that it may not.
	 */
	struct badness_task weighed = {
		.rss_pages = task->rss_pages,
		.swap_pages = task->swap_pages,
		.pgtables_pages = task->pgtables_pages,
		.oom_score_adj = MAX_OF(task->oom_score_adj, -999),
		.is_root = task->is_root,
		.parent = BADNESS_NOBODY,
	};

	return badness_points(field->era, scope, &weighed);
}

/* The kernel's own steps, as far as this task has them: whatever is left between the sum of the
 * parts and the points is what the era gives to root, rounds off, or lifts to the floor. */
void victim_arithmetic(const struct victim_field *field, const struct badness_scope *scope,
		       size_t task, struct strbuf *out)
{
	const struct task_detail *t = &field->tasks->tasks[task];
	struct badness_scope anywhere = { .constraint = BADNESS_HOST,
					  .total_pages = scope->total_pages };
	int64_t total = signed_pages(MAX_OF(scope->total_pages, (uint64_t)1));
	int64_t usage = signed_pages(t->rss_pages) + signed_pages(t->pgtables_pages) +
			signed_pages(t->swap_pages);
	int64_t adj = t->oom_score_adj * (total / 1000), points, rest;

	strbuf_add(out, "rss ");
	strbuf_add_count(out, signed_pages(t->rss_pages));
	strbuf_add(out, t->pgtables_known ? " + page tables " : " + page tables (unknown) ");
	strbuf_add_count(out, signed_pages(t->pgtables_pages));
	strbuf_add(out, " + swap ");
	strbuf_add_count(out, signed_pages(t->swap_pages));
	if (t->oom_score_adj <= -1000) {
		strbuf_add(out, " pages of ");
		strbuf_add_count(out, total);
		return;
	}
	points = points_of(field, &anywhere, t);
	if (field->era == BADNESS_EL6) {
		strbuf_add(out, " = ");
		strbuf_add_count(out, usage);
		strbuf_add(out, " pages of ");
		strbuf_add_count(out, total);
		strbuf_addf(out, " = %" PRId64 " thousandths + adj %d", usage * 1000 / total,
			    t->oom_score_adj);
		rest = points - (usage * 1000 / total + t->oom_score_adj);
	} else {
		strbuf_addf(out, " %s adj ", adj < 0 ? "-" : "+");
		strbuf_add_count(out, adj < 0 ? -adj : adj);
		rest = points - (usage + adj);
	}
	if (rest < 0) {
		strbuf_add(out, t->is_root ? " - as root " : " - ");
		strbuf_add_count(out, -rest);
	} else if (rest > 0) {
		strbuf_add(out, ", at least");
	}
	strbuf_add(out, rest > 0 ? " " : " = ");
	strbuf_add_count(out, points);
	if (field->era != BADNESS_EL6) {
		strbuf_add(out, " pages of ");
		strbuf_add_count(out, total);
	}
	strbuf_addf(out, ": score %" PRId64, badness_score(field->era, points, scope->total_pages));
}

void victim_name(const struct victim_field *field, size_t task, struct strbuf *out)
{
	const struct task_detail *t = &field->tasks->tasks[task];
	const struct service *service = victim_service(field, task);

	strbuf_add_name(out, t->comm);
	strbuf_addf(out, " (PID %d", (int)t->pid);
	if (service) {
		strbuf_add(out, ", ");
		strbuf_add_name(out, service->name);
	}
	strbuf_add(out, ")");
}

static void add_nodes(const struct idset *nodes, struct strbuf *out)
{
	strbuf_add(out, idset_count(nodes) == 1 ? "node " : "nodes ");
	idset_format(nodes, out);
}

void victim_scope_text(const struct victim_story *story, struct strbuf *out)
{
	switch (story->constraint) {
	case BADNESS_HOST:
		strbuf_add(out, "memory of the whole host");
		return;
	case BADNESS_MEMPOLICY:
		strbuf_add(out, "memory of ");
		add_nodes(&story->nodes, out);
		strbuf_add(out, ", asked for under a memory policy");
		return;
	case BADNESS_CPUSET:
		strbuf_add(out, "memory of ");
		add_nodes(&story->nodes, out);
		strbuf_add(out, ", asked for under a cpuset");
		return;
	case BADNESS_MEMCG:
		strbuf_add_name(out, story->cgroup_name);
		strbuf_add(out, " at its limit");
		return;
	}
}

static void add_protected(const struct victim_field *field, const struct service *service,
			  struct strbuf *out)
{
	const struct policy *policy = NULL;

	if (service->policy >= 0 && (size_t)service->policy < field->policies->count)
		policy = &field->policies->policies[service->policy];
	strbuf_add_name(out, service->name);
	if (service->guest != GUEST_NONE || (policy && policy->kind == KIND_VM))
		strbuf_add(out, " is a guest, which oomwarden never kills");
	else if (service->protected_unit)
		strbuf_add(out, " is one of the services that a host cannot do without");
	else if (service->is_self)
		strbuf_add(out, " holds the agent itself");
	else
		strbuf_addf(out, " is protected: policy %s/%s has Kill=never",
			    policy ? policy->set : "?", policy ? policy->name : "?");
	strbuf_add(out, "; the kernel does not know that");
}

static void add_crowd(const struct victim_story *story, uint64_t page_size, struct strbuf *out)
{
	uint64_t bytes;

	strbuf_add_count(out, (int64_t)story->choice.killable);
	strbuf_add(out, " candidates, every one at the least score there is, hold ");
	if (__builtin_mul_overflow(story->choice.killable_pages, page_size, &bytes))
		bytes = UINT64_MAX;
	add_bytes(bytes, out);
	strbuf_add(out, " together: the choice says nothing of who uses the memory, and killing "
			"them one by one does not help");
}

static void add_group(const struct victim_story *story, uint64_t page_size, struct strbuf *out)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(story->group_pages, page_size, &bytes))
		bytes = UINT64_MAX;
	strbuf_addf(out, "memory.oom.group: all %zu processes of ", story->group_count);
	strbuf_add_name(out, story->service->name);
	strbuf_add(out, " die together, which frees ");
	add_bytes(bytes, out);
}

void victim_hazard_text(const struct victim_field *field, const struct victim_story *story,
			enum victim_hazard hazard, struct strbuf *out)
{
	switch (hazard) {
	case VICTIM_PANICS:
		strbuf_addf(out, "vm.panic_on_oom is %d: the machine panics instead",
			    field->kernel->panic_on_oom);
		return;
	case VICTIM_ALLOCATES:
		strbuf_add(out, "vm.oom_kill_allocating_task is on: whoever asks for memory then "
				"dies, whatever its score");
		return;
	case VICTIM_PROTECTED:
		add_protected(field, story->service, out);
		return;
	case VICTIM_ELSEWHERE:
		strbuf_add(out, "killing it frees next to nothing on ");
		add_nodes(&story->nodes, out);
		strbuf_add(out, ": ");
		strbuf_add_name(out, story->service->name);
		strbuf_add(out, " has ");
		add_bytes(story->on_nodes_bytes, out);
		strbuf_add(out, " there");
		return;
	case VICTIM_CROWD:
		add_crowd(story, field->kernel->page_size_bytes, out);
		return;
	case VICTIM_TIES:
		strbuf_addf(out, "%zu processes score the same: the order of their start decides",
			    story->choice.ties);
		return;
	case VICTIM_CHILD:
		strbuf_add(out, "this kernel kills a child in place of ");
		victim_name(field, story->selected, out);
		return;
	case VICTIM_POLICY_ASSUMED:
		strbuf_add(out, "its memory policy was not read: were it bound to other nodes, it "
				"would be passed over");
		return;
	case VICTIM_NOBODY:
		strbuf_add(out, story->constraint == BADNESS_MEMCG
					? "nobody in it may be killed: its processes stand still"
					: "nobody may be killed: the machine panics");
		return;
	case VICTIM_GROUP:
		add_group(story, field->kernel->page_size_bytes, out);
		return;
	case VICTIM_NEGLIGIBLE:
		strbuf_add(out, "it holds less than a hundredth of what the candidates hold");
		return;
	}
}
