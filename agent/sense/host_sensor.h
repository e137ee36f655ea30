/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host as a whole: meminfo, pressure, vmstat's events, and the sysctls and neighbours that
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
	int vmstat_fd;
	int pressure_fds[HOST_PRESSURE_COUNT_];
	int pressure_error; /* of memory: why it cannot be read; 0: it can */
	struct slope available;
	struct rate memory_some;
	struct rate memory_full;
	struct rate allocstall;
	/* When what was read last; 0: never. */
	usec_t averages_at;
	usec_t stalls_at;
	usec_t vmstat_at;
	/* Counters since boot, for whoever asks whether something happened. */
	uint64_t stalled_usec;
	uint64_t oom_kills;
	uint64_t allocstalls;
	bool allocstall_known;
	bool available_absent;
	bool oom_kills_absent;
};

extern const struct sensor host_sensor;
