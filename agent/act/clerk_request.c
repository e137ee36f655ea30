/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/clerk_request.h"

#include "act/remedies.h"
#include "core/canary.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* What a clerk takes before it gives up by itself. A job is heard of for as long as an orderly end
 * mostly takes: it goes on without us, and others wait for the clerk. */
#define SET_USEC     (30 * USEC_PER_SEC)
#define RECLAIM_USEC (60 * USEC_PER_SEC)
#define JOB_USEC     (20 * USEC_PER_SEC)
/* A canary is to hold its memory by then, of which a second brings a GiB and more. */
#define ARM_USEC (30 * USEC_PER_SEC)
/* Compaction and slab go in one call that nobody can stop; on a large host they take a while. */
#define CALL_USEC (60 * USEC_PER_SEC)
/* What one call in the kernel may take after that. */
#define GRACE_USEC (10 * USEC_PER_SEC)

/* What protects it is not taken from it: the limit stays above. */
static uint64_t protected_bytes(const struct remedy *remedy)
{
	const struct service *service =
		remedy->snapshot ? snapshot_service(remedy->snapshot, remedy->step.target.key)
				 : NULL;
	uint64_t most = 0;

	if (!service || !service->settings)
		return 0;
	/* Infinite protection is no amount, and holds no limit off. */
	for (int id = SETTING_MEMORY_MIN; id <= SETTING_MEMORY_LOW; id++)
		most = MAX_OF(most, reading_amount(service->settings->memory[id]));
	return most;
}

static int request_setting(const struct remedy *remedy, struct work_request *request)
{
	const struct step_setting *setting = &remedy->step.setting;
	struct work_setting *set = &request->setting;

	if ((unsigned)setting->on.id >= SETTING_COUNT_)
		return -EINVAL;
	if (setting_get(setting->on.id)->scope == SCOPE_SERVICE &&
	    remedy->step.target.path[0] == '\0')
		return -EINVAL;
	request->kind = WORK_SET;
	request->deadline_usec = SET_USEC;
	*set = (struct work_setting){
		.on = setting->on,
		.value = remedy->value,
		.owner = setting->owner,
		.is_undo = remedy->is_undo,
		.drop_in_goes = remedy->drop_in_goes,
	};
	memcpy(set->path, remedy->step.target.path, sizeof(set->path));
	if (setting_get(setting->on.id)->is_limit && !remedy->is_undo)
		set->floor_bytes = MAX_OF(protected_bytes(remedy), setting->floor_bytes);
	return 0;
}

static int request_reclaim(const struct remedy *remedy, struct work_request *request)
{
	const struct step_relief *relief = &remedy->step.relief;

	if (relief->bytes == 0 || (!relief->of_node && remedy->step.target.path[0] == '\0'))
		return -EINVAL;
	request->kind = WORK_RECLAIM;
	request->deadline_usec = RECLAIM_USEC;
	request->relief = (struct work_relief){
		.key = remedy->step.target.key,
		.of_node = relief->of_node,
		.node = relief->node,
		.bytes = relief->bytes,
	};
	memcpy(request->relief.path, remedy->step.target.path, sizeof(request->relief.path));
	return 0;
}

static int request_job(const struct remedy *remedy, enum unit_verb verb,
		       struct work_request *request)
{
	const struct step_unit *unit = &remedy->step.unit;

	if (unit->unit[0] == '\0')
		return -EINVAL;
	request->kind = WORK_UNIT;
	request->deadline_usec = JOB_USEC;
	request->unit.verb = verb;
	memcpy(request->unit.unit, unit->unit, sizeof(request->unit.unit));
	return 0;
}

static int request_arm(const struct remedy *remedy, struct work_request *request)
{
	const struct step_arm *arm = &remedy->step.arm;

	/* Whatever has that name makes way for it. */
	if (strncmp(arm->unit, CANARY_UNIT_PREFIX, strlen(CANARY_UNIT_PREFIX)) != 0 ||
	    (!remedy->is_undo && arm->bytes == 0))
		return -EINVAL;
	request->kind = WORK_UNIT;
	request->deadline_usec = remedy->is_undo ? JOB_USEC : ARM_USEC;
	request->unit = (struct work_unit){
		.verb = remedy->is_undo ? UNIT_DISARM : UNIT_ARM,
		.bytes = arm->bytes,
		.has_node = arm->has_node,
		.node = arm->node,
	};
	memcpy(request->unit.unit, arm->unit, sizeof(request->unit.unit));
	memcpy(request->unit.slice, arm->slice, sizeof(request->unit.slice));
	return 0;
}

bool clerk_is_setting(const struct remedy *remedy)
{
	switch (remedy->step.action) {
	case ACTION_HOLD:
	case ACTION_LIMIT:
	case ACTION_IO_LIMIT:
	case ACTION_SYSCTL:
	case ACTION_HUGETLB_SHRINK:
	case ACTION_FREEZE:
		return true;
	default:
		return false;
	}
}

int clerk_request(const struct remedy *remedy, struct work_request *ret)
{
	*ret = (struct work_request){ .token = remedy->step.id, .deadline_usec = CALL_USEC };
	if (clerk_is_setting(remedy))
		return request_setting(remedy, ret);
	switch (remedy->step.action) {
	case ACTION_ARM:
		return request_arm(remedy, ret);
	case ACTION_RECLAIM:
		return request_reclaim(remedy, ret);
	case ACTION_COMPACT:
		ret->kind = WORK_COMPACT;
		ret->relief.of_node = true;
		ret->relief.node = remedy->step.relief.node;
		return 0;
	case ACTION_DROP_SLAB:
		ret->kind = WORK_DROP_SLAB;
		return 0;
	case ACTION_START_UNIT:
		return request_job(remedy, UNIT_START, ret);
	case ACTION_STOP_UNIT:
		return request_job(remedy, UNIT_STOP, ret);
	case ACTION_RESTART_UNIT:
		return request_job(remedy, UNIT_RESTART, ret);
	default:
		return -EOPNOTSUPP;
	}
}

usec_t clerk_patience(const struct work_request *request)
{
	return request->deadline_usec + GRACE_USEC;
}

int clerk_submit(struct remedy *remedy, const struct remedy_env *env,
		 const struct work_request *request, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;
	int r;

	r = env->clerks.submit(env->clerks.pool, request, &state->worker);
	if (r < 0)
		state->worker = -1;
	else
		state->deadline = now + clerk_patience(request);
	return r;
}

static void give_back(struct remedy *remedy, const struct remedy_env *env, bool give_up)
{
	env->clerks.release(env->clerks.pool, remedy->clerk.worker, give_up);
	remedy->clerk.worker = -1;
}

int clerk_hear(struct remedy *remedy, const struct remedy_env *env, usec_t now,
	       void (*progress)(struct remedy *remedy, const struct work_reply *reply),
	       struct work_reply *ret)
{
	const struct work_port *port = &env->clerks;
	struct work_reply reply;
	int r;

	while ((r = port->receive(port->pool, remedy->clerk.worker, &reply)) > 0) {
		if (reply.final) {
			give_back(remedy, env, false);
			*ret = reply;
			return 1;
		}
		if (progress)
			progress(remedy, &reply);
	}
	if (r == 0 && now < remedy->clerk.deadline)
		return 0;
	give_back(remedy, env, true);
	return r < 0 ? r : -ETIMEDOUT;
}

void clerk_recall(struct remedy *remedy, const struct remedy_env *env)
{
	const struct work_request message = { .kind = WORK_CANCEL, .token = remedy->step.id };

	/* A clerk that cannot take it is full of such, or dead: both show soon. */
	if (remedy->clerk.worker >= 0)
		(void)env->clerks.send(env->clerks.pool, remedy->clerk.worker, &message);
}

void clerk_release(struct remedy *remedy, const struct remedy_env *env)
{
	if (remedy->clerk.worker >= 0)
		give_back(remedy, env, true);
}

int clerk_failed(struct remedy *remedy, int error, const char *said)
{
	if (said && said[0] != '\0')
		return remedy_failed(remedy, error, "%s", said);
	switch (error) {
	case -ESTALE:
	case -ENOENT:
	case -ENODEV:
		if (remedy->step.target.path[0] == '\0')
			return remedy_failed(remedy, error, "this kernel cannot do it");
		return remedy_target_failed(remedy, error);
	case -EROFS:
		return remedy_failed(remedy, error, "it may not be written to here: read-only");
	case -EPERM:
	case -EACCES:
		return remedy_failed(remedy, error, "it was denied: %s", remedy_error_text(-error));
	case -EINVAL:
		return remedy_failed(remedy, error, "the kernel does not take that value");
	case -EAGAIN:
		return remedy_failed(remedy, error, "nothing could be reclaimed");
	case -EOPNOTSUPP:
		return remedy_failed(remedy, error, "this kernel cannot do it");
	case -EPIPE:
		return remedy_failed(remedy, error, "the worker died");
	case -ETIMEDOUT:
		return remedy_failed(remedy, error, "there was no answer in time");
	default:
		return remedy_failed(remedy, error, "it was refused: %s",
				     remedy_error_text(-error));
	}
}
