/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Other processes that end, and what this one says of itself. */

#include "fixture.h"
#include "test.h"

#include "sys/manager_notify.h"
#include "sys/own_score.h"
#include "sys/proc_pid.h"
#include "sys/process_end.h"
#include "sys/sysroot.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct sysroot live;
static const struct sysroot captured = { .fd = -1 };

static pid_t start(uint64_t *ret_ticks)
{
	struct proc_stat stat;
	pid_t pid;
	int fd;

	if (!live.live)
		check_int(sysroot_open(NULL, &live), 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		/* A test that fails leaves without ending it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	fd = proc_pid_open_stat(&live, pid, &stat);
	check(fd >= 0);
	close(fd);
	*ret_ticks = stat.start_ticks;
	return pid;
}

TEST(the_end_of_a_process_is_seen)
{
	struct process_end end, without;
	struct pollfd fd;
	uint64_t ticks;
	pid_t pid = start(&ticks);

	check_int(process_end_open(&live, pid, ticks, &end), 0);
	/* As on a kernel that has no descriptors of processes. */
	without = end;
	without.fd = -1;
	check(!process_end_is_over(&live, &end));
	check(!process_end_is_over(&live, &without));
	kill(pid, SIGKILL);
	fd = (struct pollfd){ .fd = end.fd, .events = POLLIN };
	if (end.fd >= 0)
		check_int(poll(&fd, 1, 30000), 1);
	while (!process_end_is_over(&live, &without))
		(void)poll(NULL, 0, 1);
	/* Whether or not somebody has waited for it. */
	check(process_end_is_over(&live, &end));
	check_int(waitpid(pid, NULL, 0), pid);
	check(process_end_is_over(&live, &end));
	check(process_end_is_over(&live, &without));
	process_end_done(&end);
	check_int(end.fd, -1);
	check_int(process_end_open(&live, pid, ticks, &end), -ESRCH);
}

TEST(another_process_is_not_waited_for)
{
	struct process_end end = { .fd = -1 };
	uint64_t ticks;
	pid_t pid = start(&ticks);

	check_int(process_end_open(&live, pid, ticks + 1, &end), -ESRCH);
	check_int(process_end_open(&live, 0, ticks, &end), -EINVAL);
	check_int(process_end_open(&live, -1, ticks, &end), -EINVAL);
	check_int(process_end_open(&captured, pid, ticks, &end), -EROFS);
	check_int(end.fd, -1);
	kill(pid, SIGKILL);
	check_int(waitpid(pid, NULL, 0), pid);
}

/* /proc with hidepid shows nothing of others; here one that shows nothing at all. */
TEST(a_process_that_is_not_shown_is_taken_at_its_word)
{
	FIXTURE(f);
	struct sysroot hidden;
	struct process_end end, without;
	uint64_t ticks;
	pid_t pid = start(&ticks);

	fixture_directory(&f, "proc");
	check_int(sysroot_open(f.directory, &hidden), 0);
	hidden.live = true;
	check_int(process_end_open(&hidden, pid, ticks + 1, &end), 0);
	without = end;
	without.fd = -1;
	check(!process_end_is_over(&hidden, &without));
	kill(pid, SIGKILL);
	check_int(waitpid(pid, NULL, 0), pid);
	check(process_end_is_over(&hidden, &end));
	check(process_end_is_over(&hidden, &without));
	process_end_done(&end);
	check_int(process_end_open(&hidden, pid, ticks, &end), -ESRCH);
	sysroot_done(&hidden);
}

/* In a child, as it cannot be lowered again. */
TEST(a_process_puts_itself_first)
{
	int status, score;
	pid_t pid;

	if (!live.live)
		check_int(sysroot_open(NULL, &live), 0);
	check_int(own_score_set(&captured, OWN_SCORE_FIRST), -EROFS);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		int r = own_score_set(&live, OWN_SCORE_FIRST), fd = proc_pid_open(&live, getpid());

		if (r == 0)
			r = proc_oom_score_adj_read(fd, &score);
		if (r == 0 && score != 1000)
			r = -EBADMSG;
		/* It is so already. */
		if (r == 0)
			r = own_score_set(&live, OWN_SCORE_FIRST);
		_exit(-r);
	}
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 0);
}

static int listen_at(const char *name, socklen_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	memcpy(address.sun_path, name, length);
	check_int(bind(fd, (struct sockaddr *)&address,
		       (socklen_t)offsetof(struct sockaddr_un, sun_path) + length),
		  0);
	return fd;
}

static void check_heard(int fd)
{
	char text[64] = "";

	check_int(manager_notify("READY=1\nSTATUS=x"), 1);
	check_int(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 16);
	check_str(text, "READY=1\nSTATUS=x");
	close(fd);
}

TEST(the_service_manager_is_told)
{
	FIXTURE(f);
	char path[PATH_MAX];
	char name[64];

	unsetenv("NOTIFY_SOCKET");
	check_int(manager_notify("READY=1"), 0);
	fixture_path(&f, "s", path);
	setenv("NOTIFY_SOCKET", path, 1);
	check_int(manager_notify("READY=1"), -ENOENT);
	check_heard(listen_at(path, (socklen_t)strlen(path)));
	/* Of the abstract kind. */
	snprintf(name, sizeof(name), "@oomwarden-test-%d", getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	check_heard(listen_at(name, (socklen_t)strlen(name + 1) + 1));
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	check_int(manager_notify("READY=1"), -EAFNOSUPPORT);
	setenv("NOTIFY_SOCKET", "/", 1);
	check_int(manager_notify("READY=1"), -EAFNOSUPPORT);
	memset(path, 'x', 200);
	path[0] = '/';
	path[200] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	check_int(manager_notify("READY=1"), -ENAMETOOLONG);
	unsetenv("NOTIFY_SOCKET");
}
