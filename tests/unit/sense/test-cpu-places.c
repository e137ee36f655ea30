/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#define SCOPE "machine.slice/vm.scope"
#define MIN   (60 * SEC)

static struct machine m;

/* Two nodes of four CPUs, and a guest with one process. */
static void start(enum nodes_mode nodes)
{
	machine_two_nodes(&m);
	machine_file(&m, NODE_DIR "/node0/cpulist", "0-3\n");
	machine_file(&m, NODE_DIR "/node1/cpulist", "4-7\n");
	machine_policy(&m, "guests", "machine.slice/*.scope")->nodes = nodes;
	machine_cgroup(&m, SCOPE, "7\n");
	machine_memory(&m, SCOPE, 100 * MIB, 0, 0);
	machine_process(&m, 7, "qemu-kvm", 100, 100 * MIB, "0-1");
	machine_write(&m, "proc/7/cmdline", "/usr/bin/qemu-kvm\0-name\0vm",
		      sizeof("/usr/bin/qemu-kvm\0-name\0vm"));
}

static void thread(pid_t pid, pid_t tid, const char *comm, unsigned ticks, unsigned processor)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "proc/%d/task/%d/stat", pid, tid);
	machine_file(&m, path,
		     "%d (%s) S 1 1 1 0 -1 4194560 0 0 0 0 %u 0 0 0 20 0 1 0 100 33849344 5 "
		     "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 %u 0 0\n",
		     tid, comm, ticks, processor);
}

static void allowed(pid_t pid, pid_t tid, const char *cpus)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "proc/%d/task/%d/status", pid, tid);
	machine_file(&m, path, "Name:\tx\nCpus_allowed_list:\t%s\n", cpus);
}

/* Threads of the monitor: the main one and two vCPUs. */
static void guest(unsigned main_ticks, unsigned ticks0, unsigned on0, unsigned ticks1, unsigned on1)
{
	thread(7, 7, "qemu-kvm", main_ticks, 7);
	thread(7, 10, "CPU 0/KVM", ticks0, on0);
	thread(7, 11, "CPU 1/KVM", ticks1, on1);
}

static void guest_allowed(const char *main, const char *cpus0, const char *cpus1)
{
	allowed(7, 7, main);
	allowed(7, 10, cpus0);
	allowed(7, 11, cpus1);
}

static const struct cpu_places *places(usec_t now)
{
	return machine_service(machine_round(&m, now), SCOPE)->cpus;
}

static void check_nodes(const struct idset *set, const char *text)
{
	struct idset want;

	check_int(idset_parse(text, &want), 0);
	check(idset_equal(set, &want));
}

TEST(nobody_asks)
{
	start(NODES_RELIEVE);
	guest(0, 0, 0, 0, 1);
	guest_allowed("0-7", "0-3", "0-3");
	machine_start(&m, false);
	check(!places(0));
	check(!places(MIN));
	machine_done(&m);
}

TEST(one_node_has_all_cpus)
{
	start(NODES_HOME);
	machine_file(&m, NODE_DIR "/node1/cpulist", "\n");
	guest(0, 0, 0, 0, 1);
	guest_allowed("0-7", "0-3", "0-3");
	machine_start(&m, false);
	check(!places(0));
	machine_done(&m);
}

TEST(pinned_vcpus)
{
	const struct cpu_places *p;

	start(NODES_HOME);
	guest(0, 0, 0, 0, 1);
	/* What the emulator may do counts for nothing. */
	guest_allowed("0-7", "4-5", "7");
	machine_start(&m, true);
	p = places(0);
	check(p != NULL);
	check_nodes(&p->pinned, "1");
	check_int(p->runs_on, -1);
	machine_done(&m);
}

TEST(pinned_to_some_cpus_of_every_node)
{
	start(NODES_HOME);
	guest(0, 0, 0, 0, 1);
	guest_allowed("0-3", "0-1", "4-5");
	machine_start(&m, true);
	check(idset_is_empty(&places(0)->pinned));
	machine_done(&m);
}

/* So much time of both vCPUs a minute, in ticks of a hundredth of a second. */
static void windows(unsigned count, usec_t *now, unsigned *ticks, unsigned step, unsigned on0,
		    unsigned on1)
{
	for (unsigned i = 0; i < count; i++) {
		*now += MIN;
		*ticks += step;
		guest(*ticks * 9, *ticks, on0, *ticks, on1);
		(void)places(*now);
	}
}

TEST(where_they_run)
{
	unsigned ticks = 1000;
	usec_t now = SEC;

	start(NODES_HOME);
	guest(ticks, ticks, 0, ticks, 1);
	guest_allowed("0-7", "0-7", "0-7");
	machine_start(&m, false);
	check_int(places(now)->runs_on, -1);
	windows(2, &now, &ticks, 3000, 5, 6);
	check_int(places(now)->runs_on, -1);
	windows(1, &now, &ticks, 3000, 7, 4);
	check_int(places(now)->runs_on, 1);
	check_int(places(now)->since, SEC);
	check(idset_is_empty(&places(now)->pinned));
	/* It stays so while it does. */
	windows(1, &now, &ticks, 3000, 7, 4);
	check_int(places(now)->runs_on, 1);
	check_int(places(now)->since, SEC);
	/* Half of it elsewhere. */
	windows(1, &now, &ticks, 3000, 7, 0);
	check_int(places(now)->runs_on, -1);
	check_int(places(now)->since, 0);
	windows(3, &now, &ticks, 3000, 2, 0);
	check_int(places(now)->runs_on, 0);
	/* 4 % of a CPU tells nothing. */
	windows(1, &now, &ticks, 120, 2, 0);
	check_int(places(now)->runs_on, -1);
	machine_done(&m);
}

/* A guest that has used no processor yet, and has been seen once. */
static void start_idle(const char *cpus, usec_t now)
{
	start(NODES_HOME);
	guest(0, 0, 0, 0, 0);
	guest_allowed(cpus, cpus, cpus);
	machine_start(&m, false);
	(void)places(now);
}

TEST(most_of_it_is_four_fifths)
{
	unsigned ticks = 0;
	usec_t now = SEC;

	start_idle("0-7", now);
	for (int i = 0; i < 3; i++) {
		now += MIN;
		ticks += 1000;
		guest(0, 4 * ticks, 0, ticks, 4);
		(void)places(now);
	}
	check_int(places(now)->runs_on, 0);
	now += MIN;
	ticks += 1000;
	guest(0, 4 * ticks - 1, 0, ticks, 4);
	check_int(places(now)->runs_on, -1);
	machine_done(&m);
}

TEST(a_thread_that_came_and_one_whose_number_came_back)
{
	usec_t now = SEC;

	start(NODES_HOME);
	guest(0, 100000, 0, 100000, 0);
	guest_allowed("0-7", "0-7", "0-7");
	machine_start(&m, false);
	(void)places(now);
	for (unsigned i = 1; i <= 3; i++) {
		char name[32];

		now += MIN;
		/* The second vCPU is another thread each time, with less than the one before it,
		 * and a further one has used much before it was first seen. */
		guest(0, 100000 + i * 3000, 0, 100000 - i * 1000, 4);
		snprintf(name, sizeof(name), "CPU %u/KVM", i + 1);
		thread(7, (pid_t)(20 + i), name, 90000, 5);
		allowed(7, (pid_t)(20 + i), "0-7");
		(void)places(now);
	}
	check_int(places(now)->runs_on, 0);
	machine_done(&m);
}

TEST(after_a_long_time_nothing_is_known)
{
	unsigned ticks = 0;
	usec_t now = SEC;

	start_idle("0-7", now);
	windows(3, &now, &ticks, 3000, 0, 0);
	check_int(places(now)->runs_on, 0);
	now += 60 * MIN;
	windows(1, &now, &ticks, 300000, 0, 0);
	check_int(places(now)->runs_on, -1);
	machine_done(&m);
}

/* Started without names for its threads: all of them count. */
TEST(a_monitor_that_does_not_name_its_vcpus)
{
	unsigned ticks = 0;
	usec_t now = SEC;

	start(NODES_HOME);
	for (int i = 0; i < 3; i++) {
		thread(7, 7 + i, "qemu-kvm", 0, 0);
		allowed(7, 7 + i, "4-7");
	}
	machine_start(&m, false);
	check_nodes(&places(now)->pinned, "1");
	for (int i = 0; i < 3; i++) {
		now += MIN;
		ticks += 3000;
		for (int k = 0; k < 3; k++)
			thread(7, 7 + k, "qemu-kvm", ticks, 4);
		(void)places(now);
	}
	check_int(places(now)->runs_on, 1);
	/* It names them by now, and the others do not count any more. */
	guest(ticks, ticks, 0, ticks, 0);
	guest_allowed("4-7", "0-3", "0-3");
	machine_remove(&m, "proc/7/task/8");
	machine_remove(&m, "proc/7/task/9");
	now += MIN;
	check_nodes(&places(now)->pinned, "0");
	check_int(places(now)->runs_on, -1);
	machine_done(&m);
}

TEST(other_services_by_all_threads_of_their_largest_processes)
{
	machine_two_nodes(&m);
	machine_file(&m, NODE_DIR "/node0/cpulist", "0-3\n");
	machine_file(&m, NODE_DIR "/node1/cpulist", "4-7\n");
	machine_policy(&m, "all", "system.slice/*.service")->nodes = NODES_HOME;
	machine_cgroup(&m, "system.slice/db.service", "7\n8\n9\n");
	machine_memory(&m, "system.slice/db.service", 100 * MIB, 0, 0);
	machine_process(&m, 7, "db", 100, 60 * MIB, "0-1");
	machine_process(&m, 8, "db", 101, 60 * MIB, "0-1");
	machine_process(&m, 9, "small", 102, MIB, "0-1");
	for (pid_t pid = 7; pid <= 9; pid++) {
		thread(pid, pid, "x", 0, 0);
		allowed(pid, pid, pid == 9 ? "4-7" : "0-3");
	}
	machine_start(&m, true);
	check_nodes(&machine_service(machine_round(&m, 0), "system.slice/db.service")->cpus->pinned,
		    "0");
	machine_done(&m);
}

/* Of a running machine a round goes through a part of what there is, once all were looked at. */
TEST(many_threads_are_spread_over_rounds)
{
	const struct cpu_places *p;
	usec_t now = SEC;
	unsigned rounds = 0;

	start(NODES_HOME);
	for (pid_t i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "CPU %d/KVM", i);
		thread(7, 1000 + i, name, 0, 1);
		allowed(7, 1000 + i, "0-3");
	}
	machine_start_live(&m);
	check_nodes(&places(now)->pinned, "0");
	/* A calm round makes room for all of them, and the next window begins. */
	(void)places(now);
	for (unsigned window = 0; window < 5; window++) {
		now += MIN;
		for (pid_t i = 0; i < 300; i++) {
			char name[32];

			snprintf(name, sizeof(name), "CPU %d/KVM", i);
			thread(7, 1000 + i, name, 100 * (window + 1), 1);
		}
		rounds = 0;
		do {
			now += SEC;
			p = places(now);
			rounds++;
			/* The first of them cannot have gone through all. */
			check_int(p->runs_on, window > 2 || (window == 2 && rounds > 3) ? 0 : -1);
		} while (rounds < 8);
	}
	machine_done(&m);
}

/* Whoever has many of them does not hold up what the first rounds are for. */
TEST(the_first_round_does_not_go_through_any_number_of_threads)
{
	const struct snapshot *s;
	char path[64], procs[16], name[32];
	size_t known = 0;
	usec_t now = SEC;

	start(NODES_HOME);
	for (pid_t pid = 20; pid < 23; pid++) {
		snprintf(path, sizeof(path), "machine.slice/%d.scope", pid);
		snprintf(procs, sizeof(procs), "%d\n", pid);
		machine_cgroup(&m, path, procs);
		machine_memory(&m, path, 100 * MIB, 0, 0);
		machine_process(&m, pid, "qemu-kvm", 100, 100 * MIB, "0-1");
		snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
		machine_write(&m, path, "/usr/bin/qemu-kvm", sizeof("/usr/bin/qemu-kvm"));
		for (pid_t k = 0; k < 1500; k++) {
			snprintf(name, sizeof(name), "CPU %d/KVM", k);
			thread(pid, 10000 * pid + k, name, 0, 1);
		}
	}
	machine_start_live(&m);
	s = machine_round(&m, now);
	for (size_t i = 0; i < s->service_count; i++)
		known += s->services[i].process_count > 0 && s->services[i].cpus;
	check(known < 4);
	now += SEC;
	s = machine_round(&m, now);
	for (pid_t pid = 20; pid < 23; pid++) {
		snprintf(path, sizeof(path), "machine.slice/%d.scope", pid);
		check(machine_service(s, path)->cpus);
	}
	machine_done(&m);
}

TEST(services_that_come_and_go_meanwhile)
{
	unsigned ticks = 0;
	usec_t now = SEC;

	start_idle("0-3", now);
	windows(2, &now, &ticks, 3000, 0, 0);
	machine_cgroup(&m, "machine.slice/a.scope", "8\n");
	machine_memory(&m, "machine.slice/a.scope", 50 * MIB, 0, 0);
	machine_process(&m, 8, "x", 100, 50 * MIB, "0-1");
	machine_file(&m, CGROUP_DIR "/cgroup.stat", "nr_descendants 1\nnr_dying_descendants 0\n");
	thread(8, 8, "x", 0, 0);
	allowed(8, 8, "4");
	windows(1, &now, &ticks, 3000, 0, 0);
	check_int(places(now)->runs_on, 0);
	check_nodes(&places(now)->pinned, "0");
	check_nodes(
		&machine_service(sense_snapshot(m.sense), "machine.slice/a.scope")->cpus->pinned,
		"1");
	machine_remove(&m, CGROUP_DIR "/" SCOPE);
	machine_file(&m, CGROUP_DIR "/cgroup.stat", "nr_descendants 0\nnr_dying_descendants 1\n");
	check(!machine_has(machine_round(&m, now + MIN), SCOPE));
	machine_done(&m);
}

TEST(another_policy)
{
	start(NODES_HOME);
	guest(0, 0, 0, 0, 1);
	guest_allowed("0-3", "0-3", "0-3");
	machine_start(&m, false);
	check(places(SEC) != NULL);
	m.policies[0].nodes = NODES_KEEP;
	sense_set_policies(m.sense, &m.table);
	check(!places(2 * SEC));
	m.policies[0].nodes = NODES_HOME;
	sense_set_policies(m.sense, &m.table);
	check(places(3 * SEC) != NULL);
	machine_done(&m);
}

TEST(threads_that_cannot_be_read)
{
	start(NODES_HOME);
	thread(7, 7, "qemu-kvm", 0, 0);
	machine_file(&m, "proc/7/task/10/stat", "nonsense\n");
	machine_file(&m, "proc/7/task/11/stat", "11 (CPU 1/KVM) S\n");
	thread(7, 12, "CPU 2/KVM", 0, 99);
	machine_file(&m, "proc/7/task/12/status", "Cpus_allowed_list:\tx\n");
	machine_start(&m, true);
	check(idset_is_empty(&places(0)->pinned));
	check_int(places(0)->runs_on, -1);
	machine_done(&m);
}
