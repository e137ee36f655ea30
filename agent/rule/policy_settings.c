/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/policy_settings.h"

#include "core/policy.h"
#include "rule/size_read.h"
#include "util/macro.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

/* The largest page of memory that Linux is built for. A smaller size would come to nothing on such
 * a machine, and is a forgotten unit on every other one. */
#define SIZE_LEAST_BYTES (64 * 1024)
static const struct size_forms size_forms = {
	.expected = "a size like 8G, infinity, 25%, \"50% node\" or \"120% declared\"",
	.may_be_infinite = true,
	.may_be_declared = true,
	.least_bytes = SIZE_LEAST_BYTES,
	.least = "64K",
};

/* Where the setting goes, or NULL: one is there already, which is reported by others. */
static struct policy_setting *add(struct load *load, const struct ini_key *key,
				  struct policy *policy, enum setting_id id)
{
	struct policy_setting *setting;

	if (id != SETTING_IO_WRITE_MAX && policy_setting(policy, id))
		return NULL;
	if (policy->setting_count == POLICY_SETTINGS_MAX) {
		load_fault(load, key, 0, "more than %d settings in one policy",
			   POLICY_SETTINGS_MAX);
		return NULL;
	}
	setting = &policy->settings[policy->setting_count++];
	*setting = (struct policy_setting){ .id = id, .line = key->line };
	return setting;
}

void policy_settings_read_size(struct load *load, const struct ini_key *key, void *object)
{
	enum setting_id id = (enum setting_id)setting_find(key->name);
	struct policy_setting *setting;
	struct policy_size size;

	if (!size_read(load, key, &size_forms, &size))
		return;
	if (size.number == 0 && setting_get(id)->is_limit) {
		load_fault(load, key, 0, "%s=%s would leave a service nothing to run in", key->name,
			   key->value);
		return;
	}
	setting = add(load, key, object, id);
	if (setting)
		setting->size = size;
}

void policy_settings_read_ceiling(struct load *load, const struct ini_key *key, void *object)
{
	struct policy *policy = object;
	struct policy_size size;

	if (!size_read(load, key, &size_forms, &size))
		return;
	if (size.number == 0 || size.number == SETTING_UNLIMITED) {
		load_fault(load, key, 0,
			   "%s=%s is no ceiling; without one no rule raises the limit", key->name,
			   key->value);
		return;
	}
	policy->has_ceiling = true;
	policy->max_ceiling = size;
}

static void set_number(struct load *load, const struct ini_key *key, struct policy *policy,
		       enum setting_id id, int64_t number)
{
	struct policy_setting *setting = add(load, key, policy, id);

	if (setting)
		setting->size = (struct policy_size){ .number = number };
}

void policy_settings_read_group(struct load *load, const struct ini_key *key, void *object)
{
	bool yes;

	if (text_to_bool(key->value, &yes) < 0)
		load_fault(load, key, 0, "%s=%s: expected yes or no", key->name, key->value);
	else
		set_number(load, key, object, SETTING_OOM_GROUP, yes);
}

void policy_settings_read_score(struct load *load, const struct ini_key *key, void *object)
{
	const struct setting *row = setting_get(SETTING_OOM_SCORE_ADJ);
	int score;

	if (read_number(load, key, (int)row->least, (int)row->most, &score))
		set_number(load, key, object, SETTING_OOM_SCORE_ADJ, score);
}

/* "10M/s", or "10M" as systemd has it. */
static bool read_rate(struct load *load, const struct ini_key *key, size_t offset, int64_t *ret)
{
	const char *text = key->value + offset;
	size_t length = strlen(text);
	char amount[32];
	uint64_t bytes;

	if (strcmp(text, "infinity") == 0) {
		*ret = SETTING_UNLIMITED;
		return true;
	}
	if (length > 2 && strcmp(text + length - 2, "/s") == 0)
		length -= 2;
	if (length >= sizeof(amount)) {
		load_fault(load, key, offset, "%.*s... is out of range", 32, text);
		return false;
	}
	memcpy(amount, text, length);
	amount[length] = '\0';
	if (text_to_bytes(amount, &bytes) == -EINVAL) {
		load_fault(load, key, offset, "%s is no rate like 10M/s, nor infinity", text);
		return false;
	}
	if (text_to_bytes(amount, &bytes) < 0 || bytes >= INT64_MAX) {
		load_fault(load, key, offset, "%s is out of range", text);
		return false;
	}
	if (bytes < SIZE_LEAST_BYTES) {
		load_fault(load, key, offset, "%s is less than 64K/s: is a unit missing?", text);
		return false;
	}
	*ret = (int64_t)bytes;
	return true;
}

static bool has_device(const struct policy *policy, const char *device)
{
	for (size_t i = 0; i < policy->setting_count; i++)
		if (policy->settings[i].device && strcmp(policy->settings[i].device, device) == 0)
			return true;
	return false;
}

/* The last word is the rate, so that the path may hold blanks, as nothing else would let it. */
void policy_settings_read_write_rate(struct load *load, const struct ini_key *key, void *object)
{
	const char *last = strrchr(key->value, ' ');
	const char *tab = strrchr(key->value, '\t');
	struct policy *policy = object;
	struct policy_setting *setting;
	_cleanup_(freep) char *device = NULL;
	size_t length;
	int64_t rate;

	if (tab && (!last || tab > last))
		last = tab;
	if (key->value[0] != '/' || !last) {
		load_fault(load, key, 0,
			   "%s=%s: expected a device, or a file on its filesystem, and a rate: "
			   "/dev/sda 10M/s",
			   key->name, key->value);
		return;
	}
	if (!read_rate(load, key, (size_t)(last + 1 - key->value), &rate))
		return;
	length = (size_t)(last - key->value);
	while (key->value[length - 1] == ' ' || key->value[length - 1] == '\t')
		length--;
	device = load_strdup(load, key->value);
	if (!device)
		return;
	device[length] = '\0';
	if (has_device(policy, device)) {
		load_fault(load, key, 0, "%s= is given twice for %s", key->name, device);
		return;
	}
	setting = add(load, key, policy, SETTING_IO_WRITE_MAX);
	if (setting) {
		setting->size = (struct policy_size){ .number = rate };
		setting->device = TAKE_PTR(device);
	}
}

void policy_settings_take_nodes(struct load *load, const struct ini_key *key,
				const struct idset *nodes, struct policy *policy)
{
	struct policy_setting *setting = add(load, key, policy, SETTING_ALLOWED_NODES);

	if (!setting)
		return;
	setting->nodes = *nodes;
	policy->nodes = NODES_LIST;
	policy->nodes_list = *nodes;
}

void policy_settings_take_home(struct load *load, const struct ini_key *key, struct policy *policy)
{
	static const enum setting_id ids[] = { SETTING_ALLOWED_NODES, SETTING_ALLOWED_CPUS };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct policy_setting *setting = add(load, key, policy, ids[i]);

		if (setting)
			setting->is_home = true;
	}
}

/* What a policy bounds memory by, from the least to the most. */
enum bound_id {
	BOUND_MIN,
	BOUND_LOW,
	BOUND_HIGH,
	BOUND_MAX,
	BOUND_CEILING,
	BOUND_COUNT_,
};

struct bound {
	const struct ini_key *key; /* NULL: not given */
	const struct policy_size *size;
};

static const struct ini_key *key_in_line(const struct ini_section *section, unsigned line)
{
	for (size_t i = 0; i < section->key_count; i++)
		if (section->keys[i].line == line)
			return &section->keys[i];
	return NULL;
}

static void find_bounds(const struct ini_section *section, const struct policy *policy,
			struct bound ret_bounds[BOUND_COUNT_])
{
	static const enum setting_id ids[] = {
		[BOUND_MIN] = SETTING_MEMORY_MIN,
		[BOUND_LOW] = SETTING_MEMORY_LOW,
		[BOUND_HIGH] = SETTING_MEMORY_HIGH,
		[BOUND_MAX] = SETTING_MEMORY_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct policy_setting *setting = policy_setting(policy, ids[i]);

		ret_bounds[i] = (struct bound){ 0 };
		if (setting)
			ret_bounds[i] = (struct bound){ key_in_line(section, setting->line),
							&setting->size };
	}
	ret_bounds[BOUND_CEILING] = (struct bound){ 0 };
	if (policy->has_ceiling)
		ret_bounds[BOUND_CEILING] =
			(struct bound){ schema_find(section, "MemoryMaxCeiling"),
					&policy->max_ceiling };
}

/* Is one more than the other on every machine? Infinity is: no limit, or all of it protected, and
 * contradicts nothing. */
static bool is_more(const struct policy_size *a, const struct policy_size *b)
{
	if (a->number == SETTING_UNLIMITED || b->number == SETTING_UNLIMITED)
		return false;
	if (b->number == 0)
		return a->number > 0;
	/* A node is no larger than the host. */
	if (a->of == b->of || (a->of == SIZE_OF_HOST && b->of == SIZE_OF_NODE))
		return a->number > b->number;
	return false;
}

static void check_order(struct load *load, const struct ini_section *section,
			const struct policy *policy)
{
	struct bound bounds[BOUND_COUNT_];

	find_bounds(section, policy, bounds);
	for (size_t i = 0; i < BOUND_COUNT_; i++) {
		for (size_t k = i + 1; k < BOUND_COUNT_; k++) {
			const struct ini_key *key = bounds[i].key, *other = bounds[k].key;

			if (!key || !other || !is_more(bounds[i].size, bounds[k].size))
				continue;
			load_fault(load, key, 0, "%s=%s is more than %s=%s in line %u", key->name,
				   key->value, other->name, other->value, other->line);
			/* The others follow from it. */
			break;
		}
	}
}

static void check_alias(struct load *load, const struct ini_section *section)
{
	const struct ini_key *max = schema_find(section, "MemoryMax");
	const struct ini_key *limit = schema_find(section, "MemoryLimit");
	const struct ini_key *first, *second;

	if (!max || !limit)
		return;
	first = max->line < limit->line ? max : limit;
	second = first == max ? limit : max;
	diag_add(load->diags, load->file, second->line, 1,
		 "%s= is another name of %s=, which is given in line %u", second->name, first->name,
		 first->line);
}

/* Who meets a limit and may not be killed waits for ever (mem_cgroup_oom(), mm/memcontrol.c). */
static void check_unkillable(struct load *load, const struct ini_section *section,
			     const struct policy *policy)
{
	const struct policy_setting *score = policy_setting(policy, SETTING_OOM_SCORE_ADJ);
	const struct policy_setting *max = policy_setting(policy, SETTING_MEMORY_MAX);
	const struct ini_key *key = score ? key_in_line(section, score->line) : NULL;
	const struct ini_key *limit = max ? key_in_line(section, max->line) : NULL;

	if (!key || !limit || max->size.number == SETTING_UNLIMITED ||
	    score->size.number > setting_get(SETTING_OOM_SCORE_ADJ)->least)
		return;
	load_fault(load, key, 0,
		   "%s=%s beside %s=%s in line %u: at its limit a service that nothing may be "
		   "killed of hangs",
		   key->name, key->value, limit->name, limit->value, limit->line);
}

/* What keeps a service short, or brings it nearer to its end. */
static bool is_against(const struct policy_setting *setting)
{
	const struct setting *row = setting_get(setting->id);

	if (setting->id == SETTING_OOM_SCORE_ADJ)
		return setting->size.number > 0;
	if (setting->size.number == SETTING_UNLIMITED)
		return false;
	return row->is_limit || setting->id == SETTING_MEMORY_SWAP_MAX ||
	       setting->id == SETTING_IO_WRITE_MAX;
}

static void check_declared(struct load *load, const struct ini_key *key,
			   const struct policy_size *size, const struct policy *policy)
{
	if (size->of != SIZE_OF_DECLARED || policy->kind == KIND_VM)
		return;
	load_fault(load, key, strlen(key->value) - strlen("declared"),
		   "%s=%s: only guests declare their memory, and this policy has Kind=%s",
		   key->name, key->value, service_kind_name(policy->kind));
}

static void check_kind(struct load *load, const struct ini_section *section,
		       const struct policy *policy)
{
	const struct ini_key *kind = schema_find(section, "Kind");
	const struct ini_key *ceiling = schema_find(section, "MemoryMaxCeiling");

	/* One that was not understood is reported; what it would have been is not known. */
	if (kind && strcmp(kind->value, service_kind_name(policy->kind)) != 0)
		return;
	for (size_t i = 0; i < policy->setting_count; i++) {
		const struct policy_setting *setting = &policy->settings[i];
		const struct ini_key *key = key_in_line(section, setting->line);

		if (!key)
			continue;
		check_declared(load, key, &setting->size, policy);
		if (policy->kind == KIND_SYSTEM && is_against(setting))
			load_fault(load, key, 0,
				   "%s=%s beside Kind=system: what the host runs on is neither "
				   "limited nor offered to the OOM killer",
				   key->name, key->value);
	}
	if (ceiling && policy->has_ceiling)
		check_declared(load, ceiling, &policy->max_ceiling, policy);
	if (ceiling && policy->kind == KIND_SYSTEM)
		load_fault(load, ceiling, 0,
			   "%s=%s beside Kind=system, which has no limit to raise", ceiling->name,
			   ceiling->value);
}

void policy_settings_check(struct load *load, const struct ini_section *section,
			   const struct policy *policy)
{
	check_alias(load, section);
	check_order(load, section, policy);
	check_unkillable(load, section, policy);
	check_kind(load, section, policy);
}
