/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "sys/task_file.h"
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#define BEHIND                                                                               \
	" S 1 1 1 0 -1 4194560 0 0 0 0 %s 0 0 20 0 1 0 100 33849344 5 18446744073709551615 " \
	"0 0 0 0 0 0 0 0 0 0 0 0 17 %s 0 0\n"

static int parse(const char *text, struct task_stat *ret)
{
	return task_stat_parse(text, strlen(text), ret);
}

TEST(what_a_thread_used_and_where)
{
	struct task_stat stat;
	char text[512];

	snprintf(text, sizeof(text), "11 (CPU 1/KVM)" BEHIND, "70 30", "5");
	check_int(parse(text, &stat), 0);
	check_str(stat.comm, "CPU 1/KVM");
	check_int(stat.cpu_ticks, 100);
	check_int(stat.processor, 5);
	/* A name can hold anything, and it is found from its end. */
	snprintf(text, sizeof(text), "11 (a) R 1 (b)" BEHIND, "1 2", "5000");
	check_int(parse(text, &stat), 0);
	check_str(stat.comm, "a) R 1 (b");
	check_int(stat.cpu_ticks, 3);
	check_int(stat.processor, 5000);
}

TEST(nonsense)
{
	struct task_stat stat = { .processor = 7 };
	char text[512];

	check_int(parse("", &stat), -EINVAL);
	check_int(parse("1 (x) S\n", &stat), -EINVAL);
	check_int(parse("1 x S 1\n", &stat), -EINVAL);
	check_int(parse(")(\n", &stat), -EINVAL);
	snprintf(text, sizeof(text), "11 (x)" BEHIND, "-1 2", "5");
	check_int(parse(text, &stat), -EINVAL);
	snprintf(text, sizeof(text), "11 (x)" BEHIND, "1 2", "x");
	check_int(parse(text, &stat), -EINVAL);
	/* Cut: its last number would mislead. */
	snprintf(text, sizeof(text), "11 (x)" BEHIND, "1 2", "15");
	text[strlen(text) - 1] = '\0';
	check_int(parse(text, &stat), -EINVAL);
	check_int(stat.processor, 7);
}

static size_t list(int pid_fd, pid_t *tids, size_t room)
{
	_cleanup_(closep) int fd = task_directory_open(pid_fd);
	pid_t some[TASK_LIST_MAX];
	size_t count = 0;
	int n;

	check(fd >= 0);
	while ((n = task_directory_next(fd, some)) > 0)
		for (int i = 0; i < n; i++) {
			check(count < room);
			tids[count++] = some[i];
		}
	check_int(n, 0);
	return count;
}

#define THREADS 200

static pthread_barrier_t barrier;

static void *wait_twice(void *tid)
{
	*(pid_t *)tid = (pid_t)syscall(SYS_gettid);
	(void)pthread_barrier_wait(&barrier);
	(void)pthread_barrier_wait(&barrier);
	return NULL;
}

static bool is_among(pid_t tid, const pid_t *tids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

/* Our own: none is left out where a piece ends, and none comes twice. */
TEST(all_threads_in_pieces)
{
	pid_t tids[THREADS + 64], started[THREADS];
	pthread_t threads[THREADS];
	char status[8192];
	struct task_stat stat;
	struct sysroot root;
	struct span span;
	size_t count;

	check_int(sysroot_open(NULL, &root), 0);
	_cleanup_(closep) int fd = proc_pid_open(&root, getpid());
	check(fd >= 0);
	check_int(pthread_barrier_init(&barrier, NULL, THREADS + 1), 0);
	for (size_t i = 0; i < THREADS; i++)
		check_int(pthread_create(&threads[i], NULL, wait_twice, &started[i]), 0);
	(void)pthread_barrier_wait(&barrier);
	count = list(fd, tids, ARRAY_SIZE(tids));
	for (size_t i = 0; i < THREADS; i++)
		check(is_among(started[i], tids, count));
	for (size_t i = 0; i < count; i++)
		check(!is_among(tids[i], tids, i));
	_cleanup_(closep) int tasks = task_directory_open(fd);
	check_int(task_stat_read(tasks, started[7], &stat), 0);
	check_int(task_cpus_read(tasks, started[7], status, sizeof(status), &span), 0);
	check(span.length > 0);
	(void)pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < THREADS; i++)
		check_int(pthread_join(threads[i], NULL), 0);
	/* A joined thread may linger in the list for a moment, but not for ever. */
	while (task_stat_read(tasks, started[7], &stat) == 0)
		(void)sched_yield();
	check_int(task_stat_read(tasks, started[7], &stat), -ESRCH);
	check_int(task_cpus_read(tasks, started[7], status, sizeof(status), &span), -ESRCH);
	pthread_barrier_destroy(&barrier);
	sysroot_done(&root);
}

TEST(a_captured_process)
{
	char path[PATH_MAX], status[256], comm[PROC_COMM_BYTES];
	struct task_stat stat;
	struct span span;
	pid_t tids[8];
	FIXTURE(f);

	fixture_put(&f, "proc/7/task/7/status", "Name:\tx\nCpus_allowed_list:\t0-3,8\n");
	fixture_put(&f, "proc/7/task/7/comm", "x y\n");
	fixture_put(&f, "proc/7/task/8/status", "Name:\tx\nCpus_allowed_list:\t0-");
	fixture_put(&f, "proc/7/task/8/comm", "");
	fixture_directory(&f, "proc/7/task/x");
	fixture_path(&f, "proc/7", path);
	_cleanup_(closep) int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	check_int(list(fd, tids, ARRAY_SIZE(tids)), 2);
	_cleanup_(closep) int tasks = task_directory_open(fd);
	check_int(task_cpus_read(tasks, 7, status, sizeof(status), &span), 0);
	check(span_is(span, "0-3,8"));
	check_int(task_cpus_read(tasks, 8, status, sizeof(status), &span), -ENODATA);
	check_int(task_comm_read(tasks, 7, comm, sizeof(comm)), 0);
	check_str(comm, "x y");
	check_int(task_comm_read(tasks, 8, comm, sizeof(comm)), -EINVAL);
	check_int(task_comm_read(tasks, 9, comm, sizeof(comm)), -ESRCH);
	check_int(task_stat_read(tasks, 7, &stat), -ESRCH);
	fixture_path(&f, "proc", path);
	_cleanup_(closep) int none = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check_int(task_directory_open(none), -ESRCH);
}
