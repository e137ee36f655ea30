/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/cgroup_dir.h"
#include "sys/cgroup_effects.h"
#include "sys/memlock.h"
#include "sys/move_pages.h"
#include "sys/proc_pid.h"
#include "sys/process_effects.h"
#include "sys/sysroot.h"
#include "test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct sysroot live_root(void)
{
	struct sysroot root;

	if (sysroot_open(NULL, &root) < 0)
		abort();
	return root;
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	if (pid < 0)
		abort();
	return pid;
}

static uint64_t start_ticks_of(const struct sysroot *root, pid_t pid)
{
	_cleanup_(closep) int fd = proc_pid_open(root, pid);
	struct proc_stat s;

	if (fd < 0 || proc_stat_read(fd, &s) < 0)
		abort();
	return s.start_ticks;
}

/* By descriptor, or by pid and start time as on kernels without descriptors. */
static void kill_child(bool by_descriptor)
{
	struct sysroot root = live_root();
	struct process_handle handle;
	pid_t pid = start_child();
	uint64_t ticks = start_ticks_of(&root, pid);
	int status;

	check_int(process_handle_open(&root, pid, ticks, &handle), 0);
	if (!by_descriptor)
		process_handle_done(&handle);
	else if (handle.pidfd < 0)
		test_skip("no pidfd here");
	check_int(process_signal(&root, &handle, 0), 0);
	check_int(process_signal(&root, &handle, SIGTERM), 0);
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	check_int(process_signal(&root, &handle, SIGTERM), -ESRCH);
	process_handle_done(&handle);
	sysroot_done(&root);
}

TEST(a_process_is_signalled_by_descriptor)
{
	kill_child(true);
}

TEST(a_process_is_signalled_by_start_time)
{
	kill_child(false);
}

TEST(a_pid_used_again_is_not_signalled)
{
	struct sysroot root = live_root();
	pid_t pid = start_child();
	uint64_t ticks = start_ticks_of(&root, pid);
	struct process_handle handle = { .pid = 77, .pidfd = -1 }, forged;

	check_int(process_handle_open(&root, pid, ticks + 1, &handle), -ESRCH);
	check_int(handle.pid, 77);
	forged = (struct process_handle){ .pid = pid, .start_ticks = ticks + 1, .pidfd = -1 };
	check_int(process_signal(&root, &forged, SIGKILL), -ESRCH);
	check_int(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	check_int(waitpid(pid, NULL, 0), pid);
	check_int(process_handle_open(&root, pid, ticks, &handle), -ESRCH);
	sysroot_done(&root);
}

TEST(who_is_never_signalled)
{
	struct sysroot root = live_root();
	uint64_t ticks = start_ticks_of(&root, getpid());
	struct process_handle handle;

	check_int(process_handle_open(&root, getpid(), ticks, &handle), -EPERM);
	check_int(process_handle_open(&root, 1, start_ticks_of(&root, 1), &handle), -EPERM);
	check_int(process_handle_open(&root, 0, ticks, &handle), -EPERM);
	check_int(process_handle_open(&root, -1, ticks, &handle), -EPERM);
	handle = (struct process_handle){ .pid = -1, .start_ticks = ticks, .pidfd = -1 };
	check_int(process_signal(&root, &handle, 0), -EPERM);
	handle.pid = 1;
	check_int(process_signal(&root, &handle, 0), -EPERM);
	sysroot_done(&root);
}

TEST(memory_of_a_dying_process_is_released)
{
	struct sysroot root = live_root();
	struct process_handle handle;
	pid_t pid = start_child();
	int r;

	check_int(process_handle_open(&root, pid, start_ticks_of(&root, pid), &handle), 0);
	r = process_release_memory(&root, &handle);
	if (r == -ENOSYS || r == -EPERM) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		test_skip("no process_mrelease here");
	}
	check_int(r, -EINVAL);
	check_int(process_signal(&root, &handle, SIGKILL), 0);
	r = process_release_memory(&root, &handle);
	check(r == 0 || r == -EAGAIN);
	check_int(waitpid(pid, NULL, 0), pid);
	check_int(process_release_memory(&root, &handle), 0);
	process_handle_done(&handle);
	check_int(process_release_memory(&root, &handle), -ENOSYS);
	sysroot_done(&root);
}

#define PAGES 8

TEST(own_pages_are_found_and_stay_where_they_are)
{
	struct sysroot root = live_root();
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *area = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	void *pages[PAGES];
	int status[PAGES], r;

	check(area != MAP_FAILED);
	check_int(madvise(area, PAGES * page, MADV_NOHUGEPAGE), 0);
	for (size_t i = 0; i < PAGES; i++)
		pages[i] = area + i * page;
	for (size_t i = 0; i < PAGES / 2; i++)
		area[i * page] = 1;
	r = move_pages_query(&root, getpid(), pages, PAGES, status);
	if (r == -ENOSYS || r == -EPERM)
		test_skip("move_pages is not to be had here");
	check_int(r, 0);
	for (size_t i = 0; i < PAGES; i++)
		check(i < PAGES / 2 ? status[i] >= 0
				    : status[i] == -ENOENT || status[i] == -EFAULT);
	/* To where they are: nothing to do. */
	r = move_pages_to(&root, getpid(), pages, PAGES / 2, (unsigned)status[0], false, status);
	check_int(r, 0);
	check(status[0] >= 0);
	munmap(area, PAGES * page);
	sysroot_done(&root);
}

TEST(refused_moves_leave_a_mark_for_every_page)
{
	struct sysroot root = live_root();
	int dummy = 0, status[2] = { 5, 5 };
	void *pages[2] = { &dummy, &dummy };
	pid_t pid = start_child();

	kill(pid, SIGKILL);
	check_int(waitpid(pid, NULL, 0), pid);
	check(move_pages_query(&root, pid, pages, 2, status) < 0);
	check_int(status[0], MOVE_PAGES_UNTOUCHED);
	check_int(status[1], MOVE_PAGES_UNTOUCHED);
	status[0] = 5;
	check(move_pages_to(&root, getpid(), pages, 1, 1023, false, status) < 0);
	check_int(status[0], MOVE_PAGES_UNTOUCHED);
	check_int(move_pages_query(&root, 0, pages, 1, status), -EINVAL);
	check_int(move_pages_query(&root, -1, pages, 1, status), -EINVAL);
	check_int(move_pages_query(&root, getpid(), pages, 0, status), -EINVAL);
	check_int(move_pages_query(&root, getpid(), pages, MOVE_PAGES_MAX + 1, status), -EINVAL);
	check_int(move_pages_to(&root, getpid(), pages, 1, UINT_MAX, false, status), -EINVAL);
	sysroot_done(&root);
}

TEST(a_captured_tree_is_never_changed)
{
	FIXTURE(f);
	struct process_handle handle = { .pid = getppid(), .pidfd = -1 };
	int dummy = 0, status[1];
	void *pages[1] = { &dummy };
	struct sysroot root;
	char text[16];

	fixture_put(&f, "memory.high", "max\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(process_handle_open(&root, getppid(), 1, &handle), -EROFS);
	check_int(process_signal(&root, &handle, 0), -EROFS);
	check_int(process_release_memory(&root, &handle), -EROFS);
	check_int(move_pages_query(&root, getpid(), pages, 1, status), -EROFS);
	check_int(move_pages_to(&root, getpid(), pages, 1, 0, false, status), -EROFS);
	check_int(cgroup_effect_write(&root, root.fd, 1, "memory.high", "0"), -EROFS);
	check_int(cgroup_effect_kill(&root, root.fd, 1), -EROFS);
	check_int(sysroot_read(&root, "memory.high", text, sizeof(text)), 4);
	check_str(text, "max\n");
	sysroot_done(&root);
}

/* A plain directory stands for the cgroup: what is written where is the same. */
TEST(a_cgroup_s_file_is_written_once_it_is_the_right_one)
{
	FIXTURE(f);
	struct sysroot root = live_root();
	struct stat st;
	char text[16];
	int fd;

	fixture_put(&f, "memory.high", "max-----\n");
	fixture_put(&f, "cgroup.kill", "0");
	fixture_link(&f, "link", "memory.high");
	fd = open(f.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	check_int(fstat(fd, &st), 0);
	check_int(cgroup_effect_write(&root, fd, st.st_ino + 1, "memory.high", "1"), -ESTALE);
	check_int(cgroup_effect_write(&root, fd, 0, "memory.high", "1"), -EINVAL);
	check_int(cgroup_effect_write(&root, fd, st.st_ino, "memory.high", ""), -EINVAL);
	check_int(cgroup_effect_write(&root, fd, st.st_ino, "../memory.high", "1"), -EINVAL);
	check_int(cgroup_effect_write(&root, fd, st.st_ino, "link", "1"), -ELOOP);
	check_int(cgroup_effect_write(&root, fd, st.st_ino, "memory.max", "1"), -ENOENT);
	check_int(cgroup_read_file(fd, "memory.high", text, sizeof(text)), 9);
	check_str(text, "max-----\n");
	check_int(cgroup_effect_write(&root, fd, st.st_ino, "memory.high", "123"), 0);
	/* Not truncated: kernel files are not. */
	check_int(cgroup_read_file(fd, "memory.high", text, sizeof(text)), 9);
	check_str(text, "123-----\n");
	check_int(cgroup_effect_kill(&root, fd, st.st_ino), 0);
	check_int(cgroup_read_file(fd, "cgroup.kill", text, sizeof(text)), 1);
	check_str(text, "1");
	close(fd);
	sysroot_done(&root);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#endif

#ifndef UNDER_SANITIZER
#define AREA_BYTES ((size_t)64 << 20)

TEST(memory_is_locked_as_it_is_touched)
{
	struct sysroot root = live_root();
	_cleanup_(closep) int fd = proc_pid_open(&root, getpid());
	struct proc_status before, after;
	void *area;
	int r;

	check_int(proc_status_read(fd, &before), 0);
	r = memlock_on_fault();
	if (r == -EPERM || r == -ENOMEM)
		test_skip("no memory may be locked here");
	check_int(r, 0);
	area = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		test_skip("not enough memory may be locked here");
	check_int(proc_status_read(fd, &after), 0);
	check(after.locked_bytes >= before.locked_bytes + AREA_BYTES);
	check(after.rss_bytes < before.rss_bytes + AREA_BYTES / 2);
	check_int(munlockall(), 0);
	munmap(area, AREA_BYTES);
	sysroot_done(&root);
}
#else
/* The address sanitizer makes locking do nothing. */
TEST(memory_is_locked_as_it_is_touched)
{
	int (*call)(void) = memlock_on_fault;

	check(call);
	test_skip("the sanitizer makes locking do nothing");
}
#endif
