/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * sense_fast() and sense_services() work when memory is gone: they allocate nothing, whatever
 * happens meanwhile. Files are written before the rounds that are counted, as writing them does.
 */

#include "heap_count.h"
#include "machine.h"

static struct machine m;

#define SERVICES 40

/* What a service with Nodes=home is looked at for: threads, and policies that prefer a node. */
static void settle(pid_t pid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "proc/%d/task/%d/stat", pid, pid);
	machine_file(&m, path,
		     "%d (a) S 1 1 1 0 -1 4194560 0 0 0 0 5 0 0 0 20 0 1 0 100 33849344 5 "
		     "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 4 0 0\n",
		     pid);
	snprintf(path, sizeof(path), "proc/%d/task/%d/status", pid, pid);
	machine_file(&m, path, "Name:\ta\nCpus_allowed_list:\t4-7\n");
	snprintf(path, sizeof(path), "proc/%d/numa_maps", pid);
	machine_file(&m, path, "1000 prefer:1 anon=256 N0=256 kernelpagesize_kB=4\n");
}

static void populate(void)
{
	machine_two_nodes(&m);
	machine_file(&m, NODE_DIR "/node0/cpulist", "0-3\n");
	machine_file(&m, NODE_DIR "/node1/cpulist", "4-7\n");
	machine_policy(&m, "guests", "machine.slice/**/*.scope")->nodes = NODES_RELIEVE;
	machine_policy(&m, "rest", "system.slice/**")->nodes = NODES_HOME;
	for (int i = 0; i < SERVICES; i++) {
		char path[64], list[32];

		snprintf(path, sizeof(path), "system.slice/s%02d.service", i);
		snprintf(list, sizeof(list), "%d\n%d\n", 1000 + i, 2000 + i);
		machine_cgroup(&m, path, list);
		machine_memory(&m, path, (uint64_t)(i + 1) * MIB, MIB, MIB);
		machine_process(&m, 1000 + i, "a", 1, (uint64_t)(i + 1) * MIB, "0-1");
		machine_process(&m, 2000 + i, "b", 1, MIB, "0-1");
		settle(1000 + i);
	}
	machine_cgroup(&m, "system.slice/s00.service/inner.service", "3000\n");
	machine_process(&m, 3000, "c", 1, MIB, "0");
}

static void counted_round(usec_t now)
{
	unsigned long before = heap_count;
	int r;

	r = sense_fast(m.sense, now);
	check_int(r, 0);
	r = sense_services(m.sense, now);
	check_int(r, 0);
	(void)sense_snapshot(m.sense);
	check_int(heap_count - before, 0);
}

static void inspect_counted(usec_t now)
{
	unsigned long before = heap_count;

	machine_inspect(&m, now);
	check_int(heap_count - before, 0);
}

static void *volatile block;

#define COUNT(expression)                           \
	__extension__({                             \
		unsigned long before_ = heap_count; \
		block = (expression);               \
		heap_count - before_;               \
	})

TEST(the_counter_counts)
{
	check(COUNT(malloc(10)) > 0);
	check(COUNT(realloc(block, 100000)) > 0);
	free(block);
	check(COUNT(calloc(2, 8)) > 0);
	free(block);
	/* The C library's own. */
	check(COUNT(strdup("a")) > 0);
	free(block);
	check_int(COUNT(NULL), 0);
}

static void many_rounds(bool captured)
{
	struct machine_node nodes[2] = { two_nodes[0], two_nodes[1] };

	check_int(sense_fast(m.sense, SEC), 0);
	check_int(sense_rescan(m.sense, SEC), 0);
	inspect_counted(SEC);
	counted_round(SEC);
	counted_round(2 * SEC);
	check_int(idset_count(&machine_service(sense_snapshot(m.sense), "system.slice/s30.service")
				       ->cpus->pinned),
		  1);
	check(machine_service(sense_snapshot(m.sense), "system.slice/s39.service")
		      ->preference_count == 1);
	/* Files are kept open from here on, on a live machine. */
	check_int(sense_rescan(m.sense, 2 * SEC), 0);
	counted_round(3 * SEC);

	/* Danger: everything is read, at a fast cadence. */
	for (unsigned i = 0; i < 20; i++) {
		nodes[0].free_pages = 20000 - 1000 * i;
		machine_nodes(&m, nodes, 2);
		machine_pressure(&m, 5000, i * 10000);
		machine_vmstat(&m, i, i * 100);
		machine_memory(&m, "system.slice/s05.service", (20 + 10 * i) * MIB, MIB, 0);
		machine_process(&m, 1005, "a", 1, (20 + 10 * i) * MIB, "0-1");
		sense_note_moved(m.sense, 1, MIB);
		counted_round(4 * SEC + i * SEC / 5);
		inspect_counted(4 * SEC + i * SEC / 5);
	}

	/* Services and processes that vanish. */
	machine_remove(&m, CGROUP_DIR "/system.slice/s07.service");
	machine_remove(&m, CGROUP_DIR "/system.slice/s00.service");
	machine_remove(&m, "proc/1009");
	counted_round(20 * SEC);
	/* (A removed file that is open answers ENODEV only where it is the kernel's.) */
	if (captured)
		check_int(sense_snapshot(m.sense)->service_count, SERVICES - 1);

	/* Files that vanish, end early, or grow beyond what there is room for. */
	machine_remove(&m, "proc/pressure");
	machine_file(&m, "proc/meminfo", "MemTotal:");
	nodes[0].cpus = nodes[1].cpus = 500;
	nodes[0].free_pages = 100;
	machine_nodes(&m, nodes, 2);
	counted_round(21 * SEC);
	counted_round(100 * SEC);
}

TEST(nothing_is_allocated_on_a_captured_machine)
{
	populate();
	machine_start(&m, false);
	many_rounds(true);
	machine_done(&m);
}

TEST(nothing_is_allocated_on_a_live_one)
{
	populate();
	machine_start_live(&m);
	many_rounds(false);
	machine_done(&m);
}
