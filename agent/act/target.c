/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/target.h"

#include "core/slice.h"
#include "sys/cgroup_tree.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int target_open(const struct remedy_env *env, const struct step_target *named, int *ret_fd)
{
	struct cgroup_dir dir;
	int r;

	if (!env->root->live)
		return -EROFS;
	/* The root cgroup holds the whole machine and is nobody's service. */
	if (named->path[0] == '\0')
		return -EINVAL;
	r = cgroup_dir_open(env->layout, named->path, &dir);
	if (r < 0)
		return r;
	if (dir.inode != named->key) {
		cgroup_dir_done(&dir);
		return -ESTALE;
	}
	*ret_fd = dir.fd;
	return 0;
}

/* A process's own cgroup file counts from the root of the reader's cgroup namespace, a target's
 * path from the mount: they differ where only a part of the hierarchy is mounted. */
static bool is_within(const struct target *target, const char *path)
{
	const char *subtree = cgroup_layout_tree(target->env->layout)->subtree;
	size_t length;

	while (*subtree == '/')
		subtree++;
	length = strlen(subtree);
	if (length > 0) {
		if (strncmp(path, subtree, length) != 0 || path[length] != '/')
			return false;
		path += length + 1;
	}
	length = strlen(target->named->path);
	return strncmp(path, target->named->path, length) == 0 &&
	       (path[length] == '\0' || path[length] == '/');
}

/*
 * The handle is opened first and then asked both who it is and where it is, so both answers are
 * about one process, and a pid that was used again between the list and here is found out.
 */
int target_open_process(const struct target *target, pid_t pid, struct proc_stat *ret)
{
	_cleanup_(closep) int fd = proc_pid_open_stat(target->env->root, pid, ret);
	char path[PATH_BYTES + CGROUP_MOUNT_BYTES];
	int r;

	if (fd < 0)
		return fd;
	if (ret->kernel_thread)
		return -ESRCH;
	r = proc_cgroup_read(fd, cgroup_layout_tree_name(target->env->layout), path, sizeof(path));
	if (r < 0)
		return r;
	return r > 0 && is_within(target, path) ? TAKE_FD(fd) : -ESRCH;
}

static int examine(const struct target *target, pid_t pid, struct proc_stat *ret)
{
	_cleanup_(closep) int fd = target_open_process(target, pid, ret);

	return MIN_OF(fd, 0);
}

struct visit {
	const struct target *target;
	int (*each)(void *context, pid_t pid, const struct proc_stat *stat);
	int (*each_pid)(void *context, pid_t pid);
	void *context;
	struct target_gaps gaps;
};

static bool is_service(const struct snapshot *snapshot, const char *path)
{
	if (!snapshot)
		return false;
	for (size_t i = 0; i < snapshot->service_count; i++)
		if (strcmp(snapshot->services[i].path, path) == 0)
			return true;
	return false;
}

/* What a container, or a user's own manager, calls like a unit of the host is none. */
static bool is_protected(const struct target *target, const char *whole)
{
	return policy_is_protected_unit(whole) &&
	       !(target->ends_units &&
		 slice_holds_unit(whole, (size_t)(strrchr(whole, '/') - whole)));
}

static int enter(void *context, const char *path)
{
	struct visit *visit = context;
	char whole[PATH_BYTES + CGROUP_TREE_PATH_BYTES];

	(void)snprintf(whole, sizeof(whole), "%s/%s", visit->target->named->path, path);
	if ((visit->target->takes_all || !is_service(visit->target->snapshot, whole)) &&
	    !is_protected(visit->target, whole))
		return 1;
	visit->gaps.left_out++;
	return 0;
}

static int process(void *context, pid_t pid)
{
	struct visit *visit = context;
	struct proc_stat stat;
	int r = examine(visit->target, pid, &stat);

	if (r == -ESRCH)
		return 0;
	if (r < 0) {
		visit->gaps.unreadable++;
		return 0;
	}
	return visit->each(visit->context, pid, &stat);
}

int target_each_process(const struct target *target,
			int (*each)(void *context, pid_t pid, const struct proc_stat *stat),
			void *context, struct target_gaps *ret_gaps)
{
	struct visit visit = { .target = target, .each = each, .context = context };
	const struct cgroup_walk walk = { .enter = enter, .process = process, .context = &visit };
	int r = cgroup_walk(target->directory_fd, &walk);

	if (r >= 0 && ret_gaps)
		*ret_gaps = visit.gaps;
	return r;
}

static int pass_on(void *context, pid_t pid)
{
	const struct visit *visit = context;

	return visit->each_pid(visit->context, pid);
}

int target_each_pid(const struct target *target, int (*each)(void *context, pid_t pid),
		    void *context)
{
	struct visit visit = { .target = target, .each_pid = each, .context = context };
	const struct cgroup_walk walk = { .enter = enter, .process = pass_on, .context = &visit };

	return cgroup_walk(target->directory_fd, &walk);
}

int target_check_process(const struct target *target, pid_t pid, uint64_t start_ticks)
{
	struct proc_stat stat;
	int r = examine(target, pid, &stat);

	if (r < 0)
		return r;
	return stat.start_ticks == start_ticks ? 0 : -ESRCH;
}

static int is_agent(void *context, pid_t pid)
{
	(void)context;
	return pid == 1 || pid == getpid();
}

int target_holds_agent(const struct target *target)
{
	const struct cgroup_walk walk = { .process = is_agent };

	return cgroup_walk(target->directory_fd, &walk);
}
