/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The files of one service's cgroup, kept open or opened for the moment, into its registry entry
 * and those readings that need no other service.
 *
 * Its directory is the one in the tree that is walked. Where the memory controller is in another
 * hierarchy (hybrid hosts) pressure is read from the tree and everything else from the directory of
 * the same path there; where there is none, the unit has no memory accounting and nothing is known.
 */

#include "sense/service_registry.h"

/* memory.current. dir_fd: of the cgroup, -1 if that file is kept open. 0 or -errno: the cgroup is
 * gone, or it has no such file. */
int service_files_pulse(struct sense *sense, struct service_entry *entry, int dir_fd);
/* All of them. */
void service_files_read(struct sense *sense, size_t index, int dir_fd, usec_t now);

/* Opens all of them to keep; what cannot be opened is left to be opened for the moment. */
void service_files_keep(struct sense *sense, struct service_entry *entry);
/* Closes all but memory.current. */
void service_files_keep_current(struct sense *sense, struct service_entry *entry);
