/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/held.h"

#include "act/candidate.h"
#include "act/setting_step.h"
#include "core/policy_size.h"
#include "util/amount.h"
#include "util/macro.h"

/* What an operator is told, by what was asked for. */
const char *held_why_no_file(enum setting_id id)
{
	switch (id) {
	case SETTING_MEMORY_MIN:
	case SETTING_MEMORY_LOW:
		return "control groups of version 1 protect nobody's memory";
	case SETTING_MEMORY_HIGH:
		return "control groups of version 1 have no such setting: MemoryMax= works there";
	case SETTING_MEMORY_SWAP_MAX:
		return "this kernel does not count swap by control group, or has control groups of "
		       "version 1";
	case SETTING_OOM_GROUP:
		return "this kernel has no memory.oom.group: it takes version 2 and Linux 4.19";
	default:
		return "this kernel has no such setting";
	}
}

const char *held_why_not_taken(enum setting_id id)
{
	switch (id) {
	case SETTING_ALLOWED_NODES:
		return "a cpuset above it allows none of these nodes, or systemd does not use the "
		       "cpuset controller here";
	case SETTING_ALLOWED_CPUS:
		return "a cpuset above it does not allow all CPUs of these nodes, or systemd does "
		       "not use the cpuset controller here";
	case SETTING_MEMORY_MIN:
	case SETTING_MEMORY_LOW:
	case SETTING_MEMORY_HIGH:
	case SETTING_MEMORY_MAX:
	case SETTING_MEMORY_SWAP_MAX:
		return "MemoryAccounting= of the unit may be off, or its slice lack the memory "
		       "controller";
	default:
		return "it was taken, but the kernel holds another value";
	}
}

const char *held_why_not_lower(const struct look *l)
{
	const struct service_settings *settings = l->service->settings;
	int64_t wanted = l->wanted.number;

	if (!setting_get(l->on.id)->is_limit || !l->actual_known || l->actual.number <= wanted ||
	    l->actual.number == SETTING_UNLIMITED)
		return NULL;
	for (int id = SETTING_MEMORY_MIN; settings && id <= SETTING_MEMORY_LOW; id++)
		if (reading_amount(settings->memory[id]) > (uint64_t)wanted)
			return "its own MemoryMin= or MemoryLow= is more than that, and a limit "
			       "stays above";
	if (candidate_bytes(l->service, METRIC_SERVICE_CURRENT) > (uint64_t)wanted)
		return "it uses more than that, of which no more can be reclaimed; it is tried "
		       "again from time to time";
	return NULL;
}

/* What the cgroup holds. Of scores the one that is off, if one is. */
bool held_read(const struct look *l, struct setting_value *ret)
{
	const struct service_settings *settings = l->service->settings;

	*ret = (struct setting_value){ 0 };
	if (!setting_step_was(l->e->snapshot, l->service, &l->on, ret))
		return false;
	if (l->on.id == SETTING_OOM_SCORE_ADJ && ret->number == l->wanted.number)
		ret->number = settings->score_least;
	return true;
}

/* Some of its memory files are there, and this one is not; or there cannot be one. */
bool held_lacks_file(const struct look *l)
{
	const struct service_settings *settings = l->service->settings;

	if (l->on.id > SETTING_OOM_GROUP || l->on.id == SETTING_MEMORY_MAX)
		return false;
	if (l->e->snapshot->host.memory_is_v1 && !setting_get(l->on.id)->file_v1)
		return true;
	return settings->memory[SETTING_MEMORY_MAX].state != READING_UNKNOWN && !l->actual_known;
}

/* As the kernel holds it: rounded down to whole pages. */
bool held_is_same(const struct look *l, const struct setting_value *a,
		  const struct setting_value *b)
{
	int64_t page = (int64_t)l->e->snapshot->host.page_size_bytes;
	int64_t apart;

	if (setting_value_equal(l->on.id, a, b))
		return true;
	if (setting_get(l->on.id)->unit != UNIT_BYTES || a->number == SETTING_UNLIMITED ||
	    b->number == SETTING_UNLIMITED)
		return false;
	apart = a->number > b->number ? a->number - b->number : b->number - a->number;
	return apart < page;
}

bool held_is_score(const struct look *l)
{
	return l->on.id == SETTING_OOM_SCORE_ADJ;
}

/* Does the kernel tell what is in force? Not of writing where no file says it: on v1, and where
 * nobody has the controller yet. */
bool held_is_shown(const struct look *l)
{
	return l->on.id != SETTING_IO_WRITE_MAX || l->actual_known;
}

/* Why this service is none of ours, or REFUSE_COUNT_. */
enum refusal held_object_to(const struct service *service)
{
	if (service->is_self)
		return REFUSE_PROTECTED;
	if (service->owner == OWNER_OTHER)
		return REFUSE_NOT_OURS;
	if (!candidate_fits(service))
		return REFUSE_UNSUPPORTED;
	return REFUSE_COUNT_;
}

/* What is built in as protected may be given something, and nothing be taken from it. */
bool held_is_gift(const struct policy_setting *setting)
{
	return setting_get(setting->id)->is_protection ||
	       (setting->id == SETTING_OOM_SCORE_ADJ && setting->size.number <= 0);
}

/* What is set on a cgroup is felt by all that lies below. */
static bool shelters(const struct look *l)
{
	const struct snapshot *s = l->e->snapshot;

	if (setting_get(l->on.id)->is_protection)
		return false;
	for (size_t i = 0; i < s->service_count; i++)
		if ((s->services[i].protected_unit || s->services[i].is_self) &&
		    candidate_holds(l->service, &s->services[i]))
			return true;
	return false;
}

/* What its policy protects of it, if that is another one's than is looked at. */
static uint64_t guarded(const struct look *l, const struct service *service)
{
	const struct policy_table *table = &l->e->config->policies;
	uint64_t most = 0;

	if (service->policy < 0 || (size_t)service->policy >= table->count ||
	    service->policy == l->service->policy)
		return 0;
	for (int id = SETTING_MEMORY_MIN; id <= SETTING_MEMORY_LOW; id++) {
		const struct policy_setting *setting =
			policy_setting(&table->policies[service->policy], (enum setting_id)id);
		struct reading size = READING_NONE;

		if (setting)
			size = policy_size_resolve(&setting->size, l->e->snapshot, service);
		if (size.state == READING_INFINITE)
			size = service->readings[metric_index(METRIC_SERVICE_CURRENT)];
		most = MAX_OF(most, reading_amount(size));
	}
	return most;
}

/* Then it has its part of what that one has. */
static bool is_below_guarded(const struct look *l, const struct service *inner)
{
	const struct snapshot *s = l->e->snapshot;

	for (size_t i = 0; i < s->service_count; i++)
		if (candidate_holds(&s->services[i], inner) &&
		    candidate_holds(l->service, &s->services[i]) && guarded(l, &s->services[i]) > 0)
			return true;
	return false;
}

bool held_crosses(const struct look *l)
{
	const struct snapshot *s = l->e->snapshot;
	uint64_t below = 0;

	if (!l->e->keeper.protects || !setting_get(l->on.id)->is_limit)
		return false;
	for (size_t i = 0; i < s->service_count; i++) {
		const struct service *inner = &s->services[i];
		uint64_t bytes;

		if (!candidate_holds(l->service, inner))
			continue;
		bytes = guarded(l, inner);
		if (bytes > 0 && !is_below_guarded(l, inner))
			below = plus(below, bytes);
	}
	return below > (uint64_t)l->wanted.number;
}

/* Likewise, for the moment. A limit that comes down may be met, which vm.panic_on_oom would turn
 * into the end of the host. */
enum refusal held_object_for_now(const struct look *l)
{
	if (shelters(l))
		return REFUSE_PROTECTED;
	if (!l->e->snapshot->host.panic_on_oom || !setting_get(l->on.id)->is_limit)
		return REFUSE_COUNT_;
	if (l->actual_known && l->actual.number <= l->wanted.number)
		return REFUSE_COUNT_;
	return REFUSE_PANIC;
}

/* No limit and no protection are so where the kernel has none. */
bool held_is_nothing(const struct look *l)
{
	if (setting_get(l->on.id)->strict == STRICT_LOWER)
		return l->wanted.number == SETTING_UNLIMITED;
	return l->wanted.number == 0;
}

static bool have_cpus(const struct snapshot *s, const struct idset *nodes)
{
	for (int i = idset_next(nodes, 0); i >= 0; i = idset_next(nodes, (unsigned)i + 1)) {
		const struct node *node = snapshot_node(s, (unsigned)i);

		if (!node || !node->has_cpu)
			return false;
	}
	return true;
}

/* Known before it is tried that it could not be in force; NULL: nothing of that kind. */
const char *held_foresee(const struct look *l)
{
	const struct snapshot *s = l->e->snapshot;

	if (held_lacks_file(l))
		return held_why_no_file(l->on.id);
	if (l->on.id == SETTING_ALLOWED_NODES &&
	    !idset_is_subset(&l->wanted.nodes, &s->memory_nodes))
		return "this machine does not have all of these nodes";
	if (l->on.id == SETTING_ALLOWED_CPUS && !have_cpus(s, &l->wanted.nodes))
		return "not all of these nodes have CPUs, as this machine has them";
	if (setting_get(l->on.id)->unit == UNIT_NODES && s->host.memory_is_v1 &&
	    l->service->owner == OWNER_SYSTEMD)
		return "systemd sets nodes in control groups of version 2 only";
	if (l->on.id == SETTING_OOM_GROUP && l->service->owner == OWNER_SYSTEMD &&
	    !(l->actual_known && held_is_same(l, &l->actual, &l->wanted)))
		return "systemd sets memory.oom.group itself: OOMPolicy=kill in the unit does it";
	if (l->on.id == SETTING_IO_WRITE_MAX && l->on.detail == 0)
		return "the device that it names is not there";
	return NULL;
}
