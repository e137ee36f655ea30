/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the operator says about services: plain data, filled by rule/ and read by everybody. A
 * policy set is one file policies/NAME.ini; the first policy whose Match fits a cgroup owns it.
 */

#include "core/setting.h"
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

/* A size as the operator wrote it: bytes, or a part of something. */
enum size_of {
	SIZE_ABSOLUTE, /* number: bytes */
	SIZE_OF_HOST,  /* this and the rest: permille; of MemTotal, as systemd reads a percentage */
	SIZE_OF_NODE,  /* of the smallest node that it may use */
	SIZE_OF_DECLARED, /* of what a guest declares */
};

struct policy_size {
	enum size_of of;
	int64_t number; /* SETTING_UNLIMITED: infinity */
};

/* One setting that is held on every service of a policy. */
struct policy_setting {
	enum setting_id id;
	struct policy_size size; /* of memory settings; of others SIZE_ABSOLUTE, number alone */
	struct idset nodes;	 /* of SETTING_ALLOWED_NODES */
	bool is_home; /* of ALLOWED_NODES and ALLOWED_CPUS: the home of each service, as placement
		       * finds it
		       */
	char *device; /* of SETTING_IO_WRITE_MAX: a device node, or a file on its filesystem */
	/* Likewise: makedev() of the whole disk. 0 as loaded, for that looks at no machine: host/
	 * finds it when the configuration is taken over. */
	uint64_t device_number;
	unsigned line; /* in its file */
};

#define POLICY_SETTINGS_MAX 16

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
	struct policy_setting settings[POLICY_SETTINGS_MAX];
	size_t setting_count;
	bool has_ceiling;
	struct policy_size max_ceiling; /* MemoryMaxCeiling=: how far a rule may raise the limit */
	enum mode mode;
	/* Made for the cgroups of a section [Canary NAME], which nobody else's Match= gets: its
	 * index plus one. 0: an ordinary policy. */
	size_t canary;
};

/* The setting of that id, or NULL. */
const struct policy_setting *policy_setting(const struct policy *policy, enum setting_id id);

struct policy_table {
	struct policy *policies; /* in order of match: set, section */
	size_t count;
};

/* Index of the policy that owns the cgroup at `path` (no leading slash), or -1. */
int policy_table_match(const struct policy_table *table, const char *path);
/* Frees what a policy holds, not the policy. */
void policy_done(struct policy *policy);
void policy_table_done(struct policy_table *table);

const char *mode_name(enum mode m);
const char *service_kind_name(enum service_kind k);
const char *kill_class_name(enum kill_class k);
const char *nodes_mode_name(enum nodes_mode n);

/* Built in, whatever a policy says: the services without which a host or its guests cannot live
 * (dbus, journald, libvirtd, ceph, ...), recognised by any component of the cgroup path. */
bool policy_is_protected_unit(const char *path);
