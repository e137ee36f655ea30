/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "fixture.h"

#include "sys/sysroot.h"
#include "sys/watch.h"

#include <sys/stat.h>

static const struct sysroot live = { .fd = -1, .live = true };

struct seen {
	struct watch_event last;
	int count;
};

static void see(void *context, const struct watch_event *event)
{
	struct seen *seen = context;

	seen->last = *event;
	seen->count++;
}

static int open_directory(const struct fixture *f)
{
	int fd = open(f->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	check(fd >= 0);
	return fd;
}

TEST(a_file_that_changes_is_told_of)
{
	FIXTURE(f);
	_cleanup_(closep) int fd = watch_open(&live), dir = -1;
	struct seen seen = { 0 };
	int wd = 0, again = 0;

	check(fd >= 0);
	fixture_put(&f, "memory.events", "low 0\n");
	dir = open_directory(&f);
	check_int(watch_add(fd, dir, "memory.events", IN_MODIFY, &wd), 0);
	check(wd > 0);
	check_int(watch_add(fd, dir, "memory.events", IN_MODIFY, &again), 0);
	check_int(again, wd);

	check_int(watch_read(fd, see, &seen), 0);
	check_int(seen.count, 0);
	fixture_put(&f, "memory.events", "low 1\n");
	check_int(watch_read(fd, see, &seen), 0);
	check(seen.count > 0);
	check_int(seen.last.wd, wd);
	check(seen.last.mask & IN_MODIFY);

	watch_remove(fd, wd);
	seen = (struct seen){ 0 };
	check_int(watch_read(fd, see, &seen), 0);
	fixture_put(&f, "memory.events", "low 2\n");
	check_int(watch_read(fd, see, &seen), 0);
	check(!(seen.last.mask & IN_MODIFY));
	watch_remove(fd, wd);
}

TEST(directories_that_come_and_go_are_told_of)
{
	FIXTURE(f);
	_cleanup_(closep) int fd = watch_open(&live), dir = open_directory(&f);
	struct seen seen = { 0 };
	char path[PATH_MAX];
	int wd;

	check_int(watch_add(fd, dir, "", IN_CREATE | IN_DELETE | IN_ONLYDIR, &wd), 0);
	fixture_directory(&f, "child");
	check_int(watch_read(fd, see, &seen), 0);
	check_int(seen.count, 1);
	check_int(seen.last.mask, IN_CREATE | IN_ISDIR);
	fixture_path(&f, "child", path);
	check_int(rmdir(path), 0);
	check_int(watch_read(fd, see, &seen), 0);
	check_int(seen.count, 2);
	check_int(seen.last.mask, IN_DELETE | IN_ISDIR);
}

/* More than one read holds, with names of every length. */
TEST(all_of_many_events_are_taken)
{
	FIXTURE(f);
	_cleanup_(closep) int fd = watch_open(&live), dir = open_directory(&f);
	struct seen seen = { 0 };
	int wd;

	check_int(watch_add(fd, dir, "", IN_CREATE | IN_ONLYDIR, &wd), 0);
	for (int i = 1; i <= 250; i++) {
		char name[NAME_MAX + 1];

		memset(name, 'a', (size_t)i);
		name[i] = '\0';
		fixture_directory(&f, name);
	}
	check_int(watch_read(fd, see, &seen), 0);
	check_int(seen.count, 250);
	check_int(watch_read(fd, see, &seen), 0);
	check_int(seen.count, 250);
}

TEST(a_queue_that_runs_over_says_so)
{
	FIXTURE(f);
	_cleanup_(closep) int fd = watch_open(&live), dir = -1;
	struct seen seen = { 0 };
	char text[32], paths[2][PATH_MAX];
	struct sysroot root;
	uint64_t most;
	int wd;

	check_int(sysroot_open(NULL, &root), 0);
	check(sysroot_read(&root, "proc/sys/fs/inotify/max_queued_events", text, sizeof(text)) > 0);
	sysroot_done(&root);
	most = strtoull(text, NULL, 10);
	if (most > 1 << 17)
		return;
	fixture_put(&f, "a", "");
	fixture_put(&f, "b", "");
	dir = open_directory(&f);
	check_int(watch_add(fd, dir, "a", IN_ATTRIB, &wd), 0);
	check_int(watch_add(fd, dir, "b", IN_ATTRIB, &wd), 0);
	fixture_path(&f, "a", paths[0]);
	fixture_path(&f, "b", paths[1]);
	/* In turns: an event that repeats the one before is left out. */
	for (uint64_t i = 0; i < most + 2; i++)
		check_int(chmod(paths[i % 2], 0600), 0);
	while (seen.last.wd >= 0) {
		int before = seen.count;

		check_int(watch_read(fd, see, &seen), 0);
		check(seen.count > before);
	}
	check_int(seen.last.wd, -1);
}

TEST(what_is_not_there_is_told_apart)
{
	FIXTURE(f);
	_cleanup_(closep) int fd = watch_open(&live), dir = open_directory(&f);
	int wd = 7;

	fixture_put(&f, "file", "");
	fixture_link(&f, "link", "file");
	check_int(watch_add(fd, dir, "none", IN_MODIFY, &wd), -ENOENT);
	check_int(watch_add(fd, dir, "../x", IN_MODIFY, &wd), -EINVAL);
	check_int(watch_add(fd, dir, "file", IN_CREATE | IN_ONLYDIR, &wd), -ENOTDIR);
	check_int(wd, 7);
}

TEST(a_captured_machine_tells_nothing)
{
	const struct sysroot captured = { .fd = -1 };

	check_int(watch_open(&captured), -ENOSYS);
}

TEST(half_of_the_allowance_is_left_to_others)
{
	FIXTURE(f);
	struct sysroot root;

	check_int(sysroot_open(f.directory, &root), 0);
	check(watch_allowance(&root) == SIZE_MAX);
	fixture_put(&f, "proc/sys/fs/inotify/max_user_watches", "8193\n");
	check_int(watch_allowance(&root), 4096);
	fixture_put(&f, "proc/sys/fs/inotify/max_user_watches", "many\n");
	check(watch_allowance(&root) == SIZE_MAX);
	sysroot_done(&root);
}
