/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/undo_beside.h"

#include "cli/brake.h"
#include "core/plan.h"
#include "engine/entry.h"
#include "engine/ledger_look.h"
#include "host/recovery.h"
#include "sys/cgroup_layout.h"
#include "sys/clock.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>

#define LOOK_USEC (50 * USEC_PER_MSEC)

struct undo {
	const struct verb *verb;
	bool all;
	struct brake brake;
	struct sysroot root;
	struct cgroup_layout layout;
	bool has_layout;
	char boot_id[BOOT_ID_BYTES];
	struct ledger_look before;
	struct ledger_look after;
};

static void undo_done(struct undo *u)
{
	ledger_look_done(&u->before);
	ledger_look_done(&u->after);
	if (u->has_layout)
		cgroup_layout_done(&u->layout);
	sysroot_done(&u->root);
	brake_done(&u->brake);
}

static int open_machine(struct undo *u)
{
	int r = sysroot_open(NULL, &u->root);

	if (r < 0)
		return brake_failed(u->verb, "root directory", r);
	r = cgroup_layout_open(&u->root, &u->layout);
	if (r < 0)
		return brake_failed(u->verb, "control groups", r);
	u->has_layout = true;
	(void)clock_read_boot_id(&u->root, u->boot_id);
	return EXIT_DONE;
}

/* An agent in dry run may have none. */
static int look(const struct undo *u, struct ledger_look *ret)
{
	int r;

	ledger_look_done(ret);
	r = ledger_look(u->brake.directory_fd, u->boot_id, ret);
	return r == -ENOENT ? 0 : r;
}

static int pause_host(struct undo *u)
{
	struct brake *brake = &u->brake;
	int status = EXIT_DONE, r;

	/* Damaged, it pauses the host too, and is for the operator to look at. */
	if (!pause_has_host(&brake->list)) {
		r = pause_list_add(&brake->list, PAUSE_HOST, NULL);
		if (r < 0)
			return brake_failed(u->verb, "the list of what is paused", r);
		status = brake_write(brake);
	}
	if (status == EXIT_DONE)
		brake_tell(brake);
	return status;
}

static bool has_claim(const struct ledger_entry *entry, bool of_policies_too)
{
	for (size_t i = 0; i < entry->claim_count; i++)
		if (of_policies_too || entry->claims[i].owner.kind == CLAIM_REMEDY)
			return true;
	return false;
}

static size_t count_left(const struct undo *u)
{
	size_t count = 0;

	for (size_t i = 0; i < u->after.count; i++) {
		const struct ledger_entry *entry = &u->after.entries[i];

		count += has_claim(entry, u->all) || entry->state != ENTRY_SET;
	}
	return count;
}

/* 0, and how many are left when patience is over. */
static int wait_for_returns(struct undo *u, usec_t patience_usec, size_t *ret_left)
{
	usec_t until = clock_monotonic_usec() + patience_usec;
	int r;

	for (;;) {
		r = look(u, &u->after);
		/* It goes on changing: the agent is at it. */
		if (r < 0 && r != -EAGAIN)
			return r;
		*ret_left = r < 0 ? 1 : count_left(u);
		if (*ret_left == 0 || clock_monotonic_usec() >= until)
			return 0;
		clock_sleep(LOOK_USEC);
	}
}

static void say_entry(const struct undo *u, const struct ledger_entry *entry)
{
	struct ledger_entry returned = *entry;
	struct outcome outcome = { .state = OUTCOME_DONE };
	struct setting_value value;
	char line[PATH_BYTES + 2 * NAME_BYTES];
	struct strbuf reason = STRBUF(outcome.reason), out = STRBUF(line);
	int r = entry_read(&u->root, &u->layout, &entry->on, entry->path, &value);

	returned.state = ENTRY_RETURNING;
	if (r == 0 && (entry_is_per_process(entry->on.id) ||
		       ledger_holds(entry->on.id, &entry->base, &value)))
		entry_say(&returned, &value, &reason);
	else if (r == 0)
		strbuf_add(&reason, entry_foreign_text);
	else if (entry_is_gone(r))
		strbuf_add(&reason, entry_gone_text);
	else
		strbuf_addf(&reason, "%s is given back", setting_get(entry->on.id)->name);
	recovery_line(&returned, &outcome, &out);
	puts(line);
}

static void say_returns(const struct undo *u)
{
	size_t count = 0;

	for (size_t i = 0; i < u->before.count; i++)
		if (!ledger_look_find(&u->after, &u->before.entries[i].on)) {
			say_entry(u, &u->before.entries[i]);
			count++;
		}
	if (count == 0 && u->before.count == 0)
		puts("Nothing was left to give back.");
}

static int wait_and_say(struct undo *u, usec_t patience_usec)
{
	size_t left = 0;
	int r = wait_for_returns(u, patience_usec, &left);

	if (r < 0)
		return brake_failed(u->verb, "the record of what is set", r);
	say_returns(u);
	puts("The host is paused, so nothing is set again: 'oomwarden resume' ends that.");
	if (left == 0)
		return EXIT_DONE;
	fprintf(stderr,
		"oomwarden %s: %zu settings are not given back so far; the agent (process %d) "
		"tries on, and its journal says why\n",
		u->verb->name, left, (int)u->brake.agent);
	return EXIT_FAILED;
}

int undo_beside_agent(const struct verb *verb, bool all, usec_t patience_usec)
{
	_cleanup_(undo_done) struct undo u = { .verb = verb,
					       .all = all,
					       .root = { .fd = -1 },
					       .brake = { .directory_fd = -1, .lock_fd = -1 } };
	int status, r;

	status = brake_open(verb, false, &u.brake);
	if (status == EXIT_DONE)
		status = open_machine(&u);
	if (status != EXIT_DONE)
		return status;
	r = look(&u, &u.before);
	if (r < 0)
		return brake_failed(verb, "the record of what is set", r);
	status = pause_host(&u);
	if (status != EXIT_DONE)
		return status;
	if (u.brake.result == -ESRCH)
		return UNDO_NO_AGENT;
	status = brake_explain(&u.brake);
	return status == EXIT_DONE ? wait_and_say(&u, patience_usec) : status;
}
