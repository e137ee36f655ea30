/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host as a whole: meminfo, pressure, and the sysctls and neighbours that
 * change what the agent may do. Fills snapshot.host.
 */

#include "model/pressure_average.h"
#include "model/slope.h"
#include "sense/rate.h"
#include "sense/sensor.h"

enum host_pressure {
	HOST_PRESSURE_CPU,
	HOST_PRESSURE_IO,
	HOST_PRESSURE_MEMORY,
	HOST_PRESSURE_COUNT_,
};

/* Those that are known by their averages alone: they come first. */
#define HOST_AVERAGE_COUNT HOST_PRESSURE_MEMORY

struct host_sensor {
	int meminfo_fd;
	int pressure_fds[HOST_PRESSURE_COUNT_];
	struct pressure_average pressures[HOST_PRESSURE_COUNT_];
	int pressure_error; /* of memory: why it cannot be read; 0: it can */
	struct slope available;
	usec_t meminfo_at;
	/* When meminfo was read last: what it said, and what the nodes had. */
	bool then_known;
	uint64_t available_then_bytes;
	uint64_t sum_then_bytes;
	uint64_t swap_free_then_bytes;
	bool is_stalled; /* memory was waited for when pressure was read last */
	/* It was more than a little when it was read last, or the kernel says that it is now. */
	bool average_moves[HOST_AVERAGE_COUNT];
	struct reading marked_averages[HOST_AVERAGE_COUNT];
	struct rate memory_some;
	struct rate memory_full;
	/* When what was read last; 0: never. */
	usec_t averages_at[HOST_AVERAGE_COUNT];
	usec_t stalls_at;
	/* Counters since boot, for whoever asks whether something happened. */
	uint64_t stalled_usec;
	uint64_t oom_kills; /* by activity_sensor.h */
	bool available_absent;
	bool sysctls_due; /* somebody wrote one */
	/* The cgroups are those of a systemd that cannot be asked: this is a container. */
	bool is_systemd_elsewhere;
};

extern const struct sensor host_sensor;

/* Does a rule go by averages that have to be looked at now? */
bool host_sensor_follows_averages(const struct sense *sense);
/* As node_sensor.h has it, of the averages that a rule goes by. */
void host_sensor_mark(struct sense *sense);
bool host_sensor_has_moved(const struct sense *sense);
