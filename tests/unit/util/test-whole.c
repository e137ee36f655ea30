/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "util/macro.h"
#include "util/sum.h"
#include "util/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* A file of so many bytes, none of which is the same for long. */
static int make(size_t length)
{
	int fd = memfd_create("whole", MFD_CLOEXEC);

	check(fd >= 0);
	for (size_t i = 0; i < length; i++) {
		char c = (char)('a' + i % 23);

		check_int(write(fd, &c, 1), 1);
	}
	check_int(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void check_read(size_t length, size_t most)
{
	_cleanup_(closep) int fd = make(length);
	_cleanup_(freep) char *text = NULL;

	check_int(whole_read(fd, most, &text), length);
	for (size_t i = 0; i < length; i++)
		check_int(text[i], (char)('a' + i % 23));
	check_int(text[length], 0);
}

TEST(files_of_any_size_are_read_whole)
{
	static const size_t lengths[] = { 0, 1, 4095, 4096, 4097, 8192, 8193, 20000 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		check_read(lengths[i], 1 << 20);
		/* Just as much as may be. */
		check_read(lengths[i], lengths[i]);
	}
}

TEST(what_is_too_large_is_refused)
{
	static const size_t lengths[] = { 1, 4096, 4097, 20000 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		_cleanup_(closep) int fd = make(lengths[i]);
		char *text = NULL;

		check_int(whole_read(fd, lengths[i] - 1, &text), -EFBIG);
		check(!text);
	}
}

/* As a file of the kernel does, it gives a little at a time. */
TEST(short_reads_are_not_the_end)
{
	_cleanup_(freep) char *text = NULL;
	int pair[2];

	check_int(pipe(pair), 0);
	for (int i = 0; i < 100; i++)
		check_int(write(pair[1], "0123456789", 10), 10);
	close(pair[1]);
	check_int(whole_read(pair[0], 4000, &text), 1000);
	check_int(strlen(text), 1000);
	close(pair[0]);
}

TEST(what_cannot_be_read_is_said)
{
	_cleanup_(closep) int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *text = NULL;

	check(fd >= 0);
	check_int(whole_read(fd, 100, &text), -EISDIR);
	check_int(whole_read(-1, 100, &text), -EBADF);
	check(!text);
}

/* A pipe takes a part at a time, as long as somebody reads; what takes no more is an error. */
TEST(all_is_written)
{
	static char bytes[300000];
	_cleanup_(freep) char *text = NULL;
	_cleanup_(closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int pair[2], status;
	pid_t pid;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 23);
	check_int(pipe(pair), 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		_exit(whole_write(pair[1], bytes, sizeof(bytes)) == 0 ? 0 : 1);
	}
	close(pair[1]);
	check_int(whole_read(pair[0], sizeof(bytes), &text), sizeof(bytes));
	close(pair[0]);
	check(memcmp(text, bytes, sizeof(bytes)) == 0);
	check_int(waitpid(pid, &status, 0), pid);
	check_int(status, 0);
	check_int(whole_write(full, bytes, 1), -ENOSPC);
	check_int(whole_write(full, bytes, 0), 0);
	check_int(whole_write(-1, bytes, 1), -EBADF);
}

TEST(sums_tell_texts_apart)
{
	/* Of the document that defines it. */
	check(sum_bytes(SUM_BEGIN, "", 0) == UINT64_C(0xcbf29ce484222325));
	check(sum_bytes(SUM_BEGIN, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	check(sum_bytes(SUM_BEGIN, "foobar", 6) == UINT64_C(0x85944171f73967e8));
	check(sum_number(SUM_BEGIN, UINT64_C(0x0807060504030201)) ==
	      sum_bytes(SUM_BEGIN, "\1\2\3\4\5\6\7\10", 8));
	check(sum_text(sum_text(SUM_BEGIN, "ab"), "c") != sum_text(sum_text(SUM_BEGIN, "a"), "bc"));
}
