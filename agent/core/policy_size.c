/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/policy_size.h"

#include "util/strbuf.h"

static const char *const of_texts[] = {
	[SIZE_OF_HOST] = "the host",
	[SIZE_OF_NODE] = "a node",
	[SIZE_OF_DECLARED] = "what the guest declares",
};

static bool may_use(const struct service *service, unsigned node)
{
	return !service->allowed_known || idset_has(service->allowed, node);
}

static struct reading smallest_node(const struct snapshot *snapshot, const struct service *service)
{
	struct reading least = READING_NONE;

	for (size_t i = 0; i < snapshot->node_count; i++) {
		const struct node *node = &snapshot->nodes[i];
		struct reading total = node->readings[metric_index(METRIC_NODE_TOTAL)];

		if (!may_use(service, node->id))
			continue;
		if (total.state != READING_KNOWN)
			return READING_NONE;
		/* Of CPUs alone: nobody's memory is there. */
		if (total.value == 0)
			continue;
		if (least.state != READING_KNOWN || total.value < least.value)
			least = total;
	}
	return least;
}

static struct reading whole(enum size_of of, const struct snapshot *snapshot,
			    const struct service *service)
{
	switch (of) {
	case SIZE_ABSOLUTE:
		break;
	case SIZE_OF_HOST:
		return snapshot->host.readings[metric_index(METRIC_MEM_TOTAL)];
	case SIZE_OF_NODE:
		return smallest_node(snapshot, service);
	case SIZE_OF_DECLARED:
		if (service->declared_bytes > 0 && service->declared_bytes <= INT64_MAX)
			return reading_of((int64_t)service->declared_bytes);
		break;
	}
	return READING_NONE;
}

/* permille / 1000 of it, without the product that would not fit; -1 where the result does not. */
static int64_t part(int64_t of, int64_t permille)
{
	int64_t result;

	if (__builtin_mul_overflow(of / 1000, permille, &result) ||
	    __builtin_add_overflow(result, of % 1000 * permille / 1000, &result))
		return -1;
	return result;
}

static int64_t page_floor(int64_t bytes, const struct snapshot *snapshot)
{
	int64_t page = (int64_t)snapshot->host.page_size_bytes;

	if (page <= 0 || bytes == 0)
		return bytes;
	return bytes < page ? page : bytes - bytes % page;
}

struct reading policy_size_resolve(const struct policy_size *size, const struct snapshot *snapshot,
				   const struct service *service)
{
	struct reading of;
	int64_t bytes;

	if (size->number == SETTING_UNLIMITED)
		return READING_FOREVER;
	if (size->of == SIZE_ABSOLUTE || size->number == 0)
		return reading_of(page_floor(size->number, snapshot));
	of = whole(size->of, snapshot, service);
	if (of.state != READING_KNOWN || of.value <= 0)
		return READING_NONE;
	bytes = part(of.value, size->number);
	if (bytes < 0)
		return READING_NONE;
	return reading_of(page_floor(bytes > 0 ? bytes : 1, snapshot));
}

bool policy_setting_may_have(const struct policy_setting *setting,
			     const struct setting_value *value)
{
	/* Only that of a home has a number beside its nodes. */
	return setting_get(setting->id)->unit != UNIT_NODES ||
	       setting->is_home == (value->number != 0);
}

bool policy_setting_resolve(const struct policy_setting *setting, const struct snapshot *snapshot,
			    const struct service *service, struct setting_value *ret)
{
	struct setting_value value = { .number = setting->size.number, .nodes = setting->nodes };

	if (setting->is_home)
		return false;
	if (setting_get(setting->id)->unit == UNIT_BYTES) {
		struct reading size = policy_size_resolve(&setting->size, snapshot, service);

		if (size.state == READING_UNKNOWN)
			return false;
		value.number = size.state == READING_INFINITE ? SETTING_UNLIMITED : size.value;
	}
	*ret = value;
	return true;
}

struct reading policy_ceiling(const struct policy *policy, enum setting_id id,
			      const struct snapshot *snapshot, const struct service *service)
{
	struct reading ceiling, max = READING_NONE;

	if (!policy->has_ceiling || (id != SETTING_MEMORY_HIGH && id != SETTING_MEMORY_MAX))
		return READING_NONE;
	ceiling = policy_size_resolve(&policy->max_ceiling, snapshot, service);
	if (ceiling.state != READING_KNOWN)
		return READING_NONE;
	if (id == SETTING_MEMORY_HIGH && service->settings)
		max = service->settings->memory[SETTING_MEMORY_MAX];
	return max.state == READING_KNOWN && max.value < ceiling.value ? max : ceiling;
}

void policy_size_format(const struct policy_size *size, struct strbuf *out)
{
	if (size->number == SETTING_UNLIMITED) {
		strbuf_add(out, "infinity");
	} else if (size->of == SIZE_ABSOLUTE) {
		strbuf_add_bytes(out, size->number);
	} else {
		strbuf_add_permyriad(out, size->number * 10);
		strbuf_addf(out, " of %s", of_texts[size->of]);
	}
}

void policy_setting_format(const struct policy_setting *setting, struct strbuf *out)
{
	const struct setting *row = setting_get(setting->id);
	struct setting_value value = { .number = setting->size.number };

	if (row->unit == UNIT_NODES) {
		strbuf_add(out, setting->is_home ? "Nodes=home" : "Nodes=");
		idset_format(&setting->nodes, out);
		return;
	}
	strbuf_addf(out, "%s=", row->name);
	if (setting->device) {
		strbuf_add_name(out, setting->device);
		strbuf_add(out, " ");
	}
	if (row->unit == UNIT_BYTES)
		policy_size_format(&setting->size, out);
	else if (row->unit == UNIT_FLAG)
		strbuf_add(out, setting->size.number ? "yes" : "no");
	else
		setting_value_format(setting->id, &value, out);
}
