/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/setting.h"

#include "util/strbuf.h"

#include <string.h>
#include <sys/sysmacros.h>

#define BYTES(n, v2, v1, strictness)                                                 \
	.name = n, .scope = SCOPE_SERVICE, .unit = UNIT_BYTES, .strict = strictness, \
	.file_v2 = v2, .file_v1 = v1, .property = n, .least = 0, .most = SETTING_UNLIMITED
#define SYSCTL(n, file, strictness, low, high)                                     \
	.name = n, .scope = SCOPE_HOST, .unit = UNIT_NUMBER, .strict = strictness, \
	.file_v2 = file, .file_v1 = file, .least = low, .most = high

static const struct setting rows[SETTING_COUNT_] = {
	[SETTING_MEMORY_MIN] = { BYTES("MemoryMin", "memory.min", NULL, STRICT_HIGHER),
				 .is_protection = true },
	[SETTING_MEMORY_LOW] = { BYTES("MemoryLow", "memory.low", NULL, STRICT_HIGHER),
				 .is_protection = true },
	[SETTING_MEMORY_HIGH] = { BYTES("MemoryHigh", "memory.high", NULL, STRICT_LOWER),
				  .is_limit = true },
	[SETTING_MEMORY_MAX] = { BYTES("MemoryMax", "memory.max", "memory.limit_in_bytes",
				       STRICT_LOWER),
				 .is_limit = true },
	[SETTING_MEMORY_SWAP_MAX] = { BYTES("MemorySwapMax", "memory.swap.max", NULL,
					    STRICT_LOWER) },
	[SETTING_OOM_GROUP] = { .name = "OOMGroup",
				.scope = SCOPE_SERVICE,
				.unit = UNIT_FLAG,
				.strict = STRICT_HIGHER,
				.file_v2 = "memory.oom.group",
				.least = 0,
				.most = 1 },
	[SETTING_ALLOWED_NODES] = { .name = "AllowedMemoryNodes",
				    .scope = SCOPE_SERVICE,
				    .unit = UNIT_NODES,
				    .strict = STRICT_FEWER,
				    .file_v2 = "cpuset.mems",
				    .file_v1 = "cpuset.mems",
				    .property = "AllowedMemoryNodes" },
	[SETTING_ALLOWED_CPUS] = { .name = "AllowedCPUs",
				   .scope = SCOPE_SERVICE,
				   .unit = UNIT_NODES,
				   .strict = STRICT_FEWER,
				   .file_v2 = "cpuset.cpus",
				   .file_v1 = "cpuset.cpus",
				   .property = "AllowedCPUs" },
	[SETTING_IO_WRITE_MAX] = { .name = "IOWriteBandwidthMax",
				   .scope = SCOPE_SERVICE,
				   .unit = UNIT_BYTES_PER_SEC,
				   .strict = STRICT_LOWER,
				   .file_v2 = "io.max",
				   .file_v1 = "blkio.throttle.write_bps_device",
				   .property = "IOWriteBandwidthMax",
				   .least = 1,
				   .most = SETTING_UNLIMITED },
	[SETTING_OOM_SCORE_ADJ] = { .name = "OOMScoreAdjust",
				    .scope = SCOPE_SERVICE,
				    .unit = UNIT_NUMBER,
				    .strict = STRICT_HIGHER,
				    .file_v2 = "oom_score_adj",
				    .file_v1 = "oom_score_adj",
				    .least = -1000,
				    .most = 1000 },
	[SETTING_FREEZE] = { .name = "Freeze",
			     .scope = SCOPE_SERVICE,
			     .unit = UNIT_FLAG,
			     .strict = STRICT_HIGHER,
			     .file_v2 = "cgroup.freeze",
			     .file_v1 = "freezer.state",
			     .least = 0,
			     .most = 1 },
	[SETTING_DIRTY] = { SYSCTL("vm.dirty", "vm/dirty", STRICT_LOWER, 0, SETTING_UNLIMITED) },
	[SETTING_DIRTY_BACKGROUND] = { SYSCTL("vm.dirty_background", "vm/dirty_background",
					      STRICT_LOWER, 0, SETTING_UNLIMITED) },
	[SETTING_DIRTY_EXPIRE] = { SYSCTL("vm.dirty_expire_centisecs", "vm/dirty_expire_centisecs",
					  STRICT_LOWER, 1, INT32_MAX) },
	[SETTING_DIRTY_WRITEBACK] = { SYSCTL("vm.dirty_writeback_centisecs",
					     "vm/dirty_writeback_centisecs", STRICT_LOWER, 1,
					     INT32_MAX) },
	[SETTING_SWAPPINESS] = { SYSCTL("vm.swappiness", "vm/swappiness", STRICT_LOWER, 0, 200) },
	[SETTING_VFS_CACHE_PRESSURE] = { SYSCTL("vm.vfs_cache_pressure", "vm/vfs_cache_pressure",
						STRICT_HIGHER, 1, 10000) },
	[SETTING_WATERMARK_SCALE] = { SYSCTL("vm.watermark_scale_factor",
					     "vm/watermark_scale_factor", STRICT_HIGHER, 1, 1000) },
	[SETTING_COMPACTION_PROACTIVENESS] = { SYSCTL("vm.compaction_proactiveness",
						      "vm/compaction_proactiveness", STRICT_HIGHER,
						      0, 100) },
	[SETTING_HUGE_PAGES] = { .name = "nr_hugepages",
				 .scope = SCOPE_NODE,
				 .unit = UNIT_PAGES,
				 .strict = STRICT_LOWER,
				 .least = 0,
				 .most = SETTING_UNLIMITED },
};

const struct setting *setting_get(enum setting_id id)
{
	return &rows[id];
}

int setting_find(const char *name)
{
	for (int i = 0; i < SETTING_COUNT_; i++)
		if (strcmp(rows[i].name, name) == 0)
			return i;
	return strcmp(name, "MemoryLimit") == 0 ? SETTING_MEMORY_MAX : -1;
}

bool setting_value_equal(enum setting_id id, const struct setting_value *a,
			 const struct setting_value *b)
{
	if (rows[id].unit == UNIT_NODES)
		return idset_equal(&a->nodes, &b->nodes);
	return a->number == b->number && a->is_ratio == b->is_ratio;
}

static struct setting_value common_nodes(const struct setting_value *a,
					 const struct setting_value *b)
{
	struct setting_value common = *a;

	if (idset_is_empty(&a->nodes))
		return *b;
	if (idset_is_empty(&b->nodes))
		return *a;
	idset_intersect(&common.nodes, &b->nodes);
	return idset_is_empty(&common.nodes) ? *a : common;
}

struct setting_value setting_nothing(enum setting_id id)
{
	bool is_unlimited = rows[id].strict == STRICT_LOWER && rows[id].most == SETTING_UNLIMITED;

	return (struct setting_value){ .number = is_unlimited ? SETTING_UNLIMITED : 0 };
}

struct setting_value setting_stricter(enum setting_id id, const struct setting_value *a,
				      const struct setting_value *b)
{
	switch (rows[id].strict) {
	case STRICT_LOWER:
		return b->number < a->number ? *b : *a;
	case STRICT_HIGHER:
		return b->number > a->number ? *b : *a;
	case STRICT_FEWER:
		return common_nodes(a, b);
	}
	return *a;
}

bool setting_is_beyond(enum setting_id id, const struct setting_value *policys,
		       const struct setting_value *rules)
{
	if (id != SETTING_OOM_SCORE_ADJ || rules->number == 0)
		return false;
	return rules->number > 0 ? policys->number > rules->number
				 : policys->number < rules->number;
}

/* 8:0, as io.max and blkio name a device; makedev() of glibc without its header. */
static void add_device(uint64_t device, struct strbuf *out)
{
	strbuf_addf(out, "%u:%u", gnu_dev_major(device), gnu_dev_minor(device));
}

void setting_kernel_text(const struct setting_target *on, bool v1,
			 const struct setting_value *value, struct strbuf *out)
{
	const struct setting *setting = setting_get(on->id);
	bool unlimited = value->number == SETTING_UNLIMITED;

	if (on->id == SETTING_ALLOWED_CPUS) {
		strbuf_add(out, "the CPUs of ");
		setting_value_format(SETTING_ALLOWED_NODES, value, out);
	} else if (setting->unit == UNIT_NODES) {
		idset_format(&value->nodes, out);
	} else if (on->id == SETTING_FREEZE && v1) {
		strbuf_add(out, value->number ? "FROZEN" : "THAWED");
	} else if (on->id == SETTING_IO_WRITE_MAX) {
		add_device(on->detail, out);
		strbuf_add(out, v1 ? " " : " wbps=");
		if (unlimited)
			strbuf_add(out, v1 ? "0" : "max");
		else
			strbuf_addf(out, "%lld", (long long)value->number);
	} else if (unlimited) {
		strbuf_add(out, v1 ? "-1" : "max");
	} else {
		strbuf_addf(out, "%lld", (long long)value->number);
	}
}

void setting_value_format(enum setting_id id, const struct setting_value *value, struct strbuf *out)
{
	struct reading reading = { .state = READING_KNOWN, .value = value->number };

	if (value->number == SETTING_UNLIMITED)
		reading.state = READING_INFINITE;
	switch (rows[id].unit) {
	case UNIT_NODES:
		strbuf_add(out, idset_is_empty(&value->nodes) ? "all nodes" : "nodes ");
		idset_format(&value->nodes, out);
		break;
	case UNIT_BYTES:
		reading_format(reading, DIM_BYTES, out);
		break;
	case UNIT_BYTES_PER_SEC:
		reading_format(reading, DIM_BYTE_RATE, out);
		break;
	case UNIT_NUMBER:
		if (value->is_ratio)
			strbuf_addf(out, "%lld%%", (long long)value->number);
		else if (id == SETTING_DIRTY || id == SETTING_DIRTY_BACKGROUND)
			reading_format(reading, DIM_BYTES, out);
		else
			strbuf_addf(out, "%lld", (long long)value->number);
		break;
	case UNIT_FLAG:
	case UNIT_PAGES:
		strbuf_addf(out, "%lld", (long long)value->number);
		break;
	}
}

uint64_t setting_service_key(const struct setting_target *on)
{
	return setting_get(on->id)->scope == SCOPE_SERVICE ? on->key : 0;
}

bool setting_target_equal(const struct setting_target *a, const struct setting_target *b)
{
	return a->id == b->id && a->key == b->key && a->detail == b->detail;
}
