/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The canaries of the configuration: what each holds, and that it has died. Without a section
 * [Canary] there is no list, and nothing here does anything.
 *
 * A canary is followed as the service that its cgroup is. Only one that this agent has armed, and
 * that was seen to hold what it is to, can die: what a dying canary of an agent before this one
 * still has is no news, nor is the end of one that could not be armed. It is dead when
 *
 *   its process has ended	a pidfd tells, so also in a tick that looks at nothing else
 *   its cgroup is gone		or another one is in its place
 *   nobody runs in it		where there are no pidfds, and next to nothing is held
 *
 * Whether that was the kernel's OOM killer its log tells, which is read then to its end, or the
 * events of the cgroup, as long as it is there.
 */

#include "core/canary.h"
#include "sense/sensor.h"

struct service;

struct canary_state {
	uint64_t inode; /* of its cgroup, as seen last */
	size_t place;	/* in the registry; NO_SERVICE: it is not there */
	uint32_t bound; /* of its slice (service_bounds.h) */
	pid_t pid;	/* of its program, as seen last; 0: none was */
	bool is_ours;	/* this agent has armed it */
	bool is_armed;	/* it was seen to hold its memory, and has not ended since */
	bool is_dead;
	bool has_ended;	 /* its program, as a pidfd has told */
	bool is_killed;	 /* by the kernel's OOM killer, as the log has told */
	bool is_counted; /* its last death is among kernel_kills */
	uint64_t deaths;
	uint64_t kernel_kills;
	uint64_t oom_kills; /* of its cgroup, when it was armed */
	usec_t died_at;
};

struct canary_sensor {
	const struct canary *sections; /* the configuration's; NULL: none */
	size_t section_count;
	struct canary_status *statuses; /* the snapshot's */
	struct canary_state *states;	/* at the same places */
	char *text;			/* names and units of the statuses */
	size_t count;
	size_t left_out;     /* for want of room: CANARIES_MAX */
	bool is_due;	     /* the list is to be made anew */
	bool has_news;	     /* to be looked at in this very tick */
	bool is_unwatched;   /* the end of one would not be told yet: a rescan is wanted */
	unsigned generation; /* of the list; 0: there never was one */
	unsigned nodes;	     /* that it was made for, by their generation */
	unsigned order;	     /* of the registry that places are of */
};

extern const struct sensor canary_sensor;

/* Is this the cgroup of a canary? */
bool canary_sensor_has(const struct sense *sense, const struct service *service);
/* For the events: a process has ended; the kernel says that it has killed one. Either may be none
 * of a canary. */
void canary_sensor_note_end(struct sense *sense, pid_t pid, uint64_t inode);
void canary_sensor_note_kill(struct sense *sense, pid_t pid, const char *cgroup);
