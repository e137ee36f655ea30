/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

static struct machine m;
static struct machine_node nodes[2];

static void start(bool single)
{
	machine_two_nodes(&m);
	memcpy(nodes, two_nodes, sizeof(nodes));
	machine_start(&m, single);
}

static uint64_t headroom_of(const struct machine_node *n)
{
	return (n->free_pages + n->file_pages - n->dirty_pages - ZONE_MIN + n->slab_pages / 2) *
	       PAGE;
}

TEST(the_numbers_of_two_nodes)
{
	start(false);
	nodes[0].free_pages = 5000;
	nodes[0].file_pages = 3000;
	nodes[0].dirty_pages = 1000;
	nodes[0].slab_pages = 400;
	machine_nodes(&m, nodes, 2);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(s->node_count, 2);
	check_int(s->nodes[0].id, 0);
	check_int(s->nodes[1].id, 1);
	check(s->nodes[0].has_cpu);
	check_known(node_value(s, 0, METRIC_NODE_TOTAL), GIB);
	check_known(node_value(s, 0, METRIC_NODE_FREE), 5000 * PAGE);
	check_known(node_value(s, 0, METRIC_NODE_CLEAN), 2000 * PAGE);
	check_known(node_value(s, 0, METRIC_NODE_HEADROOM), headroom_of(&nodes[0]));
	check_known(node_value(s, 1, METRIC_NODE_HEADROOM), headroom_of(&nodes[1]));
	check_int(s->nodes[0].reserve_bytes, ZONE_HIGH * PAGE);
	check_int(s->nodes[0].distance[0], 10);
	check_int(s->nodes[0].distance[1], 20);
	check_int(s->nodes[1].distance[0], 20);
	machine_done(&m);
}

TEST(the_cheap_file_is_enough_while_little_moves)
{
	start(false);
	machine_round(&m, SEC);
	/* zoneinfo keeps its old numbers: headroom must follow the node's vmstat. */
	nodes[0].free_pages -= 5000;
	nodes[0].slab_pages += 2000;
	machine_vmstat_node(&m, &nodes[0]);
	check_known(node_value(machine_round(&m, 2 * SEC), 0, METRIC_NODE_HEADROOM),
		    headroom_of(&nodes[0]));
	machine_done(&m);
}

TEST(much_movement_has_the_zones_measured_again)
{
	start(false);
	machine_round(&m, SEC);
	nodes[0].free_pages = 20000;
	/* Only zoneinfo shows it. */
	nodes[0].boost_pages = 5000;
	machine_nodes(&m, nodes, 2);
	check_known(node_value(machine_round(&m, 2 * SEC), 0, METRIC_NODE_HEADROOM),
		    (20000 - 5000 - ZONE_MIN) * PAGE);
	machine_done(&m);
}

TEST(an_empty_node_is_measured_at_every_tick)
{
	start(false);
	nodes[0].free_pages = ZONE_MIN;
	machine_nodes(&m, nodes, 2);
	check_known(node_value(machine_round(&m, SEC), 0, METRIC_NODE_HEADROOM), 0);
	nodes[0].free_pages = ZONE_MIN - 500;
	machine_nodes(&m, nodes, 2);
	check_known(node_value(machine_round(&m, 2 * SEC), 0, METRIC_NODE_HEADROOM), 0);
	/* 600 pages came back, 500 of them below the mark. */
	nodes[0].free_pages = ZONE_MIN + 100;
	machine_nodes(&m, nodes, 2);
	check_known(node_value(machine_round(&m, 3 * SEC), 0, METRIC_NODE_HEADROOM), 100 * PAGE);
	machine_done(&m);
}

TEST(time_to_empty_leaves_out_our_own_moves)
{
	start(false);
	for (unsigned i = 0; i <= 10; i++) {
		/* 2560 pages each tenth of a second: 100 MiB/s. */
		nodes[0].free_pages = 102400 - 2560 * i;
		nodes[1].free_pages = 102400 - 2560 * i;
		machine_nodes(&m, nodes, 2);
		sense_note_moved(m.sense, 1, i > 0 ? 10 * (int64_t)MIB : 0);
		machine_round(&m, SEC + i * SEC / 10);
	}
	const struct snapshot *s = sense_snapshot(m.sense);
	struct reading left = node_value(s, 0, METRIC_NODE_TIME_TO_EMPTY);

	check_int(left.state, READING_KNOWN);
	check(left.value > 2900000 && left.value < 3000000);
	/* What we brought there ourselves is no fall. */
	check_int(node_value(s, 1, METRIC_NODE_TIME_TO_EMPTY).state, READING_INFINITE);
	machine_done(&m);
}

TEST(ids_with_a_gap)
{
	static const struct machine_node sparse[] = {
		{ .id = 0, .managed_pages = 262144, .free_pages = 50000 },
		{ .id = 2, .managed_pages = 131072, .free_pages = 60000 },
	};

	machine_two_nodes(&m);
	machine_remove(&m, NODE_DIR);
	machine_nodes(&m, sparse, 2);
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(s->node_count, 2);
	check_int(s->nodes[1].id, 2);
	check(idset_has(&s->memory_nodes, 2) && !idset_has(&s->memory_nodes, 1));
	check_known(node_value(s, 1, METRIC_NODE_TOTAL), 512 * MIB);
	check_known(node_value(s, 1, METRIC_NODE_HEADROOM), headroom_of(&sparse[1]));
	check_int(s->nodes[0].distance[1], 20);
	machine_done(&m);
}

/* The highest number that there can be, and one that is taken out of a running machine. */
TEST(the_last_of_all_nodes_may_go)
{
	const struct machine_node three[] = {
		{ .id = 0, .managed_pages = 262144, .free_pages = 102400 },
		{ .id = 511, .managed_pages = 0 },
		{ .id = 1023, .managed_pages = 131072, .free_pages = 51200 },
	};
	const struct snapshot *s;

	machine_two_nodes(&m);
	machine_nodes(&m, three, 3);
	machine_policy(&m, "all", "*.service");
	machine_cgroup(&m, "a.service", "1000\n");
	machine_cgroup_file(&m, "a.service", "memory.numa_stat",
			    "anon N0=4096 N1023=8192\nfile N0=0 N1023=0\nshmem N0=0 N1023=0\n"
			    "unevictable N0=0 N1023=0\n");
	machine_process(&m, 1000, "a", 1, 64 * MIB, "0,511,1023");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_int(s->node_count, 2);
	check_int(s->nodes[1].id, 1023);
	check_known(node_value(s, 1, METRIC_NODE_TOTAL), (int64_t)(131072 * PAGE));
	check_int(machine_service(s, "a.service")->shares[1].bytes, 8192);
	check(idset_has(&s->memory_nodes, 1023));
	sense_note_moved(m.sense, 1023, MIB);
	sense_note_moved(m.sense, 511, MIB);
	sense_note_moved(m.sense, 4711, MIB);

	machine_nodes(&m, three, 1);
	for (usec_t now = 2; now < 400; now += 60)
		s = machine_round(&m, now * SEC);
	check_int(s->node_count, 1);
	check(!idset_has(&s->memory_nodes, 1023));
	check_known(node_value(s, 0, METRIC_NODE_TOTAL), (int64_t)GIB);
	sense_note_moved(m.sense, 1023, MIB);
	machine_done(&m);
}

TEST(a_node_without_memory_is_none)
{
	static const struct machine_node three[] = {
		{ .id = 0, .managed_pages = 262144, .free_pages = 50000 },
		{ .id = 1 },
		{ .id = 2, .managed_pages = 262144, .free_pages = 60000 },
	};

	machine_two_nodes(&m);
	machine_nodes(&m, three, 3);
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(s->node_count, 2);
	check_int(s->nodes[1].id, 2);
	check_int(idset_count(&s->memory_nodes), 2);
	machine_done(&m);
}

TEST(a_node_without_cpus)
{
	start(false);
	m.sense = sense_free(m.sense);
	machine_file(&m, NODE_DIR "/has_cpu", "0\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check(s->nodes[0].has_cpu);
	check(!s->nodes[1].has_cpu);
	machine_done(&m);
}

TEST(a_kernel_without_numa_is_one_node)
{
	start(false);
	m.sense = sense_free(m.sense);
	machine_remove(&m, NODE_DIR);
	machine_zoneinfo(&m, two_nodes, 1);
	machine_meminfo(&m, GIB, GIB / 2);
	machine_file(&m, "proc/vmstat",
		     "nr_free_pages 102400\nnr_inactive_file 0\nnr_active_file 0\nnr_dirty 0\n"
		     "nr_writeback 0\nnr_slab_reclaimable 0\noom_kill 0\nallocstall_normal 0\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(s->node_count, 1);
	check_int(s->nodes[0].id, 0);
	check_known(node_value(s, 0, METRIC_NODE_HEADROOM), headroom_of(&two_nodes[0]));
	check_known(node_value(s, 0, METRIC_NODE_CONFINED), 0);
	check(has_gap(&m, "counts as one"));
	machine_done(&m);
}

TEST(zoneinfo_that_is_cut_gives_no_headroom)
{
	char path[PATH_MAX];
	struct stat st;

	start(false);
	check_known(node_value(machine_round(&m, SEC), 0, METRIC_NODE_HEADROOM),
		    headroom_of(&nodes[0]));
	machine_path(&m, "proc/zoneinfo", path);
	check_int(stat(path, &st), 0);
	check_int(truncate(path, st.st_size - 300), 0);
	nodes[0].free_pages = 10000;
	machine_vmstat_node(&m, &nodes[0]);

	const struct snapshot *s = machine_round(&m, 2 * SEC);

	check_unknown(node_value(s, 0, METRIC_NODE_HEADROOM));
	check_unknown(node_value(s, 1, METRIC_NODE_HEADROOM));
	check_known(node_value(s, 0, METRIC_NODE_FREE), 10000 * PAGE);
	check(has_gap(&m, "node.headroom"));
	machine_nodes(&m, nodes, 2);
	check_known(node_value(machine_round(&m, 3 * SEC), 0, METRIC_NODE_HEADROOM),
		    headroom_of(&nodes[0]));
	check(!has_gap(&m, "node.headroom"));
	machine_done(&m);
}

TEST(zoneinfo_that_outgrows_its_buffer_is_read_after_a_calm_round)
{
	start(false);
	machine_round(&m, SEC);
	for (size_t i = 0; i < 2; i++) {
		nodes[i].free_pages = 20000;
		nodes[i].cpus = 300;
		nodes[i].threshold_pages = 1;
	}
	machine_nodes(&m, nodes, 2);
	check_int(sense_fast(m.sense, 2 * SEC), 0);
	check_unknown(node_value(sense_snapshot(m.sense), 0, METRIC_NODE_HEADROOM));
	check_int(sense_rescan(m.sense, 2 * SEC), 0);
	check_int(sense_fast(m.sense, 3 * SEC), 0);
	/* 300 CPUs may hold back a page each: more than low - min, so it counts. */
	check_known(node_value(sense_snapshot(m.sense), 0, METRIC_NODE_HEADROOM),
		    (20000 - 300 - ZONE_MIN) * PAGE);
	machine_done(&m);
}

TEST(without_the_nodes_vmstat_zoneinfo_does)
{
	start(false);
	m.sense = sense_free(m.sense);
	machine_remove(&m, NODE_DIR "/node0/vmstat");
	machine_remove(&m, NODE_DIR "/node1/vmstat");
	machine_start(&m, false);
	check_known(node_value(machine_round(&m, SEC), 0, METRIC_NODE_HEADROOM),
		    headroom_of(&nodes[0]));
	nodes[0].free_pages -= 100;
	machine_zoneinfo(&m, nodes, 2);
	check_known(node_value(machine_round(&m, 2 * SEC), 0, METRIC_NODE_HEADROOM),
		    headroom_of(&nodes[0]));
	check(has_gap(&m, "node.free"));
	machine_done(&m);
}

TEST(the_huge_page_pool_is_not_of_the_whole)
{
	start(false);
	m.sense = sense_free(m.sense);
	machine_file(&m, NODE_DIR "/node1/hugepages/hugepages-2048kB/nr_hugepages", "100\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_known(node_value(s, 0, METRIC_NODE_TOTAL), GIB);
	check_known(node_value(s, 1, METRIC_NODE_TOTAL), GIB - 200 * MIB);
	machine_done(&m);
}

TEST(a_node_that_comes_online_is_found_by_a_later_look)
{
	start(false);
	m.sense = sense_free(m.sense);
	machine_remove(&m, NODE_DIR);
	machine_nodes(&m, two_nodes, 1);
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->node_count, 1);
	machine_nodes(&m, two_nodes, 2);
	check_int(machine_round(&m, 2 * SEC)->node_count, 1);
	machine_round(&m, 303 * SEC);

	const struct snapshot *s = machine_round(&m, 304 * SEC);

	check_int(s->node_count, 2);
	check_known(node_value(s, 1, METRIC_NODE_HEADROOM), headroom_of(&two_nodes[1]));
	machine_done(&m);
}
