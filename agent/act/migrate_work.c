/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The pages of one process are found and moved in a single pass over its address space, in the
 * order of addresses, portion by portion. No page frame is ever named: presence comes from pagemap,
 * the node from a query, so CAP_SYS_ADMIN is not needed.
 *
 * A window is an aligned range of 2 MiB. Large folios are aligned in the same way and no larger (on
 * machines with 4 KiB pages), and the kernel moves a folio whole when any of its pages is named. So
 * what of a window is on the source node goes together or not at all, and never more bytes move
 * than were asked for: a remainder smaller than a window's share stays.
 *
 * A portion is what one call gets, whole windows. Each call interrupts every CPU and waits for all
 * of them (lru_cache_disable(), 5.12), which on an emulated machine of two took as long as 300
 * copies; so windows with few pages are put together, and portions grow as long as calls stay
 * short.
 *
 * What goes: private memory, and shared memory that has no disk behind it. Page cache of files
 * stays: it is counted as headroom already, so that moving it would spend the amount and gain
 * nothing. Huge page pools stay: their pages need free huge pages over there. They are counted as
 * not tried.
 *
 * Pages on a third node are nobody's business here and appear in no account.
 */

#include "act/migrate_work.h"

#include "act/page_mover.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* After a portion the target and the node's lists are left alone for at least an eighth of the time
 * that it took. More would make it slower than the kernel's own migrate_pages(2), which never
 * rests, and a node that runs dry does not wait. */
#define REST_OF_BUSY 8
/* A portion doubles when the last one took less than half of this, and halves when it took more. It
 * bounds how long a cancelled move goes on and the CPUs' lists stay disabled, not how long a fault
 * waits: for that the kernel has portions of its own. A lower bound makes a loaded machine slower
 * still, as there most of a call is waiting for the other CPUs, whatever its size. */
#define CALL_MAX_USEC (200 * USEC_PER_MSEC)
/* So many pinned pages without one that moved are taken for all of them, as with a device that was
 * passed through: 16 MiB, more than one driver's buffers. */
#define PINNED_RUN_PAGES 4096
/* Windows that are passed over because they hold more than what is left to move. */
#define SKIPPED_WINDOWS_MAX 16
/* The agent gives a worker up that is silent for longer than some of these. */
#define HEARTBEAT_USEC (USEC_PER_SEC / 2)

struct run {
	const struct work_request *request;
	const struct work_channel *channel;
	const struct migrate_kernel *kernel;
	struct page_mover *mover;
	struct page_accounts accounts;
	uint64_t bytes; /* to move, as last resized */
	size_t window_pages;
	size_t portion_pages; /* at present, a multiple of the window */
	size_t portion_max_pages;
	uint64_t pinned_run;
	unsigned skipped_windows;
	usec_t rest_until;
	usec_t replied_at;
	bool finished;
	int error; /* errno value */
};

static void finish(struct run *run, int error)
{
	run->finished = true;
	run->error = error;
}

/* Ends for an error of the kernel's, which may be but that the process is exiting. */
static void fail(struct run *run, int r)
{
	int gone = run->kernel->check(run->kernel->context);

	finish(run, gone < 0 ? -gone : -r);
}

static uint64_t pages_left(const struct run *run)
{
	uint64_t pages = run->bytes / run->kernel->page_size_bytes;

	return pages > run->accounts.moved ? pages - run->accounts.moved : 0;
}

static void reply(struct run *run, bool final)
{
	const struct work_reply reply = {
		.token = run->request->token,
		.final = final,
		.error = final ? run->error : 0,
		.done_bytes = run->accounts.moved * run->kernel->page_size_bytes,
		.pages = run->accounts,
	};

	run->replied_at = run->kernel->now(run->kernel->context);
	/* One that finds no room is made good by the next. */
	(void)run->channel->reply(run->channel->context, &reply);
}

static void heed_control(struct run *run)
{
	struct work_request message;

	while (run->channel->poll_control(run->channel->context, &message) > 0) {
		if (message.kind == WORK_CANCEL)
			finish(run, ECANCELED);
		else if (message.kind == WORK_RESIZE)
			run->bytes = message.bytes;
	}
}

/* Is there room for the portion above what the destination must keep? 0, or -errno. */
static int check_room(const struct run *run)
{
	uint64_t portion = run->mover->count * run->kernel->page_size_bytes;
	uint64_t free_bytes;
	int r;

	r = run->kernel->free_bytes(run->kernel->context, run->request->to_node, &free_bytes);
	if (r < 0)
		return r;
	if (free_bytes < portion || free_bytes - portion < run->request->to_reserve_bytes)
		return -ENOSPC;
	return 0;
}

static void rest(struct run *run)
{
	usec_t now = run->kernel->now(run->kernel->context);

	if (now < run->rest_until)
		run->kernel->sleep(run->kernel->context, run->rest_until - now);
}

static void drop_portion(struct run *run)
{
	run->accounts.not_tried += run->mover->count;
	run->mover->count = 0;
}

/* Asks what may have changed since the portion was gathered; drops it if it must not go. */
static bool may_go(struct run *run)
{
	int r;

	heed_control(run);
	if (!run->finished && run->mover->count > pages_left(run))
		finish(run, 0);
	if (!run->finished) {
		r = check_room(run);
		if (r < 0)
			finish(run, -r);
	}
	if (run->finished)
		drop_portion(run);
	return !run->finished;
}

static void note_pinned(struct run *run, const struct page_accounts *before)
{
	if (run->accounts.moved > before->moved)
		run->pinned_run = 0;
	else
		run->pinned_run += run->accounts.pinned - before->pinned;
	if (run->pinned_run >= PINNED_RUN_PAGES)
		finish(run, 0);
}

static void adapt(struct run *run, size_t tried, usec_t took)
{
	if (took > CALL_MAX_USEC)
		run->portion_pages = MAX_OF(run->portion_pages / 2, run->window_pages);
	else if (took < CALL_MAX_USEC / 2 && tried == run->portion_pages)
		run->portion_pages = MIN_OF(run->portion_pages * 2, run->portion_max_pages);
}

static void move_portion(struct run *run)
{
	struct page_accounts before = run->accounts;
	size_t tried = run->mover->count;
	usec_t begun, ended;
	int r;

	if (run->mover->count == 0)
		return;
	rest(run);
	if (!may_go(run))
		return;
	begun = run->kernel->now(run->kernel->context);
	r = page_mover_flush(run->mover, &run->accounts);
	ended = run->kernel->now(run->kernel->context);
	/* Finding the next portion counts as rest: it disturbs nobody much. */
	run->rest_until =
		MAX_OF(begun + run->request->pause_usec, ended + (ended - begun) / REST_OF_BUSY);
	adapt(run, tried, ended - begun);
	if (r == PAGE_MOVER_FULL)
		finish(run, ENOSPC);
	else if (r < 0)
		finish(run, -r);
	else
		note_pinned(run, &before);
	if (pages_left(run) == 0)
		finish(run, 0);
	reply(run, false);
}

/* Does the window's share fit into what is left to move? What is gathered is moved first if that
 * decides it. */
static bool fits(struct run *run, size_t count)
{
	if (run->mover->count + count <= pages_left(run))
		return true;
	move_portion(run);
	if (run->finished || count <= pages_left(run))
		return !run->finished;
	if (++run->skipped_windows >= SKIPPED_WINDOWS_MAX)
		finish(run, 0);
	return false;
}

static void gather(struct run *run, void *const *pages, size_t count)
{
	if (count == 0)
		return;
	if (run->mover->count + count > run->portion_pages)
		move_portion(run);
	if (run->finished || !fits(run, count)) {
		run->accounts.not_tried += count;
		return;
	}
	memcpy(run->mover->pages + run->mover->count, pages, count * sizeof(*pages));
	run->mover->count += count;
	if (run->mover->count == run->portion_pages)
		move_portion(run);
}

/*
 * Keeps those that are on the source node; the count, or -errno.
 *
 * A page that pagemap shows and the query denies is one that NUMA balancing has marked for its next
 * fault: 6.1 and the kernels after it, until that was mended (6.12 is), do not look through the
 * mark, neither here nor when they should move it (follow_page(), gup_can_follow_protnone()). It is
 * there, and cannot be had until its process touches it.
 */
static ssize_t keep_source(struct run *run, void **pages, size_t count)
{
	int nodes[MOVE_PAGES_MAX];
	size_t kept = 0;
	int r;

	if (count == 0)
		return 0;
	r = run->kernel->query(run->kernel->context, pages, count, nodes);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (nodes[i] == (int)run->request->from_node)
			pages[kept++] = pages[i];
		else if (nodes[i] == (int)run->request->to_node)
			run->accounts.already_there++;
		else if (nodes[i] == -EFAULT)
			run->accounts.absent++; /* the zero page, or unmapped since */
		else if (nodes[i] == -ENOENT)
			run->accounts.busy++;
		else if (nodes[i] < 0)
			run->accounts.refused++;
	}
	return (ssize_t)kept;
}

/* Addresses of what may go: present, and not page cache. */
static size_t choose(struct run *run, uint64_t address, const uint64_t *entries, size_t count,
		     bool shared_memory, void **ret_pages)
{
	size_t chosen = 0;

	for (size_t i = 0; i < count; i++) {
		if ((entries[i] & PAGEMAP_SHARED) && !shared_memory)
			continue;
		if (entries[i] & PAGEMAP_PRESENT)
			ret_pages[chosen++] =
				(void *)(uintptr_t)(address + i * run->kernel->page_size_bytes);
		else if (entries[i] & PAGEMAP_SWAPPED)
			run->accounts.absent++;
	}
	return chosen;
}

static void move_window(struct run *run, uint64_t address, size_t count, bool shared_memory)
{
	uint64_t entries[MOVE_PAGES_MAX];
	void *pages[MOVE_PAGES_MAX];
	size_t chosen;
	ssize_t n;

	n = run->kernel->presence(run->kernel->context, address, entries, count);
	if (n < 0) {
		fail(run, (int)n);
		return;
	}
	chosen = choose(run, address, entries, (size_t)n, shared_memory, pages);
	n = keep_source(run, pages, chosen);
	if (n < 0) {
		run->accounts.refused += chosen;
		fail(run, (int)n);
		return;
	}
	gather(run, pages, (size_t)n);
}

/* Shared memory without a disk: memfd_create(2), System V, shared anonymous, and the tmpfs that
 * guests' memory is kept in. */
static bool is_shared_memory(const struct proc_map *map)
{
	static const char *const names[] = { "/memfd:", "/SYSV", "/dev/zero", "/dev/shm/" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (span_starts(map->name, names[i]))
			return true;
	return false;
}

static void move_map(struct run *run, const struct migrate_map *map)
{
	uint64_t window = run->window_pages * run->kernel->page_size_bytes;
	bool shared_memory = is_shared_memory(&map->map);
	uint64_t end;

	if (map->map.special)
		return;
	if (map->huge) {
		run->accounts.not_tried += map->huge_from_pages;
		return;
	}
	for (uint64_t at = map->map.start; at < map->map.end && !run->finished; at = end) {
		end = MIN_OF(at - at % window + window, map->map.end);
		move_window(run, at, (size_t)((end - at) / run->kernel->page_size_bytes),
			    shared_memory);
		if (run->kernel->now(run->kernel->context) - run->replied_at >= HEARTBEAT_USEC) {
			heed_control(run);
			reply(run, false);
		}
	}
}

static void move_all(struct run *run)
{
	struct migrate_map map;
	int r;

	if (pages_left(run) == 0)
		finish(run, 0);
	while (!run->finished) {
		r = run->kernel->next_map(run->kernel->context, &map);
		if (r < 0)
			fail(run, r);
		if (r <= 0)
			break;
		move_map(run, &map);
	}
	if (run->finished)
		drop_portion(run);
	else
		move_portion(run);
	/* An address space that ends early looks like one with little in it. */
	if (run->error == 0 && pages_left(run) > 0)
		run->error = -run->kernel->check(run->kernel->context);
}

void migrate_run(const struct work_request *request, const struct work_channel *channel,
		 const struct migrate_kernel *kernel)
{
	/* Too large for a stack, and a worker has one request at a time. */
	static struct page_mover mover;
	struct run run = {
		.request = request,
		.channel = channel,
		.kernel = kernel,
		.mover = &mover,
		.bytes = request->bytes,
		.replied_at = kernel->now(kernel->context),
	};
	uint64_t most = request->chunk_bytes / kernel->page_size_bytes;
	uint64_t window = MIGRATE_WINDOW_BYTES / kernel->page_size_bytes;

	most = MAX_OF(MIN_OF(most, (uint64_t)MOVE_PAGES_MAX), UINT64_C(1));
	window = MAX_OF(MIN_OF(window, most), UINT64_C(1));
	run.window_pages = run.portion_pages = (size_t)window;
	run.portion_max_pages = (size_t)(most - most % window);
	mover = (struct page_mover){
		.kernel = kernel,
		.from_node = request->from_node,
		.to_node = request->to_node,
		.move_shared = request->move_shared,
	};
	if (request->from_node == request->to_node)
		finish(&run, EINVAL);
	else
		move_all(&run);
	reply(&run, true);
}
