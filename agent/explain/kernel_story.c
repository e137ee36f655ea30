/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/kernel_story.h"

#include "util/macro.h"

static uint64_t value_of(const struct snapshot *s, enum metric_id id)
{
	struct reading r = s->host.readings[metric_index(id)];

	return r.state == READING_KNOWN && r.value > 0 ? (uint64_t)r.value : 0;
}

static void add_part(struct kernel_story *story, struct kernel_memory_part part)
{
	if (part.bytes > 0 && story->part_count < KERNEL_STORY_PARTS)
		story->parts[story->part_count++] = part;
}

static void add_metrics(struct kernel_story *story, const struct snapshot *s)
{
	static const struct {
		enum kernel_memory_kind kind;
		enum metric_id id;
	} metrics[] = {
		{ KERNEL_MEMORY_PAGE_TABLES, METRIC_MEM_PAGE_TABLES },
		{ KERNEL_MEMORY_VMALLOC, METRIC_MEM_VMALLOC },
		{ KERNEL_MEMORY_PERCPU, METRIC_MEM_PERCPU },
		{ KERNEL_MEMORY_STACKS, METRIC_MEM_KERNEL_STACK },
		{ KERNEL_MEMORY_ZRAM, METRIC_MEM_ZRAM },
		{ KERNEL_MEMORY_UNACCOUNTED, METRIC_MEM_UNACCOUNTED },
	};
	struct kernel_memory_part slab = {
		.kind = KERNEL_MEMORY_SLAB,
		.bytes = value_of(s, METRIC_MEM_SLAB_RECLAIMABLE) +
			 value_of(s, METRIC_MEM_SLAB_UNRECLAIMABLE),
	};
	struct kernel_memory_part arc = {
		.kind = KERNEL_MEMORY_ARC,
		.bytes = value_of(s, METRIC_MEM_ARC),
		.reclaimable_bytes = value_of(s, METRIC_MEM_ARC_RECLAIMABLE),
	};

	add_part(story, slab);
	add_part(story, arc);
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		add_part(story, (struct kernel_memory_part){ .kind = metrics[i].kind,
							     .bytes = value_of(s, metrics[i].id) });
}

void kernel_story_tell(const struct snapshot *snapshot, const struct memory_detail *details,
		       struct kernel_story *ret)
{
	struct reading available = snapshot->host.readings[metric_index(METRIC_MEM_AVAILABLE)];
	struct kernel_memory_input input = {
		.total_bytes = value_of(snapshot, METRIC_MEM_TOTAL),
		.free_bytes = value_of(snapshot, METRIC_MEM_FREE),
		.file_bytes = value_of(snapshot, METRIC_MEM_FILE),
		.available_known = available.state == READING_KNOWN,
		.available_bytes = value_of(snapshot, METRIC_MEM_AVAILABLE),
	};

	*ret = (struct kernel_story){ 0 };
	add_metrics(ret, snapshot);
	for (size_t i = 0; i < details->slab_count; i++) {
		const struct slab_detail *slab = &details->slabs[i];

		add_part(ret, (struct kernel_memory_part){ .kind = KERNEL_MEMORY_CACHE,
							   .name = slab->name,
							   .bytes = slab->bytes,
							   .growth_known = slab->growth_known,
							   .growth_bytes = slab->growth_bytes,
							   .growth_usec = slab->growth_usec });
	}
	input.parts = ret->parts;
	input.part_count = ret->part_count;
	/* Without them everything is spent. */
	if (input.total_bytes == 0 || input.free_bytes == 0)
		return;
	ret->count = MIN_OF(kernel_memory_find(&input, ret->findings, KERNEL_STORY_FINDINGS),
			    (size_t)KERNEL_STORY_FINDINGS);
}

/* Some of what the kernel holds it holds for processes, and lets go with them. */
static const char *end_of(enum kernel_memory_kind kind)
{
	switch (kind) {
	case KERNEL_MEMORY_PAGE_TABLES:
		return ". No RSS counts it; it goes with the processes whose memory it maps";
	case KERNEL_MEMORY_STACKS:
		return ". No RSS counts it; it goes with the threads whose stacks they are";
	case KERNEL_MEMORY_ZRAM:
		return ". No RSS counts it; it goes with the processes whose pages were swapped "
		       "out";
	case KERNEL_MEMORY_CACHE:
	case KERNEL_MEMORY_SLAB:
	case KERNEL_MEMORY_VMALLOC:
	case KERNEL_MEMORY_PERCPU:
	case KERNEL_MEMORY_ARC:
	case KERNEL_MEMORY_UNACCOUNTED:
		break;
	}
	return ". This is not any process, and no kill gives it back";
}

void kernel_finding_text(const struct kernel_memory_finding *finding, struct strbuf *out)
{
	static const char *const kinds[] = {
		[KERNEL_MEMORY_CACHE] = ", a slab cache of the kernel, has ",
		[KERNEL_MEMORY_SLAB] = "the kernel's slab caches together have ",
		[KERNEL_MEMORY_PAGE_TABLES] = "page tables have ",
		[KERNEL_MEMORY_VMALLOC] = "what the kernel mapped page by page (vmalloc) has ",
		[KERNEL_MEMORY_PERCPU] = "per-CPU memory has ",
		[KERNEL_MEMORY_STACKS] = "kernel stacks have ",
		[KERNEL_MEMORY_ARC] = "the ARC of ZFS keeps ",
		[KERNEL_MEMORY_ZRAM] = "compressed swap has ",
		[KERNEL_MEMORY_UNACCOUNTED] = "nothing names ",
	};
	const struct kernel_memory_part *part = finding->part;

	if (part->name)
		strbuf_add_name(out, part->name);
	strbuf_add(out, kinds[part->kind]);
	strbuf_add_bytes(out, (int64_t)MIN_OF(finding->bytes, (uint64_t)INT64_MAX));
	strbuf_add(out, ", ");
	strbuf_add_permyriad(out, finding->spent_permyriad);
	strbuf_add(out, " of what is spent");
	if (finding->grows) {
		strbuf_add(out, ", and grows by ");
		strbuf_add_bytes(out, finding->growth_bytes_per_sec);
		strbuf_add(out, "/s: what is available lasts ");
		strbuf_add_duration(out, finding->time_to_empty);
	}
	strbuf_add(out, end_of(part->kind));
}
