/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

static struct machine m;
static struct work_request request;
static struct work_reply reply;

static void start(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/**/*.service");
	machine_process(&m, 7, "a", 100, 40 * MIB, "0-1");
	request = (struct work_request){
		.kind = WORK_INSPECT, .token = 99, .pid = 7, .start_ticks = 100
	};
}

static const struct inspection *inspect(void)
{
	memset(&reply, 0xff, sizeof(reply));
	inspect_work(&m.root, &request, &reply);
	check_int(reply.token, 99);
	check(reply.final);
	return &reply.inspection;
}

static void numa_maps(const char *text)
{
	machine_file(&m, "proc/7/numa_maps", "%s", text);
}

TEST(a_process_without_policies)
{
	start();
	check(inspect()->bound_known);
	check_int(reply.error, 0);
	check(!reply.inspection.has_bind);
	check_int(reply.inspection.guest, GUEST_NONE);
	check_str(reply.inspection.guest_name, "");
	machine_done(&m);
}

TEST(another_process_by_now)
{
	start();
	request.start_ticks = 101;
	inspect();
	check_int(reply.error, ESRCH);
	request.pid = 8;
	inspect();
	check_int(reply.error, ESRCH);
	machine_done(&m);
}

TEST(the_policy_of_the_process_shows_on_its_first_lines)
{
	start();
	numa_maps("1000 bind:1 file=/usr/bin/x mapped=1 N1=1 kernelpagesize_kB=4\n"
		  "2000 bind:1 file=/usr/bin/x anon=1 N1=1 kernelpagesize_kB=4\n");
	check(inspect()->has_bind);
	check(idset_has(&reply.inspection.bound, 1) && !idset_has(&reply.inspection.bound, 0));
	machine_done(&m);
}

static size_t add_lines(char *text, size_t length, int count)
{
	for (int i = 0; i < count; i++)
		length += (size_t)sprintf(text + length,
					  "%x000 default file=/usr/lib/libsomething.so.%d mapped=3 "
					  "N0=3 kernelpagesize_kB=4\n",
					  0x1000 + i, i);
	return length;
}

TEST(a_policy_of_most_of_the_process_counts_further_down)
{
	char text[16384];
	size_t length;

	start();
	length = add_lines(text, 0, 30);
	/* 30 of 40 MiB. */
	sprintf(text + length, "9000000 bind:0 anon=7680 N0=7680 kernelpagesize_kB=4\n");
	numa_maps(text);
	check(inspect()->has_bind);
	/* 4 of 40 MiB. */
	sprintf(text + length, "9000000 bind:0 anon=1024 N0=1024 kernelpagesize_kB=4\n");
	numa_maps(text);
	check(!inspect()->has_bind);
	check(reply.inspection.bound_known);
	machine_done(&m);
}

TEST(no_further_than_so_many_lines)
{
	char text[32768];
	size_t length;

	start();
	length = add_lines(text, 0, 60);
	sprintf(text + length, "9000000 bind:0 anon=7680 N0=7680 kernelpagesize_kB=4\n");
	numa_maps(text);
	check(!inspect()->has_bind);
	machine_done(&m);
}

TEST(a_large_process_is_not_walked)
{
	char text[16384];
	size_t length;

	start();
	machine_process(&m, 7, "a", 100, 8 * GIB, "0-1");
	length = add_lines(text, 0, 30);
	sprintf(text + length, "9000000 bind:0 anon=2000000 N0=2000000 kernelpagesize_kB=4\n");
	numa_maps(text);
	check(!inspect()->has_bind);
	machine_done(&m);
}

TEST(nonsense_and_cut_lines)
{
	char *text = malloc(20000);

	start();
	numa_maps("what is this\n\n\n1000 bind:0 file=/x mapped=1 N0=1\n2000 bi");
	check(inspect()->has_bind);
	/* A line longer than the kernel prints: what comes before it is used. */
	check(text != NULL);
	strcpy(text, "1000 bind:1 file=/");
	memset(text + strlen(text), 'x', 15000);
	text[15000] = '\0';
	numa_maps(text);
	check(!inspect()->bound_known);
	free(text);
	numa_maps("");
	check(!inspect()->bound_known);
	check_int(reply.error, 0);
	machine_done(&m);
}

TEST(without_numa_maps_policies_are_unknown)
{
	start();
	machine_remove(&m, "proc/7/numa_maps");
	check(!inspect()->bound_known);
	check_int(reply.error, 0);
	machine_done(&m);
}

TEST(guests)
{
	static const char text[] = "/usr/libexec/qemu-kvm\0-name\0guest=db\x1b[31m,,x\0-m\0002048\0"
				   "-device\0vfio-pci,host=1\0";

	start();
	machine_write(&m, "proc/7/cmdline", text, sizeof(text));
	check_int(inspect()->guest, GUEST_QEMU);
	check_int(reply.inspection.guest_declared_bytes, 2 * GIB);
	check_int(reply.inspection.hold, HOLD_PINNED);
	machine_done(&m);
}

/* Why. */

TEST(the_reason_of_a_bind_is_kept)
{
	static const char guest[] = "qemu-kvm\0-object\0memory-backend-ram,id=a,size=1G,"
				    "host-nodes=0,policy=bind\0";
	char text[16384];
	size_t length;

	start();
	numa_maps("1000 bind:1 file=/usr/bin/x mapped=1 N1=1 kernelpagesize_kB=4\n");
	check_int(inspect()->bound_by, CONFINED_BY_TASK);
	check_int(reply.inspection.task_policy, TASK_POLICY_BIND);
	check(idset_has(&reply.inspection.task_nodes, 1));
	length = add_lines(text, 0, 30);
	sprintf(text + length, "9000000 bind:0 anon=7680 N0=7680 kernelpagesize_kB=4\n");
	numa_maps(text);
	check_int(inspect()->bound_by, CONFINED_BY_MAPPING);
	check_int(reply.inspection.task_policy, TASK_POLICY_ANY);
	machine_write(&m, "proc/7/cmdline", guest, sizeof(guest) - 1);
	numa_maps("1000 default file=/usr/bin/qemu mapped=1 N1=1 kernelpagesize_kB=4\n");
	check_int(inspect()->bound_by, CONFINED_BY_BACKEND);
	machine_done(&m);
}

/* No mapping's own policy is shown as "default": where one is, the task has none. */
TEST(a_small_mapping_s_policy_is_not_the_task_s)
{
	start();
	numa_maps("1000 default file=/usr/bin/x mapped=1 N1=1 kernelpagesize_kB=4\n"
		  "2000 bind:0 anon=4 N0=4 kernelpagesize_kB=4\n"
		  "3000 default heap anon=4 N0=4 kernelpagesize_kB=4\n");
	check(!inspect()->has_bind);
	check(reply.inspection.bound_known);
	check_int(reply.inspection.bound_by, 0);
	check_int(reply.inspection.task_policy, TASK_POLICY_ANY);
	machine_done(&m);
}

TEST(other_policies_of_the_task)
{
	start();
	numa_maps("1000 interleave:0-1 file=/usr/bin/x mapped=1 N1=1\n");
	check(!inspect()->has_bind);
	check_int(reply.inspection.task_policy, TASK_POLICY_INTERLEAVE);
	check_int(idset_count(&reply.inspection.task_nodes), 2);
	numa_maps("1000 prefer:1 file=/usr/bin/x mapped=1 N1=1\n");
	check_int(inspect()->task_policy, TASK_POLICY_ANY);
	numa_maps("1000 bind=relative:0 file=/usr/bin/x mapped=1 N1=1\n");
	check_int(inspect()->task_policy, TASK_POLICY_UNKNOWN);
	check(!reply.inspection.bound_known);
	machine_done(&m);
}

TEST(libvirt_knows_when_a_migration_is_over)
{
	static const char guest[] = "qemu-kvm\0-name\0guest=web\0-m\0001024\0-incoming\0defer\0";
	static const char path[] = "run/libvirt/qemu/web.xml";

	start();
	machine_write(&m, "proc/7/cmdline", guest, sizeof(guest) - 1);
	check_int(inspect()->hold, HOLD_INCOMING_MIGRATION);
	check(!reply.inspection.migration_known);
	machine_file(&m, path,
		     "<domstatus state='running' reason='migrated' pid='7'><domain>"
		     "<memory unit='GiB'>2</memory></domain></domstatus>");
	check_int(inspect()->hold, HOLD_NONE);
	check(reply.inspection.migration_known);
	check_int(reply.inspection.guest_declared_bytes, 2 * GIB);
	machine_file(&m, path, "<domstatus pid='7'><job async='migration in'/></domstatus>");
	check_int(inspect()->hold, HOLD_INCOMING_MIGRATION);
	machine_file(&m, path, "<domstatus pid='7'><job async='migration out'/></domstatus>");
	check_int(inspect()->hold, HOLD_OUTGOING_MIGRATION);
	machine_file(&m, path, "<domstatus pid='8'><job async='migration out'/></domstatus>");
	check_int(inspect()->hold, HOLD_INCOMING_MIGRATION);
	machine_done(&m);
}

/* The queue. */

static void start_services(void)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "7\n");
	machine_memory(&m, "system.slice/a.service", 40 * MIB, 0, 0);
	machine_process(&m, 8, "b", 200, 200 * MIB, "0-1");
	machine_cgroup(&m, "system.slice/b.service", "8\n");
	machine_memory(&m, "system.slice/b.service", 200 * MIB, 0, 0);
	machine_start(&m, false);
	check_int(sense_fast(m.sense, SEC), 0);
	check_int(sense_rescan(m.sense, SEC), 0);
}

static void answer(usec_t now)
{
	inspect_work(&m.root, &request, &reply);
	sense_take_inspection(m.sense, &request, &reply, now);
}

TEST(largest_first_and_each_once)
{
	start_services();
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	check_int(request.kind, WORK_INSPECT);
	check_int(request.pid, 8);
	check_int(request.start_ticks, 200);

	struct work_request second;

	check_int(sense_next_inspection(m.sense, SEC, &second), 1);
	check_int(second.pid, 7);
	check_int(sense_next_inspection(m.sense, SEC, &second), 0);
	answer(SEC);
	check_int(sense_next_inspection(m.sense, SEC, &second), 0);
	machine_done(&m);
}

TEST(a_request_that_came_back_is_given_again)
{
	start_services();
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	sense_return_inspection(m.sense, &request);
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	check_int(request.pid, 8);
	machine_done(&m);
}

TEST(one_that_is_never_answered_is_asked_again)
{
	start_services();
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	check_int(sense_next_inspection(m.sense, 2 * SEC, &request), 0);
	check_int(sense_next_inspection(m.sense, 10 * SEC, &request), 1);
	machine_done(&m);
}

TEST(a_look_grows_stale_sooner_while_a_node_is_short)
{
	struct machine_node nodes[2] = { two_nodes[0], two_nodes[1] };

	start_services();
	machine_inspect(&m, SEC);
	machine_round(&m, 40 * SEC);
	check_int(sense_next_inspection(m.sense, 40 * SEC, &request), 0);
	nodes[0].free_pages = 5000;
	machine_nodes(&m, nodes, 2);
	check_int(sense_fast(m.sense, 80 * SEC), 0);
	check_int(sense_next_inspection(m.sense, 80 * SEC, &request), 1);
	answer(80 * SEC);
	machine_nodes(&m, two_nodes, 2);
	machine_round(&m, 100 * SEC);
	machine_round(&m, 200 * SEC);
	check_int(sense_next_inspection(m.sense, 300 * SEC, &request), 0);
	check_int(sense_next_inspection(m.sense, 500 * SEC, &request), 1);
	machine_done(&m);
}

/* numactl(8) sets a policy and executes the guest: the same process, and not what was looked at. */
TEST(one_that_has_outgrown_the_last_look_is_looked_at_again)
{
	usec_t now = 20 * SEC;

	start();
	machine_process(&m, 7, "a", 100, 5 * MIB, "0-1");
	machine_cgroup(&m, "system.slice/a.service", "7\n");
	machine_memory(&m, "system.slice/a.service", 5 * MIB, 0, 0);
	machine_start(&m, false);
	machine_round(&m, SEC);
	machine_inspect(&m, SEC);
	check_int(sense_next_inspection(m.sense, 2 * SEC, &request), 0);
	machine_process(&m, 7, "guest", 100, 60 * MIB, "0-1");
	machine_memory(&m, "system.slice/a.service", 60 * MIB, 0, 0);
	/* As soon as the service is read again, which on a calm machine may take a while. */
	do {
		now += SEC;
		check(now <= 80 * SEC);
		machine_round(&m, now);
	} while (sense_next_inspection(m.sense, now, &request) == 0);
	check_int(request.pid, 7);
	answer(now);
	machine_round(&m, now + SEC);
	check_int(sense_next_inspection(m.sense, now + SEC, &request), 0);
	machine_done(&m);
}

TEST(small_processes_are_left_alone)
{
	start();
	machine_process(&m, 7, "a", 100, 3 * MIB, "0-1");
	machine_cgroup(&m, "system.slice/a.service", "7\n");
	machine_start(&m, false);
	check_int(sense_fast(m.sense, SEC), 0);
	check_int(sense_rescan(m.sense, SEC), 0);
	check_int(sense_next_inspection(m.sense, SEC, &request), 0);
	machine_done(&m);
}

TEST(on_one_node_each_large_process_is_looked_at_once)
{
	start();
	machine_remove(&m, NODE_DIR);
	machine_nodes(&m, two_nodes, 1);
	machine_cgroup(&m, "system.slice/a.service", "7\n");
	machine_start(&m, false);
	check_int(sense_fast(m.sense, SEC), 0);
	check_int(sense_rescan(m.sense, SEC), 0);
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	answer(SEC);
	check_int(sense_next_inspection(m.sense, 10000 * SEC, &request), 0);
	machine_done(&m);
}

TEST(a_failed_look_keeps_what_was_known)
{
	const struct snapshot *s;

	start_services();
	machine_inspect(&m, SEC);
	s = machine_round(&m, 2 * SEC);
	check(machine_service(s, "system.slice/b.service")->allowed_known);
	check_int(sense_next_inspection(m.sense, 400 * SEC, &request), 1);
	reply = (struct work_reply){ .final = true, .error = ETIMEDOUT };
	sense_take_inspection(m.sense, &request, &reply, 400 * SEC);
	s = sense_snapshot(m.sense);
	for (size_t i = 0; i < s->process_count; i++)
		if (s->processes[i].pid == request.pid) {
			check(s->processes[i].bound);
			check_int(s->processes[i].bound_at, SEC);
		}
	check(machine_service(s, "system.slice/b.service")->allowed_known);
	machine_done(&m);
}

TEST(a_look_that_is_refused_is_said)
{
	start_services();
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	reply = (struct work_reply){ .final = true, .error = EACCES };
	sense_take_inspection(m.sense, &request, &reply, SEC);
	check(has_gap(&m, "CAP_SYS_PTRACE"));
	machine_done(&m);
}

TEST(answers_about_processes_that_are_gone_are_dropped)
{
	start_services();
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	request.start_ticks++;
	reply = (struct work_reply){ .final = true };
	reply.inspection.guest = GUEST_QEMU;
	sense_take_inspection(m.sense, &request, &reply, SEC);
	machine_round(&m, 2 * SEC);

	const struct snapshot *s = sense_snapshot(m.sense);

	for (size_t i = 0; i < s->service_count; i++)
		check_int(s->services[i].guest, GUEST_NONE);
	machine_done(&m);
}

TEST(a_guest_in_an_ordinary_unit_is_recognised)
{
	static const char text[] = "qemu-system-x86_64\0-name\0tiny\0-m\000512\0";

	start_services();
	machine_write(&m, "proc/8/cmdline", text, sizeof(text));
	machine_inspect(&m, SEC);
	machine_round(&m, 2 * SEC);

	const struct service *b =
		machine_service(sense_snapshot(m.sense), "system.slice/b.service");

	check_int(b->guest, GUEST_QEMU);
	check_str(b->name, "tiny");
	machine_done(&m);
}

TEST(a_unit_with_several_guests_keeps_its_name)
{
	static const char text[] = "qemu-system-x86_64\0-name\0one\0";

	start();
	machine_process(&m, 8, "b", 200, 50 * MIB, "0-1");
	machine_write(&m, "proc/7/cmdline", text, sizeof(text));
	machine_write(&m, "proc/8/cmdline", text, sizeof(text));
	machine_cgroup(&m, "system.slice/many.service", "7\n8\n");
	machine_memory(&m, "system.slice/many.service", 90 * MIB, 0, 0);
	machine_start(&m, false);

	const struct service *many =
		machine_service(machine_round(&m, SEC), "system.slice/many.service");

	check_int(many->guest, GUEST_QEMU);
	check_str(many->name, "many.service");
	machine_done(&m);
}

TEST(a_guest_that_leaves_is_left_alone_and_then_not_any_more)
{
	static const char text[] = "qemu-kvm\0-name\0tiny\0";
	static const char path[] = "run/libvirt/qemu/tiny.xml";

	start_services();
	machine_write(&m, "proc/8/cmdline", text, sizeof(text) - 1);
	machine_file(&m, path, "<domstatus pid='8'><job async='migration out'/></domstatus>");
	machine_inspect(&m, SEC);
	check_int(machine_service(machine_round(&m, 2 * SEC), "system.slice/b.service")->hold,
		  HOLD_OUTGOING_MIGRATION);
	machine_file(&m, path, "<domstatus pid='8'/>");
	machine_round(&m, 400 * SEC);
	machine_inspect(&m, 400 * SEC);
	check_int(machine_service(machine_round(&m, 401 * SEC), "system.slice/b.service")->hold,
		  HOLD_NONE);
	machine_done(&m);
}

TEST(what_confines_a_service_is_said)
{
	const struct snapshot *s;

	start();
	machine_process(&m, 7, "a", 100, 40 * MIB, "0");
	machine_cgroup(&m, "system.slice/a.service", "7\n");
	machine_memory(&m, "system.slice/a.service", 40 * MIB, 0, 0);
	machine_process(&m, 8, "b", 200, 200 * MIB, "0-1");
	machine_cgroup(&m, "system.slice/b.service", "8\n");
	machine_memory(&m, "system.slice/b.service", 200 * MIB, 0, 0);
	machine_file(&m, "proc/8/numa_maps",
		     "1000 bind:1 file=/usr/bin/x mapped=1 N1=1 kernelpagesize_kB=4\n");
	machine_start(&m, false);
	machine_round(&m, SEC);
	machine_inspect(&m, SEC);
	s = machine_round(&m, 2 * SEC);
	check_int(machine_service(s, "system.slice/a.service")->confined_by, CONFINED_BY_CPUSET);
	check_int(machine_service(s, "system.slice/b.service")->confined_by, CONFINED_BY_TASK);
	machine_done(&m);
}

/* More guests with names of their own than a round has room for. */
TEST(names_that_must_wait_come_later)
{
	char cgroup[64], process[16], path[64], text[64];
	int named = 0;

	start();
	for (int i = 0; i < 12; i++) {
		machine_process(&m, 20 + i, "q", 300, 50 * MIB, "0-1");
		snprintf(path, sizeof(path), "proc/%d/cmdline", 20 + i);
		snprintf(text, sizeof(text), "qemu-kvm%c-name%cguest%d", 0, 0, i);
		machine_write(&m, path, text, sizeof("qemu-kvm") + sizeof("-name") + 8);
		snprintf(cgroup, sizeof(cgroup), "system.slice/vm%d.service", i);
		snprintf(process, sizeof(process), "%d\n", 20 + i);
		machine_cgroup(&m, cgroup, process);
		machine_memory(&m, cgroup, 50 * MIB, 0, 0);
	}
	machine_start(&m, false);
	machine_round(&m, SEC);
	machine_inspect(&m, SEC);
	machine_round(&m, 2 * SEC);
	machine_round(&m, 100 * SEC);
	machine_inspect(&m, 100 * SEC);

	const struct snapshot *s = machine_round(&m, 101 * SEC);

	for (size_t i = 0; i < s->service_count; i++)
		named += strncmp(s->services[i].name, "guest", 5) == 0;
	check_int(named, 12);
	machine_done(&m);
}

/* One line a sort of shared memory; pages of 4 KiB, but where it says otherwise. */
TEST(what_of_shared_memory_ends_with_its_users)
{
	char text[16384];
	size_t length;

	start();
	length = add_lines(text, 0, 60); /* further down than a policy is looked for */
	snprintf(text + length, sizeof(text) - length,
		 "7f000000 default file=/dev/zero\\040(deleted) dirty=256 N0=128 N1=128 "
		 "kernelpagesize_kB=4\n"
		 "7f100000 default file=/memfd:some\\040buffer\\040(deleted) dirty=256 N0=256 "
		 "kernelpagesize_kB=4\n"
		 "7f200000 default file=/dev/shm/table dirty=1024 N0=1024 kernelpagesize_kB=4\n"
		 "7f300000 default file=/SYSV00000000\\040(deleted) dirty=1024 N0=1024 "
		 "kernelpagesize_kB=4\n"
		 "7f400000 default file=/usr/lib/libold.so\\040(deleted) mapped=1024 N0=1024 "
		 "kernelpagesize_kB=4\n"
		 "7f500000 default file=/memfd:huge\\040(deleted) huge dirty=8 N0=8 "
		 "kernelpagesize_kB=2048\n"
		 "7f600000 default heap anon=1024 dirty=1024 N0=1024 kernelpagesize_kB=4\n");
	numa_maps(text);
	check_int(inspect()->mortal_bytes, 0); /* nobody asks */
	request.wants_shared = true;
	check_int(inspect()->mortal_bytes, 2 * MIB);
	check_int(reply.error, 0);
	check(reply.inspection.bound_known);
	machine_done(&m);
}

#define SHARING "system.slice/c.service"

/* 30 MiB of 70 end with their users. */
static uint64_t mortal_of(enum kill_class kill, bool shares)
{
	const struct service *c;
	uint64_t bytes;

	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/**/*.service")->kill = kill;
	machine_cgroup(&m, SHARING, "7\n");
	machine_process(&m, 7, "c", 100, 40 * MIB, "0-1");
	numa_maps("1000 default file=/usr/bin/x mapped=1 N0=1 kernelpagesize_kB=4\n"
		  "7f00 default file=/dev/zero\\040(deleted) dirty=7680 N0=7680 "
		  "kernelpagesize_kB=4\n");
	machine_cgroup_file(&m, SHARING, "memory.current", "104857600\n");
	machine_cgroup_file(&m, SHARING, "memory.numa_stat",
			    shares ? "anon N0=1048576 N1=0\nfile N0=73400320 N1=0\n"
				     "shmem N0=73400320 N1=0\nunevictable N0=0 N1=0\n"
				   : "anon N0=1048576 N1=0\nfile N0=0 N1=0\n"
				     "shmem N0=0 N1=0\nunevictable N0=0 N1=0\n");
	machine_start(&m, false);
	for (usec_t now = 1; now < 60; now += 10)
		(void)machine_round(&m, now * SEC);
	c = machine_find(sense_snapshot(m.sense), SHARING);
	check(c && c->process_count == 1);
	bytes = sense_snapshot(m.sense)->processes[c->first_process].mortal_bytes;
	/* It is asked once, and not at every look from then on. */
	check_int(sense_next_inspection(m.sense, 61 * SEC, &request), 0);
	machine_done(&m);
	return bytes;
}

TEST(shared_memory_is_asked_for_where_it_matters)
{
	check_int(mortal_of(KILL_NORMAL, true), 30 * MIB);
	check_int(mortal_of(KILL_NEVER, true), 0);
	check_int(mortal_of(KILL_NORMAL, false), 0);
}

/* What is declared and comes from pools takes no ordinary memory; some of it elsewhere does. */
TEST(guests_on_huge_pages_of_a_pool)
{
	static const struct {
		const char *text;
		size_t size;
		bool is_pooled;
	} cases[] = {
#define CASE(text, is_pooled) { text, sizeof(text), is_pooled }
		CASE("qemu-kvm\0-m\0002048\0-object\0memory-backend-file,id=a,size=2G,"
		     "mem-path=/dev/hugepages/libvirt/qemu/1-db\0",
		     true),
		CASE("qemu-kvm\0-m\0002048\0-mem-path\0/run/hugepages/kvm\0", true),
		CASE("qemu-kvm\0-m\0002048\0-object\0memory-backend-memfd,id=a,size=1G,"
		     "hugetlb=on\0-object\0memory-backend-ram,id=b,size=1G\0",
		     false),
		CASE("qemu-kvm\0-m\0002048\0-object\0memory-backend-ram,id=b,size=2G\0", false),
		CASE("qemu-kvm\0-m\0002048\0", false),
		CASE("daemon\0-mem-path\0/dev/hugepages\0", false),
#undef CASE
	};

	start();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		machine_write(&m, "proc/7/cmdline", cases[i].text, cases[i].size);
		check_int(inspect()->guest_pooled, cases[i].is_pooled);
	}
	machine_done(&m);
}

/* Nobody but QEMU itself knows of it where there is no libvirt. */
TEST(a_guest_that_is_sent_away_by_hand)
{
	static const char guest[] = "kvm\0-name\0web,debug-threads=on\0-m\0001024\0";
	static const char received[] = "kvm\0-m\0001024\0-incoming\0defer\0";
	static const char pinned[] = "kvm\0-m\0001024\0-device\0vfio-pci,host=1\0";
	static const char *const names[] = { "live_migration", "mig/src/main", "migration" };

	start();
	machine_write(&m, "proc/7/cmdline", guest, sizeof(guest));
	machine_file(&m, "proc/7/task/7/comm", "kvm\n");
	machine_file(&m, "proc/7/task/8/comm", "CPU 0/KVM\n");
	check_int(inspect()->hold, HOLD_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		machine_file(&m, "proc/7/task/9/comm", "%s\n", names[i]);
		check_int(inspect()->hold, HOLD_OUTGOING_MIGRATION);
	}
	machine_write(&m, "proc/7/cmdline", received, sizeof(received));
	check_int(inspect()->hold, HOLD_OUTGOING_MIGRATION);
	machine_write(&m, "proc/7/cmdline", pinned, sizeof(pinned));
	check_int(inspect()->hold, HOLD_PINNED);
	/* Others than QEMU may call their threads what they like. */
	machine_write(&m, "proc/7/cmdline", "daemon", sizeof("daemon"));
	check_int(inspect()->hold, HOLD_NONE);
	/* libvirt's word counts. */
	machine_write(&m, "proc/7/cmdline", "kvm\0-name\0guest=web",
		      sizeof("kvm\0-name\0guest=web"));
	machine_file(&m, "run/libvirt/qemu/web.xml", "<domstatus pid='7'><domain/></domstatus>");
	check_int(inspect()->hold, HOLD_NONE);
	check(reply.inspection.migration_known);
	machine_done(&m);
}

TEST(virtual_processors_that_are_pinned)
{
	static const char guest[] = "kvm\0-name\0web,debug-threads=on\0-m\0001024\0";
	static const struct {
		const char *list;
		bool is_kept;
	} cases[] = { { "0-7", false }, { "0-3", true }, { "5", true },
		      { "3-4", false }, { "90", false }, { "", false } };

	start();
	machine_file(&m, "sys/devices/system/node/node0/cpulist", "0-3\n");
	machine_file(&m, "sys/devices/system/node/node1/cpulist", "4-7\n");
	machine_write(&m, "proc/7/cmdline", guest, sizeof(guest));
	check(!inspect()->vcpus_kept);
	machine_file(&m, "proc/7/task/7/comm", "kvm\n");
	machine_file(&m, "proc/7/task/7/status", "Cpus_allowed_list:\t0\n");
	machine_file(&m, "proc/7/task/8/comm", "CPU 0/KVM\n");
	machine_file(&m, "proc/7/task/8/status", "Cpus_allowed_list:\t0-7\n");
	machine_file(&m, "proc/7/task/9/comm", "CPU 1/KVM\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		machine_file(&m, "proc/7/task/9/status", "Cpus_allowed_list:\t%s\n", cases[i].list);
		check_int(inspect()->vcpus_kept, cases[i].is_kept);
	}
	machine_done(&m);
}
