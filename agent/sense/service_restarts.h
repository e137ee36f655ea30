/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which services came back, and after what: tells restart_log.h of what the registry sees, and
 * makes the readings. The cgroups of a captured machine have no identity: of those only who is
 * missing in between is seen to come back.
 */

#include "sense/sensor.h"

struct service_entry;

extern const struct sensor service_restarts_sensor;

/* Its cgroup is gone, or another one has its path. */
void service_restarts_gone(struct sense *sense, const struct service_entry *entry);
/* A service that was not there at the walk before. */
void service_restarts_came(struct sense *sense, size_t index);
/* The kernel took a process of this cgroup, which lies below the cgroup `known`, or is not known
 * (""). */
void service_restarts_oom(struct sense *sense, const char *cgroup, const char *known);
