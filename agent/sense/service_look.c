/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_look.h"

#include "sense/state.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>

static const struct {
	const char *v2;
	const char *v1;
	bool is_in_tree; /* whatever hierarchy memory is in */
} files[SERVICE_FILE_COUNT_] = {
	[SERVICE_CURRENT] = { "memory.current", "memory.usage_in_bytes", false },
	[SERVICE_EVENTS] = { "memory.events", "memory.failcnt", false },
	[SERVICE_PRESSURE] = { "memory.pressure", "memory.pressure", true },
	[SERVICE_NUMA_STAT] = { "memory.numa_stat", "memory.numa_stat", false },
	[SERVICE_STAT] = { "memory.stat", "memory.stat", false },
	[SERVICE_SWAP] = { "memory.swap.current", NULL, false },
	[SERVICE_HIGH] = { "memory.high", NULL, false },
	[SERVICE_MAX] = { "memory.max", "memory.limit_in_bytes", false },
	[SERVICE_OOM_CONTROL] = { NULL, "memory.oom_control", false },
};

bool service_look_is_v1(const struct sense *s)
{
	return s->layout->controllers[CGROUP_MEMORY] == CGROUP_V1;
}

const char *service_look_name(const struct sense *s, enum service_file which)
{
	return service_look_is_v1(s) ? files[which].v1 : files[which].v2;
}

void service_look_done(struct service_look *look)
{
	if (look->memory_fd >= 0)
		close(look->memory_fd);
}

bool service_look_is_in_tree(enum service_file which)
{
	return files[which].is_in_tree;
}

int service_look_memory_dir(struct service_look *look)
{
	if (cgroup_memory_is_in_tree(look->sense->layout))
		return look->dir_fd;
	if (!look->is_opened)
		look->memory_fd =
			MAX_OF(cgroup_memory_open(look->sense->layout, look->entry->path), -1);
	look->is_opened = true;
	return look->memory_fd;
}

ssize_t service_look_read_named(struct service_look *look, const char *name)
{
	struct sense *s = look->sense;
	int dir_fd = service_look_memory_dir(look);

	return dir_fd < 0 ? -ENOENT : cgroup_read_file(dir_fd, name, s->text, s->text_size);
}

ssize_t service_look_read(struct service_look *look, enum service_file which)
{
	struct sense *s = look->sense;
	const char *name = service_look_name(s, which);

	if (look->entry->files[which] >= 0)
		return sysroot_read_once_fd(look->entry->files[which], s->text, s->text_size);
	if (!name)
		return -ENOENT;
	if (!files[which].is_in_tree)
		return service_look_read_named(look, name);
	return cgroup_read_file(look->dir_fd, name, s->text, s->text_size);
}

bool service_look_parse(const struct sense *s, ssize_t n, uint64_t *ret)
{
	return n >= 0 && cgroup_parse_value(s->text, (size_t)n, ret) == 0;
}

bool service_look_value(struct service_look *look, enum service_file which, uint64_t *ret)
{
	return service_look_parse(look->sense, service_look_read(look, which), ret);
}

bool service_look_named_value(struct service_look *look, const char *name, uint64_t *ret)
{
	return service_look_parse(look->sense, service_look_read_named(look, name), ret);
}

void service_look_set(struct service_look *look, enum metric_id id, struct reading value)
{
	look->service->readings[metric_index(id)] = value;
}

bool service_look_rate(uint64_t then, uint64_t now, usec_t elapsed, uint64_t unit, uint64_t *ret)
{
	uint64_t growth;

	if (now < then)
		return false;
	if (__builtin_mul_overflow(now - then, unit * USEC_PER_SEC, &growth))
		growth = UINT64_MAX;
	*ret = growth / elapsed;
	return true;
}
