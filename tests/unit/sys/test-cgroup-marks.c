/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_marks.h"
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char directory[32];
static int fd;

static void begin(void)
{
	strcpy(directory, "/tmp/oomwarden-marks-XXXXXX");
	check(mkdtemp(directory));
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
}

static void end(void)
{
	close(fd);
	check(rmdir(directory) == 0);
}

static void set(const char *name, const char *value)
{
	if (setxattr(directory, name, value, strlen(value), 0) == 0)
		return;
	end();
	test_skip("no such extended attributes here");
}

static struct cgroup_marks read_marks(void)
{
	struct cgroup_marks marks = { 0 };

	check_int(cgroup_marks_read(fd, &marks), 0);
	check_int(marks.uid, geteuid());
	return marks;
}

TEST(without_any_there_is_none)
{
	begin();
	check_int(read_marks().user, 0);
	check_int(read_marks().trusted, 0);
	end();
}

TEST(those_of_a_user)
{
	begin();
	set("user.oomd_avoid", "1");
	check_int(read_marks().user, CGROUP_AVOID);
	set("user.oomd_omit", "yes");
	set("user.oomd_prefer", "");
	set("user.else", "1");
	check_int(read_marks().user, CGROUP_AVOID | CGROUP_OMIT | CGROUP_PREFER);
	check_int(read_marks().trusted, 0);
	end();
}

TEST(those_of_root)
{
	begin();
	set("trusted.oomd_omit", "1");
	check_int(read_marks().trusted, CGROUP_OMIT);
	check_int(read_marks().user, 0);
	end();
}

TEST(no_is_no)
{
	static const char *const words[] = { "0", "no", "No", "false", "off", "n", "F" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		begin();
		set("user.oomd_omit", words[i]);
		check_int(read_marks().user, 0);
		end();
	}
	begin();
	set("user.oomd_omit", "00000000000000000000000000000000");
	check_int(read_marks().user, CGROUP_OMIT);
	end();
}

/* More than one call can list: each is asked for by its name. */
TEST(among_many_others)
{
	char name[64];

	begin();
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "user.some-rather-long-name-of-something-%d", i);
		set(name, "1");
	}
	check_int(read_marks().user, 0);
	set("user.oomd_avoid", "1");
	check_int(read_marks().user, CGROUP_AVOID);
	end();
}

TEST(of_one_that_is_gone_nothing_is_said)
{
	struct cgroup_marks marks = { .user = 77 };

	begin();
	check(rmdir(directory) == 0);
	check(cgroup_marks_read(fd, &marks) < 0 || marks.user == 0);
	close(fd);
	check_int(cgroup_marks_read(-1, &marks), -EBADF);
	check(marks.user == 77 || marks.user == 0);
}
