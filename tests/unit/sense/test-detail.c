/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is read on request: zones with their free lists, all processes, the kernel itself. */

#include "machine.h"

#include "sense/task_detail.h"
#include "sense/zone_detail.h"

static void process(const struct machine *m, pid_t pid, const char *comm, uint64_t start,
		    const char *cgroup)
{
	char path[PATH_MAX];

	machine_process(m, pid, comm, start, 8 * MIB, "0-1");
	snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
	machine_file(m, path, "%s", cgroup);
}

static void status(const struct machine *m, pid_t pid, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "proc/%d/status", pid);
	machine_file(m, path, "%s", text);
}

TEST(zones_with_their_free_lists)
{
	struct machine m;
	struct zone_details details;
	const struct machine_node two[] = {
		{ .id = 2, .managed_pages = 5000, .free_pages = 900, .boost_pages = 50 },
		{ .id = 0, .managed_pages = 7000, .free_pages = 1200 },
	};

	machine_init(&m);
	machine_zoneinfo(&m, two, ARRAY_SIZE(two));
	check_int(zone_detail_read(&m.root, &details), 0);
	check(!details.has_free_lists);
	check_int(details.count, 2);
	check_int(details.zones[0].order_count, 0);
	zone_details_done(&details);

	machine_file(&m, "proc/buddyinfo",
		     "Node 0, zone   Normal      4      3      2\n"
		     "Node 1, zone   Normal      9      9      9\n"
		     "Node 2, zone  Movable      9      9      9\n"
		     "Node 2, zone   Normal      1      0      7\n");
	check_int(zone_detail_read(&m.root, &details), 0);
	check(details.has_free_lists);
	check_int(details.zones[0].node, 0);
	check_int(details.zones[1].node, 2);
	check_str(details.zones[1].name, "Normal");
	check_int(details.zones[1].free_pages, 900);
	check_int(details.zones[1].min_pages, ZONE_MIN);
	check_int(details.zones[1].boost_pages, 50);
	check_int(details.zones[1].order_count, 3);
	check_int(details.zones[1].blocks[2], 7);
	check_int(details.zones[0].blocks[0], 4);
	check_int(details.zones[0].protection_count, 5);
	check(details.zones[0].free_cma_known);
	check(!details.zones[0].highatomic_known);
	zone_details_done(&details);
	machine_remove(&m, "");
}

/* More zones than the first guess has room for, in a file longer than that has. */
TEST(a_large_machine)
{
	static struct machine_node nodes[200];
	struct machine m;
	struct zone_details details;

	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		nodes[i] = (struct machine_node){
			.id = i * 3, .managed_pages = 1000, .free_pages = i, .cpus = 2
		};
	machine_init(&m);
	machine_zoneinfo(&m, nodes, ARRAY_SIZE(nodes));
	check_int(zone_detail_read(&m.root, &details), 0);
	check_int(details.count, ARRAY_SIZE(nodes));
	check_int(details.zones[199].node, 597);
	check_int(details.zones[199].free_pages, 199);
	zone_details_done(&details);
	machine_remove(&m, "");
}

TEST(zones_that_are_cut_are_not_taken_for_all)
{
	struct machine m;
	struct zone_details details;

	machine_init(&m);
	check_int(zone_detail_read(&m.root, &details), -ENOENT);
	machine_file(&m, "proc/zoneinfo", "Node 0, zone   Normal\n  pages free     900\n");
	check_int(zone_detail_read(&m.root, &details), -EINVAL);
	machine_file(&m, "proc/zoneinfo", "nothing of the kind\n");
	check_int(zone_detail_read(&m.root, &details), -EINVAL);
	machine_remove(&m, "");
}

TEST(classes_are_those_that_exist)
{
	static const char zone[] =
		"Node %u, zone %8s\n  pages free     %u\n        min      1\n        low      2\n"
		"        high     3\n        spanned  %u\n        present  %u\n"
		"        managed  %u\n        protection: (0, 0)\n  pagesets\n  start_pfn: 1\n";
	char text[2048] = "", one[1024];
	struct machine m;
	struct zone_details details;
	static const struct {
		unsigned node;
		const char *name;
		unsigned pages;
	} rows[] = {
		{ 0, "Normal", 10 }, { 0, "DMA32", 20 }, { 1, "Movable", 30 }, { 1, "DMA32", 0 }
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned n = rows[i].pages;

		snprintf(one, sizeof(one), zone, rows[i].node, rows[i].name, n, n, n, n);
		strcat(text, one);
	}
	machine_init(&m);
	machine_file(&m, "proc/zoneinfo", "%s", text);
	check_int(zone_detail_read(&m.root, &details), 0);
	check_int(details.count, 3);
	check_str(details.zones[0].name, "DMA32");
	check_int(details.zones[0].zone_class, 0);
	check_str(details.zones[1].name, "Normal");
	check_int(details.zones[1].zone_class, 1);
	check_int(details.zones[2].zone_class, 2);
	check(!details.zones[0].free_cma_known);
	zone_details_done(&details);
	machine_remove(&m, "");
}

static const struct task_detail *find_task(const struct task_details *details, pid_t pid)
{
	for (size_t i = 0; i < details->count; i++)
		if (details->tasks[i].pid == pid)
			return &details->tasks[i];
	return NULL;
}

TEST(processes_in_the_order_of_their_start)
{
	struct machine m;
	struct task_details details;
	const struct task_detail *t;

	machine_init(&m);
	m.layout.tree = CGROUP_TREE_V2;
	process(&m, 30, "young", 900, "0::/system.slice/a.service\n");
	process(&m, 40, "old) R 1", 100, "4:memory:/v1/b\n0::/unified\n");
	process(&m, 50, "dead", 950, "0::/x (deleted)\n");
	status(&m, 50, "State:\tZ (zombie)\n");
	status(&m, 30,
	       "State:\tS (sleeping)\nVmRSS:\t 8192 kB\nVmPTE:\t 40 kB\nVmPMD:\t 8 kB\n"
	       "VmSwap:\t 16 kB\nCapEff:\t0000000000200000\nMems_allowed_list:\t1\n");
	machine_file(&m, "proc/30/oom_score", "670\n");
	machine_file(&m, "proc/30/oom_score_adj", "-5\n");
	check_int(task_detail_read(&m.root, &m.layout, PAGE, &details), 0);
	check_int(details.count, 3);
	check_int(details.unreadable, 0);
	check_int(details.tasks[0].pid, 40);
	check_str(details.tasks[0].comm, "old) R 1");
	check_str(details.tasks[0].cgroup, "unified");
	check(!details.tasks[0].pgtables_known && !details.tasks[0].is_root);
	check_int(details.tasks[0].shown_score, -1);
	t = find_task(&details, 30);
	check(t == &details.tasks[1]);
	check_int(t->rss_pages, 2048);
	check_int(t->pgtables_pages, 12);
	check_int(t->swap_pages, 4);
	check_int(t->oom_score_adj, -5);
	check_int(t->shown_score, 670);
	check(t->is_root && t->mems_known && !t->has_no_memory);
	check(idset_has(&t->mems_allowed, 1) && !idset_has(&t->mems_allowed, 0));
	check_int(t->policy, TASK_POLICY_ANY);
	t = find_task(&details, 50);
	check(t && t->has_no_memory && !t->cgroup);
	check(!find_task(&details, 51));
	task_details_done(&details);

	/* Where services are in another tree, so is what processes are said to be in. */
	m.layout.tree = CGROUP_TREE_MEMORY;
	check_int(task_detail_read(&m.root, &m.layout, PAGE, &details), 0);
	check_str(details.tasks[0].cgroup, "v1/b");
	check(!details.tasks[1].cgroup);
	task_details_done(&details);
	machine_remove(&m, "");
}

/* Its lock may be held for ever: on the running machine a worker asks. */
TEST(policies_are_read_in_place_on_captured_machines_only)
{
	struct machine m;
	struct task_details details;

	machine_init(&m);
	machine_process(&m, 30, "guest", 300, 8 * MIB, "0-1");
	machine_file(&m, "proc/30/numa_maps",
		     "1000 bind:1 file=/x mapped=1 N1=1\n"
		     "2000 bind:1 heap anon=1 N1=1\n");
	check_int(task_detail_read(&m.root, &m.layout, PAGE, &details), 0);
	check_int(details.tasks[0].policy, TASK_POLICY_BIND);
	check(idset_has(&details.tasks[0].policy_nodes, 1));
	check(!idset_has(&details.tasks[0].policy_nodes, 0));
	task_details_done(&details);
	m.root.live = true;
	check_int(task_detail_read(&m.root, &m.layout, PAGE, &details), 0);
	check_int(details.tasks[0].policy, TASK_POLICY_UNKNOWN);
	task_details_done(&details);
	machine_remove(&m, "");
}

TEST(what_vanished_is_left_out_and_what_cannot_be_read_is_counted)
{
	struct machine m;
	struct task_details details;

	machine_init(&m);
	process(&m, 30, "whole", 900, "0::/\n");
	/* As a process that ends between the listing and its files. */
	machine_mkdir(&m, "proc/31");
	process(&m, 32, "x", 900, "0::/\n");
	machine_file(&m, "proc/32/stat", "32 (x) S garbage\n");
	process(&m, 33, "x", 900, "0::/\n");
	machine_file(&m, "proc/33/oom_score_adj", "4000\n");
	check_int(task_detail_read(&m.root, &m.layout, PAGE, &details), 0);
	check_int(details.count, 1);
	check_int(details.tasks[0].pid, 30);
	check_str(details.tasks[0].cgroup, "");
	check_int(details.unreadable, 2);
	task_details_done(&details);
	check_int(task_detail_read(&m.root, &m.layout, 0, &details), -EINVAL);
	machine_remove(&m, "");
}

TEST(more_processes_than_the_first_guess)
{
	struct machine m;
	struct task_details details;

	machine_init(&m);
	for (pid_t pid = 1000; pid < 1600; pid++)
		process(&m, pid, "x", (uint64_t)(5000 - pid), "0::/\n");
	check_int(task_detail_read(&m.root, &m.layout, PAGE, &details), 0);
	check_int(details.count, 600);
	check_int(details.tasks[0].pid, 1599);
	check_int(details.tasks[599].pid, 1000);
	task_details_done(&details);
	machine_remove(&m, "");
}

TEST(the_kernel_that_is_asked)
{
	struct machine m;
	struct kernel_detail kernel;

	machine_init(&m);
	check_int(kernel_detail_read(&m.root, &kernel), -ENOENT);
	machine_file(&m, "proc/meminfo", "MemTotal:  4096 kB\nSwapTotal:  1024 kB\n");
	check_int(kernel_detail_read(&m.root, &kernel), 0);
	check_str(kernel.release, "");
	check_int(kernel.ram_pages, 1024);
	check_int(kernel.swap_pages, 256);
	check(!kernel.kills_allocating_task);
	machine_file(&m, "proc/sys/kernel/osrelease", "4.18.0-477.el8\n");
	machine_file(&m, "proc/sys/vm/panic_on_oom", "2\n");
	machine_file(&m, "proc/sys/vm/oom_kill_allocating_task", "1\n");
	check_int(kernel_detail_read(&m.root, &kernel), 0);
	check_str(kernel.release, "4.18.0-477.el8");
	check_int(kernel.panic_on_oom, 2);
	check(kernel.kills_allocating_task);
	machine_remove(&m, "");
}
