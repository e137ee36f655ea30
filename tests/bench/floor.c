// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The least that watching a host costs: reads the files that a table names, as often as it says,
 * from descriptors that stay open, and looks at nothing of what it read. The table is its standard
 * input: lines of seconds and a path, which may be a glob; sysinfo(2) is the system call.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 256

struct file {
	unsigned every_seconds;
	int fd; /* -1: sysinfo(2) */
	/* Reads that give all of it; the kernel prints a long one in parts. */
	unsigned parts;
};

static struct file files[FILES_MAX];
static size_t file_count;
static char text[65536];

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void add(unsigned every_seconds, int fd)
{
	struct file *file = &files[file_count];
	off_t offset = 0;
	ssize_t n = 0;

	if (file_count == FILES_MAX) {
		fputs("floor: too many files\n", stderr);
		exit(EXIT_FAILURE);
	}
	*file = (struct file){ .every_seconds = every_seconds, .fd = fd };
	file_count++;
	while (fd >= 0 && (n = pread(fd, text, sizeof(text), offset)) > 0) {
		offset += n;
		file->parts++;
	}
	if (n < 0)
		fail("pread");
}

static void add_files(unsigned every_seconds, const char *pattern)
{
	glob_t paths;

	if (glob(pattern, 0, NULL, &paths) != 0)
		fail(pattern);
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		int fd = open(paths.gl_pathv[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			fail(paths.gl_pathv[i]);
		add(every_seconds, fd);
	}
	globfree(&paths);
}

static void read_table(void)
{
	char line[512], path[256];
	unsigned every_seconds;

	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] == '#')
			continue;
		if (sscanf(line, "%u %255s", &every_seconds, path) != 2 || every_seconds == 0) {
			fprintf(stderr, "floor: not a line of the table: %s", line);
			exit(EXIT_FAILURE);
		}
		if (strcmp(path, "sysinfo(2)") == 0)
			add(every_seconds, -1);
		else
			add_files(every_seconds, path);
	}
}

static void read_file(const struct file *file)
{
	struct sysinfo info;
	off_t offset = 0;

	if (file->fd < 0 && sysinfo(&info) < 0)
		fail("sysinfo");
	for (unsigned i = 0; i < file->parts; i++) {
		ssize_t n = pread(file->fd, text, sizeof(text), offset);

		if (n < 0)
			fail("pread");
		offset += n;
	}
}

int main(void)
{
	struct timespec next;

	read_table();
	if (clock_gettime(CLOCK_MONOTONIC, &next) < 0)
		fail("clock_gettime");
	for (unsigned second = 0;; second++) {
		for (size_t i = 0; i < file_count; i++)
			if (second % files[i].every_seconds == 0)
				read_file(&files[i]);
		next.tv_sec++;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) != 0)
			;
	}
}
