/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/loader.h"
#include "rule/policy_settings.h"
#include "util/glob.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

bool read_kind(struct load *load, const struct ini_key *key, const char *word, size_t offset,
	       enum service_kind *ret)
{
	static const enum service_kind kinds[] = { KIND_SERVICE, KIND_BATCH, KIND_VM, KIND_SYSTEM };
	const char *names[ARRAY_SIZE(kinds)];
	int i;

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		names[k] = service_kind_name(kinds[k]);
	if (!read_choice(load, key, word, offset, names, ARRAY_SIZE(names), NULL, &i))
		return false;
	*ret = kinds[i];
	return true;
}

static void read_match(struct load *load, const struct ini_key *key, void *object)
{
	struct policy *policy = object;
	const char *wrong = glob_check(key->value);
	char **grown;
	char *copy;

	if (wrong) {
		load_fault(load, key, 0, "Match=%s %s", key->value, wrong);
		return;
	}
	copy = load_strdup(load, key->value);
	grown = reallocarray(policy->match, policy->match_count + 1, sizeof(*grown));
	if (grown)
		policy->match = grown;
	if (!grown || !copy) {
		load->no_memory = true;
		free(copy);
		return;
	}
	policy->match[policy->match_count++] = copy;
}

static void read_policy_kind(struct load *load, const struct ini_key *key, void *object)
{
	struct policy *policy = object;

	read_kind(load, key, key->value, 0, &policy->kind);
}

static void read_kill(struct load *load, const struct ini_key *key, void *object)
{
	struct policy *policy = object;
	const char *const words[] = {
		[KILL_NEVER] = kill_class_name(KILL_NEVER),
		[KILL_LAST] = kill_class_name(KILL_LAST),
		[KILL_NORMAL] = kill_class_name(KILL_NORMAL),
		[KILL_FIRST] = kill_class_name(KILL_FIRST),
	};
	int i;

	if (read_word(load, key, words, ARRAY_SIZE(words), &i))
		policy->kill = (enum kill_class)i;
}

static void read_rank(struct load *load, const struct ini_key *key, void *object)
{
	struct policy *policy = object;

	read_number(load, key, 0, 1000, &policy->rank);
}

static void read_nodes(struct load *load, const struct ini_key *key, void *object)
{
	static const enum nodes_mode modes[] = { NODES_KEEP, NODES_RELIEVE, NODES_HOME };
	const char *names[ARRAY_SIZE(modes)];
	struct policy *policy = object;
	struct idset list;
	int i, r;

	/* What begins with a digit is meant as a list, and no word. */
	if (*key->value >= '0' && *key->value <= '9') {
		r = idset_parse(key->value, &list);
		if (r == -ERANGE) {
			load_fault(load, key, 0, "Nodes=%s: no kernel has a node above %d",
				   key->value, IDSET_BITS - 1);
		} else if (r < 0) {
			load_fault(load, key, 0, "Nodes=%s is no list of nodes like 0-1,3",
				   key->value);
		} else {
			policy_settings_take_nodes(load, key, &list, policy);
		}
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(modes); k++)
		names[k] = nodes_mode_name(modes[k]);
	if (read_choice(load, key, key->value, 0, names, ARRAY_SIZE(names),
			"a list of nodes like 0-1,3", &i))
		policy->nodes = modes[i];
	if (policy->nodes == NODES_HOME)
		policy_settings_take_home(load, key, policy);
}

static void read_policy_mode(struct load *load, const struct ini_key *key, void *object)
{
	struct policy *policy = object;

	read_mode(load, key, &policy->mode);
}

static const struct schema_key keys[] = {
	{ .name = "Match", .repeatable = true, .read = read_match },
	{ .name = "Kind", .read = read_policy_kind },
	{ .name = "Kill", .read = read_kill },
	{ .name = "Rank", .read = read_rank },
	{ .name = "Nodes", .read = read_nodes },
	{ .name = "Mode", .read = read_policy_mode },
	{ .name = "MemoryMin", .read = policy_settings_read_size },
	{ .name = "MemoryLow", .read = policy_settings_read_size },
	{ .name = "MemoryHigh", .read = policy_settings_read_size },
	{ .name = "MemoryMax", .read = policy_settings_read_size },
	{ .name = "MemoryLimit", .read = policy_settings_read_size },
	{ .name = "MemoryMaxCeiling", .read = policy_settings_read_ceiling },
	{ .name = "MemorySwapMax", .read = policy_settings_read_size },
	{ .name = "OOMGroup", .read = policy_settings_read_group },
	{ .name = "OOMScoreAdjust", .read = policy_settings_read_score },
	{ .name = "IOWriteBandwidthMax",
	  .repeatable = true,
	  .read = policy_settings_read_write_rate },
	{ .name = "OnDeath", .repeatable = true, .later = true },
};

const struct schema policy_schema = {
	.section = "Policy",
	.named = true,
	.keys = keys,
	.count = ARRAY_SIZE(keys),
};

/* What only shows when the whole section is read. */
static void check_policy(struct load *load, const struct ini_section *section,
			 const struct policy *policy)
{
	const struct ini_key *kill = schema_find(section, "Kill");

	if (!schema_find(section, "Match"))
		diag_add(load->diags, load->file, section->line, 1,
			 "[%s] has no Match=: it would own no service", section->name);
	if (kill && policy->kind == KIND_VM && policy->kill != KILL_NEVER)
		load_fault(load, kill, 0, "Kill=%s beside Kind=vm: guests are never killed",
			   kill->value);
	policy_settings_check(load, section, policy);
}

static void check_unique(struct load *load, const struct policy_loader *loader, const char *name,
			 unsigned line)
{
	for (size_t i = 0; i < loader->table->count; i++) {
		const struct origin *origin = &loader->origins[i];

		/* Twice in one file is a section given twice, which the reader reports. */
		if (strcmp(loader->table->policies[i].name, name) != 0 ||
		    origin->file == load->file)
			continue;
		diag_add(load->diags, load->file, line, 1,
			 "policy %s is here a second time; the first is in %s:%u", name,
			 origin->file, origin->line);
		return;
	}
}

bool policy_append(struct load *load, struct policy_loader *loader, struct policy policy,
		   struct origin origin)
{
	struct policy_table *table = loader->table;
	struct policy *policies =
		reallocarray(table->policies, table->count + 1, sizeof(*policies));
	struct origin *origins;

	if (policies)
		table->policies = policies;
	origins = reallocarray(loader->origins, table->count + 1, sizeof(*origins));
	if (origins)
		loader->origins = origins;
	if (!policies || !origins) {
		load->no_memory = true;
		return false;
	}
	origins[table->count] = origin;
	policies[table->count++] = policy;
	return true;
}

static void load_section(struct load *load, const struct ini_section *section, const char *set,
			 struct policy_loader *loader)
{
	const char *name = schema_section_name(load, &policy_schema, section);
	struct policy policy = {
		.kind = KIND_SERVICE,
		.kill = KILL_NEVER,
		.rank = RANK_DEFAULT,
		.nodes = NODES_KEEP,
		.mode = MODE_ENFORCE,
	};

	if (!name)
		return;
	check_unique(load, loader, name, section->line);
	policy.name = load_strdup(load, name);
	policy.set = load_strdup(load, set);
	schema_apply(load, &policy_schema, section, &policy);
	check_policy(load, section, &policy);
	if (policy.name && policy.set &&
	    policy_append(load, loader, policy, (struct origin){ load->file, section->line }))
		return;
	policy_done(&policy);
}

void policy_load(struct load *load, const struct ini *ini, const char *set,
		 struct policy_loader *loader)
{
	load->file = ini->file;
	for (size_t i = 0; i < ini->section_count; i++)
		load_section(load, &ini->sections[i], set, loader);
}
