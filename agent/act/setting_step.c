/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/setting_step.h"

/* INFINITE is a value here: no limit. */
static bool take(struct reading reading, struct setting_value *ret)
{
	if (reading.state == READING_UNKNOWN)
		return false;
	*ret = (struct setting_value){
		.number = reading.state == READING_INFINITE ? SETTING_UNLIMITED : reading.value,
	};
	return true;
}

/* A disk that is not among those that were looked at is not known of. */
static bool io_has(const struct service_settings *settings, uint64_t device,
		   struct setting_value *ret)
{
	for (size_t i = 0; device != 0 && i < IO_LIMITS_MAX; i++)
		if (settings->io[i].device == device)
			return take(settings->io[i].write, ret);
	return false;
}

static bool service_has(const struct service *service, const struct setting_target *on,
			struct setting_value *ret)
{
	const struct service_settings *settings = service->settings;
	enum setting_id id = on->id;

	if (!settings)
		return false;
	switch (id) {
	case SETTING_MEMORY_MIN:
	case SETTING_MEMORY_LOW:
	case SETTING_MEMORY_HIGH:
	case SETTING_MEMORY_MAX:
	case SETTING_MEMORY_SWAP_MAX:
		return take(settings->memory[id], ret);
	case SETTING_OOM_GROUP:
		return take(settings->oom_group, ret);
	case SETTING_ALLOWED_NODES:
		if (!settings->nodes)
			return false;
		*ret = (struct setting_value){ .nodes = *settings->nodes };
		return true;
	case SETTING_ALLOWED_CPUS:
		if (!settings->cpu_nodes)
			return false;
		*ret = (struct setting_value){ .nodes = *settings->cpu_nodes };
		return true;
	case SETTING_IO_WRITE_MAX:
		return io_has(settings, on->detail, ret);
	case SETTING_OOM_SCORE_ADJ:
		*ret = (struct setting_value){ .number = settings->score_most };
		return settings->score_known;
	default:
		return false;
	}
}

static bool host_has(const struct host *host, enum setting_id id, struct setting_value *ret)
{
	if (!take(host->sysctls[id - SETTING_DIRTY], ret))
		return false;
	ret->is_ratio = (id == SETTING_DIRTY && host->dirty_is_ratio) ||
			(id == SETTING_DIRTY_BACKGROUND && host->dirty_background_is_ratio);
	return true;
}

bool setting_step_was(const struct snapshot *snapshot, const struct service *service,
		      const struct setting_target *on, struct setting_value *ret)
{
	const struct node *node;

	switch (setting_get(on->id)->scope) {
	case SCOPE_SERVICE:
		return service && service_has(service, on, ret);
	case SCOPE_HOST:
		return host_has(&snapshot->host, on->id, ret);
	case SCOPE_NODE:
		node = snapshot_node(snapshot, (unsigned)on->key);
		if (!node || node->huge_page_bytes != on->detail)
			return false;
		*ret = (struct setting_value){ .number = (int64_t)node->huge_pages };
		return true;
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		break;
	}
	return false;
}

bool setting_step_base(const struct action_context *context, const struct service *service,
		       const struct setting_target *on, struct setting_value *ret)
{
	struct setting_value was, claim;
	bool is_known = setting_step_was(context->snapshot, service, on, &was);

	if (!candidate_own_claim(context, on, &claim)) {
		if (is_known)
			*ret = was;
		return is_known;
	}
	*ret = is_known && was.is_ratio == claim.is_ratio ? setting_stricter(on->id, &was, &claim)
							  : claim;
	return true;
}

bool setting_step_is_met(enum setting_id id, const struct setting_value *wanted,
			 const struct setting_value *base)
{
	struct setting_value stricter;

	if (setting_value_equal(id, wanted, base))
		return true;
	if (wanted->is_ratio != base->is_ratio)
		return false;
	stricter = setting_stricter(id, wanted, base);
	return setting_value_equal(id, &stricter, base);
}

struct step *setting_step_add(const struct action_context *context, struct plan *plan,
			      enum action_id action, const struct service *service,
			      const struct setting_target *on, const struct setting_value *wanted)
{
	const struct snapshot *snapshot = context->snapshot;
	struct step *step = candidate_add_step(context, plan, action);

	if (!step)
		return NULL;
	if (service)
		candidate_set_target(step, service);
	step->setting.on = *on;
	step->setting.wanted = *wanted;
	step->setting.was_known = setting_step_was(snapshot, service, on, &step->setting.was);
	step->setting.owner = service ? service->owner : OWNER_NOBODY;
	step->setting.is_v1 = snapshot->host.memory_is_v1;
	return step;
}
