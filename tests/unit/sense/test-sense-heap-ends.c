/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A walk that runs out of memory, at whatever place: who was known stays known, ticks go on, and
 * the next walk that has memory finds the others.
 */

#include "heap_fail.h"
#include "machine.h"

static struct machine m;

enum { KNOWN = 6, LATE = 12, ENDS_MAX = 400 };

static void path_of(int i, char path[64])
{
	snprintf(path, 64, i < KNOWN ? "early.slice/s%02d.service" : "late.slice/s%02d.service", i);
}

static void populate(void)
{
	machine_two_nodes(&m);
	machine_file(&m, NODE_DIR "/node0/cpulist", "0-3\n");
	machine_file(&m, NODE_DIR "/node1/cpulist", "4-7\n");
	machine_policy(&m, "early", "early.slice/*.service")->nodes = NODES_RELIEVE;
	machine_policy(&m, "late", "late.slice/*.service")->nodes = NODES_HOME;
	for (int i = 0; i < KNOWN + LATE; i++) {
		char path[64], list[32];

		path_of(i, path);
		snprintf(list, sizeof(list), "%d\n", 1000 + i);
		machine_cgroup(&m, path, list);
		machine_cgroup_file(&m, path, "memory.max", "1073741824\n");
		machine_memory(&m, path, (uint64_t)(i + 8) * MIB, 0, 0);
		machine_process(&m, 1000 + i, "a", 1, (uint64_t)(i + 8) * MIB, "0-1");
	}
}

static void check_service(const struct snapshot *s, int i)
{
	const struct service *service;
	char path[64];

	path_of(i, path);
	service = machine_service(s, path);
	check_known(service_value(service, METRIC_SERVICE_CURRENT),
		    (int64_t)(i + 8) * (int64_t)MIB);
	check_int(service->process_count, 1);
	check_int(s->processes[service->first_process].pid, 1000 + i);
	check(service->settings);
}

/* False: it came to its end within so many. */
static bool run_out_after(long allocations)
{
	const struct snapshot *s;
	int r;

	m.table.count = 1;
	machine_start_live(&m);
	s = machine_round(&m, SEC);
	check_int(s->service_count, KNOWN);

	m.table.count = 2;
	sense_set_policies(m.sense, &m.table);
	heap_left = allocations;
	r = sense_rescan(m.sense, 2 * SEC);
	check(r == 0 || r == -ENOMEM);
	heap_left = 0;
	for (usec_t now = 2 * SEC; now < 5 * SEC; now += SEC / 2) {
		check_int(sense_fast(m.sense, now), 0);
		check_int(sense_services(m.sense, now), 0);
		s = sense_snapshot(m.sense);
	}
	for (int i = 0; i < KNOWN; i++)
		check_service(s, i);

	heap_left = HEAP_ENDLESS;
	for (usec_t now = 5 * SEC; now < 7 * SEC; now += SEC / 2)
		s = machine_round(&m, now);
	check_int(s->service_count, KNOWN + LATE);
	for (int i = 0; i < KNOWN + LATE; i++)
		check_service(s, i);
	m.sense = sense_free(m.sense);
	cgroup_layout_done(&m.layout);
	return r < 0;
}

TEST(a_walk_may_run_out_of_memory_anywhere)
{
	long n = 0;

	populate();
	while (n < ENDS_MAX && run_out_after(n))
		n++;
	check(n > 10);
	check(n < ENDS_MAX);
	machine_done(&m);
}

/* --- again and again ----------------------------------------------------------------------------
 */

enum { PLACES = 24, ROUNDS = 400 };

static bool is_there[PLACES];
static uint64_t chance = 1;

static unsigned any(unsigned below)
{
	chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(chance >> 33) % below;
}

static void turn(int i)
{
	char path[64], list[32], whole[96];

	snprintf(path, sizeof(path), "early.slice/%s%02d.service", i % 3 ? "a" : "b", i);
	snprintf(whole, sizeof(whole), CGROUP_DIR "/%s", path);
	if (is_there[i]) {
		machine_remove(&m, whole);
	} else {
		snprintf(list, sizeof(list), "%d\n", 2000 + i);
		machine_cgroup(&m, path, list);
		machine_memory(&m, path, (uint64_t)(i + 8) * MIB, 0, 0);
		machine_process(&m, 2000 + i, "a", 1, (uint64_t)(i + 8) * MIB, "0-1");
	}
	is_there[i] = !is_there[i];
}

static void check_place(const struct snapshot *s, int i)
{
	const struct service *service;
	char path[64];

	snprintf(path, sizeof(path), "early.slice/%s%02d.service", i % 3 ? "a" : "b", i);
	service = machine_find(s, path);
	check_int(service != NULL, is_there[i]);
	if (!service)
		return;
	check_known(service_value(service, METRIC_SERVICE_CURRENT),
		    (int64_t)(i + 8) * (int64_t)MIB);
	check_int(service->process_count, 1);
	check_int(s->processes[service->first_process].pid, 2000 + i);
}

TEST(walks_may_run_out_of_memory_again_and_again)
{
	const struct snapshot *s = NULL;
	usec_t now = SEC;

	machine_two_nodes(&m);
	machine_policy(&m, "early", "early.slice/*.service")->nodes = NODES_HOME;
	machine_mkdir(&m, CGROUP_DIR "/early.slice");
	machine_start_live(&m);
	for (int round = 0; round < ROUNDS; round++, now += SEC) {
		for (unsigned i = any(4); i-- > 0;)
			turn((int)any(PLACES));
		heap_left = 0;
		check_int(sense_fast(m.sense, now), 0);
		heap_left = any(3) ? (long)any(40) : HEAP_ENDLESS;
		(void)sense_rescan(m.sense, now);
		heap_left = 0;
		if (any(3))
			check_int(sense_services(m.sense, now), 0);
		(void)sense_snapshot(m.sense);
		heap_left = HEAP_ENDLESS;
		machine_inspect(&m, now);
	}
	for (int round = 0; round < 5; round++, now += SEC)
		s = machine_round(&m, now);
	for (int i = 0; i < PLACES; i++)
		check_place(s, i);
	machine_done(&m);
}
