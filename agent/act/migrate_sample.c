/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory that a device was given (VFIO), or that is registered for good, looks like any other until
 * it is moved: the kernel takes each page off its list, tries ten times and puts it back. So of a
 * large mapping some pages from all over it are tried first. If they are pinned, or mapped by
 * others as well, the rest is counted and not tried. If some are, the parts around these are put
 * off until the others have moved.
 *
 * A few go first: where they move, that was all, and it has shown whether pages are huge.
 *
 * A small page may be part of a folio of many, which the kernel moves whole (one that was huge
 * once, or of a size in between). What else of its window came along with it has moved as well.
 */

#include "act/migrate_run.h"
#include "util/macro.h"

#include <string.h>

#define FIRST_UNITS 8
/* They are searched for in so many goes: mostly the first one is enough. */
#define SAMPLE_STEP 8
/* Fewer pages than this say nothing of a mapping. */
#define UNITS_MIN 8

struct unit {
	void *page;
	enum page_kind kind;
	bool is_tried;
	bool has_stayed;
	size_t there; /* of its window, pages that were over there before it was tried */
};

struct sampling {
	size_t count;
	struct unit units[SAMPLE_MAX]; /* by address */
	size_t tried;
	size_t pinned;
	size_t shared;
	size_t stayed;
};

bool migrate_sample_has(struct run *run, uint64_t address)
{
	struct migrate_sample *sample = &run->sample;
	const uint64_t page = run->kernel->page_size_bytes;

	while (sample->next < sample->count &&
	       sample->moved[sample->next].address + sample->moved[sample->next].pages * page <=
		       address)
		sample->next++;
	return sample->next < sample->count && sample->moved[sample->next].address <= address;
}

/* In order; those of an earlier sample of the mapping may lie ahead. */
static void note_moved(struct run *run, uint64_t address, size_t pages)
{
	struct migrate_sample *sample = &run->sample;
	size_t at = sample->count;

	if (sample->count == ARRAY_SIZE(sample->moved))
		return;
	for (; at > sample->next && sample->moved[at - 1].address > address; at--)
		sample->moved[at] = sample->moved[at - 1];
	sample->moved[at].address = address;
	sample->moved[at].pages = pages;
	sample->count++;
}

/* The address of the `i`th of `count` windows that are spread over the rest of the mapping. */
static uint64_t window_at(const struct run *run, uint64_t from, uint64_t end, size_t i)
{
	const uint64_t window = run_window_bytes(run);
	const uint64_t first = (from + window - 1) / window;
	const uint64_t count = end / window - first;
	uint64_t number = first + count * i / SAMPLE_MAX;

	while (!migrate_part_has(run, number * window) && number < first + count)
		number++;
	return number * window;
}

static bool has_unit(const struct sampling *s, const void *page)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->units[i].page == page)
			return true;
	return false;
}

static void add_unit(struct sampling *s, const struct unit *unit)
{
	size_t at = s->count++;

	for (; at > 0 && (uintptr_t)s->units[at - 1].page > (uintptr_t)unit->page; at--)
		s->units[at] = s->units[at - 1];
	s->units[at] = *unit;
}

/* Those that are on the source node, of huge ones the last page too: it tells later whether all
 * went. */
static void add_source(struct run *run, const struct unit *units, size_t count, struct sampling *s)
{
	const uint64_t to_last = run_window_bytes(run) - run->kernel->page_size_bytes;
	void *pages[SAMPLE_MAX * 2];
	int nodes[SAMPLE_MAX * 2];
	int r;

	if (count == 0 || run->finished)
		return;
	for (size_t i = 0; i < count; i++) {
		pages[i * 2] = pages[i * 2 + 1] = units[i].page;
		if (units[i].kind != PAGE_SMALL)
			pages[i * 2 + 1] = (char *)units[i].page + to_last;
	}
	r = run->kernel->query(run->kernel->context, pages, count * 2, nodes);
	if (r < 0)
		migrate_run_fail(run, r);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (nodes[i * 2] == (int)run->request->from_node &&
		    nodes[i * 2 + 1] == (int)run->request->from_node)
			add_unit(s, &units[i]);
}

/* Of every eighth of the windows, from this one on, the first page that may go. */
static void gather(struct run *run, uint64_t from, uint64_t end, size_t first, struct sampling *s)
{
	struct unit units[SAMPLE_MAX / SAMPLE_STEP];
	size_t count = 0;
	uint64_t last = 0;

	for (size_t i = first; i < SAMPLE_MAX && !run->finished; i += SAMPLE_STEP) {
		const uint64_t address = window_at(run, from, end, i);
		const uint64_t to = MIN_OF(address + run_window_bytes(run), end);
		struct migrate_window w;
		struct unit *unit = &units[count];
		int r;

		if (address >= end || address == last || !migrate_part_has(run, address))
			continue;
		last = address;
		r = run->kernel->find(run->kernel->context, address, to, &w);
		if (r < 0)
			migrate_run_fail(run, r);
		if (r <= 0)
			continue;
		*unit = (struct unit){ 0 };
		unit->page = migrate_window_first(run, &w, &unit->kind);
		if (unit->page && !has_unit(s, unit->page))
			count++;
	}
	add_source(run, units, count, s);
}

static bool is_in_rest(const struct page_mover *mover, const void *page)
{
	for (size_t i = 0; i < mover->rest_count; i++)
		if (mover->rest[i] == page)
			return true;
	return false;
}

static uint64_t window_of(const struct run *run, const struct unit *unit)
{
	const uint64_t address = (uintptr_t)unit->page;

	return address - address % run_window_bytes(run);
}

static void account_small(struct run *run, const struct unit *unit)
{
	const uint64_t window = window_of(run, unit);
	const size_t there = migrate_window_arrived(run, window);

	if (there <= unit->there + 1) {
		run->accounts.moved++;
		note_moved(run, (uint64_t)(uintptr_t)unit->page, 1);
		return;
	}
	run->accounts.moved += there - unit->there;
	run->accounts.already_there += unit->there;
	note_moved(run, window, run->window_pages);
}

static void account_unit(struct run *run, const struct unit *unit)
{
	if (unit->kind == PAGE_SMALL || is_in_rest(run->mover, unit->page)) {
		account_small(run, unit);
		return;
	}
	run->accounts.moved += run->window_pages;
	note_moved(run, (uint64_t)(uintptr_t)unit->page, run->window_pages);
}

/* What moved is counted, and passed over later; what stayed is met again in its window. */
static void account(struct run *run, struct sampling *s, const size_t *order, size_t count)
{
	void *pages[SAMPLE_MAX];
	int nodes[SAMPLE_MAX];

	for (size_t i = 0; i < count; i++)
		pages[i] = s->units[order[i]].page;
	if (run->kernel->query(run->kernel->context, pages, count, nodes) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct unit *unit = &s->units[order[i]];

		unit->is_tried = true;
		unit->has_stayed = nodes[i] == (int)run->request->from_node;
		s->stayed += unit->has_stayed;
		if (nodes[i] == (int)run->request->to_node)
			account_unit(run, unit);
	}
}

/* False: it must not go on. */
static bool try(struct run *run, struct sampling *s, const size_t *order, size_t count)
{
	/* What stayed is accounted with its window. */
	struct page_accounts scratch = { 0 };
	int r;

	for (size_t i = 0; i < count; i++) {
		struct unit *unit = &s->units[order[i]];

		run->mover->pages[i] = unit->page;
		run->mover->kinds[i] = (uint8_t)unit->kind;
		if (unit->kind != PAGE_HUGE)
			unit->there = migrate_window_arrived(run, window_of(run, unit));
	}
	run->mover->count = count;
	if (!migrate_run_may_go(run))
		return false;
	run->mover->is_sample = true;
	r = migrate_run_flush(run, &scratch);
	run->mover->is_sample = false;
	if (r == -ESRCH)
		run->accounts.absent += scratch.absent;
	else if (r < 0)
		run->accounts.refused += scratch.refused;
	else
		account(run, s, order, count);
	s->tried += count;
	s->pinned += run->mover->pinned_count;
	s->shared += run->mover->shared_count;
	run->mover->rest_count = 0;
	if (!run->finished && migrate_run_pages_left(run) == 0)
		migrate_run_finish(run, 0);
	migrate_run_reply(run, false);
	return !run->finished;
}

static bool has_huge(const struct sampling *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->units[i].kind != PAGE_SMALL)
			return true;
	return false;
}

/* Nobody needs it so much that huge pages are split for it. */
static bool would_split(struct run *run, const struct sampling *s, size_t count)
{
	return run->request->move.is_calm && has_huge(s) && migrate_run_whole(run, count) < count;
}

/* All over the mapping: of those not tried yet every so manieth, then the ones after these. */
static size_t spread(const struct sampling *s, size_t ret_order[SAMPLE_MAX])
{
	size_t untried[SAMPLE_MAX], count = 0, step, n = 0;

	for (size_t i = 0; i < s->count; i++)
		if (!s->units[i].is_tried)
			untried[count++] = i;
	step = (count + FIRST_UNITS - 1) / FIRST_UNITS;
	for (size_t first = 0; first < step; first++)
		for (size_t i = first; i < count; i += step)
			ret_order[n++] = untried[i];
	return count;
}

/* As many of them as fit into what is left to move. */
static size_t affordable(const struct run *run, const struct sampling *s, const size_t *order,
			 size_t count)
{
	uint64_t pages = 0, left = migrate_run_pages_left(run);
	size_t n = 0;

	for (; n < count; n++) {
		pages += s->units[order[n]].kind == PAGE_SMALL ? 1 : run->window_pages;
		if (pages > left)
			break;
	}
	return n;
}

static bool is_nearly_all(size_t count, const struct sampling *s)
{
	return s->tried >= UNITS_MIN && count * 16 >= s->tried * 15;
}

static void add_put_off(struct run *run, uint64_t from, uint64_t end)
{
	struct migrate_put_off *put_off = &run->put_off;

	if (put_off->count > 0 && put_off->ranges[put_off->count - 1].end == from)
		put_off->ranges[put_off->count - 1].end = end;
	else if (put_off->count < ARRAY_SIZE(put_off->ranges))
		put_off->ranges[put_off->count++] = (struct migrate_range){ from, end };
}

/* From each page that stayed on to the next one of the sample. One that was not tried is taken for
 * like the one before it. */
static void put_off_stuck(struct run *run, const struct sampling *s, uint64_t from, uint64_t end)
{
	struct migrate_put_off *put_off = &run->put_off;
	const uint64_t window = run_window_bytes(run);
	bool has_stayed = false;

	/* What was put off before, and is ahead, shows again now. */
	while (put_off->count > 0 && put_off->ranges[put_off->count - 1].from >= from)
		put_off->count--;
	put_off->next = put_off->count;
	for (size_t i = 0; i < s->count; i++) {
		uint64_t at = (uintptr_t)s->units[i].page, to = end;

		if (s->units[i].is_tried)
			has_stayed = s->units[i].has_stayed;
		if (!has_stayed)
			continue;
		if (i + 1 < s->count) {
			to = (uintptr_t)s->units[i + 1].page;
			to -= to % window;
		}
		add_put_off(run, i == 0 ? from : at - at % window, to);
	}
}

/* Tries at most so many, `portion` at a time. False: it must not go on. */
static bool try_some(struct run *run, struct sampling *s, size_t most, size_t portion)
{
	size_t order[SAMPLE_MAX];
	size_t count = MIN_OF(spread(s, order), most);

	count = affordable(run, s, order, count);
	for (size_t i = 0, n; i < count; i += n) {
		n = MIN_OF(portion, count - i);
		if (would_split(run, s, n) || !try(run, s, order + i, n))
			return false;
	}
	return true;
}

uint64_t *migrate_sample_take(struct run *run, uint64_t from, uint64_t end)
{
	struct sampling s = { 0 };
	size_t next = 0;

	/* As a rule the first ones do. */
	for (; s.count < UNITS_MIN && next < SAMPLE_STEP && !run->finished; next++)
		gather(run, from, end, next, &s);
	if (run->finished || s.count < UNITS_MIN)
		return NULL;
	if (!try_some(run, &s, FIRST_UNITS, FIRST_UNITS) || s.stayed == 0)
		return NULL;
	for (; next < SAMPLE_STEP && !run->finished; next++)
		gather(run, from, end, next, &s);
	/* Of huge pages that do move after all a portion is enough. */
	if (run->finished ||
	    !try_some(run, &s, SAMPLE_MAX, has_huge(&s) ? FIRST_UNITS : SAMPLE_MAX))
		return NULL;
	if (is_nearly_all(s.pinned, &s))
		return &run->accounts.pinned;
	if (is_nearly_all(s.shared, &s))
		return &run->accounts.shared;
	if (!run->put_off.is_over)
		put_off_stuck(run, &s, from, end);
	return NULL;
}
