/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which CPUs are whose, for what Nodes=home asks of a service: where its threads run, and which
 * CPUs its cgroup has. Nothing is read where no policy has that, or where one node has all CPUs.
 */

#include "sense/sensor.h"
#include "sys/node_cpus.h"

struct cpu_map {
	struct node_cpus *cpus; /* NULL: nobody asks */
};

extern const struct sensor cpu_map_sensor;

/* NULL: nobody asks, or there are not two nodes with CPUs. */
const struct node_cpus *cpu_map_get(const struct sense *sense);
/* Has its policy Nodes=home? */
bool cpu_map_concerns(const struct sense *sense, const struct service *service);
