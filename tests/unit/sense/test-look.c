/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When the nodes' files are read, and what ticks in between know. */

#include "machine.h"

#include "sense/state.h"
#include "sys/free_memory.h"

#include <unistd.h>

static struct machine m;
static struct free_memory told;
static bool refused;

/* Of this program there is no other: the machine's own would be that of the host of the tests. */
int free_memory_read(const struct sysroot *root, struct free_memory *ret)
{
	if (refused || !root->live)
		return -EPERM;
	*ret = told;
	return 0;
}

static void node_meminfo(unsigned id, uint64_t free_bytes)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), NODE_DIR "/node%u/meminfo", id);
	machine_file(
		&m, path,
		"Node %u MemTotal:       1048576 kB\nNode %u MemFree:        %8" PRIu64
		" kB\nNode %u Active(file):          0 kB\nNode %u Inactive(file):   102400 kB\n"
		"Node %u Dirty:             4096 kB\nNode %u Writeback:         1024 kB\n"
		"Node %u AnonPages:        20480 kB\nNode %u Shmem:             8192 kB\n"
		"Node %u SReclaimable:      2048 kB\nNode %u SUnreclaim:        1024 kB\n",
		id, id, free_bytes / KIB, id, id, id, id, id, id, id, id);
}

static void start(size_t count, uint64_t free_bytes)
{
	struct machine_node nodes[2] = { { 0 } };

	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/*");
	for (unsigned i = 0; i < 2; i++)
		machine_remove(&m, i == 0 ? NODE_DIR "/node0" : NODE_DIR "/node1");
	for (unsigned i = 0; i < count; i++)
		nodes[i] = (struct machine_node){
			.id = i,
			.managed_pages = GIB / PAGE,
			.free_pages = free_bytes / PAGE,
			.file_pages = 100 * MIB / PAGE,
			.dirty_pages = 5 * MIB / PAGE,
			.slab_pages = 2 * MIB / PAGE,
		};
	machine_nodes(&m, nodes, count);
	for (unsigned i = 0; i < count; i++)
		node_meminfo(i, free_bytes);
	refused = false;
	told = (struct free_memory){ .free_bytes = count * free_bytes };
	machine_start_live(&m);
}

static uint64_t free_at(usec_t now, unsigned id)
{
	check_int(sense_fast(m.sense, now), 0);

	struct reading r = node_value(sense_snapshot(m.sense), id, METRIC_NODE_FREE);

	check_int(r.state, READING_KNOWN);
	return (uint64_t)r.value;
}

static int64_t headroom(void)
{
	return node_value(sense_snapshot(m.sense), 0, METRIC_NODE_HEADROOM).value;
}

TEST(what_a_nodes_meminfo_tells)
{
	start(1, 512 * MIB);
	check_int(free_at(SEC, 0), 512 * MIB);

	const struct snapshot *s = sense_snapshot(m.sense);

	check_known(node_value(s, 0, METRIC_NODE_CLEAN), 95 * MIB);
	check_known(node_value(s, 0, METRIC_NODE_DIRTY), 5 * MIB);
	check_known(node_value(s, 0, METRIC_NODE_ANON), 20 * MIB);
	check_known(node_value(s, 0, METRIC_NODE_SHMEM), 8 * MIB);
	check_known(node_value(s, 0, METRIC_NODE_SLAB_RECLAIMABLE), 2 * MIB);
	check_known(node_value(s, 0, METRIC_NODE_SLAB_UNRECLAIMABLE), MIB);
	check_known(node_value(s, 0, METRIC_NODE_HEADROOM),
		    (int64_t)((512 + 95 + 1) * MIB - ZONE_MIN * PAGE));
	machine_done(&m);
}

TEST(one_node_with_plenty_free_is_told_by_the_machine)
{
	int64_t before;

	start(1, 512 * MIB);
	free_at(SEC, 0);
	before = headroom();
	/* The file is not looked at: it says what nobody shall see yet. */
	node_meminfo(0, 300 * MIB);
	told.free_bytes -= 10 * MIB;
	check_int(free_at(2 * SEC, 0), 502 * MIB);
	check_int(headroom(), before - 10 * (int64_t)MIB);
	told.free_bytes += 4 * MIB;
	check_int(free_at(3 * SEC, 0), 506 * MIB);
	check_int(free_at(5 * SEC, 0), 506 * MIB);
	check_int(free_at(6 * SEC, 0), 300 * MIB);
	machine_done(&m);
}

/* By looks that are five seconds apart. */
TEST(when_the_host_is_empty_is_known_of_an_only_node_too)
{
	start(1, 512 * MIB);
	for (unsigned i = 0; i < 3; i++) {
		free_at((1 + 5 * i) * SEC, 0);
		told.free_bytes -= MIB;
		node_meminfo(0, told.free_bytes);
	}
	check_int(host_value(sense_snapshot(m.sense), METRIC_MEM_TIME_TO_EMPTY).state,
		  READING_KNOWN);
	/* After more than one that was missed it starts anew. */
	free_at(23 * SEC, 0);
	check_unknown(host_value(sense_snapshot(m.sense), METRIC_MEM_TIME_TO_EMPTY));
	machine_done(&m);
}

TEST(more_than_a_step_is_looked_at_at_once)
{
	start(1, 512 * MIB);
	free_at(SEC, 0);
	node_meminfo(0, 480 * MIB);
	told.free_bytes -= 32 * MIB;
	check_int(free_at(SEC + SEC / 5, 0), 480 * MIB);
	/* So is memory that came back, and swap that moved. */
	node_meminfo(0, 512 * MIB);
	told.free_bytes += 32 * MIB;
	check_int(free_at(SEC + 2 * SEC / 5, 0), 512 * MIB);
	node_meminfo(0, 511 * MIB);
	told.swap_free_bytes += PAGE;
	check_int(free_at(SEC + 3 * SEC / 5, 0), 511 * MIB);
	machine_done(&m);
}

/* Page cache may go while what is free stays as it is. */
TEST(with_little_free_each_second_counts)
{
	start(1, 20 * MIB);
	free_at(SEC, 0);
	node_meminfo(0, 19 * MIB);
	check_int(free_at(2 * SEC, 0), 19 * MIB);
	/* And where little is left at all, each tick. */
	node_meminfo(0, 18 * MIB);
	check(m.sense->nodes.states[0].is_short);
	check_int(free_at(2 * SEC + SEC / 50, 0), 18 * MIB);
	machine_done(&m);
}

/* One may empty while another fills. */
TEST(of_several_nodes_each_second_counts)
{
	start(2, 512 * MIB);
	free_at(SEC, 0);
	node_meminfo(0, 400 * MIB);
	node_meminfo(1, 624 * MIB);
	check_int(free_at(SEC + SEC / 2, 0), 512 * MIB);
	check_int(free_at(2 * SEC, 0), 400 * MIB);
	check_int(free_at(2 * SEC + SEC / 10, 1), 624 * MIB);
	machine_done(&m);
}

TEST(without_the_call_files_are_read_in_each_tick)
{
	start(1, 512 * MIB);
	refused = true;
	free_at(SEC, 0);
	node_meminfo(0, 500 * MIB);
	check_int(free_at(SEC + SEC / 50, 0), 500 * MIB);
	machine_done(&m);
}

TEST(what_is_available_follows_between_two_readings_of_meminfo)
{
	int64_t before;

	start(1, 512 * MIB);
	free_at(SEC, 0);
	before = host_value(sense_snapshot(m.sense), METRIC_MEM_AVAILABLE).value;
	told.free_bytes -= 64 * MIB;
	node_meminfo(0, 448 * MIB);
	free_at(2 * SEC, 0);
	check_known(host_value(sense_snapshot(m.sense), METRIC_MEM_AVAILABLE),
		    before - 64 * (int64_t)MIB);
	check_known(host_value(sense_snapshot(m.sense), METRIC_MEM_FREE), 448 * MIB);
	/* An eighth could be wrong: the file is asked, and says otherwise. */
	told.free_bytes -= 300 * MIB;
	node_meminfo(0, 148 * MIB);
	machine_meminfo(&m, GIB, 200 * MIB);
	free_at(3 * SEC, 0);
	check_known(host_value(sense_snapshot(m.sense), METRIC_MEM_AVAILABLE), 200 * MIB);
	machine_done(&m);
}

TEST(nothing_moved_is_nothing_to_ask_rules_about)
{
	int ends[2];

	start(1, 512 * MIB);
	machine_round(&m, SEC);
	/* A caller that does not wait for events cannot know. */
	check(sense_has_moved(m.sense));
	check_int(pipe(ends), 0);
	sense_watch(m.sense, ends[0]);
	for (usec_t now = 2; now < 8; now++)
		machine_round(&m, now * SEC);
	sense_mark(m.sense);
	check(!sense_has_moved(m.sense));
	/* A thousandth of the node is something, and half of that is not. */
	told.free_bytes -= MIB / 2;
	free_at(9 * SEC, 0);
	check(!sense_has_moved(m.sense));
	told.free_bytes -= MIB;
	free_at(10 * SEC, 0);
	check(sense_has_moved(m.sense));
	sense_mark(m.sense);
	check(!sense_has_moved(m.sense));
	machine_done(&m);
	close(ends[0]);
	close(ends[1]);
}

/* --- ticks that look at what is free alone --- */

static int loop[2];

/* At 57 s the node was looked at a second ago, and nothing is due for three. */
static void settle(void)
{
	start(1, 512 * MIB);
	check_int(pipe(loop), 0);
	sense_watch(m.sense, loop[0]);
	/* Pressure wakes it. */
	m.sense->events.host_trigger = dup(loop[0]);
	for (usec_t now = SEC; now <= 57 * SEC; now += SEC)
		free_at(now, 0);
	sense_mark(m.sense);
	sense_settle(m.sense);
}

static void unsettle(void)
{
	close(loop[0]);
	close(loop[1]);
	machine_done(&m);
}

TEST(a_still_machine_is_not_looked_at_before_something_is_due)
{
	settle();
	node_meminfo(0, 300 * MIB);
	check(sense_is_still(m.sense, 58 * SEC));
	check(sense_is_still(m.sense, 60 * SEC));
	check(!sense_is_still(m.sense, 61 * SEC));
	check_int(free_at(61 * SEC, 0), 300 * MIB);
	/* That has ended it, until somebody says so again. */
	check(!sense_is_still(m.sense, 61 * SEC + 1));
	unsettle();
}

/* A thousandth of the node, from where it was marked, and not from the last tick. */
TEST(what_matters_of_free_memory_ends_stillness)
{
	settle();
	told.free_bytes -= 600 * KIB;
	check(sense_is_still(m.sense, 58 * SEC));
	told.free_bytes -= 600 * KIB;
	check(!sense_is_still(m.sense, 59 * SEC));
	check_int(free_at(59 * SEC, 0), 512 * MIB - 1200 * KIB);
	check(node_sensor_has_moved(m.sense));
	unsettle();
}

TEST(swap_events_and_a_refused_call_end_stillness)
{
	settle();
	told.swap_free_bytes += PAGE;
	check(!sense_is_still(m.sense, 58 * SEC));
	told.swap_free_bytes -= PAGE;
	check(sense_is_still(m.sense, 58 * SEC));
	m.sense->events.ready_count = 1;
	check(!sense_is_still(m.sense, 59 * SEC));
	m.sense->events.ready_count = 0;
	refused = true;
	check(!sense_is_still(m.sense, 59 * SEC));
	refused = false;
	check(sense_is_still(m.sense, 59 * SEC));
	unsettle();
}

/* There is room for some; one more looks at everything, and empties it. */
TEST(still_ticks_are_counted)
{
	settle();
	for (usec_t i = 1; i <= STILL_TICKS_MAX; i++)
		check(sense_is_still(m.sense, 57 * SEC + i * SEC / 50));
	check(!sense_is_still(m.sense, 58 * SEC));
	free_at(58 * SEC, 0);
	sense_settle(m.sense);
	check(sense_is_still(m.sense, 59 * SEC));
	unsettle();
}

TEST(who_does_not_wait_for_events_has_no_still_ticks)
{
	settle();
	sense_watch(m.sense, -1);
	free_at(58 * SEC, 0);
	sense_settle(m.sense);
	check(!sense_is_still(m.sense, 59 * SEC));
	unsettle();
}

static struct reading time_to_empty_after(bool by_still_ticks)
{
	struct reading left;

	settle();
	for (usec_t now = 58 * SEC; now <= 60 * SEC; now += SEC) {
		told.free_bytes -= 300 * KIB;
		if (by_still_ticks)
			check(sense_is_still(m.sense, now));
		else
			free_at(now, 0);
	}
	told.free_bytes -= 2 * MIB;
	free_at(60 * SEC + SEC / 2, 0);
	left = node_value(sense_snapshot(m.sense), 0, METRIC_NODE_TIME_TO_EMPTY);
	unsettle();
	return left;
}

TEST(slopes_know_what_still_ticks_saw)
{
	struct reading by_files = time_to_empty_after(false);
	struct reading by_still_ticks = time_to_empty_after(true);

	check_int(by_files.state, READING_KNOWN);
	check_known(by_still_ticks, by_files.value);
}
