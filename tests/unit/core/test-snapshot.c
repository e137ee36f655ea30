/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "core/snapshot.h"

static struct node nodes[2] = { { .id = 0 }, { .id = 2 } };
static struct service services[2] = {
	{ .path = "a.service", .inode = 40 },
	{ .path = "b.service" },
};
static struct snapshot snapshot = {
	.nodes = nodes,
	.node_count = 2,
	.services = services,
	.service_count = 2,
};

TEST(ids_have_gaps)
{
	check(snapshot_node(&snapshot, 2) == &nodes[1]);
	check(!snapshot_node(&snapshot, 1));
}

TEST(a_service_without_inode_has_a_key_all_the_same)
{
	uint64_t key = service_key(&services[1]);

	check_int(service_key(&services[0]), 40);
	check(key != 0);
	check(snapshot_service(&snapshot, key) == &services[1]);
}

TEST(readings_stay_in_their_scope)
{
	struct subject node = { SCOPE_NODE, 2 }, gone = { SCOPE_NODE, 7 };

	snapshot.host.readings[metric_index(METRIC_MEM_FREE)] = reading_of(5);
	nodes[1].readings[metric_index(METRIC_NODE_FREE)] = reading_of(6);
	check_int(snapshot_reading(&snapshot, node, METRIC_MEM_FREE).value, 5);
	check_int(snapshot_reading(&snapshot, node, METRIC_NODE_FREE).value, 6);
	check_int(snapshot_reading(&snapshot, gone, METRIC_NODE_FREE).state, READING_UNKNOWN);
	check_int(snapshot_reading(&snapshot, node, METRIC_SERVICE_CURRENT).state, READING_UNKNOWN);
}
