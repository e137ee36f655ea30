/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An entry of the record beside the host: what is to be done about it. For whoever gives back, the
 * executor in its loop (engine/holdings.h) and the next start at once (engine/recover.h).
 */

#include "core/plan.h"
#include "engine/ledger.h"

struct sysroot;
struct cgroup_layout;
struct strbuf;

/* Each process has a value of its own, the host has none. */
bool entry_is_per_process(enum setting_id id);
/* What the host has. As setting_file_read(); of a setting of processes always 0, the base. */
int entry_read(const struct sysroot *root, const struct cgroup_layout *layout,
	       const struct setting_target *on, const char *path, struct setting_value *ret);

enum entry_verdict {
	ENTRY_TO_WRITE, /* the host differs, or cannot be read */
	ENTRY_IS_SO,
	ENTRY_FOREIGN,
	ENTRY_GONE,
};

/* For one that is not SET. *ret_known: *ret is what the host has. */
enum entry_verdict entry_look(const struct sysroot *root, const struct cgroup_layout *layout,
			      const struct ledger_entry *entry, struct setting_value *ret,
			      bool *ret_known);
/* A unit that was started anew has another control group of that name: the same setting of that
 * one. -ESTALE: it is the same still; -ENOENT: there is none; -errno. */
int entry_find_next(const struct cgroup_layout *layout, const struct ledger_entry *entry,
		    struct setting_target *ret);
/* What it was given there that is neither ours nor nobody's. */
bool entry_is_foreign_next(const struct sysroot *root, const struct cgroup_layout *layout,
			   const struct ledger_entry *entry, const struct setting_target *next);
/* Is this what writing to something says that is not there any more? */
bool entry_is_gone(int error);
/* What a unit was told sticks to its name, so it is taken back even where the cgroup is gone. */
bool entry_sticks(const struct ledger_entry *entry);
/* With the base a drop-in has to go that was not there before. */
bool entry_leaves_drop_in(const struct ledger_entry *entry);
/* Whose remedy writes it: scores that are as a rule asks are a rule's, and else a policy's. */
enum action_id entry_action(const struct ledger_entry *entry);
/* "MemoryHigh is 1 GiB again". */
void entry_say(const struct ledger_entry *entry, const struct setting_value *value,
	       struct strbuf *out);

extern const char entry_foreign_text[];
extern const char entry_gone_text[];
extern const char entry_passed_text[];
