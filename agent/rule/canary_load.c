/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "act/unit_text.h"
#include "core/plan.h"
#include "core/slice.h"
#include "rule/loader.h"
#include "rule/size_read.h"
#include "util/macro.h"
#include "util/strbuf.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

/* Less frees nothing that anybody would notice. */
#define SIZE_LEAST_BYTES ((int64_t)1 << 20)
/* As much as it holds has to stay available when it is armed: what is larger never would be. */
#define PART_MOST_PERMILLE 500
/* Where the agent itself is. */
#define AGENT_SLICE "oomwarden.slice"
/* On nodes and not, with systemd and without. */
#define MATCHES 4
/* Where others say which policy set they are of. */
#define CANARY_SET "rules.d"

/* A section while it is read: Size= may ask for Node=, wherever that stands. */
struct canary_draft {
	struct canary canary;
	const struct ini_key *size; /* when it was sound */
};

static void read_canary_size(struct load *load, const struct ini_key *key, void *object)
{
	static const struct size_forms forms = {
		.expected = "a size like 512M or 1%, or with Node= \"2% node\"",
		.least_bytes = (uint64_t)SIZE_LEAST_BYTES,
		.least = "1M",
	};
	struct canary_draft *draft = object;
	struct policy_size size;

	if (!size_read(load, key, &forms, &size))
		return;
	if (size.number == 0) {
		load_fault(load, key, 0, "%s=%s: it would hold nothing", key->name, key->value);
	} else if (size.of != SIZE_ABSOLUTE && size.number > PART_MOST_PERMILLE) {
		load_fault(load, key, 0,
			   "%s=%s: more than half is never held, as much has to stay available",
			   key->name, key->value);
	} else {
		draft->canary.size = size;
		draft->size = key;
	}
}

static void read_node(struct load *load, const struct ini_key *key, void *object)
{
	static const char *const words[] = { "each" };
	struct canary_draft *draft = object;
	uint64_t node;
	int i;

	if (text_to_u64(key->value, &node) == 0 && node < IDSET_BITS) {
		draft->canary.place = CANARY_ON_NODE;
		draft->canary.node = (unsigned)node;
	} else if (*key->value >= '0' && *key->value <= '9') {
		load_fault(load, key, 0, "%s=%s: no kernel has a node above %d", key->name,
			   key->value, IDSET_BITS - 1);
	} else if (read_choice(load, key, key->value, 0, words, ARRAY_SIZE(words),
			       "a node's number", &i)) {
		draft->canary.place = CANARY_ON_EACH_NODE;
	}
}

/* What the name of a slice is not, and where; NULL: it is one. */
static const char *find_slice_fault(const char *text, size_t *ret_offset)
{
	static const char *const types[] = { ".slice", NULL };
	const char *wrong, *stray = strpbrk(text, "/%");

	*ret_offset = stray ? (size_t)(stray - text) : 0;
	if (stray && *stray == '/')
		return "a slice goes by the name of its unit such as web.slice, not by a path";
	if (stray)
		return "nothing is filled in here";
	if (!unit_text_is_of(text, types))
		return "the name of a slice ends in .slice";
	wrong = unit_text_fault(text, types, ret_offset);
	return wrong ? wrong : slice_fault(text, ret_offset);
}

/* What lies directly below it must still be a path that a step can name. */
static bool fits_path(const char *slice)
{
	char path[PATH_BYTES - UNIT_NAME_BYTES];
	struct strbuf b = STRBUF(path);

	slice_add_path(slice, &b);
	return !b.truncated;
}

static void read_slice(struct load *load, const struct ini_key *key, void *object)
{
	struct canary_draft *draft = object;
	size_t offset;
	const char *wrong = find_slice_fault(key->value, &offset);

	if (!wrong && slice_is_within(key->value, AGENT_SLICE)) {
		wrong = "it is the agent's own";
		offset = 0;
	}
	if (!wrong && !fits_path(key->value))
		wrong = "its path is too long";
	if (wrong)
		load_fault(load, key, offset, "%s=%s: %s", key->name, key->value, wrong);
	else
		read_text(load, key, &draft->canary.slice);
}

static void read_canary_mode(struct load *load, const struct ini_key *key, void *object)
{
	struct canary_draft *draft = object;

	read_mode(load, key, &draft->canary.mode);
}

/* Steps are read with the rules (rule_load.c): here they are only known to belong. */
static void read_later(struct load *load _unused_, const struct ini_key *key _unused_,
		       void *object _unused_)
{
}

static const struct schema_key keys[] = {
	{ .name = "Size", .read = read_canary_size },
	{ .name = "Node", .read = read_node },
	{ .name = "Slice", .read = read_slice },
	{ .name = "Mode", .read = read_canary_mode },
	{ .name = "OnDeath", .repeatable = true, .read = read_later },
};

const struct schema canary_schema = {
	.section = "Canary",
	.named = true,
	.keys = keys,
	.count = ARRAY_SIZE(keys),
};

/* What only shows when the whole section is read. */
static void check_canary(struct load *load, const struct ini_section *section,
			 const struct canary_draft *draft)
{
	if (!schema_find(section, "Size"))
		diag_add(load->diags, load->file, section->line, 1,
			 "[%s] has no Size=: it would hold nothing", section->name);
	if (draft->size && draft->canary.size.of == SIZE_OF_NODE && !schema_find(section, "Node"))
		load_fault(load, draft->size, 0,
			   "%s=%s: of which node? there is no Node=", draft->size->name,
			   draft->size->value);
}

/* It becomes a part of the names of units, in which a dot and more have a meaning. */
static bool check_name(struct load *load, const struct ini_section *section, const char *name)
{
	unsigned column = 2 + (unsigned)(name - section->name);
	if (!strchr(name, '.'))
		return true;
	diag_add(load->diags, load->file, section->line, column,
		 "the name of a canary is letters, digits, \"_\" and \"-\": [%s]", section->name);
	return false;
}

static void check_unique(struct load *load, const struct canary_loader *loader, const char *name,
			 unsigned line)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < config->canary_count; i++) {
		const struct origin *origin = &loader->origins[i];

		/* Twice in one file is a section given twice, which the reader reports. */
		if (strcmp(config->canaries[i].name, name) != 0 || origin->file == load->file)
			continue;
		diag_add(load->diags, load->file, line, 1,
			 "canary %s is here a second time; the first is in %s:%u", name,
			 origin->file, origin->line);
		return;
	}
}

static bool add_match(struct load *load, struct policy *policy, const char *directory,
		      const char *name, const char *behind)
{
	char pattern[PATH_BYTES];
	struct strbuf b = STRBUF(pattern);

	strbuf_addf(&b, "%s/" CANARY_UNIT_PREFIX "%s%s", directory, name, behind);
	policy->match[policy->match_count] = load_strdup(load, pattern);
	if (!policy->match[policy->match_count])
		return false;
	policy->match_count++;
	return true;
}

static bool add_place(struct load *load, const struct canary *canary, bool has_systemd,
		      struct policy *policy)
{
	char path[PATH_BYTES];
	struct strbuf directory = STRBUF(path);

	canary_add_place(canary->slice, has_systemd, &directory);
	return add_match(load, policy, path, canary->name, ".service") &&
	       add_match(load, policy, path, canary->name, ":node*.service");
}

/* Only where systemd puts the unit, or the agent the cgroup: of that name there may be one of
 * anybody's below a user's own manager. All nodes, for one that Node= does not ask for any more is
 * still its own. */
static bool add_matches(struct load *load, const struct canary *canary, struct policy *policy)
{
	policy->match = calloc(MATCHES, sizeof(*policy->match));
	if (!policy->match) {
		load->no_memory = true;
		return false;
	}
	return add_place(load, canary, true, policy) &&
	       (canary->slice || add_place(load, canary, false, policy));
}

/* By it the canary's cgroups are followed as services are, and are nobody else's. */
static bool add_policy(struct load *load, struct canary_loader *loader, const struct canary *canary,
		       unsigned line)
{
	char name[sizeof(CANARY_OWNER_PREFIX) + CANARY_NAME_MAX];
	struct policy policy = {
		.kind = KIND_SYSTEM,
		.kill = KILL_NEVER,
		.rank = RANK_DEFAULT,
		.nodes = NODES_KEEP,
		.mode = canary->mode,
		.canary = loader->config->canary_count + 1,
	};

	snprintf(name, sizeof(name), CANARY_OWNER_PREFIX "%s", canary->name);
	policy.name = load_strdup(load, name);
	policy.set = load_strdup(load, CANARY_SET);
	if (policy.name && policy.set && add_matches(load, canary, &policy) &&
	    policy_append(load, loader->policies, policy, (struct origin){ load->file, line }))
		return true;
	policy_done(&policy);
	return false;
}

/* False: it is the caller's still. */
static bool append(struct load *load, struct canary_loader *loader, struct canary canary,
		   unsigned line)
{
	struct config *config = loader->config;
	struct canary *grown;

	grown = reallocarray(config->canaries, config->canary_count + 1, sizeof(*grown));
	if (!grown) {
		load->no_memory = true;
		return false;
	}
	config->canaries = grown;
	if (!add_policy(load, loader, &canary, line))
		return false;
	loader->origins[config->canary_count] = (struct origin){ load->file, line };
	config->canaries[config->canary_count++] = canary;
	return true;
}

static void load_section(struct load *load, const struct ini_section *section,
			 struct canary_loader *loader)
{
	const char *name = schema_section_name(load, &canary_schema, section);
	struct canary_draft draft = { .canary = { .mode = MODE_ENFORCE } };

	schema_apply(load, &canary_schema, section, &draft);
	check_canary(load, section, &draft);
	if (name && check_name(load, section, name)) {
		check_unique(load, loader, name, section->line);
		if (loader->config->canary_count == CANARY_SECTIONS_MAX) {
			diag_add(load->diags, load->file, section->line, 1,
				 "more than %d sections [Canary NAME]", CANARY_SECTIONS_MAX);
		} else {
			draft.canary.name = load_strdup(load, name);
			if (draft.canary.name && append(load, loader, draft.canary, section->line))
				return;
		}
	}
	canary_done(&draft.canary);
}

void canary_load(struct load *load, const struct ini *ini, struct canary_loader *loader)
{
	load->file = ini->file;
	for (size_t i = 0; i < ini->section_count; i++)
		if (schema_is_of(&canary_schema, &ini->sections[i]))
			load_section(load, &ini->sections[i], loader);
}

void canary_done(struct canary *canary)
{
	free(canary->name);
	free(canary->slice);
	*canary = (struct canary){ 0 };
}
