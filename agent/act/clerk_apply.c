/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What blocks in the kernel or waits for systemd is a clerk's: one request, heard of until it ends,
 * is taken back, or is given up as the clerk hangs. It is one machine for many actions; the request
 * and the words at the end are what differs.
 *
 * The score of processes is no clerk's: their files do not block (score_apply.c).
 */

#include "act/clerk_request.h"
#include "act/remedies.h"
#include "act/target.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <unistd.h>

static bool is_score(const struct remedy *remedy)
{
	return remedy->step.action == ACTION_HOLD &&
	       remedy->step.setting.on.id == SETTING_OOM_SCORE_ADJ;
}

static bool is_gone(int error)
{
	return error == -ESTALE || error == -ENOENT || error == -ENODEV;
}

static void note_bytes(struct remedy *remedy, const struct work_reply *reply)
{
	struct outcome *outcome = &remedy->outcome;
	uint64_t asked = remedy->step.relief.bytes;

	if (remedy->step.action == ACTION_ARM)
		outcome->done_bytes = reply->done_bytes;
	if (remedy->step.action != ACTION_RECLAIM)
		return;
	outcome->done_bytes = reply->done_bytes;
	outcome->remaining_bytes = asked > reply->done_bytes ? asked - reply->done_bytes : 0;
}

static void explain_setting(struct remedy *remedy, const struct work_reply *reply)
{
	struct outcome *outcome = &remedy->outcome;
	struct strbuf reason = STRBUF(outcome->reason);

	if (reply->said[0] != '\0' || !reply->in_force_known) {
		strbuf_add(&reason, reply->said[0] ? reply->said : "done");
		return;
	}
	strbuf_addf(&reason, "%s is ", setting_get(remedy->step.setting.on.id)->name);
	setting_value_format(remedy->step.setting.on.id, &reply->in_force, &reason);
}

static void explain(struct remedy *remedy, const struct work_reply *reply)
{
	struct strbuf reason = STRBUF(remedy->outcome.reason);

	switch (remedy->step.action) {
	case ACTION_RECLAIM:
		strbuf_add_bytes(&reason, (int64_t)reply->done_bytes);
		strbuf_add(&reason, " reclaimed");
		break;
	case ACTION_COMPACT:
		strbuf_addf(&reason, "node %u was compacted", remedy->step.relief.node);
		break;
	case ACTION_DROP_SLAB:
		strbuf_add(&reason, "reclaimable slab was dropped");
		break;
	case ACTION_ARM:
	case ACTION_START_UNIT:
	case ACTION_STOP_UNIT:
	case ACTION_RESTART_UNIT:
		strbuf_add(&reason, reply->said);
		break;
	default:
		explain_setting(remedy, reply);
	}
}

static int conclude(struct remedy *remedy, const struct work_reply *reply)
{
	struct outcome *outcome = &remedy->outcome;
	int error = -reply->error;

	note_bytes(remedy, reply);
	if (clerk_is_setting(remedy)) {
		outcome->in_force = reply->in_force;
		outcome->in_force_known = reply->in_force_known;
		outcome->done_bytes = reply->done_bytes;
	}
	if (error == -ECANCELED) {
		outcome->state = OUTCOME_CANCELLED;
		return remedy_failed(remedy, REMEDY_DONE, "it was taken back");
	}
	/* With the control group goes what was set on it, and a canary with its unit. */
	if (is_gone(error) && remedy->is_undo)
		return remedy_failed(remedy, REMEDY_DONE,
				     remedy->step.action == ACTION_ARM
					     ? "it is gone"
					     : "its control group is gone");
	if (error < 0)
		return clerk_failed(remedy, error, reply->said);
	explain(remedy, reply);
	return REMEDY_DONE;
}

static int hand_over(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct work_request request;
	int r;

	if (remedy->clerk.cancelled) {
		remedy->outcome.state = OUTCOME_CANCELLED;
		return remedy_failed(remedy, REMEDY_DONE, "it was taken back before it began");
	}
	r = clerk_request(remedy, &request);
	if (r == 0)
		r = clerk_submit(remedy, env, &request, now);
	if (r == -EBUSY && now < remedy->clerk.deadline)
		return REMEDY_RUNNING;
	if (r == -EBUSY)
		return remedy_failed(remedy, r, "no clerk was free for it");
	if (r < 0)
		return remedy_failed(remedy, r, "no clerk takes it: %s", remedy_error_text(-r));
	return REMEDY_RUNNING;
}

/* What is taken back from a unit is taken back by its name. */
static int check_target(struct remedy *remedy, const struct remedy_env *env)
{
	int r, fd;

	if (remedy->step.target.path[0] == '\0' || remedy->is_undo)
		return 0;
	if (!clerk_is_setting(remedy) && remedy->step.action != ACTION_RECLAIM)
		return 0;
	r = target_open(env, &remedy->step.target, &fd);
	if (r < 0)
		return remedy_target_failed(remedy, r);
	close(fd);
	return 0;
}

static int clerk_start(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct work_request request;
	int r;

	if (is_score(remedy))
		return score_remedy.start(remedy, env, now);
	remedy->clerk = (struct clerk_state){ .worker = -1,
					      .directory_fd = -1,
					      .deadline = now + CLERK_WAIT_MAX_USEC };
	remedy->outcome.is_undo = remedy->is_undo;
	if (!env->root->live)
		return remedy_target_failed(remedy, -EROFS);
	if (!env->clerks.submit)
		return remedy_failed(remedy, -EOPNOTSUPP, "there are no clerks");
	r = clerk_request(remedy, &request);
	if (r < 0)
		return remedy_failed(remedy, r, "the step says not what to do");
	r = check_target(remedy, env);
	return r < 0 ? r : hand_over(remedy, env, now);
}

static int clerk_advance(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct work_reply reply;
	int r;

	if (is_score(remedy))
		return score_remedy.advance(remedy, env, now);
	if (remedy->clerk.worker < 0)
		return hand_over(remedy, env, now);
	if (remedy->clerk.cancelled)
		clerk_recall(remedy, env);
	r = clerk_hear(remedy, env, now, note_bytes, &reply);
	if (r == 0)
		return REMEDY_RUNNING;
	if (r == -ETIMEDOUT)
		return remedy_failed(remedy, r, "the worker hangs in the kernel");
	return r < 0 ? clerk_failed(remedy, r, NULL) : conclude(remedy, &reply);
}

static void clerk_cancel(struct remedy *remedy, const struct remedy_env *env)
{
	if (is_score(remedy)) {
		score_remedy.cancel(remedy, env);
		return;
	}
	remedy->clerk.cancelled = true;
	clerk_recall(remedy, env);
}

static void clerk_drop(struct remedy *remedy, const struct remedy_env *env)
{
	if (is_score(remedy))
		score_remedy.release(remedy, env);
	else
		clerk_release(remedy, env);
}

const struct remedy_ops clerk_remedy = {
	.start = clerk_start,
	.advance = clerk_advance,
	.cancel = clerk_cancel,
	.release = clerk_drop,
};
