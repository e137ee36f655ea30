/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * zoneinfo: the watermarks and what each zone has above them, from which headroom is computed.
 */

#include "sense/sensor.h"

/* Makes `then` of each node's state anew; then_known is false where that was not possible. */
void node_zones_read(struct sense *sense, usec_t now);
