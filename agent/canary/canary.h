/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * oomwarden-canary: holds memory and sits still, so that there is some to be had at once. What it
 * is made of: hold.c takes the memory, vigil.c waits for the end.
 */

#include "sys/held_memory.h"
#include "sys/process_end.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum canary_exit {
	CANARY_DONE = 0, /* it was told to end, or the agent has */
	CANARY_FAILED = 1,
	CANARY_USAGE = 2,
	CANARY_CANNOT = 77, /* this machine cannot, and says what is missing */
};

struct canary_options {
	uint64_t bytes;
	bool has_node;
	unsigned node;
	pid_t agent; /* 0: none */
	uint64_t agent_start_ticks;
};

struct vigil {
	const struct sysroot *root;
	int signal_fd;
	bool has_agent;
	struct process_end agent;
};

/* 0; -ESRCH: the agent has ended; other -errno. */
int vigil_begin(struct vigil *vigil, const struct sysroot *root,
		const struct canary_options *options);
/* Is it time to end? Returns at once. */
bool vigil_is_over(const struct vigil *vigil);
/* Returns when it is. */
void vigil_keep(const struct vigil *vigil);

/* Takes the memory, all of it or none. CANARY_DONE; where it came to its end meanwhile too, and
 * then memory->pages is NULL. */
enum canary_exit hold_take(const struct sysroot *root, const struct canary_options *options,
			   const struct vigil *vigil, struct held_memory *memory);

/* For people and for the service manager. */
_printf_(1, 2) void canary_complain(const char *format, ...);
/* "64 MiB on node 0" */
struct strbuf;
void canary_describe(const struct canary_options *options, struct strbuf *out);
