/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How much more a service can have before a limit, its own or one above it; what protects it; and
 * how fast its counters grow.
 */

#include "machine.h"

#include "sense/service_bounds.h"
#include "sense/service_registry.h"

static struct machine m;

#define A     "system.slice/a.service"
#define SLICE "system.slice"

static void start(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "**/*.service");
	machine_cgroup(&m, A, "");
	machine_memory(&m, A, 60 * MIB, 0, 0);
	/* A slice has the files too. */
	machine_cgroup_file(&m, SLICE, "memory.max", "max\n");
	machine_cgroup_file(&m, SLICE, "memory.min", "0\n");
	machine_cgroup_file(&m, SLICE, "memory.low", "0\n");
	machine_cgroup_file(&m, SLICE, "memory.current", "209715200\n");
}

static const struct service *round_of(usec_t now)
{
	return machine_service(machine_round(&m, now), A);
}

/* Something moved on the host, so that services are looked at. */
static void stir(usec_t now)
{
	machine_meminfo(&m, 2 * GIB, now / SEC % 2 ? 800 * MIB : 600 * MIB);
}

static void put_stat(uint64_t dirty, uint64_t refaults)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "anon 0\nfile 0\nshmem 0\nfile_dirty %" PRIu64 "\nfile_writeback 0\n"
		 "slab_reclaimable 4096\nslab_unreclaimable 8192\nworkingset_refault_anon %" PRIu64
		 "\nworkingset_refault_file 0\n",
		 dirty, refaults);
	machine_cgroup_file(&m, A, "memory.stat", text);
}

TEST(no_limit_is_infinite)
{
	start();
	machine_start(&m, false);

	const struct service *a = round_of(SEC);

	check_int(service_value(a, METRIC_SERVICE_LIMIT).state, READING_INFINITE);
	check_int(service_value(a, METRIC_SERVICE_HEADROOM).state, READING_INFINITE);
	check_int(service_value(a, METRIC_SERVICE_TIME_TO_LIMIT).state, READING_INFINITE);
	machine_done(&m);
}

TEST(file_pages_are_room_and_dirty_ones_are_not)
{
	start();
	machine_memory(&m, A, 60 * MIB, 0, 20 * MIB);
	machine_cgroup_file(&m, A, "memory.max", "104857600\n");
	put_stat(5 * MIB, 0);
	machine_start(&m, false);

	const struct service *a = round_of(SEC);

	check_known(service_value(a, METRIC_SERVICE_LIMIT), 100 * MIB);
	check_known(service_value(a, METRIC_SERVICE_HEADROOM), 35 * MIB);
	check_known(service_value(a, METRIC_SERVICE_FILE), 20 * MIB);
	check_known(service_value(a, METRIC_SERVICE_SHMEM), 0);
	check_known(service_value(a, METRIC_SERVICE_DIRTY), 5 * MIB);
	check_known(service_value(a, METRIC_SERVICE_SLAB), 12288);
	machine_done(&m);
}

TEST(the_tightest_of_all_limits_counts)
{
	start();
	machine_cgroup_file(&m, A, "memory.max", "104857600\n");
	/* 24 MiB left in the slice, 40 of its own. */
	machine_cgroup_file(&m, SLICE, "memory.max", "234881024\n");
	machine_start(&m, false);

	const struct service *a = round_of(SEC);

	check_known(service_value(a, METRIC_SERVICE_LIMIT), 224 * MIB);
	check_known(service_value(a, METRIC_SERVICE_HEADROOM), 24 * MIB);
	check_known(service_value(a, METRIC_SERVICE_MAX), 100 * MIB);
	check_int(a->limit_length, strlen(SLICE));
	/* What the slice could drop is room too. */
	machine_cgroup_file(&m, SLICE, "memory.stat",
			    "file 31457280\nshmem 1048576\nfile_dirty 1048576\n");
	machine_cgroup_file(&m, SLICE, "memory.current", "220200960\n");
	stir(5 * SEC);
	a = round_of(5 * SEC);
	check_known(service_value(a, METRIC_SERVICE_LIMIT), 100 * MIB);
	check_known(service_value(a, METRIC_SERVICE_HEADROOM), 40 * MIB);
	check_int(a->limit_length, strlen(A));
	machine_done(&m);
}

TEST(limits_of_the_same_size)
{
	start();
	machine_cgroup_file(&m, A, "memory.max", "234881024\n");
	machine_cgroup_file(&m, SLICE, "memory.max", "234881024\n");
	machine_start(&m, false);
	/* 164 MiB left of its own, 24 in the slice. */
	check_str(sense_limit_cgroup(m.sense, round_of(SEC)), SLICE);
	/* 14 of its own. */
	machine_memory(&m, A, 210 * MIB, 0, 0);
	stir(5 * SEC);
	check(!sense_limit_cgroup(m.sense, round_of(5 * SEC)));
	machine_done(&m);
}

TEST(protection_is_worth_what_is_above)
{
	start();
	machine_cgroup_file(&m, A, "memory.min", "20971520\n");
	machine_cgroup_file(&m, A, "memory.low", "52428800\n");
	machine_cgroup_file(&m, SLICE, "memory.low", "31457280\n");
	machine_cgroup(&m, "top.service", "");
	machine_cgroup_file(&m, "top.service", "memory.min", "10485760\n");
	machine_cgroup_file(&m, "top.service", "memory.low", "max\n");
	machine_memory(&m, "top.service", 4 * MIB, 0, 0);
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *a = machine_service(s, A), *top = machine_service(s, "top.service");

	check_known(service_value(a, METRIC_SERVICE_MIN), 0);
	check_known(service_value(a, METRIC_SERVICE_LOW), 30 * MIB);
	check_known(service_value(top, METRIC_SERVICE_MIN), 10 * MIB);
	check_int(service_value(top, METRIC_SERVICE_LOW).state, READING_INFINITE);
	/* As much of it as there is: 30 of the slice's 200, 4 of the service. */
	check_known(host_value(s, METRIC_MEM_PROTECTED), 34 * MIB);
	machine_done(&m);
}

TEST(what_is_set_once)
{
	start();
	machine_cgroup_file(&m, A, "memory.swap.max", "1048576\n");
	machine_cgroup_file(&m, A, "memory.oom.group", "1\n");
	machine_start(&m, false);

	const struct service *a = round_of(SEC);

	check_known(service_value(a, METRIC_SERVICE_SWAP_MAX), MIB);
	check_known(service_value(a, METRIC_SERVICE_OOM_GROUP), 1);
	check_unknown(service_value(a, METRIC_SERVICE_MIN));
	machine_done(&m);
}

TEST(events_a_second)
{
	start();
	machine_cgroup_file(&m, A, "memory.max", "67108864\n");
	put_stat(0, 1000);
	machine_start(&m, false);

	const struct service *a = round_of(SEC);

	check_unknown(service_value(a, METRIC_SERVICE_EVENTS_HIGH_RATE));
	check_unknown(service_value(a, METRIC_SERVICE_REFAULT_RATE));
	machine_cgroup_file(&m, A, "memory.events", "low 0\nhigh 2000\nmax 8\noom 0\noom_kill 0\n");
	put_stat(0, 1000 + 400);
	stir(5 * SEC);
	a = round_of(5 * SEC);
	check_known(service_value(a, METRIC_SERVICE_EVENTS_HIGH_RATE), 500);
	check_known(service_value(a, METRIC_SERVICE_EVENTS_MAX_RATE), 2);
	check_known(service_value(a, METRIC_SERVICE_REFAULT_RATE), (int64_t)(100 * PAGE));
	/* It stood still since: so do the rates, once it was read again. */
	stir(8 * SEC);
	a = round_of(8 * SEC);
	check_known(service_value(a, METRIC_SERVICE_EVENTS_HIGH_RATE), 0);
	check_known(service_value(a, METRIC_SERVICE_REFAULT_RATE), 0);
	/* Counters that begin anew are no rate. */
	machine_cgroup_file(&m, A, "memory.events", "low 0\nhigh 5\nmax 1\noom 0\noom_kill 0\n");
	stir(11 * SEC);
	a = round_of(11 * SEC);
	check_unknown(service_value(a, METRIC_SERVICE_EVENTS_HIGH_RATE));
	machine_done(&m);
}

/* Rates of a service below are not those of the one above. */
TEST(rates_of_services_in_one_another)
{
	start();
	machine_cgroup(&m, A "/in.service", "");
	machine_memory(&m, A "/in.service", 50 * MIB, 0, 0);
	machine_start(&m, false);
	round_of(SEC);
	machine_cgroup_file(&m, A, "memory.events", "low 0\nhigh 0\nmax 40\noom 0\noom_kill 0\n");
	machine_cgroup_file(&m, A "/in.service", "memory.events",
			    "low 0\nhigh 0\nmax 30\noom 0\noom_kill 0\n");
	stir(6 * SEC);

	const struct snapshot *s = machine_round(&m, 6 * SEC);

	check_known(service_value(machine_service(s, A), METRIC_SERVICE_EVENTS_MAX_RATE), 2);
	check_known(
		service_value(machine_service(s, A "/in.service"), METRIC_SERVICE_EVENTS_MAX_RATE),
		6);
	machine_done(&m);
}

TEST(pressure_of_its_own_making)
{
	start();
	machine_cgroup_file(&m, A, "memory.max", "67108864\n");
	machine_cgroup_file(&m, A, "memory.pressure",
			    "some avg10=30.00 avg60=0.00 avg300=0.00 total=1\n"
			    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	machine_start(&m, false);
	round_of(SEC);
	stir(4 * SEC);
	/* Stalled, and it met no limit meanwhile. */
	check_known(service_value(round_of(4 * SEC), METRIC_SERVICE_PSI_SELF), 0);
	machine_cgroup_file(&m, A, "memory.events", "low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\n");
	stir(7 * SEC);
	check_known(service_value(round_of(7 * SEC), METRIC_SERVICE_PSI_SELF), 3000);
	stir(20 * SEC);
	check_known(service_value(round_of(20 * SEC), METRIC_SERVICE_PSI_SELF), 0);
	machine_done(&m);
}

TEST(time_to_the_limit)
{
	usec_t now = SEC;

	start();
	machine_cgroup_file(&m, A, "memory.max", "104857600\n");
	machine_start(&m, false);
	/* 60 of 100 MiB: far enough for a history to be kept. */
	round_of(now);
	check_int(sense_rescan(m.sense, now), 0);
	for (int i = 1; i <= 8; i++) {
		now += 100 * USEC_PER_MSEC;
		machine_memory(&m, A, (60 + (uint64_t)i) * MIB, 0, 0);
		machine_meminfo(&m, 2 * GIB, (800 - 20 * (uint64_t)i) * MIB);
		round_of(now);
	}

	/* 32 MiB left, 10 MiB/s. */
	struct reading time = service_value(round_of(now), METRIC_SERVICE_TIME_TO_LIMIT);

	check_int(time.state, READING_KNOWN);
	check(time.value > 2 * (int64_t)SEC && time.value < 4 * (int64_t)SEC);
	machine_done(&m);
}

/* A limit that is set lower is no growth of the service. */
TEST(a_new_limit_is_no_fall)
{
	usec_t now = SEC;

	start();
	machine_cgroup_file(&m, A, "memory.max", "104857600\n");
	machine_start(&m, false);
	for (int i = 0; i < 8; i++) {
		now += SEC;
		stir(now);
		round_of(now);
		if (i == 5)
			machine_cgroup_file(&m, A, "memory.max", "68157440\n");
	}
	check_known(service_value(round_of(now), METRIC_SERVICE_LIMIT), 65 * MIB);
	check(service_value(round_of(now), METRIC_SERVICE_TIME_TO_LIMIT).state != READING_KNOWN);
	machine_done(&m);
}

TEST(a_container_has_a_limit)
{
	start();
	machine_file(&m, CGROUP_DIR "/memory.max", "1073741824\n");
	machine_file(&m, CGROUP_DIR "/memory.current", "536870912\n");
	machine_file(&m, CGROUP_DIR "/memory.stat",
		     "file 104857600\nshmem 0\nfile_dirty 52428800\nfile_writeback 0\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_known(host_value(s, METRIC_MEM_LIMIT), GIB);
	check_known(host_value(s, METRIC_MEM_LIMIT_HEADROOM), (512 + 50) * MIB);
	/* Services in it meet it as well. */
	check_known(service_value(machine_service(s, A), METRIC_SERVICE_LIMIT), GIB);
	machine_done(&m);
}

TEST(the_real_root_has_none)
{
	start();
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(host_value(s, METRIC_MEM_LIMIT).state, READING_INFINITE);
	check_int(host_value(s, METRIC_MEM_LIMIT_HEADROOM).state, READING_INFINITE);
	check(!has_gap(&m, "mem.limit"));
	machine_done(&m);
}

TEST(a_container_that_was_given_no_controller)
{
	start();
	machine_file(&m, CGROUP_DIR "/cgroup.controllers", "\n");
	machine_file(&m, CGROUP_DIR "/cgroup.events", "populated 1\nfrozen 0\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_unknown(host_value(s, METRIC_MEM_LIMIT));
	check_unknown(host_value(s, METRIC_MEM_PROTECTED));
	check(has_gap(&m, "mem.limit*"));
	machine_done(&m);
}

TEST(a_machine_without_the_controller)
{
	start();
	machine_file(&m, CGROUP_DIR "/cgroup.controllers", "\n");
	machine_start(&m, false);
	check_int(host_value(machine_round(&m, SEC), METRIC_MEM_LIMIT).state, READING_INFINITE);
	machine_done(&m);
}

/* What a further service costs, besides its path. A thousand are the norm. */
TEST(a_service_is_small)
{
	size_t slope = sizeof(struct slope), entry = sizeof(struct service_entry);

	printf("# bytes a service: entry %zu, of the snapshot %zu; slope %zu, bound %zu\n", entry,
	       sizeof(struct service), slope, sizeof(struct service_bound));
	check(entry <= 512);
	check(sizeof(struct service_bound) <= 128);
}
