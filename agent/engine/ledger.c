/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the record means; how it lies in its file is engine/ledger_file.c's. Beside the file only
 * what it is searched by is kept.
 */

#include "engine/ledger.h"

#include "engine/ledger_file.h"
#include "util/macro.h"
#include "util/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Limits are rounded down to a page, which has up to 64 KiB. */
#define ROUNDING_BYTES (64 << 10)

struct place {
	struct setting_target on;
	enum entry_state state; /* FREE: no entry */
	bool is_asked;		/* the host may have what is intended by now */
	uint32_t owners;	/* a bit for each claim's, by its name */
};

struct ledger {
	struct ledger_file *file;
	struct place places[LEDGER_ENTRIES_MAX];
	size_t end; /* there is none from here on */
	size_t count;
	struct ledger_entry shown;
};

bool claim_owner_equal(const struct claim_owner *a, const struct claim_owner *b)
{
	return a->kind == b->kind && a->scope == b->scope && a->subject_key == b->subject_key &&
	       strncmp(a->name, b->name, sizeof(a->name) - 1) == 0;
}

static uint32_t owner_bit(const struct claim_owner *owner)
{
	uint32_t sum = (uint32_t)owner->subject_key;

	for (size_t i = 0; i < sizeof(owner->name) - 1 && owner->name[i]; i++)
		sum = sum * 31 + (uint8_t)owner->name[i];
	return UINT32_C(1) << (sum % 32);
}

bool ledger_holds(enum setting_id id, const struct setting_value *asked,
		  const struct setting_value *found)
{
	if (setting_get(id)->unit != UNIT_BYTES || asked->number == SETTING_UNLIMITED)
		return setting_value_equal(id, asked, found);
	return found->number <= asked->number && asked->number - found->number < ROUNDING_BYTES;
}

/* Of these the host may hold something between, while it is being changed: a limit goes down in
 * steps, a pool of huge pages as far as they are free. */
static bool comes_in_steps(enum setting_id id)
{
	return setting_get(id)->is_limit || setting_get(id)->unit == UNIT_PAGES;
}

bool ledger_is_ours(const struct ledger_entry *entry, const struct setting_value *now)
{
	const struct setting_value *const known[] = { &entry->base, &entry->found, &entry->before,
						      &entry->intended };
	size_t count = entry->state == ENTRY_SET ? 2 : ARRAY_SIZE(known);
	int64_t least = entry->base.number, most = least;

	for (size_t i = 0; i < count; i++) {
		if (ledger_holds(entry->on.id, known[i], now))
			return true;
		least = MIN_OF(least, known[i]->number);
		most = MAX_OF(most, known[i]->number);
	}
	return entry->state != ENTRY_SET && comes_in_steps(entry->on.id) && now->number >= least &&
	       now->number <= most;
}

static bool note_strictest(const struct ledger_entry *entry, enum claim_kind kind,
			   struct setting_value *ret)
{
	bool any = false;

	for (size_t i = 0; i < entry->claim_count; i++) {
		const struct ledger_claim *claim = &entry->claims[i];

		if (claim->owner.kind != kind)
			continue;
		*ret = any ? setting_stricter(entry->on.id, ret, &claim->value) : claim->value;
		any = true;
	}
	return any;
}

static struct setting_value in_force(const struct ledger_entry *entry)
{
	struct setting_value rule, policy;
	bool has_rule = note_strictest(entry, CLAIM_REMEDY, &rule);
	bool has_policy = note_strictest(entry, CLAIM_POLICY, &policy);

	if (has_rule && has_policy && setting_is_beyond(entry->on.id, &policy, &rule))
		return policy;
	if (has_rule)
		return rule;
	return has_policy ? policy : entry->base;
}

/* After its claims have changed: what follows for what is to be done. What was intended and never
 * asked for cannot be there: what may be from before is not to be forgotten for it. */
static void settle(struct ledger_entry *entry, bool is_asked)
{
	struct setting_value value = in_force(entry);

	if (entry->claim_count == 0)
		entry->state = ENTRY_RETURNING;
	else if (entry->state != ENTRY_SET ||
		 !setting_value_equal(entry->on.id, &value, &entry->intended))
		entry->state = ENTRY_INTENDED;
	if (setting_value_equal(entry->on.id, &value, &entry->intended))
		return;
	if (is_asked)
		entry->before = entry->intended;
	entry->intended = value;
}

static void note_place(struct ledger *ledger, size_t i, const struct ledger_entry *entry)
{
	struct place *place = &ledger->places[i];

	if (place->state == ENTRY_FREE)
		ledger->count++;
	place->on = entry->on;
	place->state = entry->state;
	place->owners = 0;
	for (size_t c = 0; c < entry->claim_count; c++)
		place->owners |= owner_bit(&entry->claims[c].owner);
	ledger->end = MAX_OF(ledger->end, i + 1);
}

static int keep(struct ledger *ledger, size_t i, const struct ledger_entry *entry)
{
	int r = ledger_file_put(ledger->file, i, entry);

	if (r >= 0)
		note_place(ledger, i, entry);
	return r;
}

/* The same, after its claims have changed. */
static int keep_settled(struct ledger *ledger, size_t i, struct ledger_entry *entry)
{
	struct place *place = &ledger->places[i];
	struct setting_value intended = entry->intended;
	int r;

	settle(entry, place->is_asked);
	r = keep(ledger, i, entry);
	if (r >= 0 && !setting_value_equal(entry->on.id, &intended, &entry->intended))
		place->is_asked = false;
	return r;
}

/* What an agent before this one has asked for is not known. */
static void load(void *context, size_t index, const struct ledger_entry *entry)
{
	struct ledger *ledger = context;

	note_place(ledger, index, entry);
	ledger->places[index].is_asked = entry->state != ENTRY_SET;
}

static int open_in(int directory_fd, const char *boot_id, struct ledger **ret, bool *ret_was_bad)
{
	_cleanup_(ledger_freep) struct ledger *ledger = pool_new(sizeof(*ledger));
	int r;

	if (!ledger)
		return -ENOMEM;
	r = ledger_file_open(directory_fd, boot_id, load, ledger, &ledger->file, ret_was_bad);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(ledger);
	return 0;
}

int ledger_open(int directory_fd, const char *boot_id, struct ledger **ret, bool *ret_was_bad)
{
	return directory_fd < 0 ? -EBADF : open_in(directory_fd, boot_id, ret, ret_was_bad);
}

int ledger_new(struct ledger **ret)
{
	bool was_bad;

	return open_in(-1, "", ret, &was_bad);
}

struct ledger *ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return NULL;
	ledger_file_close(ledger->file);
	pool_free(ledger, sizeof(*ledger));
	return NULL;
}

static int find_free(const struct ledger *ledger, size_t *ret)
{
	for (size_t i = 0; i < LEDGER_ENTRIES_MAX; i++)
		if (ledger->places[i].state == ENTRY_FREE) {
			*ret = i;
			return 0;
		}
	return -ENOSPC;
}

static ssize_t find_claim(const struct ledger_entry *entry, const struct claim_owner *owner)
{
	for (size_t i = 0; i < entry->claim_count; i++)
		if (claim_owner_equal(&entry->claims[i].owner, owner))
			return (ssize_t)i;
	return -1;
}

static int put_claim(struct ledger_entry *entry, const struct claim_owner *owner,
		     const struct setting_value *value)
{
	ssize_t i = find_claim(entry, owner);

	if (i < 0) {
		if (entry->claim_count == LEDGER_CLAIMS_MAX)
			return -ENOSPC;
		i = (ssize_t)entry->claim_count++;
	}
	entry->claims[i] = (struct ledger_claim){ *owner, *value };
	entry->claims[i].owner.name[LEDGER_OWNER_BYTES - 1] = '\0';
	return 0;
}

/* 0, or -ENAMETOOLONG: half a path would be another cgroup. */
static int start_entry(struct ledger_entry *entry, const struct setting_target *on,
		       const struct ledger_base *base)
{
	size_t length = strlen(base->path);

	if (length >= sizeof(entry->path))
		return -ENAMETOOLONG;
	entry->on = *on;
	memcpy(entry->path, base->path, length + 1);
	entry->door = base->door;
	entry->had_drop_in = base->had_drop_in;
	entry->state = ENTRY_INTENDED;
	entry->base = entry->intended = entry->found = entry->before = base->value;
	entry->claim_count = 0;
	return 0;
}

int ledger_claim(struct ledger *ledger, const struct setting_target *on,
		 const struct claim_owner *owner, const struct setting_value *value,
		 const struct ledger_base *base, size_t *ret)
{
	ssize_t found = ledger_find(ledger, on);
	struct ledger_entry entry;
	size_t i;
	int r;

	if (found >= 0) {
		i = (size_t)found;
		ledger_file_get(ledger->file, i, &entry);
	} else {
		r = find_free(ledger, &i);
		if (r < 0)
			return r;
		r = start_entry(&entry, on, base);
		if (r < 0)
			return r;
	}
	r = put_claim(&entry, owner, value);
	if (r < 0)
		return r;
	if (found < 0)
		ledger->places[i].is_asked = false;
	r = keep_settled(ledger, i, &entry);
	if (r < 0)
		return r;
	*ret = i;
	return entry.state == ENTRY_SET;
}

void ledger_confirm(struct ledger *ledger, size_t i, const struct setting_value *asked,
		    const struct setting_value *found)
{
	struct ledger_entry entry;

	if (ledger_state(ledger, i) == ENTRY_FREE)
		return;
	ledger_file_get(ledger->file, i, &entry);
	entry.found = *found;
	if (setting_value_equal(entry.on.id, asked, &entry.intended)) {
		entry.before = entry.intended;
		if (entry.state == ENTRY_INTENDED)
			entry.state = ENTRY_SET;
		ledger->places[i].is_asked = false;
	}
	/* It does not grow. */
	(void)keep(ledger, i, &entry);
}

void ledger_note_asked(struct ledger *ledger, size_t i)
{
	ledger->places[i].is_asked = true;
}

void ledger_note_found(struct ledger *ledger, size_t i, const struct setting_value *found)
{
	struct ledger_entry entry;

	if (ledger_state(ledger, i) == ENTRY_FREE || ledger_state(ledger, i) == ENTRY_SET)
		return;
	ledger_file_get(ledger->file, i, &entry);
	if (!ledger_is_ours(&entry, found))
		return;
	entry.found = *found;
	/* It does not grow. */
	(void)keep(ledger, i, &entry);
}

void ledger_doubt(struct ledger *ledger, size_t i)
{
	struct ledger_entry entry;

	if (ledger_state(ledger, i) != ENTRY_SET)
		return;
	ledger_file_get(ledger->file, i, &entry);
	entry.state = ENTRY_INTENDED;
	/* It does not grow. */
	(void)keep(ledger, i, &entry);
}

int ledger_release(struct ledger *ledger, size_t i, const struct claim_owner *owner)
{
	struct ledger_entry entry;
	ssize_t claim;

	if (ledger_state(ledger, i) == ENTRY_FREE)
		return -ENOENT;
	ledger_file_get(ledger->file, i, &entry);
	claim = find_claim(&entry, owner);
	if (claim < 0)
		return -ENOENT;
	entry.claim_count--;
	memmove(&entry.claims[claim], &entry.claims[claim + 1],
		(entry.claim_count - (size_t)claim) * sizeof(entry.claims[0]));
	/* It does not grow. */
	(void)keep_settled(ledger, i, &entry);
	return entry.state == ENTRY_SET;
}

void ledger_rebase(struct ledger *ledger, size_t i, const struct setting_value *base,
		   bool had_drop_in)
{
	struct ledger_entry entry;

	if (ledger_state(ledger, i) == ENTRY_FREE)
		return;
	ledger_file_get(ledger->file, i, &entry);
	entry.base = *base;
	entry.had_drop_in = had_drop_in;
	/* It does not grow. */
	(void)keep_settled(ledger, i, &entry);
}

void ledger_forget(struct ledger *ledger, size_t i)
{
	if (ledger_state(ledger, i) == ENTRY_FREE)
		return;
	/* First: of processes without an entry nobody would know what they are there for. */
	for (ssize_t p = ledger_file_next_process(ledger->file, 0); p >= 0;
	     p = ledger_file_next_process(ledger->file, (size_t)p + 1))
		if (ledger_file_process(ledger->file, (size_t)p)->entry == i)
			ledger_file_remove_process(ledger->file, (size_t)p);
	ledger_file_remove(ledger->file, i);
	ledger->places[i].state = ENTRY_FREE;
	ledger->count--;
	while (ledger->end > 0 && ledger->places[ledger->end - 1].state == ENTRY_FREE)
		ledger->end--;
}

ssize_t ledger_next(const struct ledger *ledger, size_t from)
{
	for (size_t i = from; i < ledger->end; i++)
		if (ledger->places[i].state != ENTRY_FREE)
			return (ssize_t)i;
	return -1;
}

const struct ledger_entry *ledger_get(const struct ledger *ledger, size_t i)
{
	/* Shown, not kept: nothing of the record changes. */
	struct ledger_entry *shown = &((struct ledger *)(uintptr_t)ledger)->shown;

	ledger_file_get(ledger->file, i, shown);
	return shown;
}

enum entry_state ledger_state(const struct ledger *ledger, size_t i)
{
	return i < LEDGER_ENTRIES_MAX ? ledger->places[i].state : ENTRY_FREE;
}

enum setting_id ledger_setting(const struct ledger *ledger, size_t i)
{
	return ledger->places[i].on.id;
}

const struct setting_target *ledger_target(const struct ledger *ledger, size_t i)
{
	return &ledger->places[i].on;
}

ssize_t ledger_find(const struct ledger *ledger, const struct setting_target *on)
{
	for (size_t i = 0; i < ledger->end; i++)
		if (ledger->places[i].state != ENTRY_FREE &&
		    setting_target_equal(&ledger->places[i].on, on))
			return (ssize_t)i;
	return -1;
}

ssize_t ledger_next_of(const struct ledger *ledger, const struct claim_owner *owner, size_t from)
{
	uint32_t bit = owner_bit(owner);

	for (size_t i = from; i < ledger->end; i++)
		if (ledger->places[i].state != ENTRY_FREE && ledger->places[i].owners & bit &&
		    find_claim(ledger_get(ledger, i), owner) >= 0)
			return (ssize_t)i;
	return -1;
}

size_t ledger_count(const struct ledger *ledger)
{
	return ledger->count;
}

int ledger_add_process(struct ledger *ledger, size_t entry, const struct ledger_process *process)
{
	const struct ledger_file_process added = { .start_ticks = process->start_ticks,
						   .entry = (uint32_t)entry,
						   .base = process->base,
						   .set = process->set,
						   .pid = process->pid };
	ssize_t place;

	if (process->pid <= 0 || ledger_state(ledger, entry) == ENTRY_FREE)
		return -EINVAL;
	place = ledger_file_find_process(ledger->file, process->pid, process->start_ticks);
	if (place < 0)
		return ledger_file_add_process(ledger->file, &added);
	ledger_file_set_process(ledger->file, (size_t)place, (uint32_t)entry,
				ledger_file_process(ledger->file, (size_t)place)->set);
	return -EEXIST;
}

void ledger_set_process(struct ledger *ledger, size_t entry, pid_t pid, uint64_t start_ticks,
			int set)
{
	ssize_t place = ledger_file_find_process(ledger->file, pid, start_ticks);

	if (place >= 0)
		ledger_file_set_process(ledger->file, (size_t)place, (uint32_t)entry, (int16_t)set);
}

void ledger_each_process(struct ledger *ledger, size_t entry,
			 int (*each)(void *context, const struct ledger_process *process),
			 void *context)
{
	for (ssize_t p = ledger_file_next_process(ledger->file, 0); p >= 0;
	     p = ledger_file_next_process(ledger->file, (size_t)p + 1)) {
		const struct ledger_file_process *found =
			ledger_file_process(ledger->file, (size_t)p);
		const struct ledger_process process = { .pid = found->pid,
							.start_ticks = found->start_ticks,
							.base = found->base,
							.set = found->set };

		if (found->entry == entry && each(context, &process) > 0)
			ledger_file_remove_process(ledger->file, (size_t)p);
	}
}
