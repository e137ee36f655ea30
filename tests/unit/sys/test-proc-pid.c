/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "test.h"

#include <signal.h>
#include <sys/wait.h>

#define AFTER_STATE                                                            \
	" 1 237 237 0 -1 4194560 7 0 0 0 3 1 0 0 20 0 1 0 3731 38604800 7682 " \
	"18446744073709551615 "                                                \
	"0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static int parse(const char *text, struct proc_stat *ret)
{
	return proc_stat_parse(text, strlen(text), ret);
}

/* 0 if the pid is still that process. */
static int check_same(const struct sysroot *root, pid_t pid, uint64_t start_ticks)
{
	struct proc_stat stat;
	int fd = proc_pid_open_same(root, pid, start_ticks, &stat);

	if (fd < 0)
		return fd;
	check_int(stat.start_ticks, start_ticks);
	close(fd);
	return 0;
}

TEST(stat_fields)
{
	struct proc_stat s;

	check_int(parse("237 (hog) S" AFTER_STATE, &s), 0);
	check_int(s.pid, 237);
	check_str(s.comm, "hog");
	check_int(s.state, 'S');
	check_int(s.ppid, 1);
	check_int(s.start_ticks, 3731);
	check_int(s.rss_pages, 7682);
	check(!s.kernel_thread);
	check_int(parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0\n", &s),
		  0);
	check(s.kernel_thread);
}

TEST(hostile_names_change_nothing)
{
	static const char *const names[] = {
		"foo) Z ",
		"()()()())))(((",
		")",
		"(",
		"",
		"\n",
		") R 1\n",
		"1 (x) Z 9 9 9",
		"\xff\xfe\x80",
		"a\tb c",
		") S 2 3 4 5 6 7 8 9",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct proc_stat s;
		char text[512];

		snprintf(text, sizeof(text), "237 (%s) S" AFTER_STATE, names[i]);
		check_int(parse(text, &s), 0);
		check_int(s.state, 'S');
		check_int(s.ppid, 1);
		check_int(s.start_ticks, 3731);
		check_str(s.comm, names[i]);
	}
}

TEST(stat_cut_anywhere_is_refused)
{
	static const char text[] = "237 (foo) Z 1) S" AFTER_STATE;
	struct proc_stat s = { .pid = 99 };

	for (size_t cut = 0; cut + 1 < sizeof(text); cut++) {
		_cleanup_(freep) char *copy = exact_copy(text, cut);

		check_int(proc_stat_parse(copy, cut, &s), -EINVAL);
	}
	check_int(s.pid, 99);
}

TEST(stat_of_another_form)
{
	struct proc_stat s;

	check_int(parse("x\n", &s), -EINVAL);
	check_int(parse(")\n", &s), -EINVAL);
	check_int(parse("(x) S" AFTER_STATE, &s), -EINVAL);
	check_int(parse("0 (x) S" AFTER_STATE, &s), -EINVAL);
	check_int(parse("99999999999 (x) S" AFTER_STATE, &s), -EINVAL);
	check_int(parse("1 (x) Sleeping" AFTER_STATE, &s), -EINVAL);
	check_int(parse("1 (x) S 1 1 1 0 -1 4194560 7 0 0 0 3 1 0 0 20 0 1 0 "
			"99999999999999999999 1 7 0\n",
			&s),
		  -EINVAL);
	check_int(parse("1 (x) S 1 1 1 0 -1 4194560 7 0 0 0 3 1 0 0 20 0 1 0 5 1 -3 0\n", &s), 0);
	check_int(s.rss_pages, 0);
}

TEST(a_long_name_is_cut)
{
	struct proc_stat s;
	char text[1024];

	snprintf(text, sizeof(text), "5 (%0100d) S" AFTER_STATE, 0);
	check_int(parse(text, &s), 0);
	check_int(strlen(s.comm), PROC_COMM_BYTES - 1);
	check_int(s.start_ticks, 3731);
}

TEST(status_fields)
{
	const char *text = "Name:\tVmRSS: 9 kB\nState:\tS (sleeping)\nVmLck:\t       8 kB\n"
			   "VmPin:\t       4 kB\nVmRSS:\t   30904 kB\nRssAnon:\t   30728 kB\n"
			   "RssFile:\t     176 kB\nRssShmem:\t       0 kB\nVmSwap:\t      12 kB\n"
			   "Mems_allowed:\t00000000,00000005\nMems_allowed_list:\t0,2\n";
	struct proc_status s;

	check_int(proc_status_parse(text, strlen(text), &s), 0);
	check(s.has_memory);
	check_int(s.rss_bytes, 30904 * 1024);
	check_int(s.rss_anon_bytes, 30728 * 1024);
	check_int(s.rss_file_bytes, 176 * 1024);
	check_int(s.swap_bytes, 12 * 1024);
	check_int(s.locked_bytes, 8 * 1024);
	check_int(s.pinned_bytes, 4 * 1024);
	check(s.mems_known);
	check_int(idset_count(&s.mems_allowed), 2);
	check(idset_has(&s.mems_allowed, 2));
}

TEST(status_of_what_the_oom_killer_weighs)
{
	/* 4.0 to 4.14 count the second level apart. */
	const char *old = "State:\tS (sleeping)\nVmRSS:\t8 kB\nVmPTE:\t 120 kB\nVmPMD:\t 12 kB\n"
			  "CapEff:\t0000003fffffffff\n";
	const char *plain = "State:\tS (sleeping)\nVmRSS:\t8 kB\nVmPTE:\t 120 kB\n"
			    "CapEff:\t0000003fffdfffff\n";
	const char *hostile = "State:\tS (sleeping)\nVmRSS:\t8 kB\nVmPTE:\t 120 MB\n"
			      "VmPMD:\t99999999999999999999 kB\nCapEff:\tx\n";
	struct proc_status s;

	check_int(proc_status_parse(old, strlen(old), &s), 0);
	check(s.has_pgtables && s.has_sys_admin);
	check_int(s.pgtables_bytes, 132 * 1024);
	check_int(proc_status_parse(plain, strlen(plain), &s), 0);
	check(s.has_pgtables && !s.has_sys_admin);
	check_int(s.pgtables_bytes, 120 * 1024);
	check_int(proc_status_parse(hostile, strlen(hostile), &s), 0);
	check(!s.has_pgtables && !s.has_sys_admin);
	check_int(s.pgtables_bytes, 0);
}

TEST(status_of_a_kernel_thread_and_of_another_form)
{
	struct proc_status s = { .rss_bytes = 5 };

	check_int(proc_status_parse("", 0, &s), -EINVAL);
	check_int(proc_status_parse("Name:\tx\n", 8, &s), -EINVAL);
	check_int(proc_status_parse("VmRSS:\t1 MB\n", 12, &s), -EINVAL);
	check_int(proc_status_parse("VmRSS:\t1 kB", 11, &s), -EINVAL);
	check_int(s.rss_bytes, 5);
	check_int(proc_status_parse("State:\tI (idle)\nMems_allowed_list:\t0-x\n", 39, &s), 0);
	check(!s.has_memory);
	check(!s.mems_known);
}

static int cgroup(const char *text, const char *controller, char *buffer, size_t size)
{
	return proc_cgroup_parse(text, strlen(text), controller, buffer, size);
}

TEST(cgroup_paths)
{
	const char *hybrid = "9:memory:/system.slice/t1.service\n4:cpu,cpuacct:/c\n"
			     "1:name=systemd:/s\n0::/user.slice/a:b c\n";
	char path[64] = "before";

	check_int(cgroup(hybrid, NULL, path, sizeof(path)), 1);
	check_str(path, "user.slice/a:b c");
	check_int(cgroup(hybrid, "memory", path, sizeof(path)), 1);
	check_str(path, "system.slice/t1.service");
	check_int(cgroup(hybrid, "cpuacct", path, sizeof(path)), 1);
	check_str(path, "c");
	check_int(cgroup(hybrid, "name=systemd", path, sizeof(path)), 1);
	check_str(path, "s");
	check_int(cgroup(hybrid, "pids", path, sizeof(path)), 0);
	check_int(cgroup("0::/\n", NULL, path, sizeof(path)), 1);
	check_str(path, "");
}

TEST(cgroup_paths_that_lead_nowhere)
{
	char path[8] = "before";

	check_int(cgroup("0::/x.service (deleted)\n", NULL, path, sizeof(path)), -ESRCH);
	check_int(cgroup("0::/../other\n", NULL, path, sizeof(path)), -EXDEV);
	check_int(cgroup("0::/..\n", NULL, path, sizeof(path)), -EXDEV);
	check_int(cgroup("0::relative\n", NULL, path, sizeof(path)), -EINVAL);
	check_int(cgroup("0::/12345678\n", NULL, path, sizeof(path)), -ENAMETOOLONG);
	check_int(cgroup("0::/1234567", NULL, path, sizeof(path)), 0);
	check_int(cgroup("0:/x\n0\n\n:::\n", NULL, path, sizeof(path)), 0);
	check_str(path, "before");
	check_int(cgroup("0::/1234567\n", NULL, path, sizeof(path)), 1);
}

TEST(arguments)
{
	struct span text = span_of("qemu\0\0-m\0cut", 12), argument;

	check(proc_cmdline_next(&text, &argument) && span_is(argument, "qemu"));
	check(proc_cmdline_next(&text, &argument) && span_is(argument, ""));
	check(proc_cmdline_next(&text, &argument) && span_is(argument, "-m"));
	check(!proc_cmdline_next(&text, &argument));
	text = span_of(NULL, 0);
	check(!proc_cmdline_next(&text, &argument));
}

static int count_pids(void *context, pid_t pid)
{
	*(pid_t *)context += pid;
	return 0;
}

TEST(a_captured_process)
{
	FIXTURE(f);
	struct sysroot root;
	struct proc_status status;
	char text[64], path[64];
	int fd, adj = 7;
	int64_t score = 5;
	pid_t sum = 0;

	fixture_put(&f, "proc/237/stat", "237 (hog) S" AFTER_STATE);
	fixture_put(&f, "proc/237/oom_score_adj", "-500\n");
	fixture_put(&f, "proc/237/cgroup", "0::/a\n");
	fixture_put(&f, "proc/237/comm", "foo) Z \n");
	fixture_put(&f, "proc/300/status", "State:\tZ (zombie)\n");
	fixture_put(&f, "proc/007x/stat", "");
	fixture_put(&f, "proc/0/stat", "");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(proc_pid_each(&root, count_pids, &sum), 0);
	check_int(sum, 237 + 300);

	check_int(check_same(&root, 237, 3731), 0);
	check_int(check_same(&root, 237, 3732), -ESRCH);
	check_int(check_same(&root, 238, 3731), -ESRCH);
	check_int(proc_pid_open(&root, 0), -EINVAL);
	check_int(proc_pid_open(&root, -1), -EINVAL);
	fd = proc_pid_open(&root, 237);
	check(fd >= 0);
	check_int(proc_oom_score_adj_read(fd, &adj), 0);
	check_int(adj, -500);
	check_int(proc_cgroup_read(fd, NULL, path, sizeof(path)), 1);
	check_str(path, "a");
	check_int(proc_comm_read(fd, text, sizeof(text)), 0);
	check_str(text, "foo) Z ");
	check_int(proc_status_read(fd, &status), -ENOENT);
	check_int(proc_pid_open_file(fd, "../300/status", O_RDONLY), -EINVAL);
	fixture_put(&f, "proc/237/oom_score_adj", "-1001\n");
	check_int(proc_oom_score_adj_read(fd, &adj), -EINVAL);
	check_int(adj, -500);
	check_int(proc_oom_score_read(fd, &score), -ENOENT);
	fixture_put(&f, "proc/237/oom_score", "-3\n");
	check_int(proc_oom_score_read(fd, &score), -EINVAL);
	check_int(score, 5);
	fixture_put(&f, "proc/237/oom_score", "672\n");
	check_int(proc_oom_score_read(fd, &score), 0);
	check_int(score, 672);
	close(fd);
	sysroot_done(&root);
}

TEST(a_process_that_ends)
{
	struct sysroot root;
	struct proc_stat s;
	char text[4096];
	int fd;
	pid_t pid;

	check_int(sysroot_open(NULL, &root), 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	fd = proc_pid_open(&root, pid);
	check(fd >= 0);
	check_int(proc_stat_read(fd, &s), 0);
	check_int(s.pid, pid);
	check_int(s.ppid, getpid());
	check_int(check_same(&root, pid, s.start_ticks), 0);
	kill(pid, SIGKILL);
	check_int(waitpid(pid, NULL, 0), pid);
	check_int(proc_stat_read(fd, &s), -ESRCH);
	check_int(proc_pid_read(fd, "status", text, sizeof(text)), -ESRCH);
	check_int(proc_pid_open_file(fd, "maps", O_RDONLY), -ESRCH);
	check_int(check_same(&root, pid, s.start_ticks), -ESRCH);
	close(fd);
	sysroot_done(&root);
}
