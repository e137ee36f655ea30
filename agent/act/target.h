/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The cgroup that a step is about, held by a descriptor of its directory, and the processes that
 * are its own. What is acted on is what was chosen: the directory's inode must be the target's key,
 * and a process counts only while the kernel says that it is in there.
 *
 * "Its own" leaves out, with all that is below: a cgroup that is a service of its own, unless the
 * step takes these along, and one that is protected (policy_is_protected_unit()). Nothing here
 * allocates.
 */

#include "act/remedy.h"
#include "sys/cgroup_dir.h"
#include "sys/proc_pid.h"

struct target {
	const struct remedy_env *env;
	const struct step_target *named;
	const struct snapshot *snapshot; /* may be NULL: then no nested services are known */
	bool takes_all;			 /* services below it are its own as well */
	/* Below a unit nothing is a unit of the host, whatever it is called: the target ends whole.
	 */
	bool ends_units;
	int directory_fd; /* not owned; -1 where no walk is asked for */
};

/* 0 and a descriptor for the caller to close. -EROFS: a captured machine; -EINVAL: not a path of a
 * cgroup below the root; -ESTALE: another cgroup has its name now; -ENOENT, -ENODEV: it is gone. */
int target_open(const struct remedy_env *env, const struct step_target *named, int *ret_fd);

struct target_gaps {
	unsigned left_out;   /* cgroups below it that are not its own */
	unsigned unreadable; /* processes that could not be examined, so not passed on */
};

/* Calls `each` for every process of its own; a result other than 0 ends the walk and is returned.
 * ret_gaps may be NULL. */
int target_each_process(const struct target *target,
			int (*each)(void *context, pid_t pid, const struct proc_stat *stat),
			void *context, struct target_gaps *ret_gaps);

/* The same without a look at them, which is what takes time: pids as they are listed, in no order
 * and maybe twice. */
int target_each_pid(const struct target *target, int (*each)(void *context, pid_t pid),
		    void *context);
/* A handle on a process of its own (proc_pid_open()) for the caller to close. -ESRCH: it is none,
 * or none any more. */
int target_open_process(const struct target *target, pid_t pid, struct proc_stat *ret);

/* Is that process still the one that started then, and in there? 0, -ESRCH or another -errno. */
int target_check_process(const struct target *target, pid_t pid, uint64_t start_ticks);

/* Would acting on all of it hit PID 1 or this process? 1, 0 or -errno. Looks at everything below
 * it, nothing left out. */
int target_holds_agent(const struct target *target);
