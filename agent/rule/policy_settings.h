/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The keys of a policy that set something on its services (core/setting.h): what each takes, and
 * what only shows when all of them are read. Each reader is given the policy as `object`.
 *
 * A limit on guests (Kind=vm) or a low OOMScoreAdjust= for them can do harm, and is taken all the
 * same: no file that is shipped has one, so somebody has written it. The manual says what it does,
 * and `oomwarden check` lists what is set on whom.
 */

#include "rule/schema.h"
#include "util/idset.h"

struct policy;

void policy_settings_read_size(struct load *load, const struct ini_key *key, void *object);
void policy_settings_read_ceiling(struct load *load, const struct ini_key *key, void *object);
void policy_settings_read_group(struct load *load, const struct ini_key *key, void *object);
void policy_settings_read_score(struct load *load, const struct ini_key *key, void *object);
void policy_settings_read_write_rate(struct load *load, const struct ini_key *key, void *object);
/* Nodes= with a list, which the reader of that key has parsed. */
void policy_settings_take_nodes(struct load *load, const struct ini_key *key,
				const struct idset *nodes, struct policy *policy);
/* Nodes=home: two settings whose value is found for each service. */
void policy_settings_take_home(struct load *load, const struct ini_key *key, struct policy *policy);

/* Reports what contradicts something else in the section. */
void policy_settings_check(struct load *load, const struct ini_section *section,
			   const struct policy *policy);
