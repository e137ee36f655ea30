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
