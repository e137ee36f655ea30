/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/vcpu_task.h"

#include "sys/directory.h"
#include "sys/nodes.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define STATUS_BYTES 8192
#define VCPUS_MAX    65536

int vcpu_task_parse(struct span name, unsigned *ret_number)
{
	static const char *const prefixes[] = { "CPU ", "vcpu", "fc_vcpu " };
	struct span number, rest;
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!span_starts(name, prefixes[i]))
			continue;
		rest = span_skip(name, strlen(prefixes[i]));
		if (i == 0) {
			if (!memchr(rest.data, '/', rest.length) ||
			    !span_next_field(&rest, '/', &number) ||
			    !(span_is(rest, "KVM") || span_is(rest, "TCG")))
				return 0;
		} else {
			number = rest;
		}
		if (span_u64(number, &n) < 0 || n >= VCPUS_MAX)
			return 0;
		*ret_number = (unsigned)n;
		return 1;
	}
	return 0;
}

static int read_task(int tasks_fd, const char *tid, const char *name, char *buffer, size_t size)
{
	char path[64];
	_cleanup_(closep) int fd = -1;

	if ((size_t)snprintf(path, sizeof(path), "%.20s/%s", tid, name) >= sizeof(path))
		return -EINVAL;
	fd = openat(tasks_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : (int)sysroot_read_fd(fd, buffer, size);
}

static bool find_cpus(struct span text, struct span *ret)
{
	static const char field[] = "Cpus_allowed_list:";
	struct span line;

	while (span_next_line(&text, &line))
		if (span_starts(line, field)) {
			*ret = span_trim(span_skip(line, sizeof(field) - 1));
			return true;
		}
	return false;
}

/* A thread that ends meanwhile is none. */
static int visit(int tasks_fd, const char *tid,
		 int (*each)(void *context, unsigned number, struct span cpus), void *context)
{
	char comm[PROC_COMM_BYTES], status[STATUS_BYTES];
	int n = read_task(tasks_fd, tid, "comm", comm, sizeof(comm));
	unsigned number;
	struct span cpus;

	if (n <= 0 || vcpu_task_parse(span_of(comm, (size_t)n - 1), &number) == 0)
		return 0;
	n = read_task(tasks_fd, tid, "status", status, sizeof(status));
	if (n <= 0 || !find_cpus(span_of(status, (size_t)n), &cpus))
		return 0;
	return each(context, number, cpus);
}

int vcpu_task_each(int pid_fd, int (*each)(void *context, unsigned number, struct span cpus),
		   void *context)
{
	_cleanup_(directory_closep) DIR *directory = NULL;
	const struct dirent *entry;
	int r = directory_open(proc_pid_open_file(pid_fd, "task", O_RDONLY | O_DIRECTORY),
			       &directory);

	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		r = visit(dirfd(directory), entry->d_name, each, context);
		if (r != 0)
			return r;
	}
	return 0;
}

struct range {
	uint64_t first;
	uint64_t last;
};

static bool next_range(struct span *list, struct range *ret)
{
	struct span range, first;

	if (!span_next_field(list, ',', &range))
		return false;
	range = span_trim(range);
	if (!memchr(range.data, '-', range.length))
		first = range;
	else if (!span_next_field(&range, '-', &first))
		return false;
	return span_u64(first, &ret->first) == 0 && span_u64(range, &ret->last) == 0 &&
	       ret->first <= ret->last;
}

bool cpu_list_meets(struct span a, struct span b)
{
	struct range x, y;

	while (next_range(&a, &x))
		for (struct span rest = b; next_range(&rest, &y);)
			if (x.first <= y.last && y.first <= x.last)
				return true;
	return false;
}

/* Lists that the kernel prints are in order and without overlaps, so a range lies in one of the
 * other list's or is not covered; adjacent ranges are printed as one. */
static bool is_covered(struct span all, const struct range *part)
{
	struct range range;

	while (next_range(&all, &range))
		if (range.first <= part->first && part->last <= range.last)
			return true;
	return false;
}

bool cpu_list_covers(struct span all, struct span part)
{
	struct range range;

	while (next_range(&part, &range))
		if (!is_covered(all, &range))
			return false;
	return true;
}

int cpu_list_read(const struct sysroot *root, int node, char *buffer, size_t size)
{
	static const char online[] = "sys/devices/system/cpu/online";
	_cleanup_(closep) int fd =
		node < 0 ? sysroot_open_file(root, online)
			 : nodes_open_file(root, (unsigned)node, "cpulist", online);
	ssize_t n = fd < 0 ? fd : sysroot_read_fd(fd, buffer, size);

	if (n < 0)
		return (int)n;
	buffer[strcspn(buffer, "\n")] = '\0';
	return (int)strlen(buffer);
}
