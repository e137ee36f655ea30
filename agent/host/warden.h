/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * sense -> engine -> executor, put together once for the daemon and for `plan`. The caller owns the
 * clock and the loop: it calls warden_tick() with the present time, publishes what that left
 * behind, and comes back at warden_next().
 */

#include "core/detail.h"
#include "core/plan.h"
#include "core/verdict.h"
#include "rule/config.h"
#include "sense/sense.h"
#include "util/usec.h"

struct pause_list;
struct warden;

struct warden_options {
	const char *root; /* a captured machine, or NULL for this one */
	const struct config_path *config_path;
	const char *runtime_directory; /* lock and kept state; NULL: none, for a look only */
	bool act; /* false: every step is a dry run, whatever the configuration says */
	size_t migrators;
	size_t inspectors; /* not needed on a captured machine */
	size_t clerks;
	/* Called for `notify` steps that are enforced. */
	void (*publish)(void *context, const struct step *step);
	/* Called for what is given back, left alone, or (is_fault) cannot be given back now. */
	void (*say)(void *context, bool is_fault, const char *line);
	void *publish_context; /* of both */
};

/* Loads the configuration, takes the lock, forks the workers. 0 and *ret; -EINVAL with faults in
 * `diags`; -EBUSY: another agent runs; other -errno with ret_what naming what failed. */
int warden_new(const struct warden_options *options, struct diag_list *diags, const char **ret_what,
	       struct warden **ret);
struct warden *warden_free(struct warden *warden);
static inline void warden_freep(struct warden **w)
{
	*w = warden_free(*w);
}

/* Reads the configuration again, and what the operator has paused. On faults of the configuration
 * (-EINVAL, diags) the old one stays in force, whole, but for what is paused. Where its files have
 * changed, running steps are cancelled and rules start over, so what they have set is given back,
 * as is what no policy asks for any more; spent kill budget stays spent. Else rules go on, but for
 * what is paused now or is not any more. */
int warden_reload(struct warden *warden, struct diag_list *diags, usec_t now);

/* Both clocks at one moment, of a machine that is not this one; of this one each tick reads them by
 * itself. True: the difference between them has grown, the machine was asleep. */
bool warden_note_clocks(struct warden *warden, usec_t monotonic_usec, usec_t boottime_usec);
/* Since this was asked last: was the machine asleep? What was measured or pending before that
 * counts no more. */
bool warden_has_slept(struct warden *warden);

/* As sense_watch() and sense_wait(): an event asks for a tick. */
void warden_watch(struct warden *warden, int fd);
int warden_wait(struct warden *warden, usec_t timeout_usec, bool for_events);
/* What the kernel said that it did, as far as ticks have seen it, oldest first, and of a kill what
 * is to be said of that. False: no more. */
bool warden_next_kernel_event(struct warden *warden, struct kernel_event *ret,
			      struct verdict *ret_verdict);

enum warden_tick_outcome {
	WARDEN_TICKED,
	/* It found the machine as the tick before had left it, at a glance: there is nothing to be
	 * published. */
	WARDEN_STILL,
};

/* One round: enum warden_tick_outcome, or -errno when the machine could not be read at all (the
 * plan is then empty). */
int warden_tick(struct warden *warden, usec_t now);
usec_t warden_next(const struct warden *warden);
/* Is memory about to be gone, or a rule going up its ladder? As the last tick left it. */
bool warden_is_in_danger(const struct warden *warden);

/* What the last tick left. */
const struct config *warden_config(const struct warden *warden);
/* What the operator has paused, as it was read last. */
const struct pause_list *warden_paused(const struct warden *warden);
const struct snapshot *warden_snapshot(const struct warden *warden);
const struct plan *warden_plan(const struct warden *warden);
size_t warden_outcomes(const struct warden *warden, const struct outcome **ret);
/* The step that an outcome of the last tick belongs to; NULL when it is not known any more. */
const struct step *warden_step(const struct warden *warden, uint64_t id);
const struct engine *warden_engine(const struct warden *warden);
size_t warden_gaps(const struct warden *warden, struct sense_gap ret_gaps[SENSE_GAPS_MAX]);

/* Read anew when asked for, on the heap: not for the loop. 0 or -errno, as the functions of sense/
 * that they hand through. */
int warden_zones(const struct warden *warden, struct zone_details *ret);
int warden_tasks(const struct warden *warden, struct task_details *ret);
int warden_memory(const struct warden *warden, struct memory_detail *ret);
int warden_kernel(const struct warden *warden, struct kernel_detail *ret);
/* On a live machine by an inspector and within a few seconds: a program that asks has one. Without,
 * what takes the process's lock stays unknown. */
int warden_guest(struct warden *warden, pid_t pid, uint64_t start_ticks, struct guest_detail *ret);
/* Only what takes no lock of the process (on a live machine neither command line nor memory
 * policies), so of many at once. */
int warden_guest_outline(const struct warden *warden, pid_t pid, uint64_t start_ticks,
			 struct guest_detail *ret);
/* The process that runs a service's guest; false: the service has no process that is known. */
bool warden_monitor(const struct warden *warden, const struct service *service, pid_t *ret_pid,
		    uint64_t *ret_start_ticks);
/* Fills in the memory policies of the largest tasks, as far as time allows; where policies decide
 * nothing (one node) or are there already (a captured machine) it does nothing. */
void warden_task_policies(struct warden *warden, struct task_details *tasks);

/* The cgroup above a service of the snapshot whose limit it meets first, as sense_limit_cgroup().
 */
const char *warden_limit_cgroup(const struct warden *warden, const struct service *service);

/* Are all inspections that a plan needs in? `plan` waits for it, bounded by its own deadline. */
bool warden_is_settled(const struct warden *warden);

/* Asks running steps to end, and gives back what rules have set, and policies too if it is for
 * good; begins nothing new. Tick until it is idle, then free. */
void warden_stop(struct warden *warden, bool for_good, usec_t now);
bool warden_is_idle(const struct warden *warden);

/* A captured machine that is a sequence: DIR/t0, DIR/t1, ... The time of a frame is its uptime, or
 * a second after the one before. Frame 0 is the one that warden_new() opened. */
size_t warden_frame_count(const struct warden *warden);
int warden_frame_open(struct warden *warden, size_t frame, usec_t *ret_now);
