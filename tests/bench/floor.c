// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The least that watching a host costs: reads the files of the host that a quiet tick of the agent
 * reads, as often as it does, from descriptors that stay open, and looks at nothing of what it
 * read.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NODES_MAX 64

/* is_long: printed in parts, so it takes more than one read. */
struct file {
	const char *path;
	unsigned every_seconds;
	bool is_long;
	int fd;
};

static struct file files[8 + NODES_MAX] = {
	{ "/proc/meminfo", 1, false, -1 },
	{ "/proc/pressure/memory", 1, false, -1 },
	{ "/sys/fs/cgroup/cgroup.stat", 1, false, -1 },
	{ "/proc/pressure/cpu", 2, false, -1 },
	{ "/proc/pressure/io", 2, false, -1 },
	{ "/proc/vmstat", 10, true, -1 },
	{ "/proc/zoneinfo", 10, true, -1 },
};
static size_t file_count = 7;
static char node_paths[NODES_MAX][64];

static void find_nodes(void)
{
	for (unsigned node = 0; node < NODES_MAX; node++) {
		char *path = node_paths[node];

		(void)snprintf(path, sizeof(node_paths[node]),
			       "/sys/devices/system/node/node%u/vmstat", node);
		if (access(path, R_OK) == 0)
			files[file_count++] = (struct file){ path, 1, false, -1 };
	}
}

static void open_all(void)
{
	for (size_t i = 0; i < file_count; i++) {
		files[i].fd = open(files[i].path, O_RDONLY | O_CLOEXEC);
		if (files[i].fd < 0) {
			perror(files[i].path);
			exit(EXIT_FAILURE);
		}
	}
}

static void read_file(const struct file *file)
{
	static char text[65536];
	off_t offset = 0;
	ssize_t n;

	do {
		n = pread(file->fd, text, sizeof(text), offset);
		if (n < 0) {
			perror(file->path);
			exit(EXIT_FAILURE);
		}
		offset += n;
	} while (file->is_long && n > 0);
}

int main(void)
{
	struct timespec next;

	find_nodes();
	open_all();
	if (clock_gettime(CLOCK_MONOTONIC, &next) < 0)
		return EXIT_FAILURE;
	for (unsigned second = 0;; second++) {
		for (size_t i = 0; i < file_count; i++)
			if (second % files[i].every_seconds == 0)
				read_file(&files[i]);
		next.tv_sec++;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) != 0)
			;
	}
}
