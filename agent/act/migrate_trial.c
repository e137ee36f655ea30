/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How fast memory moves here, shown with memory that is nobody's: the worker takes some on one node
 * and moves it to the other one as it would move a guest's. Whether several workers are faster than
 * one depends on the machine, for each call waits for all CPUs.
 */

#include "act/migrate_kernel.h"
#include "sys/meminfo.h"
#include "sys/proc_pid.h"
#include "util/macro.h"

#include <errno.h>
#include <unistd.h>

static int has_room(const struct sysroot *root, unsigned node, uint64_t bytes)
{
	_cleanup_(closep) int fd = meminfo_open_node(root, node);
	uint64_t free_bytes;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? -ENODEV : fd;
	r = meminfo_read_free(fd, &free_bytes);
	if (r < 0)
		return r;
	return free_bytes >= bytes ? 0 : -ENOSPC;
}

static int name_ourselves(const struct sysroot *root, struct work_request *request)
{
	_cleanup_(closep) int fd = -1;
	struct proc_stat stat;
	int r;

	request->pid = getpid();
	fd = proc_pid_open(root, request->pid);
	if (fd < 0)
		return fd;
	r = proc_stat_read(fd, &stat);
	request->start_ticks = stat.start_ticks;
	return r;
}

static int prepare(const struct work_request *trial, const struct sysroot *root,
		   struct work_request *move, struct own_memory *ret)
{
	uint64_t needed;
	int r;

	if (trial->bytes == 0 || trial->from_node == trial->to_node ||
	    __builtin_add_overflow(trial->bytes, trial->to_reserve_bytes, &needed))
		return -EINVAL;
	r = name_ourselves(root, move);
	if (r == 0)
		r = has_room(root, trial->to_node, needed);
	if (r == 0)
		r = has_room(root, trial->from_node, needed);
	return r < 0 ? r : own_memory_take(root, trial->from_node, (size_t)trial->bytes, ret);
}

void migrate_trial_work(const struct work_request *request, const struct work_channel *channel)
{
	struct work_request move = *request;
	struct work_reply failure = { .token = request->token, .final = true };
	struct own_memory memory = { 0 };
	int r;

	move.kind = WORK_MIGRATE;
	move.move = (struct work_move){ 0 };
	r = prepare(request, channel->root, &move, &memory);
	if (r == 0) {
		migrate_kernel_run(&move, channel, &memory);
	} else {
		failure.error = -r;
		(void)channel->reply(channel->context, &failure);
	}
	own_memory_done(&memory);
}
