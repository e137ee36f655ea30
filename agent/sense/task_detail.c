/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/task_detail.h"

#include "sense/task_policy.h"
#include "sys/cgroup_layout.h"
#include "sys/host_info.h"
#include "sys/line_reader.h"
#include "sys/meminfo.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define MEMINFO_BYTES 8192
/* PID_MAX_LIMIT, include/linux/threads.h. */
#define TASKS_MAX (4 * 1024 * 1024)
/* The first mappings are of the program's own file and carry the task's policy (inspect.c). */
#define POLICY_LINES 8

struct walk {
	const struct sysroot *root;
	const struct cgroup_layout *layout;
	uint64_t page_size_bytes;
	struct task_details details;
	size_t capacity;
};

_Static_assert(TASK_COMM_BYTES >= PROC_COMM_BYTES, "a name is copied whole");

/* In the tree that services are looked for in: a v2 hierarchy that nobody uses names a cgroup of
 * every process too. */
static int read_cgroup(const struct walk *walk, int pid_fd, struct task_detail *task)
{
	char path[PATH_MAX];
	const char *tree = cgroup_layout_tree_name(walk->layout);

	if (proc_cgroup_read(pid_fd, tree, path, sizeof(path)) <= 0)
		return 0;
	task->cgroup = strdup(path);
	return task->cgroup ? 0 : -ENOMEM;
}

static void take_status(const struct walk *walk, const struct proc_status *status,
			struct task_detail *task)
{
	task->rss_pages = status->rss_bytes / walk->page_size_bytes;
	task->swap_pages = status->swap_bytes / walk->page_size_bytes;
	task->pgtables_pages = status->pgtables_bytes / walk->page_size_bytes;
	task->pgtables_known = status->has_pgtables;
	task->has_no_memory = !status->has_memory;
	task->is_root = status->has_sys_admin;
	task->mems_known = status->mems_known;
	task->mems_allowed = status->mems_allowed;
}

/* Nobody waits for the lock of a captured process. */
static void read_policy(int pid_fd, struct task_detail *task)
{
	_cleanup_(closep) int fd = proc_pid_open_file(pid_fd, "numa_maps", O_RDONLY);
	struct task_policy_view view = { 0 };
	struct line_reader reader;
	struct numa_map map;

	if (fd < 0)
		return;
	line_reader_init(&reader, fd);
	for (int i = 0; i < POLICY_LINES && numa_maps_next(&reader, &map) > 0; i++)
		task_policy_see(&view, &map);
	task->policy = task_policy_of(&view);
	task->policy_nodes = view.nodes;
}

/* 1 and *ret; 0: it is gone; -errno. */
static int read_task(const struct walk *walk, pid_t pid, struct task_detail *ret)
{
	_cleanup_(closep) int fd = proc_pid_open(walk->root, pid);
	struct task_detail task = { .pid = pid, .shown_score = -1 };
	struct proc_status status;
	struct proc_stat stat;
	int r;

	if (fd < 0)
		return fd == -ESRCH ? 0 : fd;
	r = proc_stat_read(fd, &stat);
	if (r >= 0)
		r = proc_status_read(fd, &status);
	if (r >= 0)
		r = proc_oom_score_adj_read(fd, &task.oom_score_adj);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	task.parent = stat.ppid;
	task.start_ticks = stat.start_ticks;
	task.is_kernel_thread = stat.kernel_thread;
	memcpy(task.comm, stat.comm, sizeof(stat.comm));
	take_status(walk, &status, &task);
	(void)proc_oom_score_read(fd, &task.shown_score);
	if (!walk->root->live)
		read_policy(fd, &task);
	r = read_cgroup(walk, fd, &task);
	if (r < 0)
		return r;
	*ret = task;
	return 1;
}

static int grow(struct walk *walk)
{
	size_t capacity = walk->capacity ? walk->capacity * 2 : 256;
	struct task_detail *tasks;

	if (walk->details.count < walk->capacity)
		return 0;
	if (capacity > TASKS_MAX)
		return -E2BIG;
	tasks = reallocarray(walk->details.tasks, capacity, sizeof(*tasks));
	if (!tasks)
		return -ENOMEM;
	walk->details.tasks = tasks;
	walk->capacity = capacity;
	return 0;
}

static int add_task(void *context, pid_t pid)
{
	struct walk *walk = context;
	int r = grow(walk);

	if (r < 0)
		return r;
	r = read_task(walk, pid, &walk->details.tasks[walk->details.count]);
	if (r == -ENOMEM)
		return r;
	if (r > 0)
		walk->details.count++;
	else if (r < 0)
		walk->details.unreadable++;
	return 0;
}

static int compare_starts(const void *a, const void *b)
{
	const struct task_detail *x = a, *y = b;

	if (x->start_ticks != y->start_ticks)
		return x->start_ticks < y->start_ticks ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

int task_detail_read(const struct sysroot *root, const struct cgroup_layout *layout,
		     uint64_t page_size_bytes, struct task_details *ret)
{
	struct walk walk = {
		.root = root,
		.layout = layout,
		.page_size_bytes = page_size_bytes,
	};
	int r;

	if (page_size_bytes == 0)
		return -EINVAL;
	r = proc_pid_each(root, add_task, &walk);
	if (r < 0) {
		task_details_done(&walk.details);
		return r;
	}
	if (walk.details.count > 1)
		qsort(walk.details.tasks, walk.details.count, sizeof(*walk.details.tasks),
		      compare_starts);
	*ret = walk.details;
	return 0;
}

int kernel_detail_read(const struct sysroot *root, struct kernel_detail *ret)
{
	_cleanup_(closep) int fd = meminfo_open(root);
	struct kernel_detail kernel = { 0 };
	struct host_info host;
	struct meminfo meminfo;
	char text[MEMINFO_BYTES];
	ssize_t n = fd < 0 ? fd : sysroot_read_fd(fd, text, sizeof(text));
	int r;

	if (n < 0)
		return (int)n;
	r = meminfo_parse(text, (size_t)n, &meminfo);
	if (r < 0)
		return r;
	host_info_read(root, &host);
	kernel.page_size_bytes = host.page_size_bytes;
	kernel.ram_pages = meminfo.values[MEMINFO_TOTAL] / host.page_size_bytes;
	if (meminfo_has(&meminfo, MEMINFO_SWAP_TOTAL))
		kernel.swap_pages = meminfo.values[MEMINFO_SWAP_TOTAL] / host.page_size_bytes;
	kernel.panic_on_oom = host.panic_on_oom;
	kernel.kills_allocating_task = host.oom_kill_allocating_task != 0;
	(void)host_info_release(root, kernel.release, sizeof(kernel.release));
	*ret = kernel;
	return 0;
}
