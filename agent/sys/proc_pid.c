/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/proc_pid.h"

#include "sys/directory.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define KIB 1024
/* Names are escaped in status and bounded; its longest lines are the lists of CPUs and nodes. */
#define STATUS_BYTES 16384
/* 52 numbers of up to 20 digits and a name. */
#define STAT_BYTES 2048
/* include/linux/sched.h */
#define PF_KTHREAD 0x00200000u

int proc_pid_open(const struct sysroot *root, pid_t pid)
{
	char path[64];
	int fd;

	if (pid <= 0)
		return -EINVAL;
	snprintf(path, sizeof(path), "proc/%d", pid);
	fd = sysroot_open_path(root, path, O_PATH | O_DIRECTORY);
	return fd == -ENOENT ? -ESRCH : fd;
}

/* Missing because the process is gone, or because the file is not there? */
static int missing(int pid_fd)
{
	if (faccessat(pid_fd, "stat", F_OK, 0) == 0 || faccessat(pid_fd, "status", F_OK, 0) == 0)
		return -ENOENT;
	return -ESRCH;
}

int proc_pid_open_file(int pid_fd, const char *name, int flags)
{
	int fd;

	if (name[0] == '\0' || strchr(name, '/') || strcmp(name, "..") == 0)
		return -EINVAL;
	/* A captured tree may hold anything under that name, a FIFO too. */
	if ((flags & O_ACCMODE) == O_RDONLY)
		flags |= O_NONBLOCK;
	fd = openat(pid_fd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? missing(pid_fd) : -errno;
}

ssize_t proc_pid_read(int pid_fd, const char *name, char *buffer, size_t size)
{
	_cleanup_(closep) int fd = proc_pid_open_file(pid_fd, name, O_RDONLY);

	return fd < 0 ? fd : sysroot_read_once_fd(fd, buffer, size);
}

int proc_pid_each(const struct sysroot *root, int (*each)(void *context, pid_t pid), void *context)
{
	_cleanup_(directory_closep) DIR *directory = NULL;
	const struct dirent *entry;
	int r = directory_open(sysroot_open_path(root, "proc", O_RDONLY | O_DIRECTORY), &directory);

	if (r < 0)
		return r;
	while ((entry = readdir(directory))) {
		uint64_t pid;

		if (span_u64(span_of(entry->d_name, strlen(entry->d_name)), &pid) < 0 || pid == 0 ||
		    pid > INT32_MAX)
			continue;
		r = each(context, (pid_t)pid);
		if (r != 0)
			return r;
	}
	return 0;
}

/* The fields behind the name, by their numbers in proc(5). */
static int parse_stat_fields(struct span fields, struct proc_stat *stat)
{
	enum { STATE = 3, PPID = 4, FLAGS = 9, UTIME = 14, START = 22, VSIZE = 23, RSS = 24 };
	struct span word;
	uint64_t value;
	int64_t amount;

	for (int number = STATE; number <= RSS; number++) {
		if (!span_next_word(&fields, &word))
			return -EINVAL;
		switch (number) {
		case STATE:
			if (word.length != 1)
				return -EINVAL;
			stat->state = word.data[0];
			break;
		case PPID:
			if (span_u64(word, &value) < 0 || value > INT32_MAX)
				return -EINVAL;
			stat->ppid = (pid_t)value;
			break;
		case FLAGS:
			if (span_u64(word, &value) < 0)
				return -EINVAL;
			stat->kernel_thread = value & PF_KTHREAD;
			break;
		case UTIME:
			if (span_u64(word, &stat->user_ticks) < 0)
				return -EINVAL;
			break;
		case START:
			if (span_u64(word, &stat->start_ticks) < 0)
				return -EINVAL;
			break;
		case VSIZE:
			if (span_u64(word, &value) < 0)
				return -EINVAL;
			stat->has_memory = value > 0;
			break;
		case RSS:
			/* A sum of per-CPU counters: transiently negative for a tiny process. */
			if (span_i64(word, &amount) < 0)
				return -EINVAL;
			stat->rss_pages = amount < 0 ? 0 : (uint64_t)amount;
			break;
		}
	}
	return 0;
}

int proc_stat_parse(const char *text, size_t length, struct proc_stat *ret)
{
	struct proc_stat stat = { 0 };
	const char *open, *close;
	struct span name, fields;
	uint64_t pid;
	int r;

	if (length == 0 || text[length - 1] != '\n')
		return -EINVAL;
	open = memchr(text, '(', length);
	close = memrchr(text, ')', length);
	if (!open || !close || close < open ||
	    span_u64(span_trim(span_of(text, (size_t)(open - text))), &pid) < 0 || pid == 0 ||
	    pid > INT32_MAX)
		return -EINVAL;
	fields = span_of(close + 1, length - 1 - (size_t)(close + 1 - text));
	r = parse_stat_fields(fields, &stat);
	if (r < 0)
		return r;
	stat.pid = (pid_t)pid;
	name = span_of(open + 1, (size_t)(close - open - 1));
	span_copy(name, stat.comm, sizeof(stat.comm));
	*ret = stat;
	return 0;
}

int proc_stat_read(int pid_fd, struct proc_stat *ret)
{
	char text[STAT_BYTES];
	ssize_t length = proc_pid_read(pid_fd, "stat", text, sizeof(text));

	return length < 0 ? (int)length : proc_stat_parse(text, (size_t)length, ret);
}

int proc_pid_open_stat(const struct sysroot *root, pid_t pid, struct proc_stat *ret)
{
	_cleanup_(closep) int fd = proc_pid_open(root, pid);
	int r;

	if (fd < 0)
		return fd;
	r = proc_stat_read(fd, ret);
	return r < 0 ? r : TAKE_FD(fd);
}

int proc_pid_open_same(const struct sysroot *root, pid_t pid, uint64_t start_ticks,
		       struct proc_stat *ret)
{
	struct proc_stat stat;
	_cleanup_(closep) int fd = proc_pid_open_stat(root, pid, &stat);

	if (fd < 0)
		return fd;
	if (stat.start_ticks != start_ticks)
		return -ESRCH;
	*ret = stat;
	return TAKE_FD(fd);
}

/* "  123 kB" */
static bool parse_kib(struct span line, uint64_t *ret_bytes)
{
	struct span number, unit;
	uint64_t value;

	if (!span_next_word(&line, &number) || !span_next_word(&line, &unit) ||
	    !span_is(unit, "kB") || span_u64(number, &value) < 0)
		return false;
	return !__builtin_mul_overflow(value, (uint64_t)KIB, ret_bytes);
}

int proc_status_parse(const char *text, size_t length, struct proc_status *ret)
{
	static const struct {
		const char *name;
		size_t offset;
	} keys[] = {
		{ "VmRSS:", offsetof(struct proc_status, rss_bytes) },
		{ "RssAnon:", offsetof(struct proc_status, rss_anon_bytes) },
		{ "RssFile:", offsetof(struct proc_status, rss_file_bytes) },
		{ "RssShmem:", offsetof(struct proc_status, rss_shmem_bytes) },
		{ "VmSwap:", offsetof(struct proc_status, swap_bytes) },
		{ "VmLck:", offsetof(struct proc_status, locked_bytes) },
		{ "VmPin:", offsetof(struct proc_status, pinned_bytes) },
		{ "HugetlbPages:", offsetof(struct proc_status, hugetlb_bytes) },
	};
	struct span rest = span_of(text, length), line, name;
	struct proc_status status = { 0 };
	uint64_t pmd_bytes = 0, capabilities;
	bool has_state = false;

	while (span_next_line(&rest, &line)) {
		if (!span_next_word(&line, &name))
			continue;
		if (span_is(name, "State:"))
			has_state = true;
		if (span_is(name, "Mems_allowed_list:"))
			status.mems_known = span_idset(span_trim(line), &status.mems_allowed) == 0;
		if (span_is(name, "VmPTE:"))
			status.has_pgtables = parse_kib(line, &status.pgtables_bytes);
		if (span_is(name, "VmPMD:"))
			(void)parse_kib(line, &pmd_bytes);
		if (span_is(name, "CapEff:") && span_hex(span_trim(line), &capabilities) == 0)
			status.has_sys_admin = capabilities >> CAP_SYS_ADMIN & 1;
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			void *field = (char *)&status + keys[i].offset;

			if (!span_is(name, keys[i].name) || !parse_kib(line, field))
				continue;
			if (field == &status.rss_bytes)
				status.has_memory = true;
			if (field == &status.hugetlb_bytes)
				status.has_hugetlb = true;
		}
	}
	if (!has_state && !status.has_memory)
		return -EINVAL;
	if (__builtin_add_overflow(status.pgtables_bytes, pmd_bytes, &status.pgtables_bytes))
		status.pgtables_bytes = UINT64_MAX;
	*ret = status;
	return 0;
}

int proc_status_read(int pid_fd, struct proc_status *ret)
{
	char text[STATUS_BYTES];
	ssize_t length = proc_pid_read(pid_fd, "status", text, sizeof(text));

	return length < 0 ? (int)length : proc_status_parse(text, (size_t)length, ret);
}

static bool names_controller(struct span list, const char *controller)
{
	struct span word;

	while (span_next_field(&list, ',', &word))
		if (span_is(word, controller))
			return true;
	return false;
}

static int take_cgroup_path(struct span path, char *buffer, size_t size)
{
	if (span_ends(path, " (deleted)"))
		return -ESRCH;
	if (!span_starts(path, "/") || span_starts(path, "//"))
		return -EINVAL;
	if (span_starts(path, "/../") || span_is(path, "/.."))
		return -EXDEV;
	path = span_skip(path, 1);
	if (path.length >= size)
		return -ENAMETOOLONG;
	return span_copy(path, buffer, size) ? 1 : -EINVAL;
}

int proc_cgroup_parse(const char *text, size_t length, const char *controller, char *buffer,
		      size_t size)
{
	struct span rest = span_of(text, length), line;

	while (span_next_line(&rest, &line)) {
		struct span hierarchy, list;

		/* Only the first two colons separate: a path may hold more. */
		if (!span_next_field(&line, ':', &hierarchy) || !span_next_field(&line, ':', &list))
			continue;
		if (controller ? names_controller(list, controller)
			       : span_is(hierarchy, "0") && list.length == 0)
			return take_cgroup_path(line, buffer, size);
	}
	return 0;
}

int proc_cgroup_read(int pid_fd, const char *controller, char *buffer, size_t size)
{
	/* Up to 13 hierarchies on v1, each with a path of its own. */
	char text[16384];
	ssize_t length = proc_pid_read(pid_fd, "cgroup", text, sizeof(text));

	return length < 0 ? (int)length
			  : proc_cgroup_parse(text, (size_t)length, controller, buffer, size);
}

bool proc_cmdline_next(struct span *text, struct span *ret_argument)
{
	const char *end = text->length ? memchr(text->data, '\0', text->length) : NULL;

	if (!end)
		return false;
	*ret_argument = span_of(text->data, (size_t)(end - text->data));
	*text = span_skip(*text, ret_argument->length + 1);
	return true;
}

static int parse_adj(const char *text, ssize_t length, int *ret)
{
	struct span rest, line;
	int64_t value;

	if (length < 0)
		return (int)length;
	rest = span_of(text, (size_t)length);
	if (!span_next_line(&rest, &line) || span_i64(span_trim(line), &value) < 0 ||
	    value < -1000 || value > 1000)
		return -EINVAL;
	*ret = (int)value;
	return 0;
}

int proc_oom_score_adj_read(int pid_fd, int *ret)
{
	char text[32];

	return parse_adj(text, proc_pid_read(pid_fd, "oom_score_adj", text, sizeof(text)), ret);
}

int proc_oom_score_read(int pid_fd, int64_t *ret)
{
	char text[32];
	ssize_t length = proc_pid_read(pid_fd, "oom_score", text, sizeof(text));
	struct span rest, line;
	int64_t value;

	if (length < 0)
		return (int)length;
	rest = span_of(text, (size_t)length);
	if (!span_next_line(&rest, &line) || span_i64(span_trim(line), &value) < 0 || value < 0)
		return -EINVAL;
	*ret = value;
	return 0;
}

ssize_t proc_cmdline_read(int pid_fd, char *buffer, size_t size)
{
	ssize_t n = proc_pid_read(pid_fd, "cmdline", buffer, size);

	return n == -EFBIG ? (ssize_t)size - 1 : n;
}

int proc_comm_read(int pid_fd, char *buffer, size_t size)
{
	char text[PROC_COMM_BYTES + 1];
	ssize_t length = proc_pid_read(pid_fd, "comm", text, sizeof(text));

	if (length < 0)
		return (int)length;
	if (length == 0 || text[length - 1] != '\n')
		return -EINVAL;
	return span_copy(span_of(text, (size_t)length - 1), buffer, size) ? 0 : -ENAMETOOLONG;
}
