/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who causes the host's memory pressure: services at limits of their own first, whose stalls are
 * theirs alone (model/attribution.h), then those that are stalled by the host's want.
 */

#include "core/snapshot.h"
#include "model/attribution.h"
#include "util/strbuf.h"

#define PRESSURE_ENTRIES_MAX 8

struct pressure_entry {
	const struct service *service;
	int64_t self; /* hundredths of a percent of the last 10 s */
	int64_t some;
	bool is_within; /* another service at a limit holds it: its pressure is in that one's */
	bool is_held;	/* a cgroup above it is at a limit, and it is at none of its own */
};

struct pressure_story {
	bool known; /* the host has pressure stall information */
	int64_t some;
	int64_t full;
	struct attribution own;
	struct pressure_entry entries[PRESSURE_ENTRIES_MAX]; /* those that are stalled, ranked */
	size_t count;
	size_t left_out;
	bool has_held; /* of those that `own` is made of */
};

void pressure_story_tell(const struct snapshot *snapshot, struct pressure_story *ret);

/* "services at their own limits explain 40% to 60% of 75%; at least 15% is the host's". False:
 * nobody is stalled. */
bool pressure_story_sum(const struct pressure_story *story, struct strbuf *out);
/* "ci-build.service makes 90% for itself, at its memory.high of 1 GiB (500/s)". */
void pressure_entry_text(const struct pressure_entry *entry, struct strbuf *out);
/* What limit the service runs into: "at its memory.high of 1 GiB (500/s)". */
void pressure_limit_text(const struct service *service, struct strbuf *out);
/* Of a service that is held (core/snapshot.h): "the cgroup above it, user.slice, is at its limit".
 */
void pressure_holder_text(const struct service *service, struct strbuf *out);
