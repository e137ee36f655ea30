// SPDX-License-Identifier: LGPL-2.1-or-later

#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t cpu_nsec(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0) {
		perror("clock_gettime");
		exit(2);
	}
	return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void measure_start(struct measure *m)
{
	m->started_nsec = cpu_nsec();
}

void measure_stop(struct measure *m)
{
	if (m->count < MEASURE_SAMPLES_MAX)
		m->nsec[m->count++] = cpu_nsec() - m->started_nsec;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t measure_median_nsec(struct measure *m)
{
	if (m->count == 0)
		return 0;
	qsort(m->nsec, m->count, sizeof(m->nsec[0]), compare);
	return m->nsec[m->count / 2];
}
