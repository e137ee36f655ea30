/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

static struct machine m;
static const char a_path[] = "system.slice/a.service";

static void start(const char *processes)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/**/*.service");
	machine_cgroup(&m, a_path, processes);
	machine_memory(&m, a_path, 256 * MIB, 0, 0);
}

static const struct process *process_at(const struct snapshot *s, size_t i)
{
	const struct service *service = machine_service(s, a_path);

	check(i < service->process_count);
	check(service->first_process + i < s->process_count);
	return &s->processes[service->first_process + i];
}

TEST(what_a_process_tells)
{
	start("7\n");
	machine_process(&m, 7, "a", 123, 40 * MIB, "0-1");
	machine_file(&m, "proc/7/oom_score_adj", "-500\n");
	machine_start(&m, false);

	const struct process *p = process_at(machine_round(&m, SEC), 0);

	check_int(p->pid, 7);
	check_int(p->start_ticks, 123);
	check_int(p->rss_bytes, 40 * MIB);
	check_int(p->swap_bytes, 4 * KIB);
	check_int(p->oom_score_adj, -500);
	check(p->mems_allowed);
	check_int(idset_count(p->mems_allowed), 2);
	machine_done(&m);
}

TEST(the_largest_are_kept)
{
	char list[4096] = "";

	for (int i = 0; i < 200; i++) {
		char pid[16];

		snprintf(pid, sizeof(pid), "%d\n", 1000 + i);
		strcat(list, pid);
	}
	start(list);
	/* The larger ones in the middle of the list. */
	for (int i = 0; i < 200; i++)
		machine_process(&m, 1000 + i, "a", 1, (uint64_t)(i < 100 ? i : 200 - i) * MIB + MIB,
				"0-1");
	machine_memory(&m, a_path, 2 * GIB, 0, 0);
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *a = machine_service(s, a_path);

	check_int(a->process_count, 64);
	check_known(service_value(a, METRIC_SERVICE_PROCESSES), 200);
	check_int(process_at(s, 0)->pid, 1100);
	check_int(process_at(s, 0)->rss_bytes, 101 * MIB);
	for (size_t i = 1; i < 64; i++)
		check(process_at(s, i)->rss_bytes <= process_at(s, i - 1)->rss_bytes);
	check_int(process_at(s, 63)->rss_bytes, 69 * MIB);
	machine_done(&m);
}

/* All of them are counted, and those kept that matter; that is as much as of any service. */
TEST(ten_thousand_appear_in_a_service)
{
	enum { CROWD = 10000 };
	static char list[CROWD * 8];
	const struct snapshot *s;
	size_t length;

	start("7\n");
	machine_process(&m, 7, "a", 1, 200 * MIB, "0-1");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(service_value(machine_service(s, a_path), METRIC_SERVICE_PROCESSES), 1);

	length = (size_t)snprintf(list, sizeof(list), "7\n");
	for (int i = 0; i < CROWD; i++) {
		machine_process(&m, 1000 + i, "small", 2, MIB, "0-1");
		length += (size_t)snprintf(list + length, sizeof(list) - length, "%d\n", 1000 + i);
	}
	machine_cgroup(&m, a_path, list);
	machine_memory(&m, a_path, 10 * GIB, 0, 0);
	machine_meminfo(&m, 16 * GIB, 4 * GIB);
	for (usec_t now = 2; now <= 6; now++)
		s = machine_round(&m, now * SEC);
	check_known(service_value(machine_service(s, a_path), METRIC_SERVICE_PROCESSES), CROWD + 1);
	check_int(machine_service(s, a_path)->process_count, 64);
	check_int(process_at(s, 0)->pid, 7);
	for (size_t i = 1; i < 64; i++)
		check_int(process_at(s, i)->rss_bytes, MIB);

	/* And they go as they came. */
	machine_cgroup(&m, a_path, "7\n");
	machine_memory(&m, a_path, 256 * MIB, 0, 0);
	machine_meminfo(&m, 16 * GIB, 14 * GIB);
	for (usec_t now = 7; now <= 12; now++)
		s = machine_round(&m, now * SEC);
	check_known(service_value(machine_service(s, a_path), METRIC_SERVICE_PROCESSES), 1);
	check_int(machine_service(s, a_path)->process_count, 1);
	machine_done(&m);
}

TEST(a_small_service_keeps_few_until_it_grows)
{
	start("11\n12\n13\n14\n15\n");
	machine_memory(&m, a_path, MIB, 0, 0);
	for (pid_t pid = 11; pid <= 15; pid++)
		machine_process(&m, pid, "a", 1, (uint64_t)pid * MIB, "0-1");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(machine_service(s, a_path)->process_count, 1);
	check_int(process_at(s, 0)->pid, 15);
	check_known(service_value(machine_service(s, a_path), METRIC_SERVICE_PROCESSES), 5);
	machine_memory(&m, a_path, 100 * MIB, 0, 0);
	machine_meminfo(&m, 2 * GIB, 500 * MIB);
	/* Of the services that weigh nothing a part is looked at in a round. */
	for (usec_t now = 2; now <= 6; now++)
		s = machine_round(&m, now * SEC);
	check_int(machine_service(s, a_path)->process_count, 5);
	check_int(process_at(s, 4)->pid, 11);
	machine_done(&m);
}

TEST(processes_further_down_belong_to_it_but_not_those_of_a_service_there)
{
	start("1\n");
	machine_cgroup(&m, "system.slice/a.service/payload", "2\n");
	machine_cgroup(&m, "system.slice/a.service/payload/deeper", "3\n");
	machine_cgroup(&m, "system.slice/a.service/payload/inner.service", "4\n");
	machine_cgroup(&m, "system.slice/a.service/payload/inner.service/below", "5\n");
	for (pid_t pid = 1; pid <= 5; pid++)
		machine_process(&m, pid, "a", 1, (uint64_t)pid * MIB, "0-1");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *a = machine_service(s, a_path);
	const struct service *inner =
		machine_service(s, "system.slice/a.service/payload/inner.service");

	check_known(service_value(a, METRIC_SERVICE_PROCESSES), 3);
	check_int(process_at(s, 0)->pid, 3);
	check_int(process_at(s, 2)->pid, 1);
	check_known(service_value(inner, METRIC_SERVICE_PROCESSES), 2);
	check_int(s->processes[inner->first_process].pid, 5);
	machine_done(&m);
}

TEST(hostile_process_names)
{
	start("7\n8\n");
	machine_process(&m, 7, "foo) Z 1 (x", 123, 40 * MIB, "0-1");
	machine_process(&m, 8, "a\nb) S 1 1", 124, 30 * MIB, "0-1");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(machine_service(s, a_path)->process_count, 2);
	check_int(process_at(s, 0)->start_ticks, 123);
	check_int(process_at(s, 1)->start_ticks, 124);
	machine_done(&m);
}

TEST(kernel_threads_zombies_and_vanished_ones_are_not_kept)
{
	start("7\n8\n9\n10\n");
	machine_process(&m, 7, "a", 1, 40 * MIB, "0-1");
	machine_process(&m, 8, "zombie", 1, 0, "0-1");
	machine_file(&m, "proc/9/stat",
		     "9 (kthread) S 2 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 77 0 0 0\n");
	machine_start(&m, false);

	const struct service *a = machine_service(machine_round(&m, SEC), a_path);

	check_int(a->process_count, 1);
	check_known(service_value(a, METRIC_SERVICE_PROCESSES), 4);
	check(!has_gap(&m, "processes"));
	machine_done(&m);
}

TEST(hidden_processes_are_said)
{
	start("7\n8\n");
	machine_start(&m, false);

	const struct service *a = machine_service(machine_round(&m, SEC), a_path);

	check_int(a->process_count, 0);
	check(!a->allowed_known);
	check_unknown(service_value(a, METRIC_SERVICE_CONFINED));
	check(has_gap(&m, "hidepid"));
	machine_done(&m);
}

TEST(a_pid_that_is_used_again_is_another_process)
{
	start("7\n");
	machine_process(&m, 7, "a", 100, 40 * MIB, "0-1");
	machine_file(&m, "proc/7/numa_maps", "5000 bind:0 file=/x mapped=1 N0=1\n");
	machine_start(&m, false);

	const struct process *p = process_at(machine_round(&m, SEC), 0);

	check(p->bound);
	check_int(idset_count(p->bound), 1);
	machine_process(&m, 7, "b", 900, 40 * MIB, "0-1");
	machine_memory(&m, a_path, 128 * MIB, 0, 0);
	machine_meminfo(&m, 2 * GIB, 500 * MIB);
	check_int(sense_fast(m.sense, 2 * SEC), 0);
	check_int(sense_services(m.sense, 2 * SEC), 0);
	p = process_at(sense_snapshot(m.sense), 0);
	check_int(p->start_ticks, 900);
	check(!p->bound);
	check(!machine_service(sense_snapshot(m.sense), a_path)->allowed_known);
	machine_done(&m);
}

TEST(a_pid_that_is_listed_twice_counts_once)
{
	start("7\n7\n");
	machine_process(&m, 7, "a", 1, 40 * MIB, "0-1");
	machine_start(&m, false);
	check_int(machine_service(machine_round(&m, SEC), a_path)->process_count, 1);
	machine_done(&m);
}

TEST(what_was_learnt_stays_while_the_list_is_made_anew)
{
	start("7\n8\n");
	machine_process(&m, 7, "a", 1, 40 * MIB, "0-1");
	machine_process(&m, 8, "b", 1, 39 * MIB, "0-1");
	machine_file(&m, "proc/8/numa_maps", "5000 bind:1 file=/x mapped=1 N0=1\n");
	machine_start(&m, false);
	machine_round(&m, SEC);
	/* They change places. */
	machine_process(&m, 8, "b", 1, 90 * MIB, "0-1");
	machine_memory(&m, a_path, 356 * MIB, 0, 0);
	machine_meminfo(&m, 2 * GIB, 500 * MIB);
	check_int(sense_fast(m.sense, 2 * SEC), 0);
	check_int(sense_services(m.sense, 2 * SEC), 0);

	const struct process *p = process_at(sense_snapshot(m.sense), 0);

	check_int(p->pid, 8);
	check_int(p->rss_bytes, 90 * MIB);
	check(p->bound && idset_has(p->bound, 1) && !idset_has(p->bound, 0));
	check_int(p->bound_at, SEC);
	machine_done(&m);
}

TEST(the_processes_of_a_service_that_is_gone_are_nobodys)
{
	start("7\n");
	machine_process(&m, 7, "a", 1, 40 * MIB, "0-1");
	machine_start(&m, false);
	machine_round(&m, SEC);
	machine_remove(&m, CGROUP_DIR "/system.slice/a.service");

	const struct snapshot *s = machine_round(&m, 2 * SEC);

	check_int(s->service_count, 0);
	for (size_t i = 0; i < s->process_count; i++)
		check_int(s->processes[i].pid, 0);
	machine_done(&m);
}
