/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/kernel_sensor.h"

#include "sense/slab_top.h"
#include "sense/state.h"
#include "sys/arcstats.h"
#include "sys/host_info.h"
#include "sys/meminfo.h"
#include "sys/slabinfo.h"
#include "sys/sysroot.h"
#include "sys/zram.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* What meminfo, arcstats and mm_stat say moves slowly, or shows in the host's and the nodes' own
 * metrics first. */
#define AMOUNTS_USEC	   (25 * USEC_PER_SEC)
#define AMOUNTS_SHORT_USEC (1 * USEC_PER_SEC)
/* Less than this part of memory is left. */
#define SHORT_PART 8

/* slabinfo takes slab_mutex, and each cache's locks. Meminfo's sum tells whether there is anything
 * to see in it: the more that moved, or the less is left, the sooner. */
#define SLABS_USEC	 (60 * USEC_PER_SEC)
#define SLABS_MOVED_PART 1024 /* 16 MiB of 16 GiB */
#define SLABS_FAST_USEC	 (10 * USEC_PER_SEC)
#define SLABS_FAST_PART	 256
/* Caches may grow at the cost of each other. */
#define SLABS_SLOW_USEC (600 * USEC_PER_SEC)

static const enum metric_id amount_ids[] = {
	METRIC_MEM_ANON,
	METRIC_MEM_FILE,
	METRIC_MEM_SHMEM,
	METRIC_MEM_HUGETLB,
	METRIC_MEM_KERNEL,
	METRIC_MEM_SLAB_RECLAIMABLE,
	METRIC_MEM_SLAB_UNRECLAIMABLE,
	METRIC_MEM_PAGE_TABLES,
	METRIC_MEM_VMALLOC,
	METRIC_MEM_PERCPU,
	METRIC_MEM_KERNEL_STACK,
	METRIC_MEM_UNACCOUNTED,
};

static uint64_t sum(const struct meminfo *m, const enum meminfo_key *keys, size_t count)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes = plus(bytes, meminfo_amount(m, keys[i]));
	return bytes;
}

#define SUM(m, ...)                                       \
	sum(m, (const enum meminfo_key[]){ __VA_ARGS__ }, \
	    sizeof((const enum meminfo_key[]){ __VA_ARGS__ }) / sizeof(enum meminfo_key))

uint64_t kernel_sensor_pool_bytes(const struct sense *s, const struct meminfo *m)
{
	uint64_t nodes = 0, bytes;

	if (meminfo_has(m, MEMINFO_HUGETLB))
		return m->values[MEMINFO_HUGETLB];
	for (size_t i = 0; i < s->nodes.count; i++)
		nodes = plus(nodes, s->nodes.states[i].pool_bytes);
	if (__builtin_mul_overflow(meminfo_amount(m, MEMINFO_HUGE_TOTAL),
				   meminfo_amount(m, MEMINFO_HUGE_PAGE_SIZE), &bytes))
		bytes = 0;
	/* The default size alone. */
	return MAX_OF(bytes, nodes);
}

static uint64_t slab_bytes(const struct meminfo *m)
{
	return MAX_OF(meminfo_amount(m, MEMINFO_SLAB),
		      SUM(m, MEMINFO_SLAB_RECLAIMABLE, MEMINFO_SLAB_UNRECLAIMABLE));
}

static uint64_t kernel_bytes(const struct meminfo *m)
{
	uint64_t vmalloc = 0;

	(void)meminfo_vmalloc(m, &vmalloc);
	vmalloc = MAX_OF(vmalloc, meminfo_amount(m, MEMINFO_KERNEL_STACK));
	return plus(plus(slab_bytes(m), vmalloc),
		    SUM(m, MEMINFO_PAGE_TABLES, MEMINFO_SEC_PAGE_TABLES, MEMINFO_PERCPU));
}

static uint64_t process_bytes(const struct meminfo *m)
{
	uint64_t mapped = SUM(m, MEMINFO_ANON_PAGES, MEMINFO_CACHED, MEMINFO_BUFFERS);
	uint64_t listed = SUM(m, MEMINFO_ACTIVE, MEMINFO_INACTIVE, MEMINFO_UNEVICTABLE);

	return MAX_OF(mapped, listed);
}

static bool knows_kernel(const struct meminfo *m)
{
	return (meminfo_has(m, MEMINFO_SLAB) || meminfo_has(m, MEMINFO_SLAB_UNRECLAIMABLE)) &&
	       meminfo_has(m, MEMINFO_PAGE_TABLES) && meminfo_has(m, MEMINFO_KERNEL_STACK);
}

static struct reading unaccounted(struct sense *s, const struct meminfo *m)
{
	uint64_t named;

	if (!knows_kernel(m) || !meminfo_has(m, MEMINFO_FREE) || !meminfo_has(m, MEMINFO_CACHED) ||
	    !meminfo_has(m, MEMINFO_ANON_PAGES))
		return READING_NONE;
	named = plus(process_bytes(m), kernel_bytes(m));
	named = plus(named, kernel_sensor_pool_bytes(s, m));
	named = plus(named, SUM(m, MEMINFO_FREE, MEMINFO_BOUNCE, MEMINFO_ZSWAP, MEMINFO_BALLOON,
				MEMINFO_GPU_ACTIVE, MEMINFO_GPU_RECLAIM));
	named = plus(named, reading_amount(host_reading(s, METRIC_MEM_ZRAM)));
	return reading_of_bytes(less(m->values[MEMINFO_TOTAL], named));
}

static void fill_kernel(struct sense *s, usec_t now, const struct meminfo *m)
{
	struct kernel_sensor *k = &s->kernel;
	uint64_t vmalloc;
	int64_t grown;
	usec_t span;

	k->slab_bytes = slab_bytes(m);
	if (meminfo_vmalloc(m, &vmalloc))
		host_set(s, METRIC_MEM_VMALLOC, reading_of_bytes(vmalloc));
	host_set(s, METRIC_MEM_KERNEL_GROWTH, READING_NONE);
	if (!knows_kernel(m))
		return;
	host_set(s, METRIC_MEM_KERNEL, reading_of_bytes(kernel_bytes(m)));
	growth_add(&k->growth, now, kernel_bytes(m));
	if (!s->snapshot.single && growth_get(&k->growth, &grown, &span))
		host_set(s, METRIC_MEM_KERNEL_GROWTH,
			 reading_of(MAX_OF(growth_rate(grown, span), INT64_C(0))));
}

static void fill_amounts(struct sense *s, const struct meminfo *m)
{
	uint64_t pool = kernel_sensor_pool_bytes(s, m);

	host_set(s, METRIC_MEM_ANON, reading_of_meminfo(m, MEMINFO_ANON_PAGES));
	host_set(s, METRIC_MEM_SHMEM, reading_of_meminfo(m, MEMINFO_SHMEM));
	if (meminfo_has(m, MEMINFO_CACHED) && meminfo_has(m, MEMINFO_SHMEM))
		host_set(s, METRIC_MEM_FILE,
			 reading_of_bytes(less(SUM(m, MEMINFO_CACHED, MEMINFO_BUFFERS),
					       m->values[MEMINFO_SHMEM])));
	if (pool > 0 || meminfo_has(m, MEMINFO_HUGETLB) || meminfo_has(m, MEMINFO_HUGE_TOTAL))
		host_set(s, METRIC_MEM_HUGETLB, reading_of_bytes(pool));
	host_set(s, METRIC_MEM_SLAB_RECLAIMABLE, reading_of_meminfo(m, MEMINFO_SLAB_RECLAIMABLE));
	host_set(s, METRIC_MEM_SLAB_UNRECLAIMABLE,
		 reading_of_meminfo(m, MEMINFO_SLAB_UNRECLAIMABLE));
	if (meminfo_has(m, MEMINFO_PAGE_TABLES))
		host_set(s, METRIC_MEM_PAGE_TABLES,
			 reading_of_bytes(SUM(m, MEMINFO_PAGE_TABLES, MEMINFO_SEC_PAGE_TABLES)));
	host_set(s, METRIC_MEM_PERCPU, reading_of_meminfo(m, MEMINFO_PERCPU));
	host_set(s, METRIC_MEM_KERNEL_STACK, reading_of_meminfo(m, MEMINFO_KERNEL_STACK));
	host_set(s, METRIC_MEM_UNACCOUNTED, unaccounted(s, m));
}

static void read_meminfo(struct sense *s, usec_t now)
{
	int fd = s->host.meminfo_fd;
	struct meminfo m = { 0 };
	ssize_t n = fd < 0 ? -ENOENT : sysroot_read_once_fd(fd, s->text, s->text_size);

	for (size_t i = 0; i < ARRAY_SIZE(amount_ids); i++)
		host_set(s, amount_ids[i], READING_NONE);
	host_set(s, METRIC_MEM_KERNEL_GROWTH, READING_NONE);
	s->kernel.amounts_failed = n < 0 || meminfo_parse(s->text, (size_t)n, &m) < 0;
	if (s->kernel.amounts_failed)
		return;
	fill_kernel(s, now, &m);
	fill_amounts(s, &m);
}

static void read_arc(struct sense *s)
{
	int fd = s->kernel.arcstats_fd;
	struct reading none = fd == -ENOENT && s->root->live ? reading_of(0) : READING_NONE;
	struct arcstats stats;
	ssize_t n = fd < 0 ? fd : sysroot_read_fd(fd, s->text, s->text_size);

	host_set(s, METRIC_MEM_ARC, none);
	host_set(s, METRIC_MEM_ARC_RECLAIMABLE, none);
	if (n < 0 || arcstats_parse(s->text, (size_t)n, &stats) < 0)
		return;
	host_set(s, METRIC_MEM_ARC, reading_of_bytes(stats.size_bytes));
	host_set(s, METRIC_MEM_ARC_RECLAIMABLE,
		 reading_of_bytes(less(stats.size_bytes, stats.min_bytes)));
}

/* One that vanished meanwhile takes nothing. */
static void read_zram(struct sense *s)
{
	struct kernel_sensor *k = &s->kernel;
	uint64_t bytes, all = 0;

	/* Devices that nobody uses are looked at when they are listed. */
	if (!k->zram_listed && reading_amount(host_reading(s, METRIC_MEM_ZRAM)) == 0)
		return;
	k->zram_listed = false;
	host_set(s, METRIC_MEM_ZRAM, READING_NONE);
	if (k->zram_error < 0)
		return;
	for (int i = idset_next(&k->zram, 0); i >= 0; i = idset_next(&k->zram, (unsigned)i + 1)) {
		int r = zram_used(s->root, (unsigned)i, &bytes);

		if (r < 0 && r != -ENOENT)
			return;
		all = plus(all, r < 0 ? 0 : bytes);
	}
	host_set(s, METRIC_MEM_ZRAM, reading_of_bytes(all));
}

static struct kernel_slab *find_slab(struct kernel_sensor *k, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(k->slabs); i++)
		if (strcmp(k->slabs[i].name, name) == 0)
			return &k->slabs[i];
	return NULL;
}

/* Those that are not among the largest any more make room for those that have become so. */
static void follow(struct kernel_sensor *k, usec_t now, const struct slab_top *top)
{
	for (size_t i = 0; i < ARRAY_SIZE(k->slabs); i++) {
		bool is_top = false;

		for (size_t t = 0; t < top->count && !is_top; t++)
			is_top = strcmp(top->slabs[t].name, k->slabs[i].name) == 0;
		if (!is_top)
			k->slabs[i] = (struct kernel_slab){ 0 };
	}
	for (size_t t = 0; t < top->count; t++) {
		struct kernel_slab *slab = find_slab(k, top->slabs[t].name);

		if (!slab) {
			slab = find_slab(k, "");
			memcpy(slab->name, top->slabs[t].name, sizeof(slab->name));
		}
		growth_add(&slab->growth, now, top->slabs[t].bytes);
	}
}

/* And its name; none where nothing grows. */
static struct reading fastest_growth(const struct kernel_sensor *k, char ret_name[SLAB_NAME_BYTES])
{
	struct reading fastest = READING_NONE;
	int64_t grown;
	usec_t span;

	for (size_t i = 0; i < ARRAY_SIZE(k->slabs); i++) {
		const struct kernel_slab *slab = &k->slabs[i];

		if (!slab->name[0] || !growth_get(&slab->growth, &grown, &span))
			continue;
		if (growth_rate(grown, span) > fastest.value)
			memcpy(ret_name, slab->name, SLAB_NAME_BYTES);
		fastest = reading_of(MAX_OF(fastest.value, growth_rate(grown, span)));
	}
	return fastest;
}

static void read_slabs(struct sense *s, usec_t now)
{
	struct kernel_sensor *k = &s->kernel;
	struct slab_detail slabs[KERNEL_SLABS];
	struct slab_top top = {
		.slabs = slabs,
		.capacity = ARRAY_SIZE(slabs),
		.page_size_bytes = s->snapshot.host.page_size_bytes,
	};
	int n = k->slabinfo_fd < 0
			? k->slabinfo_fd
			: slabinfo_each(k->slabinfo_fd, s->text, s->text_size, slab_top_take, &top);

	host_set(s, METRIC_MEM_SLAB_TOP, READING_NONE);
	host_set(s, METRIC_MEM_SLAB_TOP_GROWTH, READING_NONE);
	s->snapshot.host.slab_top[0] = '\0';
	s->snapshot.host.slab_growing[0] = '\0';
	k->slabs_at = now;
	k->slab_bytes_then = k->slab_bytes;
	if (n <= 0)
		return;
	follow(k, now, &top);
	host_set(s, METRIC_MEM_SLAB_TOP, reading_of_bytes(slabs[0].bytes));
	memcpy(s->snapshot.host.slab_top, slabs[0].name, SLAB_NAME_BYTES);
	if (!s->snapshot.single)
		host_set(s, METRIC_MEM_SLAB_TOP_GROWTH,
			 fastest_growth(k, s->snapshot.host.slab_growing));
}

bool kernel_sensor_slab_growth(const struct sense *s, const char *name, int64_t *ret_bytes,
			       usec_t *ret_usec)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->kernel.slabs); i++)
		if (strcmp(s->kernel.slabs[i].name, name) == 0 && name[0])
			return growth_get(&s->kernel.slabs[i].growth, ret_bytes, ret_usec);
	return false;
}

static bool is_short(struct sense *s)
{
	const struct reading available = host_reading(s, METRIC_MEM_AVAILABLE);

	if (available.state == READING_KNOWN &&
	    reading_amount(available) <
		    reading_amount(host_reading(s, METRIC_MEM_TOTAL)) / SHORT_PART)
		return true;
	return node_sensor_is_short(s);
}

static bool are_amounts_due(struct sense *s, usec_t now)
{
	usec_t age = now - s->kernel.amounts_at;

	/* A captured machine does not change between rounds but by the next one of its sequence. */
	if (s->kernel.amounts_at == 0 || s->kernel.amounts_due || !s->root->live ||
	    age >= AMOUNTS_USEC)
		return true;
	return age >= AMOUNTS_SHORT_USEC && is_short(s);
}

static bool are_slabs_due(struct sense *s, usec_t now)
{
	const struct kernel_sensor *k = &s->kernel;
	usec_t age = now - k->slabs_at;
	uint64_t total = reading_amount(host_reading(s, METRIC_MEM_TOTAL));
	uint64_t moved = apart(k->slab_bytes, k->slab_bytes_then);

	if (k->slabs_at == 0 || !s->root->live || age >= SLABS_SLOW_USEC)
		return true;
	/* The second reading tells how they grow. */
	if (age >= SLABS_USEC &&
	    (moved >= total / SLABS_MOVED_PART ||
	     host_reading(s, METRIC_MEM_SLAB_TOP_GROWTH).state != READING_KNOWN))
		return true;
	return age >= SLABS_FAST_USEC && (moved >= total / SLABS_FAST_PART || is_short(s));
}

static void open_arcstats(struct sense *s)
{
	if (s->kernel.arcstats_fd < 0)
		s->kernel.arcstats_fd = arcstats_open(s->root);
}

static void look_rarely(struct sense *s)
{
	uint64_t bytes;

	host_set(s, METRIC_MEM_RESERVE,
		 host_info_reserve(s->root, &bytes) == 0 ? reading_of_bytes(bytes) : READING_NONE);
	s->kernel.zram_error = zram_list(s->root, &s->kernel.zram);
	s->kernel.zram_listed = true;
	open_arcstats(s);
}

static int kernel_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct kernel_sensor *k = &s->kernel;

	if (housekeep)
		look_rarely(s);
	if (are_amounts_due(s, now)) {
		read_arc(s);
		read_zram(s);
		read_meminfo(s, now);
		k->amounts_at = s->snapshot.amounts_at = now;
		k->amounts_due = false;
	}
	if (are_slabs_due(s, now))
		read_slabs(s, now);
	return 0;
}

static int kernel_sensor_open(struct sense *s)
{
	struct kernel_sensor *k = &s->kernel;

	k->slabinfo_fd = slabinfo_open(s->root);
	k->arcstats_fd = -ENOENT;
	k->amounts_at = k->slabs_at = 0;
	look_rarely(s);
	return 0;
}

static void kernel_sensor_close(struct sense *s)
{
	drop_fd(&s->kernel.slabinfo_fd);
	drop_fd(&s->kernel.arcstats_fd);
}

/* Other files than meminfo, and why they may not be there to be read. */
static const struct {
	enum metric_id id;
	const char *reason;
} others[] = {
	{ METRIC_MEM_SLAB_TOP, "mem.slab-top, mem.slab-top-growth: slabinfo cannot be read here "
			       "(it is root's alone, or this kernel has none)" },
	{ METRIC_MEM_ARC, "mem.arc, mem.arc-reclaimable: arcstats cannot be read here" },
	{ METRIC_MEM_ZRAM, "mem.zram: the block devices cannot be read here" },
	{ METRIC_MEM_RESERVE, "mem.reserve: min_free_kbytes cannot be read here" },
};

static bool is_known(const struct sense *s, enum metric_id id)
{
	return host_reading(s, id).state == READING_KNOWN;
}

static void kernel_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	enum metric_id ids[ARRAY_SIZE(amount_ids)], not_captured[ARRAY_SIZE(others)];
	size_t count = 0, not_captured_count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(amount_ids) && !s->kernel.amounts_failed; i++)
		if (!is_known(s, amount_ids[i]))
			ids[count++] = amount_ids[i];
	gap_add_metrics(list, ids, count, "this kernel's meminfo does not tell");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (is_known(s, others[i].id))
			continue;
		if (s->root->live)
			gap_add(list, others[i].reason);
		else
			not_captured[not_captured_count++] = others[i].id;
	}
	gap_add_metrics(list, not_captured, not_captured_count, "the files were not captured");
}

const struct sensor kernel_sensor = {
	.open = kernel_sensor_open,
	.close = kernel_sensor_close,
	.rescan = kernel_sensor_rescan,
	.gaps = kernel_sensor_gaps,
};
