/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What may be set, as plain data: on a service, on the host, on a node. Each row says how it is
 * spelled by systemd and by the kernel (v2 and v1), and which of two wishes is the stricter one.
 * Values are always those that the kernel holds; what an operator writes ("25%") is resolved before
 * (core/policy.h). References: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst,
 * sysctl/vm.rst, systemd.resource-control(5).
 */

#include "core/metric.h"
#include "util/idset.h"

#include <stdbool.h>
#include <stdint.h>

enum setting_id {
	/* of a service */
	SETTING_MEMORY_MIN,
	SETTING_MEMORY_LOW,
	SETTING_MEMORY_HIGH,
	SETTING_MEMORY_MAX, /* on v1 memory.limit_in_bytes, and MemoryLimit= where systemd asks for
			       that */
	SETTING_MEMORY_SWAP_MAX, /* v2 only: v1 counts memory and swap together */
	SETTING_OOM_GROUP,
	SETTING_ALLOWED_NODES,
	SETTING_ALLOWED_CPUS,  /* all CPUs of some nodes */
	SETTING_IO_WRITE_MAX,  /* of one device */
	SETTING_OOM_SCORE_ADJ, /* of each process */
	SETTING_FREEZE,
	/* of the host */
	SETTING_DIRTY,		  /* vm.dirty_ratio or vm.dirty_bytes, one knob */
	SETTING_DIRTY_BACKGROUND, /* likewise */
	SETTING_DIRTY_EXPIRE,
	SETTING_DIRTY_WRITEBACK,
	SETTING_SWAPPINESS,
	SETTING_VFS_CACHE_PRESSURE,
	SETTING_WATERMARK_SCALE,
	SETTING_COMPACTION_PROACTIVENESS,
	/* of a node */
	SETTING_HUGE_PAGES, /* of one page size */
	SETTING_COUNT_,
};

/* "max", "infinity", -1: whatever this setting spells no limit as. */
#define SETTING_UNLIMITED INT64_MAX

struct setting_value {
	int64_t number; /* bytes, bytes per second, score, pages, 0 or 1, the sysctl's own unit */
	bool is_ratio;	/* of DIRTY and DIRTY_BACKGROUND: number is percent, not bytes */
	/* Of ALLOWED_NODES and ALLOWED_CPUS, instead of the number; empty: all. Where they are a
	 * home (Nodes=home) the number is that of the node, plus one. */
	struct idset nodes;
};

enum setting_strict {
	STRICT_LOWER,
	STRICT_HIGHER,
	STRICT_FEWER, /* the nodes that all agree on; none in common: the first claim's */
};

enum setting_unit {
	UNIT_BYTES,
	UNIT_BYTES_PER_SEC,
	UNIT_NUMBER,
	UNIT_FLAG,
	UNIT_NODES,
	UNIT_PAGES,
};

struct setting {
	const char *name; /* as systemd or sysctl(8) spell it */
	enum scope scope;
	enum setting_unit unit;
	enum setting_strict strict;
	const char *file_v2;  /* in the cgroup's directory, or the sysctl below /proc/sys, with
				 slashes */
	const char *file_v1;  /* NULL: v1 has none, so there it is ineffective */
	const char *property; /* of a unit; NULL: systemd cannot set it on a running one */
	bool is_limit;	      /* below use it reclaims, throttles or kills */
	bool is_protection;   /* worth no more than its ancestors grant */
	int64_t least;	      /* what the kernel takes, where its range is fixed */
	int64_t most;
};

/* The row; never NULL for a valid id. */
const struct setting *setting_get(enum setting_id id);

/* -1 if there is none of that name. MemoryLimit is an alias of MemoryMax. */
int setting_find(const char *name);
bool setting_value_equal(enum setting_id id, const struct setting_value *a,
			 const struct setting_value *b);
/* What a subject has of which nobody has set anything: no limit, no protection. */
struct setting_value setting_nothing(enum setting_id id);
/* Which of two wishes is in force where both hold; for nodes what they have in common. */
struct setting_value setting_stricter(enum setting_id id, const struct setting_value *a,
				      const struct setting_value *b);

/* Does a policy's score go further than a rule has it go, and the same way? Then it stays: who is
 * to be killed sooner is not to be killed later than that. */
bool setting_is_beyond(enum setting_id id, const struct setting_value *policys,
		       const struct setting_value *rules);

/* What a setting is set on. The key is the identity: a service's (service_key()), a node's id, 0
 * for the host. */
struct setting_target {
	enum setting_id id;
	uint64_t key;
	uint64_t detail; /* IO_WRITE_MAX: the device (makedev()); HUGE_PAGES: the page size in bytes
			  */
};

struct strbuf;
/* As the kernel's file takes it: "max" (v1: "-1"), "104857600", "8:0 wbps=1048576", "0-1". Of
 * ALLOWED_CPUS, which CPUs these are is for the machine to say: "the CPUs of nodes 0-1". */
void setting_kernel_text(const struct setting_target *on, bool v1,
			 const struct setting_value *value, struct strbuf *out);
/* For people: "1.5 GiB", "infinity", "15%", "10 MiB/s", "nodes 0-1". */
void setting_value_format(enum setting_id id, const struct setting_value *value,
			  struct strbuf *out);
/* Of a service, which; 0: it is of a node or of the host. */
uint64_t setting_service_key(const struct setting_target *on);
bool setting_target_equal(const struct setting_target *a, const struct setting_target *b);
