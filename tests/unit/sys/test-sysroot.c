/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/sysroot.h"
#include "test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* While it has records, reads are answered as seq_file does: from a buffer of a page, filled until
 * the next record does not fit or what was asked for is there. */
static struct {
	size_t record_bytes; /* 0: the kernel answers */
	size_t records;
	unsigned reads;
} kernel;

#define PAGE_BYTES 4096

static ssize_t seq_read(char *buffer, size_t size, size_t offset)
{
	size_t whole = kernel.record_bytes * kernel.records, page = PAGE_BYTES, length;

	if (offset >= whole)
		return 0;
	while (page < kernel.record_bytes)
		page *= 2;
	length = page / kernel.record_bytes * kernel.record_bytes;
	/* The rest of a record that was begun. */
	if (offset % kernel.record_bytes)
		length = kernel.record_bytes - offset % kernel.record_bytes;
	length = MIN_OF(length, whole - offset);
	length = MIN_OF(length, size);
	for (size_t i = 0; i < length; i++)
		buffer[i] = (char)('a' + (offset + i) % kernel.record_bytes % 26);
	return (ssize_t)length;
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
	kernel.reads++;
	if (kernel.record_bytes > 0)
		return seq_read(buffer, size, (size_t)offset);
	return (ssize_t)syscall(SYS_pread64, fd, buffer, size, offset);
}

static void make_tree(const struct fixture *f)
{
	fixture_put(f, "proc/meminfo", "MemTotal: 1 kB\n");
	fixture_put(f, "proc/42/stat", "inner\n");
	fixture_put(f, "secret", "the fixture's own\n");
	fixture_link(f, "proc/self", "42");
	fixture_link(f, "proc/absolute", "/proc/42/stat");
	fixture_link(f, "proc/42/up", "../../proc/meminfo");
	fixture_link(f, "proc/escape", "../../../../../../../../etc/passwd");
	fixture_link(f, "proc/outside", "/etc/passwd");
	fixture_link(f, "proc/loop", "loop");
	fixture_link(f, "proc/directory", "../proc/./42");
}

/* What is said of each path, by whichever way the kernel offers. 0: all right, else the line. */
static int look_around(const struct fixture *f)
{
	static const struct {
		const char *path;
		const char *text; /* NULL: not to be opened */
	} cases[] = {
		{ "proc/meminfo", "MemTotal: 1 kB\n" },
		{ "/proc//meminfo", "MemTotal: 1 kB\n" },
		{ "proc/self/stat", "inner\n" },
		{ "proc/absolute", "inner\n" },
		{ "proc/42/up", "MemTotal: 1 kB\n" },
		{ "proc/directory/stat", "inner\n" },
		{ "proc/42/./.././../secret", "the fixture's own\n" },
		{ "proc/../secret", "the fixture's own\n" },
		{ "../../../secret", "the fixture's own\n" },
		{ "proc/escape", NULL },
		{ "proc/outside", NULL },
		{ "proc/loop", NULL },
		{ "proc/meminfo/x", NULL },
		{ "proc/none", NULL },
		{ "", NULL },
	};
	struct sysroot root;
	char text[64];

	if (sysroot_open(f->directory, &root) < 0 || root.live)
		return __LINE__;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ssize_t n = sysroot_read(&root, cases[i].path, text, sizeof(text));

		if (cases[i].text &&
		    (n != (ssize_t)strlen(cases[i].text) || strcmp(text, cases[i].text) != 0))
			return 1000 + (int)i;
		if (!cases[i].text && n >= 0)
			return 1000 + (int)i;
	}
	if (sysroot_open_beneath(root.fd, "proc/self/stat", O_RDONLY) >= 0)
		return __LINE__;
	if (sysroot_open_beneath(root.fd, "proc/outside", O_RDONLY) >= 0)
		return __LINE__;
	if (sysroot_open_beneath(root.fd, "proc/../secret", O_RDONLY) != -EINVAL)
		return __LINE__;
	if (sysroot_open_beneath(root.fd, "/secret", O_RDONLY) != -EINVAL)
		return __LINE__;
	if (sysroot_open_beneath(root.fd, "a\nb", O_RDONLY) != -EINVAL)
		return __LINE__;
	for (int i = 0; i < 2; i++) {
		int fd = sysroot_open_beneath(root.fd, i ? "" : "proc/42/stat", O_RDONLY);

		if (fd < 0)
			return __LINE__;
		close(fd);
	}
	sysroot_done(&root);
	return 0;
}

TEST(links_stay_within_the_root)
{
	FIXTURE(f);
	make_tree(&f);
	check_int(look_around(&f), 0);
}

/* As a container's filter would: the call is answered so. */
static void filter_openat2(unsigned answer)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(77);
}

/* Filters and what is learnt of them stay with the process: in one of its own. */
static void in_child(int (*look)(const struct fixture *f, unsigned error), unsigned error)
{
	FIXTURE(f);
	int status;
	pid_t pid;

	make_tree(&f);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		int line = look(&f, error);

		if (line && line != 77)
			fprintf(stderr, "# at %d\n", line);
		_exit(line == 77 ? 77 : line != 0);
	}
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		test_skip("not to be tried here");
	check_int(WEXITSTATUS(status), 0);
}

/* Once it is known to be missing it is not called again: that would kill. */
static int look_around_without(const struct fixture *f, unsigned error)
{
	int line;

	filter_openat2(SECCOMP_RET_ERRNO | error);
	line = look_around(f);
	if (line)
		return line;
	filter_openat2(SECCOMP_RET_KILL_PROCESS);
	return look_around(f);
}

/* EPERM of a file: only its owner may ask for O_NOATIME. */
static int look_at_a_refused_file(const struct fixture *f, unsigned error)
{
	struct sysroot root;

	(void)error;
	if (geteuid() != 0 || chmod(f->directory, 0755) < 0)
		return 77;
	if (sysroot_open(f->directory, &root) < 0 || setuid(65534) < 0)
		return __LINE__;
	if (sysroot_open_path(&root, "proc/meminfo", O_RDONLY | O_NOATIME) != -EPERM)
		return __LINE__;
	filter_openat2(SECCOMP_RET_ERRNO | EDOM);
	return sysroot_open_path(&root, "proc/meminfo", O_RDONLY) == -EDOM ? 0 : __LINE__;
}

TEST(links_stay_within_the_root_on_old_kernels)
{
	in_child(look_around_without, ENOSYS);
}

TEST(links_stay_within_the_root_under_a_filter)
{
	in_child(look_around_without, EPERM);
}

TEST(a_file_that_is_refused_says_nothing_of_the_call)
{
	in_child(look_at_a_refused_file, 0);
}

TEST(reading_fits_or_says_so)
{
	FIXTURE(f);
	struct sysroot root;
	char text[6];

	fixture_put(&f, "five", "12345");
	fixture_put(&f, "six", "123456");
	fixture_put(&f, "empty", "");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(sysroot_read(&root, "five", text, sizeof(text)), 5);
	check_str(text, "12345");
	check_int(sysroot_read(&root, "six", text, sizeof(text)), -EFBIG);
	check_str(text, "12345");
	check_int(sysroot_read(&root, "empty", text, sizeof(text)), 0);
	check_str(text, "");
	check_int(sysroot_read(&root, "none", text, sizeof(text)), -ENOENT);
	check_int(sysroot_read(&root, "five", text, 0), -EINVAL);
	sysroot_done(&root);
}

TEST(a_kept_descriptor_reads_anew)
{
	FIXTURE(f);
	struct sysroot root;
	char text[64];
	int fd;

	fixture_put(&f, "counter", "1\n");
	check_int(sysroot_open(f.directory, &root), 0);
	fd = sysroot_open_file(&root, "counter");
	check(fd >= 0);
	check_int(sysroot_read_fd(fd, text, sizeof(text)), 2);
	fixture_put(&f, "counter", "22\n");
	check_int(sysroot_read_fd(fd, text, sizeof(text)), 3);
	check_str(text, "22\n");
	close(fd);
	sysroot_done(&root);
}

static void check_records(size_t record_bytes, size_t records, ssize_t (*read)(int, char *, size_t),
			  unsigned reads)
{
	static char text[32768];
	ssize_t n;

	kernel.record_bytes = record_bytes;
	kernel.records = records;
	kernel.reads = 0;
	n = read(-1, text, sizeof(text));
	kernel.record_bytes = 0;
	check_int(n, (ssize_t)(record_bytes * records));
	for (ssize_t i = 0; i < n; i++)
		check_int(text[i], 'a' + i % (ssize_t)record_bytes % 26);
	check_int(text[n], 0);
	check_int(kernel.reads, reads);
}

static ssize_t read_lines(int fd, char *buffer, size_t size)
{
	return sysroot_read_lines_fd(fd, buffer, size, 64);
}

TEST(one_read_is_all_of_one_record)
{
	check_records(1500, 1, sysroot_read_once_fd, 1);
	check_records(9000, 1, sysroot_read_once_fd, 1);
	check_records(9000, 1, sysroot_read_fd, 2);
}

/* 200 lines of 50 bytes: two pages full of whole lines, and a rest. */
TEST(lines_are_read_until_none_can_follow)
{
	check_records(50, 200, read_lines, 3);
	check_records(50, 200, sysroot_read_fd, 4);
	check_records(50, 20, read_lines, 1);
	/* The rest leaves no room for another line: it takes one more to be sure. */
	check_records(64, 63, read_lines, 1);
	check_records(64, 64, read_lines, 2);
	check_records(64, 65, read_lines, 2);
}

TEST(one_read_fits_or_says_so)
{
	FIXTURE(f);
	struct sysroot root;
	char text[6];

	fixture_put(&f, "text", "12345");
	check_int(sysroot_open(f.directory, &root), 0);
	for (int i = 0; i < 2; i++) {
		int fd = sysroot_open_file(&root, "text");

		check(fd >= 0);
		kernel.reads = 0;
		check_int(sysroot_read_once_fd(fd, text, sizeof(text)), i ? -EFBIG : 5);
		check_int(kernel.reads, 2);
		check_str(text, "12345");
		check_int(sysroot_read_once_fd(fd, text, 0), -EINVAL);
		close(fd);
		fixture_put(&f, "text", "123456");
	}
	check_int(sysroot_read_once_fd(-1, text, sizeof(text)), -EBADF);
	sysroot_done(&root);
}

TEST(what_is_no_file_is_not_waited_for)
{
	FIXTURE(f);
	char path[PATH_MAX], text[8];
	struct sysroot root;

	fixture_directory(&f, "proc");
	fixture_path(&f, "proc/meminfo", path);
	check_int(mkfifo(path, 0600), 0);
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(sysroot_read(&root, "proc/meminfo", text, sizeof(text)), -EINVAL);
	check_int(sysroot_read(&root, "proc", text, sizeof(text)), -EINVAL);
	sysroot_done(&root);
}

TEST(no_directory_is_an_error)
{
	struct sysroot root = { .fd = -7 };

	check_int(sysroot_open("/nonexistent/oomwarden", &root), -ENOENT);
	check_int(root.fd, -7);
	check_int(sysroot_open(NULL, &root), 0);
	check(root.live);
	sysroot_done(&root);
	sysroot_done(&root);
}
