/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#include <sched.h>

static struct machine m;

#define MSEC USEC_PER_MSEC

static const struct snapshot *tick(usec_t now)
{
	check_int(sense_fast(m.sense, now), 0);
	return sense_snapshot(m.sense);
}

/* Everything that is a rate, growing by `n` a piece from a different base. */
static void vmstat(uint64_t n)
{
	machine_file(&m, "proc/vmstat",
		     "nr_dirty 1000\nnr_writeback 20\nworkingset_refault_anon %" PRIu64
		     "\nworkingset_refault_file %" PRIu64
		     "\nnr_dirty_threshold 39837\nnr_dirty_background_threshold 19894\n"
		     "pswpin %" PRIu64 "\npswpout %" PRIu64 "\nallocstall_normal %" PRIu64
		     "\nallocstall_movable %" PRIu64 "\npgmajfault %" PRIu64
		     "\npgsteal_kswapd %" PRIu64 "\npgsteal_direct %" PRIu64
		     "\npgscan_kswapd %" PRIu64 "\npgscan_direct %" PRIu64
		     "\npgscan_direct_throttle 77\noom_kill 3\npgmigrate_success %" PRIu64
		     "\npgmigrate_fail %" PRIu64 "\ncompact_stall %" PRIu64
		     "\ncompact_fail %" PRIu64 "\n",
		     100 + n, 200 + 2 * n, 300 + 3 * n, 400 + 4 * n, 500 + n, 600 + 4 * n,
		     700 + 6 * n, 800 + n, 900 + 2 * n, 1000 + 4 * n, 1100 + 8 * n, 1200 + 7 * n,
		     1300 + 8 * n, 1400 + 9 * n, 1500 + 10 * n);
}

/* Memory was waited for, so that the next tick reads. */
static void stall(void)
{
	static uint64_t total;

	machine_pressure(&m, 0, ++total);
}

/* Within a page. */
static void check_about(struct reading r, uint64_t bytes)
{
	check_int(r.state, READING_KNOWN);
	check((uint64_t)r.value >= bytes - PAGE && (uint64_t)r.value <= bytes + PAGE);
}

static void start(void)
{
	machine_two_nodes(&m);
	vmstat(0);
	machine_start(&m, false);
}

TEST(every_rate_is_of_its_own_lines)
{
	start();
	check_unknown(host_value(tick(SEC), METRIC_HOST_SWAP_IN_RATE));
	vmstat(100);
	stall();

	const struct snapshot *s = tick(2 * SEC);

	check_known(host_value(s, METRIC_HOST_REFAULT_ANON_RATE), 100 * PAGE);
	check_known(host_value(s, METRIC_HOST_REFAULT_FILE_RATE), 200 * PAGE);
	check_known(host_value(s, METRIC_HOST_SWAP_IN_RATE), 300 * PAGE);
	check_known(host_value(s, METRIC_HOST_SWAP_OUT_RATE), 400 * PAGE);
	check_known(host_value(s, METRIC_HOST_ALLOCSTALL_RATE), 500);
	check_known(host_value(s, METRIC_HOST_MAJOR_FAULT_RATE), 600);
	check_known(host_value(s, METRIC_HOST_DIRECT_RECLAIM_RATE), 200 * PAGE);
	check_known(host_value(s, METRIC_HOST_RECLAIM_EFFICIENCY), 2500);
	check_known(host_value(s, METRIC_HOST_MIGRATE_RATE), 700 * PAGE);
	check_known(host_value(s, METRIC_HOST_MIGRATE_FAIL_RATE), 800);
	check_known(host_value(s, METRIC_HOST_COMPACT_STALL_RATE), 900);
	check_known(host_value(s, METRIC_HOST_COMPACT_FAIL_RATE), 1000);
	check_known(host_value(s, METRIC_HOST_OOM_KILLS), 3);
	machine_done(&m);
}

TEST(dirty_memory_and_the_thresholds_that_hold)
{
	start();

	const struct snapshot *s = tick(SEC);

	check_known(host_value(s, METRIC_MEM_DIRTY), 1000 * PAGE);
	check_known(host_value(s, METRIC_MEM_WRITEBACK), 20 * PAGE);
	check_known(host_value(s, METRIC_MEM_DIRTY_LIMIT), 39837 * PAGE);
	check_known(host_value(s, METRIC_MEM_DIRTY_BACKGROUND_LIMIT), 19894 * PAGE);
	machine_done(&m);
}

static bool set_policy(int policy, int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	return sched_setscheduler(0, policy, &param) == 0;
}

/* The kernel shows a real-time task its own. */
TEST(thresholds_that_hold_for_others)
{
	const struct snapshot *s;

	machine_two_nodes(&m);
	vmstat(0);
	machine_file(&m, "proc/sys/vm/dirty_ratio", "20\n");
	machine_file(&m, "proc/sys/vm/dirty_bytes", "0\n");
	machine_file(&m, "proc/sys/vm/dirty_background_ratio", "10\n");
	machine_file(&m, "proc/sys/vm/dirty_background_bytes", "0\n");
	machine_start_live(&m);
	tick(SEC);
	if (!set_policy(SCHED_RR, 1))
		test_skip("no right to real time");
	stall();
	s = tick(2 * SEC);
	check(set_policy(SCHED_OTHER, 0));
	/* A quarter less, and 4,924 pages that both have. */
	check_about(host_value(s, METRIC_MEM_DIRTY_LIMIT), 31908 * PAGE);
	check_about(host_value(s, METRIC_MEM_DIRTY_BACKGROUND_LIMIT), 15954 * PAGE);
	check_known(host_value(s, METRIC_MEM_DIRTY), 1000 * PAGE);
	stall();
	s = tick(3 * SEC);
	check_known(host_value(s, METRIC_MEM_DIRTY_LIMIT), 39837 * PAGE);
	check_known(host_value(s, METRIC_MEM_DIRTY_BACKGROUND_LIMIT), 19894 * PAGE);
	machine_done(&m);
}

TEST(pages_of_another_size)
{
	/* 64 KiB: twice 262,144 of them make MemTotal. */
	machine_two_nodes(&m);
	machine_meminfo(&m, 32 * GIB, 16 * GIB);
	vmstat(0);
	machine_start(&m, false);
	tick(SEC);
	vmstat(10);
	stall();

	const struct snapshot *s = tick(2 * SEC);

	check_known(host_value(s, METRIC_HOST_SWAP_IN_RATE), 30 * 65536);
	check_known(host_value(s, METRIC_MEM_DIRTY), 1000 * 65536);
	check_known(host_value(s, METRIC_HOST_ALLOCSTALL_RATE), 50);
	machine_done(&m);
}

/* Quiet: after the second reading, that gives rates at all, the file is left alone for 30 s. */
TEST(a_quiet_host_is_read_now_and_then)
{
	start();
	tick(SEC);
	check_known(host_value(tick(2 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 0);
	vmstat(3300);
	for (usec_t t = 3; t < 32; t++)
		check_known(host_value(tick(t * SEC), METRIC_HOST_ALLOCSTALL_RATE), 0);
	/* 30 s later it is the mean of those 30 s. */
	check_known(host_value(tick(32 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 550);
	machine_done(&m);
}

/* And then less and less often: a rate is as old as what it was measured over. */
TEST(what_happened_is_looked_after)
{
	start();
	tick(SEC);
	tick(2 * SEC);
	vmstat(3000);
	check_known(host_value(tick(32 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 500);
	vmstat(3100);
	stall();
	tick(33 * SEC);
	check_known(host_value(tick(34 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 0);
	vmstat(6100);
	check_known(host_value(tick(63 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 0);
	check_known(host_value(tick(64 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 500);
	machine_done(&m);
}

TEST(stalls_are_followed_ten_times_a_second)
{
	start();
	tick(SEC);
	tick(2 * SEC);
	/* 100 a tenth of a second, after 8 s of nothing. */
	for (unsigned i = 0; i <= 20; i++) {
		vmstat(20 * i);
		stall();
		tick(10 * SEC + i * 100 * MSEC);
		if (i >= 3)
			check_known(
				host_value(sense_snapshot(m.sense), METRIC_HOST_ALLOCSTALL_RATE),
				1000);
	}
	machine_done(&m);
}

TEST(free_memory_that_moves_is_a_reason_to_look)
{
	start();
	tick(SEC);
	tick(2 * SEC);
	vmstat(10);
	check_known(host_value(tick(3 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 0);
	machine_meminfo(&m, 2 * GIB, 700 * MIB);
	check_known(host_value(tick(4 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 25);
	machine_done(&m);
}

TEST(dirty_memory_that_moves_is_a_reason_to_look)
{
	start();
	for (unsigned node = 0; node < 2; node++) {
		char path[64];

		snprintf(path, sizeof(path), NODE_DIR "/node%u/meminfo", node);
		machine_file(&m, path,
			     "Node %u MemTotal: 1048576 kB\nNode %u MemFree: 409600 kB\n"
			     "Node %u Dirty: 0 kB\nNode %u Writeback: 0 kB\n",
			     node, node, node, node);
	}
	m.sense = sense_free(m.sense);
	machine_start(&m, false);
	tick(SEC);
	tick(2 * SEC);
	machine_file(&m, "proc/vmstat", "nr_dirty 50000\n");
	check_known(host_value(tick(3 * SEC), METRIC_MEM_DIRTY), 1000 * PAGE);
	machine_file(&m, NODE_DIR "/node1/meminfo",
		     "Node 1 MemTotal: 1048576 kB\nNode 1 MemFree: 409600 kB\n"
		     "Node 1 Dirty: 200000 kB\nNode 1 Writeback: 0 kB\n");
	check_known(host_value(tick(4 * SEC), METRIC_MEM_DIRTY), 50000 * PAGE);
	machine_done(&m);
}

TEST(without_pressure_files_free_memory_tells)
{
	machine_two_nodes(&m);
	machine_remove(&m, "proc/pressure");
	vmstat(0);
	machine_start(&m, false);
	tick(SEC);
	tick(2 * SEC);
	vmstat(100);
	machine_meminfo(&m, 2 * GIB, 700 * MIB);
	check_known(host_value(tick(3 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 500);
	machine_done(&m);
}

TEST(a_stopped_agent_makes_no_rate)
{
	start();
	tick(SEC);
	tick(2 * SEC);
	vmstat(100000);
	check_unknown(host_value(tick(100 * SEC), METRIC_HOST_ALLOCSTALL_RATE));
	vmstat(100001);
	stall();
	check_known(host_value(tick(101 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 5);
	machine_done(&m);
}

TEST(counters_that_go_backwards_are_other_ones)
{
	start();
	vmstat(1000);
	tick(SEC);
	vmstat(10);
	stall();
	check_unknown(host_value(tick(2 * SEC), METRIC_HOST_ALLOCSTALL_RATE));
	vmstat(20);
	stall();
	check_known(host_value(tick(3 * SEC), METRIC_HOST_ALLOCSTALL_RATE), 50);
	machine_done(&m);
}

TEST(nothing_scanned_is_no_efficiency)
{
	start();
	tick(SEC);
	check_unknown(host_value(tick(2 * SEC), METRIC_HOST_RECLAIM_EFFICIENCY));
	check(!has_gap(&m, "host.reclaim-efficiency"));
	machine_done(&m);
}

/* Where reclaim is counted with the gauges it has what services do at their own limits. */
TEST(services_at_their_limits_are_not_the_hosts_reclaim)
{
	start();
	machine_file(&m, "proc/vmstat",
		     "pgsteal_direct 1000\npgscan_direct 1000\nnr_dirty_threshold 5\n"
		     "allocstall_normal 7\noom_kill 0\n");
	tick(SEC);
	machine_file(&m, "proc/vmstat",
		     "pgsteal_direct 3000\npgscan_direct 3000\nnr_dirty_threshold 5\n"
		     "allocstall_normal 7\noom_kill 0\n");
	stall();
	check_known(host_value(tick(2 * SEC), METRIC_HOST_DIRECT_RECLAIM_RATE), 0);
	machine_file(&m, "proc/vmstat",
		     "pgsteal_direct 4000\npgscan_direct 4000\nnr_dirty_threshold 5\n"
		     "allocstall_normal 8\noom_kill 0\n");
	stall();
	check_known(host_value(tick(3 * SEC), METRIC_HOST_DIRECT_RECLAIM_RATE), 1000 * PAGE);
	machine_done(&m);
}

TEST(one_sample_has_amounts_and_no_rates)
{
	machine_two_nodes(&m);
	vmstat(0);
	machine_start(&m, true);
	tick(SEC);
	vmstat(100);
	stall();

	const struct snapshot *s = tick(2 * SEC);

	check_unknown(host_value(s, METRIC_HOST_ALLOCSTALL_RATE));
	check_unknown(host_value(s, METRIC_HOST_RECLAIM_EFFICIENCY));
	check_known(host_value(s, METRIC_MEM_DIRTY), 1000 * PAGE);
	machine_done(&m);
}

TEST(what_older_kernels_do_not_count)
{
	machine_two_nodes(&m);
	machine_file(&m, "proc/vmstat",
		     "nr_dirty 5\nallocstall 5\npgsteal_kswapd_normal 1\npgsteal_direct_normal 2\n"
		     "pgscan_kswapd_normal 3\npgscan_direct_normal 4\npgmajfault 1\n");
	machine_start(&m, false);
	tick(SEC);
	machine_file(
		&m, "proc/vmstat",
		"nr_dirty 5\nallocstall 9\npgsteal_kswapd_normal 41\npgsteal_direct_normal 22\n"
		"pgscan_kswapd_normal 83\npgscan_direct_normal 44\npgmajfault 1\n");
	stall();

	const struct snapshot *s = tick(2 * SEC);

	check_known(host_value(s, METRIC_HOST_ALLOCSTALL_RATE), 4);
	check_known(host_value(s, METRIC_HOST_DIRECT_RECLAIM_RATE), 20 * PAGE);
	check_known(host_value(s, METRIC_HOST_RECLAIM_EFFICIENCY), 5000);
	check_unknown(host_value(s, METRIC_HOST_OOM_KILLS));
	check_unknown(host_value(s, METRIC_HOST_REFAULT_ANON_RATE));
	check_unknown(host_value(s, METRIC_MEM_DIRTY_LIMIT));
	check(has_gap(&m, "host.oom-kills: vmstat does not count them (kernel before 4.13)"));
	check(has_gap(&m, "host.refault-anon-rate, host.refault-file-rate, host.swap-in-rate"));
	check(has_gap(&m, "mem.dirty-limit"));
	machine_done(&m);
}

TEST(vmstat_that_vanishes_leaves_nothing_behind)
{
	start();
	tick(SEC);
	tick(2 * SEC);
	machine_file(&m, "proc/vmstat", "%s", "");
	stall();

	const struct snapshot *s = tick(3 * SEC);

	check_unknown(host_value(s, METRIC_HOST_OOM_KILLS));
	check_unknown(host_value(s, METRIC_HOST_ALLOCSTALL_RATE));
	check_unknown(host_value(s, METRIC_MEM_DIRTY));
	check(has_gap(&m, "vmstat cannot be read"));
	machine_done(&m);
}

TEST(what_is_pinned_is_what_was_taken_and_not_given_back)
{
	static const char *const file = "oom_kill 0\nnr_foll_pin_acquired %d\n%s %d\n";
	const struct snapshot *s;

	start();
	s = tick(SEC);
	check_int(s->host.pinned.state, READING_NONE.state);
	machine_file(&m, "proc/vmstat", file, 5000, "nr_foll_pin_released", 3000);
	stall();
	s = tick(2 * SEC);
	check_known(s->host.pinned, 2000 * PAGE);
	/* They are read one after the other, and more may come back in between. */
	machine_file(&m, "proc/vmstat", file, 5000, "nr_foll_pin_released", 5001);
	stall();
	s = tick(3 * SEC);
	check_known(s->host.pinned, 0);
	machine_file(&m, "proc/vmstat", file, 5000, "nr_dirty", 1);
	stall();
	s = tick(4 * SEC);
	check_unknown(s->host.pinned);
	machine_done(&m);
}
