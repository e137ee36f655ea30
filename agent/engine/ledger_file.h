/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The undo record as it lies in its file, for engine/ledger.c alone: entries as runs of small
 * blocks, and a table of processes. Every change is in the file when the call returns, and whole or
 * not at all if it does not return.
 */

#include "engine/ledger.h"

struct ledger_file;

/* directory_fd -1: in memory alone. Otherwise as ledger_open(). Calls `each` for the entries that
 * are there, in no order. */
int ledger_file_open(int directory_fd, const char *boot_id,
		     void (*each)(void *context, size_t index, const struct ledger_entry *entry),
		     void *context, struct ledger_file **ret, bool *ret_was_bad);
struct ledger_file *ledger_file_close(struct ledger_file *file);

void ledger_file_get(const struct ledger_file *file, size_t index, struct ledger_entry *ret);
/* Puts the entry in the place of the one that the index had, if any. 0; -ENOSPC: only for one that
 * is larger than that. */
int ledger_file_put(struct ledger_file *file, size_t index, const struct ledger_entry *entry);
void ledger_file_remove(struct ledger_file *file, size_t index);

struct ledger_file_process {
	uint64_t start_ticks;
	uint32_t entry;
	int16_t base;
	int16_t set;
	int32_t pid;
	uint32_t unused;
};

/* Places of the table: -1 when it is not there (any more). */
ssize_t ledger_file_find_process(const struct ledger_file *file, pid_t pid, uint64_t start_ticks);
ssize_t ledger_file_next_process(const struct ledger_file *file, size_t from);
const struct ledger_file_process *ledger_file_process(const struct ledger_file *file, size_t place);
/* 0 or -ENOSPC. It must not be there. */
int ledger_file_add_process(struct ledger_file *file, const struct ledger_file_process *process);
void ledger_file_set_process(struct ledger_file *file, size_t place, uint32_t entry, int16_t set);
void ledger_file_remove_process(struct ledger_file *file, size_t place);
