/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "fixture.h"

#include "sys/cgroup_v1_event.h"
#include "sys/sysroot.h"

#include <sys/eventfd.h>

static const struct sysroot live = { .fd = -1, .live = true };

/* Plain files take what a kernel's would be told. */
static int open_cgroup(const struct fixture *f)
{
	int fd;

	fixture_put(f, "cgroup.event_control", "");
	fixture_put(f, "memory.usage_in_bytes", "4096\n");
	fixture_put(f, "memory.oom_control", "");
	fixture_put(f, "memory.pressure_level", "");
	fd = open(f->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	return fd;
}

/* "EVENTFD FILE ARGUMENT": the first and the last. */
static void check_told(const struct fixture *f, int event_fd, const char *argument)
{
	char path[PATH_MAX], text[128] = "", *rest;

	fixture_path(f, "cgroup.event_control", path);
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CLOEXEC);

	check(fd >= 0);
	check(read(fd, text, sizeof(text) - 1) > 0);
	check_int(strtol(text, &rest, 10), event_fd);
	check_int(*rest, ' ');
	check(strtol(rest, &rest, 10) > 2);
	check_int(*rest, ' ');
	check_str(rest + 1, argument);
	check_int(ftruncate(fd, 0), 0);
}

TEST(each_kind_is_told_as_the_kernel_reads_it)
{
	FIXTURE(f);
	_cleanup_(closep) int dir = open_cgroup(&f), event = cgroup_v1_event_new(&live);

	check(event >= 0);
	check_int(cgroup_v1_event_pressure(dir, event, CGROUP_V1_MEDIUM), 0);
	check_told(&f, event, "medium,hierarchy");
	check_int(cgroup_v1_event_oom(dir, event), 0);
	check_told(&f, event, "");
	check_int(cgroup_v1_event_usage(dir, event, UINT64_C(1) << 40), 0);
	check_told(&f, event, "1099511627776");
}

TEST(what_is_counted_is_taken_at_once)
{
	_cleanup_(closep) int event = cgroup_v1_event_new(&live);

	check_int(cgroup_v1_event_take(event), 0);
	check_int(eventfd_write(event, 140), 0);
	check_int(cgroup_v1_event_take(event), 140);
	check_int(cgroup_v1_event_take(event), 0);
}

TEST(a_file_that_is_missing_is_told_from_a_cgroup_that_is_gone)
{
	FIXTURE(f);
	_cleanup_(closep) int dir = open_cgroup(&f), event = cgroup_v1_event_new(&live);
	char path[PATH_MAX];

	fixture_path(&f, "memory.pressure_level", path);
	check_int(unlink(path), 0);
	check_int(cgroup_v1_event_pressure(dir, event, CGROUP_V1_LOW), CGROUP_V1_EVENT_REFUSED);
	fixture_path(&f, "memory.usage_in_bytes", path);
	check_int(unlink(path), 0);
	check_int(cgroup_v1_event_pressure(dir, event, CGROUP_V1_LOW), -ENOENT);
}

TEST(a_captured_machine_tells_nothing)
{
	const struct sysroot captured = { .fd = -1 };

	check_int(cgroup_v1_event_new(&captured), -ENOSYS);
}
