/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which disk a path means. The device of the test's own directory is the machine's; what sysfs says
 * of it is the fixture's.
 */

#include "fixture.h"
#include "sys/block_device.h"
#include "sys/sysroot.h"
#include "test.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void put_dev(struct fixture *f, const char *format, dev_t device, const char *text)
{
	char path[PATH_MAX];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(path, sizeof(path), format, major(device), minor(device));
#pragma GCC diagnostic pop
	fixture_put(f, path, text);
}

/* A number of no filesystem without a disk. */
static bool has_disk(const struct fixture *f, dev_t *ret)
{
	struct stat st;

	check_int(stat(f->directory, &st), 0);
	*ret = st.st_dev;
	return major(st.st_dev) != 0;
}

TEST(a_file_means_the_disk_of_its_filesystem)
{
	FIXTURE(f);
	struct sysroot root;
	uint64_t device = 1;
	dev_t own;

	if (!has_disk(&f, &own))
		test_skip("the directory of tests is on no disk");
	fixture_put(&f, "srv/data", "x");
	check_int(sysroot_open(f.directory, &root), 0);
	root.live = true;
	check_int(block_device_find(&root, "/srv/data", &device), 0);
	check(device == own);
	check_int(block_device_find(&root, "/srv", &device), 0);
	check(device == own);
	/* A partition is a part of a disk. */
	put_dev(&f, "sys/dev/block/%u:%u/partition", own, "2\n");
	fixture_put(&f, "sys/dev/block/dev", "8:16\n");
	check_int(block_device_find(&root, "/srv/data", &device), 0);
	check_int(device, makedev(8, 16));
	/* Whose disk cannot be told. */
	fixture_put(&f, "sys/dev/block/dev", "nonsense\n");
	check_int(block_device_find(&root, "/srv/data", &device), 0);
	check(device == own);
	sysroot_done(&root);
}

TEST(paths_that_name_no_disk)
{
	FIXTURE(f);
	struct sysroot root;
	uint64_t device = 1;

	fixture_put(&f, "srv/data", "x");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(block_device_find(&root, "/srv/data", &device), -EOPNOTSUPP);
	root.live = true;
	check_int(block_device_find(&root, "/srv/none", &device), -ENOENT);
	check_int(block_device_find(&root, "/srv/data/below", &device), -ENOTDIR);
	check_int(device, 1);
	sysroot_done(&root);
}

TEST(filesystems_without_a_device_of_their_own)
{
	FIXTURE(f);
	struct sysroot root;
	uint64_t device = 1;
	struct stat st;
	char text[256];

	/* Every Linux machine has this one, and it is on no disk. */
	check_int(sysroot_open("/", &root), 0);
	root.live = true;
	if (stat("/dev/shm", &st) < 0 || major(st.st_dev) != 0)
		test_skip("there is no tmpfs");
	check_int(block_device_find(&root, "/dev/shm", &device), -ENODEV);
	sysroot_done(&root);

	/* As btrfs shows it, but for the source, which is no device here. */
	if (stat(f.directory, &st) < 0 || major(st.st_dev) != 0)
		return;
	check_int(sysroot_open(f.directory, &root), 0);
	root.live = true;
	fixture_put(&f, "srv/data", "x");
	snprintf(text, sizeof(text), "21 1 %u:%u / /srv rw shared:1 - btrfs /srv/data rw\n",
		 major(st.st_dev), minor(st.st_dev));
	fixture_put(&f, "proc/self/mountinfo", text);
	check_int(block_device_find(&root, "/srv/data", &device), -ENODEV);
	check_int(device, 1);
	sysroot_done(&root);
}

/* A null device is one of characters; a loop device, where there is one, is a disk. */
TEST(a_device_node_means_itself)
{
	struct sysroot root;
	uint64_t device = 1;
	struct stat st;

	check_int(sysroot_open(NULL, &root), 0);
	if (stat("/dev/loop0", &st) < 0 || !S_ISBLK(st.st_mode))
		test_skip("there is no block device to be seen");
	check_int(block_device_find(&root, "/dev/loop0", &device), 0);
	check(device == st.st_rdev);
	sysroot_done(&root);
}
