/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "fixture.h"

#include "sys/kmsg.h"
#include "sys/sysroot.h"

#include <fcntl.h>

static struct kmsg_reader reader;
static struct kmsg_finding found;
static uint64_t sequence;

/* The record as /dev/kmsg gives it, at its exact size. */
static bool say_record(const char *data)
{
	size_t length = strlen(data);
	char *copy = exact_copy(data, length);
	struct kmsg_record record;
	bool r = false;

	if (kmsg_parse(copy, length, &record) == 0)
		r = kmsg_take(&reader, &record, &found);
	free(copy);
	return r;
}

static bool say_as(char flag, const char *text)
{
	char data[4096];

	snprintf(data, sizeof(data), "6,%" PRIu64 ",1000000,%c;%s\n", ++sequence, flag, text);
	return say_record(data);
}

static bool say(const char *text)
{
	return say_as('-', text);
}

static void start(void)
{
	reader = (struct kmsg_reader){ 0 };
	memset(&found, 0x5a, sizeof(found));
	sequence = 0;
}

static void check_kill(pid_t pid, const char *comm, enum kmsg_constraint constraint,
		       const char *cgroup)
{
	check_int(found.kind, KMSG_OOM_KILL);
	check_int(found.pid, pid);
	check_str(found.comm, comm);
	check_int(found.constraint, constraint);
	check_int(found.cgroup_known, cgroup != NULL);
	check_str(found.cgroup, cgroup ? cgroup : "");
}

TEST(a_record_is_taken_apart)
{
	static const char text[] = "4,555,79533009,-;hog invoked\n SUBSYSTEM=x\n DEVICE=+y\n";
	struct kmsg_record r;

	check_int(kmsg_parse(text, strlen(text), &r), 0);
	check_int(r.sequence, 555);
	check_int(r.usec, 79533009);
	check_int(r.flag, '-');
	check_int(r.length, strlen("hog invoked"));
	check(memcmp(r.text, "hog invoked", r.length) == 0);
}

TEST(more_fields_before_the_text_are_left_out)
{
	static const char text[] = "4,555,79533009,c,caller=T1;hog\n";
	struct kmsg_record r;

	check_int(kmsg_parse(text, strlen(text), &r), 0);
	check_int(r.flag, 'c');
	check_int(r.length, 3);
}

TEST(what_user_space_writes_is_left_out)
{
	static const char text[] = "12,555,79533009,-;Out of memory: Killed process 1 (init) "
				   "total-vm:1kB\n";
	struct kmsg_record r;

	check_int(kmsg_parse(text, strlen(text), &r), -EPERM);
}

TEST(what_is_no_record_is_refused)
{
	static const char *const texts[] = {
		"",	     ";",	 "4",	       "4;",
		"4,5;",	     "4,5,6;x",	 "x,5,6,-;x",  "4,x,6,-;x",
		"4,5,x,-;x", "4,5,6,;x", "-1,5,6,-;x", "99999999999999999999,5,6,-;x",
	};
	struct kmsg_record r;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *copy = exact_copy(texts[i], strlen(texts[i]));

		check_int(kmsg_parse(copy, strlen(texts[i]), &r), -EINVAL);
		free(copy);
	}
}

/* As a kernel 6.1 printed it. */
TEST(a_kill_within_a_limit)
{
	start();
	check(!say("hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"));
	check(!say("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=system.slice,"
		   "mems_allowed=0-1,oom_memcg=/lab/a,task_memcg=/lab/a,task=hog,pid=270,uid=0"));
	check(say("Memory cgroup out of memory: Killed process 270 (hog) total-vm:63908kB, "
		  "anon-rss:61448kB, file-rss:1020kB, shmem-rss:0kB, UID:0 pgtables:164kB "
		  "oom_score_adj:0"));
	check_kill(270, "hog", KMSG_CONSTRAINT_MEMCG, "lab/a");
	check_int(found.usec, 1000000);
}

TEST(a_kill_of_the_host)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,"
		   "global_oom,task_memcg=/system.slice/lab.service,task=hog,pid=254,uid=0"));
	check(say("Out of memory: Killed process 254 (hog) total-vm:493856kB, anon-rss:476620kB, "
		  "file-rss:4kB, shmem-rss:0kB, UID:0 pgtables:980kB oom_score_adj:300"));
	check_kill(254, "hog", KMSG_CONSTRAINT_NONE, "system.slice/lab.service");
}

TEST(each_constraint_has_its_name)
{
	static const struct {
		const char *name;
		enum kmsg_constraint constraint;
	} cases[] = {
		{ "CONSTRAINT_CPUSET", KMSG_CONSTRAINT_CPUSET },
		{ "CONSTRAINT_MEMORY_POLICY", KMSG_CONSTRAINT_MEMORY_POLICY },
		{ "CONSTRAINT_OF_TOMORROW", KMSG_CONSTRAINT_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];

		start();
		snprintf(text, sizeof(text),
			 "oom-kill:constraint=%s,nodemask=0,cpuset=/,mems_allowed=0-1,global_oom,"
			 "task_memcg=/,task=a,pid=5,uid=0",
			 cases[i].name);
		check(!say(text));
		check(say("Out of memory: Killed process 5 (a) total-vm:1kB"));
		check_kill(5, "a", cases[i].constraint, "");
	}
}

TEST(escapes_of_the_log_are_undone)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		   "global_oom,task_memcg=/machine.slice/machine-qemu\\x5cx2d1\\x5cx2ddb.scope,"
		   "task=a\\x0ab,pid=9,uid=0"));
	check(say("Out of memory: Killed process 9 (a\\x0ab) total-vm:1kB"));
	check_kill(9, "a\nb", KMSG_CONSTRAINT_NONE,
		   "machine.slice/machine-qemu\\x2d1\\x2ddb.scope");
}

TEST(a_kill_without_its_summary_is_told_all_the_same)
{
	start();
	check(say("Memory cgroup out of memory: Killed process 270 (hog) total-vm:63908kB"));
	check_kill(270, "hog", KMSG_CONSTRAINT_MEMCG, NULL);
	check(say("Out of memory (oom_kill_allocating_task): Killed process 7 (x) total-vm:1kB"));
	check_kill(7, "x", KMSG_CONSTRAINT_UNKNOWN, NULL);
}

TEST(a_summary_counts_for_its_own_process_alone)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		   "global_oom,task_memcg=/a,task=x,pid=5,uid=0"));
	check(say("Memory cgroup out of memory: Killed process 6 (y) total-vm:1kB"));
	check_kill(6, "y", KMSG_CONSTRAINT_MEMCG, NULL);
}

TEST(a_summary_of_long_ago_counts_for_nothing)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		   "global_oom,task_memcg=/a,task=x,pid=5,uid=0"));
	check(say_record("3,9,60000000,-;Out of memory: Killed process 5 (x) total-vm:1kB\n"));
	check_kill(5, "x", KMSG_CONSTRAINT_UNKNOWN, NULL);
}

TEST(another_cpu_s_clock_may_be_behind)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		   "global_oom,task_memcg=/a,task=x,pid=5,uid=0"));
	check(!say_record("6,2,999900,-;somebody else says something\n"));
	check(say_record("3,3,1000100,-;Out of memory: Killed process 5 (x) total-vm:1kB\n"));
	check_kill(5, "x", KMSG_CONSTRAINT_NONE, "a");
}

TEST(a_group_is_killed_one_by_one)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,"
		   "oom_memcg=/a,task_memcg=/a/b,task=x,pid=5,uid=0"));
	check(say("Memory cgroup out of memory: Killed process 5 (x) total-vm:1kB"));
	check_kill(5, "x", KMSG_CONSTRAINT_MEMCG, "a/b");
	check(!say("Tasks in /a are going to be killed due to memory.oom.group set"));
	check(say("Memory cgroup out of memory: Killed process 6 (y) total-vm:1kB"));
	check_kill(6, "y", KMSG_CONSTRAINT_MEMCG, "a");
	check(say("Memory cgroup out of memory: Killed process 7 (z) total-vm:1kB"));
	check_kill(7, "z", KMSG_CONSTRAINT_MEMCG, "a");
}

/* So many kills at once that the reports of later ones are left out but for their last line. */
TEST(a_group_ends_where_another_reason_begins)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,"
		   "oom_memcg=/a,task_memcg=/a/b,task=x,pid=5,uid=0"));
	check(say("Memory cgroup out of memory: Killed process 5 (x) total-vm:1kB"));
	check(!say("Tasks in /a are going to be killed due to memory.oom.group set"));
	check(say("Memory cgroup out of memory: Killed process 6 (y) total-vm:1kB"));
	check(say("Out of memory: Killed process 99 (innocent) total-vm:1kB"));
	check_kill(99, "innocent", KMSG_CONSTRAINT_UNKNOWN, NULL);
	check(!found.limit_known);
	check(say("Memory cgroup out of memory: Killed process 100 (other) total-vm:1kB"));
	check_kill(100, "other", KMSG_CONSTRAINT_MEMCG, NULL);

	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		   "global_oom,task_memcg=/a,task=x,pid=5,uid=0"));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check(!say("Tasks in /a are going to be killed due to memory.oom.group set"));
	check(say("Out of memory: Killed process 6 (y) total-vm:1kB"));
	check_kill(6, "y", KMSG_CONSTRAINT_NONE, "a");
	check(say("Memory cgroup out of memory: Killed process 7 (z) total-vm:1kB"));
	check_kill(7, "z", KMSG_CONSTRAINT_MEMCG, NULL);
}

static void say_old_limit_kill(void)
{
	start();
	check(!say("Task in /docker/1f/x killed as a result of limit of /docker/1f"));
	check(!say("Memory cgroup out of memory: Kill process 4242 (sh) score 1 or sacrifice "
		   "child"));
	check(say("Killed process 4250 (worker) total-vm:4488kB, anon-rss:92kB, file-rss:344kB"));
	check_kill(4250, "worker", KMSG_CONSTRAINT_MEMCG, "docker/1f/x");
}

/* 3.10: the second choice is of the host, and its report was left out. */
TEST(a_choice_of_the_host_is_not_of_the_limit_before_it)
{
	say_old_limit_kill();
	check(!say("Out of memory: Kill process 1234 (java) score 900 or sacrifice child"));
	check(say("Killed process 1234 (java) total-vm:4488kB, anon-rss:92kB, file-rss:344kB"));
	check_kill(1234, "java", KMSG_CONSTRAINT_UNKNOWN, NULL);
}

/* The three lines of 3.10, where what is killed may be a child of what was chosen. */
TEST(kills_of_old_kernels)
{
	say_old_limit_kill();

	start();
	check(!say("Out of memory: Kill process 1234 (java) score 900 or sacrifice child"));
	check(say("Killed process 1234 (java), UID 1000, total-vm:4488kB, anon-rss:92kB"));
	check_kill(1234, "java", KMSG_CONSTRAINT_UNKNOWN, NULL);
}

TEST(a_choice_is_no_kill)
{
	start();
	check(!say("Out of memory: Kill process 1234 (java) score 900 or sacrifice child"));
	check(!say("Out of memory: Kill process 12 (a) total-vm:1kB"));
}

/* 3.10 to 4.8: 'c' begins a line in parts, '+' goes on. Later: 'c' goes on. */
TEST(lines_in_parts_are_put_together)
{
	start();
	check(!say_as('c', "Task in "));
	check(!say_as('+', "/a/b"));
	check(!say_as('+', " killed as a result of limit of "));
	check(!say_as('+', "/a"));
	check(say("Killed process 5 (x) total-vm:1kB"));
	check_kill(5, "x", KMSG_CONSTRAINT_MEMCG, "a/b");

	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0"));
	check(!say_as('c', ",global_oom,task_memcg=/a,task=x,pid=5,uid=0"));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check_kill(5, "x", KMSG_CONSTRAINT_NONE, "a");

	/* A first part right behind another line. */
	start();
	check(!say("Mem-Info:"));
	check(!say_as('c', "Task in /a/b"));
	check(!say_as('+', " killed as a result of limit of /a"));
	check(say("Killed process 5 (x) total-vm:1kB"));
	check_kill(5, "x", KMSG_CONSTRAINT_MEMCG, "a/b");
}

TEST(a_part_counts_once)
{
	start();
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB, anon-rss:1kB"));
	check(!say_as('c', ", UID:0 pgtables:1kB"));
	check(!say_as('+', " oom_score_adj:0"));
}

TEST(a_part_whose_beginning_was_lost_belongs_to_nothing)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0"));
	sequence += 5;
	check(!say_as('c', ",global_oom,task_memcg=/a,task=x,pid=5,uid=0"));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check(!found.cgroup_known);
}

/* --- names that are chosen to be mistaken */

TEST(a_process_may_be_called_like_the_end_of_its_line)
{
	start();
	check(say("Out of memory: Killed process 5 (a) total-vm:1) total-vm:77kB, anon-rss:1kB"));
	check_kill(5, "a) total-vm:1", KMSG_CONSTRAINT_UNKNOWN, NULL);
}

TEST(a_process_may_be_called_like_fields_of_the_summary)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		   "global_oom,task_memcg=/a,task=,pid=1,task=x,pid=5,uid=1000"));
	check(say("Out of memory: Killed process 5 (,pid=1,task=x) total-vm:1kB"));
	check_kill(5, ",pid=1,task=x", KMSG_CONSTRAINT_NONE, "a");
}

TEST(a_cgroup_may_be_called_like_fields_of_the_summary)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),"
		   "cpuset=x,mems_allowed=0,global_oom,task_memcg=,mems_allowed=0-1,"
		   "oom_memcg=/user/u,task_memcg=/user/u/v,task_memcg=/init.scope,"
		   "task=x,pid=5,uid=1000"));
	check(say("Memory cgroup out of memory: Killed process 5 (x) total-vm:1kB"));
	check_kill(5, "x", KMSG_CONSTRAINT_MEMCG, "user/u/v,task_memcg=/init.scope");
}

TEST(a_cgroup_name_does_not_lead_out_of_its_owners)
{
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
		   "oom_memcg=/user/u,task_memcg=/system.slice/sshd.service,"
		   "task_memcg=/user/u,task_memcg=/system.slice/sshd.service,"
		   "task=x,pid=5,uid=1000"));
	check(say("Memory cgroup out of memory: Killed process 5 (x) total-vm:1kB"));
	check(found.cgroup_known);
	check(strncmp(found.cgroup, "user/u,", 7) == 0);
}

TEST(a_device_may_be_called_like_a_kill)
{
	start();
	check(!say("usb 1-1: Product: Out of memory: Killed process 1 (init) total-vm:1kB"));
	check(!say("usb 1-1: Product: x: page allocation failure: order:3, mode:0x1"));
}

TEST(a_name_that_is_too_long_or_holds_a_nul_is_none)
{
	start();
	check(!say("Out of memory: Killed process 5 (sixteen-bytes-xx) total-vm:1kB"));
	check(!say("Out of memory: Killed process 5 (a\\x00b) total-vm:1kB"));
	check(say("Out of memory: Killed process 5 (fifteen-bytes-x) total-vm:1kB"));
}

TEST(a_pid_that_cannot_be_is_none)
{
	start();
	check(!say("Out of memory: Killed process 0 (x) total-vm:1kB"));
	check(!say("Out of memory: Killed process -5 (x) total-vm:1kB"));
	check(!say("Out of memory: Killed process 99999999999 (x) total-vm:1kB"));
	check(!say("Out of memory: Killed process 99999999999999999999999 (x) total-vm:1kB"));
	check(!say("Out of memory: Killed process  (x) total-vm:1kB"));
}

TEST(cut_lines_are_no_kills)
{
	static const char whole[] = "Out of memory: Killed process 5 (x) total-vm:";

	start();
	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		char text[sizeof(whole)];

		memcpy(text, whole, i);
		text[i] = '\0';
		check(!say(text));
	}
	check(say(whole));
}

TEST(long_paths_are_cut)
{
	char text[1024], path[700];

	start();
	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	snprintf(text, sizeof(text),
		 "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		 "global_oom,task_memcg=/%s,task=x,pid=5,uid=0",
		 path);
	check(!say(text));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check(found.cgroup_known);
	check_int(strlen(found.cgroup), KMSG_CGROUP_BYTES - 1);
}

/* --- what the report says besides ------------------------------------------------------------- */

static void check_nodes(const char *list)
{
	struct idset nodes;

	check_int(found.nodes_known, list != NULL);
	if (!list)
		return;
	check_int(idset_parse(list, &nodes), 0);
	check(idset_equal(&found.nodes, &nodes));
}

static void check_limit(const char *path)
{
	check_int(found.limit_known, path != NULL);
	if (!path)
		return;
	check_int(found.limit_length, strlen(path));
	check(strncmp(found.cgroup, path, strlen(path)) == 0);
}

TEST(the_cgroup_at_its_limit_is_the_task_s_or_above_it)
{
	static const struct {
		const char *limit, *task, *want;
	} cases[] = {
		{ "/a", "/a", "a" },
		{ "/a", "/a/b", "a" },
		{ "/a.slice/b", "/a.slice/b/c/d", "a.slice/b" },
		{ "/a\\x0a", "/a\\x0a/b", "a\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		start();
		snprintf(text, sizeof(text),
			 "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,"
			 "mems_allowed=0-1,oom_memcg=%s,task_memcg=%s,task=x,pid=5,uid=0",
			 cases[i].limit, cases[i].task);
		check(!say(text));
		check(say("Memory cgroup out of memory: Killed process 5 (x) total-vm:1kB"));
		check_limit(cases[i].want);
		check_nodes(NULL);
		check(!found.order_known);
	}
	/* 3.10 */
	start();
	check(!say("Task in /docker/1f/x killed as a result of limit of /docker/1f"));
	check(say("Killed process 4250 (worker) total-vm:4488kB"));
	check_limit("docker/1f");
	start();
	check(!say("Task in /a killed as a result of limit of /ab"));
	check(say("Killed process 4250 (worker) total-vm:4488kB"));
	check_limit(NULL);
	/* Of a group that is killed for it too. */
	start();
	check(!say("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,"
		   "oom_memcg=/a,task_memcg=/a/b/c,task=x,pid=5,uid=0"));
	check(say("Memory cgroup out of memory: Killed process 5 (x) total-vm:1kB"));
	check(!say("Tasks in /a/b are going to be killed due to memory.oom.group set"));
	check(say("Memory cgroup out of memory: Killed process 6 (y) total-vm:1kB"));
	check_str(found.cgroup, "a/b");
	check_limit("a");
}

TEST(the_nodes_of_a_constraint)
{
	static const struct {
		const char *constraint, *mask, *allowed, *want;
	} cases[] = {
		{ "NONE", "(null)", "0-1", NULL },
		{ "NONE", "0-1", "0-1", NULL },
		{ "MEMORY_POLICY", "0", "0-1", "0" },
		{ "MEMORY_POLICY", "1,3", "0-3", "1,3" },
		{ "MEMORY_POLICY", "(null)", "0-3", NULL },
		{ "CPUSET", "(null)", "1", "1" },
		{ "CPUSET", "(null)", "2,4-5", "2,4-5" },
		{ "CPUSET", "(null)", "x", NULL },
		{ "MEMCG", "(null)", "1", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		start();
		snprintf(text, sizeof(text),
			 "oom-kill:constraint=CONSTRAINT_%s,nodemask=%s,cpuset=,mems_allowed=7,"
			 "mems_allowed=%s,global_oom,task_memcg=/a,task=x,pid=5,uid=0",
			 cases[i].constraint, cases[i].mask, cases[i].allowed);
		check(!say(text));
		check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
		check_nodes(cases[i].want);
	}
}

/* Before 5.0 there is no constraint: the report's first lines have to do. */
TEST(what_old_kernels_tell_of_the_request)
{
	start();
	check(!say("python invoked oom-killer: gfp_mask=0x3000d0, order=2, oom_score_adj=0"));
	check(!say("python cpuset=/ mems_allowed=0-1"));
	check(!say("Out of memory: Kill process 1234 (java) score 900 or sacrifice child"));
	check(say("Killed process 1234 (java) total-vm:4488kB, anon-rss:92kB"));
	check(found.order_known);
	check_int(found.order, 2);
	check_nodes("0-1");
	/* The next one without: the kernel leaves it out where there are many. */
	check(!say("Out of memory: Kill process 1235 (java) score 900 or sacrifice child"));
	check(say("Killed process 1235 (java) total-vm:4488kB, anon-rss:92kB"));
	check(!found.order_known);
	check_nodes(NULL);

	/* 4.9 to 4.20 */
	start();
	check(!say("hog invoked oom-killer: gfp_mask=0x14280ca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO), "
		   "nodemask=0,  order=0, oom_score_adj=0"));
	check(!say("hog cpuset=/ mems_allowed=0-1"));
	check(say("Killed process 5 (hog) total-vm:1kB"));
	check(found.order_known);
	check_int(found.order, 0);
	check_nodes("0");
	start();
	check(!say("hog invoked oom-killer: gfp_mask=0xd0(x), nodemask=(null), order=3, "
		   "oom_score_adj=0"));
	check(!say("hog cpuset=a mems_allowed=0"));
	check(say("Out of memory: Killed process 5 (hog) total-vm:1kB"));
	check_int(found.order, 3);
	check_nodes("0");
}

TEST(the_order_of_the_request_on_new_kernels)
{
	start();
	check(!say(
		"qemu invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=2, oom_score_adj=0"));
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,"
		   "global_oom,task_memcg=/a,task=x,pid=5,uid=0"));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check(found.order_known);
	check_int(found.order, 2);
	check_nodes(NULL);
	/* Long after. */
	check(say_record("3,90,60000000,-;Out of memory: Killed process 5 (x) total-vm:1kB\n"));
	check(!found.order_known);
}

TEST(somebody_may_have_asked_for_it)
{
	start();
	check(!say("kworker/0:1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, "
		   "oom_score_adj=0"));
	check(!say("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,"
		   "global_oom,task_memcg=/a,task=x,pid=5,uid=0"));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check_kill(5, "x", KMSG_CONSTRAINT_NONE, "a");
	check(found.by_hand);
	check(!found.order_known);
	/* The next one is the kernel's own. */
	check(!say("x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"));
	check(say("Out of memory: Killed process 6 (y) total-vm:1kB"));
	check(!found.by_hand);
	check(found.order_known);
	start();
	check(!say("x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-2, oom_score_adj=0"));
	check(say("Out of memory: Killed process 6 (y) total-vm:1kB"));
	check(!found.by_hand && !found.order_known);
}

TEST(names_are_no_request)
{
	start();
	check(!say("a, order=9, nodemask=7 invoked oom-killer: gfp_mask=0xd0, order=1, "
		   "oom_score_adj=0"));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check(!found.order_known);
	start();
	check(!say("x, order=9 invoked oom-killer: gfp_mask=0xd0(GFP), order=1, oom_score_adj=0"));
	/* Not of a report: nobody had asked, or a name is none. */
	check(!say("usb 1-1: Product: something cpuset=/ mems_allowed=7"));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check_int(found.order, 1);
	check_nodes(NULL);
	start();
	check(!say("x cpuset=/ mems_allowed=7"));
	check(say("Out of memory: Killed process 5 (x) total-vm:1kB"));
	check_nodes(NULL);
}

/* --- failed allocations */

TEST(a_failed_allocation)
{
	start();
	check(say("qemu-kvm: page allocation failure: order:2, mode:0x204020"));
	check_int(found.kind, KMSG_ALLOC_FAILURE);
	check_int(found.order, 2);
	check_str(found.comm, "qemu-kvm");
	check_int(found.pid, 0);
	check(say(
		"kworker/0:1: page allocation failure: order:9, mode:0x40dc0(GFP_KERNEL|__GFP_COMP"
		"|__GFP_ZERO), nodemask=(null),cpuset=/,mems_allowed=0-1"));
	check_int(found.order, 9);
	check_str(found.comm, "kworker/0:1");
	check(!say("x: page allocation failure: order:, mode:0x1"));
	check(!say("x: page allocation failure: order:2"));
	check(!say("x: page allocation stalls for 10016ms, order:2, mode:0x1"));
}

TEST(no_bytes_confuse_the_reader)
{
	static const char *const pieces[] = {
		"oom-kill:constraint=",
		"CONSTRAINT_MEMCG",
		",nodemask=",
		",cpuset=",
		",oom_memcg=/",
		",global_oom,task_memcg=/",
		",task_memcg=",
		",task=",
		",pid=",
		"5",
		",uid=",
		"(",
		")",
		"Killed process ",
		"Out of memory: ",
		" total-vm:",
		"\\x",
		"\\x5c",
		"\\",
		"/",
		"Task in ",
		" killed as a result of limit of /",
		"Tasks in ",
		" are going to be killed due to memory.oom.group set",
		": page allocation failure: order:",
		", mode:0x",
		" invoked oom-killer: gfp_mask=0x",
		", nodemask=",
		", order=",
		" cpuset=",
		" mems_allowed=",
		"0-1",
		",mems_allowed=",
	};
	uint32_t random = 2463534242;

	start();
	for (int round = 0; round < 20000; round++) {
		char text[2048] = "";
		size_t count = next_random(&random) % 14;

		for (size_t i = 0; i < count; i++)
			strcat(text,
			       pieces[next_random(&random) % (sizeof(pieces) / sizeof(pieces[0]))]);
		if (say_as("-c+"[next_random(&random) % 3], text)) {
			check(memchr(found.comm, '\0', sizeof(found.comm)));
			check(memchr(found.cgroup, '\0', sizeof(found.cgroup)));
			check(!found.limit_known || found.limit_length <= strlen(found.cgroup));
		}
	}
}

/* --- the device */

TEST(a_captured_machine_has_no_log)
{
	FIXTURE(f);
	struct sysroot root;

	fixture_put(&f, "dev/kmsg", "6,1,1,-;x\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(kmsg_open(&root), -ENOSYS);
	root.live = true;
	fixture_directory(&f, "empty");
	_cleanup_(closep) int fd = kmsg_open(&root);
	check(fd >= 0);
	sysroot_done(&root);
}

TEST(reading_ends_when_nothing_is_there)
{
	_cleanup_(closep) int from = -1, to = -1;
	char buffer[KMSG_RECORD_BYTES];
	int ends[2];

	check_int(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	from = ends[0];
	to = ends[1];
	check_int(kmsg_read(from, buffer, sizeof(buffer)), 0);
	check_int(write(to, "6,1,1,-;x\n", 10), 10);
	check_int(kmsg_read(from, buffer, sizeof(buffer)), 10);
	check_int(kmsg_read(from, buffer, sizeof(buffer)), 0);
}
