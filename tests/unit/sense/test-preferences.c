/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#define SCOPE "machine.slice/vm.scope"
#define MIN   (60 * SEC)
/* Pages of 4 KiB. */
#define PAGES_100M "25600"
#define PAGES_200M "51200"

static struct machine m;
static struct work_reply reply;

static void command_line(pid_t pid, const char *policy)
{
	char text[512], path[64];
	size_t length = 0;
	const char *const words[] = {
		"/usr/bin/qemu-kvm", "-name", "vm", "-m", "300M", "-object", policy,
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		memcpy(text + length, words[i], strlen(words[i]) + 1);
		length += strlen(words[i]) + 1;
	}
	snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
	machine_write(&m, path, text, length);
}

#define FIRST_LINES                                                               \
	"1000 default file=/usr/bin/qemu-kvm mapped=9 N0=9 kernelpagesize_kB=4\n" \
	"2000 default anon=5 N1=5 kernelpagesize_kB=4\n"                          \
	"3000 default file=/lib/a mapped=9 N0=9 kernelpagesize_kB=4\n"            \
	"4000 default file=/lib/b mapped=9 N0=9 kernelpagesize_kB=4\n"            \
	"5000 default file=/lib/c mapped=9 N0=9 kernelpagesize_kB=4\n"            \
	"6000 default file=/lib/d mapped=9 N0=9 kernelpagesize_kB=4\n"            \
	"7000 default file=/lib/e mapped=9 N0=9 kernelpagesize_kB=4\n"            \
	"8000 default heap anon=9 N0=9 kernelpagesize_kB=4\n"                     \
	"9000 default file=/lib/f mapped=9 N0=9 kernelpagesize_kB=4\n"

static void maps(pid_t pid, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/numa_maps", pid);
	machine_file(&m, path, FIRST_LINES "%s", text);
}

static void start(enum nodes_mode nodes)
{
	machine_two_nodes(&m);
	machine_policy(&m, "guests", "machine.slice/*.scope")->nodes = nodes;
	machine_cgroup(&m, SCOPE, "7\n");
	machine_memory(&m, SCOPE, 300 * MIB, 0, 0);
	machine_process(&m, 7, "qemu-kvm", 100, 300 * MIB, "0-1");
	command_line(7, "memory-backend-ram,id=a,size=300M,host-nodes=1,policy=preferred");
	maps(7,
	     "a000 prefer:1 anon=76800 N0=" PAGES_200M " N1=" PAGES_100M " kernelpagesize_kB=4\n");
}

static const struct inspection *inspect(bool wants)
{
	const struct work_request request = {
		.kind = WORK_INSPECT, .pid = 7, .start_ticks = 100, .wants_preferences = wants
	};

	memset(&reply, 0xff, sizeof(reply));
	inspect_work(&m.root, &request, &reply);
	check_int(reply.error, 0);
	return &reply.inspection;
}

static void check_preference(const struct preference *p, unsigned node, uint64_t home,
			     unsigned away_node, uint64_t away)
{
	check_int(p->node, node);
	check_int(p->home_bytes, home);
	check_int(p->away_node, away_node);
	check_int(p->away_bytes, away);
}

/* --- the worker's look ------------------------------------------------------------------------ */

TEST(what_is_away_of_what_a_backend_prefers)
{
	start(NODES_HOME);
	check_int(inspect(true)->preference_count, 1);
	check_preference(&reply.inspection.preferences[0], 1, 100 * MIB, 0, 200 * MIB);
	check(reply.inspection.bound_known && !reply.inspection.has_bind);
	machine_done(&m);
}

TEST(not_looked_for_where_nobody_asks)
{
	start(NODES_HOME);
	check_int(inspect(false)->preference_count, 0);
	machine_done(&m);
}

TEST(nor_where_nothing_names_such_a_policy)
{
	start(NODES_HOME);
	/* Of 300 MiB the whole would be looked through, further down than where this one lies. */
	machine_process(&m, 7, "qemu-kvm", 100, 8 * GIB, "0-1");
	command_line(7, "memory-backend-ram,id=a,size=300M");
	maps(7, "a000 prefer:1 anon=76800 N0=" PAGES_200M " kernelpagesize_kB=4\n");
	check_int(inspect(true)->preference_count, 0);
	machine_done(&m);
}

TEST(a_task_that_prefers_a_node_prefers_it_for_all_it_has)
{
	start(NODES_HOME);
	machine_process(&m, 7, "x", 100, 8 * GIB, "0-1");
	machine_file(&m, "proc/7/numa_maps",
		     "1000 prefer:0 file=/usr/bin/x mapped=9 N1=9 kernelpagesize_kB=4\n"
		     "2000 prefer:0 anon=256 N0=256 kernelpagesize_kB=4\n"
		     "3000 prefer:0 file=/lib/a mapped=9 N1=9 kernelpagesize_kB=4\n"
		     "4000 prefer:0 file=/lib/b mapped=9 N1=9 kernelpagesize_kB=4\n"
		     "5000 prefer:0 file=/lib/c mapped=9 N1=9 kernelpagesize_kB=4\n"
		     "6000 prefer:0 file=/lib/d mapped=9 N1=9 kernelpagesize_kB=4\n"
		     "7000 prefer:0 file=/lib/e mapped=9 N1=9 kernelpagesize_kB=4\n"
		     "8000 prefer:0 heap anon=256 N0=256 kernelpagesize_kB=4\n"
		     "9000 prefer:0 file=/lib/f mapped=9 N1=9 kernelpagesize_kB=4\n"
		     "a000 prefer:0 anon=512 N0=256 N1=256 kernelpagesize_kB=4\n");
	check_int(inspect(true)->preference_count, 1);
	/* What is mapped of files is nobody's preference. */
	check_preference(&reply.inspection.preferences[0], 0, 3 * MIB, 1, MIB);
	machine_done(&m);
}

TEST(a_task_that_prefers_it_as_newer_libraries_say_it)
{
	static const char *const lists[] = { "0", "0-1" };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		char text[4096];
		FILE *out;

		start(NODES_HOME);
		machine_process(&m, 7, "x", 100, 8 * GIB, "0-1");
		out = fmemopen(text, sizeof(text), "w");
		check(out);
		for (unsigned k = 0; k < 20; k++)
			fprintf(out, "%x000 prefer (many):%s anon=256 N1=256 kernelpagesize_kB=4\n",
				k + 1, lists[i]);
		fclose(out);
		machine_file(&m, "proc/7/numa_maps", "%s", text);
		check_int(inspect(true)->preference_count, i == 0);
		if (i == 0)
			check_preference(&reply.inspection.preferences[0], 0, 0, 1, 20 * MIB);
		machine_done(&m);
	}
}

TEST(several_homes_and_what_does_not_count)
{
	start(NODES_HOME);
	maps(7, "a000 prefer:1 anon=256 N0=256 kernelpagesize_kB=4\n"
		"b000 prefer:0 file=/memfd:b\\040(deleted) anon=512 N0=256 N1=256 "
		"kernelpagesize_kB=4\n"
		"c000 prefer:1 file=/dev/shm/c N1=1 kernelpagesize_kB=2048\n"
		/* A pool's. */
		"d000 prefer:1 file=/dev/hugepages/x huge anon=9 N0=9 kernelpagesize_kB=2048\n"
		"e000 prefer:1 file=/home/x mapped=2560 N0=2560 kernelpagesize_kB=4\n"
		"f000 prefer (many):0-1 anon=2560 N0=2560 kernelpagesize_kB=4\n"
		"10000 bind:0 anon=2560 N0=2560 kernelpagesize_kB=4\n"
		"11000 interleave:0-1 anon=2560 N0=2560 kernelpagesize_kB=4\n"
		"12000 prefer=relative:1 anon=2560 N0=2560 kernelpagesize_kB=4\n"
		"13000 prefer=static:1 anon=256 N0=256 kernelpagesize_kB=4\n"
		"14000 prefer:1\n"
		/* As newer libraries say one node. */
		"15000 prefer (many):0 anon=256 N0=256 kernelpagesize_kB=4\n");
	check_int(inspect(true)->preference_count, 2);
	check_preference(&reply.inspection.preferences[0], 0, 2 * MIB, 1, MIB);
	check_preference(&reply.inspection.preferences[1], 1, 2 * MIB, 0, 2 * MIB);
	machine_done(&m);
}

TEST(most_of_what_is_away_is_on_one_node)
{
	start(NODES_HOME);
	maps(7, "a000 prefer:1 anon=256 N0=256 N2=512 N5=300 kernelpagesize_kB=4\n"
		"b000 prefer:1 anon=256 N5=300 kernelpagesize_kB=4\n");
	check_int(inspect(true)->preference_count, 1);
	check_preference(&reply.inspection.preferences[0], 1, 0, 5, 600 * PAGE);
	machine_done(&m);
}

TEST(more_of_them_than_are_kept)
{
	char text[65536];
	size_t length = 0;

	start(NODES_HOME);
	for (unsigned i = 0; i < 600; i++)
		length += (size_t)sprintf(text + length,
					  "%x000 prefer:%u anon=256 N0=99999999999999999 "
					  "kernelpagesize_kB=4\n",
					  0xa00 + i, 700 - i);
	maps(7, text);
	check_int(inspect(true)->preference_count, PREFERENCES_MAX);
	/* Of so many the first that were seen. */
	check_int(reply.inspection.preferences[0].node, 700 - (256 - 1));
	check(reply.inspection.preferences[0].away_bytes == UINT64_MAX);
	machine_done(&m);
}

/* --- what is made of it ----------------------------------------------------------------------- */

static const struct service *scope(usec_t now)
{
	return machine_service(machine_round(&m, now), SCOPE);
}

TEST(they_come_with_the_inspection)
{
	const struct service *service;

	start(NODES_RELIEVE);
	machine_start(&m, false);
	service = scope(SEC);
	check_int(service->preference_count, 1);
	check_preference(&service->preferences[0], 1, 100 * MIB, 0, 200 * MIB);
	machine_done(&m);
}

TEST(not_of_what_stays_where_it_is)
{
	start(NODES_KEEP);
	machine_start(&m, false);
	check_int(scope(SEC)->preference_count, 0);
	check(!scope(SEC)->preferences);
	machine_done(&m);
}

/* Whether the request of the next look, if one is due, asks for them. */
static int asked_at(usec_t now)
{
	struct work_request request;

	check_int(sense_fast(m.sense, now), 0);
	check_int(sense_rescan(m.sense, now), 0);
	check_int(sense_services(m.sense, now), 0);
	if (sense_next_inspection(m.sense, now, &request) == 0)
		return -1;
	inspect_work(&m.root, &request, &reply);
	sense_take_inspection(m.sense, &request, &reply, now);
	return request.wants_preferences;
}

TEST(read_again_when_memory_has_moved)
{
	start(NODES_HOME);
	machine_start(&m, false);
	check_int(scope(SEC)->preference_count, 1);
	/* The usual look at its policies. */
	check_int(asked_at(20 * SEC), -1);
	check_int(asked_at(6 * MIN), 0);
	/* What was known stays so. */
	check_int(machine_service(sense_snapshot(m.sense), SCOPE)->preference_count, 1);
	machine_memory(&m, SCOPE, 100 * MIB, 200 * MIB, 0);
	maps(7,
	     "a000 prefer:1 anon=76800 N0=" PAGES_100M " N1=" PAGES_200M " kernelpagesize_kB=4\n");
	machine_vmstat(&m, 1, 0);
	check_int(asked_at(8 * MIN), 1);
	check_preference(machine_service(sense_snapshot(m.sense), SCOPE)->preferences, 1, 200 * MIB,
			 0, 100 * MIB);
	check_int(asked_at(9 * MIN), -1);
	/* A little less, which is news only if it was our doing. */
	machine_memory(&m, SCOPE, 92 * MIB, 208 * MIB, 0);
	machine_vmstat(&m, 2, 0);
	check_int(asked_at(14 * MIN), 0);
	sense_note_moved(m.sense, 1, 8 * (int64_t)MIB);
	check_int(asked_at(15 * MIN), 1);
	/* And after a long time. */
	check_int(asked_at(77 * MIN), 1);
	machine_done(&m);
}

/* Its other policies count, and are not to be lost with these. */
TEST(not_asked_for_again_where_it_took_too_long)
{
	const struct work_reply late = { .final = true, .error = ETIMEDOUT };
	struct work_request request;
	usec_t now = 62 * SEC;

	start(NODES_HOME);
	machine_start(&m, false);
	check_int(sense_fast(m.sense, SEC), 0);
	check_int(sense_rescan(m.sense, SEC), 0);
	check_int(sense_services(m.sense, SEC), 0);
	check_int(sense_next_inspection(m.sense, SEC, &request), 1);
	check(request.wants_preferences);
	sense_take_inspection(m.sense, &request, &late, SEC);
	for (unsigned i = 0; i < 12; i++, now += 6 * MIN)
		check_int(asked_at(now), 0);
	check(machine_service(sense_snapshot(m.sense), SCOPE)->allowed_known);
	check_int(asked_at(now), 1);
	check_int(machine_service(sense_snapshot(m.sense), SCOPE)->preference_count, 1);
	machine_done(&m);
}

TEST(not_asked_for_while_a_node_is_short)
{
	const struct machine_node nodes[] = {
		{ .id = 0, .managed_pages = 262144, .free_pages = 2000 },
		{ .id = 1, .managed_pages = 262144, .free_pages = 102400 },
	};

	start(NODES_HOME);
	machine_nodes(&m, nodes, ARRAY_SIZE(nodes));
	machine_start(&m, false);
	check_int(asked_at(SEC), 0);
	check_int(machine_service(sense_snapshot(m.sense), SCOPE)->preference_count, 0);
	machine_done(&m);
}

TEST(a_process_that_prefers_nothing_any_more)
{
	start(NODES_HOME);
	machine_start(&m, false);
	check_int(scope(SEC)->preference_count, 1);
	command_line(7, "memory-backend-ram,id=a,size=300M");
	maps(7, "");
	(void)asked_at(70 * MIN);
	check_int(machine_service(sense_snapshot(m.sense), SCOPE)->preference_count, 0);
	check(!machine_service(sense_snapshot(m.sense), SCOPE)->preferences);
	/* It is looked for in each of the usual looks, as that costs no more. */
	check_int(asked_at(76 * MIN), 1);
	machine_done(&m);
}

TEST(the_largest_that_has_any)
{
	start(NODES_HOME);
	machine_cgroup(&m, SCOPE, "7\n8\n");
	machine_memory(&m, SCOPE, 300 * MIB, 0, 0);
	machine_process(&m, 8, "qemu-kvm", 101, 290 * MIB, "0-1");
	command_line(8, "memory-backend-ram,id=a,size=300M,host-nodes=0,policy=preferred");
	maps(8, "a000 prefer:0 anon=256 N0=256 kernelpagesize_kB=4\n");
	machine_start(&m, false);
	check_int(scope(SEC)->preference_count, 1);
	check_int(scope(SEC)->preferences[0].node, 1);
	/* It ends, and the other one is what there is. */
	machine_cgroup(&m, SCOPE, "8\n");
	machine_memory(&m, SCOPE, 150 * MIB, 0, 0);
	machine_remove(&m, "proc/7");
	machine_vmstat(&m, 1, 0);
	check_int(scope(2 * SEC)->preference_count, 0);
	check_int(scope(7 * MIN)->preference_count, 1);
	check_int(scope(7 * MIN)->preferences[0].node, 0);
	machine_done(&m);
}

TEST(more_services_than_there_is_room_for_at_once)
{
	char path[64], procs[16];
	const struct snapshot *s;

	start(NODES_HOME);
	for (pid_t i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "machine.slice/%d.scope", i);
		snprintf(procs, sizeof(procs), "%d\n", 20 + i);
		machine_cgroup(&m, path, procs);
		machine_memory(&m, path, 300 * MIB, 0, 0);
		machine_process(&m, 20 + i, "qemu-kvm", 100, 300 * MIB, "0-1");
		command_line(20 + i,
			     "memory-backend-ram,id=a,size=300M,host-nodes=1,policy=preferred");
		maps(20 + i, "a000 prefer:1 anon=256 N0=256 kernelpagesize_kB=4\n");
	}
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	for (int minute = 2; minute < 6; minute++)
		s = machine_round(&m, (usec_t)minute * MIN);
	check_int(s->service_count, 11);
	for (size_t i = 0; i < s->service_count; i++)
		check_int(s->services[i].preference_count, 1);
	machine_done(&m);
}
