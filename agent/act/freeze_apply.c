/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A service that is stopped for a while: frozen by a clerk, watched by nobody but the clock, and
 * thawed by a clerk when it is taken back or its time is over, whichever comes first. From the
 * moment that a clerk was asked for it the service counts as frozen, as an answer that is lost does
 * not mean that nothing was done.
 *
 * A service that stays frozen is as dead as one that was killed, and nobody is told. So the thaw is
 * tried again and again, and the first failure is told at once; when no clerk is free, or the one
 * that has it is not answered, for half a second, its file is written here, whoever owns it: the
 * kernel does that at once, and the manager finds nothing left to thaw. A clerk that is still at it
 * is heard to its end all the same: one that was given up might thaw what is frozen anew by then.
 * Only two things end it: it is seen thawed, or its control
 * group is gone, which an error does not say, but a look at it. What a step gives up stays in the
 * undo record, from where it is tried again, with a pause in between, for as long as it takes;
 * there each attempt is one.
 */

#include "act/clerk_request.h"
#include "act/remedies.h"
#include "act/setting_file.h"
#include "act/target.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <unistd.h>

/* To be frozen later than this is of no use to anybody. */
#define WAIT_MAX_USEC (10 * USEC_PER_SEC)
/* Between two attempts at a thaw, and each time twice as long. */
#define RETRY_USEC     (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (8 * USEC_PER_SEC)
/* What clerks get for a thaw before it is done by hand, and what they wait for the manager. */
#define THAW_USEC (500 * USEC_PER_MSEC)
#define ASK_USEC  (1 * USEC_PER_SEC)
/* Then it is given up, with an outcome that says so. */
#define THAW_MAX_USEC (60 * USEC_PER_SEC)

static bool is_gone(int error)
{
	return error == -ESTALE || error == -ENOENT || error == -ENODEV;
}

static bool has_gone(const struct remedy *remedy, const struct remedy_env *env)
{
	_cleanup_(closep) int fd = -1;

	return is_gone(target_open(env, &remedy->step.target, &fd));
}

static void note_frozen(struct remedy *remedy, bool frozen)
{
	remedy->outcome.in_force = (struct setting_value){ .number = frozen };
	remedy->outcome.in_force_known = true;
}

static int over(struct remedy *remedy)
{
	struct clerk_state *state = &remedy->clerk;

	state->phase = FREEZE_NONE;
	note_frozen(remedy, false);
	remedy->outcome.error = 0;
	if (state->error < 0)
		return state->error;
	if (state->cancelled)
		remedy->outcome.state = OUTCOME_CANCELLED;
	return remedy_failed(remedy, REMEDY_DONE, "thawed");
}

/* --- the thaw --------------------------------------------------------------------------------- */

static int thaw_by_hand(const struct remedy *remedy, const struct remedy_env *env)
{
	const struct step_target *target = &remedy->step.target;

	return setting_file_thaw(env->root, env->layout, target->key, target->path);
}

static void begin_thaw(struct remedy *remedy, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;

	state->phase = FREEZE_THAWING;
	state->by_hand = false;
	state->thaw_at = now;
	state->retry_at = now;
	state->retry_usec = RETRY_USEC;
}

/* While it goes on. */
static void note_trouble(struct remedy *remedy, int error, const char *said)
{
	struct strbuf reason = STRBUF(remedy->outcome.reason);

	remedy->outcome.error = -error;
	note_frozen(remedy, true);
	strbuf_add(&reason, "IT IS STILL FROZEN, and it is tried again to thaw it: ");
	strbuf_add(&reason, said && said[0] != '\0' ? said : remedy_error_text(-error));
}

static int give_up(struct remedy *remedy, int error)
{
	struct strbuf reason = STRBUF(remedy->outcome.reason);

	remedy->clerk.phase = FREEZE_NONE;
	note_frozen(remedy, true);
	strbuf_add(&reason, "IT IS STILL FROZEN, as it could not be thawed: ");
	strbuf_add(&reason, remedy_error_text(-error));
	return error;
}

static int submit_thaw(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct work_request request;
	int r = clerk_request(remedy, &request);

	if (r < 0)
		return r;
	request.setting.value = (struct setting_value){ .number = 0 };
	request.setting.is_undo = true;
	request.deadline_usec = ASK_USEC;
	return clerk_submit(remedy, env, &request, now);
}

/* Is it time to do it by hand? Clerks that are busy are waited for; from the record one attempt is
 * all there is before it is put off. */
static bool is_pressing(const struct remedy *remedy, int error, usec_t now)
{
	return now - remedy->clerk.thaw_at >= THAW_USEC || (remedy->is_undo && error != -EBUSY);
}

/* The last attempt ended with this error. */
static int retry_thaw(struct remedy *remedy, const struct remedy_env *env, int error,
		      const char *said, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;
	bool pressing = is_pressing(remedy, error, now);

	if (has_gone(remedy, env) || (pressing && thaw_by_hand(remedy, env) == 0))
		return over(remedy);
	if (now - state->thaw_at >= THAW_MAX_USEC || (remedy->is_undo && pressing))
		return give_up(remedy, error);
	/* Once. That no clerk was free yet is no failure. */
	if (error != -EBUSY && remedy->outcome.error == 0)
		note_trouble(remedy, error, said);
	state->retry_at = now + state->retry_usec;
	if (!pressing)
		state->retry_at = MIN_OF(state->retry_at, state->thaw_at + THAW_USEC);
	state->retry_usec = MIN_OF(2 * state->retry_usec, RETRY_MAX_USEC);
	return REMEDY_RUNNING;
}

/* With the manager's answer it is over, whatever that is. */
static void thaw_meanwhile(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;

	if (state->by_hand || now - state->thaw_at < THAW_USEC || thaw_by_hand(remedy, env) < 0)
		return;
	state->by_hand = true;
	note_frozen(remedy, false);
	remedy->outcome.error = 0;
	(void)remedy_failed(remedy, 0, "thawed by hand, as its manager does not answer");
}

/* It may be taken, and nothing come of it. */
static int judge_thaw(const struct work_reply *reply)
{
	if (reply->error != 0)
		return -reply->error;
	return reply->in_force_known && reply->in_force.number != 0 ? -EAGAIN : 1;
}

static int hear_thaw(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;
	struct work_reply reply = { .said = "" };
	int r = clerk_hear(remedy, env, now, NULL, &reply);

	if (r > 0)
		r = judge_thaw(&reply);
	if (r > 0 || (r < 0 && state->by_hand))
		return over(remedy);
	if (r < 0)
		return retry_thaw(remedy, env, r, reply.said, now);
	thaw_meanwhile(remedy, env, now);
	return REMEDY_RUNNING;
}

static int thaw(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;
	int r;

	if (state->worker >= 0)
		return hear_thaw(remedy, env, now);
	if (now < state->retry_at)
		return REMEDY_RUNNING;
	r = submit_thaw(remedy, env, now);
	return r < 0 ? retry_thaw(remedy, env, r, NULL, now) : REMEDY_RUNNING;
}

/* --- the freeze ------------------------------------------------------------------------------- */

/* The plan has looked at the same; this is for the day that it errs. */
static int check_target(struct remedy *remedy, const struct remedy_env *env)
{
	const struct step_target *named = &remedy->step.target;
	const struct service *service =
		remedy->snapshot ? snapshot_service(remedy->snapshot, named->key) : NULL;
	struct target target = { .env = env, .named = named };
	int r;

	if (policy_is_protected_unit(named->path) ||
	    (service && (service->protected_unit || service->is_self)))
		return remedy_failed(remedy, -EPERM, "it is protected");
	if (service && service->guest != GUEST_NONE)
		return remedy_failed(remedy, -EPERM, "it is a guest");
	r = target_open(env, named, &target.directory_fd);
	if (r < 0)
		return remedy_target_failed(remedy, r);
	r = target_holds_agent(&target);
	close(target.directory_fd);
	if (r < 0)
		return remedy_target_failed(remedy, r);
	if (r > 0)
		return remedy_failed(remedy, -EPERM, "it holds the agent or PID 1");
	return 0;
}

static int submit_freeze(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;
	struct work_request request;
	int r;

	if (state->cancelled) {
		state->phase = FREEZE_NONE;
		remedy->outcome.state = OUTCOME_CANCELLED;
		return remedy_failed(remedy, REMEDY_DONE, "it was taken back before it began");
	}
	r = clerk_request(remedy, &request);
	if (r == 0)
		r = clerk_submit(remedy, env, &request, now);
	if (r == -EBUSY && now - remedy->started_at < WAIT_MAX_USEC)
		return REMEDY_RUNNING;
	if (r < 0) {
		state->phase = FREEZE_NONE;
		return remedy_failed(remedy, r, "no clerk takes it: %s", remedy_error_text(-r));
	}
	state->phase = FREEZE_ASKED;
	state->thaw_at = now + remedy->step.setting.most_usec;
	return REMEDY_RUNNING;
}

/* Was it refused, so that nothing can have come of it? */
static bool is_refusal(int error)
{
	return error != -ETIMEDOUT && error != -EPIPE && error != -ECONNRESET && error != -EINTR;
}

static int hear_freeze(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;
	struct work_reply reply = { .said = "" };
	int r = clerk_hear(remedy, env, now, NULL, &reply);

	if (r == 0) {
		/* Its time runs from the asking. */
		if (now < state->thaw_at)
			return REMEDY_RUNNING;
		clerk_release(remedy, env);
		r = -ETIMEDOUT;
	}
	if (r > 0)
		r = reply.error == 0 ? 1 : -reply.error;
	if (r > 0) {
		state->phase = FREEZE_FROZEN;
		note_frozen(remedy, true);
		return remedy_failed(remedy, REMEDY_RUNNING, "frozen");
	}
	(void)clerk_failed(remedy, r, reply.said);
	if (is_refusal(r)) {
		state->phase = FREEZE_NONE;
		return r;
	}
	state->error = r;
	begin_thaw(remedy, now);
	return REMEDY_RUNNING;
}

static int freeze_start(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	int r;

	remedy->clerk =
		(struct clerk_state){ .worker = -1, .directory_fd = -1, .phase = FREEZE_NONE };
	remedy->outcome.is_undo = remedy->is_undo;
	if (!env->root->live)
		return remedy_target_failed(remedy, -EROFS);
	if (!env->clerks.submit)
		return remedy_failed(remedy, -EOPNOTSUPP, "there are no clerks");
	if (remedy->is_undo || remedy->value.number == 0) {
		begin_thaw(remedy, now);
		return thaw(remedy, env, now);
	}
	if (remedy->step.setting.most_usec == 0)
		return remedy_failed(remedy, -EINVAL, "for how long is not said");
	r = check_target(remedy, env);
	if (r < 0)
		return r;
	return submit_freeze(remedy, env, now);
}

static int freeze_advance(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;

	switch (state->phase) {
	case FREEZE_NONE:
		return submit_freeze(remedy, env, now);
	case FREEZE_ASKED:
		return hear_freeze(remedy, env, now);
	case FREEZE_FROZEN:
		if (!state->cancelled && now < state->thaw_at)
			return REMEDY_RUNNING;
		begin_thaw(remedy, now);
		return thaw(remedy, env, now);
	case FREEZE_THAWING:
		return thaw(remedy, env, now);
	}
	return REMEDY_DONE;
}

/* One that is asked for cannot be taken back before its answer: then it is thawed. */
static void freeze_cancel(struct remedy *remedy, const struct remedy_env *env)
{
	(void)env;
	remedy->clerk.cancelled = true;
}

static void freeze_release(struct remedy *remedy, const struct remedy_env *env)
{
	clerk_release(remedy, env);
	/* The agent ends before the remedy did. */
	if (remedy->clerk.phase != FREEZE_NONE)
		(void)thaw_by_hand(remedy, env);
	remedy->clerk.phase = FREEZE_NONE;
}

const struct remedy_ops freeze_remedy = {
	.start = freeze_start,
	.advance = freeze_advance,
	.cancel = freeze_cancel,
	.release = freeze_release,
};
