/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "core/policy_size.h"
#include "util/macro.h"
#include "util/strbuf.h"

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)

/* A host of 12 GiB with nodes 0, 2 and 5 of 6, 4 and 2 GiB. */
struct machine {
	struct node nodes[3];
	struct snapshot snapshot;
	struct idset allowed;
	struct service_settings settings;
	struct service service;
};

static void start(struct machine *m)
{
	static const unsigned ids[] = { 0, 2, 5 };
	static const int64_t totals[] = { 6 * GIB, 4 * GIB, 2 * GIB };

	*m = (struct machine){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		m->nodes[i].id = ids[i];
		m->nodes[i].readings[metric_index(METRIC_NODE_TOTAL)] = reading_of(totals[i]);
	}
	m->snapshot.nodes = m->nodes;
	m->snapshot.node_count = ARRAY_SIZE(ids);
	m->snapshot.host.page_size_bytes = 4096;
	m->snapshot.host.readings[metric_index(METRIC_MEM_TOTAL)] = reading_of(12 * GIB);
	m->service.path = "system.slice/a.service";
	m->service.allowed = &m->allowed;
}

static struct reading resolve(const struct machine *m, enum size_of of, int64_t number)
{
	const struct policy_size size = { .of = of, .number = number };

	return policy_size_resolve(&size, &m->snapshot, &m->service);
}

static int64_t bytes(const struct machine *m, enum size_of of, int64_t number)
{
	struct reading r = resolve(m, of, number);

	check_int(r.state, READING_KNOWN);
	return r.value;
}

TEST(bytes_are_rounded_down_to_the_page)
{
	struct machine m;

	start(&m);
	check_int(bytes(&m, SIZE_ABSOLUTE, 8 * GIB), 8 * GIB);
	check_int(bytes(&m, SIZE_ABSOLUTE, 8 * GIB + 4095), 8 * GIB);
	check_int(bytes(&m, SIZE_ABSOLUTE, 0), 0);
	check_int(bytes(&m, SIZE_ABSOLUTE, INT64_MAX - 1), INT64_MAX - 4095);
	m.snapshot.host.page_size_bytes = 65536;
	check_int(bytes(&m, SIZE_ABSOLUTE, 100000), 65536);
	check_int(resolve(&m, SIZE_ABSOLUTE, SETTING_UNLIMITED).state, READING_INFINITE);
}

TEST(a_part_of_the_host)
{
	struct machine m;

	start(&m);
	check_int(bytes(&m, SIZE_OF_HOST, 250), 3 * GIB);
	check_int(bytes(&m, SIZE_OF_HOST, 1000), 12 * GIB);
	/* 0.1 % of 12 GiB is 3,145.7 pages. */
	check_int(bytes(&m, SIZE_OF_HOST, 1), 3145 * 4096);
	check_int(bytes(&m, SIZE_OF_HOST, 0), 0);
	m.snapshot.host.readings[metric_index(METRIC_MEM_TOTAL)] = READING_NONE;
	check_int(resolve(&m, SIZE_OF_HOST, 250).state, READING_UNKNOWN);
	/* Nothing is nothing, of whatever. */
	check_int(bytes(&m, SIZE_OF_HOST, 0), 0);
	check_int(resolve(&m, SIZE_OF_HOST, SETTING_UNLIMITED).state, READING_INFINITE);
}

TEST(a_part_of_the_smallest_node_that_it_may_use)
{
	struct machine m;

	start(&m);
	check_int(bytes(&m, SIZE_OF_NODE, 500), 1 * GIB);
	m.service.allowed_known = true;
	idset_add(&m.allowed, 0);
	check_int(bytes(&m, SIZE_OF_NODE, 500), 3 * GIB);
	idset_add(&m.allowed, 2);
	check_int(bytes(&m, SIZE_OF_NODE, 1500), 6 * GIB);
	/* A node without memory counts for nothing. */
	idset_add(&m.allowed, 3);
	check_int(bytes(&m, SIZE_OF_NODE, 500), 2 * GIB);
	m.service.allowed_known = false;
	m.nodes[2].readings[metric_index(METRIC_NODE_TOTAL)] = reading_of(0);
	check_int(bytes(&m, SIZE_OF_NODE, 500), 2 * GIB);
}

TEST(a_node_that_is_not_known_has_no_half)
{
	struct machine m;

	start(&m);
	m.nodes[0].readings[metric_index(METRIC_NODE_TOTAL)] = READING_NONE;
	check_int(resolve(&m, SIZE_OF_NODE, 500).state, READING_UNKNOWN);
	/* It is none of its own. */
	m.service.allowed_known = true;
	idset_add(&m.allowed, 5);
	check_int(bytes(&m, SIZE_OF_NODE, 500), 1 * GIB);
	idset_clear(&m.allowed);
	idset_add(&m.allowed, 7);
	check_int(resolve(&m, SIZE_OF_NODE, 500).state, READING_UNKNOWN);
	m.snapshot.node_count = 0;
	m.service.allowed_known = false;
	check_int(resolve(&m, SIZE_OF_NODE, 500).state, READING_UNKNOWN);
}

TEST(a_part_of_what_a_guest_declares)
{
	struct machine m;

	start(&m);
	check_int(resolve(&m, SIZE_OF_DECLARED, 1200).state, READING_UNKNOWN);
	m.service.declared_bytes = 10 * GIB;
	check_int(bytes(&m, SIZE_OF_DECLARED, 1200), 12 * GIB);
	check_int(bytes(&m, SIZE_OF_DECLARED, 1000), 10 * GIB);
}

TEST(no_product_overflows)
{
	struct machine m;
	struct reading *total;

	start(&m);
	total = &m.snapshot.host.readings[metric_index(METRIC_MEM_TOTAL)];
	*total = reading_of(INT64_MAX);
	check_int(bytes(&m, SIZE_OF_HOST, 1000), INT64_MAX - 4095);
	check_int(bytes(&m, SIZE_OF_HOST, 500), INT64_MAX / 2 / 4096 * 4096);
	m.service.declared_bytes = (uint64_t)INT64_MAX;
	check_int(resolve(&m, SIZE_OF_DECLARED, 1001).state, READING_UNKNOWN);
	check_int(resolve(&m, SIZE_OF_DECLARED, 10000).state, READING_UNKNOWN);
	m.service.declared_bytes = (uint64_t)INT64_MAX + 1;
	check_int(resolve(&m, SIZE_OF_DECLARED, 10).state, READING_UNKNOWN);
	m.service.declared_bytes = UINT64_MAX;
	check_int(resolve(&m, SIZE_OF_DECLARED, 10).state, READING_UNKNOWN);
	*total = reading_of(-4096);
	check_int(resolve(&m, SIZE_OF_HOST, 500).state, READING_UNKNOWN);
}

/* 0 would stop a service where a little was asked for. */
TEST(a_small_part_is_a_page)
{
	struct machine m;

	start(&m);
	m.service.declared_bytes = 1 * MIB;
	check_int(bytes(&m, SIZE_OF_DECLARED, 1), 4096);
	m.service.declared_bytes = 10;
	check_int(bytes(&m, SIZE_OF_DECLARED, 1), 4096);
	m.snapshot.host.page_size_bytes = 65536;
	check_int(bytes(&m, SIZE_OF_DECLARED, 1000), 65536);
	check_int(bytes(&m, SIZE_ABSOLUTE, 4096), 65536);
}

TEST(settings_become_values)
{
	struct policy_setting setting = { .id = SETTING_MEMORY_HIGH,
					  .size = { .of = SIZE_OF_HOST, .number = 250 } };
	struct setting_value value;
	struct machine m;

	start(&m);
	check(policy_setting_resolve(&setting, &m.snapshot, &m.service, &value));
	check_int(value.number, 3 * GIB);
	check(!value.is_ratio);
	setting.size.number = SETTING_UNLIMITED;
	check(policy_setting_resolve(&setting, &m.snapshot, &m.service, &value));
	check(value.number == SETTING_UNLIMITED);

	value.number = 42;
	setting.size = (struct policy_size){ .of = SIZE_OF_DECLARED, .number = 1200 };
	check(!policy_setting_resolve(&setting, &m.snapshot, &m.service, &value));
	check_int(value.number, 42);

	/* What is no memory is taken as it is: no page, no machine. */
	setting = (struct policy_setting){ .id = SETTING_OOM_SCORE_ADJ, .size.number = -500 };
	check(policy_setting_resolve(&setting, &m.snapshot, &m.service, &value));
	check_int(value.number, -500);
	setting = (struct policy_setting){ .id = SETTING_IO_WRITE_MAX, .size.number = 1000001 };
	check(policy_setting_resolve(&setting, &m.snapshot, &m.service, &value));
	check_int(value.number, 1000001);
	setting = (struct policy_setting){ .id = SETTING_ALLOWED_NODES };
	idset_add(&setting.nodes, 2);
	check(policy_setting_resolve(&setting, &m.snapshot, &m.service, &value));
	check(idset_equal(&value.nodes, &setting.nodes));
}

TEST(a_limit_rises_to_its_ceiling)
{
	struct policy policy = { .max_ceiling = { .of = SIZE_OF_HOST, .number = 500 } };
	struct machine m;
	struct reading r;

	start(&m);
	/* Without MemoryMaxCeiling= no rule raises. */
	r = policy_ceiling(&policy, SETTING_MEMORY_MAX, &m.snapshot, &m.service);
	check_int(r.state, READING_UNKNOWN);
	policy.has_ceiling = true;
	r = policy_ceiling(&policy, SETTING_MEMORY_MAX, &m.snapshot, &m.service);
	check_int(r.state, READING_KNOWN);
	check_int(r.value, 6 * GIB);
	r = policy_ceiling(&policy, SETTING_MEMORY_HIGH, &m.snapshot, &m.service);
	check_int(r.value, 6 * GIB);
	/* It says nothing of swap. */
	r = policy_ceiling(&policy, SETTING_MEMORY_SWAP_MAX, &m.snapshot, &m.service);
	check_int(r.state, READING_UNKNOWN);
	m.snapshot.host.readings[metric_index(METRIC_MEM_TOTAL)] = READING_NONE;
	r = policy_ceiling(&policy, SETTING_MEMORY_MAX, &m.snapshot, &m.service);
	check_int(r.state, READING_UNKNOWN);
}

/* Between memory.high and memory.max it is slowed, above it is killed. */
TEST(memory_high_stays_below_memory_max)
{
	struct policy policy = { .has_ceiling = true, .max_ceiling.number = 8 * GIB };
	struct machine m;
	struct reading r;

	start(&m);
	m.service.settings = &m.settings;
	r = policy_ceiling(&policy, SETTING_MEMORY_HIGH, &m.snapshot, &m.service);
	check_int(r.value, 8 * GIB);
	m.settings.memory[SETTING_MEMORY_MAX] = READING_FOREVER;
	r = policy_ceiling(&policy, SETTING_MEMORY_HIGH, &m.snapshot, &m.service);
	check_int(r.value, 8 * GIB);
	m.settings.memory[SETTING_MEMORY_MAX] = reading_of(5 * GIB);
	r = policy_ceiling(&policy, SETTING_MEMORY_HIGH, &m.snapshot, &m.service);
	check_int(r.value, 5 * GIB);
	r = policy_ceiling(&policy, SETTING_MEMORY_MAX, &m.snapshot, &m.service);
	check_int(r.value, 8 * GIB);
}

static const char *told(struct policy_setting setting)
{
	static char text[128];
	struct strbuf out = STRBUF(text);

	policy_setting_format(&setting, &out);
	return text;
}

TEST(settings_for_people)
{
	struct policy_setting nodes = { .id = SETTING_ALLOWED_NODES };

	check_str(
		told((struct policy_setting){ .id = SETTING_MEMORY_HIGH, .size.number = 8 * GIB }),
		"MemoryHigh=8 GiB");
	check_str(told((struct policy_setting){ .id = SETTING_MEMORY_MAX,
						.size = { SIZE_OF_HOST, 255 } }),
		  "MemoryMax=25.5% of the host");
	check_str(told((struct policy_setting){ .id = SETTING_MEMORY_LOW,
						.size = { SIZE_OF_NODE, 500 } }),
		  "MemoryLow=50% of a node");
	check_str(told((struct policy_setting){ .id = SETTING_MEMORY_MAX,
						.size = { SIZE_OF_DECLARED, 1200 } }),
		  "MemoryMax=120% of what the guest declares");
	check_str(told((struct policy_setting){ .id = SETTING_MEMORY_SWAP_MAX,
						.size.number = SETTING_UNLIMITED }),
		  "MemorySwapMax=infinity");
	check_str(told((struct policy_setting){ .id = SETTING_OOM_SCORE_ADJ, .size.number = -5 }),
		  "OOMScoreAdjust=-5");
	check_str(told((struct policy_setting){ .id = SETTING_OOM_GROUP, .size.number = 1 }),
		  "OOMGroup=yes");
	check_str(told((struct policy_setting){ .id = SETTING_IO_WRITE_MAX,
						.device = (char[]){ "/dev/a b" },
						.size.number = 10 * MIB }),
		  "IOWriteBandwidthMax=/dev/a b 10 MiB/s");
	idset_add(&nodes.nodes, 0);
	idset_add(&nodes.nodes, 1);
	check_str(told(nodes), "Nodes=0-1");
	check_str(told((struct policy_setting){ .id = SETTING_ALLOWED_NODES, .is_home = true }),
		  "Nodes=home");
}

TEST(a_list_of_nodes_is_no_home)
{
	const struct policy_setting list = { .id = SETTING_ALLOWED_NODES };
	const struct policy_setting home = { .id = SETTING_ALLOWED_NODES, .is_home = true };
	const struct policy_setting high = { .id = SETTING_MEMORY_HIGH };
	struct setting_value of_list = { 0 }, of_home = { .number = 1 };

	idset_add(&of_list.nodes, 0);
	idset_add(&of_home.nodes, 0);
	check(policy_setting_may_have(&list, &of_list));
	check(!policy_setting_may_have(&list, &of_home));
	check(policy_setting_may_have(&home, &of_home));
	check(!policy_setting_may_have(&home, &of_list));
	check(policy_setting_may_have(&high, &of_list));
	check(policy_setting_may_have(&high, &of_home));
}
