/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Crowds: many processes of which none is worth killing. The machine has 2 GiB, so that a process
 * is small below 2 MiB.
 */

#include "machine.h"

static struct machine m;

#define A "system.slice/a.service"
#define B "system.slice/b.service"

static void put_processes(const char *cgroup, pid_t first, unsigned count, uint64_t rss)
{
	char *list = calloc(count, 16), *at = list;

	check(list);
	for (unsigned i = 0; i < count; i++) {
		machine_process(&m, first + (pid_t)i, "a", 1, rss, "0-1");
		at += sprintf(at, "%d\n", first + (pid_t)i);
	}
	machine_cgroup_file(&m, cgroup, "cgroup.procs", list);
	free(list);
}

static void set_up(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/*.service");
	machine_cgroup(&m, A, "");
	machine_cgroup(&m, B, "");
}

static struct reading crowd_of(const struct snapshot *s, const char *path)
{
	return service_value(machine_service(s, path), METRIC_SERVICE_CROWD);
}

TEST(many_that_are_small)
{
	const struct snapshot *s;

	set_up();
	put_processes(A, 1000, 100, MIB);
	machine_memory(&m, A, 100 * MIB, 0, 0);
	/* One that is large, and few that are small. */
	put_processes(B, 2000, 1, 200 * MIB);
	machine_memory(&m, B, 200 * MIB, 0, 0);
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(crowd_of(s, A), 100 * MIB);
	check_known(crowd_of(s, B), 0);
	check_known(host_value(s, METRIC_HOST_CROWD), 100 * MIB);
	check_known(service_value(machine_service(s, A), METRIC_SERVICE_PROCESSES), 100);
	machine_done(&m);
}

TEST(on_the_edge)
{
	const struct snapshot *s;
	/* Pages of a thousandth of 2 GiB, rounded down. */
	const uint64_t edge = 2 * GIB / 1000 / PAGE * PAGE;

	set_up();
	put_processes(A, 1000, 10, edge - PAGE);
	machine_memory(&m, A, 100 * MIB, 0, 0);
	put_processes(B, 2000, 10, edge);
	machine_memory(&m, B, 100 * MIB, 0, 0);
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(crowd_of(s, A), (int64_t)(10 * (edge - PAGE)));
	check_known(crowd_of(s, B), 0);
	machine_done(&m);
}

/* What they map together counts for each of them. */
TEST(never_more_than_the_service_has)
{
	const struct snapshot *s;

	set_up();
	put_processes(A, 1000, 100, MIB);
	machine_memory(&m, A, 7 * MIB, MIB, 50 * MIB);
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(crowd_of(s, A), 8 * MIB);
	check_known(host_value(s, METRIC_HOST_CROWD), 8 * MIB);
	machine_done(&m);
}

/* Below its own limit a process may be large that is nothing to the host. */
TEST(a_limit_makes_them_larger)
{
	const struct snapshot *s;

	set_up();
	put_processes(A, 1000, 100, MIB);
	machine_memory(&m, A, 100 * MIB, 0, 0);
	machine_cgroup_file(&m, A, "memory.max", "134217728\n");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(crowd_of(s, A), 0);
	check_known(host_value(s, METRIC_HOST_CROWD), 100 * MIB);
	machine_done(&m);
}

TEST(a_crowd_that_grows_and_goes)
{
	const struct snapshot *s;

	set_up();
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(crowd_of(s, A), 0);
	check_known(host_value(s, METRIC_HOST_CROWD), 0);
	put_processes(A, 1000, 50, MIB);
	machine_memory(&m, A, 50 * MIB, 0, 0);
	machine_meminfo(&m, 2 * GIB, 600 * MIB);
	/* Those that do not weigh so far take turns. */
	for (usec_t now = 5 * SEC; now < 9 * SEC; now += SEC)
		s = machine_round(&m, now);
	check_known(crowd_of(s, A), 50 * MIB);
	check_known(host_value(s, METRIC_HOST_CROWD), 50 * MIB);
	machine_remove(&m, CGROUP_DIR "/" A);
	machine_meminfo(&m, 2 * GIB, 800 * MIB);
	for (usec_t now = 10 * SEC; now < 14 * SEC; now += SEC)
		s = machine_round(&m, now);
	check(!machine_has(s, A));
	check_known(host_value(s, METRIC_HOST_CROWD), 0);
	machine_done(&m);
}

TEST(where_nothing_is_known_of_memory)
{
	const struct snapshot *s;

	set_up();
	put_processes(A, 1000, 10, MIB);
	machine_remove(&m, CGROUP_DIR "/" A "/memory.current");
	machine_remove(&m, CGROUP_DIR "/" A "/memory.numa_stat");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_unknown(crowd_of(s, A));
	check_known(host_value(s, METRIC_HOST_CROWD), 0);
	machine_done(&m);

	set_up();
	machine_remove(&m, "proc/meminfo");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_unknown(crowd_of(s, A));
	check_unknown(host_value(s, METRIC_HOST_CROWD));
	machine_done(&m);
}
