/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What of a window goes. No page frame is ever named: presence comes from pagemap, the node from a
 * query, so CAP_SYS_ADMIN is not needed.
 *
 * A huge page is one address to the kernel. Where the kernel tells which they are
 * (PAGEMAP_SCAN), one query and one address do for it. Where not, a window whose pages are all
 * there is asked for in some places and tried by its first address, as long as that works
 * (act/huge_guess.h).
 */

#include "act/migrate_run.h"
#include "util/macro.h"

#include <errno.h>

/* Where pages are huge, the next that is supposed to be one is asked for at each 64th page, and the
 * last. */
#define PROBE_STEP 64
#define PROBES_MAX (MIGRATE_WINDOW_PAGES_MAX / PROBE_STEP + 1)

struct found {
	size_t count;
	void *pages[MIGRATE_WINDOW_PAGES_MAX];
};

/* Present, and not page cache: that is counted as headroom already, so that moving it would spend
 * the amount and gain nothing. Such an entry has of these bits PAGEMAP_PRESENT alone. */
static uint64_t may_go_bits(const struct run *run)
{
	return PAGEMAP_PRESENT | PAGEMAP_ZERO | (run->shared_memory ? 0 : PAGEMAP_SHARED);
}

static bool may_go(const struct run *run, uint64_t entry)
{
	return (entry & may_go_bits(run)) == PAGEMAP_PRESENT;
}

static void *page_at(const struct run *run, const struct migrate_window *w, size_t i)
{
	return (void *)(uintptr_t)(w->address + i * run->kernel->page_size_bytes);
}

static bool is_aligned(const struct run *run, const struct migrate_window *w)
{
	return run_has_huge(run) && w->count == run->window_pages &&
	       w->address % run_window_bytes(run) == 0;
}

/* May all pages of it go, and are they like this? */
static bool is_all(const struct run *run, const struct migrate_window *w, uint64_t bits)
{
	const uint64_t asked = may_go_bits(run) | bits, wanted = PAGEMAP_PRESENT | bits;

	if (!is_aligned(run, w))
		return false;
	for (size_t i = 0; i < w->count; i++)
		if ((w->entries[i] & asked) != wanted)
			return false;
	return true;
}

static enum page_kind kind_of(const struct run *run, const struct migrate_window *w)
{
	if (run->kernel->knows_huge)
		return is_all(run, w, PAGEMAP_HUGE) ? PAGE_HUGE : PAGE_SMALL;
	return is_all(run, w, 0) ? PAGE_MAYBE_HUGE : PAGE_SMALL;
}

void *migrate_window_first(const struct run *run, const struct migrate_window *w,
			   enum page_kind *ret_kind)
{
	for (size_t i = 0; i < w->count; i++) {
		if (!may_go(run, w->entries[i]))
			continue;
		*ret_kind = kind_of(run, w);
		return page_at(run, w, i);
	}
	return NULL;
}

static void choose(struct run *run, const struct migrate_window *w, struct found *ret)
{
	const uint64_t asked = may_go_bits(run);

	ret->count = 0;
	for (size_t i = 0; i < w->count; i++) {
		if ((w->entries[i] & asked) == PAGEMAP_PRESENT)
			ret->pages[ret->count++] = page_at(run, w, i);
		else if ((w->entries[i] & PAGEMAP_SHARED) && !run->shared_memory)
			continue;
		else if (w->entries[i] & (PAGEMAP_SWAPPED | PAGEMAP_ZERO))
			run->accounts.absent++;
	}
}

/*
 * A page that is not on the source node any more.
 *
 * One that pagemap shows and the query denies is one that NUMA balancing has marked for its next
 * fault: 6.1 and the kernels after it, until that was mended (6.12 is), do not look through the
 * mark, neither here nor when they should move it (follow_page(), gup_can_follow_protnone()). It is
 * there, and cannot be had until its process touches it.
 */
static void account_elsewhere(struct run *run, int node, uint64_t pages, uint64_t *arrived)
{
	if (node == (int)run->request->to_node)
		*arrived += pages;
	else if (node == -EFAULT)
		run->accounts.absent += pages; /* the zero page, or unmapped since */
	else if (node == -ENOENT)
		run->accounts.busy += pages;
	else if (node < 0)
		run->accounts.refused += pages;
}

/* Keeps those that are on the source node. 0, or -errno. */
static int keep_source(struct run *run, struct found *found, uint64_t *arrived)
{
	int nodes[MIGRATE_WINDOW_PAGES_MAX];
	size_t kept = 0;
	int r;

	if (found->count == 0)
		return 0;
	r = run->kernel->query(run->kernel->context, found->pages, found->count, nodes);
	if (r < 0) {
		run->accounts.refused += found->count;
		return r;
	}
	for (size_t i = 0; i < found->count; i++) {
		if (nodes[i] == (int)run->request->from_node)
			found->pages[kept++] = found->pages[i];
		else if (!migrate_sample_has(run, (uint64_t)(uintptr_t)found->pages[i]))
			account_elsewhere(run, nodes[i], 1, arrived);
	}
	found->count = kept;
	return 0;
}

static int find_source(struct run *run, const struct migrate_window *w, struct found *ret)
{
	choose(run, w, ret);
	return keep_source(run, ret, &run->accounts.already_there);
}

/* Page by page; or by its first one, `tries_whole`, if all of it is on the source node. */
static void take_small(struct run *run, const struct migrate_window *w, bool tries_whole)
{
	struct found found;
	int r = find_source(run, w, &found);

	if (r < 0)
		migrate_run_fail(run, r);
	else if (tries_whole && found.count == w->count)
		migrate_run_add_huge(run, found.pages[0]);
	else
		migrate_run_add_small(run, found.pages, found.count);
}

void migrate_window_take_rest(struct run *run, uint64_t address)
{
	const uint64_t end = address + run_window_bytes(run);
	const struct page_accounts before = run->accounts;
	const struct page_accounts *now = &run->accounts;
	const bool shared_memory = run->shared_memory;
	struct migrate_window w;
	struct found found = { 0 };
	uint64_t accounted;
	int r;

	/* Of a mapping before, of which all of it was to go. */
	run->shared_memory = true;
	r = run->kernel->find(run->kernel->context, address, end, &w);
	if (r > 0) {
		choose(run, &w, &found);
		r = keep_source(run, &found, &run->accounts.moved);
	}
	run->shared_memory = shared_memory;
	if (r < 0)
		migrate_run_fail(run, r);
	accounted = now->moved - before.moved + now->busy - before.busy + now->absent -
		    before.absent + now->refused - before.refused + (r < 0 ? 0 : found.count);
	if (accounted < run->window_pages)
		run->accounts.absent += run->window_pages - accounted;
	if (r >= 0)
		migrate_run_add_small(run, found.pages, found.count);
}

size_t migrate_window_arrived(struct run *run, uint64_t address)
{
	const struct migrate_kernel *k = run->kernel;
	int nodes[MIGRATE_WINDOW_PAGES_MAX];
	void *pages[MIGRATE_WINDOW_PAGES_MAX];
	size_t count = 0, arrived = 0;
	struct migrate_window w;

	if (k->find(k->context, address, address + run_window_bytes(run), &w) <= 0)
		return 0;
	for (size_t i = 0; i < w.count; i++)
		if (may_go(run, w.entries[i]))
			pages[count++] = page_at(run, &w, i);
	if (count == 0 || k->query(k->context, pages, count, nodes) < 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		arrived += nodes[i] == (int)run->request->to_node;
	return arrived;
}

/* Where pages are huge: 1: so may this one be; 0: it is not, or not on the source node. */
static int probe(struct run *run, const struct migrate_window *w)
{
	void *pages[PROBES_MAX];
	int nodes[PROBES_MAX];
	size_t count = 0;
	int r;

	for (size_t i = 0; i < w->count; i += PROBE_STEP)
		pages[count++] = page_at(run, w, i);
	pages[count++] = page_at(run, w, w->count - 1);
	r = run->kernel->query(run->kernel->context, pages, count, nodes);
	if (r < 0) {
		run->accounts.refused += w->count;
		return r;
	}
	for (size_t i = 0; i < count; i++)
		if (nodes[i] != (int)run->request->from_node)
			return 0;
	return 1;
}

static int query_huge(struct run *run, const struct migrate_window *w, int *ret_node)
{
	void *page = page_at(run, w, 0);
	int r = run->kernel->query(run->kernel->context, &page, 1, ret_node);

	if (r < 0)
		run->accounts.refused += w->count;
	return r;
}

/* The page moved ahead of the others in the sample. */
static bool went_ahead(struct run *run, const struct migrate_window *w, int node)
{
	return node == (int)run->request->to_node && migrate_sample_has(run, w->address);
}

static void take_huge(struct run *run, const struct migrate_window *w)
{
	int node, r;

	r = query_huge(run, w, &node);
	if (r < 0)
		migrate_run_fail(run, r);
	else if (node == (int)run->request->from_node)
		migrate_run_add_huge(run, page_at(run, w, 0));
	else if (!went_ahead(run, w, node))
		account_elsewhere(run, node, w->count, &run->accounts.already_there);
}

static void take_supposed(struct run *run, const struct migrate_window *w)
{
	int r = probe(run, w);

	if (r < 0)
		migrate_run_fail(run, r);
	else if (r > 0)
		migrate_run_add_huge(run, page_at(run, w, 0));
	else
		take_small(run, w, false);
}

void migrate_window_take(struct run *run, const struct migrate_window *w)
{
	enum page_kind kind = kind_of(run, w);

	if (kind == PAGE_HUGE)
		take_huge(run, w);
	else if (kind == PAGE_MAYBE_HUGE && run->guess.state == HUGE_GUESS_HUGE)
		take_supposed(run, w);
	else
		take_small(run, w, kind == PAGE_MAYBE_HUGE && huge_guess_tries(&run->guess));
}

ssize_t migrate_window_count(struct run *run, const struct migrate_window *w)
{
	struct found found;
	int node, r;

	if (kind_of(run, w) != PAGE_HUGE) {
		r = find_source(run, w, &found);
		return r < 0 ? r : (ssize_t)found.count;
	}
	r = query_huge(run, w, &node);
	if (r < 0)
		return r;
	if (node == (int)run->request->from_node)
		return (ssize_t)w->count;
	if (!went_ahead(run, w, node))
		account_elsewhere(run, node, w->count, &run->accounts.already_there);
	return 0;
}
