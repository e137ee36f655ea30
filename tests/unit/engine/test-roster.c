/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "engine/roster.h"

enum { MOST = 300 };

struct people {
	uint64_t keys[MOST];
	size_t count;
};

static uint64_t key_of(const void *snapshot, size_t i)
{
	return ((const struct people *)snapshot)->keys[i];
}

static size_t welcomed;

static void welcome(void *context, size_t slot)
{
	(void)context;
	(void)slot;
	welcomed++;
}

/* One round as the engine makes it. Returns whether anything changed. */
static bool round_of(struct roster *r, const struct people *p)
{
	const struct roster_source source = { key_of, p, p->count };

	welcomed = 0;
	if (!roster_find_all(r, &source))
		return false;
	for (size_t slot = 0; slot < r->capacity; slot++)
		if (r->taken[slot] && r->places[slot] == ROSTER_NONE)
			roster_release(r, slot);
	roster_admit(r, &source, welcome, NULL);
	return true;
}

static size_t slot_of(const struct roster *r, uint64_t key)
{
	for (size_t slot = 0; slot < r->capacity; slot++)
		if (r->taken[slot] && r->keys[slot] == key)
			return slot;
	return ROSTER_NONE;
}

TEST(slots_stay_while_places_change)
{
	struct roster r = { 0 };
	struct people p = { { 10, 20, 30 }, 3 };

	check_int(roster_reserve(&r, 4), 0);
	check(round_of(&r, &p));
	check_int(welcomed, 3);
	check(!round_of(&r, &p));
	size_t twenty = slot_of(&r, 20), thirty = slot_of(&r, 30);

	p = (struct people){ { 30, 40, 20 }, 3 };
	check(round_of(&r, &p));
	check_int(welcomed, 1);
	check_int(slot_of(&r, 10), ROSTER_NONE);
	check_int(slot_of(&r, 20), twenty);
	check_int(slot_of(&r, 30), thirty);
	check_int(r.places[twenty], 2);
	check_int(r.places[thirty], 0);
	check_int(r.taken_count, 3);
	check(!round_of(&r, &p));
	roster_done(&r);
}

TEST(surplus_is_counted_and_admitted_later)
{
	struct roster r = { 0 };
	struct people p = { { 1, 2, 3, 4 }, 4 };

	check(round_of(&r, &p)); /* no room at all */
	check_int(r.overflow, 4);
	check_int(roster_reserve(&r, 2), 0);
	check(round_of(&r, &p));
	check_int(r.overflow, 2);
	check_int(roster_reserve(&r, 4), 0);
	check(round_of(&r, &p));
	check_int(r.overflow, 0);
	check_int(welcomed, 2);
	check_int(slot_of(&r, 1), 0);

	/* One goes, one is left over: the free slot is found again. */
	p = (struct people){ { 9, 2, 3, 4, 5 }, 5 };
	check(round_of(&r, &p));
	check_int(welcomed, 1);
	check_int(r.overflow, 1);
	roster_done(&r);
}

TEST(equal_keys_count_once)
{
	struct roster r = { 0 };
	struct people p = { { 7, 7, 8 }, 3 };

	check_int(roster_reserve(&r, 4), 0);
	round_of(&r, &p);
	check_int(r.taken_count, 2);
	check_int(r.places[slot_of(&r, 7)], 0);
	round_of(&r, &p);
	check_int(welcomed, 0);
	roster_done(&r);
}

TEST(many_come_and_go)
{
	struct roster r = { 0 };
	struct people p = { .count = MOST };
	uint64_t next = 1, state = 1;

	check_int(roster_reserve(&r, MOST), 0);
	for (size_t i = 0; i < MOST; i++)
		p.keys[i] = next++ * 4096; /* as inodes may look, or not */
	for (int turn = 0; turn < 200; turn++) {
		for (int n = 0; n < 5; n++) {
			state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
			p.keys[(state >> 33) % MOST] = next++ * 4096;
		}
		round_of(&r, &p);
		check_int(r.taken_count, MOST);
		check_int(r.overflow, 0);
		for (size_t slot = 0; slot < MOST; slot++)
			check(p.keys[r.places[slot]] == r.keys[slot]);
	}
	p.count = 0;
	round_of(&r, &p);
	check_int(r.taken_count, 0);
	roster_done(&r);
}
