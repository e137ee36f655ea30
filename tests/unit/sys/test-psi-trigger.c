/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "fixture.h"

#include "sys/psi_trigger.h"
#include "sys/sysroot.h"

#include <linux/capability.h>
#include <poll.h>
#include <sys/syscall.h>

static const struct psi_threshold one_second = {
	.stalled_usec = 10 * USEC_PER_MSEC,
	.window_usec = USEC_PER_SEC,
};

static int open_fixture(const struct fixture *f)
{
	int fd = open(f->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	check(fd >= 0);
	return fd;
}

TEST(a_window_that_anybody_may_have_keeps_the_share)
{
	static const struct {
		usec_t stalled, window, want_stalled, want_window;
	} cases[] = {
		{ 10000, 1000000, 20000, 2000000 },
		{ 150000, 3000000, 200000, 4000000 },
		{ 100000, 2000000, 100000, 2000000 },
		{ 1, 500000, 4, 2000000 },
		{ 100, 0, 100, 2000000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct psi_threshold t = { true, cases[i].stalled, cases[i].window };

		t = psi_threshold_for_everybody(&t);
		check(t.full);
		check_int(t.stalled_usec, cases[i].want_stalled);
		check_int(t.window_usec, cases[i].want_window);
	}
}

/* A file that is not the kernel's would take any text. */
TEST(other_files_are_left_alone)
{
	FIXTURE(f);
	_cleanup_(closep) int dir = -1;
	struct sysroot root;
	char text[16] = "";
	int fd = -1;

	fixture_put(&f, "memory.pressure", "some\n");
	fixture_put(&f, "proc/pressure/memory", "some\n");
	dir = open_fixture(&f);
	check_int(psi_trigger_open_cgroup(dir, "memory.pressure", &one_second, &fd),
		  PSI_TRIGGER_REFUSED);
	check_int(sysroot_open(f.directory, &root), 0);
	root.live = true;
	check_int(psi_trigger_open_host(&root, "memory", &one_second, &fd), PSI_TRIGGER_REFUSED);
	check(sysroot_read(&root, "memory.pressure", text, sizeof(text)) > 0);
	check_str(text, "some\n");
	check(sysroot_read(&root, "proc/pressure/memory", text, sizeof(text)) > 0);
	check_str(text, "some\n");
	check_int(fd, -1);
	sysroot_done(&root);
}

TEST(a_cgroup_that_is_gone_is_told_from_a_refusal)
{
	FIXTURE(f);
	_cleanup_(closep) int dir = open_fixture(&f);
	int fd = -1;

	check_int(psi_trigger_open_cgroup(dir, "memory.pressure", &one_second, &fd), -ENOENT);
	check_int(fd, -1);
	check_int(psi_trigger_open_cgroup(dir, "../memory.pressure", &one_second, &fd),
		  PSI_TRIGGER_REFUSED);
}

struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static void read_capabilities(struct capabilities *ret)
{
	*ret = (struct capabilities){ .header = { .version = _LINUX_CAPABILITY_VERSION_3 } };
	check_int(syscall(SYS_capget, &ret->header, ret->data), 0);
}

TEST(capabilities_are_as_before)
{
	FIXTURE(f);
	struct capabilities before, after;
	_cleanup_(closep) int dir = -1;
	int fd;

	fixture_put(&f, "memory.pressure", "");
	dir = open_fixture(&f);
	read_capabilities(&before);
	check_int(psi_trigger_open_cgroup(dir, "memory.pressure", &one_second, &fd),
		  PSI_TRIGGER_REFUSED);
	check_int(psi_trigger_open_cgroup(dir, "missing", &one_second, &fd), -ENOENT);
	read_capabilities(&after);
	check(memcmp(&before, &after, sizeof(before)) == 0);
}

TEST(a_captured_machine_has_none)
{
	FIXTURE(f);
	struct sysroot root;
	int fd = -1;

	fixture_put(&f, "proc/pressure/memory", "some\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(psi_trigger_open_host(&root, "memory", &one_second, &fd), PSI_TRIGGER_REFUSED);
	check_int(fd, -1);
	check_int(psi_trigger_open_host(&root, "../meminfo", &one_second, &fd), -EINVAL);
	sysroot_done(&root);
}

/* Of this very machine, as far as it has pressure and lets us. */
TEST(the_host_gives_one_or_refuses)
{
	struct psi_threshold impossible = { false, 3 * USEC_PER_SEC, USEC_PER_SEC };
	struct pollfd p = { .events = POLLPRI };
	struct sysroot root;
	int r;

	check_int(sysroot_open(NULL, &root), 0);
	r = psi_trigger_open_host(&root, "memory", &one_second, &p.fd);
	check(r == 0 || r == PSI_TRIGGER_REFUSED);
	if (r == 0) {
		check(poll(&p, 1, 0) >= 0);
		check_int(p.revents & (POLLERR | POLLNVAL | POLLIN), 0);
		close(p.fd);
		/* The kernel is asked, and its no is not taken for a trigger. */
		check_int(psi_trigger_open_host(&root, "memory", &impossible, &p.fd),
			  PSI_TRIGGER_REFUSED);
	}
	sysroot_done(&root);
}
