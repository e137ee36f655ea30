/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is protected is protected from whom and from what:
 *
 *   PID 1's and the agent's own cgroup, and those around them	from everything
 *   built-in protected units	from everything but protection: a policy may give them memory
 *   guests		from rules. What their own policy sets is the operator's word, and is
 *			done, but they are never frozen
 *   another manager's	from everything: libvirt and container runtimes write there
 */

#include "engine/check.h"

#include "act/action.h"
#include "act/candidate.h"
#include "act/target.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse(const char **ret_reason, int error, const char *reason)
{
	*ret_reason = reason;
	return error;
}

static int check_contents(const struct check *check, const struct step *step,
			  const char **ret_reason)
{
	struct target target = { .env = check->env, .named = &step->target };
	int r;

	r = target_open(check->env, &step->target, &target.directory_fd);
	if (r < 0)
		return refuse(ret_reason, r,
			      r == -ESTALE ? "another control group has that name now"
					   : "its control group cannot be opened");
	r = target_holds_agent(&target);
	close(target.directory_fd);
	if (r < 0)
		return refuse(ret_reason, r, "its control group cannot be searched");
	return r > 0 ? refuse(ret_reason, -EPERM, "it holds the agent or PID 1") : 0;
}

static int find_target(const struct check *check, const struct step *step,
		       const struct service **ret, const char **ret_reason)
{
	const struct service *service =
		check->snapshot ? snapshot_service(check->snapshot, step->target.key) : NULL;

	if (!service || strcmp(service->path, step->target.path) != 0)
		return refuse(ret_reason, -ESTALE, "it was not seen in the last look around");
	*ret = service;
	return 0;
}

static bool is_protected(const struct service *service)
{
	return service->protected_unit || policy_is_protected_unit(service->path);
}

static int check_victim(const struct service *service, const char **ret_reason)
{
	if (is_protected(service) || service->is_self)
		return refuse(ret_reason, -EPERM, "it is protected");
	if (service->guest != GUEST_NONE)
		return refuse(ret_reason, -EPERM, "it is a guest");
	return 0;
}

/* Who would go along must be one that could go alone. */
static int check_below(const struct check *check, const struct service *outer,
		       const char **ret_reason)
{
	for (size_t i = 0; i < check->snapshot->service_count; i++) {
		const struct service *inner = &check->snapshot->services[i];
		const struct policy *policy = NULL;
		int r;

		if (!candidate_holds(outer, inner))
			continue;
		if (check->policies && inner->policy >= 0 &&
		    (size_t)inner->policy < check->policies->count)
			policy = &check->policies->policies[inner->policy];
		if (!policy || policy->kill == KILL_NEVER || policy->kind == KIND_VM)
			return refuse(ret_reason, -EPERM,
				      "it holds a service that is to be spared");
		r = check_victim(inner, ret_reason);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_canary(const struct check *check, const struct service *service)
{
	return check->policies && service->policy >= 0 &&
	       (size_t)service->policy < check->policies->count &&
	       check->policies->policies[service->policy].canary != 0;
}

static int check_kill(const struct check *check, const struct step *step, const char **ret_reason)
{
	const struct service *service;
	int r;

	if (policy_is_protected_unit(step->target.path))
		return refuse(ret_reason, -EPERM, "it is protected");
	r = find_target(check, step, &service, ret_reason);
	if (r < 0)
		return r;
	if (step->action == ACTION_KILL && step->kill.is_canary && !is_canary(check, service))
		return refuse(ret_reason, -EPERM, "it is no canary");
	r = check_victim(service, ret_reason);
	if (r >= 0 && step->action == ACTION_KILL && step->kill.takes_all)
		r = check_below(check, service, ret_reason);
	return r < 0 ? r : check_contents(check, step, ret_reason);
}

/* The service whose cgroup is the unit's, or below it. */
static const struct service *service_of_unit(const struct check *check, const char *unit, size_t i)
{
	size_t length = strlen(unit);

	for (; check->snapshot && i < check->snapshot->service_count; i++) {
		const char *path = check->snapshot->services[i].path;

		for (const char *at = strstr(path, unit); at; at = strstr(at + 1, unit))
			if ((at == path || at[-1] == '/') &&
			    (at[length] == '\0' || at[length] == '/'))
				return &check->snapshot->services[i];
	}
	return NULL;
}

/* Stopping a slice or a target stops whatever belongs to it, which nobody has looked at. */
static bool holds_others(const char *unit)
{
	const char *suffix = strrchr(unit, '.');

	return !suffix || strcmp(suffix, ".slice") == 0 || strcmp(suffix, ".target") == 0 ||
	       strcmp(unit, "init.scope") == 0;
}

/* The operator may have named the unit, or it is the target's. */
static int check_unit(const struct check *check, const struct step *step, const char **ret_reason)
{
	const char *unit = step->unit.unit;
	const struct service *service;
	int r;

	if (unit[0] == '\0' || strchr(unit, '/'))
		return refuse(ret_reason, -EINVAL, "that is no unit");
	if (holds_others(unit))
		return refuse(ret_reason, -EPERM, "others belong to that unit");
	if (policy_is_protected_unit(unit))
		return refuse(ret_reason, -EPERM, "it is protected");
	for (size_t i = 0; (service = service_of_unit(check, unit, i)) != NULL;
	     i = (size_t)(service - check->snapshot->services) + 1) {
		r = check_victim(service, ret_reason);
		if (r < 0)
			return r;
	}
	/* One that is not its subject's: named, and so not its target. */
	if (step->target.path[0] == '\0' || !strstr(step->target.path, unit))
		return 0;
	return check_kill(check, step, ret_reason);
}

static bool is_policys_own(const struct step *step)
{
	return step->action == ACTION_HOLD && step->rule == RULE_NONE;
}

/* Of a protected unit only what can do it no harm. */
static bool is_gift(const struct step_setting *setting)
{
	return setting_get(setting->on.id)->is_protection ||
	       (setting->on.id == SETTING_OOM_SCORE_ADJ && setting->wanted.number <= 0);
}

static bool may_freeze(const struct check *check, const struct service *service)
{
	enum service_kind kind;

	if (!check->policies || service->policy < 0 ||
	    (size_t)service->policy >= check->policies->count)
		return false;
	kind = check->policies->policies[service->policy].kind;
	return kind != KIND_VM && kind != KIND_SYSTEM;
}

static int check_owner(enum cgroup_owner owner, const char **ret_reason)
{
	switch (owner) {
	case OWNER_SYSTEMD:
	case OWNER_NOBODY:
		return 0;
	case OWNER_OTHER:
		return refuse(ret_reason, -EPERM, "another manager has that control group");
	case OWNER_UNKNOWN:
		break;
	}
	return refuse(ret_reason, -EAGAIN, "who manages that control group is not known");
}

static int check_service_setting(const struct check *check, const struct step *step,
				 const char **ret_reason)
{
	const struct service *service;
	int r = find_target(check, step, &service, ret_reason);

	if (r < 0)
		return r;
	if (step->setting.on.key != step->target.key)
		return refuse(ret_reason, -EINVAL, "it names two control groups");
	if (service->is_self)
		return refuse(ret_reason, -EPERM, "it holds the agent or PID 1");
	if (is_protected(service) && !(is_policys_own(step) && is_gift(&step->setting)))
		return refuse(ret_reason, -EPERM, "it is protected");
	if (service->guest != GUEST_NONE && !is_policys_own(step))
		return refuse(ret_reason, -EPERM, "it is a guest");
	if (step->setting.on.id == SETTING_FREEZE &&
	    (service->guest != GUEST_NONE || !may_freeze(check, service)))
		return refuse(ret_reason, -EPERM, "its kind is never frozen");
	r = check_owner(step->setting.owner, ret_reason);
	return r < 0 ? r : check_contents(check, step, ret_reason);
}

static int check_setting(const struct check *check, const struct step *step,
			 const char **ret_reason)
{
	if ((unsigned)step->setting.on.id >= SETTING_COUNT_)
		return refuse(ret_reason, -EINVAL, "there is no such setting");
	if (setting_get(step->setting.on.id)->scope == SCOPE_SERVICE)
		return check_service_setting(check, step, ret_reason);
	return 0;
}

/* Nothing is set, but the same door is used. */
static int check_reclaim(const struct check *check, const struct step *step,
			 const char **ret_reason)
{
	const struct service *service;
	int r;

	if (step->relief.of_node)
		return 0;
	r = find_target(check, step, &service, ret_reason);
	if (r < 0)
		return r;
	if (service->is_self)
		return refuse(ret_reason, -EPERM, "it holds the agent or PID 1");
	return service->guest != GUEST_NONE ? refuse(ret_reason, -EPERM, "it is a guest") : 0;
}

int check_step(const struct check *check, const struct step *step, const char **ret_reason)
{
	if (!check->env->root->live)
		return refuse(ret_reason, -EROFS, "a captured machine is never changed");
	if ((unsigned)step->action >= ACTION_COUNT_ || !remedies[step->action])
		return refuse(ret_reason, -EOPNOTSUPP, "there is no such action");
	switch (step->action) {
	case ACTION_KILL:
		return check_kill(check, step, ret_reason);
	case ACTION_STOP_UNIT:
	case ACTION_RESTART_UNIT:
		return check_unit(check, step, ret_reason);
	case ACTION_RECLAIM:
		return check_reclaim(check, step, ret_reason);
	default:
		break;
	}
	if (actions[step->action].destructive)
		return check_kill(check, step, ret_reason);
	return actions[step->action].sets ? check_setting(check, step, ret_reason) : 0;
}
