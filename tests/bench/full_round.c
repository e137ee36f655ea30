// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What it costs to read services, all of them at once, per service: of sets of different size in
 * one machine, in turn, each time with sensors that know nothing yet. Arguments are pairs of a
 * set's name and its globs with commas between them.
 */

#include "measure.h"

#include "sense/state.h"
#include "sys/cgroup_layout.h"
#include "sys/clock.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETS_MAX  8
#define GLOBS_MAX 8
#define ROUNDS	  9

enum part {
	PART_FIND,    /* open what is kept open, list processes */
	PART_FULL,    /* all files of all services and their processes */
	PART_STIRRED, /* what is looked at when the host has moved */
	PART_COUNT_,
};

struct set {
	const char *name;
	char *globs[GLOBS_MAX];
	struct policy policy;
	struct policy_table table;
	size_t services;
	struct measure parts[PART_COUNT_];
};

static struct sysroot root;
static struct cgroup_layout layout;

static void must(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "full_round: %s: %s\n", what, strerror(-r));
		exit(2);
	}
}

static void make_set(struct set *set, const char *name, char *globs)
{
	*set = (struct set){
		.name = name,
		.policy = { .name = (char[]){ "all" },
			    .set = (char[]){ "bench" },
			    .match = set->globs },
		.table = { .policies = &set->policy, .count = 1 },
	};
	for (char *glob = strtok(globs, ","); glob; glob = strtok(NULL, ",")) {
		if (set->policy.match_count == GLOBS_MAX)
			must(-E2BIG, name);
		set->globs[set->policy.match_count++] = glob;
	}
}

#define MEASURE(set, part, call)                    \
	do {                                        \
		measure_start(&(set)->parts[part]); \
		must(call, (set)->name);            \
		measure_stop(&(set)->parts[part]);  \
	} while (0)

static void force_all(struct sense *sense)
{
	for (size_t i = 0; i < sense->registry.count; i++)
		sense->registry.entries[i].is_forced = sense->registry.entries[i].is_forced_list =
			true;
	sense_note_moved(sense, 0, 1);
}

static void measure_set(struct set *set)
{
	struct sense *sense = NULL;
	usec_t now = clock_monotonic_usec();

	must(sense_new(&root, &layout, false, &sense), "sensors");
	sense_set_policies(sense, &set->table);
	must(sense_fast(sense, now), "host");
	MEASURE(set, PART_FIND, sense_rescan(sense, now));
	must(sense_services(sense, now), "services");
	/* A calm round opens what is to be kept open. */
	must(sense_rescan(sense, now + 1), "rescan");
	must(sense_services(sense, now + 2), "services");
	force_all(sense);
	MEASURE(set, PART_FULL, sense_services(sense, now + 3));
	sense_note_moved(sense, 0, 1);
	MEASURE(set, PART_STIRRED, sense_services(sense, now + 4));
	set->services = sense_snapshot(sense)->service_count;
	sense_free(sense);
}

static double median_usec(struct set *set, enum part part)
{
	return (double)measure_median_nsec(&set->parts[part]) / 1000;
}

/* The first set is the empty one. */
static double per_service(struct set *sets, size_t set, enum part part)
{
	return (median_usec(&sets[set], part) - median_usec(&sets[0], part)) /
	       (double)sets[set].services;
}

static void print_sets(struct set *sets, size_t count)
{
	printf("%-10s %10s %22s %22s %22s\n", "", "services", "found, us each", "all read, us each",
	       "host stirred, us each");
	for (size_t i = 1; i < count; i++) {
		printf("%-10s %10zu", sets[i].name, sets[i].services);
		for (int part = 0; part < PART_COUNT_; part++)
			printf(" %12.2f (x %5.2f)", per_service(sets, i, (enum part)part),
			       per_service(sets, i, (enum part)part) /
				       per_service(sets, 1, (enum part)part));
		printf("\n");
	}
	printf("\nTo walk the tree cost %.0f us.\n", median_usec(&sets[0], PART_FIND));
}

int main(int argc, char **argv)
{
	static struct set sets[SETS_MAX];
	static char nothing[] = "no.slice/no.service";
	size_t count = 1 + (size_t)(argc - 1) / 2;

	if (argc < 3 || argc % 2 == 0 || count > SETS_MAX) {
		fputs("usage: full_round NAME GLOB,GLOB... [NAME GLOB,GLOB...]...\n", stderr);
		return 2;
	}
	must(sysroot_open(NULL, &root), "root");
	must(cgroup_layout_open(&root, &layout), "control groups");
	make_set(&sets[0], "none", nothing);
	for (size_t i = 1; i < count; i++)
		make_set(&sets[i], argv[2 * i - 1], argv[2 * i]);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			measure_set(&sets[i]);
	for (size_t i = 1; i < count; i++)
		if (sets[i].services == 0)
			must(-ENOENT, sets[i].name);
	print_sets(sets, count);
	cgroup_layout_done(&layout);
	sysroot_done(&root);
	return EXIT_SUCCESS;
}
