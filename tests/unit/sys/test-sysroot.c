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

/* As a container's filter would: the call is answered with this error. */
static void forbid_openat2(unsigned error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(77);
}

static void look_around_without_openat2(unsigned error)
{
	FIXTURE(f);
	int status;
	pid_t pid;

	make_tree(&f);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		int line;

		forbid_openat2(error);
		line = look_around(&f);
		if (line)
			fprintf(stderr, "# at %d\n", line);
		_exit(line ? 1 : 0);
	}
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		test_skip("no seccomp filters here");
	check_int(WEXITSTATUS(status), 0);
}

TEST(links_stay_within_the_root_on_old_kernels)
{
	look_around_without_openat2(ENOSYS);
}

TEST(links_stay_within_the_root_under_a_filter)
{
	look_around_without_openat2(EPERM);
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
