/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "host/cadence.h"

static struct node node;
static struct snapshot snapshot;

static void set_up(int64_t available_bytes, struct reading time_to_empty)
{
	memset(&node, 0, sizeof(node));
	memset(&snapshot, 0, sizeof(snapshot));
	snapshot.nodes = &node;
	snapshot.node_count = 1;
	snapshot.host.readings[metric_index(METRIC_MEM_AVAILABLE)] = reading_of(available_bytes);
	snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = time_to_empty;
	node.readings[metric_index(METRIC_NODE_HEADROOM)] = reading_of(INT64_C(1) << 40);
	node.readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
}

TEST(plenty_is_looked_at_once_a_second)
{
	set_up(INT64_C(64) << 30, READING_FOREVER);
	check_int(cadence_next(&snapshot), USEC_PER_SEC);
}

TEST(what_could_be_filled_sets_the_pace)
{
	/* 1.8 GB at 6 GB/s are gone in 300 ms. */
	set_up(1800000000, READING_FOREVER);
	check_int(cadence_next(&snapshot), 300 * USEC_PER_MSEC);
}

TEST(a_measured_fall_counts_four_times)
{
	/* 4 GB that last 0.8 s at the present fall: 5 GB/s, so 20 GB/s are reckoned with. */
	set_up(4000000000, reading_of(800 * (int64_t)USEC_PER_MSEC));
	check_int(cadence_next(&snapshot), 200 * USEC_PER_MSEC);
}

TEST(never_faster_than_20_ms)
{
	set_up(1000, reading_of(5));
	check_int(cadence_next(&snapshot), 20 * USEC_PER_MSEC);
}

TEST(the_shortest_node_decides)
{
	set_up(INT64_C(64) << 30, READING_FOREVER);
	node.readings[metric_index(METRIC_NODE_HEADROOM)] = reading_of(600000000);
	check_int(cadence_next(&snapshot), 100 * USEC_PER_MSEC);
}

TEST(unknown_readings_do_not_hurry)
{
	set_up(0, READING_NONE);
	snapshot.host.readings[metric_index(METRIC_MEM_AVAILABLE)] = READING_NONE;
	node.readings[metric_index(METRIC_NODE_HEADROOM)] = READING_NONE;
	check_int(cadence_next(&snapshot), USEC_PER_SEC);
}

TEST(a_steep_fall_is_urgent)
{
	set_up(INT64_C(64) << 30, READING_FOREVER);
	node.readings[metric_index(METRIC_NODE_TOTAL)] = reading_of(INT64_C(1) << 41);
	snapshot.host.readings[metric_index(METRIC_MEM_TOTAL)] = reading_of(INT64_C(128) << 30);
	check(!cadence_is_urgent(&snapshot));
	node.readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] =
		reading_of(29 * (int64_t)USEC_PER_SEC);
	check(cadence_is_urgent(&snapshot));
	check(cadence_services(&snapshot, true) < cadence_services(&snapshot, false));
	check(cadence_rescan(true) < cadence_rescan(false));
}

TEST(who_comes_to_his_own_limit_is_looked_at_in_time)
{
	set_up(INT64_C(64) << 30, READING_FOREVER);
	snapshot.nearest_limit = reading_of(400 * (int64_t)USEC_PER_MSEC);
	check_int(cadence_next(&snapshot), 100 * USEC_PER_MSEC);
	check_int(cadence_services(&snapshot, false), 100 * USEC_PER_MSEC);
	snapshot.nearest_limit = reading_of(0);
	check_int(cadence_next(&snapshot), 20 * USEC_PER_MSEC);
	check_int(cadence_services(&snapshot, true), 20 * USEC_PER_MSEC);
	/* Half an hour to go is no reason. */
	snapshot.nearest_limit = reading_of(1800 * (int64_t)USEC_PER_SEC);
	check_int(cadence_next(&snapshot), USEC_PER_SEC);
	check_int(cadence_services(&snapshot, false), USEC_PER_SEC);
}

TEST(nearly_empty_is_urgent)
{
	set_up(INT64_C(8) << 30, READING_FOREVER);
	snapshot.host.readings[metric_index(METRIC_MEM_TOTAL)] = reading_of(INT64_C(128) << 30);
	check(!cadence_is_urgent(&snapshot));
	snapshot.host.readings[metric_index(METRIC_MEM_AVAILABLE)] = reading_of(INT64_C(7) << 30);
	check(cadence_is_urgent(&snapshot));
}
