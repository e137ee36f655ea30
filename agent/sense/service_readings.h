/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a service's totals mean: the snapshot's readings of it.
 */

#include "sense/service_registry.h"

/* Takes out what belongs to a service right below. Rates too: they add up as what they are rates of
 * does, and nothing remains of one that is gone. */
void service_totals_subtract(const struct sense *sense, struct service_totals *own,
			     const struct service_totals *below);
/* `own`: its totals less those below. Limits hold for all of it, so the room below them is that of
 * the totals. */
void service_readings_fill(struct sense *sense, size_t index, const struct service_totals *own);
/* A calm round: slopes for the services that need one. */
void service_readings_rescan(struct sense *sense);
/* What cgroup v1 does not show. */
void service_readings_v1_gaps(const struct sense *sense, struct gap_list *list);
