/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "sys/child.h"
#include "util/macro.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child finds, as bits. */
enum {
	FOUND_KEPT = 1,
	FOUND_CLOSED = 2,
	FOUND_NAME = 4,
	FOUND_DEATH_SIGNAL = 8,
	FOUND_IGNORES_TERM = 16,
	FOUND_DEFAULT_USR1 = 32,
	FOUND_UNBLOCKED = 64,
};

struct probe {
	int kept;
	int closed[2];
};

static int look_around(void *context)
{
	const struct probe *probe = context;
	struct sigaction action;
	sigset_t blocked;
	char name[32] = "";
	int found = 0, sig = 0;

	if (fcntl(probe->kept, F_GETFD) >= 0)
		found |= FOUND_KEPT;
	if (fcntl(probe->closed[0], F_GETFD) < 0 && fcntl(probe->closed[1], F_GETFD) < 0)
		found |= FOUND_CLOSED;
	if (prctl(PR_GET_NAME, name) == 0 && strcmp(name, "test-child") == 0)
		found |= FOUND_NAME;
	if (prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGKILL)
		found |= FOUND_DEATH_SIGNAL;
	if (sigaction(SIGTERM, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
		found |= FOUND_IGNORES_TERM;
	if (sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
		found |= FOUND_DEFAULT_USR1;
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	if (!sigismember(&blocked, SIGUSR2) && !sigismember(&blocked, SIGCHLD))
		found |= FOUND_UNBLOCKED;
	return found;
}

static void on_signal(int sig)
{
	(void)sig;
}

TEST(it_starts_clean)
{
	struct probe probe;
	struct child child = { .name = "test-child", .run = look_around, .context = &probe };
	sigset_t mask, before, after;
	int status;
	pid_t pid;

	probe.closed[0] = open("/dev/null", O_RDONLY);
	probe.kept = open("/dev/null", O_RDONLY);
	probe.closed[1] = fcntl(probe.kept, F_DUPFD, 200);
	check(probe.closed[0] >= 0 && probe.kept >= 0 && probe.closed[1] >= 200);
	child.keep[0] = -1;
	child.keep[1] = probe.kept;
	child.keep_count = 2;
	signal(SIGUSR1, on_signal);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_BLOCK, &mask, &before);
	pid = child_fork(&child);
	sigprocmask(SIG_SETMASK, &before, &after);
	check(pid > 0);
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 127);
	/* The parent's own mask is as it was. */
	check(sigismember(&after, SIGUSR2) && !sigismember(&after, SIGTERM));
	close(probe.closed[0]);
	close(probe.closed[1]);
	close(probe.kept);
	signal(SIGUSR1, SIG_DFL);
}

static int sleep_for_ever(void *context)
{
	(void)context;
	while (pause() < 0)
		continue;
	return 0;
}

TEST(reap_kill_and_end)
{
	const struct child child = { .name = "test-child", .run = sleep_for_ever };
	pid_t pid = child_fork(&child);

	check(pid > 0);
	check_int(child_reap(pid), 0);
	check_int(child_end(pid), 1);
	check(waitpid(pid, NULL, WNOHANG) < 0);

	pid = child_fork(&child);
	check(pid > 0);
	for (int i = 0; i < 2500 && !child_kill(pid); i++)
		poll(NULL, 0, 2);
	check(waitpid(pid, NULL, WNOHANG) < 0);
	/* One that is reaped already is gone. */
	check_int(child_reap(pid), 1);
}
