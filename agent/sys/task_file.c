/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/task_file.h"

#include "sys/directory.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAT_BYTES 2048
/* Of the shortest entry, in whole words. What the kernel has put into the buffer it does not give
 * again, so no more entries must fit than are returned. */
#define ENTRY_BYTES_MIN 24

int task_directory_open(int pid_fd)
{
	int fd = proc_pid_open_file(pid_fd, "task", O_RDONLY | O_DIRECTORY);

	return fd == -ENOENT ? -ESRCH : fd;
}

/* A piece may hold nothing but "." and "..". */
int task_directory_next(int fd, pid_t ret_tids[TASK_LIST_MAX])
{
	char entries[TASK_LIST_MAX * ENTRY_BYTES_MIN];
	size_t count = 0, at;
	const char *name;
	uint8_t type;
	uint64_t tid;
	long n;
	int r;

	do {
		n = syscall(SYS_getdents64, fd, entries, sizeof(entries));
		if (n < 0)
			return errno == ENOENT ? -ESRCH : -errno;
		at = 0;
		while ((r = directory_next(entries, (size_t)n, &at, &name, &type)) > 0)
			if (count < TASK_LIST_MAX &&
			    span_u64(span_of(name, strlen(name)), &tid) == 0 && tid > 0 &&
			    tid <= INT32_MAX)
				ret_tids[count++] = (pid_t)tid;
		if (r < 0)
			return r;
	} while (count == 0 && n > 0);
	return (int)count;
}

static ssize_t read_file(int directory_fd, pid_t tid, const char *name, char *buffer, size_t size)
{
	_cleanup_(closep) int fd = -1;
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%d/%s", tid, name);
	fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = sysroot_read_once_fd(fd, buffer, size);
	return n == -ENOENT ? -ESRCH : n;
}

/* The fields behind the name, by their numbers in proc(5). */
static int parse_fields(struct span fields, struct task_stat *stat)
{
	enum { STATE = 3, USER = 14, SYSTEM = 15, PROCESSOR = 39 };
	struct span word;
	uint64_t value;

	for (int number = STATE; number <= PROCESSOR; number++) {
		if (!span_next_word(&fields, &word))
			return -EINVAL;
		if (number != USER && number != SYSTEM && number != PROCESSOR)
			continue;
		if (span_u64(word, &value) < 0)
			return -EINVAL;
		if (number == PROCESSOR)
			stat->processor = (unsigned)MIN_OF(value, (uint64_t)UINT32_MAX);
		else
			stat->cpu_ticks += value;
	}
	return 0;
}

int task_stat_parse(const char *text, size_t length, struct task_stat *ret)
{
	struct task_stat stat = { 0 };
	const char *open, *close;
	int r;

	if (length == 0 || text[length - 1] != '\n')
		return -EINVAL;
	open = memchr(text, '(', length);
	close = memrchr(text, ')', length);
	if (!open || !close || close < open)
		return -EINVAL;
	(void)span_copy(span_of(open + 1, (size_t)(close - open - 1)), stat.comm,
			sizeof(stat.comm));
	r = parse_fields(span_of(close + 1, length - 1 - (size_t)(close + 1 - text)), &stat);
	if (r == 0)
		*ret = stat;
	return r;
}

int task_stat_read(int directory_fd, pid_t tid, struct task_stat *ret)
{
	char text[STAT_BYTES];
	ssize_t n = read_file(directory_fd, tid, "stat", text, sizeof(text));

	return n < 0 ? (int)n : task_stat_parse(text, (size_t)n, ret);
}

int task_comm_read(int directory_fd, pid_t tid, char *buffer, size_t size)
{
	char text[PROC_COMM_BYTES + 1];
	ssize_t n = read_file(directory_fd, tid, "comm", text, sizeof(text));

	if (n <= 0)
		return n < 0 ? (int)n : -EINVAL;
	return span_copy(span_of(text, (size_t)n - 1), buffer, size) ? 0 : -EINVAL;
}

int task_cpus_read(int directory_fd, pid_t tid, char *buffer, size_t size, struct span *ret)
{
	static const char field[] = "Cpus_allowed_list:";
	ssize_t n = read_file(directory_fd, tid, "status", buffer, size);
	struct span text, line;

	if (n < 0)
		return (int)n;
	text = span_of(buffer, (size_t)n);
	while (span_next_line(&text, &line))
		if (span_starts(line, field)) {
			*ret = span_trim(span_skip(line, sizeof(field) - 1));
			return 0;
		}
	return -ENODATA;
}
