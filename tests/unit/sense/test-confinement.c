/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

static struct machine m;

#define GUEST(n, name) "machine.slice/machine-qemu\\x2d" #n "\\x2d" name ".scope"

static void start(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "guests", "machine.slice/**/*.scope")->nodes = NODES_RELIEVE;
	m.policies[0].kind = KIND_VM;
	machine_policy(&m, "rest", "system.slice/**/*.service");
}

static void guest(const char *path, pid_t pid, uint64_t on_node_0, uint64_t on_node_1)
{
	char list[16];

	snprintf(list, sizeof(list), "%d\n", pid);
	machine_cgroup(&m, path, list);
	machine_memory(&m, path, on_node_0, on_node_1, 0);
	machine_process(&m, pid, "qemu", (uint64_t)pid, on_node_0 + on_node_1, "0-1");
}

static void numa_maps(pid_t pid, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/numa_maps", pid);
	machine_file(&m, path, "%s", text);
}

/* Arguments with NUL between them, as the kernel gives them. */
static void cmdline(pid_t pid, const char *arguments, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
	machine_write(&m, path, arguments, size);
}
#define CMDLINE(pid, text) cmdline(pid, text, sizeof(text))

static const struct service *service_of(const char *path)
{
	return machine_service(sense_snapshot(m.sense), path);
}

TEST(free_guests_are_movable_and_bound_ones_confined)
{
	start();
	guest(GUEST(1, "free"), 11, 300 * MIB, 20 * MIB);
	guest(GUEST(2, "bound"), 12, 100 * MIB, 0);
	numa_maps(12, "5000 bind:0 file=/usr/bin/qemu mapped=1 N0=1 kernelpagesize_kB=4\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *bound = service_of(GUEST(2, "bound"));

	check_known(service_value(bound, METRIC_SERVICE_CONFINED), 1);
	check(bound->allowed_known);
	check(idset_has(bound->allowed, 0) && !idset_has(bound->allowed, 1));
	check_known(service_value(service_of(GUEST(1, "free")), METRIC_SERVICE_CONFINED), 0);
	check_known(node_value(s, 0, METRIC_NODE_CONFINED), 1);
	check_known(node_value(s, 1, METRIC_NODE_CONFINED), 0);
	check_known(node_value(s, 0, METRIC_NODE_MOVABLE), 300 * MIB);
	check_known(node_value(s, 1, METRIC_NODE_MOVABLE), 20 * MIB);
	machine_done(&m);
}

TEST(a_cpuset_confines_without_a_look_at_policies)
{
	start();
	guest(GUEST(1, "a"), 11, 0, 300 * MIB);
	machine_process(&m, 11, "qemu", 11, 300 * MIB, "1");
	machine_remove(&m, "proc/11/numa_maps");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check(service_of(GUEST(1, "a"))->allowed_known);
	check_known(node_value(s, 1, METRIC_NODE_CONFINED), 1);
	check_known(node_value(s, 1, METRIC_NODE_MOVABLE), 0);
	machine_done(&m);
}

TEST(preferred_and_interleave_do_not_confine)
{
	start();
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	numa_maps(11, "5000 prefer:0 file=/x mapped=1 N0=1\n6000 interleave:0 heap anon=1 N0=1\n"
		      "7000 prefer (many):0 stack anon=1 N0=1\n8000 local anon=1 N0=1\n");
	machine_start(&m, false);
	machine_round(&m, SEC);
	check_known(service_value(service_of(GUEST(1, "a")), METRIC_SERVICE_CONFINED), 0);
	machine_done(&m);
}

TEST(backends_on_the_command_line_confine)
{
	start();
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	CMDLINE(11, "/usr/bin/qemu-system-x86_64\0-name\0guest=database,debug-threads=on\0-m\0"
		    "size=1048576k\0-object\0"
		    "{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram-node0\",\"size\":1073741824,"
		    "\"host-nodes\":[0],\"policy\":\"bind\"}\0");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *a = service_of(GUEST(1, "a"));

	check_int(a->guest, GUEST_QEMU);
	check_str(a->name, "database");
	check(idset_has(a->allowed, 0) && !idset_has(a->allowed, 1));
	check_known(node_value(s, 0, METRIC_NODE_CONFINED), 1);
	/* 1 GiB declared, 100 MiB taken. */
	check_int(s->nodes[0].declared_growth_bytes, GIB - 100 * MIB);
	check_int(s->nodes[1].declared_growth_bytes, 0);
	machine_done(&m);
}

TEST(a_guest_with_parts_on_both_nodes_is_confined_to_each)
{
	start();
	guest(GUEST(1, "cells"), 11, 100 * MIB, 100 * MIB);
	CMDLINE(11, "qemu-kvm\0-m\0001024\0-object\0"
		    "memory-backend-ram,id=a,size=512M,host-nodes=0,policy=bind\0-object\0"
		    "memory-backend-ram,id=b,size=512M,host-nodes=1,policy=bind\0");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check(service_of(GUEST(1, "cells"))->allowed_known);
	check(idset_is_empty(service_of(GUEST(1, "cells"))->allowed));
	check_known(node_value(s, 0, METRIC_NODE_CONFINED), 1);
	check_known(node_value(s, 1, METRIC_NODE_CONFINED), 1);
	check_known(node_value(s, 0, METRIC_NODE_MOVABLE), 0);
	machine_done(&m);
}

TEST(the_roomiest_allowed_node_counts)
{
	static const struct machine_node three[] = {
		{ .id = 0, .managed_pages = 262144, .free_pages = 90000 },
		{ .id = 1, .managed_pages = 262144, .free_pages = 50000 },
		{ .id = 2, .managed_pages = 262144, .free_pages = 60000 },
	};

	start();
	machine_nodes(&m, three, 3);
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	machine_process(&m, 11, "qemu", 11, 100 * MIB, "1-2");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_known(node_value(s, 0, METRIC_NODE_CONFINED), 0);
	check_known(node_value(s, 1, METRIC_NODE_CONFINED), 0);
	check_known(node_value(s, 2, METRIC_NODE_CONFINED), 1);
	/* On node 0 against its set, and it may go elsewhere: movable. */
	check_known(node_value(s, 0, METRIC_NODE_MOVABLE), 100 * MIB);
	machine_done(&m);
}

TEST(big_processes_decide_small_ones_do_not)
{
	start();
	machine_cgroup(&m, "system.slice/db.service", "21\n22\n23\n");
	machine_memory(&m, "system.slice/db.service", 200 * MIB, 0, 0);
	machine_process(&m, 21, "db", 1, 100 * MIB, "0-1");
	machine_process(&m, 22, "helper", 1, 10 * MIB, "1");
	machine_process(&m, 23, "worker", 1, 80 * MIB, "0-1");
	machine_start(&m, false);
	machine_round(&m, SEC);
	check_known(service_value(service_of("system.slice/db.service"), METRIC_SERVICE_CONFINED),
		    0);
	/* Once a large one is bound, it is the one that the kernel would kill. */
	numa_maps(23, "5000 bind:0 file=/x mapped=1 N0=1\n");
	machine_round(&m, 400 * SEC);
	check_known(service_value(service_of("system.slice/db.service"), METRIC_SERVICE_CONFINED),
		    1);
	check(idset_has(service_of("system.slice/db.service")->allowed, 0));
	machine_done(&m);
}

TEST(in_a_guest_the_monitor_decides_whatever_the_helpers_size)
{
	start();
	guest(GUEST(1, "huge"), 11, 40 * MIB, 0);
	machine_cgroup_file(&m, GUEST(1, "huge"), "cgroup.procs", "11\n12\n");
	machine_memory(&m, GUEST(1, "huge"), 340 * MIB, 0, 0);
	CMDLINE(11, "qemu-system-x86_64\0-m\0001024\0-mem-path\0/dev/hugepages\0");
	numa_maps(11, "5000 bind:1 file=/x mapped=1 N1=1\n");
	machine_process(&m, 12, "virtiofsd", 1, 300 * MIB, "0");
	machine_start(&m, false);
	machine_round(&m, SEC);

	const struct service *huge = service_of(GUEST(1, "huge"));

	check(idset_has(huge->allowed, 1) && !idset_has(huge->allowed, 0));
	machine_done(&m);
}

TEST(until_it_was_looked_at_nothing_is_known)
{
	start();
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	machine_start(&m, false);
	check_int(sense_fast(m.sense, SEC), 0);
	check_int(sense_rescan(m.sense, SEC), 0);
	check_int(sense_services(m.sense, SEC), 0);

	const struct snapshot *s = sense_snapshot(m.sense);

	check(!s->services[0].allowed_known);
	check_unknown(service_value(&s->services[0], METRIC_SERVICE_CONFINED));
	check_known(node_value(s, 0, METRIC_NODE_CONFINED), 0);
	check_known(node_value(s, 0, METRIC_NODE_MOVABLE), 0);
	machine_done(&m);
}

TEST(a_bind_whose_nodes_cannot_be_told_is_unknown)
{
	start();
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	numa_maps(11, "5000 bind=relative:0 file=/x mapped=1 N0=1\n");
	machine_start(&m, false);
	machine_round(&m, SEC);
	check(!service_of(GUEST(1, "a"))->allowed_known);
	machine_done(&m);
}

TEST(one_node_confines_nobody)
{
	start();
	machine_remove(&m, NODE_DIR);
	machine_nodes(&m, two_nodes, 1);
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	machine_process(&m, 11, "qemu", 11, 100 * MIB, "0");
	numa_maps(11, "5000 bind:0 file=/x mapped=1 N0=1\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_known(service_value(service_of(GUEST(1, "a")), METRIC_SERVICE_CONFINED), 0);
	check_known(node_value(s, 0, METRIC_NODE_CONFINED), 0);
	check_known(node_value(s, 0, METRIC_NODE_MOVABLE), 0);
	machine_done(&m);
}

TEST(policies_that_keep_are_not_movable)
{
	start();
	machine_cgroup(&m, "system.slice/db.service", "21\n");
	machine_memory(&m, "system.slice/db.service", 200 * MIB, 0, 0);
	machine_process(&m, 21, "db", 1, 200 * MIB, "0-1");
	machine_start(&m, false);
	check_known(node_value(machine_round(&m, SEC), 0, METRIC_NODE_MOVABLE), 0);
	m.policies[1].nodes = NODES_HOME;
	sense_set_policies(m.sense, &m.table);
	check_known(node_value(machine_round(&m, 2 * SEC), 0, METRIC_NODE_MOVABLE), 200 * MIB);
	machine_done(&m);
}

TEST(without_numa_stat_what_is_movable_is_unknown)
{
	start();
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	machine_remove(&m, CGROUP_DIR "/" GUEST(1, "a") "/memory.numa_stat");
	machine_start(&m, false);
	check_unknown(node_value(machine_round(&m, SEC), 0, METRIC_NODE_MOVABLE));
	machine_done(&m);
}

TEST(pinned_guests_are_held)
{
	start();
	guest(GUEST(1, "vfio"), 11, 100 * MIB, 0);
	CMDLINE(11, "qemu-kvm\0-m\0001024\0-device\0vfio-pci,host=0000:01:00.0\0");
	guest(GUEST(2, "accounted"), 12, 100 * MIB, 0);
	CMDLINE(12, "qemu-kvm\0-m\0001024\0");
	machine_file(&m, "proc/12/status",
		     "State:\tS\nVmLck:\t102400 kB\nVmPin:\t0 kB\nVmRSS:\t102400 kB\n"
		     "Mems_allowed_list:\t0-1\n");
	guest(GUEST(3, "locked"), 13, 100 * MIB, 0);
	CMDLINE(13, "qemu-kvm\0-m\0001024\0-overcommit\0mem-lock=on\0");
	machine_file(&m, "proc/13/status",
		     "State:\tS\nVmLck:\t102400 kB\nVmPin:\t0 kB\nVmRSS:\t102400 kB\n"
		     "Mems_allowed_list:\t0-1\n");
	machine_start(&m, false);
	machine_round(&m, SEC);
	/* The accounts are read again once it is known that it is a guest. */
	machine_meminfo(&m, 2 * GIB, 100 * MIB);

	const struct snapshot *s = machine_round(&m, 20 * SEC);

	check_int(service_of(GUEST(1, "vfio"))->hold, HOLD_PINNED);
	check_int(service_of(GUEST(2, "accounted"))->hold, HOLD_PINNED);
	check_int(service_of(GUEST(3, "locked"))->hold, HOLD_NONE);
	check_known(node_value(s, 0, METRIC_NODE_MOVABLE), 100 * MIB);
	machine_done(&m);
}

TEST(a_guest_that_is_being_received_is_held_until_it_stands_still)
{
	start();
	guest(GUEST(1, "in"), 11, 100 * MIB, 0);
	CMDLINE(11, "qemu-kvm\0-m\0001024\0-incoming\0defer\0");
	machine_start(&m, false);
	machine_round(&m, SEC);
	check_int(service_of(GUEST(1, "in"))->hold, HOLD_INCOMING_MIGRATION);
	check_known(node_value(sense_snapshot(m.sense), 0, METRIC_NODE_MOVABLE), 0);
	for (unsigned i = 1; i <= 3; i++) {
		guest(GUEST(1, "in"), 11, (100 + 50 * i) * MIB, 0);
		CMDLINE(11, "qemu-kvm\0-m\0001024\0-incoming\0defer\0");
		machine_round(&m, SEC + i * 15 * SEC);
		check_int(service_of(GUEST(1, "in"))->hold, HOLD_INCOMING_MIGRATION);
	}
	machine_round(&m, 70 * SEC);
	machine_round(&m, 90 * SEC);
	check_int(service_of(GUEST(1, "in"))->hold, HOLD_NONE);
	/* The word stays on the command line. */
	machine_inspect(&m, 600 * SEC);
	check_int(service_of(GUEST(1, "in"))->hold, HOLD_NONE);
	machine_done(&m);
}

/* Its huge pages were taken from the node long ago, and are in no account of its cgroup. */
TEST(a_guest_on_huge_pages_grows_by_nothing)
{
	start();
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	CMDLINE(11, "qemu-kvm\0-m\0001024\0-object\0memory-backend-file,id=a,size=1G,"
		    "mem-path=/dev/hugepages/a,host-nodes=0,policy=bind\0");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *a = service_of(GUEST(1, "a"));

	check_known(node_value(s, 0, METRIC_NODE_CONFINED), 1);
	check(a->is_pooled);
	check_int(a->declared_bytes, GIB);
	check_int(s->nodes[0].declared_growth_bytes, 0);
	machine_done(&m);
}

static void use_ticks(pid_t pid, long ticks)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	machine_file(&m, path,
		     "%d (qemu) S 1 1 1 0 -1 4194560 0 0 0 0 %ld 0 0 0 20 0 1 0 %d 33849344 %d "
		     "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0\n",
		     pid, ticks, pid, 100 * 256);
}

/* Told by two looks, minutes apart; a guest's clocks alone are no work. */
TEST(who_has_nothing_to_do)
{
	static const long percent[] = { 4, 6, 4 };
	const long hz = sysconf(_SC_CLK_TCK);
	long ticks = 5000;
	usec_t now = SEC;

	start();
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	use_ticks(11, ticks);
	machine_start(&m, false);
	machine_round(&m, now);
	check(!service_of(GUEST(1, "a"))->is_idle);
	for (size_t i = 0; i < ARRAY_SIZE(percent); i++) {
		ticks += 360 * hz * percent[i] / 100;
		use_ticks(11, ticks);
		now += 360 * SEC;
		machine_round(&m, now);
		check_int(service_of(GUEST(1, "a"))->is_idle, percent[i] < 5);
	}
	machine_done(&m);
}

TEST(whose_virtual_processors_are_pinned)
{
	start();
	guest(GUEST(1, "a"), 11, 100 * MIB, 0);
	CMDLINE(11, "qemu-kvm\0-m\0001024\0");
	machine_file(&m, "sys/devices/system/node/node0/cpulist", "0-3\n");
	machine_file(&m, "sys/devices/system/node/node1/cpulist", "4-7\n");
	machine_file(&m, "proc/11/task/12/comm", "CPU 0/KVM\n");
	machine_file(&m, "proc/11/task/12/status", "Cpus_allowed_list:\t1\n");
	machine_start(&m, false);
	machine_round(&m, SEC);
	check(service_of(GUEST(1, "a"))->is_tied);
	check(!service_of(GUEST(1, "a"))->is_pooled);
	machine_done(&m);
}
