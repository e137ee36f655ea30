/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_v1_event.h"

#include "sys/cgroup_dir.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

int cgroup_v1_event_new(const struct sysroot *root)
{
	int fd;

	if (!root->live)
		return -ENOSYS;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

uint64_t cgroup_v1_event_take(int event_fd)
{
	uint64_t count;

	return read(event_fd, &count, sizeof(count)) == (ssize_t)sizeof(count) ? count : 0;
}

static int name_event(int dir_fd, int event_fd, const char *file, const char *argument)
{
	_cleanup_(closep) int about = -1, control = -1;
	char text[64];
	int n;

	about = cgroup_open_file(dir_fd, file, O_RDONLY);
	if (about < 0)
		return about;
	control = cgroup_open_file(dir_fd, "cgroup.event_control", O_WRONLY);
	if (control < 0)
		return control;
	n = snprintf(text, sizeof(text), "%d %d %s", event_fd, about, argument);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -EINVAL;
	return write(control, text, (size_t)n) < 0 ? -errno : 0;
}

static int outcome_of(int dir_fd, int r)
{
	if (r == -EINVAL || r == -EPERM || r == -EACCES || r == -EROFS || r == -EOPNOTSUPP)
		return CGROUP_V1_EVENT_REFUSED;
	/* Of a cgroup that is there still, it is a file that is not. */
	if (r == -ENOENT && faccessat(dir_fd, "memory.usage_in_bytes", F_OK, 0) == 0)
		return CGROUP_V1_EVENT_REFUSED;
	return r;
}

int cgroup_v1_event_pressure(int dir_fd, int event_fd, enum cgroup_v1_level level)
{
	static const char *const names[] = {
		[CGROUP_V1_LOW] = "low",
		[CGROUP_V1_MEDIUM] = "medium",
		[CGROUP_V1_CRITICAL] = "critical",
	};
	char argument[32];
	int r;

	(void)snprintf(argument, sizeof(argument), "%s,hierarchy", names[level]);
	r = name_event(dir_fd, event_fd, "memory.pressure_level", argument);
	if (r == -EINVAL)
		r = name_event(dir_fd, event_fd, "memory.pressure_level", names[level]);
	return outcome_of(dir_fd, r);
}

int cgroup_v1_event_oom(int dir_fd, int event_fd)
{
	return outcome_of(dir_fd, name_event(dir_fd, event_fd, "memory.oom_control", ""));
}

int cgroup_v1_event_usage(int dir_fd, int event_fd, uint64_t bytes)
{
	char argument[32];

	(void)snprintf(argument, sizeof(argument), "%" PRIu64, bytes);
	return outcome_of(dir_fd, name_event(dir_fd, event_fd, "memory.usage_in_bytes", argument));
}
