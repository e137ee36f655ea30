/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

static struct machine m;

static const struct snapshot *round_at(usec_t now)
{
	check_int(sense_fast(m.sense, now), 0);
	check_int(sense_rescan(m.sense, now), 0);
	return sense_snapshot(m.sense);
}

static void buddyinfo(const char *text)
{
	machine_write(&m, "proc/buddyinfo", text, strlen(text));
}

TEST(blocks_too_small_by_node)
{
	machine_two_nodes(&m);
	/* 8 + 24 of 40 pages, in two zones; all in the largest blocks; a node without memory. */
	buddyinfo("Node 0, zone      DMA      8      0      0      1      0 \n"
		  "Node 0, zone   Normal      0      4      4      0      0 \n"
		  "Node 1, zone   Normal      0      0      0      0      0      0      0      0 "
		  "     0      5      3 \n"
		  "Node 7, zone   Normal      1      0 \n");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_known(node_value(s, 0, METRIC_NODE_UNUSABLE_ORDER_2), 4000);
	check_known(node_value(s, 0, METRIC_NODE_UNUSABLE_ORDER_3), 8000);
	check_known(node_value(s, 0, METRIC_NODE_UNUSABLE_ORDER_9), 10000);
	check_known(node_value(s, 1, METRIC_NODE_UNUSABLE_ORDER_3), 0);
	check_known(node_value(s, 1, METRIC_NODE_UNUSABLE_ORDER_9), 0);
	check(!has_gap(&m, "node."));
	machine_done(&m);
}

TEST(numbers_no_machine_has)
{
	machine_two_nodes(&m);
	buddyinfo("Node 0, zone Normal 18446744073709551615 18446744073709551615\n"
		  "Node 0, zone DMA 18446744073709551615 18446744073709551615\n"
		  "Node 1, zone Normal 4 x\n");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_unknown(node_value(s, 0, METRIC_NODE_UNUSABLE_ORDER_3));
	check_unknown(node_value(s, 1, METRIC_NODE_UNUSABLE_ORDER_3));
	machine_done(&m);
}

TEST(free_lists_are_read_every_half_minute)
{
	machine_two_nodes(&m);
	machine_start_live(&m);
	round_at(SEC);
	buddyinfo("Node 0, zone   Normal      8 \nNode 1, zone   Normal      8 \n");
	check_known(node_value(round_at(30 * SEC), 1, METRIC_NODE_UNUSABLE_ORDER_3), 0);
	check_known(node_value(round_at(31 * SEC), 1, METRIC_NODE_UNUSABLE_ORDER_3), 10000);
	machine_done(&m);
}

TEST(and_at_once_after_a_step_of_ours)
{
	const struct snapshot *s;

	machine_two_nodes(&m);
	machine_start_live(&m);
	check_int(round_at(SEC)->blocks_at, SEC);
	buddyinfo("Node 0, zone   Normal      8 \nNode 1, zone   Normal      8 \n");
	s = round_at(2 * SEC);
	check_known(node_value(s, 1, METRIC_NODE_UNUSABLE_ORDER_3), 0);
	check_int(s->blocks_at, SEC);
	sense_note_written(m.sense, 0);
	s = round_at(3 * SEC);
	check_known(node_value(s, 1, METRIC_NODE_UNUSABLE_ORDER_3), 10000);
	check_int(s->blocks_at, 3 * SEC);
	/* Once. */
	check_int(round_at(4 * SEC)->blocks_at, 3 * SEC);
	machine_done(&m);
}

TEST(and_each_second_while_a_node_is_short)
{
	struct machine_node nodes[2] = { two_nodes[0], two_nodes[1] };

	machine_two_nodes(&m);
	nodes[0].free_pages = 3000;
	machine_nodes(&m, nodes, 2);
	machine_start_live(&m);
	round_at(SEC);
	buddyinfo("Node 0, zone   Normal      8 \nNode 1, zone   Normal      8 \n");
	check_known(node_value(round_at(2 * SEC), 1, METRIC_NODE_UNUSABLE_ORDER_3), 10000);
	machine_done(&m);
}

TEST(idle_huge_pages)
{
#define POOL NODE_DIR "/node1/hugepages/hugepages-2048kB"
	machine_two_nodes(&m);
	machine_file(&m, POOL "/nr_hugepages", "512\n");
	machine_file(&m, POOL "/free_hugepages", "100\n");
	machine_start_live(&m);

	const struct snapshot *s = round_at(SEC);

	check_known(node_value(s, 0, METRIC_NODE_HUGETLB_FREE), 0);
	check_known(node_value(s, 1, METRIC_NODE_HUGETLB_FREE), 200 * MIB);
	check_int(s->nodes[0].huge_page_bytes, 0);
	check_int(s->nodes[1].huge_page_bytes, 2 * MIB);
	check_int(s->nodes[1].huge_pages, 512);
	check_int(s->nodes[1].huge_pages_free, 100);
	/* What we wrote is seen at once. */
	machine_file(&m, POOL "/nr_hugepages", "500\n");
	machine_file(&m, POOL "/free_hugepages", "88\n");
	s = round_at(2 * SEC);
	check_int(s->nodes[1].huge_pages, 512);
	sense_note_written(m.sense, 0);
	s = round_at(3 * SEC);
	check_int(s->nodes[1].huge_pages, 500);
	check_int(s->nodes[1].huge_pages_free, 88);
	machine_file(&m, POOL "/free_hugepages", "1\n");
	check_known(node_value(round_at(31 * SEC), 1, METRIC_NODE_HUGETLB_FREE), 2 * MIB);
	/* An empty pool has none, whatever was in it before. */
	machine_file(&m, POOL "/nr_hugepages", "0\n");
	machine_file(&m, POOL "/free_hugepages", "0\n");
	round_at(62 * SEC);
	check_known(node_value(round_at(93 * SEC), 1, METRIC_NODE_HUGETLB_FREE), 0);
	machine_done(&m);
}

TEST(a_machine_that_shows_neither)
{
	machine_two_nodes(&m);
	machine_remove(&m, "proc/buddyinfo");
	machine_remove(&m, NODE_DIR "/node0/hugepages");
	machine_remove(&m, NODE_DIR "/node1/hugepages");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_unknown(node_value(s, 0, METRIC_NODE_UNUSABLE_ORDER_3));
	check_unknown(node_value(s, 1, METRIC_NODE_HUGETLB_FREE));
	check(has_gap(&m, "node.unusable.*"));
	check(has_gap(&m, "node.hugetlb-free"));
	machine_done(&m);
}
