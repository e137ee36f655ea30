/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Events of a machine made of files. inotify, pipes and pidfds are the real ones; a plain file's
 * change stands for that of memory.events.
 */

#include "machine.h"

#include "sense/state.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUEST "machine.slice/machine-qemu\\x2d1\\x2ddb.scope"

static struct machine m;

static void add_service(const char *path)
{
	machine_cgroup(&m, path, "");
	machine_cgroup_file(&m, path, "cgroup.events", "populated 1\nfrozen 0\n");
	machine_memory(&m, path, MIB, MIB, MIB);
}

static void set_up(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "guests", "machine.slice/**/*.scope");
	machine_policy(&m, "rest", "system.slice/*/**");
	add_service("system.slice/a.service");
	add_service("system.slice/c.service");
}

static void throttle(const char *path)
{
	machine_cgroup_file(&m, path, "memory.events",
			    "low 0\nhigh 7\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
}

static bool wakes(void)
{
	struct pollfd p = { .fd = m.sense->events.epoll_fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static const struct service_entry *entry_of(const char *path)
{
	const struct service_registry *r = &m.sense->registry;

	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->entries[i].path, path) == 0)
			return &r->entries[i];
	check(false);
	return NULL;
}

static bool is_forced(const char *path)
{
	return entry_of(path)->is_forced;
}

static void start(void)
{
	machine_start_live(&m);
	check(m.sense->events.epoll_fd >= 0);
	machine_round(&m, SEC);
	machine_round(&m, 2 * SEC);
	check(!wakes());
	check(!sense_wants_services(m.sense));
}

TEST(a_captured_machine_tells_nothing)
{
	set_up();
	machine_start(&m, false);
	check_int(m.sense->events.epoll_fd, -1);
	machine_round(&m, SEC);
	sense_take_events(m.sense, SEC);
	check(!m.sense->events.tree_watched);
	check_unknown(host_value(sense_snapshot(m.sense), METRIC_HOST_ALLOC_FAILURES));
	check(has_gap(&m, "host.alloc-failures: "));
	check(!has_gap(&m, "wake on"));
	machine_done(&m);
}

TEST(a_service_that_is_throttled_wakes_and_is_read)
{
	const struct service *service;

	set_up();
	start();
	throttle("system.slice/c.service");
	check(wakes());
	sense_take_events(m.sense, 3 * SEC);
	check(!wakes());
	check(is_forced("system.slice/c.service"));
	check(!is_forced("system.slice/a.service"));
	check(sense_wants_services(m.sense));

	check_int(sense_services(m.sense, 3 * SEC), 0);
	service = machine_service(sense_snapshot(m.sense), "system.slice/c.service");
	check_known(service_value(service, METRIC_SERVICE_EVENTS_HIGH), 7);
	check(!sense_wants_services(m.sense));
	machine_done(&m);
}

TEST(who_runs_in_a_service_is_listed_again_when_that_changes)
{
	set_up();
	start();
	machine_cgroup_file(&m, "system.slice/a.service", "cgroup.events",
			    "populated 0\nfrozen 0\n");
	sense_take_events(m.sense, 3 * SEC);
	check(entry_of("system.slice/a.service")->is_forced_list);
	check(!entry_of("system.slice/c.service")->is_forced_list);
	machine_done(&m);
}

TEST(a_new_cgroup_is_found_and_wakes_once_a_second_at_most)
{
	set_up();
	start();
	check(m.sense->events.tree_watched);
	add_service("system.slice/b.service");
	check(wakes());
	sense_take_events(m.sense, 3 * SEC + SEC / 10);
	add_service("system.slice/d.service");
	check(!wakes());
	sense_take_events(m.sense, 3 * SEC + SEC / 2);
	check(!wakes());
	event_tree_listen(m.sense, 4 * SEC + SEC / 2);
	check(wakes());
	/* The root's counts stay as they are, so that nothing else can tell. */
	machine_round(&m, 5 * SEC);
	check(machine_has(sense_snapshot(m.sense), "system.slice/b.service"));
	check(m.sense->events.tree_watched);

	/* Also below one that had nothing below it. */
	add_service("system.slice/b.service/inner");
	machine_round(&m, 6 * SEC);
	check(machine_has(sense_snapshot(m.sense), "system.slice/b.service/inner"));

	machine_remove(&m, CGROUP_DIR "/system.slice/b.service");
	machine_round(&m, 8 * SEC);
	check(!machine_has(sense_snapshot(m.sense), "system.slice/b.service"));
	machine_done(&m);
}

/* memory.events does not tell of it, and it may be a while until a service is read in its turn. */
TEST(a_limit_that_is_written_is_read_at_once)
{
	set_up();
	machine_cgroup_file(&m, "system.slice/a.service", "memory.max", "max\n");
	start();
	machine_cgroup_file(&m, "system.slice/a.service", "memory.max", "104857600\n");
	check(wakes());
	sense_take_events(m.sense, 3 * SEC);
	check(is_forced("system.slice/a.service"));
	check(!entry_of("system.slice/a.service")->is_forced_list);
	check(!is_forced("system.slice/c.service"));
	check_known(
		service_value(machine_service(machine_round(&m, 4 * SEC), "system.slice/a.service"),
			      METRIC_SERVICE_MAX),
		100 * MIB);
	/* Somebody was moved in. */
	machine_cgroup_file(&m, "system.slice/c.service", "cgroup.procs", "1\n");
	sense_take_events(m.sense, 6 * SEC);
	check(entry_of("system.slice/c.service")->is_forced_list);
	check(!is_forced("system.slice/a.service"));
	machine_done(&m);
}

TEST(a_watched_tree_is_not_walked_without_a_reason)
{
	usec_t walked_at;

	set_up();
	start();
	walked_at = m.sense->registry.walked_at;
	for (usec_t now = 3 * SEC; now < 5 * USEC_PER_MIN; now += 20 * SEC)
		machine_round(&m, now);
	check_int(m.sense->registry.walked_at, walked_at);
	/* Files that change in a directory are no cgroups. */
	machine_cgroup_file(&m, "system.slice/a.service", "new.file", "x\n");
	machine_round(&m, 6 * USEC_PER_MIN);
	check_int(m.sense->registry.walked_at, walked_at);
	add_service("system.slice/b.service");
	machine_round(&m, 7 * USEC_PER_MIN);
	check_int(m.sense->registry.walked_at, 7 * USEC_PER_MIN);
	machine_done(&m);
}

TEST(watches_follow_services_to_other_places)
{
	set_up();
	start();
	check_int(m.sense->events.file_count, 4);
	add_service("system.slice/b.service");
	machine_round(&m, 4 * SEC);
	machine_round(&m, 5 * SEC);
	check_int(m.sense->events.file_count, 6);
	throttle("system.slice/c.service");
	sense_take_events(m.sense, 6 * SEC);
	check(is_forced("system.slice/c.service"));
	check(!is_forced("system.slice/b.service"));
	machine_round(&m, 6 * SEC);

	/* Taken out in a round, before the list of watches is made anew. */
	throttle("system.slice/c.service");
	machine_remove(&m, CGROUP_DIR "/system.slice/a.service");
	m.sense->registry.entries[0].is_gone = true;
	service_registry_sweep(m.sense);
	sense_take_events(m.sense, 7 * SEC);
	check(is_forced("system.slice/c.service"));
	check(!is_forced("system.slice/b.service"));
	machine_round(&m, 8 * SEC);
	machine_round(&m, 9 * SEC);
	check_int(m.sense->events.file_count, 4);
	machine_done(&m);
}

TEST(a_cgroup_made_anew_is_watched_anew)
{
	set_up();
	start();
	machine_remove(&m, CGROUP_DIR "/system.slice/a.service");
	add_service("system.slice/a.service");
	machine_round(&m, 4 * SEC);
	machine_round(&m, 6 * SEC);
	check(!wakes());
	throttle("system.slice/a.service");
	check(wakes());
	sense_take_events(m.sense, 7 * SEC);
	check(is_forced("system.slice/a.service"));
	check_int(m.sense->events.file_count, 4);
	machine_done(&m);
}

/* Of 40 watches half is left to others, and files and directories have half of that each. */
TEST(too_few_watches_are_a_gap_and_no_harm)
{
	set_up();
	for (int i = 0; i < 20; i++) {
		char path[64];

		snprintf(path, sizeof(path), "system.slice/s%02d.service", i);
		add_service(path);
	}
	machine_file(&m, "proc/sys/fs/inotify/max_user_watches", "40\n");
	machine_start_live(&m);
	machine_round(&m, SEC);
	machine_round(&m, 2 * SEC);
	check(!m.sense->events.tree_watched);
	check(m.sense->events.is_exhausted);
	check_int(m.sense->events.dir_count, 0);
	check_int(m.sense->events.file_count, 10);
	check(has_gap(&m, "wake on memory.events: half of fs.inotify.max_user_watches"));
	/* Who is watched still wakes, and cgroups are counted. */
	throttle("system.slice/a.service");
	check(wakes());
	machine_file(&m, CGROUP_DIR "/cgroup.stat", "nr_descendants 9\nnr_dying_descendants 0\n");
	add_service("system.slice/b.service");
	machine_round(&m, 4 * SEC);
	check(machine_has(sense_snapshot(m.sense), "system.slice/b.service"));
	machine_done(&m);
}

TEST(a_tree_that_shrinks_is_watched_again)
{
	set_up();
	machine_file(&m, "proc/sys/fs/inotify/max_user_watches", "16\n");
	add_service("system.slice/b.service");
	add_service("system.slice/d.service");
	machine_start_live(&m);
	machine_round(&m, SEC);
	check(!m.sense->events.tree_watched);
	machine_remove(&m, CGROUP_DIR "/system.slice/b.service");
	machine_remove(&m, CGROUP_DIR "/system.slice/d.service");
	machine_round(&m, 5 * USEC_PER_MIN);
	check(!m.sense->events.tree_watched);
	machine_round(&m, 11 * USEC_PER_MIN);
	check(m.sense->events.tree_watched);
	check_int(m.sense->events.dir_count, 4);
	machine_round(&m, 17 * USEC_PER_MIN);
	check(!m.sense->events.is_exhausted);
	machine_done(&m);
}

/* --- the kernel's log */

static int start_with_log(void)
{
	char path[PATH_MAX];
	int fd;

	machine_path(&m, "dev/kmsg", path);
	machine_mkdir(&m, "dev");
	check_int(mkfifo(path, 0600), 0);
	/* Both ends, so that the pipe never ends. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	check(fd >= 0);
	start();
	return fd;
}

/* A record at a time, as the device gives them. */
static void log_line(int fd, const char *text)
{
	char record[1024];
	int n = snprintf(record, sizeof(record), "3,1,5000000,-;%s\n", text);

	check_int(write(fd, record, (size_t)n), n);
	check(wakes());
	sense_take_events(m.sense, 3 * SEC);
	check(!wakes());
}

static void log_kill(int fd, int pid, const char *cgroup)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
		 "oom_memcg=/%s,task_memcg=/%s,task=hog,pid=%d,uid=0",
		 cgroup, cgroup, pid);
	log_line(fd, line);
	snprintf(line, sizeof(line),
		 "Memory cgroup out of memory: Killed process %d (hog) total-vm:63908kB", pid);
	log_line(fd, line);
}

TEST(a_kill_of_the_kernel_is_told)
{
	struct kernel_event event;

	set_up();
	_cleanup_(closep) int log = start_with_log();
	check_known(host_value(sense_snapshot(m.sense), METRIC_HOST_ALLOC_FAILURES), 0);
	check(!has_gap(&m, "host.alloc-failures"));
	check(!sense_next_kernel_event(m.sense, &event));

	log_kill(log, 270, "system.slice/a.service/worker");
	check(sense_wants_services(m.sense));
	check(is_forced("system.slice/a.service"));
	check(entry_of("system.slice/a.service")->is_forced_list);
	check(!is_forced("system.slice/c.service"));
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.kind, KERNEL_EVENT_OOM_KILL);
	check_int(event.pid, 270);
	check_str(event.comm, "hog");
	check_int(event.constraint, OOM_CONSTRAINT_MEMCG);
	check_int(event.cgroup_known, true);
	check_str(event.cgroup, "system.slice/a.service/worker");
	check_int(event.at_usec, 5 * SEC);
	check_int(event.dropped_before, 0);
	check_int(event.counted, 0);
	check(event.limit_known);
	check_int(event.limit_length, strlen("system.slice/a.service/worker"));
	check(!event.order_known);
	check(!event.nodes_known);
	check(!sense_next_kernel_event(m.sense, &event));
	machine_done(&m);
}

TEST(what_the_report_says_of_the_request_is_told)
{
	struct kernel_event event;

	set_up();
	_cleanup_(closep) int log = start_with_log();
	log_line(log, "hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=2, "
		      "oom_score_adj=0");
	log_line(log, "oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,cpuset=/,"
		      "mems_allowed=0-1,global_oom,task_memcg=/a,task=hog,pid=9,uid=0");
	log_line(log, "Out of memory: Killed process 9 (hog) total-vm:63908kB");
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.constraint, OOM_CONSTRAINT_MEMORY_POLICY);
	check(event.order_known);
	check_int(event.order, 2);
	check(event.nodes_known);
	check_int(idset_count(&event.nodes), 1);
	check(idset_has(&event.nodes, 1));
	check(!event.by_hand);
	log_line(log, "kworker/0:1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, "
		      "oom_score_adj=0");
	log_line(log, "Out of memory: Killed process 10 (hog) total-vm:63908kB");
	check(sense_next_kernel_event(m.sense, &event));
	check(event.by_hand);
	check(!event.order_known);
	check(!event.limit_known);
	machine_done(&m);
}

static void check_after_oom(const char *path, int64_t restarts, int64_t after_oom)
{
	const struct service *service = machine_service(sense_snapshot(m.sense), path);

	check_known(service_value(service, METRIC_SERVICE_RESTARTS), restarts);
	check_known(service_value(service, METRIC_SERVICE_RESTARTS_AFTER_OOM), after_oom);
}

/* Made anew with another inode: the old one is still somewhere. */
static void restart_service(const char *path, const char *grave)
{
	char from[PATH_MAX], to[PATH_MAX], full[PATH_MAX];

	check(snprintf(full, sizeof(full), CGROUP_DIR "/%s", path) < (int)sizeof(full));
	machine_path(&m, full, from);
	machine_path(&m, grave, to);
	check_int(rename(from, to), 0);
	add_service(path);
}

/* memory.events of who was killed is gone with the cgroup; the log tells. */
TEST(a_restart_after_a_kill_counts_as_one)
{
	set_up();
	_cleanup_(closep) int log = start_with_log();
	log_kill(log, 270, "system.slice/a.service/worker");
	restart_service("system.slice/a.service", "grave-1");
	machine_round(&m, 5 * SEC);
	check_after_oom("system.slice/a.service", 1, 1);
	check_after_oom("system.slice/c.service", 0, 0);
	/* One that nobody killed. */
	restart_service("system.slice/c.service", "grave-2");
	machine_round(&m, 7 * SEC);
	check_after_oom("system.slice/c.service", 1, 0);
	machine_done(&m);
}

TEST(failed_allocations_are_counted)
{
	struct kernel_event event;

	set_up();
	_cleanup_(closep) int log = start_with_log();
	log_line(log, "qemu-kvm: page allocation failure: order:2, mode:0x204020");
	log_line(log, "qemu-kvm: page allocation failure: order:3, mode:0x204020");
	log_line(log, "usb 1-1: new device");
	check_known(host_value(sense_snapshot(m.sense), METRIC_HOST_ALLOC_FAILURES), 2);
	/* Nothing that services would show. */
	check(!sense_wants_services(m.sense));
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.kind, KERNEL_EVENT_ALLOC_FAILURE);
	check_int(event.order, 2);
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.order, 3);
	machine_done(&m);
}

/* --- without the log */

static void count_kills(const char *path, unsigned limit_hits, unsigned kills)
{
	char text[128];

	snprintf(text, sizeof(text), "low 0\nhigh 0\nmax 0\noom %u\noom_kill %u\n", limit_hits,
		 kills);
	machine_cgroup_file(&m, path, "memory.events", text);
}

static void check_counted(unsigned count, enum oom_constraint constraint, const char *cgroup)
{
	struct kernel_event event;

	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.kind, KERNEL_EVENT_OOM_KILL);
	check_int(event.counted, count);
	check_int(event.pid, 0);
	check_str(event.comm, "");
	check_int(event.constraint, constraint);
	check_int(event.cgroup_known, cgroup != NULL);
	check_str(event.cgroup, cgroup ? cgroup : "");
}

static void start_counting(unsigned of_host)
{
	set_up();
	count_kills("system.slice/a.service", 3, 3);
	count_kills("system.slice/c.service", 0, 0);
	machine_vmstat(&m, of_host, 0);
	start();
	check(m.sense->events.kmsg_fd < 0);
}

TEST(without_the_log_kills_are_told_by_counters)
{
	struct kernel_event event;

	start_counting(7);
	/* What was there before is nobody's news. */
	check(!sense_next_kernel_event(m.sense, &event));
	machine_vmstat(&m, 8, 0);
	count_kills("system.slice/a.service", 4, 4);
	machine_round(&m, 100 * SEC);
	check_counted(1, OOM_CONSTRAINT_MEMCG, "system.slice/a.service");
	machine_round(&m, 101 * SEC);
	check(!sense_next_kernel_event(m.sense, &event));
	/* Not for its own limit. */
	machine_vmstat(&m, 10, 0);
	count_kills("system.slice/c.service", 0, 2);
	machine_round(&m, 200 * SEC);
	check_counted(2, OOM_CONSTRAINT_UNKNOWN, "system.slice/c.service");
	machine_round(&m, 201 * SEC);
	check(!sense_next_kernel_event(m.sense, &event));
	machine_done(&m);
}

TEST(what_no_service_shows_is_somebody_else_s)
{
	struct kernel_event event;

	start_counting(0);
	machine_vmstat(&m, 3, 0);
	count_kills("system.slice/c.service", 0, 1);
	machine_round(&m, 100 * SEC);
	check_counted(1, OOM_CONSTRAINT_UNKNOWN, "system.slice/c.service");
	check(!sense_next_kernel_event(m.sense, &event));
	machine_round(&m, 101 * SEC);
	check_counted(2, OOM_CONSTRAINT_UNKNOWN, NULL);
	machine_round(&m, 102 * SEC);
	check(!sense_next_kernel_event(m.sense, &event));
	machine_done(&m);
}

/* Its file is read before the host's. */
TEST(a_service_may_tell_first)
{
	struct kernel_event event;

	start_counting(0);
	count_kills("system.slice/c.service", 1, 1);
	machine_round(&m, 100 * SEC);
	check_counted(1, OOM_CONSTRAINT_MEMCG, "system.slice/c.service");
	machine_vmstat(&m, 1, 0);
	machine_round(&m, 200 * SEC);
	machine_round(&m, 201 * SEC);
	check(!sense_next_kernel_event(m.sense, &event));
	machine_done(&m);
}

TEST(with_the_log_counters_tell_nothing)
{
	struct kernel_event event;

	set_up();
	count_kills("system.slice/a.service", 0, 0);
	_cleanup_(closep) int log = start_with_log();
	check(log >= 0);
	machine_vmstat(&m, 5, 0);
	count_kills("system.slice/a.service", 5, 5);
	machine_round(&m, 100 * SEC);
	machine_round(&m, 101 * SEC);
	check(!sense_next_kernel_event(m.sense, &event));
	machine_done(&m);
}

TEST(more_kills_than_there_is_room_for_are_counted)
{
	struct kernel_event event;

	set_up();
	_cleanup_(closep) int log = start_with_log();
	for (int i = 0; i < KERNEL_EVENTS_MAX + 5; i++)
		log_kill(log, 100 + i, "x");
	for (int i = 0; i < KERNEL_EVENTS_MAX; i++) {
		check(sense_next_kernel_event(m.sense, &event));
		check_int(event.pid, 100 + i);
		check_int(event.dropped_before, 0);
	}
	check(!sense_next_kernel_event(m.sense, &event));
	log_kill(log, 500, "x");
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.pid, 500);
	check_int(event.dropped_before, 5);
	machine_done(&m);
}

/* The kernel overwrites what nobody has read. */
static void lose_some(usec_t now)
{
	m.sense->now = now;
	check(event_kernel_take_one(m.sense, -EPIPE));
}

TEST(a_log_that_is_overwritten_is_told_once_a_while)
{
	struct kernel_event event;

	set_up();
	_cleanup_(closep) int log = start_with_log();
	check(log >= 0);
	lose_some(10 * SEC);
	check(sense_wants_services(m.sense));
	lose_some(11 * SEC);
	lose_some(60 * SEC);
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.kind, KERNEL_EVENT_LOG_LOST);
	check_int(event.at_usec, 10 * SEC);
	check(!sense_next_kernel_event(m.sense, &event));
	lose_some(70 * SEC);
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.kind, KERNEL_EVENT_LOG_LOST);
	machine_done(&m);
}

/* The end of a group was among what is lost: whoever is killed next is none of it. */
TEST(what_was_said_before_a_loss_counts_for_nobody)
{
	struct kernel_event event;

	set_up();
	_cleanup_(closep) int log = start_with_log();
	log_line(log, "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,"
		      "mems_allowed=0,oom_memcg=/a,task_memcg=/a,task=hog,pid=7,uid=0");
	log_line(log, "Tasks in /a are going to be killed due to memory.oom.group set");
	lose_some(3 * SEC);
	check(sense_next_kernel_event(m.sense, &event));
	log_line(log, "Memory cgroup out of memory: Killed process 9 (b) total-vm:63908kB");
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.pid, 9);
	check(!event.cgroup_known);
	machine_done(&m);
}

/* Its clock may be seconds off; that the log held nothing a moment ago is certain. */
TEST(a_kill_comes_after_the_last_look_at_the_log)
{
	struct kernel_event event;

	set_up();
	_cleanup_(closep) int log = start_with_log();
	machine_round(&m, 20 * SEC);
	machine_round(&m, 21 * SEC);
	log_kill(log, 100, "x");
	check(sense_next_kernel_event(m.sense, &event));
	check_int(event.at_usec, 5 * SEC);
	check_int(event.not_before_usec, 21 * SEC);
	machine_done(&m);
}

/* --- the end of a guest */

TEST(a_guest_that_ends_wakes)
{
	char procs[32];
	pid_t child;

	set_up();
	add_service(GUEST);
	child = fork();
	check(child >= 0);
	if (child == 0) {
		pause();
		_exit(0);
	}
	snprintf(procs, sizeof(procs), "%d\n", child);
	machine_cgroup_file(&m, GUEST, "cgroup.procs", procs);
	machine_process(&m, child, "qemu-system-x86", 1, 100 * MIB, "0-1");
	machine_start_live(&m);
	for (usec_t now = SEC; now <= 3 * SEC; now += SEC)
		machine_round(&m, now);
	check(m.sense->events.exits != NULL || m.sense->events.is_exit_refused);
	if (m.sense->events.exits && !m.sense->events.is_exit_refused) {
		struct pollfd p = { .fd = m.sense->events.epoll_fd, .events = POLLIN };

		check(!wakes());
		check_int(kill(child, SIGKILL), 0);
		check_int(poll(&p, 1, 10000), 1);
		sense_take_events(m.sense, 4 * SEC);
		check(!wakes());
		check(is_forced(GUEST));
		check(entry_of(GUEST)->is_forced_list);
		check(!is_forced("system.slice/a.service"));
	}
	(void)kill(child, SIGKILL);
	check_int(waitpid(child, NULL, 0), child);
	machine_done(&m);
}

/* --- a loop that waits there */

/* A machine made of files gives no triggers. */
TEST(averages_that_nobody_tells_of_are_looked_for)
{
	set_up();
	start();
	check(!host_sensor_follows_averages(m.sense));
	machine_pressure(&m, 700, 0);
	machine_round(&m, 5 * SEC);
	check_known(host_value(sense_snapshot(m.sense), METRIC_PSI_IO_SOME), 0);
	sense_want_averages(m.sense, false, true);
	check(host_sensor_follows_averages(m.sense));
	machine_round(&m, 7 * SEC);
	check_known(host_value(sense_snapshot(m.sense), METRIC_PSI_IO_SOME), 700);
	machine_pressure(&m, 900, 0);
	machine_round(&m, 9 * SEC);
	check_known(host_value(sense_snapshot(m.sense), METRIC_PSI_IO_SOME), 900);
	sense_want_averages(m.sense, false, false);
	check(!host_sensor_follows_averages(m.sense));
	machine_done(&m);
}

/* Where the kernel tells, nothing is read until it does, and until it is over. */
TEST(averages_that_are_told_of)
{
	int fds[2];

	set_up();
	start();
	sense_want_averages(m.sense, false, true);
	machine_round(&m, 3 * SEC);
	/* What stands for the trigger: its event is given by hand. */
	check_int(pipe2(fds, O_CLOEXEC), 0);
	m.sense->events.average_triggers[HOST_PRESSURE_IO] = fds[0];
	machine_round(&m, 5 * SEC);
	check(!host_sensor_follows_averages(m.sense));
	machine_pressure(&m, 700, 0);
	machine_round(&m, 8 * SEC);
	check_known(host_value(sense_snapshot(m.sense), METRIC_PSI_IO_SOME), 0);
	event_pressure_take(m.sense, EVENT_HOST_AVERAGE, HOST_PRESSURE_IO, EPOLLPRI);
	check(host_sensor_follows_averages(m.sense));
	machine_round(&m, 9 * SEC);
	check_known(host_value(sense_snapshot(m.sense), METRIC_PSI_IO_SOME), 700);
	/* It goes on until it is next to nothing. */
	machine_pressure(&m, 450, 0);
	machine_round(&m, 11 * SEC);
	check(host_sensor_follows_averages(m.sense));
	/* That of the CPU is of no interest. */
	check_known(host_value(sense_snapshot(m.sense), METRIC_PSI_IO_SOME), 450);
	check_known(host_value(sense_snapshot(m.sense), METRIC_PSI_CPU_SOME), 0);
	machine_pressure(&m, 350, 0);
	machine_round(&m, 13 * SEC);
	check(!host_sensor_follows_averages(m.sense));
	/* Pressure was switched off: then it is looked for again. */
	event_pressure_take(m.sense, EVENT_HOST_AVERAGE, HOST_PRESSURE_IO, EPOLLERR);
	check_int(m.sense->events.average_triggers[HOST_PRESSURE_IO], -1);
	check(host_sensor_follows_averages(m.sense));
	close(fds[1]);
	machine_done(&m);
}

TEST(averages_that_stand_still_are_no_reason_to_ask_rules)
{
	set_up();
	start();
	sense_want_averages(m.sense, false, true);
	machine_pressure(&m, 2000, 0);
	machine_round(&m, 5 * SEC);
	check(host_sensor_has_moved(m.sense));
	sense_mark(m.sense);
	check(!host_sensor_has_moved(m.sense));
	machine_pressure(&m, 2050, 0);
	machine_round(&m, 7 * SEC);
	check(!host_sensor_has_moved(m.sense));
	machine_pressure(&m, 2051, 0);
	machine_round(&m, 9 * SEC);
	check(host_sensor_has_moved(m.sense));
	sense_mark(m.sense);
	machine_file(&m, "proc/pressure/io",
		     "some avg10=20.51 avg60=0.00 avg300=0.00 total=0\n"
		     "full avg10=0.51 avg60=0.00 avg300=0.00 total=0\n");
	machine_round(&m, 11 * SEC);
	check(host_sensor_has_moved(m.sense));
	sense_want_averages(m.sense, false, false);
	check(!host_sensor_has_moved(m.sense));
	machine_done(&m);
}

TEST(averages_that_the_kernel_does_not_have)
{
	set_up();
	machine_remove(&m, "proc/pressure");
	start();
	sense_want_averages(m.sense, true, true);
	machine_round(&m, 5 * SEC);
	check(!host_sensor_follows_averages(m.sense));
	machine_done(&m);
}

TEST(a_loop_is_woken_by_events_and_by_its_own)
{
	int ends[2];

	set_up();
	start();
	check_int(pipe(ends), 0);
	sense_watch(m.sense, ends[0]);
	check_int(sense_wait(m.sense, 0, true), 0);
	throttle("system.slice/a.service");
	/* Not waited for, it is kept. */
	check_int(sense_wait(m.sense, 0, false), 0);
	check_int(sense_wait(m.sense, 0, true), SENSE_WAKE_EVENT);
	check(!is_forced("system.slice/a.service"));
	check_int(sense_fast(m.sense, 3 * SEC), 0);
	check(is_forced("system.slice/a.service"));
	check_int(sense_wait(m.sense, 0, true), 0);
	check_int(write(ends[1], "", 1), 1);
	check_int(sense_wait(m.sense, 0, false), SENSE_WAKE_LOOP);
	check_int(sense_wait(m.sense, 0, true), SENSE_WAKE_LOOP);
	throttle("system.slice/c.service");
	check_int(sense_wait(m.sense, 0, true), SENSE_WAKE_LOOP | SENSE_WAKE_EVENT);
	machine_done(&m);
	close(ends[0]);
	close(ends[1]);
}

/* --- another tree, and sleep */

TEST(another_tree_is_watched_instead)
{
	set_up();
	start();
	check_int(sense_set_root(m.sense, &m.root, &m.layout), 0);
	machine_round(&m, 4 * SEC);
	machine_round(&m, 5 * SEC);
	check(m.sense->events.epoll_fd >= 0);
	check(m.sense->events.tree_watched);
	throttle("system.slice/a.service");
	check(wakes());
	sense_take_events(m.sense, 6 * SEC);
	check(is_forced("system.slice/a.service"));
	machine_done(&m);
}

TEST(what_was_measured_before_a_sleep_counts_no_more)
{
	const enum metric_id left = METRIC_MEM_TIME_TO_EMPTY;

	set_up();
	machine_start(&m, false);
	for (unsigned i = 0; i < 6; i++) {
		machine_meminfo(&m, 8 * GIB, (4 - i / 4) * GIB - i * 300 * MIB);
		machine_round(&m, 10 * SEC + i * SEC);
	}
	check_int(host_value(sense_snapshot(m.sense), left).state, READING_KNOWN);
	sense_forget_history(m.sense);
	machine_meminfo(&m, 8 * GIB, GIB);
	machine_round(&m, 17 * SEC);
	check_unknown(host_value(sense_snapshot(m.sense), left));
	machine_done(&m);
}
