/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the operator says about services: plain data, filled by rule/ and read by everybody. A
 * policy set is one file policies/NAME.ini; the first policy whose Match fits a cgroup owns it.
 */

#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The more careful value is the smaller one: the effective mode is the minimum over agent, policy
 * and rule. */
enum mode {
	MODE_DRY_RUN,
	MODE_ENFORCE,
};

enum service_kind {
	KIND_SERVICE,
	KIND_BATCH,
	KIND_VM,
	KIND_SYSTEM,
};

enum kill_class {
	KILL_NEVER,
	KILL_LAST,
	KILL_NORMAL,
	KILL_FIRST,
};

enum nodes_mode {
	NODES_KEEP,
	NODES_RELIEVE,
	NODES_HOME,
	NODES_LIST,
};

#define RANK_DEFAULT 500

struct policy {
	char *name; /* unique over all sets in force */
	char *set;  /* "kvm-host" */
	char **match;
	size_t match_count;
	enum service_kind kind;
	enum kill_class kill;
	int rank; /* who suffers last; higher is more precious */
	enum nodes_mode nodes;
	struct idset nodes_list; /* with NODES_LIST */
	enum mode mode;
};

struct policy_table {
	struct policy *policies; /* in order of match: set, section */
	size_t count;
};

/* Index of the policy that owns the cgroup at `path` (no leading slash), or -1. */
int policy_table_match(const struct policy_table *table, const char *path);
void policy_table_done(struct policy_table *table);

const char *mode_name(enum mode m);
const char *service_kind_name(enum service_kind k);
const char *kill_class_name(enum kill_class k);
const char *nodes_mode_name(enum nodes_mode n);

/* Built in, whatever a policy says: the services without which a host or its guests cannot live
 * (dbus, journald, libvirtd, ceph, ...), recognised by any component of the cgroup path. */
bool policy_is_protected_unit(const char *path);
