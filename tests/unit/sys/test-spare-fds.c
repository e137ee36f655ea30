/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptors that are there when no others are. */

#include "test.h"

#include "sys/spare_fds.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static int root_fd;

/* Lowers the limit to what is open, and says how many may still be opened. */
static size_t count_left(void)
{
	int fds[2 * SPARE_FDS_MAX];
	size_t count = 0;

	while (count < 2 * SPARE_FDS_MAX) {
		fds[count] = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[count] < 0)
			break;
		count++;
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return count;
}

static void take_all(struct rlimit *ret_before)
{
	struct rlimit limit;

	check_int(getrlimit(RLIMIT_NOFILE, ret_before), 0);
	limit = *ret_before;
	limit.rlim_cur = 0;
	while (fcntl((int)limit.rlim_cur, F_GETFD) >= 0)
		limit.rlim_cur++;
	check_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(what_is_lent_can_be_opened_and_comes_back)
{
	struct spare_fds spare = { .count = 0 };
	struct rlimit before;

	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(root_fd >= 0);
	spare_fds_take(&spare, root_fd);
	check_int(spare.count, SPARE_FDS_MAX);
	take_all(&before);
	check_int(count_left(), 0);
	spare_fds_lend(&spare);
	check_int(spare.count, 0);
	check_int(count_left(), SPARE_FDS_MAX);
	spare_fds_take(&spare, root_fd);
	check_int(spare.count, SPARE_FDS_MAX);
	check_int(count_left(), 0);
	check_int(setrlimit(RLIMIT_NOFILE, &before), 0);
	spare_fds_lend(&spare);
	close(root_fd);
}

TEST(as_many_as_there_are_is_taken)
{
	struct spare_fds spare = { .count = 0 };
	struct rlimit before, limit;

	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	take_all(&before);
	spare_fds_take(&spare, root_fd);
	check_int(spare.count, 0);
	check_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur += 3;
	check_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
	spare_fds_take(&spare, root_fd);
	check_int(spare.count, 3);
	spare_fds_lend(&spare);
	check_int(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(root_fd);
}
