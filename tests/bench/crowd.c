// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Makes cgroups NAME<first>.service to NAME<last>.service below a directory, each with so many
 * processes that sleep for ever, and ends. Statically linked and never executed anew, such a
 * process has a few pages of its own, so that ten thousand fit into a small machine; only the first
 * of a cgroup is moved there, which waits for the kernel each time, and the others are its
 * children.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	_exit(EXIT_FAILURE);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

static _Noreturn void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static _Noreturn void fill(const char *directory, unsigned long processes)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	write_file(path, "0");
	/* Whoever starts this may be exempt from the kernel's choice; these are as killable as any.
	 */
	write_file("/proc/self/oom_score_adj", "0");
	for (unsigned long i = 1; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0)
			sleep_for_ever();
	}
	/* Stopped, as a sign that all of them are there; whoever started it lets it go on. */
	(void)raise(SIGSTOP);
	sleep_for_ever();
}

static void start(const char *directory, unsigned long processes)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0)
		fill(directory, processes);
	if (waitpid(pid, &status, WUNTRACED) < 0 || !WIFSTOPPED(status))
		fail(directory);
	if (kill(pid, SIGCONT) < 0)
		fail("kill");
}

int main(int argc, char **argv)
{
	char directory[256];

	if (argc != 5) {
		fputs("usage: crowd PREFIX FIRST LAST PROCESSES\n", stderr);
		return 2;
	}
	unsigned long first = strtoul(argv[2], NULL, 10), last = strtoul(argv[3], NULL, 10);
	unsigned long processes = strtoul(argv[4], NULL, 10);

	(void)setsid();
	for (unsigned long i = first; i <= last; i++) {
		(void)snprintf(directory, sizeof(directory), "%s%lu.service", argv[1], i);
		if (mkdir(directory, 0755) < 0)
			fail(directory);
		start(directory, processes);
	}
	return EXIT_SUCCESS;
}
