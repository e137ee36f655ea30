/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host's pressure that is no service's own making (model/attribution.h): psi.memory.*.shared.
 * Reads nothing: it is made of what the host's and the services' sensors found. Who is at a limit
 * is looked at in rounds in which somebody who was, or now is, was touched.
 */

#include "model/attribution.h"
#include "sense/sensor.h"

struct attribution_sensor {
	struct attribution some;
	struct attribution full;
	struct attribution_hold held_some;
	struct attribution_hold held_full;
};

extern const struct sensor attribution_sensor;
