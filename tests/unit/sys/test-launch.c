/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that outlive who starts them. The program that is started is this one. */

#include "sys/fixture.h"
#include "test.h"

#include "sys/clock.h"
#include "sys/launch.h"
#include "sys/manager_notify.h"
#include "sys/privilege.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define PATIENT_USEC (30 * USEC_PER_SEC)
#define ACTOR	     "test-launch-actor"

/* --- the program ------------------------------------------------------------------------------ */

/* What it finds of itself, for its starter to hear. */
static void look_around(void)
{
	char state[256];
	struct rlimit locked = { 0 };
	uint64_t rights = 0;
	int extra = 0;

	for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
		extra += fcntl(fd, F_GETFD) >= 0;
	(void)getrlimit(RLIMIT_MEMLOCK, &locked);
	(void)privilege_read(&rights);
	(void)snprintf(state, sizeof(state),
		       "READY=1\nSTATUS=uid %u gid %u rights %" PRIx64 " fds %d locks %d "
		       "leader %d new-rights %d",
		       getuid(), getgid(), rights, extra, locked.rlim_cur == RLIM_INFINITY,
		       getsid(0) == getpid(), !prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	(void)manager_notify(state);
}

static int act(const char *what)
{
	if (strcmp(what, "ready") == 0) {
		look_around();
		for (;;)
			pause();
	}
	if (strcmp(what, "status") == 0) {
		(void)fprintf(stderr, ACTOR ": in other words\n");
		(void)manager_notify("STATUS=no\x01room");
		return 3;
	}
	if (strcmp(what, "errors") == 0)
		(void)fprintf(stderr, "first\n" ACTOR ": last words: none\n");
	if (strcmp(what, "silent") == 0)
		for (;;)
			pause();
	return 4;
}

/* Before main(), which runs the tests. */
__attribute__((constructor)) static void be_the_program(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[0], ACTOR) == 0)
		_exit(act(argv[1]));
}

/* --- who starts it ---------------------------------------------------------------------------- */

static const char *self(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	check(n > 0);
	path[n] = '\0';
	return path;
}

static int prepare(const char *what, uid_t user, struct launched *ret)
{
	const char *arguments[] = { ACTOR, what, NULL };
	const struct launch launch = { .program = self(), .arguments = arguments, .user = user };

	return launch_prepare(&launch, ret);
}

static void end(struct launched *launched)
{
	launch_done(launched);
	if (launched->pid > 0)
		(void)kill(launched->pid, SIGKILL);
}

#define LAUNCHED(name) \
	_cleanup_(end) struct launched name = { .go_fd = -1, .errors_fd = -1, .notify_fd = -1 }

/* It is nobody's child here, so it is looked at. */
static bool is_gone(pid_t pid)
{
	struct sysroot root;
	struct proc_stat stat;
	bool gone = false;

	check_int(sysroot_open(NULL, &root), 0);
	for (int i = 0; i < 3000 && !gone; i++) {
		int fd = proc_pid_open_stat(&root, pid, &stat);

		gone = fd < 0 || stat.state == 'Z' || stat.state == 'X';
		if (fd >= 0)
			close(fd);
		if (!gone)
			(void)poll(NULL, 0, 10);
	}
	sysroot_done(&root);
	return gone;
}

TEST(it_waits_until_it_is_run)
{
	LAUNCHED(one);
	struct pollfd said;

	check_int(prepare("ready", 0, &one), 0);
	check(one.pid > 0);
	check(!one.has_user);
	check(waitpid(one.pid, NULL, WNOHANG) < 0 && errno == ECHILD);
	said = (struct pollfd){ .fd = one.notify_fd, .events = POLLIN };
	check_int(poll(&said, 1, 0), 0);
	check_int(launch_run(&one, PATIENT_USEC), 0);
	check_contains(one.words, "rights 0 fds 0 ");
	check_contains(one.words, " leader 1 new-rights 0");
}

TEST(it_has_a_user_of_its_own)
{
	LAUNCHED(one);
	struct sysroot root;
	char want[64];
	uid_t user;

	if (geteuid() != 0)
		test_skip("only root gives users");
	check_int(sysroot_open(NULL, &root), 0);
	user = launch_spare_user(&root, 7);
	sysroot_done(&root);
	check_int(user, 61184 + 7);
	check_int(prepare("ready", user, &one), 0);
	if (!one.has_user)
		test_skip("this root may not give them");
	if (faccessat(AT_FDCWD, self(), X_OK, 0) == 0) {
		int r = launch_run(&one, PATIENT_USEC);

		if (r == -EREMOTEIO && strstr(one.words, "Permission denied"))
			test_skip("others may not run this program");
		check_int(r, 0);
	}
	snprintf(want, sizeof(want), "uid %u gid %u rights 0 ", user, user);
	check_contains(one.words, want);
	check_contains(one.words, " locks 1 ");
}

TEST(who_is_not_run_ends)
{
	LAUNCHED(one);

	check_int(prepare("ready", 0, &one), 0);
	launch_done(&one);
	check(is_gone(one.pid));
	one.pid = 0;
}

TEST(its_end_is_heard_of)
{
	LAUNCHED(status);
	LAUNCHED(errors);
	LAUNCHED(mute);

	check_int(prepare("status", 0, &status), 0);
	check_int(launch_run(&status, PATIENT_USEC), -EREMOTEIO);
	check_str(status.words, "no\\x01room");
	check_int(prepare("errors", 0, &errors), 0);
	check_int(launch_run(&errors, PATIENT_USEC), -EREMOTEIO);
	check_str(errors.words, "last words: none");
	check_int(prepare("nothing", 0, &mute), 0);
	check_int(launch_run(&mute, PATIENT_USEC), -EREMOTEIO);
	check_str(mute.words, "");
}

TEST(a_program_that_is_not_there)
{
	const char *arguments[] = { ACTOR, NULL };
	const struct launch launch = { .program = "/nowhere/at/all", .arguments = arguments };
	LAUNCHED(one);

	check_int(launch_prepare(&launch, &one), 0);
	check_int(launch_run(&one, PATIENT_USEC), -EREMOTEIO);
	check_str(one.words, "it cannot be run: No such file or directory");
}

TEST(one_that_is_silent_has_its_time_and_no_more)
{
	LAUNCHED(one);
	usec_t before = clock_monotonic_usec();

	check_int(prepare("silent", 0, &one), 0);
	check_int(launch_run(&one, 50 * USEC_PER_MSEC), -ETIMEDOUT);
	check(clock_monotonic_usec() - before >= 50 * USEC_PER_MSEC);
	check_int(kill(one.pid, 0), 0);
}

TEST(nobody_else_says_that_it_is_ready)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	LAUNCHED(one);
	int fd;

	check_int(prepare("silent", 0, &one), 0);
	check_int(getsockname(one.notify_fd, (struct sockaddr *)&address, &length), 0);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	check(fd >= 0);
	check_int(sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&address, length), 7);
	close(fd);
	check_int(launch_run(&one, 50 * USEC_PER_MSEC), -ETIMEDOUT);
	check_str(one.words, "");
}

/* --- users ------------------------------------------------------------------------------------ */

TEST(a_user_that_somebody_has_is_not_given)
{
	_cleanup_(fixture_done) struct fixture files;
	struct sysroot root;

	fixture_init(&files);
	fixture_put(&files, "etc/passwd",
		    "root:x:0:0::/root:/bin/sh\nodd:x:61184:100::/:/bin/false\nshort\n");
	fixture_put(&files, "etc/group", "root:x:0:\nodd:x:61185:\n");
	check_int(sysroot_open(files.directory, &root), 0);
	check_int(launch_spare_user(&root, 0), 61186);
	check_int(launch_spare_user(&root, 65519 - 61184), 65519);
	/* The last of them, and on with the first. */
	check_int(launch_spare_user(&root, 65519 - 61184 + 1), 61186);
	sysroot_done(&root);
}
