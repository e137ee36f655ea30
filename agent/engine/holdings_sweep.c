/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is held on services that are gone, or were started anew. */

#include "engine/holdings_sweep.h"

#include "engine/entry.h"

#include <errno.h>
#include <string.h>

/* A service that is restarted is back by then. */
#define MISSING_USEC	  (30 * USEC_PER_SEC)
#define SWEPT_AT_ONE_CALL 32

static const struct service *find_path(const struct snapshot *snapshot, const char *path)
{
	for (size_t i = 0; i < snapshot->service_count; i++)
		if (strcmp(snapshot->services[i].path, path) == 0)
			return &snapshot->services[i];
	return NULL;
}

/* The record of the new one is there before that of the old one goes. */
static int take_over(struct holdings *h, const struct ledger_entry *entry, uint64_t key)
{
	const struct ledger_base base = { .path = entry->path,
					  .door = entry->door,
					  .had_drop_in = entry->had_drop_in,
					  .value = entry->base };
	struct setting_target on = entry->on;
	size_t i = 0;
	int r = 0;

	on.key = key;
	if (ledger_find(h->ledger, &on) >= 0)
		return -EEXIST;
	for (size_t c = 0; c < entry->claim_count && r >= 0; c++) {
		struct claim_owner owner = entry->claims[c].owner;

		if (owner.scope == SCOPE_SERVICE)
			owner.subject_key = key;
		r = ledger_claim(h->ledger, &on, &owner, &entry->claims[c].value, &base, &i);
	}
	if (r >= 0 && entry->claim_count > 0)
		ledger_confirm(h->ledger, i, &entry->intended, &entry->found);
	return r;
}

static bool is_by_us(const struct ledger_entry *entry, const struct setting_value *value)
{
	return ledger_holds(entry->on.id, &entry->found, value) ||
	       ledger_holds(entry->on.id, &entry->intended, value) ||
	       ledger_holds(entry->on.id, &entry->before, value);
}

/* What policies ask for still, and what there was before all of it. */
bool holdings_pass_on(struct holdings *h, size_t i)
{
	const struct ledger_entry entry = *ledger_get(h->ledger, i);
	const struct ledger_base base = { .path = entry.path, .door = entry.door };
	struct setting_target next;
	size_t same;
	ssize_t heir;

	if (entry_find_next(h->env->layout, &entry, &next) < 0)
		return false;
	heir = ledger_find(h->ledger, &next);
	if (heir < 0)
		return false;
	for (size_t c = 0; c < entry.claim_count; c++) {
		struct claim_owner owner = entry.claims[c].owner;

		owner.subject_key = next.key;
		if (owner.kind == CLAIM_POLICY &&
		    ledger_next_of(h->ledger, &owner, (size_t)heir) != heir)
			(void)ledger_claim(h->ledger, &next, &owner, &entry.claims[c].value, &base,
					   &same);
	}
	if (is_by_us(&entry, &ledger_get(h->ledger, (size_t)heir)->base))
		ledger_rebase(h->ledger, (size_t)heir, &entry.base, entry.had_drop_in);
	return true;
}

/* Its service has come back as another cgroup. systemd gives that what it had been told of the
 * unit; where it did not, there is nothing left of it. */
static void follow(struct holdings *h, size_t i, uint64_t key)
{
	const struct ledger_entry entry = *ledger_get(h->ledger, i);
	struct setting_target on = entry.on;
	struct setting_value value;

	on.key = key;
	if (entry.state != ENTRY_SET || !entry_sticks(&entry))
		return;
	if (entry_read(h->env->root, h->env->layout, &on, entry.path, &value) == 0 &&
	    ledger_holds(on.id, &entry.found, &value) && take_over(h, &entry, key) >= 0)
		holdings_forget(h, i);
}

static void release_entry(struct holdings *h, size_t i, usec_t now)
{
	const struct ledger_entry entry = *ledger_get(h->ledger, i);

	for (size_t c = 0; c < entry.claim_count; c++)
		(void)holdings_release(h, i, &entry.claims[c].owner, 0, now);
}

static void sweep(struct holdings *h, size_t i, const struct snapshot *snapshot, usec_t now)
{
	struct holding *holding = &h->each[i];
	const struct ledger_entry *entry = ledger_get(h->ledger, i);
	const struct service *service;

	if (setting_get(entry->on.id)->scope != SCOPE_SERVICE || holding->busy ||
	    snapshot_service(snapshot, entry->on.key)) {
		holding->missing_since = 0;
		return;
	}
	if (holding->missing_since == 0)
		holding->missing_since = now;
	service = find_path(snapshot, entry->path);
	if (service && holdings_pass_on(h, i))
		holdings_forget(h, i);
	else if (service)
		follow(h, i, service->inode);
	if (now - holding->missing_since < MISSING_USEC || ledger_state(h->ledger, i) == ENTRY_FREE)
		return;
	release_entry(h, i, now);
}

void holdings_sweep(struct holdings *h, const struct snapshot *snapshot, usec_t now)
{
	if (!h->ledger || ledger_count(h->ledger) == 0)
		return;
	for (int n = 0; n < SWEPT_AT_ONE_CALL; n++) {
		ssize_t i = ledger_next(h->ledger, h->swept);

		h->swept = i < 0 ? 0 : (size_t)i + 1;
		if (i < 0)
			return;
		sweep(h, (size_t)i, snapshot, now);
	}
}
