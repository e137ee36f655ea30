// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What each tier of the sensors costs on machines of files, two of them side by side. The trees are
 * taken for the running machine, so that files are kept open as they are there; what the kernel
 * spends on printing its files is not in it (`run files` has that), only what the agent does with
 * them.
 */

#include "measure.h"

#include "sense/sense.h"
#include "sys/cgroup_layout.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MACHINES 2
#define ROUNDS	 15
/* Ticks in a row, of which only the last is measured: what is due now and then is read before. */
#define QUIET_TICKS 5
#define LONG_USEC   (61 * USEC_PER_SEC)

enum tier {
	TIER_FAST,
	TIER_FAST_ALL,
	TIER_SERVICES,
	TIER_SERVICES_STIRRED,
	TIER_SERVICES_CHANGED,
	TIER_RESCAN,
	TIER_RESCAN_WALK,
	TIER_COUNT_,
};

static const char *const tier_names[TIER_COUNT_] = {
	[TIER_FAST] = "fast tick, quiet",
	[TIER_FAST_ALL] = "fast tick, everything due",
	[TIER_SERVICES] = "services, nothing stirred",
	[TIER_SERVICES_STIRRED] = "services, host stirred",
	[TIER_SERVICES_CHANGED] = "services, each one changed",
	[TIER_RESCAN] = "rescan, no walk",
	[TIER_RESCAN_WALK] = "rescan with a walk",
};

struct machine {
	struct sysroot root;
	struct cgroup_layout layout;
	struct sense *sense;
	usec_t now;
	/* memory.current of each service, to be written. */
	int *currents;
	uint64_t *bytes;
	size_t service_count;
	bool changed;
	struct measure tiers[TIER_COUNT_];
};

static char *match[] = { (char[]){ "system.slice/*" }, (char[]){ "machine.slice/*" } };
static struct policy policy = {
	.name = (char[]){ "all" },
	.set = (char[]){ "bench" },
	.match = match,
	.match_count = ARRAY_SIZE(match),
	.rank = RANK_DEFAULT,
	.nodes = NODES_RELIEVE,
};
static const struct policy_table policies = { .policies = &policy, .count = 1 };

static _Noreturn void fail(const char *what, int error)
{
	fprintf(stderr, "tiers: %s: %s\n", what, strerror(error));
	exit(2);
}

static void must(int r, const char *what)
{
	if (r < 0)
		fail(what, -r);
}

static void tick(struct machine *m)
{
	m->now += USEC_PER_SEC;
	must(sense_fast(m->sense, m->now), "fast tick");
}

/* Inspections take a worker of their own; here they are only made done with. */
static void inspect(struct machine *m)
{
	struct work_request request;
	struct work_reply reply;

	while (sense_next_inspection(m->sense, m->now, &request) == 1) {
		inspect_work(&m->root, &request, &reply);
		sense_take_inspection(m->sense, &request, &reply, m->now);
	}
}

/* Rounds as a program makes them, until nothing is new any more. */
static void calm_down(struct machine *m)
{
	for (unsigned i = 0; i < QUIET_TICKS; i++) {
		tick(m);
		must(sense_rescan(m->sense, m->now), "rescan");
		inspect(m);
		must(sense_services(m->sense, m->now), "services");
	}
}

static void open_currents(struct machine *m, const char *directory)
{
	const struct snapshot *snapshot = sense_snapshot(m->sense);
	char path[512];

	m->service_count = snapshot->service_count;
	m->currents = calloc(m->service_count + 1, sizeof(*m->currents));
	m->bytes = calloc(m->service_count + 1, sizeof(*m->bytes));
	if (!m->currents || !m->bytes)
		fail("memory", ENOMEM);
	for (size_t i = 0; i < m->service_count; i++) {
		struct reading current =
			snapshot->services[i].readings[metric_index(METRIC_SERVICE_CURRENT)];

		(void)snprintf(path, sizeof(path), "%s/sys/fs/cgroup/%s/memory.current", directory,
			       snapshot->services[i].path);
		m->currents[i] = open(path, O_WRONLY | O_CLOEXEC);
		if (m->currents[i] < 0)
			fail(path, errno);
		if (current.state != READING_KNOWN)
			fail(path, ENODATA);
		m->bytes[i] = (uint64_t)current.value;
	}
}

/* Every service has 64 MiB more than before, or less again. */
static void change_services(struct machine *m)
{
	char text[32];

	m->changed = !m->changed;
	for (size_t i = 0; i < m->service_count; i++) {
		int n = snprintf(text, sizeof(text), "%" PRIu64 "\n",
				 m->bytes[i] + (m->changed ? UINT64_C(64) << 20 : 0));

		if (pwrite(m->currents[i], text, (size_t)n, 0) != n ||
		    ftruncate(m->currents[i], n) < 0)
			fail("memory.current", errno);
	}
}

static void open_machine(struct machine *m, const char *directory)
{
	*m = (struct machine){ .now = 1000 * USEC_PER_SEC };
	must(sysroot_open(directory, &m->root), directory);
	must(cgroup_layout_open(&m->root, &m->layout), directory);
	m->root.live = true;
	m->layout.live = true;
	must(sense_new(&m->root, &m->layout, false, &m->sense), directory);
	sense_set_policies(m->sense, &policies);
	calm_down(m);
	open_currents(m, directory);
}

static void close_machine(struct machine *m)
{
	for (size_t i = 0; i < m->service_count; i++)
		close(m->currents[i]);
	free(m->currents);
	free(m->bytes);
	sense_free(m->sense);
	cgroup_layout_done(&m->layout);
	sysroot_done(&m->root);
}

#define MEASURE(m, tier, call)                    \
	do {                                      \
		measure_start(&(m)->tiers[tier]); \
		must(call, tier_names[tier]);     \
		measure_stop(&(m)->tiers[tier]);  \
	} while (0)

static void measure_fast(struct machine *m)
{
	calm_down(m);
	m->now += USEC_PER_SEC;
	MEASURE(m, TIER_FAST, sense_fast(m->sense, m->now));
	m->now += LONG_USEC;
	MEASURE(m, TIER_FAST_ALL, sense_fast(m->sense, m->now));
}

static void measure_services(struct machine *m)
{
	calm_down(m);
	tick(m);
	MEASURE(m, TIER_SERVICES, sense_services(m->sense, m->now));
	tick(m);
	sense_note_moved(m->sense, 0, 1 << 20);
	MEASURE(m, TIER_SERVICES_STIRRED, sense_services(m->sense, m->now));
	tick(m);
	change_services(m);
	sense_note_moved(m->sense, 0, 1 << 20);
	MEASURE(m, TIER_SERVICES_CHANGED, sense_services(m->sense, m->now));
}

static void measure_rescan(struct machine *m)
{
	calm_down(m);
	tick(m);
	MEASURE(m, TIER_RESCAN, sense_rescan(m->sense, m->now));
	/* Others may be matched by other policies: the tree has to be walked. */
	sense_set_policies(m->sense, &policies);
	tick(m);
	MEASURE(m, TIER_RESCAN_WALK, sense_rescan(m->sense, m->now));
}

static void print_machine(const char *directory, struct machine *m)
{
	const struct snapshot *s = sense_snapshot(m->sense);

	printf("%s: %zu nodes, %u CPUs, %zu services, %zu processes that matter\n", directory,
	       s->node_count, s->host.cpu_count, s->service_count, s->process_count);
}

int main(int argc, char **argv)
{
	static struct machine machines[MACHINES];

	if (argc != 1 + MACHINES) {
		fputs("usage: tiers SMALL_MACHINE LARGE_MACHINE\n", stderr);
		return 2;
	}
	for (int i = 0; i < MACHINES; i++) {
		open_machine(&machines[i], argv[1 + i]);
		print_machine(argv[1 + i], &machines[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < MACHINES; i++)
			measure_fast(&machines[i]);
		for (int i = 0; i < MACHINES; i++)
			measure_services(&machines[i]);
		for (int i = 0; i < MACHINES; i++)
			measure_rescan(&machines[i]);
	}

	int64_t unit = measure_median_nsec(&machines[0].tiers[TIER_FAST]);

	printf("\n%-28s %10s %10s %8s %22s\n", "", "small, us", "large, us", "large /",
	       "to small's quiet tick");
	printf("%-28s %10s %10s %8s %11s %10s\n", "", "", "", "small", "small", "large");
	for (int tier = 0; tier < TIER_COUNT_; tier++) {
		double small = (double)measure_median_nsec(&machines[0].tiers[tier]);
		double large = (double)measure_median_nsec(&machines[1].tiers[tier]);

		printf("%-28s %10.1f %10.1f %8.2f %11.2f %10.2f\n", tier_names[tier], small / 1000,
		       large / 1000, large / small, small / (double)unit, large / (double)unit);
	}
	for (int i = 0; i < MACHINES; i++)
		close_machine(&machines[i]);
	return EXIT_SUCCESS;
}
