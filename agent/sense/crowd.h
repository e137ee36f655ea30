/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Many processes, each too small to matter, that together hold much. Whom the kernel chooses when
 * memory ends depends on its era (model/badness.h), but in none does killing one of them help:
 * below a thousandth of the memory in question 2.6.32 cannot tell them from the smallest there is,
 * and later kernels need a thousand kills for what is wanted. So a process counts that has less.
 *
 * What processes map together counts for each of them, so the sum is at most what the service has
 * in anonymous memory. The sizes are those that listing its processes tells anyway.
 */

#include "core/snapshot.h"

struct sense;

/* Of one service, while its processes are listed. Pages. */
struct crowd {
	uint64_t below;	     /* what a process must have less than: of its limit */
	uint64_t host_below; /* ... of the host */
	uint64_t pages;
	uint64_t host_pages;
};

struct crowd crowd_begin(const struct sense *sense, size_t index);
void crowd_add(struct crowd *crowd, uint64_t rss_pages);
void crowd_take(struct sense *sense, size_t index, const struct crowd *crowd);

/* The service's reading, from what was taken and its other readings. */
void crowd_fill_service(struct sense *sense, size_t index);
/* The host's, if services were listed since. */
void crowd_fill_host(struct sense *sense);
