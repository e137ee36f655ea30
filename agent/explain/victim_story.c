/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/victim_story.h"

#include "explain/service_story.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* Enough processes to tell two formulas apart, by majority. */
#define PROBES_MAX 32
/* A victim whose service has less than this part of the victim's size on the starved node frees
 * next to nothing there. */
#define ON_NODE_PART	20
#define NEGLIGIBLE_PART 100

/* `path` is `cgroup`, or lies below it. */
static bool is_within(const char *path, const char *cgroup)
{
	size_t length = strlen(cgroup);

	return strncmp(path, cgroup, length) == 0 &&
	       (length == 0 || path[length] == '\0' || path[length] == '/');
}

/* The innermost service that holds this cgroup. */
static size_t find_service(const struct snapshot *snapshot, const char *cgroup)
{
	size_t best = VICTIM_NO_SERVICE, longest = 0;

	for (size_t i = 0; cgroup && i < snapshot->service_count; i++) {
		const char *path = snapshot->services[i].path;

		if (!is_within(cgroup, path))
			continue;
		if (best == VICTIM_NO_SERVICE || strlen(path) > longest) {
			best = i;
			longest = strlen(path);
		}
	}
	return best;
}

static uint64_t host_pages(const struct kernel_detail *kernel)
{
	return kernel->ram_pages + kernel->swap_pages;
}

/* Asks the kernel itself, where it shows what it made of some processes. */
static void confirm_era(struct victim_field *field)
{
	struct badness_sample samples[PROBES_MAX];
	enum badness_era era;
	size_t count = 0;

	for (size_t i = 0; i < field->tasks->count && count < PROBES_MAX; i++) {
		const struct task_detail *task = &field->tasks->tasks[i];

		if (task->shown_score < 0 || task->is_kernel_thread || task->has_no_memory ||
		    task->pid == 1)
			continue;
		samples[count++] = (struct badness_sample){
			.usage_pages = task->rss_pages + task->swap_pages + task->pgtables_pages,
			.oom_score_adj = task->oom_score_adj,
			.shown_score = task->shown_score,
		};
	}
	era = badness_era_confirm(field->era, host_pages(field->kernel), samples, count);
	field->era_corrected = era != field->era;
	field->era = era;
}

int victim_field_make(const struct kernel_detail *kernel, const struct task_details *tasks,
		      const struct zone_details *zones, const struct snapshot *snapshot,
		      const struct policy_table *policies, struct victim_field *ret)
{
	struct victim_field field = {
		.era = BADNESS_5_14,
		.kernel = kernel,
		.tasks = tasks,
		.zones = zones,
		.snapshot = snapshot,
		.policies = policies,
	};
	int r = badness_era_of(kernel->release, &field.era);

	field.era_guessed = r < 0;
	field.era_too_old = r == BADNESS_TOO_OLD;
	field.services = calloc(tasks->count + 1, sizeof(*field.services));
	if (!field.services)
		return -ENOMEM;
	for (size_t i = 0; i < tasks->count; i++)
		field.services[i] = find_service(snapshot, tasks->tasks[i].cgroup);
	if (!field.era_too_old)
		confirm_era(&field);
	*ret = field;
	return 0;
}

void victim_field_done(struct victim_field *field)
{
	free(field->services);
	*field = (struct victim_field){ 0 };
}

const struct service *victim_service(const struct victim_field *field, size_t task)
{
	size_t service = field->services[task];

	return service == VICTIM_NO_SERVICE ? NULL : &field->snapshot->services[service];
}

static struct badness_task convert(const struct task_detail *from)
{
	static const enum badness_policy policies[] = {
		[TASK_POLICY_UNKNOWN] = BADNESS_POLICY_UNKNOWN,
		[TASK_POLICY_ANY] = BADNESS_POLICY_ANY,
		[TASK_POLICY_BIND] = BADNESS_POLICY_BIND,
		[TASK_POLICY_INTERLEAVE] = BADNESS_POLICY_INTERLEAVE,
	};

	return (struct badness_task){
		.pid = from->pid,
		.rss_pages = from->rss_pages,
		.swap_pages = from->swap_pages,
		.pgtables_pages = from->pgtables_pages,
		.oom_score_adj = from->oom_score_adj,
		.is_root = from->is_root,
		.is_init = from->pid == 1,
		.is_kernel_thread = from->is_kernel_thread,
		.has_no_memory = from->has_no_memory,
		.parent = BADNESS_NOBODY,
		.policy = policies[from->policy],
		.policy_nodes = &from->policy_nodes,
		.cpuset_nodes = from->mems_known ? &from->mems_allowed : NULL,
	};
}

/* Those that the kernel goes through, with their places among all. */
struct members {
	struct badness_task *tasks;
	size_t *places;
	size_t count;
};

static void members_done(struct members *m)
{
	free(m->tasks);
	free(m->places);
}

static void find_parents(const struct task_details *all, struct members *m)
{
	for (size_t i = 0; i < m->count; i++) {
		pid_t parent = all->tasks[m->places[i]].parent;

		/* A parent started before its child; looked for from there downwards it is near.
		 */
		for (size_t j = i; j-- > 0;)
			if (m->tasks[j].pid == parent) {
				m->tasks[i].parent = j;
				break;
			}
	}
}

/* The kernel's children of a victim die in its place up to 5.0 only: else parents do not matter,
 * and looking for them takes the square of the number of processes. */
static bool needs_parents(enum badness_era era)
{
	return era < BADNESS_5_1;
}

/* cgroup NULL: everybody. */
static int collect(const struct victim_field *field, const char *cgroup, struct members *ret)
{
	size_t total = field->tasks->count;
	struct members m = {
		.tasks = calloc(total + 1, sizeof(*m.tasks)),
		.places = calloc(total + 1, sizeof(*m.places)),
	};

	if (!m.tasks || !m.places) {
		members_done(&m);
		return -ENOMEM;
	}
	for (size_t i = 0; i < total; i++) {
		const struct task_detail *task = &field->tasks->tasks[i];

		if (cgroup && (!task->cgroup || !is_within(task->cgroup, cgroup)))
			continue;
		m.tasks[m.count] = convert(task);
		m.places[m.count++] = i;
	}
	if (needs_parents(field->era))
		find_parents(field->tasks, &m);
	*ret = m;
	return 0;
}

static bool is_protected(const struct victim_field *field, const struct service *service)
{
	const struct policy *policy;

	if (service->protected_unit || service->is_self || service->guest != GUEST_NONE)
		return true;
	if (service->policy < 0 || (size_t)service->policy >= field->policies->count)
		return false;
	policy = &field->policies->policies[service->policy];
	return policy->kill == KILL_NEVER || policy->kind == KIND_VM;
}

static void look_at_nodes(const struct victim_field *field, struct victim_story *story)
{
	const struct snapshot *s = field->snapshot;
	uint64_t part = field->tasks->tasks[story->victim].rss_pages / ON_NODE_PART *
			field->kernel->page_size_bytes;

	if (!story->service || !story->service->shares)
		return;
	for (size_t i = 0; i < s->node_count; i++)
		if (idset_has(&story->nodes, s->nodes[i].id)) {
			story->on_nodes_known = true;
			story->on_nodes_bytes += story->service->shares[i].bytes;
		}
	if (story->on_nodes_known && story->on_nodes_bytes < part)
		story->hazards |= VICTIM_ELSEWHERE;
}

static uint64_t pages_of(const struct task_detail *task)
{
	return task->rss_pages + task->swap_pages + task->pgtables_pages;
}

/* The kernel kills every process of the cgroup that has memory.oom.group set, but init and those
 * whose oom_score_adj is -1000 (oom_kill_memcg_member(), mm/oom_kill.c, 4.19). */
static void look_at_group(const struct victim_field *field, struct victim_story *story)
{
	const struct task_details *tasks = field->tasks;

	story->group_count = 1;
	story->group_pages = pages_of(&tasks->tasks[story->victim]);
	if (!story->service || !service_is_group(story->service))
		return;
	story->hazards |= VICTIM_GROUP;
	for (size_t i = 0; i < tasks->count; i++) {
		const struct task_detail *task = &tasks->tasks[i];

		if (i == story->victim || !task->cgroup || task->has_no_memory ||
		    task->oom_score_adj <= -1000 || !is_within(task->cgroup, story->service->path))
			continue;
		story->group_count++;
		story->group_pages += pages_of(task);
	}
}

static bool is_on_nodes(const struct victim_story *story)
{
	return story->constraint == BADNESS_MEMPOLICY || story->constraint == BADNESS_CPUSET;
}

static void find_hazards(const struct victim_field *field, struct victim_story *story)
{
	const struct kernel_detail *kernel = field->kernel;
	const struct badness_choice *choice = &story->choice;

	if (kernel->panic_on_oom >= 2 ||
	    (kernel->panic_on_oom == 1 && story->constraint == BADNESS_HOST))
		story->hazards |= VICTIM_PANICS;
	if (kernel->kills_allocating_task && story->constraint != BADNESS_MEMCG)
		story->hazards |= VICTIM_ALLOCATES;
	if (story->victim == BADNESS_NOBODY) {
		story->hazards |= VICTIM_NOBODY;
		return;
	}
	look_at_group(field, story);
	if (story->service && is_protected(field, story->service))
		story->hazards |= VICTIM_PROTECTED;
	if (is_on_nodes(story))
		look_at_nodes(field, story);
	if (choice->is_floor_crowd)
		story->hazards |= VICTIM_CROWD;
	else if (choice->ties > 1)
		story->hazards |= VICTIM_TIES;
	if (story->victim != story->selected)
		story->hazards |= VICTIM_CHILD;
	if (choice->is_policy_assumed)
		story->hazards |= VICTIM_POLICY_ASSUMED;
	if (story->group_pages < choice->killable_pages / NEGLIGIBLE_PART)
		story->hazards |= VICTIM_NEGLIGIBLE;
}

static size_t place(const struct members *m, size_t index)
{
	return index == BADNESS_NOBODY ? BADNESS_NOBODY : m->places[index];
}

static int tell(const struct victim_field *field, struct victim_story *story)
{
	_cleanup_(members_done) struct members members = { 0 };
	struct badness_choice *choice = &story->choice;
	int r = collect(field, story->cgroup, &members);

	if (r < 0)
		return r;
	if (is_on_nodes(story))
		story->scope.nodes = &story->nodes;
	story->scope.constraint = story->constraint;
	badness_choose(field->era, &story->scope, members.tasks, members.count, choice);
	story->members = members.count;
	story->victim = place(&members, choice->victim);
	story->selected = place(&members, choice->selected);
	story->runner_up = place(&members, choice->runner_up);
	if (choice->runner_up != BADNESS_NOBODY)
		story->runner_up_points = badness_points(field->era, &story->scope,
							 &members.tasks[choice->runner_up]);
	if (story->victim != BADNESS_NOBODY)
		story->service = victim_service(field, story->victim);
	find_hazards(field, story);
	return 0;
}

int victim_of_host(const struct victim_field *field, struct victim_story *ret)
{
	*ret = (struct victim_story){
		.constraint = BADNESS_HOST,
		.scope = { .total_pages = host_pages(field->kernel) },
	};
	return tell(field, ret);
}

/* The pages that the kernel takes for all there are on these nodes, swap aside. */
static int pages_of_nodes(const struct victim_field *field, const struct idset *nodes,
			  uint64_t *ret)
{
	bool spanned = badness_counts_spanned(field->era);
	struct idset seen = { 0 };
	uint64_t pages = 0;

	for (size_t i = 0; i < field->zones->count; i++) {
		const struct zone_detail *zone = &field->zones->zones[i];

		if (!idset_has(nodes, zone->node))
			continue;
		idset_add(&seen, zone->node);
		pages += spanned ? zone->spanned_pages : zone->present_pages;
	}
	if (idset_is_empty(nodes) || !idset_is_subset(nodes, &seen))
		return -ENOENT;
	*ret = pages;
	return 0;
}

int victim_of_nodes(const struct victim_field *field, const struct idset *nodes,
		    enum badness_constraint constraint, struct victim_story *ret)
{
	uint64_t pages;
	int r = pages_of_nodes(field, nodes, &pages);

	if (r < 0)
		return r;
	*ret = (struct victim_story){
		.constraint = constraint,
		.nodes = *nodes,
		.scope = { .total_pages = pages + field->kernel->swap_pages },
	};
	return tell(field, ret);
}

/* What it may swap counts as memory that it may have (mem_cgroup_get_max(), mm/memcontrol.c). */
static uint64_t swap_of_service(const struct victim_field *field, const struct service *service)
{
	struct reading max = service->readings[metric_index(METRIC_SERVICE_SWAP_MAX)];

	if (max.state != READING_KNOWN || max.value < 0)
		return field->kernel->swap_pages;
	return MIN_OF((uint64_t)max.value / field->kernel->page_size_bytes,
		      field->kernel->swap_pages);
}

int victim_of_service(const struct victim_field *field, const struct service *service,
		      struct victim_story *ret)
{
	struct reading limit = service->readings[metric_index(METRIC_SERVICE_MAX)];

	if (limit.state != READING_KNOWN || limit.value < 0)
		return -ENOENT;
	*ret = (struct victim_story){
		.constraint = BADNESS_MEMCG,
		.cgroup = service->path,
		.cgroup_name = service->name,
		.scope = { .total_pages = (uint64_t)limit.value / field->kernel->page_size_bytes +
					  swap_of_service(field, service) },
	};
	return tell(field, ret);
}

int victim_of_cgroup(const struct victim_field *field, const char *cgroup, uint64_t limit_bytes,
		     struct victim_story *ret)
{
	*ret = (struct victim_story){
		.constraint = BADNESS_MEMCG,
		.cgroup = cgroup,
		.cgroup_name = cgroup[0] ? cgroup : "this container",
		.scope = { .total_pages = limit_bytes / field->kernel->page_size_bytes +
					  field->kernel->swap_pages },
	};
	return tell(field, ret);
}

void victim_standing(const struct victim_field *field, size_t task, struct task_standing *ret)
{
	struct badness_scope scope = { .constraint = BADNESS_HOST,
				       .total_pages = host_pages(field->kernel) };
	struct badness_task own = convert(&field->tasks->tasks[task]);
	struct task_standing standing = {
		.standing = badness_standing(field->era, &scope, &own),
		.points = badness_points(field->era, &scope, &own),
	};

	standing.score = badness_score(field->era, standing.points, scope.total_pages);
	for (size_t i = 0; i < field->tasks->count; i++) {
		struct badness_task other = convert(&field->tasks->tasks[i]);
		int64_t points = badness_points(field->era, &scope, &other);

		if (points == BADNESS_IMMUNE)
			continue;
		standing.killable++;
		standing.above += points > standing.points;
	}
	*ret = standing;
}
