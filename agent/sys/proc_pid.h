/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What /proc/PID tells of a process: fs/proc/array.c, Documentation/filesystems/proc.rst. A process
 * may vanish at any moment: -ESRCH everywhere, and no fault.
 *
 * A name may hold anything ("foo) Z ", newlines, bytes that are no UTF-8): fields are found from
 * the last closing parenthesis, and the name is given as it is. It is for people, never to decide
 * by alone.
 */

#include "sys/span.h"
#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sysroot;

#define PROC_COMM_BYTES 64 /* 15 characters; the kernel's own workers show longer ones */

/* A handle on /proc/PID: everything read through it is of the same process, even if the pid is used
 * again. fd or -errno; -ESRCH: there is none. */
int proc_pid_open(const struct sysroot *root, pid_t pid);
/* Opens "maps", "pagemap", ... of it. fd or -errno. */
int proc_pid_open_file(int pid_fd, const char *name, int flags);
/* Reads a file of it whole, as sysroot_read_once_fd(). -ESRCH when the process is gone. */
ssize_t proc_pid_read(int pid_fd, const char *name, char *buffer, size_t size);
/* Calls `each` for every process (allocates: not for the tick). A result other than 0 ends the walk
 * and is returned. */
int proc_pid_each(const struct sysroot *root, int (*each)(void *context, pid_t pid), void *context);

struct proc_stat {
	pid_t pid;
	char comm[PROC_COMM_BYTES];
	char state; /* R S D Z X T t I ... */
	pid_t ppid;
	bool kernel_thread;  /* PF_KTHREAD */
	uint64_t user_ticks; /* on a processor, outside the kernel */
	uint64_t start_ticks;
	bool has_memory;    /* none: a kernel thread, or on its way out */
	uint64_t rss_pages; /* may lag by some pages a CPU */
};

/* /proc/PID/stat. 0 or -EINVAL (cut, not of the form). */
int proc_stat_parse(const char *text, size_t length, struct proc_stat *ret);
int proc_stat_read(int pid_fd, struct proc_stat *ret);
/* As proc_pid_open(), with what its stat says. */
int proc_pid_open_stat(const struct sysroot *root, pid_t pid, struct proc_stat *ret);
/* As proc_pid_open(), if this pid is still the process that started then; else -ESRCH. */
int proc_pid_open_same(const struct sysroot *root, pid_t pid, uint64_t start_ticks,
		       struct proc_stat *ret);

/* /proc/PID/status, bytes. Kernel threads have no Vm lines: 0 with `has_memory` unset. */
struct proc_status {
	bool has_memory; /* VmRSS was there */
	uint64_t rss_bytes;
	uint64_t rss_anon_bytes; /* RssAnon, RssFile, RssShmem: 4.5; 0 before */
	uint64_t rss_file_bytes;
	uint64_t rss_shmem_bytes;
	uint64_t swap_bytes;
	uint64_t locked_bytes; /* VmLck: mlock, and VFIO's accounting of pins */
	uint64_t pinned_bytes; /* VmPin */
	bool has_hugetlb;      /* HugetlbPages: 4.4; these pages are not in VmRSS */
	uint64_t hugetlb_bytes;
	/* VmPTE, and VmPMD where that is counted apart (4.0 to 4.14): together what the kernel adds
	 * to a process when it looks for a victim. */
	bool has_pgtables;
	uint64_t pgtables_bytes;
	bool has_sys_admin; /* CAP_SYS_ADMIN is in CapEff */
	bool mems_known;
	struct idset mems_allowed; /* Mems_allowed_list: the cpuset's nodes */
};

/* 0; -EINVAL when neither a State nor a Vm line is there. */
int proc_status_parse(const char *text, size_t length, struct proc_status *ret);
int proc_status_read(int pid_fd, struct proc_status *ret);

/* /proc/PID/cgroup: the path on the v2 hierarchy ("0::/path"), or on v1 that of the named
 * controller, without leading slash; the root is "". controller NULL: v2. 1 and the path in
 * `buffer`; 0: no such line; -ENAMETOOLONG; -ESRCH: the cgroup was removed under it (" (deleted)").
 * A path that leaves the reader's cgroup namespace ("/../..") is -EXDEV. */
int proc_cgroup_parse(const char *text, size_t length, const char *controller, char *buffer,
		      size_t size);
int proc_cgroup_read(int pid_fd, const char *controller, char *buffer, size_t size);

/* /proc/PID/cmdline: takes the next argument; false at the end. One without its NUL was cut and is
 * not returned. Arguments may be empty. */
bool proc_cmdline_next(struct span *text, struct span *ret_argument);

/* The beginning of it, which says what a process is, as far as it fits. The length or -errno. */
ssize_t proc_cmdline_read(int pid_fd, char *buffer, size_t size);

/* -1000 to 1000. */
int proc_oom_score_adj_read(int pid_fd, int *ret);
/* What the kernel shows as its badness, 0 upwards. */
int proc_oom_score_read(int pid_fd, int64_t *ret);
/* comm without its newline, as it is. 0 or -errno. */
int proc_comm_read(int pid_fd, char *buffer, size_t size);
