/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/victim_story.h"
#include "util/macro.h"

#define MIB	  (INT64_C(1) << 20)
#define TASKS_MAX 1400

static struct kernel_detail kernel;
static struct task_detail tasks[TASKS_MAX];
static struct task_details listed = { .tasks = tasks };
static struct zone_detail zones[2];
static struct zone_details zone_list = { .zones = zones, .count = 2 };
static struct node nodes[2] = { { .id = 0 }, { .id = 1 } };
static struct service services[3];
static struct node_share shares[3][2];
static struct policy policy_rows[2];
static struct policy_table policies = { .policies = policy_rows, .count = 2 };
static struct snapshot snapshot = { .nodes = nodes, .node_count = 2, .services = services };

/* A host of 250,000 pages without swap, in two nodes of 125,000. */
static void set_up(const char *release)
{
	kernel = (struct kernel_detail){ .page_size_bytes = 4096, .ram_pages = 250000 };
	strcpy(kernel.release, release);
	memset(tasks, 0, sizeof(tasks));
	listed.count = 0;
	for (unsigned i = 0; i < 2; i++)
		zones[i] = (struct zone_detail){ .node = i,
						 .name = "Normal",
						 .spanned_pages = 140000,
						 .present_pages = 125000 };
	policy_rows[0] = (struct policy){ .name = (char *)(uintptr_t) "guests",
					  .set = (char *)(uintptr_t) "kvm-host",
					  .kind = KIND_VM };
	policy_rows[1] = (struct policy){ .name = (char *)(uintptr_t) "builds",
					  .set = (char *)(uintptr_t) "kvm-host",
					  .kind = KIND_BATCH,
					  .kill = KILL_FIRST };
	memset(services, 0, sizeof(services));
	memset(shares, 0, sizeof(shares));
	snapshot.service_count = 0;
	idset_clear(&snapshot.memory_nodes);
	idset_add(&snapshot.memory_nodes, 0);
	idset_add(&snapshot.memory_nodes, 1);
}

static struct task_detail *add_task(pid_t pid, const char *comm, uint64_t rss_pages, int adj,
				    const char *cgroup)
{
	struct task_detail *t = &tasks[listed.count++];

	*t = (struct task_detail){
		.pid = pid,
		.parent = 1,
		.start_ticks = (uint64_t)pid,
		.cgroup = (char *)(uintptr_t)cgroup,
		.rss_pages = rss_pages,
		.pgtables_known = true,
		.oom_score_adj = adj,
		.shown_score = -1,
	};
	strcpy(t->comm, comm);
	return t;
}

static struct service *add_service(const char *path, const char *name, int policy)
{
	struct service *s = &services[snapshot.service_count];

	*s = (struct service){ .path = path,
			       .name = name,
			       .policy = policy,
			       .shares = shares[snapshot.service_count] };
	snapshot.service_count++;
	return s;
}

static struct victim_field make(void)
{
	struct victim_field field;

	check_int(victim_field_make(&kernel, &listed, &zone_list, &snapshot, &policies, &field), 0);
	return field;
}

static const char *arithmetic(const struct victim_field *field, const struct victim_story *story,
			      size_t task)
{
	static char text[512];
	struct strbuf b = STRBUF(text);

	victim_arithmetic(field, &story->scope, task, &b);
	return text;
}

static const char *hazard(const struct victim_field *field, const struct victim_story *story,
			  enum victim_hazard which)
{
	static char text[512];
	struct strbuf b = STRBUF(text);

	check(story->hazards & which);
	victim_hazard_text(field, story, which, &b);
	return text;
}

TEST(the_sum_is_shown)
{
	struct victim_story story;

	set_up("3.10.0-1160.el7.x86_64");
	add_task(1, "systemd", 200000, 0, "")->pgtables_pages = 10;
	add_task(20, "small", 100, 0, "");
	add_task(30, "qemu-kvm", 78000, 0, "")->pgtables_pages = 160;

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(field.era, BADNESS_EL7);
	check_int(victim_of_host(&field, &story), 0);
	check_int(story.victim, 2);
	check_int(story.runner_up, 1);
	check_int(story.choice.killable, 2);
	check_int(story.members, 3);
	check_int(story.hazards, 0);
	check_str(arithmetic(&field, &story, 2), "rss 78,000 + page tables 160 + swap 0 + adj 0 = "
						 "78,160 pages of 250,000: score 312");
}

TEST(each_era_shows_its_own_terms)
{
	struct victim_story story;
	struct task_detail *t;

	set_up("3.10.0-1160.el7.x86_64");
	t = add_task(30, "rooted", 100000, -100, "");
	t->is_root = true;
	t->swap_pages = 1000;
	{
		_cleanup_(victim_field_done) struct victim_field field = make();

		check_int(victim_of_host(&field, &story), 0);
		check_str(arithmetic(&field, &story, 0),
			  "rss 100,000 + page tables 0 + swap 1,000 - adj 25,000 - as root 3,030 = "
			  "72,970 pages of 250,000: score 291");
	}
	strcpy(kernel.release, "6.1.0");
	{
		_cleanup_(victim_field_done) struct victim_field field = make();

		check_int(victim_of_host(&field, &story), 0);
		check_str(arithmetic(&field, &story, 0),
			  "rss 100,000 + page tables 0 + swap 1,000 - adj 25,000 = 76,000 pages of "
			  "250,000: score 869");
	}
	t->oom_score_adj = -1000;
	{
		_cleanup_(victim_field_done) struct victim_field field = make();
		struct task_standing standing;

		check_int(victim_of_host(&field, &story), 0);
		check_int(story.victim, BADNESS_NOBODY);
		check_contains(hazard(&field, &story, VICTIM_NOBODY), "the machine panics");
		check_str(arithmetic(&field, &story, 0),
			  "rss 100,000 + page tables 0 + swap 1,000 pages of 250,000");
		victim_standing(&field, 0, &standing);
		check_int(standing.standing, BADNESS_IS_EXEMPT);
		check_int(standing.killable, 0);
	}
}

/*
 * A container of 1,280 processes of 8 MiB in 8 GiB and 2 GiB of swap, on 2.6.32 of el6: each is
 * below a thousandth, all score 1, the first one is chosen, and its child dies in its place.
 */
static void make_crowd(struct service **ret)
{
	kernel.ram_pages = UINT64_C(64) << 18;
	kernel.swap_pages = UINT64_C(2) << 18;
	*ret = add_service("ct", "ct", 1);
	(*ret)->readings[metric_index(METRIC_SERVICE_MAX)] = reading_of(INT64_C(8) << 30);
	add_task(300, "init", 60, 0, "ct");
	add_task(301, "mingetty", 15, 0, "ct")->parent = 300;
	for (int i = 0; i < 1280; i++)
		add_task(400 + i, "node", 2048, 0, "ct/app")->parent = 300;
	add_task(9000, "outside", 9000000, 0, "other");
}

TEST(a_crowd_at_the_floor)
{
	struct victim_story story;
	struct service *service;

	set_up("2.6.32-504.el6.x86_64");
	make_crowd(&service);

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_service(&field, service, &story), 0);
	check_int(story.members, 1282);
	check_int(story.choice.killable, 1282);
	check_int(tasks[story.selected].pid, 300);
	check_int(tasks[story.victim].pid, 301);
	check_int(story.hazards, VICTIM_CROWD | VICTIM_CHILD | VICTIM_NEGLIGIBLE);
	check_contains(hazard(&field, &story, VICTIM_CROWD),
		       "1,282 candidates, every one at the least score there is, hold 10 GiB");
	check_contains(hazard(&field, &story, VICTIM_CHILD), "init (PID 300, ct)");
	check_str(arithmetic(&field, &story, 2),
		  "rss 2,048 + page tables 0 + swap 0 = 2,048 pages of 2,621,440 = 0 thousandths + "
		  "adj 0, at least 1: score 1");
}

TEST(the_same_crowd_on_a_kernel_of_today)
{
	struct victim_story story;
	struct service *service;

	set_up("6.1.0-41-amd64");
	make_crowd(&service);

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_service(&field, service, &story), 0);
	check_int(tasks[story.victim].pid, 400 + 1279);
	check_int(story.hazards, VICTIM_TIES | VICTIM_NEGLIGIBLE);
	check_contains(hazard(&field, &story, VICTIM_TIES), "1280 processes score the same");
}

TEST(a_service_without_a_limit_has_no_oom_of_its_own)
{
	struct victim_story story;
	struct service *service;

	set_up("6.1.0");
	service = add_service("a", "a", 1);
	service->readings[metric_index(METRIC_SERVICE_MAX)] = READING_FOREVER;

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_service(&field, service, &story), -ENOENT);
}

TEST(a_guest_dies_that_has_nothing_on_the_node)
{
	struct victim_story story;
	struct idset node = { 0 };

	set_up("6.1.0");
	add_service("machine.slice/a.scope", "alpha", 0)->guest = GUEST_QEMU;
	add_service("system.slice/b.service", "beta", 1);
	shares[0][0].bytes = 0;
	shares[0][1].bytes = 300 * MIB;
	shares[1][0].bytes = 100 * MIB;
	add_task(10, "qemu", 76800, 0, "machine.slice/a.scope/libvirt/emulator");
	add_task(11, "make", 25600, 0, "system.slice/b.service");
	idset_add(&node, 0);

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_nodes(&field, &node, BADNESS_MEMPOLICY, &story), 0);
	check_int(story.scope.total_pages, 125000);
	check_int(story.victim, 0);
	check(story.service == &services[0]);
	check_int(story.hazards, VICTIM_PROTECTED | VICTIM_ELSEWHERE | VICTIM_POLICY_ASSUMED);
	check_contains(hazard(&field, &story, VICTIM_PROTECTED), "alpha is a guest");
	check_str(hazard(&field, &story, VICTIM_ELSEWHERE),
		  "killing it frees next to nothing on node 0: alpha has 0 B there");

	/* Bound elsewhere, whether by its policy or its cpuset, it is not asked. */
	tasks[0].policy = TASK_POLICY_BIND;
	idset_add(&tasks[0].policy_nodes, 1);
	check_int(victim_of_nodes(&field, &node, BADNESS_MEMPOLICY, &story), 0);
	check_int(story.victim, 1);
	check_int(story.hazards, VICTIM_POLICY_ASSUMED);
	tasks[0].mems_known = true;
	idset_add(&tasks[0].mems_allowed, 1);
	check_int(victim_of_nodes(&field, &node, BADNESS_CPUSET, &story), 0);
	check_int(story.victim, 1);
	check_int(story.hazards, 0);

	idset_add(&node, 7);
	check_int(victim_of_nodes(&field, &node, BADNESS_CPUSET, &story), -ENOENT);
}

TEST(older_kernels_count_holes_of_a_node)
{
	struct victim_story story;
	struct idset node = { 0 };

	set_up("3.10.0-1160.el7.x86_64");
	add_task(10, "a", 100, 0, "");
	idset_add(&node, 1);

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_nodes(&field, &node, BADNESS_CPUSET, &story), 0);
	check_int(story.scope.total_pages, 140000);
}

TEST(settings_that_overrule_the_choice)
{
	struct victim_story story;
	struct idset node = { 0 };

	set_up("6.1.0");
	add_task(10, "a", 100, 0, "");
	idset_add(&node, 0);
	kernel.panic_on_oom = 1;
	kernel.kills_allocating_task = true;

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_host(&field, &story), 0);
	check_int(story.hazards, VICTIM_PANICS | VICTIM_ALLOCATES);
	check_int(victim_of_nodes(&field, &node, BADNESS_CPUSET, &story), 0);
	check_int(story.hazards, VICTIM_ALLOCATES);
	kernel.panic_on_oom = 2;
	check_int(victim_of_nodes(&field, &node, BADNESS_CPUSET, &story), 0);
	check_int(story.hazards, VICTIM_PANICS | VICTIM_ALLOCATES);
}

TEST(what_the_kernel_shows_overrules_its_release)
{
	set_up("5.4.300");
	add_task(10, "idle", 100, 0, "")->shown_score = 666;
	{
		_cleanup_(victim_field_done) struct victim_field field = make();

		check(field.era_corrected);
		check_int(field.era, BADNESS_5_9);
	}
	tasks[0].shown_score = 0;
	{
		_cleanup_(victim_field_done) struct victim_field field = make();

		check(!field.era_corrected);
		check_int(field.era, BADNESS_5_3);
	}
	strcpy(kernel.release, "");
	{
		_cleanup_(victim_field_done) struct victim_field field = make();

		check(field.era_guessed && field.era_corrected);
	}
	strcpy(kernel.release, "2.6.30");
	{
		_cleanup_(victim_field_done) struct victim_field field = make();

		check(field.era_too_old);
	}
}

TEST(the_innermost_service_is_its_own)
{
	set_up("6.1.0");
	add_service("a", "outer", 1);
	add_service("a/b", "inner", 1);
	add_task(10, "x", 1, 0, "a/b/c");
	add_task(11, "y", 1, 0, "a/bc");
	add_task(12, "z", 1, 0, "ab");
	add_task(13, "?", 1, 0, NULL);

	_cleanup_(victim_field_done) struct victim_field field = make();

	check(victim_service(&field, 0) == &services[1]);
	check(victim_service(&field, 1) == &services[0]);
	check(!victim_service(&field, 2));
	check(!victim_service(&field, 3));
}

TEST(hostile_names_stay_on_one_line)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	set_up("6.1.0");
	add_task(10, "a\n\x1b[31m\xff", 1, 0, "");

	_cleanup_(victim_field_done) struct victim_field field = make();

	victim_name(&field, 0, &b);
	check(!strchr(text, '\n') && !strchr(text, '\x1b') && !strchr(text, '\xff'));
	check_contains(text, "(PID 10)");
}

TEST(absurd_sizes_do_not_overflow)
{
	static const char *const releases[] = { "2.6.32-504.el6", "3.10.0-1160.el7", "6.1.0" };

	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		struct victim_story story;
		struct task_detail *t;

		set_up(releases[i]);
		t = add_task(10, "huge", UINT64_MAX, -999, "");
		t->swap_pages = t->pgtables_pages = UINT64_MAX;
		add_task(11, "other", UINT64_MAX, 1000, "");
		kernel.ram_pages = i ? UINT64_MAX : 1;

		_cleanup_(victim_field_done) struct victim_field field = make();

		check_int(victim_of_host(&field, &story), 0);
		check_int(story.choice.killable, 2);
		check_contains(arithmetic(&field, &story, 0), "rss 2,251,799,813,685,248 + ");
		check_contains(arithmetic(&field, &story, 1), ": score ");
	}
}

TEST(nothing_there_is_no_fault)
{
	struct victim_story story;

	set_up("6.1.0");
	kernel = (struct kernel_detail){ .page_size_bytes = 4096 };

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_host(&field, &story), 0);
	check_int(story.victim, BADNESS_NOBODY);
	check(story.hazards & VICTIM_NOBODY);
}

/* memory.oom.group: what is small alone is not negligible as a whole. */
TEST(a_group_dies_with_its_victim)
{
	struct victim_story story;
	struct service *service;

	set_up("6.1.0");
	service = add_service("system.slice/web.service", "web.service", 1);
	service->readings[metric_index(METRIC_SERVICE_MAX)] = reading_of(4096 * MIB);
	service->readings[metric_index(METRIC_SERVICE_OOM_GROUP)] = reading_of(0);
	for (pid_t i = 0; i < 200; i++)
		add_task(100 + i, "worker", i == 7 ? 260 : 250, 0, "system.slice/web.service/w");
	add_task(900, "exempt", 9000, -1000, "system.slice/web.service");
	add_task(901, "other", 9000, -900, "system.slice/web.service2");
	{
		_cleanup_(victim_field_done) struct victim_field field = make();

		check_int(victim_of_service(&field, service, &story), 0);
		check_int(story.victim, 7);
		check_int(story.group_count, 1);
		check(story.hazards & VICTIM_NEGLIGIBLE);
		check(!(story.hazards & VICTIM_GROUP));
	}
	service->readings[metric_index(METRIC_SERVICE_OOM_GROUP)] = reading_of(1);

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_service(&field, service, &story), 0);
	check(!(story.hazards & VICTIM_NEGLIGIBLE));
	check_int(story.group_count, 200);
	check_int(story.group_pages, 199 * 250 + 260);
	check_str(hazard(&field, &story, VICTIM_GROUP),
		  "memory.oom.group: all 200 processes of web.service die together, which frees "
		  "195.4 MiB");
}

/* The limit of a slice asks all that is in it, service or not. */
TEST(a_cgroup_above_asks_all_below_it)
{
	struct victim_story story;
	char text[128];
	struct strbuf b = STRBUF(text);

	set_up("6.1.0");
	add_service("user.slice/a.service", "a.service", 1);
	add_task(100, "in", 300, 0, "user.slice/a.service");
	add_task(101, "beside", 400, 0, "user.slice");
	add_task(102, "outside", 9000, 0, "user.slicer");

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_cgroup(&field, "user.slice", 4 * (uint64_t)MIB, &story), 0);
	check_int(story.members, 2);
	check_int(story.victim, 1);
	check_int(story.scope.total_pages, 1024);
	victim_scope_text(&story, &b);
	check_str(text, "user.slice at its limit");
	check_int(victim_of_cgroup(&field, "", 4 * (uint64_t)MIB, &story), 0);
	check_int(story.members, 3);
	strbuf_reset(&b);
	victim_scope_text(&story, &b);
	check_str(text, "this container at its limit");
}

/* Swap that a service may not have does not make its processes weigh less. */
TEST(the_swap_limit_bounds_the_total)
{
	struct victim_story story;
	struct service *service;

	set_up("6.1.0");
	kernel.swap_pages = 100000;
	service = add_service("system.slice/a.service", "a.service", 1);
	service->readings[metric_index(METRIC_SERVICE_MAX)] = reading_of(4 * MIB);
	add_task(100, "in", 300, 0, "system.slice/a.service");

	_cleanup_(victim_field_done) struct victim_field field = make();

	check_int(victim_of_service(&field, service, &story), 0);
	check_int(story.scope.total_pages, 101024);
	service->readings[metric_index(METRIC_SERVICE_SWAP_MAX)] = reading_of(1 * MIB);
	check_int(victim_of_service(&field, service, &story), 0);
	check_int(story.scope.total_pages, 1024 + 256);
	service->readings[metric_index(METRIC_SERVICE_SWAP_MAX)] = READING_FOREVER;
	check_int(victim_of_service(&field, service, &story), 0);
	check_int(story.scope.total_pages, 101024);
}
