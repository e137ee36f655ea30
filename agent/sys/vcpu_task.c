/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/vcpu_task.h"

#include "sys/task_file.h"
#include "util/macro.h"

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

/* A thread that ends meanwhile is none. */
static int visit(int tasks_fd, pid_t tid,
		 int (*each)(void *context, unsigned number, struct span cpus), void *context)
{
	char comm[PROC_COMM_BYTES], status[STATUS_BYTES];
	unsigned number;
	struct span cpus;

	if (task_comm_read(tasks_fd, tid, comm, sizeof(comm)) < 0 ||
	    vcpu_task_parse(span_of(comm, strlen(comm)), &number) == 0 ||
	    task_cpus_read(tasks_fd, tid, status, sizeof(status), &cpus) < 0)
		return 0;
	return each(context, number, cpus);
}

int vcpu_task_each(int pid_fd, int (*each)(void *context, unsigned number, struct span cpus),
		   void *context)
{
	_cleanup_(closep) int fd = task_directory_open(pid_fd);
	pid_t tids[TASK_LIST_MAX];
	int n, r;

	if (fd < 0)
		return fd;
	while ((n = task_directory_next(fd, tids)) > 0)
		for (int i = 0; i < n; i++) {
			r = visit(fd, tids[i], each, context);
			if (r != 0)
				return r;
		}
	return n;
}
