/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_library.h"

#include "util/macro.h"

#include <libcgroup.h>
#include <stdarg.h>
#include <string.h>

static void be_silent(void *userdata, int level, const char *format, va_list arguments)
{
	(void)userdata;
	(void)level;
	(void)format;
	(void)arguments;
}

bool cgroup_library_init(void)
{
	/* Without a logger of ours it would write its errors to stdout. */
	cgroup_set_logger(be_silent, CGROUP_LOG_ERROR, NULL);
	return cgroup_init() == 0;
}

bool cgroup_library_mount_point(const char *controller, char *buffer, size_t size)
{
	_cleanup_(freep) char *point = NULL;

	if (cgroup_get_subsys_mount_point(controller, &point) != 0 || strlen(point) >= size)
		return false;
	memcpy(buffer, point, strlen(point) + 1);
	return true;
}
