/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Services that come back: a cgroup that is made anew at the path of one that went. Nobody has to
 * be asked for it, so it works without systemd too, and for what dies and returns between two looks
 * counts one return. A path is forgotten ten minutes after the last thing that happened to it, or
 * when there is no room for all.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESTART_WINDOW_USEC (10 * USEC_PER_MIN)
#define RESTART_PATHS	    64
/* Of one path; more than that need not be told apart. */
#define RESTART_TIMES 12

struct restart_path {
	uint64_t hash;
	usec_t gone_at; /* 0: it is there */
	usec_t used_at; /* 0: this place is free */
	uint32_t at_sec[RESTART_TIMES];
	uint16_t after_oom; /* by place in at_sec, as bits */
	uint8_t count;
	bool went_by_oom;
};

struct restart_log {
	struct restart_path paths[RESTART_PATHS];
	usec_t due_at; /* when the first of them counts for less; 0: nothing counts */
};

struct restart_count {
	unsigned restarts;
	unsigned after_oom;
};

uint64_t restart_log_hash(const char *path);
/* `by_oom`: the kernel's OOM killer had taken a process of it. */
void restart_log_gone(struct restart_log *log, uint64_t hash, bool by_oom, usec_t now);
/* The kernel tells of a kill after its cgroup went. False: that counts for nothing so far. */
bool restart_log_oom(struct restart_log *log, uint64_t hash);
/* False: it is not known to have been there before. */
bool restart_log_came(struct restart_log *log, uint64_t hash, usec_t now);
struct restart_count restart_log_count(const struct restart_log *log, uint64_t hash);
/* Forgets what is older than the window. True: something that counted is forgotten. */
bool restart_log_expire(struct restart_log *log, usec_t now);
