/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Real steps under way: what the executor says of them, how far they are, and whether they were
 * worth it.
 *
 * Verification compares what the step works on before and after, on a sample of the target that is
 * later than the step's end by the action's settling time. At least half of what was expected is
 * met. Below a tenth there was no effect: the target is barred from that action for ten minutes, or
 * until its size changes by a fifth or what holds it does. The page accounts of the outcome count
 * too: a move that moved next to nothing need not be looked at again to be known.
 */

#include "engine/state.h"

/* Steps of another engine that still run, and were told to end. */
void flight_take_over(struct engine *e, const struct engine *from);
/* Does one of those run? */
bool flight_runs_left(const struct engine *e);
/* NULL: the pool is full. The step is copied. Of what a policy asks for there is no instance, and
 * nobody waits for it. */
struct flight *flight_start(struct engine *e, const struct instance *instance,
			    const struct step *step);
/* The running step of that id, NULL if there is none. */
struct flight *flight_find(struct engine *e, uint64_t step);

/* At the start of a tick. */
void flight_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count);
void flight_verify_all(struct engine *e);
/* Adds STEP_CANCEL for those that are not wanted any more, as far as the plan has room. */
void flight_cancel_unwanted(struct engine *e);

/* Is it used, and does this instance wait for it? */
bool flight_is_of(const struct flight *flight, const struct instance *instance);
/* Its instance has cleared or is gone: what runs is to end, what has ended is still verified. A
 * kill under way is spared a moment later only, if its rule is still content then; a pool of huge
 * pages that is made smaller comes to its end. */
void flight_detach(struct engine *e, const struct instance *instance, bool cleared);
bool flight_runs_any(const struct engine *e, const struct instance *instance);

/* Does this line of the instance still run? */
bool flight_runs_line(const struct engine *e, const struct instance *instance, size_t line);
/* Does any step about this service run? */
bool flight_runs_on(const struct engine *e, uint64_t service);
/* Is the last one that was ended gone, and this subject may still have something to feel of it? */
bool flight_is_settling(const struct engine *e, struct subject subject);
/* Is somebody being ended, or is it not known yet what came of it? */
bool flight_destroys(const struct engine *e);
/* ... and does this action for this subject have to wait for that? A kill gets past an orderly stop
 * whose memory is back, or which takes longer than ten seconds or half the time that the subject
 * has: one that hangs must not keep a host that runs dry from its last resort. */
bool flight_must_wait(const struct engine *e, enum action_id action, struct subject subject);
/* It runs, and nobody waits for it any more. */
bool flight_is_passed(const struct engine *e, const struct flight *flight, struct subject subject);
/* Has it done what it does, and only keeps it so? A service that is frozen: nobody waits for the
 * end of that, and it is in nobody's way. */
bool flight_is_holding(const struct engine *e, const struct flight *flight);

/* Bytes that it has still to bring, 0 for one that does not run. */
uint64_t flight_remaining(const struct flight *flight);
/* What moves will still bring to a node. */
uint64_t flight_incoming(const struct engine *e, unsigned node);
/* Of its amount, what the latest sample of the target still shows where it was. */
uint64_t flight_pending(const struct engine *e, const struct flight *flight);

/* Steps as one movement: what is left and how fast it goes. */
struct flight_pace {
	uint64_t remaining_bytes;
	uint64_t bytes_per_sec;
	bool stalled; /* one has brought nothing for a second */
};
void flight_add_pace(const struct engine *e, const struct flight *flight, struct flight_pace *pace);
/* Will the subject be empty before this has brought what it was asked for? */
bool flight_is_too_slow(const struct engine *e, struct subject subject,
			const struct flight_pace *pace);

/* service 0: an action that has none; then the subject counts. */
bool flight_is_barred(struct engine *e, enum action_id action, uint64_t service,
		      struct subject subject);
