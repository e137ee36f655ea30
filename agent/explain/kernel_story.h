/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * "This is not any process": the kernel's own memory judged (model/kernel_memory.h), in words.
 */

#include "core/detail.h"
#include "core/snapshot.h"
#include "model/kernel_memory.h"
#include "util/strbuf.h"

#define KERNEL_STORY_PARTS    48
#define KERNEL_STORY_FINDINGS 8

struct kernel_story {
	struct kernel_memory_part parts[KERNEL_STORY_PARTS];
	size_t part_count;
	struct kernel_memory_finding findings[KERNEL_STORY_FINDINGS];
	size_t count;
};

/* *ret points into itself and into `details`. */
void kernel_story_tell(const struct snapshot *snapshot, const struct memory_detail *details,
		       struct kernel_story *ret);

/* "nfs_inode_cache, a slab cache, holds 2.5 GiB, 38% of what is spent. This is not any process:
 * ..."
 */
void kernel_finding_text(const struct kernel_memory_finding *finding, struct strbuf *out);
