/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the agent itself can do here, of which only moves depend on the place that it runs at.
 * Looked at in housekeeping: a cpuset may come over it at any time. A host of one node has nowhere
 * to move to, and no such gap.
 */

#include "sense/sensor.h"

extern const struct sensor own_sensor;

struct own_moves;
/* What it makes of that; of its own, for tests. */
void own_sensor_take(struct sense *sense, const struct own_moves *own);
