/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the loaders of the three sorts of files share. Each takes a file that was read and adds to
 * the configuration what is sound in it; faults go to load->diags, load->no_memory says that the
 * result is not complete.
 */

#include "rule/config.h"
#include "rule/schema.h"

#define SETS_MAX 32

/* A policy set that Policy= names. */
struct set_name {
	char name[WORD_BYTES];
	const char *file; /* where it is named; NULL: by default */
	unsigned line;
	unsigned column;
};

struct agent_settings {
	struct config *config;
	struct set_name sets[SETS_MAX];
	size_t set_count;
	bool sets_given;
};

extern const struct schema agent_schema, policy_schema, rule_schema, canary_schema;

/* Where a name was given first. */
struct origin {
	const char *file;
	unsigned line;
};

/* Policies and where they come from, side by side. The files that they name outlive the loading. */
struct policy_loader {
	struct policy_table *table;
	struct origin *origins;
};

/* Canaries and where they come from, likewise. */
struct canary_loader {
	struct config *config;
	struct policy_loader *policies;
	struct origin origins[CANARY_SECTIONS_MAX];
};

/* Fills config with what holds without a file, and the sets that are looked for then. */
void agent_defaults(struct config *config, struct agent_settings *settings);
void agent_load(struct load *load, const struct ini *ini, struct agent_settings *settings);
/* The policies of one set, behind those that are there. */
void policy_load(struct load *load, const struct ini *ini, const char *set,
		 struct policy_loader *loader);
/* Takes the policy over, unless there is no memory (noted): then it is the caller's still. */
bool policy_append(struct load *load, struct policy_loader *loader, struct policy policy,
		   struct origin origin);
/* The canaries of one file of rules, each with its policy. What is matched first comes first in the
 * table, so this is for before any policy is loaded. Sections of rules are passed over. */
void canary_load(struct load *load, const struct ini *ini, struct canary_loader *loader);
/* The rules of one file, and those that its canaries' OnDeath= makes; names of policies are looked
 * up in config->policies, canaries in config->canaries. */
void rule_load(struct load *load, const struct ini *ini, struct config *config);
void rule_done(struct rule *rule);
void canary_done(struct canary *canary);

/* Readers that several sections share. */
bool read_mode(struct load *load, const struct ini_key *key, enum mode *ret);
bool read_kind(struct load *load, const struct ini_key *key, const char *word, size_t offset,
	       enum service_kind *ret);
