/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Cgroup inodes and node numbers are small consecutive numbers: mixed so that neighbours part. */
static size_t hash_of(const struct roster *r, uint64_t key)
{
	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (r->table_size - 1);
}

/* NULL when there is no memory, and then `array` is as before. */
static void *grow(void *array, size_t old_count, size_t count, size_t size)
{
	uint8_t *grown = reallocarray(array, count, size);

	if (grown)
		memset(grown + old_count * size, 0, (count - old_count) * size);
	return grown;
}

int roster_reserve(struct roster *r, size_t capacity)
{
	size_t table_size = 8;
	void *grown;

	if (capacity <= r->capacity)
		return 0;
	while (table_size < capacity * 2)
		table_size *= 2;
	grown = grow(r->keys, r->capacity, capacity, sizeof(*r->keys));
	if (!grown)
		return -ENOMEM;
	r->keys = grown;
	grown = grow(r->places, r->capacity, capacity, sizeof(*r->places));
	if (!grown)
		return -ENOMEM;
	r->places = grown;
	grown = grow(r->slots, r->capacity, capacity, sizeof(*r->slots));
	if (!grown)
		return -ENOMEM;
	r->slots = grown;
	grown = grow(r->taken, r->capacity, capacity, sizeof(*r->taken));
	if (!grown)
		return -ENOMEM;
	r->taken = grown;
	grown = calloc(table_size, sizeof(*r->table));
	if (!grown)
		return -ENOMEM;
	free(r->table);
	r->table = grown;
	r->table_size = table_size;
	r->capacity = capacity;
	return 0;
}

void roster_done(struct roster *r)
{
	free(r->keys);
	free(r->places);
	free(r->slots);
	free(r->taken);
	free(r->table);
	*r = (struct roster){ 0 };
}

static bool is_unchanged(const struct roster *r, const struct roster_source *source)
{
	if (r->taken_count != source->count)
		return false;
	for (size_t slot = 0; slot < r->capacity; slot++) {
		if (!r->taken[slot])
			continue;
		if (r->places[slot] >= source->count ||
		    source->key(source->snapshot, r->places[slot]) != r->keys[slot])
			return false;
	}
	return true;
}

static void index_slots(struct roster *r)
{
	memset(r->table, 0, r->table_size * sizeof(*r->table));
	for (size_t slot = 0; slot < r->capacity; slot++) {
		size_t h;

		if (!r->taken[slot])
			continue;
		h = hash_of(r, r->keys[slot]);
		while (r->table[h])
			h = (h + 1) & (r->table_size - 1);
		r->table[h] = (uint32_t)slot + 1;
	}
}

static size_t find_slot(const struct roster *r, uint64_t key)
{
	if (r->table_size == 0)
		return ROSTER_NONE;
	for (size_t h = hash_of(r, key); r->table[h]; h = (h + 1) & (r->table_size - 1))
		if (r->keys[r->table[h] - 1] == key)
			return r->table[h] - 1;
	return ROSTER_NONE;
}

bool roster_find_all(struct roster *r, const struct roster_source *source)
{
	/* Equal counts and every slot at its own place: nobody can be without a slot. */
	if (is_unchanged(r, source))
		return false;
	if (r->table)
		index_slots(r);
	for (size_t slot = 0; slot < r->capacity; slot++)
		r->places[slot] = ROSTER_NONE;
	for (size_t i = 0; i < source->count; i++) {
		size_t slot = find_slot(r, source->key(source->snapshot, i));

		if (slot != ROSTER_NONE && r->places[slot] == ROSTER_NONE)
			r->places[slot] = i;
	}
	return true;
}

void roster_release(struct roster *r, size_t slot)
{
	r->taken[slot] = false;
	r->taken_count--;
}

static void take(struct roster *r, size_t slot, uint64_t key, size_t place)
{
	size_t h = hash_of(r, key);

	r->taken[slot] = true;
	r->taken_count++;
	r->keys[slot] = key;
	r->places[slot] = place;
	while (r->table[h])
		h = (h + 1) & (r->table_size - 1);
	r->table[h] = (uint32_t)slot + 1;
}

static void index_places(struct roster *r)
{
	for (size_t place = 0; place < r->capacity; place++)
		r->slots[place] = ROSTER_NONE;
	for (size_t slot = 0; slot < r->capacity; slot++)
		if (r->taken[slot] && r->places[slot] < r->capacity)
			r->slots[r->places[slot]] = slot;
}

void roster_admit(struct roster *r, const struct roster_source *source,
		  void (*welcome)(void *context, size_t slot), void *context)
{
	size_t free_slot = 0;

	r->overflow = 0;
	if (r->table)
		index_slots(r);
	for (size_t i = 0; i < source->count; i++) {
		uint64_t key = source->key(source->snapshot, i);

		if (find_slot(r, key) != ROSTER_NONE)
			continue;
		while (free_slot < r->capacity && r->taken[free_slot])
			free_slot++;
		if (free_slot == r->capacity) {
			r->overflow++;
			continue;
		}
		take(r, free_slot, key, i);
		welcome(context, free_slot);
	}
	index_places(r);
}

size_t roster_slot_at(const struct roster *r, size_t place)
{
	return place < r->capacity ? r->slots[place] : ROSTER_NONE;
}
