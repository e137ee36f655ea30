/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Giving back what is on record of an agent that is no more: at the next start, when the service
 * manager sees that it is gone (`oomwardend --recover`), and by hand (`oomwarden undo`).
 */

#include "host/runtime.h"
#include "util/usec.h"

struct sysroot;
struct cgroup_layout;
struct outcome;
struct strbuf;

struct recovery {
	bool of_policies_too;
	usec_t patience_usec;
	const char *bus_address; /* NULL: the system's manager */
	/* A line about each thing that was given back, left alone, or (is_fault) could not be given
	 * back. */
	void (*say)(void *context, bool is_fault, const char *line);
	void *context;
};

/* In this process. 0, and how much is left on record that differs from the host; -errno. */
int recovery_run(const struct runtime *runtime, const struct sysroot *root,
		 const struct cgroup_layout *layout, const struct recovery *recovery,
		 size_t *ret_left);
/* In a child: it may hang in the kernel, and takes memory that a daemon has no further use for.
 * -ETIMEDOUT: it was killed when patience was over. */
int recovery_run_apart(const struct runtime *runtime, const struct sysroot *root,
		       const struct cgroup_layout *layout, const struct recovery *recovery,
		       size_t *ret_left);
/* All of it, on this machine: opens the directory and waits for nothing. -EBUSY: an agent runs;
 * -ENOENT: no agent has run since the boot. ret_what names what failed. */
int recovery_by_hand(const char *directory, const struct recovery *recovery, size_t *ret_left,
		     const char **ret_what);

/* "system.slice/a.service", "node 1", "host" */
void recovery_target(const struct ledger_entry *entry, struct strbuf *out);
/* "system.slice/a.service: MemoryHigh is infinity again" */
void recovery_line(const struct ledger_entry *entry, const struct outcome *outcome,
		   struct strbuf *out);

/* Waits for the manager, for a second at most each. */
/* Is the host on its way down, so that nothing is worth giving back? */
bool recovery_host_goes_down(void);
/* Is this unit being stopped, and not only restarted? */
bool recovery_unit_stops(const char *unit);
