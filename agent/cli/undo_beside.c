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
#include <string.h>

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

static bool has_claim(const struct ledger_entry *entry, bool of_policies_too)
{
	for (size_t i = 0; i < entry->claim_count; i++)
		if (of_policies_too || entry->claims[i].owner.kind == CLAIM_REMEDY)
			return true;
	return false;
}

/* 1: it was not paused so far. A name that the record has cut is nobody's. */
static int add_owner(struct pause_list *list, const struct claim_owner *owner)
{
	bool is_cut = strlen(owner->name) + 1 == sizeof(owner->name);
	int r = pause_list_add(list, is_cut ? PAUSE_HOST : PAUSE_RULE, is_cut ? NULL : owner->name);

	return r < 0 ? r : r == 0;
}

static int add_rules(struct pause_list *list, const struct ledger_entry *entry)
{
	int added = 0, r;

	for (size_t i = 0; i < entry->claim_count; i++) {
		if (entry->claims[i].owner.kind != CLAIM_REMEDY)
			continue;
		r = add_owner(list, &entry->claims[i].owner);
		if (r < 0)
			return r;
		added += r;
	}
	return added;
}

/* Whoever has set something is not to set it again: rules by name, or, as policies have no other
 * brake, the host. How many were added, or -errno. */
static int add_who(struct undo *u, const struct ledger_look *look)
{
	struct pause_list *list = &u->brake.list;
	int added = 0, r;

	/* Damaged, it pauses the host too, and is for the operator to look at. */
	if (pause_has_host(list))
		return 0;
	if (u->all) {
		r = pause_list_add(list, PAUSE_HOST, NULL);
		return r < 0 ? r : 1;
	}
	for (size_t i = 0; i < look->count; i++) {
		r = add_rules(list, &look->entries[i]);
		if (r < 0)
			return r;
		added += r;
	}
	return added;
}

/* An exit status; the agent has been told. */
static int pause_who(struct undo *u, const struct ledger_look *look, bool only_if_more)
{
	int added = add_who(u, look), status = EXIT_DONE;

	if (added < 0)
		return brake_failed(u->verb, "the list of what is paused", added);
	if (added == 0 && only_if_more)
		return EXIT_DONE;
	if (added > 0)
		status = brake_write(&u->brake);
	if (status == EXIT_DONE)
		brake_tell(&u->brake);
	return status;
}

/* Is it about this entry at all? */
static bool is_meant(const struct undo *u, const struct setting_target *on)
{
	const struct ledger_entry *entry = ledger_look_find(&u->before, on);

	return u->all || (entry && has_claim(entry, false));
}

static size_t count_left(const struct undo *u)
{
	size_t count = 0;

	for (size_t i = 0; i < u->after.count; i++) {
		const struct ledger_entry *entry = &u->after.entries[i];

		count += has_claim(entry, u->all) ||
			 (entry->state != ENTRY_SET && is_meant(u, &entry->on));
	}
	return count;
}

/* An exit status, and how many are left when patience is over. A rule that has set something since
 * is one more to be paused. */
static int wait_for_returns(struct undo *u, usec_t patience_usec, size_t *ret_left)
{
	usec_t until = clock_monotonic_usec() + patience_usec;
	int r, status;

	for (;;) {
		r = look(u, &u->after);
		/* It goes on changing: the agent is at it. */
		if (r < 0 && r != -EAGAIN)
			return brake_failed(u->verb, "the record of what is set", r);
		status = r < 0 ? EXIT_DONE : pause_who(u, &u->after, true);
		if (status != EXIT_DONE)
			return status;
		*ret_left = r < 0 ? 1 : count_left(u);
		if (*ret_left == 0 || clock_monotonic_usec() >= until)
			return EXIT_DONE;
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

/* Of what a rule had set on top of a policy's. */
static void say_held(const struct ledger_entry *entry)
{
	struct outcome outcome = { .state = OUTCOME_DONE };
	char line[PATH_BYTES + 2 * NAME_BYTES];
	struct strbuf reason = STRBUF(outcome.reason), out = STRBUF(line);

	entry_say(entry, &entry->found, &reason);
	strbuf_add(&reason, ", as a policy holds it");
	recovery_line(entry, &outcome, &out);
	puts(line);
}

static void say_returns(const struct undo *u)
{
	size_t count = 0;

	for (size_t i = 0; i < u->before.count; i++) {
		const struct ledger_entry *before = &u->before.entries[i];
		const struct ledger_entry *after = ledger_look_find(&u->after, &before->on);

		if (!is_meant(u, &before->on) || (after && has_claim(after, u->all)))
			continue;
		count++;
		if (!after)
			say_entry(u, before);
		else if (after->state == ENTRY_SET)
			say_held(after);
	}
	if (count == 0)
		puts("Nothing was left to give back.");
}

static void say_paused(const struct undo *u)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	if (pause_has_host(&u->brake.list)) {
		puts("The host is paused, so nothing is set again: 'oomwarden resume' ends that.");
		return;
	}
	pause_list_describe(&u->brake.list, &b);
	printf("Paused, so that it is not set again: %s. 'oomwarden resume' ends that.\n", text);
}

static int wait_and_say(struct undo *u, usec_t patience_usec)
{
	size_t left = 0;
	int status = wait_for_returns(u, patience_usec, &left);

	if (status != EXIT_DONE)
		return status;
	say_returns(u);
	say_paused(u);
	if (left == 0)
		return EXIT_DONE;
	fprintf(stderr,
		"oomwarden %s: %zu settings are not given back so far; the agent (process %d) "
		"tries on, and its journal says why\n",
		u->verb->name, left, (int)u->brake.agent);
	return EXIT_FAILED;
}

/* By rules, or by anybody. */
static bool has_set(const struct undo *u)
{
	for (size_t i = 0; i < u->before.count; i++)
		if (has_claim(&u->before.entries[i], u->all) ||
		    u->before.entries[i].state != ENTRY_SET)
			return true;
	return false;
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
	if (!all && !has_set(&u)) {
		puts("No rule has set anything: nothing was left to give back. With --all what "
		     "policies hold is given back too.");
		return EXIT_DONE;
	}
	status = pause_who(&u, &u.before, false);
	if (status != EXIT_DONE)
		return status;
	if (u.brake.result == -ESRCH)
		return UNDO_NO_AGENT;
	status = brake_explain(&u.brake);
	return status == EXIT_DONE ? wait_and_say(&u, patience_usec) : status;
}
