/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host as a whole: meminfo, pressure, and the sysctls and neighbours that
 * change what the agent may do. Fills snapshot.host.
 */

#include "model/slope.h"
#include "sense/rate.h"
#include "sense/sensor.h"

enum host_pressure {
	HOST_PRESSURE_CPU,
	HOST_PRESSURE_IO,
	HOST_PRESSURE_MEMORY,
	HOST_PRESSURE_COUNT_,
};

struct host_sensor {
	int meminfo_fd;
	int pressure_fds[HOST_PRESSURE_COUNT_];
	int pressure_error; /* of memory: why it cannot be read; 0: it can */
	struct slope available;
	usec_t meminfo_at;
	/* When meminfo was read last: what it said, and what the nodes had. */
	bool then_known;
	uint64_t available_then_bytes;
	uint64_t sum_then_bytes;
	uint64_t swap_free_then_bytes;
	bool is_stalled; /* memory was waited for when pressure was read last */
	struct rate memory_some;
	struct rate memory_full;
	/* When what was read last; 0: never. */
	usec_t averages_at;
	usec_t stalls_at;
	/* Counters since boot, for whoever asks whether something happened. */
	uint64_t stalled_usec;
	uint64_t oom_kills; /* by activity_sensor.h */
	bool available_absent;
};

extern const struct sensor host_sensor;
