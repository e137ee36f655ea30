/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#define KSM "sys/kernel/mm/ksm/"

static struct machine m;

static const struct neighbours *look(void)
{
	return &machine_round(&m, SEC)->host.neighbours;
}

static void put_knobs(void)
{
	machine_file(&m, KSM "run", "1\n");
	machine_file(&m, KSM "merge_across_nodes", "1\n");
	machine_file(&m, KSM "pages_sharing", "256\n");
	machine_file(&m, "sys/kernel/mm/numa/demotion_enabled", "true\n");
	machine_file(&m, "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
	machine_file(&m, "proc/sys/vm/zone_reclaim_mode", "1\n");
}

TEST(what_a_host_with_nodes_does_to_memory)
{
	machine_two_nodes(&m);
	put_knobs();
	machine_start(&m, false);
	const struct neighbours *found = look();

	check(found->ksm_runs);
	check(found->ksm_across_nodes);
	check_int(found->ksm_saved_bytes, 256 * PAGE);
	check(found->demotes);
	check_int(found->zone_reclaim, 1);
	check_int(found->huge_pages, HUGE_PAGE_ALWAYS);
	check_int(found->programs, 0);
	machine_done(&m);
}

TEST(one_node_has_none_of_it)
{
	const struct machine_node node = { .managed_pages = GIB / PAGE, .free_pages = 1000 };

	machine_init(&m);
	machine_nodes(&m, &node, 1);
	put_knobs();
	machine_file(&m, "proc/77/comm", "numad\n");
	machine_file(&m, "proc/78/comm", "earlyoom\n");
	machine_start(&m, false);
	const struct neighbours *found = look();

	check(!found->ksm_runs);
	check_int(found->ksm_saved_bytes, 0);
	check_int(found->zone_reclaim, 0);
	check_int(found->huge_pages, HUGE_PAGE_UNKNOWN);
	check(!sense_snapshot(m.sense)->host.numad_running);
	/* Who kills does so on one node too. */
	check_int(found->programs, 1U << NEIGHBOUR_EARLYOOM);
	machine_done(&m);
}

TEST(more_is_saved_than_can_be)
{
	machine_two_nodes(&m);
	machine_file(&m, KSM "run", "1\n");
	machine_file(&m, KSM "pages_sharing", "%lld\n", (long long)INT64_MAX);
	machine_start(&m, false);
	check(look()->ksm_saved_bytes == UINT64_MAX);
	machine_done(&m);
}

TEST(of_a_captured_machine_programs_are_found_by_name)
{
	machine_two_nodes(&m);
	machine_file(&m, "proc/77/comm", "nohang\n");
	machine_file(&m, "proc/78/comm", "oomd\n");
	machine_file(&m, "proc/79/comm", "oomdx\n");
	machine_file(&m, "proc/80/comm", "numad\n");
	machine_start(&m, false);
	check_int(look()->programs, 1U << NEIGHBOUR_NOHANG | 1U << NEIGHBOUR_OOMD);
	check(sense_snapshot(m.sense)->host.numad_running);
	machine_done(&m);
}

TEST(of_a_running_machine_by_their_units_and_pid_files)
{
	machine_two_nodes(&m);
	machine_cgroup(&m, "system.slice/systemd-oomd.service", "");
	machine_file(&m, "proc/77/comm", "earlyoom\n"); /* looked for by name: no */
	machine_file(&m, "proc/78/comm", "tuned\n");
	machine_file(&m, "run/tuned/tuned.pid", "78");
	machine_start_live(&m);
	check_int(look()->programs, 1U << NEIGHBOUR_SYSTEMD_OOMD | 1U << NEIGHBOUR_TUNED);
	machine_file(&m, "run/tuned/tuned.pid", "99999999999999999999\n");
	check_int(machine_round(&m, 10 * 60 * SEC)->host.neighbours.programs,
		  1U << NEIGHBOUR_SYSTEMD_OOMD);
	machine_done(&m);
}

TEST(it_is_looked_at_in_housekeeping_only)
{
	machine_two_nodes(&m);
	machine_file(&m, "proc/sys/vm/zone_reclaim_mode", "1\n");
	machine_start(&m, false);
	check_int(look()->zone_reclaim, 1);
	machine_file(&m, "proc/sys/vm/zone_reclaim_mode", "0\n");
	check_int(machine_round(&m, 60 * SEC)->host.neighbours.zone_reclaim, 1);
	check_int(machine_round(&m, 10 * 60 * SEC)->host.neighbours.zone_reclaim, 0);
	machine_done(&m);
}
