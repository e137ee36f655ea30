/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * move_pages(2) does not say what it did. Its status of a page is missing when an earlier page of
 * the call failed, is -EBUSY for the tail of a huge page that moved with its head, and is nothing
 * at all when the destination filled up although most pages moved (mm/migrate.c, 4.17 to 7.x). So a
 * page is accounted by where it is: after each call all are asked for again, and the status serves
 * only to tell why one stayed.
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
 */

#include "act/page_mover.h"

#include <errno.h>
#include <string.h>

/* Pages that failed in between end a call early; with several groups of them two looks do not get
 * to all of a portion. */
#define LOOKS_MAX 6
/* What "pinned" asks for, and fair to what is busy. */
#define TRIES_MAX 2
/* Long enough for a page table lock, an LRU drain or a short I/O, short beside a portion's copy. */
#define LOOK_PAUSE_USEC (2 * USEC_PER_MSEC)

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

/* One page that is still where it was. True: it is accounted for. */
static bool settles(struct page_mover *m, size_t i, const struct verdict *v,
		    struct page_accounts *accounts)
{
	int status = m->status[i];

	if (status == -EACCES) {
		accounts->shared++;
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
	if (m->failed[i] >= TRIES_MAX)
		accounts->pinned++;
	else if (m->busy[i] >= TRIES_MAX)
		accounts->busy++;
	else
		return false;
	return true;
}

/* Is the page somewhere else than where it was? Then it is counted. */
static bool has_left(const struct page_mover *m, size_t i, struct page_accounts *accounts)
{
	if (m->nodes[i] == (int)m->from_node)
		return false;
	if (m->nodes[i] == (int)m->to_node)
		accounts->moved++;
	else
		accounts->absent++;
	return true;
}

static void swap_pages(struct page_mover *m, size_t a, size_t b)
{
	void *page = m->pages[a];
	uint8_t failed = m->failed[a], busy = m->busy[a];

	m->pages[a] = m->pages[b];
	m->failed[a] = m->failed[b];
	m->busy[a] = m->busy[b];
	m->pages[b] = page;
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

	for (size_t i = 0; i < m->count; i++) {
		if (has_left(m, i, accounts) || settles(m, i, &v, accounts))
			continue;
		full = full || m->status[i] == -ENOMEM;
		m->pages[kept] = m->pages[i];
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
			accounts->not_tried++;
		else
			accounts->busy++;
	}
	m->count = 0;
}

/* One call, and where the pages are after it. PAGE_MOVER_..., or -errno that ends the move. */
static int look(struct page_mover *m, struct page_accounts *accounts)
{
	const struct migrate_kernel *k = m->kernel;
	int result, r;

	result = k->move(k->context, m->pages, m->count, m->to_node, m->move_shared, m->status);
	if (result < 0 && result != -ENOMEM)
		return result;
	r = k->query(k->context, m->pages, m->count, m->nodes);
	if (r < 0)
		return r;
	r = k->check(k->context);
	if (r < 0)
		return r;
	return account(m, result, accounts) ? PAGE_MOVER_FULL : PAGE_MOVER_DONE;
}

/* The call or the query failed as a whole. */
static int account_failure(struct page_mover *m, int r, struct page_accounts *accounts)
{
	/* A process that is exiting has no memory to speak of, which the kernel calls -EINVAL. */
	if (m->kernel->check(m->kernel->context) == -ESRCH)
		r = -ESRCH;
	if (r == -ESRCH)
		accounts->absent += m->count;
	else
		accounts->refused += m->count;
	m->count = 0;
	return r;
}

int page_mover_flush(struct page_mover *m, struct page_accounts *accounts)
{
	int r = PAGE_MOVER_DONE;

	memset(m->failed, 0, m->count);
	memset(m->busy, 0, m->count);
	for (unsigned n = 0; m->count > 0 && n < LOOKS_MAX; n++) {
		if (n > 0)
			m->kernel->sleep(m->kernel->context, LOOK_PAUSE_USEC);
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
