/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Time that this thread spent on a processor, in samples of which the median counts: what other
 * programs do meanwhile is not in it, but for what they leave in caches.
 */

#include <stddef.h>
#include <stdint.h>

#define MEASURE_SAMPLES_MAX 1024

struct measure {
	int64_t nsec[MEASURE_SAMPLES_MAX];
	size_t count;
	int64_t started_nsec;
};

void measure_start(struct measure *m);
/* Samples beyond the first MEASURE_SAMPLES_MAX are not taken. */
void measure_stop(struct measure *m);
/* 0 when there are none. Sorts. */
int64_t measure_median_nsec(struct measure *m);
