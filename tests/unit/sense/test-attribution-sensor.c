/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

static struct machine m;
static uint64_t stalled_usec, high_events;

static void pressure(const char *cgroup, unsigned some, unsigned full)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "some avg10=%u.%02u avg60=0.00 avg300=0.00 total=1\n"
		 "full avg10=%u.%02u avg60=0.00 avg300=0.00 total=1\n",
		 some / 100, some % 100, full / 100, full % 100);
	machine_cgroup_file(&m, cgroup, "memory.pressure", text);
}

static void events(const char *cgroup, uint64_t high)
{
	char text[128];

	snprintf(text, sizeof(text), "low 0\nhigh %" PRIu64 "\nmax 0\noom 0\noom_kill 0\n", high);
	machine_cgroup_file(&m, cgroup, "memory.events", text);
}

/* A second later: the host's average, its stalls of that second, and the throttled service's. */
static const struct snapshot *next(usec_t now, unsigned average, uint64_t stalled, unsigned some,
				   uint64_t hits)
{
	stalled_usec += stalled;
	high_events += hits;
	machine_pressure(&m, average, stalled_usec);
	/* Moving memory asks for a look at the services. */
	machine_memory(&m, "system.slice/hog.service", (100 + now / SEC % 2 * 60) * MIB, 0, 0);
	pressure("system.slice/hog.service", some, some);
	events("system.slice/hog.service", high_events);
	return machine_round(&m, now);
}

static void start(void)
{
	stalled_usec = high_events = 0;
	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/**/*.service");
	machine_cgroup(&m, "system.slice/hog.service", "");
	machine_cgroup(&m, "system.slice/other.service", "");
	machine_cgroup_file(&m, "system.slice/hog.service", "memory.high", "167772160\n");
	machine_start(&m, false);
}

static struct reading shared(const struct snapshot *s)
{
	return host_value(s, METRIC_PSI_MEMORY_SOME_SHARED);
}

TEST(a_throttled_service_takes_its_pressure_with_it)
{
	const struct snapshot *s;
	usec_t now = 100 * SEC;

	start();
	check_unknown(shared(next(now, 0, 0, 0, 0)));
	for (int i = 0; i < 3; i++)
		s = next(now += SEC, 0, 0, 0, 0);
	check_known(shared(s), 0);
	/* From the first second on, whatever the averages show by then. */
	check_known(shared(next(now += SEC, 0, 990000, 0, 500)), 0);
	check_known(shared(next(now += SEC, 1800, 990000, 0, 500)), 0);
	for (int i = 0; i < 10; i++)
		s = next(now += SEC, 9500, 990000, 9400, 500);
	check_known(host_value(s, METRIC_PSI_MEMORY_SOME_NOW), 9900);
	check_known(service_value(machine_service(s, "system.slice/hog.service"),
				  METRIC_SERVICE_PSI_SELF),
		    9400);
	check_known(shared(s), 100);
	machine_done(&m);
}

static void slice_events(const char *file, uint64_t high)
{
	char text[128];

	snprintf(text, sizeof(text), "low 0\nhigh %" PRIu64 "\nmax 0\noom 0\noom_kill 0\n", high);
	machine_cgroup_file(&m, "system.slice", file, text);
}

/* Ten seconds in which the slice's counter grows so. */
static const struct snapshot *slice_hits(usec_t *now, const char *file, uint64_t hits)
{
	const struct snapshot *s = NULL;

	for (int i = 0; i < 3; i++)
		s = next(*now += SEC, 0, 0, 0, 0);
	for (uint64_t i = 1; i <= 10; i++) {
		slice_events(file, hits * i);
		s = next(*now += SEC, 9500, 990000, 9400, 0);
	}
	return s;
}

TEST(a_slice_at_its_limit_takes_the_pressure_of_what_is_in_it)
{
	const struct snapshot *s;
	const struct service *hog;
	usec_t now = 100 * SEC;

	start();
	slice_events("memory.events.local", 0);
	s = slice_hits(&now, "memory.events.local", 500);
	hog = machine_service(s, "system.slice/hog.service");
	check_known(service_value(hog, METRIC_SERVICE_PSI_SELF), 0);
	check_int(hog->held_length, strlen("system.slice"));
	check_int(machine_service(s, "system.slice/other.service")->held_length, 0);
	check_known(shared(s), 100);
	/* The slice has room again, and who stalls now does so for want of the host's memory. */
	for (int i = 0; i < 20; i++)
		s = next(now += SEC, 9500, 990000, 9400, 0);
	check_int(machine_service(s, "system.slice/hog.service")->held_length, 0);
	check_known(shared(s), 9900);
	machine_done(&m);
}

/* Who is short of memory opens no files for this, and has no use for it. */
TEST(on_a_host_that_is_short_a_slice_is_not_asked)
{
	const struct snapshot *s = NULL;
	usec_t now = 100 * SEC;

	start();
	slice_events("memory.events.local", 0);
	slice_hits(&now, "memory.events.local", 500);
	machine_meminfo(&m, 2 * GIB, 100 * MIB);
	for (uint64_t i = 1; i <= 20; i++) {
		slice_events("memory.events.local", 5000 + 500 * i);
		s = next(now += SEC, 9500, 990000, 9400, 0);
	}
	check_int(machine_service(s, "system.slice/hog.service")->held_length, 0);
	check_known(shared(s), 9900);
	machine_done(&m);
}

/* memory.events has what happens to others in it. */
TEST(what_happens_below_a_slice_is_no_limit_of_its_own)
{
	const struct snapshot *s;
	usec_t now = 100 * SEC;

	start();
	slice_events("memory.events.local", 0);
	s = slice_hits(&now, "memory.events", 500);
	check_int(machine_service(s, "system.slice/hog.service")->held_length, 0);
	check_known(shared(s), 9900);
	machine_done(&m);
}

/* Before 5.2 nobody tells what happened to the slice itself. */
TEST(without_local_events_nothing_is_said_of_the_slice)
{
	const struct snapshot *s;
	usec_t now = 100 * SEC;

	start();
	s = slice_hits(&now, "memory.events", 500);
	check_int(machine_service(s, "system.slice/hog.service")->held_length, 0);
	machine_done(&m);
}

TEST(the_same_pressure_without_a_limit_is_the_hosts)
{
	const struct snapshot *s = NULL;
	usec_t now = 100 * SEC;

	start();
	for (int i = 0; i < 3; i++)
		s = next(now += SEC, 0, 0, 0, 0);
	for (int i = 0; i < 3; i++)
		s = next(now += SEC, 9500, 990000, 9400, 0);
	check_known(shared(s), 9900);
	check_known(service_value(machine_service(s, "system.slice/hog.service"),
				  METRIC_SERVICE_PSI_SELF),
		    0);
	machine_done(&m);
}
