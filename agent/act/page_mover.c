/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * move_pages(2) does not say what it did. Its status of a page is missing when an earlier page of
 * the call failed, is -EBUSY for the tail of a huge page that moved with its head, and is nothing
 * at all when the destination filled up although most pages moved (mm/migrate.c, 4.17 to 7.x). So a
 * page is accounted by where it is: after each call all are asked for again, unless it went well
 * for every one of them, and the status serves only to tell why one stayed.
 *
 * What stayed gets a second look, with a moment in between:
 * - busy: the kernel could not take it off its list (-EBUSY), because somebody holds it just now;
 * - pinned: it could be taken off, was not moved all the same, and that twice: somebody holds a
 *   reference and means to keep it (VFIO, RDMA, io_uring buffers).
 *
 * The kernel tries pages in portions: it gathers them until it meets one that cannot be gathered
 * (whose status is written at once), then moves the portion, and ends the call if one of that
 * portion failed. So a page without status was tried if it stands before the last status written;
 * and after it, if nothing before it failed, for then the call got to its end. Pages that a call
 * did not get to go first in the next one, those that failed last.
 *
 * Of a huge page the first address is named: the kernel moves it whole, where the destination has a
 * free block of its size, and splits it where not. So its last page is asked for as well. What is
 * neither whole over there nor whole over here is for the caller to look at page by page.
 */

#include "act/page_mover.h"

#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* Pages that failed in between end a call early; with several groups of them two looks do not get
 * to all of a portion. */
#define LOOKS_MAX 6
/* What "pinned" asks for, and fair to what is busy. */
#define TRIES_MAX 2
/* Of pages that the kernel says moved, one of so many is asked for. */
#define CONFIRM_STEP 16
/* Long enough for a page table lock, an LRU drain or a short I/O, short beside a portion's copy. */
#define LOOK_PAUSE_USEC (2 * USEC_PER_MSEC)
/* A portion that takes longer gets the looks that it needs and no more, as whoever waits for word
 * of it hears nothing before its end. */
#define LONG_USEC (5 * USEC_PER_SEC)

/* What the statuses of a call tell together. */
struct verdict {
	size_t last_written;
	bool failed_before; /* a page that stands before it was gathered and not moved */
	bool unwritten;	    /* no status means nothing: the call broke off for want of room */
};

static struct verdict judge(const struct page_mover *m, int result)
{
	struct verdict v = { .unwritten = result == -ENOMEM };

	for (size_t i = 0; i < m->count; i++)
		if (m->status[i] != MOVE_PAGES_UNTOUCHED)
			v.last_written = i;
	for (size_t i = 0; i < v.last_written; i++)
		if (m->status[i] == MOVE_PAGES_UNTOUCHED && m->nodes[i] == (int)m->from_node)
			v.failed_before = true;
	return v;
}

static size_t weight(const struct page_mover *m, size_t i)
{
	return m->kinds[i] == PAGE_SMALL ? 1 : m->huge_pages;
}

static size_t count_small(const struct page_mover *m)
{
	size_t small = 0;

	for (size_t i = 0; i < m->count; i++)
		small += m->kinds[i] == PAGE_SMALL;
	return small;
}

uint64_t page_mover_pages(const struct page_mover *m)
{
	const size_t small = count_small(m);

	return small + (m->count - small) * m->huge_pages;
}

static bool is_long(const struct page_mover *m)
{
	return m->kernel->now(m->kernel->context) - m->begun_at >= LONG_USEC;
}

static int call(struct page_mover *m, void *const *pages, size_t count, int *ret_status)
{
	const struct migrate_kernel *k = m->kernel;
	usec_t begun = k->now(k->context), took;
	int r;

	r = k->move(k->context, pages, count, m->to_node, m->move_shared, ret_status);
	took = k->now(k->context) - begun;
	m->call_usec = MAX_OF(m->call_usec, took);
	m->longest_call_usec = MAX_OF(m->longest_call_usec, took);
	m->moving_usec += took;
	return r;
}

/*
 * Is it a huge page that is pinned? Named with its last page, it is taken off its list by the first
 * address, so that the second one cannot be had (-EBUSY); two small pages are tried both.
 */
static bool is_pinned_whole(struct page_mover *m, size_t i)
{
	const struct migrate_kernel *k = m->kernel;
	void *ends[2] = { m->pages[i],
			  (char *)m->pages[i] + (m->huge_pages - 1) * k->page_size_bytes };
	int status[2], nodes[2];

	return !is_long(m) && call(m, ends, 2, status) > 0 && status[0] == MOVE_PAGES_UNTOUCHED &&
	       status[1] == -EBUSY && k->query(k->context, ends, 2, nodes) == 0 &&
	       nodes[0] == (int)m->from_node && nodes[1] == (int)m->from_node;
}

/* What is only perhaps a huge page is not accounted as one that stayed. */
static void add(struct page_mover *m, size_t i, uint64_t *account)
{
	if (m->kinds[i] == PAGE_MAYBE_HUGE)
		m->rest[m->rest_count++] = m->pages[i];
	else
		*account += weight(m, i);
}

/* One page that is still where it was. True: it is accounted for. */
static bool settles(struct page_mover *m, size_t i, const struct verdict *v,
		    struct page_accounts *accounts)
{
	int status = m->status[i];

	if (status == -EACCES) {
		m->shared_count++;
		add(m, i, &accounts->shared);
		return true;
	}
	if (status == MOVE_PAGES_UNTOUCHED) {
		if (v->unwritten || (i > v->last_written && v->failed_before))
			return false;
		m->failed[i]++;
	} else if (status == -EAGAIN) {
		/* What kernels before 4.17 say of a page that was gathered and not moved. */
		m->failed[i]++;
	} else if (status != -ENOMEM) {
		m->busy[i]++;
	}
	if (m->failed[i] >= TRIES_MAX) {
		m->pinned_count++;
		if (m->kinds[i] == PAGE_MAYBE_HUGE && !m->is_sample && is_pinned_whole(m, i))
			m->kinds[i] = PAGE_HUGE;
		add(m, i, &accounts->pinned);
	} else if (m->busy[i] >= TRIES_MAX) {
		add(m, i, &accounts->busy);
	} else {
		return false;
	}
	return true;
}

/* Is every page of it over there? */
static bool is_whole(struct page_mover *m, size_t i)
{
	const struct migrate_kernel *k = m->kernel;
	void *pages[MIGRATE_WINDOW_PAGES_MAX];
	int nodes[MIGRATE_WINDOW_PAGES_MAX];

	for (size_t n = 0; n < m->huge_pages; n++)
		pages[n] = (char *)m->pages[i] + n * k->page_size_bytes;
	if (k->query(k->context, pages, m->huge_pages, nodes) < 0)
		return false;
	for (size_t n = 0; n < m->huge_pages; n++)
		if (nodes[n] != (int)m->to_node)
			return false;
	return true;
}

/* Where are the last pages of those huge ones whose first one is where it was to go? */
static void ask_for_last(struct page_mover *m)
{
	const struct migrate_kernel *k = m->kernel;
	void *pages[PAGE_MOVER_HUGE_MAX];
	int nodes[PAGE_MOVER_HUGE_MAX];
	size_t of[PAGE_MOVER_HUGE_MAX];
	size_t count = 0;

	for (size_t i = 0; i < m->count; i++) {
		m->last_came[i] = 0;
		if (m->kinds[i] == PAGE_SMALL || m->nodes[i] != (int)m->to_node)
			continue;
		of[count] = i;
		pages[count++] = (char *)m->pages[i] + (m->huge_pages - 1) * k->page_size_bytes;
	}
	if (count == 0 || k->query(k->context, pages, count, nodes) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		m->last_came[of[i]] = nodes[i] == (int)m->to_node;
}

/* A huge page whose first one is where it was to go. If all of a call went well, so did what is
 * between the first and the last. */
static void take_huge(struct page_mover *m, size_t i, int result, struct page_accounts *accounts)
{
	if (!m->last_came[i]) {
		m->single_count += m->kinds[i] == PAGE_MAYBE_HUGE;
		m->rest[m->rest_count++] = m->pages[i];
		return;
	}
	m->whole_count++;
	if (result == 0 || is_whole(m, i))
		accounts->moved += m->huge_pages;
	else
		m->rest[m->rest_count++] = m->pages[i];
}

/* Is the page somewhere else than where it was? Then it is counted. */
static bool has_left(struct page_mover *m, size_t i, int result, struct page_accounts *accounts)
{
	if (m->nodes[i] == (int)m->from_node)
		return false;
	if (m->kinds[i] == PAGE_SMALL && m->nodes[i] == (int)m->to_node)
		accounts->moved++;
	else if (m->kinds[i] == PAGE_SMALL)
		accounts->absent++;
	else if (m->nodes[i] == (int)m->to_node)
		take_huge(m, i, result, accounts);
	else
		m->rest[m->rest_count++] = m->pages[i];
	return true;
}

static void swap_pages(struct page_mover *m, size_t a, size_t b)
{
	void *page = m->pages[a];
	uint8_t failed = m->failed[a], busy = m->busy[a], kind = m->kinds[a];

	m->pages[a] = m->pages[b];
	m->kinds[a] = m->kinds[b];
	m->failed[a] = m->failed[b];
	m->busy[a] = m->busy[b];
	m->pages[b] = page;
	m->kinds[b] = kind;
	m->failed[b] = failed;
	m->busy[b] = busy;
}

/* Those that failed go to the end. */
static void put_in_order(struct page_mover *m)
{
	size_t first = 0;

	for (size_t i = 0; i < m->count; i++)
		if (m->failed[i] == 0)
			swap_pages(m, first++, i);
}

/* Accounts what one call did and keeps the rest in the portion. True: want of room showed. */
static bool account(struct page_mover *m, int result, struct page_accounts *accounts)
{
	const struct verdict v = judge(m, result);
	bool full = result == -ENOMEM;
	size_t kept = 0;

	ask_for_last(m);
	for (size_t i = 0; i < m->count; i++) {
		if (has_left(m, i, result, accounts) || settles(m, i, &v, accounts))
			continue;
		full = full || m->status[i] == -ENOMEM;
		m->pages[kept] = m->pages[i];
		m->kinds[kept] = m->kinds[i];
		m->failed[kept] = m->failed[i];
		m->busy[kept] = m->busy[i];
		kept++;
	}
	m->count = kept;
	put_in_order(m);
	return full;
}

/* What no look settled. */
static void account_rest(struct page_mover *m, bool full, struct page_accounts *accounts)
{
	for (size_t i = 0; i < m->count; i++) {
		if (full || m->failed[i] + m->busy[i] == 0)
			accounts->not_tried += weight(m, i);
		else
			add(m, i, &accounts->busy);
	}
	m->count = 0;
}

/* Does the kernel say of each page that it is over there? Not of one that vanished while it was
 * moved, which it takes for moved: so some of them are asked for. (Of huge ones the last page is
 * asked for anyway.) */
static bool is_confirmed(struct page_mover *m, int result)
{
	const struct migrate_kernel *k = m->kernel;
	void *pages[MOVE_PAGES_MAX / CONFIRM_STEP];
	int nodes[MOVE_PAGES_MAX / CONFIRM_STEP];
	size_t count = 0;

	if (result != 0)
		return false;
	for (size_t i = 0; i < m->count; i++)
		if (m->status[i] != (int)m->to_node)
			return false;
	for (size_t i = 0; i < m->count; i += CONFIRM_STEP)
		if (m->kinds[i] == PAGE_SMALL)
			pages[count++] = m->pages[i];
	if (count > 0 && k->query(k->context, pages, count, nodes) < 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (nodes[i] != (int)m->to_node)
			return false;
	return true;
}

/* One call, and where the pages are after it. PAGE_MOVER_..., or -errno that ends the move. */
static int look(struct page_mover *m, struct page_accounts *accounts)
{
	const struct migrate_kernel *k = m->kernel;
	bool all_went;
	int result, r = 0;

	result = call(m, m->pages, m->count, m->status);
	if (result < 0 && result != -ENOMEM)
		return result;
	all_went = is_confirmed(m, result);
	if (!all_went)
		r = k->query(k->context, m->pages, m->count, m->nodes);
	if (r == 0)
		r = k->check(k->context);
	if (r < 0)
		return r;
	/* Most calls: there is nothing to go through. */
	if (all_went && count_small(m) == m->count) {
		accounts->moved += m->count;
		m->count = 0;
		return PAGE_MOVER_DONE;
	}
	for (size_t i = 0; all_went && i < m->count; i++)
		m->nodes[i] = (int)m->to_node;
	return account(m, result, accounts) ? PAGE_MOVER_FULL : PAGE_MOVER_DONE;
}

/* The call or the query failed as a whole. */
static int account_failure(struct page_mover *m, int r, struct page_accounts *accounts)
{
	/* A process that is exiting has no memory to speak of, which the kernel calls -EINVAL. */
	if (m->kernel->check(m->kernel->context) == -ESRCH)
		r = -ESRCH;
	*(r == -ESRCH ? &accounts->absent : &accounts->refused) +=
		page_mover_pages(m) + m->rest_count * m->huge_pages;
	m->count = m->rest_count = 0;
	return r;
}

static void pause_between(struct page_mover *m)
{
	const struct migrate_kernel *k = m->kernel;
	const usec_t begun = k->now(k->context);

	k->sleep(k->context, LOOK_PAUSE_USEC);
	m->paused_usec += k->now(k->context) - begun;
}

int page_mover_flush(struct page_mover *m, struct page_accounts *accounts)
{
	int r = PAGE_MOVER_DONE;

	m->call_usec = 0;
	m->begun_at = m->kernel->now(m->kernel->context);
	m->rest_count = m->whole_count = m->single_count = 0;
	m->pinned_count = m->shared_count = 0;
	memset(m->failed, 0, m->count);
	memset(m->busy, 0, m->count);
	for (unsigned n = 0; m->count > 0 && n < (is_long(m) ? TRIES_MAX : LOOKS_MAX); n++) {
		if (n > 0)
			pause_between(m);
		r = m->kernel->check(m->kernel->context);
		if (r == 0)
			r = look(m, accounts);
		if (r != PAGE_MOVER_DONE)
			break;
	}
	if (r < 0)
		return account_failure(m, r, accounts);
	account_rest(m, r == PAGE_MOVER_FULL, accounts);
	return r;
}
