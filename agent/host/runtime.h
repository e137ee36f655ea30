/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The agent's own directory, /run/oomwardend or where the service manager says: a lock, so that one
 * agent acts on a host; a page that outlives a restart; and the record of what is set on the host.
 * Both are mapped and locked, so that keeping them up to date needs no write and no memory when
 * memory is gone.
 */

#include "core/canary.h"
#include "engine/engine.h"
#include "engine/ledger.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNTIME_DIRECTORY "/run/oomwardend"

struct runtime;

/* 0; -EBUSY: another agent has the lock; -EPERM: others may write the directory; other -errno of
 * mkdir, open, mmap. Creates the directory (0755) where it is missing. boot_id: what is kept from
 * another boot is forgotten. */
int runtime_open(const char *directory, const char *boot_id, struct runtime **ret);
/* 0; -errno: the file system is full, and nothing is kept over restarts, nor seen from outside. */
int runtime_fault(const struct runtime *runtime);
struct runtime *runtime_close(struct runtime *runtime);
static inline void runtime_closep(struct runtime **r)
{
	*r = runtime_close(*r);
}

/* A descriptor of it; not to be closed. */
int runtime_directory(const struct runtime *runtime);
/* The record, opened anew each time, as ledger_open(): one at a time. */
int runtime_open_ledger(const struct runtime *runtime, struct ledger **ret, bool *ret_was_bad);

size_t runtime_get_kills(const struct runtime *runtime, usec_t ret_times[ENGINE_KILLS_MAX]);
void runtime_set_kills(struct runtime *runtime, const usec_t *times, size_t count);

size_t runtime_get_arrivals(const struct runtime *runtime, struct arrived ret[ENGINE_ARRIVALS_MAX]);
void runtime_set_arrivals(struct runtime *runtime, const struct arrived *arrivals, size_t count);

/* This process is the agent, for runtime_find(); until it ends. 0 or -errno. */
int runtime_announce(struct runtime *runtime);

/* What became of the last reload, or of the start. */
struct runtime_answer {
	uint64_t count;	     /* another one for each */
	uint64_t paused_sum; /* pause_list_sum() of the list that was read */
	bool refused;	     /* the configuration, and the one of before is in force */
};

void runtime_set_answer(struct runtime *runtime, bool refused, uint64_t paused_sum);

/* What the kernel's OOM killer did, as agents have seen it since boot. */
#define RUNTIME_KERNEL_KILLS	  4
#define RUNTIME_KERNEL_KILL_BYTES 600

struct runtime_kernel_kill {
	usec_t at;	  /* CLOCK_MONOTONIC */
	uint64_t service; /* service_key(); 0: nobody's */
	char text[RUNTIME_KERNEL_KILL_BYTES];
};

struct runtime_kernel_kills {
	uint64_t count; /* processes */
	uint64_t told;	/* of `last`, so far; number n is at n modulo RUNTIME_KERNEL_KILLS */
	struct runtime_kernel_kill last[RUNTIME_KERNEL_KILLS];
};

void runtime_note_kernel_kill(struct runtime *runtime, unsigned processes,
			      const struct runtime_kernel_kill *kill);

/* How often canaries have died since this agent started, and what keeps them from being armed. */
struct runtime_canary {
	uint64_t key; /* of the status; 0: none */
	uint64_t deaths;
	uint64_t kernel_kills;
	struct canary_plight plight;
};

struct runtime_canaries {
	struct runtime_canary each[CANARIES_MAX];
	struct canary_failure failure;
};

void runtime_set_canary(struct runtime *runtime, size_t place, const struct runtime_canary *canary);
/* There are so many. failure: NULL: no try has failed. */
void runtime_end_canaries(struct runtime *runtime, size_t count,
			  const struct canary_failure *failure);

/* For programs that look in from outside; they change nothing. */

/* The agent's process. 0; -ESRCH: none runs; -EXDEV: it is not seen from here; -EACCES. */
int runtime_find(int directory_fd, pid_t *ret);
/* 0; -ENOENT, -EACCES; -EBADMSG: it is of another version. */
int runtime_get_answer(int directory_fd, struct runtime_answer *ret);
/* 0; -ENOENT, -EACCES; -EBADMSG: it is of another version, or of another boot. */
int runtime_get_kernel_kills(int directory_fd, const char *boot_id,
			     struct runtime_kernel_kills *ret);
/* Likewise; what there is no canary for is zero. */
int runtime_get_canaries(int directory_fd, struct runtime_canaries *ret);
