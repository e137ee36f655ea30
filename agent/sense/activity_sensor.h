/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel does about memory: the events of vmstat as rates, dirty memory and the thresholds
 * that hold. Fills the host.* rates, host.oom-kills, mem.dirty* and mem.writeback, and the count of
 * OOM kills that the other sensors ask for (host_sensor.h).
 *
 * vmstat has close to 200 lines and the kernel adds up each CPU's counters for it. On a quiet host
 * it is read every 10 s. Memory stalls, and free or dirty memory that moves, make it worth a closer
 * look; afterwards it is read less and less often, so that a rate is never older than the span that
 * it was measured over.
 */

#include "sense/sensor.h"

/* One for each rate, and what reclaim looked at and got. */
#define ACTIVITY_TOTALS 13
/* At the densest cadence these make more than a second. */
#define ACTIVITY_SAMPLES 12

struct activity_sample {
	usec_t at;
	uint32_t present; /* bits 1 << index into totals */
	uint64_t totals[ACTIVITY_TOTALS];
};

struct activity_sensor {
	int vmstat_fd;
	usec_t read_at;	    /* 0: never */
	usec_t period_usec; /* until the next reading if nothing happens */
	/* As they were at the last reading. */
	uint64_t stalled_usec;
	uint64_t free_bytes;
	uint64_t dirty_bytes;
	bool is_readable;
	bool oom_kills_absent;
	bool thresholds_absent;
	bool reclaim_of_services;
	unsigned newest;
	unsigned count;
	struct activity_sample samples[ACTIVITY_SAMPLES];
};

extern const struct sensor activity_sensor;
