/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How long the subject of a rule still has: its own headroom and time-to-empty, by scope. That of a
 * canary has what the host has.
 */

#include "core/snapshot.h"

/* node.headroom, mem.available; METRIC_NONE for a scope that has none. */
enum metric_id outlook_headroom_metric(enum scope scope);
enum metric_id outlook_time_to_empty_metric(enum scope scope);

struct reading outlook_time_to_empty(const struct snapshot *snapshot, struct subject subject);

/* How fast the headroom falls, in bytes per second: headroom over time-to-empty. 0 when it does not
 * fall or that is not known. */
uint64_t outlook_fall(const struct snapshot *snapshot, struct subject subject);

/* Is nothing left but what the kernel keeps for itself? Of a node, and of the host where all its
 * nodes are so: they are at their min watermarks, with no clean page to give. Of a service: it is
 * at its limit. False where that is not known. */
bool outlook_is_dry(const struct snapshot *snapshot, struct subject subject);

/* Is a host or node nearly empty, with less than a sixteenth left, or will it be within half a
 * minute? */
bool outlook_is_urgent(struct reading left, struct reading whole, struct reading time_to_empty);
