/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Canaries of a machine made of files: who they are, what they hold, that they have died. The
 * program of one that dies is a real process, as its end is told by a real pidfd.
 */

#include "heap_count.h"
#include "machine.h"

#include "sense/state.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EARLY	"system.slice/oomwarden-canary-early.service"
#define LOW0	"system.slice/oomwarden-canary-low:node0.service"
#define WEB	"web.slice/web-shop.slice/oomwarden-canary-web.service"
#define PROGRAM 4711

static struct machine m;

static struct canary sections[] = {
	{ .name = (char *)"early", .size = { SIZE_ABSOLUTE, 64 << 20 }, .mode = MODE_ENFORCE },
	{ .name = (char *)"low",
	  .size = { SIZE_OF_NODE, 10 }, /* 1 % */
	  .place = CANARY_ON_EACH_NODE,
	  .mode = MODE_ENFORCE },
	{ .name = (char *)"web",
	  .size = { SIZE_OF_HOST, 20 },
	  .slice = (char *)"web-shop.slice",
	  .mode = MODE_ENFORCE },
	{ .name = (char *)"far",
	  .size = { SIZE_ABSOLUTE, 1 << 20 },
	  .place = CANARY_ON_NODE,
	  .node = 7,
	  .mode = MODE_ENFORCE },
};

static void set_up(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "canary:early", "**/oomwarden-canary-early.service")->canary = 1;
	machine_policy(&m, "canary:low", "**/oomwarden-canary-low:*.service")->canary = 2;
	machine_policy(&m, "canary:web", "**/oomwarden-canary-web.service")->canary = 3;
	machine_policy(&m, "rest", "system.slice/*");
	machine_cgroup(&m, "system.slice/a.service", "");
}

static void hold(const char *path, pid_t pid, uint64_t on_node0, uint64_t on_node1)
{
	char procs[32], stat[128];

	snprintf(procs, sizeof(procs), "%d\n", pid);
	snprintf(stat, sizeof(stat), "anon %" PRIu64 "\nfile 0\nshmem 0\n", on_node0 + on_node1);
	machine_cgroup(&m, path, procs);
	machine_cgroup_file(&m, path, "cgroup.events", "populated 1\nfrozen 0\n");
	machine_memory(&m, path, on_node0, on_node1, 0);
	machine_cgroup_file(&m, path, "memory.stat", stat);
	machine_process(&m, pid, "oomwarden-canary", 1, on_node0 + on_node1, "0-1");
}

static const struct canary_status *find(const char *name)
{
	const struct snapshot *s = sense_snapshot(m.sense);

	for (size_t i = 0; i < s->canary_count; i++)
		if (strcmp(s->canaries[i].name, name) == 0)
			return &s->canaries[i];
	test_stop_(TEST_FAILED_, "there is no canary %s", name);
}

static struct reading value(const char *name, enum metric_id id)
{
	return find(name)->readings[metric_index(id)];
}

static void use_all(void)
{
	sense_set_canaries(m.sense, sections, ARRAY_SIZE(sections));
}

TEST(without_a_section_there_is_nothing)
{
	const struct snapshot *s;
	uint64_t roll;

	set_up();
	machine_start(&m, false);
	sense_set_canaries(m.sense, NULL, 0);
	s = machine_round(&m, SEC);
	roll = s->roll;
	check_int(s->canary_count, 0);
	check(!m.sense->canaries.statuses);
	check_int(m.sense->canaries.generation, 0);
	sense_set_canaries(m.sense, NULL, 0);
	check(!sense_wants_services(m.sense));
	check(machine_round(&m, 2 * SEC)->roll == roll);
	machine_done(&m);
}

TEST(sections_and_nodes_make_the_list)
{
	static const char *const names[] = { "early", "low:node0", "low:node1", "web",
					     "far:node7" };
	const struct snapshot *s;

	set_up();
	machine_start(&m, false);
	use_all();
	s = machine_round(&m, SEC);
	check_int(s->canary_count, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char unit[64];

		snprintf(unit, sizeof(unit), "oomwarden-canary-%s.service", names[i]);
		check_str(s->canaries[i].name, names[i]);
		check_str(s->canaries[i].unit, unit);
		check(s->canaries[i].key != 0);
		check(snapshot_canary(s, s->canaries[i].key) == &s->canaries[i]);
		check_int(s->canaries[i].service, 0);
		check_known(value(names[i], METRIC_CANARY_HELD), 0);
		check_known(value(names[i], METRIC_CANARY_DEAD), 0);
	}
	check(!find("early")->has_node);
	check(find("low:node1")->has_node);
	check_int(find("low:node1")->node, 1);
	check_int(find("low:node1")->section, 1);
	check_str(find("web")->slice, "web-shop.slice");
	check_str(find("early")->slice, "");
	machine_done(&m);
}

TEST(sizes_are_of_the_host_or_of_the_node)
{
	set_up();
	machine_start(&m, false);
	use_all();
	machine_round(&m, SEC);
	check_known(value("early", METRIC_CANARY_SIZE), 64 * MIB);
	/* 1 % of 1 GiB, 2 % of 2 GiB, in pages. */
	check_known(value("low:node1", METRIC_CANARY_SIZE), GIB / 100 / PAGE * PAGE);
	check_known(value("web", METRIC_CANARY_SIZE), 2 * GIB / 50 / PAGE * PAGE);
	/* A node that is not there has no canary that could be made. */
	check_unknown(value("far:node7", METRIC_CANARY_SIZE));
	machine_done(&m);
}

TEST(another_list_is_another_roll)
{
	uint64_t roll;

	set_up();
	machine_start(&m, false);
	use_all();
	roll = machine_round(&m, SEC)->roll;
	check(machine_round(&m, 2 * SEC)->roll == roll);
	sense_set_canaries(m.sense, sections, 1);
	check(sense_snapshot(m.sense)->roll != roll);
	check_int(sense_snapshot(m.sense)->canary_count, 1);
	sense_set_canaries(m.sense, NULL, 0);
	check_int(sense_snapshot(m.sense)->canary_count, 0);
	machine_done(&m);
}

TEST(more_than_there_is_room_for_are_a_gap)
{
	static struct canary many[CANARY_SECTIONS_MAX];
	struct machine_node nodes[5];

	machine_init(&m);
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		nodes[i] = (struct machine_node){ i, 262144, 102400 };
	machine_nodes(&m, nodes, ARRAY_SIZE(nodes));
	machine_cgroups(&m);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = sections[1];
	machine_start(&m, false);
	sense_set_canaries(m.sense, many, ARRAY_SIZE(many));
	check_int(machine_round(&m, SEC)->canary_count, CANARIES_MAX);
	check(has_gap(&m, "canaries: 16 more than 64"));
	machine_done(&m);
}

TEST(a_canary_has_what_it_holds_on_its_node)
{
	set_up();
	hold(EARLY, PROGRAM, 40 * MIB, 24 * MIB);
	hold(LOW0, PROGRAM + 1, 10 * MIB, 3 * MIB);
	machine_start(&m, false);
	use_all();
	machine_round(&m, SEC);
	check_known(value("early", METRIC_CANARY_HELD), 64 * MIB);
	check_known(value("low:node0", METRIC_CANARY_HELD), 10 * MIB);
	check_known(value("low:node1", METRIC_CANARY_HELD), 0);
	check(find("early")->service ==
	      service_key(machine_service(sense_snapshot(m.sense), EARLY)));
	check_int(find("low:node1")->service, 0);
	machine_done(&m);
}

/* A unit of that name in a slice of its own is the section's all the same; one whose name merely
 * begins so is not. */
TEST(only_the_unit_itself_is_it)
{
	set_up();
	hold("other.slice/oomwarden-canary-early.service", PROGRAM, 64 * MIB, 0);
	hold("system.slice/oomwarden-canary-low:node11.service", PROGRAM + 1, 64 * MIB, 0);
	machine_start(&m, false);
	use_all();
	machine_round(&m, SEC);
	check_known(value("early", METRIC_CANARY_HELD), 64 * MIB);
	check_known(value("low:node1", METRIC_CANARY_HELD), 0);
	machine_done(&m);
}

TEST(nobody_is_confined_by_a_canary)
{
	set_up();
	hold(LOW0, PROGRAM, 10 * MIB, 0);
	machine_process(&m, PROGRAM, "oomwarden-canary", 1, 10 * MIB, "0");
	machine_start(&m, false);
	use_all();
	check_known(node_value(machine_round(&m, SEC), 0, METRIC_NODE_CONFINED), 0);
	machine_done(&m);
}

TEST(a_slice_leaves_what_its_limits_leave)
{
	set_up();
	machine_cgroup(&m, "web.slice", "");
	machine_cgroup(&m, "web.slice/web-shop.slice", "");
	machine_cgroup_file(&m, "web.slice", "memory.max", "1073741824\n");
	machine_cgroup_file(&m, "web.slice/web-shop.slice", "memory.max", "4294967296\n");
	machine_memory(&m, "web.slice", 200 * MIB, 100 * MIB, 0);
	machine_memory(&m, "web.slice/web-shop.slice", 100 * MIB, 0, 0);
	machine_start(&m, false);
	use_all();
	machine_round(&m, SEC);
	check_known(find("web")->slice_limit, GIB);
	check_known(find("web")->slice_headroom, GIB - 300 * MIB);
	check_int(find("early")->slice_headroom.state, READING_INFINITE);
	machine_done(&m);
}

TEST(a_slice_that_is_not_there_limits_nothing)
{
	set_up();
	machine_start(&m, false);
	use_all();
	machine_round(&m, SEC);
	check_int(find("web")->slice_headroom.state, READING_INFINITE);
	machine_done(&m);
}

/* --- death */

static pid_t child;
static int loop[2];

/* It ends with the test, failed or not. */
static pid_t start_program(void)
{
	pid_t pid = fork();

	check(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return pid;
}

/* A live machine on which this agent has armed "early". */
static void arm(void)
{
	child = start_program();
	hold(EARLY, child, 64 * MIB, 0);
	machine_start_live(&m);
	check_int(pipe(loop), 0);
	sense_watch(m.sense, loop[0]);
	use_all();
	machine_round(&m, SEC);
	sense_note_canary(m.sense, find("early")->key, true);
	for (usec_t now = 2 * SEC; now <= 4 * SEC; now += SEC)
		machine_round(&m, now);
	check_known(value("early", METRIC_CANARY_HELD), 64 * MIB);
	sense_mark(m.sense);
}

static void disarm(void)
{
	(void)kill(child, SIGKILL);
	check_int(waitpid(child, NULL, 0), child);
	close(loop[0]);
	close(loop[1]);
	machine_done(&m);
}

static bool has_pidfds(void)
{
	return !m.sense->events.is_exit_refused && m.sense->events.epoll_fd >= 0;
}

/* Where the ends of processes can be watched; elsewhere deaths are seen by and by. */
static void arm_watched(void)
{
	arm();
	if (has_pidfds())
		return;
	disarm();
	test_skip("the kernel gives no descriptors of processes here");
}

/* As the loop: what has happened is taken. */
static void look_fast(usec_t now)
{
	check(sense_wait(m.sense, 0, true) >= 0);
	check_int(sense_fast(m.sense, now), 0);
}

/* As a tick that looks at services because it was told to. */
static void look(usec_t now)
{
	look_fast(now);
	check_int(sense_services(m.sense, now), 0);
}

static void look_whole(usec_t now)
{
	check(sense_wait(m.sense, 0, true) >= 0);
	machine_round(&m, now);
}

static void end_program(void)
{
	siginfo_t info;

	check_int(kill(child, SIGKILL), 0);
	check_int(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
}

static void check_deaths(int64_t deaths, int64_t by_kernel, int64_t dead)
{
	check_known(value("early", METRIC_CANARY_DEATHS), deaths);
	check_known(value("early", METRIC_CANARY_KERNEL_KILLS), by_kernel);
	check_known(value("early", METRIC_CANARY_DEAD), dead);
}

/* Nothing is walked and nobody is listed between its end and the word of it: its cgroup is as it
 * was, with all its memory. */
TEST(a_death_is_seen_in_a_still_tick)
{
	set_up();
	arm_watched();
	look_fast(5 * SEC);
	check(!sense_has_moved(m.sense));
	end_program();
	look_fast(6 * SEC);
	check(sense_has_moved(m.sense));
	check(sense_wants_services(m.sense));
	check_deaths(0, 0, 0);
	check_int(sense_services(m.sense, 6 * SEC), 0);
	check_deaths(1, 0, 1);
	check_known(value("early", METRIC_CANARY_HELD), 0);
	check(!sense_wants_services(m.sense));
	look(7 * SEC);
	check_deaths(1, 0, 1);
	disarm();
}

/* Until its end is watched, ticks are made whole: the rescan that watches it is part of one. */
TEST(one_that_is_not_watched_yet_is_no_still_machine)
{
	set_up();
	arm_watched();
	check(!m.sense->canaries.is_unwatched);
	event_exits_close(m.sense);
	look(5 * SEC);
	sense_mark(m.sense);
	check(m.sense->canaries.is_unwatched);
	check(sense_has_moved(m.sense));
	disarm();
}

TEST(one_whose_cgroup_is_gone_is_dead)
{
	set_up();
	arm();
	machine_remove(&m, CGROUP_DIR "/" EARLY);
	look_whole(70 * SEC);
	look_whole(71 * SEC);
	check_deaths(1, 0, 1);
	check_int(find("early")->service, 0);
	disarm();
}

TEST(where_nobody_runs_and_nothing_is_held_it_is_dead)
{
	set_up();
	arm();
	machine_cgroup_file(&m, EARLY, "cgroup.procs", "");
	machine_cgroup_file(&m, EARLY, "cgroup.events", "populated 0\nfrozen 0\n");
	machine_memory(&m, EARLY, 0, 0, 0);
	machine_cgroup_file(&m, EARLY, "memory.stat", "anon 0\nfile 0\nshmem 0\n");
	check(!sense_snapshot(m.sense)->host.has_systemd);
	check(find("early")->service != 0);
	look(5 * SEC);
	check_deaths(1, 0, 1);
	/* Without systemd its cgroup stays, and is nobody's. */
	check(find("early")->service == 0);
	disarm();
}

TEST(it_is_dead_until_it_holds_memory_again)
{
	pid_t next;

	set_up();
	arm();
	machine_remove(&m, CGROUP_DIR "/" EARLY);
	look_whole(70 * SEC);
	look_whole(71 * SEC);
	check_deaths(1, 0, 1);
	next = start_program();
	hold(EARLY, next, MIB, 0);
	look_whole(140 * SEC);
	/* Not by what somebody else starts, nor by a part of it. */
	check_deaths(1, 0, 1);
	sense_note_canary(m.sense, find("early")->key, true);
	look_whole(141 * SEC);
	check_deaths(1, 0, 1);
	hold(EARLY, next, 64 * MIB, 0);
	sense_note_canary(m.sense, find("early")->key, true);
	look_whole(142 * SEC);
	check_deaths(1, 0, 0);
	(void)kill(next, SIGKILL);
	check_int(waitpid(next, NULL, 0), next);
	disarm();
}

TEST(what_is_ended_on_purpose_does_not_die)
{
	set_up();
	arm();
	sense_note_canary(m.sense, find("early")->key, false);
	machine_remove(&m, CGROUP_DIR "/" EARLY);
	look_whole(70 * SEC);
	look_whole(71 * SEC);
	check_deaths(0, 0, 0);
	check_known(value("early", METRIC_CANARY_HELD), 0);
	disarm();
}

/* That of an agent before this one, as it ends with that. */
TEST(what_this_agent_has_not_armed_does_not_die)
{
	set_up();
	hold(EARLY, PROGRAM, 64 * MIB, 0);
	machine_start_live(&m);
	use_all();
	machine_round(&m, SEC);
	check_known(value("early", METRIC_CANARY_HELD), 64 * MIB);
	machine_remove(&m, CGROUP_DIR "/" EARLY);
	look_whole(70 * SEC);
	look_whole(71 * SEC);
	check_deaths(0, 0, 0);
	machine_done(&m);
}

TEST(what_never_held_its_size_does_not_die)
{
	set_up();
	hold(EARLY, PROGRAM, 59 * MIB, 0);
	machine_start_live(&m);
	use_all();
	machine_round(&m, SEC);
	sense_note_canary(m.sense, find("early")->key, true);
	machine_round(&m, 2 * SEC);
	machine_remove(&m, CGROUP_DIR "/" EARLY);
	look_whole(70 * SEC);
	look_whole(71 * SEC);
	check_deaths(0, 0, 0);
	machine_done(&m);
}

/* Of a captured machine nobody can say who has armed it: a sequence shows a death all the same. */
TEST(a_captured_sequence_shows_a_death)
{
	set_up();
	hold(EARLY, PROGRAM, 64 * MIB, 0);
	machine_start(&m, false);
	use_all();
	machine_round(&m, SEC);
	check_deaths(0, 0, 0);
	machine_remove(&m, CGROUP_DIR "/" EARLY);
	check_int(sense_set_root(m.sense, &m.root, &m.layout), 0);
	machine_round(&m, 2 * SEC);
	check_deaths(1, 0, 1);
	machine_done(&m);
}

TEST(a_new_list_forgets_no_death)
{
	set_up();
	arm_watched();
	end_program();
	sense_set_canaries(m.sense, sections, 2);
	look(5 * SEC);
	check_deaths(1, 0, 1);
	use_all();
	look(6 * SEC);
	check_deaths(1, 0, 1);
	disarm();
}

/* --- by whom */

static int open_log(void)
{
	char path[PATH_MAX];
	int fd;

	machine_path(&m, "dev/kmsg", path);
	machine_mkdir(&m, "dev");
	check_int(mkfifo(path, 0600), 0);
	/* Both ends, so that the pipe never ends. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	check(fd >= 0);
	return fd;
}

static int arm_beside_log(void)
{
	int log;

	set_up();
	log = open_log();
	arm_watched();
	return log;
}

static void log_line(int fd, const char *text)
{
	char record[1024];
	int n = snprintf(record, sizeof(record), "3,1,5000000,-;%s\n", text);

	check_int(write(fd, record, (size_t)n), n);
}

static void log_cgroup(int fd, pid_t pid)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,"
		 "global_oom,task_memcg=/" EARLY ",task=oomwarden-canar,pid=%d,uid=0",
		 pid);
	log_line(fd, line);
}

static void log_kill(int fd, pid_t pid)
{
	char line[128];

	snprintf(line, sizeof(line),
		 "Out of memory: Killed process %d (oomwarden-canar) total-vm:63908kB", pid);
	log_line(fd, line);
}

TEST(the_kernels_log_names_its_kill)
{
	_cleanup_(closep) int log = arm_beside_log();

	/* A record at a time, as the device gives them. */
	log_cgroup(log, child);
	look_fast(5 * SEC);
	log_kill(log, child);
	end_program();
	look(5 * SEC);
	check_deaths(1, 1, 1);
	look(6 * SEC);
	check_deaths(1, 1, 1);
	disarm();
}

/* It is read to its end at the death, whatever it was that came first. */
TEST(a_log_that_nobody_was_woken_for_counts)
{
	_cleanup_(closep) int log = arm_beside_log();
	struct epoll_event none = { 0 };

	check_int(
		epoll_ctl(m.sense->events.epoll_fd, EPOLL_CTL_DEL, m.sense->events.kmsg_fd, &none),
		0);
	log_kill(log, child);
	end_program();
	look(5 * SEC);
	check_deaths(1, 1, 1);
	disarm();
}

/* A console that is slow to print. */
TEST(a_log_that_comes_late_counts_once)
{
	_cleanup_(closep) int log = arm_beside_log();

	end_program();
	look(5 * SEC);
	check_deaths(1, 0, 1);
	log_kill(log, child);
	look(6 * SEC);
	check_deaths(1, 1, 1);
	log_kill(log, child);
	look(7 * SEC);
	check_deaths(1, 1, 1);
	disarm();
}

TEST(the_kill_of_somebody_else_is_none_of_it)
{
	_cleanup_(closep) int log = arm_beside_log();

	log_kill(log, child + 1);
	end_program();
	look(5 * SEC);
	check_deaths(1, 0, 1);
	disarm();
}

/* Somebody has a unit of that name among those of a manager of his own. */
TEST(the_kill_of_a_namesake_is_none_of_it)
{
	_cleanup_(closep) int log = arm_beside_log();

	log_line(log, "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,"
		      "mems_allowed=0-1,global_oom,task_memcg=/user.slice/user-1000.slice/"
		      "user@1000.service/app.slice/oomwarden-canary-early.service,task=hog,"
		      "pid=12,uid=1000");
	look_fast(5 * SEC);
	log_line(log, "Out of memory: Killed process 12 (hog) total-vm:63908kB");
	look_fast(5 * SEC);
	end_program();
	look(5 * SEC);
	check_deaths(1, 0, 1);
	disarm();
}

TEST(the_events_of_its_cgroup_tell_too)
{
	set_up();
	arm_watched();
	machine_cgroup_file(&m, EARLY, "memory.events",
			    "low 0\nhigh 0\nmax 0\noom 1\noom_kill 1\n");
	end_program();
	look(5 * SEC);
	check_deaths(1, 1, 1);
	disarm();
}

/* --- what it costs */

TEST(rounds_with_canaries_allocate_nothing)
{
	unsigned long before;

	set_up();
	hold(LOW0, PROGRAM, 10 * MIB, 0);
	arm();
	before = heap_count;
	for (usec_t now = 5 * SEC; now < 8 * SEC; now += SEC) {
		int r = sense_fast(m.sense, now);

		check_int(r, 0);
		r = sense_services(m.sense, now);
		check_int(r, 0);
		(void)sense_snapshot(m.sense);
	}
	if (has_pidfds())
		end_program();
	before = heap_count;
	(void)sense_fast(m.sense, 8 * SEC);
	(void)sense_services(m.sense, 8 * SEC);
	check_int(heap_count - before, 0);
	disarm();
}
