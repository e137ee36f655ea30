/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "test.h"

#include "sys/directory.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Aligned as the kernel's are. */
struct entries {
	char data[256];
	size_t size;
};

static void put(struct entries *e, const char *name, uint8_t type)
{
	size_t head = offsetof(struct directory_entry, name);
	uint16_t length = (uint16_t)((head + strlen(name) + 1 + 7) / 8 * 8);
	struct directory_entry entry = { .inode = 7, .length = length, .type = type };

	memcpy(e->data + e->size, &entry, head);
	memcpy(e->data + e->size + head, name, strlen(name) + 1);
	e->size += length;
}

TEST(entries_come_in_order_without_the_directory_itself)
{
	struct entries e = { 0 };
	const char *name = NULL;
	uint8_t type = 0;
	size_t at = 0;

	put(&e, ".", DT_DIR);
	put(&e, "a.service", DT_DIR);
	put(&e, "..", DT_DIR);
	put(&e, "memory.current", DT_REG);
	put(&e, "...", DT_UNKNOWN);
	check_int(directory_next(e.data, e.size, &at, &name, &type), 1);
	check_str(name, "a.service");
	check_int(type, DT_DIR);
	check_int(directory_next(e.data, e.size, &at, &name, &type), 1);
	check_str(name, "memory.current");
	check_int(type, DT_REG);
	check_int(directory_next(e.data, e.size, &at, &name, &type), 1);
	check_str(name, "...");
	check_int(type, DT_UNKNOWN);
	check_int(directory_next(e.data, e.size, &at, &name, &type), 0);
	check_int(at, (int64_t)e.size);
}

TEST(what_is_no_entry_is_refused)
{
	const size_t length_at = offsetof(struct directory_entry, length);
	const uint16_t lengths[] = { 0, 19, UINT16_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct entries e = { 0 };
		const char *name;
		uint8_t type;
		size_t at = 0;

		put(&e, "a", DT_DIR);
		memcpy(e.data + length_at, &lengths[i], sizeof(lengths[i]));
		check_int(directory_next(e.data, e.size, &at, &name, &type), -EIO);
		check_int(at, 0);
	}
}

TEST(the_kernel_lays_them_out_so)
{
	FIXTURE(f);
	_cleanup_(closep) int fd = open(f.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char data[1024];
	const char *name = "";
	uint8_t type;
	size_t at = 0;
	long size;

	fixture_put(&f, "only", "x\n");
	size = syscall(SYS_getdents64, fd, data, sizeof(data));
	check(size > 0);
	check_int(directory_next(data, (size_t)size, &at, &name, &type), 1);
	check_str(name, "only");
	check_int(directory_next(data, (size_t)size, &at, &name, &type), 0);
}

TEST(an_error_is_handed_on_and_a_file_is_none)
{
	FIXTURE(f);
	_cleanup_(directory_closep) DIR *directory = NULL;
	char path[PATH_MAX];
	int fd;

	check_int(directory_open(-ELOOP, &directory), -ELOOP);
	fixture_put(&f, "file", "x\n");
	fixture_path(&f, "file", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check(fd >= 0);
	check_int(directory_open(fd, &directory), -ENOTDIR);
	/* It was taken over all the same. */
	check_int(fcntl(fd, F_GETFD), -1);
	check(!directory);
	fd = open(f.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_int(directory_open(fd, &directory), 0);
	check_int(dirfd(directory), fd);
}
