/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#include "sys/uptime.h"

static struct machine m;

TEST(the_numbers_of_a_host)
{
	machine_two_nodes(&m);
	machine_file(
		&m, "proc/meminfo",
		"MemTotal:  2097152 kB\nMemFree:  100 kB\nMemAvailable:  1024 kB\n"
		"SwapTotal:  2048 kB\nSwapFree:  1024 kB\nHugetlb:  97152 kB\n" MACHINE_KERNEL);
	machine_pressure(&m, 1234, 0);
	machine_start(&m, false);
	const struct snapshot *s = machine_round(&m, SEC);

	check_known(host_value(s, METRIC_MEM_TOTAL), (2097152 - 97152) * KIB);
	check_known(host_value(s, METRIC_MEM_FREE), 100 * KIB);
	check_known(host_value(s, METRIC_MEM_AVAILABLE), MIB);
	check_known(host_value(s, METRIC_SWAP_TOTAL), 2 * MIB);
	check_known(host_value(s, METRIC_SWAP_FREE), MIB);
	check(s->host.swap_present);
	check_known(host_value(s, METRIC_PSI_CPU_SOME), 1234);
	check_known(host_value(s, METRIC_PSI_IO_SOME), 1234);
	check_known(host_value(s, METRIC_PSI_IO_FULL), 0);
	check_known(host_value(s, METRIC_PSI_MEMORY_SOME), 1234);
	check(has_gap(&m, "host.alloc-failures: a captured machine"));
	check_int(gap_count(&m), 1);
	machine_done(&m);
}

TEST(pools_of_older_kernels_are_taken_off_too)
{
	machine_two_nodes(&m);
	machine_file(&m, "proc/meminfo",
		     "MemTotal:  2097152 kB\nMemFree: 1 kB\nMemAvailable: 1 kB\n"
		     "HugePages_Total:      10\nHugepagesize:       2048 kB\n");
	machine_start(&m, false);
	check_known(host_value(machine_round(&m, SEC), METRIC_MEM_TOTAL), 2097152 * KIB - 20 * MIB);
	machine_done(&m);
}

TEST(stall_of_the_last_second)
{
	machine_two_nodes(&m);
	machine_pressure(&m, 0, 5000000);
	machine_start(&m, false);
	check_unknown(host_value(machine_round(&m, SEC), METRIC_PSI_MEMORY_SOME_NOW));
	machine_pressure(&m, 0, 5250000);

	const struct snapshot *s = machine_round(&m, 2 * SEC);

	check_known(host_value(s, METRIC_PSI_MEMORY_SOME_NOW), 2500);
	check_known(host_value(s, METRIC_PSI_MEMORY_FULL_NOW), 1250);
	machine_done(&m);
}

TEST(more_stall_than_time_is_all_of_it)
{
	machine_two_nodes(&m);
	machine_start(&m, false);
	machine_round(&m, SEC);
	machine_pressure(&m, 0, 1700000);
	check_known(host_value(machine_round(&m, 2 * SEC), METRIC_PSI_MEMORY_SOME_NOW), 10000);
	machine_done(&m);
}

TEST(an_average_that_the_kernel_left_behind)
{
	machine_two_nodes(&m);
	machine_start(&m, false);
	for (unsigned i = 1; i <= 30; i++) {
		machine_pressure(&m, 900, i * SEC);
		machine_round(&m, i * SEC);
	}
	const struct snapshot *s = sense_snapshot(m.sense);
	struct reading some = host_value(s, METRIC_PSI_MEMORY_SOME);
	struct reading full = host_value(s, METRIC_PSI_MEMORY_FULL);

	check(some.value > 9000 && some.value <= 10000);
	check(full.value > 4500 && full.value <= 5000);

	/* It is over: the kernel's falls no slower than ours. */
	machine_round(&m, 90 * SEC);
	check_known(host_value(sense_snapshot(m.sense), METRIC_PSI_MEMORY_SOME), 900);
	machine_done(&m);
}

TEST(time_to_empty)
{
	machine_two_nodes(&m);
	machine_start(&m, false);
	for (unsigned i = 0; i <= 10; i++) {
		machine_meminfo(&m, 2 * GIB, (1000 - 10 * i) * MIB);
		machine_round(&m, SEC + i * SEC / 10);
	}
	/* 900 MiB at 100 MiB/s. */
	check_known(host_value(sense_snapshot(m.sense), METRIC_MEM_TIME_TO_EMPTY), 9 * SEC);
	machine_done(&m);
}

TEST(one_sample_has_no_rates)
{
	machine_two_nodes(&m);
	machine_start(&m, true);
	machine_round(&m, SEC);
	machine_pressure(&m, 0, 900000);

	const struct snapshot *s = machine_round(&m, 2 * SEC);

	check(s->single);
	check_unknown(host_value(s, METRIC_PSI_MEMORY_SOME_NOW));
	check_unknown(host_value(s, METRIC_MEM_TIME_TO_EMPTY));
	check_unknown(node_value(s, 0, METRIC_NODE_TIME_TO_EMPTY));
	machine_done(&m);
}

TEST(no_psi)
{
	machine_two_nodes(&m);
	machine_remove(&m, "proc/pressure");
	machine_start(&m, false);
	check_unknown(host_value(machine_round(&m, SEC), METRIC_PSI_MEMORY_SOME));
	check(has_gap(&m, "psi=1"));
	check(has_gap(&m, "host.alloc-failures"));
	check_int(gap_count(&m), 2);
	machine_done(&m);
}

TEST(values_that_cannot_be_are_unknown)
{
	machine_two_nodes(&m);
	machine_meminfo(&m, GIB, 2 * GIB);
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_known(host_value(s, METRIC_MEM_TOTAL), GIB);
	check_unknown(host_value(s, METRIC_MEM_AVAILABLE));
	check(has_gap(&m, "mem.available"));
	/* And they come back with the next sample. */
	machine_meminfo(&m, GIB, GIB / 2);
	check_known(host_value(machine_round(&m, 2 * SEC), METRIC_MEM_AVAILABLE), GIB / 2);
	check(!has_gap(&m, "mem.available"));
	machine_done(&m);
}

TEST(meminfo_that_ends_early_is_unknown_and_no_failure)
{
	machine_two_nodes(&m);
	machine_start(&m, false);
	check_known(host_value(machine_round(&m, SEC), METRIC_MEM_TOTAL), 2 * GIB);
	machine_file(&m, "proc/meminfo", "MemTo");

	const struct snapshot *s = machine_round(&m, 2 * SEC);

	check_unknown(host_value(s, METRIC_MEM_TOTAL));
	check_unknown(host_value(s, METRIC_MEM_AVAILABLE));
	check_unknown(host_value(s, METRIC_SWAP_FREE));
	check(!s->host.swap_present);
	machine_done(&m);
}

TEST(a_machine_with_no_files_at_all)
{
	machine_init(&m);
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(s->node_count, 1);
	check_int(s->service_count, 0);
	check_unknown(host_value(s, METRIC_MEM_TOTAL));
	check_unknown(node_value(s, 0, METRIC_NODE_HEADROOM));
	check(has_gap(&m, "mem.*"));
	check(has_gap(&m, "psi=1"));
	check(has_gap(&m, "vmstat"));
	check(has_gap(&m, "node.headroom"));
	check(has_gap(&m, "no cgroup hierarchy"));
	machine_done(&m);
}

TEST(sysctls_and_neighbours)
{
	machine_two_nodes(&m);
	machine_file(&m, "proc/sys/vm/panic_on_oom", "2\n");
	machine_file(&m, "proc/sys/kernel/numa_balancing", "1\n");
	machine_file(&m, "proc/77/comm", "numad\n");
	machine_file(&m, "proc/77/stat", "x");
	machine_file(&m, "sys/devices/system/cpu/online", "0-3\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check(s->host.panic_on_oom);
	check(s->host.numa_balancing);
	check(s->host.numad_running);
	check_int(s->host.cpu_count, 4);
	check_int(s->host.page_size_bytes, PAGE);
	machine_done(&m);
}

TEST(numad_of_a_running_machine_is_found_by_its_pid)
{
	machine_two_nodes(&m);
	machine_file(&m, "run/numad.pid", "77\n");
	machine_file(&m, "proc/77/comm", "numad\n");
	machine_start_live(&m);
	check(machine_round(&m, SEC)->host.numad_running);
	/* The pid is somebody else's by now. */
	machine_file(&m, "proc/77/comm", "bash\n");
	check(!machine_round(&m, 10 * 60 * SEC)->host.numad_running);
	machine_done(&m);
}

TEST(history_goes_on_over_a_change_of_root)
{
	struct machine next;

	machine_two_nodes(&m);
	machine_pressure(&m, 0, 0);
	machine_start(&m, false);
	machine_round(&m, SEC);

	machine_two_nodes(&next);
	machine_pressure(&next, 0, 300000);
	check_int(cgroup_layout_open(&next.root, &next.layout), 0);
	check_int(sense_set_root(m.sense, &next.root, &next.layout), 0);
	check_known(host_value(machine_round(&m, 2 * SEC), METRIC_PSI_MEMORY_SOME_NOW), 3000);
	m.sense = sense_free(m.sense);
	machine_done(&next);
	machine_done(&m);
}
