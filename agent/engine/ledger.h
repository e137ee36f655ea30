/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The undo record: what was set on this host on somebody's behalf, and what was there before.
 *
 * For each (target, setting) one entry: the base value, and the claims on it. In force is the
 * strictest claim of a remedy; without one the strictest of a policy; without any the base. Of a
 * score that a remedy raises or lowers, the policy's where that goes further. So two rules stacked
 * on one value leave no residue, in whatever order they clear.
 *
 * An entry is written before the host is, in a file of the runtime directory that outlives the
 * agent: it is mapped and locked, so keeping it needs neither a system call nor memory. A changed
 * entry is written beside the old one, which goes when the new one is whole, so that a crash at any
 * instant leaves the old entry or the new one. What was recorded on another boot is forgotten, as
 * all that it was about is.
 *
 * A value on the host that is neither what we asked for nor the base is somebody else's: it is
 * respected, and the entry is let go.
 */

#include "core/setting.h"
#include "core/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LEDGER_ENTRIES_MAX 4096
#define LEDGER_CLAIMS_MAX  8
#define LEDGER_OWNER_BYTES 64
#define LEDGER_PATH_BYTES  512
/* Scores of single processes, over all services. */
#define LEDGER_PROCESSES_MAX 16384

struct ledger;

enum claim_kind {
	CLAIM_POLICY, /* stays over a restart of the agent, goes when it stops */
	CLAIM_REMEDY, /* goes when its rule clears, at stop, and at the next start */
};

/* Who asks: a rule about a subject, or a policy. */
struct claim_owner {
	enum claim_kind kind;
	enum scope scope; /* of the subject */
	uint64_t subject_key;
	char name[LEDGER_OWNER_BYTES]; /* of the rule or policy; longer ones are cut */
};

enum entry_state {
	ENTRY_FREE,
	ENTRY_INTENDED,	 /* recorded; the host may have `intended`, what it had before, or half */
	ENTRY_SET,	 /* the host had `intended` when it was read back */
	ENTRY_RETURNING, /* no claim is left: `intended` is the base, which is on its way back */
};

struct ledger_claim {
	struct claim_owner owner;
	struct setting_value value;
};

struct ledger_entry {
	struct setting_target on;
	char path[LEDGER_PATH_BYTES];
	enum cgroup_owner door;
	bool had_drop_in; /* the unit had one for this before we came: it is not ours to take away
			   */
	enum entry_state state;
	struct setting_value base;
	struct setting_value intended;
	/* What the host had when it was read back last (limits are rounded to pages); the base
	 * until then. */
	struct setting_value found;
	/* Unless SET: what was asked for before and never read back, as that may be there as well.
	 */
	struct setting_value before;
	struct ledger_claim claims[LEDGER_CLAIMS_MAX];
	size_t claim_count;
};

/* directory_fd: of the runtime directory, not taken over. 0; -errno. A record that cannot be read
 * (of another version, damaged) is set aside as ledger.bad and *ret_was_bad set. */
int ledger_open(int directory_fd, const char *boot_id, struct ledger **ret, bool *ret_was_bad);
/* In memory alone, for tests and for programs that only plan. */
int ledger_new(struct ledger **ret);
struct ledger *ledger_free(struct ledger *ledger);
static inline void ledger_freep(struct ledger **l)
{
	*l = ledger_free(*l);
}

/* What a claim that has no entry yet brings along. */
struct ledger_base {
	const char *path;
	enum cgroup_owner door;
	bool had_drop_in;
	struct setting_value value; /* what the host has */
};

/* Adds or replaces this owner's claim. `base` counts only where there is no entry yet. On return
 * the entry says what should be in force, durably: 0 if that has to be written to the host (the
 * entry is INTENDED), 1 if the host has it already (SET). -ENOSPC: no room. *ret is an index for
 * the calls below; it stays valid while the entry exists. */
int ledger_claim(struct ledger *ledger, const struct setting_target *on,
		 const struct claim_owner *owner, const struct setting_value *value,
		 const struct ledger_base *base, size_t *ret);
/* The host was told `asked`, and has `found` now. SET, unless something else is intended meanwhile.
 */
void ledger_confirm(struct ledger *ledger, size_t entry, const struct setting_value *asked,
		    const struct setting_value *found);
/* The host is being told what is intended: from now on it may have that. */
void ledger_note_asked(struct ledger *ledger, size_t entry);
/* Telling it has failed, and this is there now. What is nobody's we know is not noted. */
void ledger_note_found(struct ledger *ledger, size_t entry, const struct setting_value *found);
/* The host has something else than what it had when it was read back. */
void ledger_doubt(struct ledger *ledger, size_t entry);
/* The owner wants it no more, or it was refused or failed. 0: `intended` has to be written (state
 * INTENDED: another claim is in force now; RETURNING: the base); 1: nothing to write; -ENOENT: it
 * had none. */
int ledger_release(struct ledger *ledger, size_t entry, const struct claim_owner *owner);
/* What was taken for the base was set by us, and this was there before. */
void ledger_rebase(struct ledger *ledger, size_t entry, const struct setting_value *base,
		   bool had_drop_in);
/* The base is back, or the target is gone, or somebody else has it. */
void ledger_forget(struct ledger *ledger, size_t entry);

/* Entries, from `from` on: -1 at the end. */
ssize_t ledger_next(const struct ledger *ledger, size_t from);
/* One that exists; valid until the next call of any function here. */
const struct ledger_entry *ledger_get(const struct ledger *ledger, size_t entry);
enum entry_state ledger_state(const struct ledger *ledger, size_t entry);
enum setting_id ledger_setting(const struct ledger *ledger, size_t entry);
const struct setting_target *ledger_target(const struct ledger *ledger, size_t entry);
ssize_t ledger_find(const struct ledger *ledger, const struct setting_target *on);
/* The next entry from `from` on that this owner has a claim on; -1. */
ssize_t ledger_next_of(const struct ledger *ledger, const struct claim_owner *owner, size_t from);
size_t ledger_count(const struct ledger *ledger);
bool claim_owner_equal(const struct claim_owner *a, const struct claim_owner *b);
/* Has the host what we asked for? A limit is rounded down to a page. */
bool ledger_holds(enum setting_id id, const struct setting_value *asked,
		  const struct setting_value *found);
/* May the host have this because of us, or as it was before? Else somebody else set it. */
bool ledger_is_ours(const struct ledger_entry *entry, const struct setting_value *now);

/* Scores are of processes: the base of each that was changed, by the entry of its service. */
struct ledger_process {
	pid_t pid;
	uint64_t start_ticks;
	int16_t base;
	int16_t set; /* what was written */
};

/* 0; -ENOSPC; -EEXIST: it is there already, and its base is kept. One that another entry had comes
 * over with its base (the process has changed its service). */
int ledger_add_process(struct ledger *ledger, size_t entry, const struct ledger_process *process);
void ledger_set_process(struct ledger *ledger, size_t entry, pid_t pid, uint64_t start_ticks,
			int set);
/* Calls `each` for every process of an entry; it may return 1 to have it forgotten. */
void ledger_each_process(struct ledger *ledger, size_t entry,
			 int (*each)(void *context, const struct ledger_process *process),
			 void *context);
