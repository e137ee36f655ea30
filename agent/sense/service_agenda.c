/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_agenda.h"

#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BITS 64

static size_t words_for(size_t count)
{
	return (count + WORD_BITS - 1) / WORD_BITS;
}

static uint64_t bit_of(size_t index)
{
	return UINT64_C(1) << index % WORD_BITS;
}

int service_agenda_reserve(struct service_agenda *a, size_t count)
{
	_cleanup_(freep) uint64_t *attention = NULL, *seen = NULL;
	_cleanup_(freep) uint32_t *touched = NULL;
	size_t words = words_for(count);

	if (count <= a->capacity)
		return 0;
	attention = calloc(words, sizeof(*attention));
	seen = calloc(words, sizeof(*seen));
	touched = calloc(count, sizeof(*touched));
	if (!attention || !seen || !touched)
		return -ENOMEM;
	service_agenda_done(a);
	a->attention = TAKE_PTR(attention);
	a->seen = TAKE_PTR(seen);
	a->touched = TAKE_PTR(touched);
	a->capacity = count;
	return 0;
}

void service_agenda_done(struct service_agenda *a)
{
	free(a->attention);
	free(a->seen);
	free(a->touched);
	*a = (struct service_agenda){ 0 };
}

void service_agenda_reset(struct service_agenda *a, unsigned order)
{
	if (a->capacity > 0) {
		memset(a->attention, 0, words_for(a->capacity) * sizeof(*a->attention));
		memset(a->seen, 0, words_for(a->capacity) * sizeof(*a->seen));
	}
	a->touched_count = 0;
	a->order = order;
}

void service_agenda_attend(struct service_agenda *a, size_t index, bool attend)
{
	if (index >= a->capacity)
		return;
	if (attend)
		a->attention[index / WORD_BITS] |= bit_of(index);
	else
		a->attention[index / WORD_BITS] &= ~bit_of(index);
}

bool service_agenda_attends(const struct service_agenda *a, size_t index)
{
	return index < a->capacity && (a->attention[index / WORD_BITS] & bit_of(index));
}

size_t service_agenda_next(const struct service_agenda *a, size_t from)
{
	size_t word = from / WORD_BITS, words = words_for(a->capacity);
	uint64_t bits;

	if (word >= words)
		return SIZE_MAX;
	bits = a->attention[word] & UINT64_MAX << from % WORD_BITS;
	while (bits == 0 && ++word < words)
		bits = a->attention[word];
	return bits ? word * WORD_BITS + (size_t)__builtin_ctzll(bits) : SIZE_MAX;
}

void service_agenda_touch(struct service_agenda *a, size_t index)
{
	if (index >= a->capacity || (a->seen[index / WORD_BITS] & bit_of(index)))
		return;
	a->seen[index / WORD_BITS] |= bit_of(index);
	a->touched[a->touched_count++] = (uint32_t)index;
}

void service_agenda_clear_touched(struct service_agenda *a)
{
	for (size_t i = 0; i < a->touched_count; i++)
		a->seen[a->touched[i] / WORD_BITS] &= ~bit_of(a->touched[i]);
	a->touched_count = 0;
}
