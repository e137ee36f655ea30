/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where a service's memory is, where it belongs, how much of it may be moved and why not the rest,
 * and what a plan would change of that.
 */

#include "core/detail.h"
#include "core/plan.h"
#include "util/strbuf.h"

/* How the home is known: by the first of these that there is, from the end. */
enum numa_home {
	NUMA_HOME_NONE,	  /* it is spread, or where it is is not known */
	NUMA_HOME_MEMORY, /* one node holds more than half of it */
	NUMA_HOME_RUNS,	  /* its vCPUs, or threads, use most of their CPU time there */
	NUMA_HOME_VCPUS,  /* they are pinned to CPUs of these nodes */
	NUMA_HOME_POLICY, /* its memory's own policies prefer these nodes: one for each backend */
};

struct numa_place {
	const struct service *service;
	bool known; /* where its memory is */
	uint64_t total_bytes;
	uint64_t movable_bytes;
	/* Why memory that could be moved stays, or REFUSE_COUNT_: nothing speaks against it. */
	enum refusal why;
	unsigned obstacles;  /* bits 1 << enum obstacle (obstacle_story.h): what could be changed */
	uint64_t file_bytes; /* of its file pages, which no move takes along */
	enum numa_home home_by;
	struct idset home;
	/* With NUMA_HOME_POLICY: each of these nodes, and how much is there and not, if that is
	 * known. */
	struct preference homes[PREFERENCES_MAX];
	size_t home_count;
	bool homes_measured;
	uint64_t huge_bytes; /* of huge pages, which no account of nodes has */
	bool locked;
	bool shared;
	bool confidential;
};

/* A virtual machine, by what it runs or what its policy says. */
bool numa_is_guest(const struct policy *policy, const struct service *service);

/* detail: NULL where it is no guest, or none of it is known. */
void numa_story_place(const struct snapshot *snapshot, const struct policy *policy,
		      const struct service *service, const struct guest_detail *detail,
		      struct numa_place *ret);

/* One reason each why a part of it stays, and what sets its memory apart: without amounts, so that
 * many share them. There are no more different ones than this. */
#define NUMA_REASONS_MAX 32
void numa_story_why(const struct snapshot *snapshot, const struct numa_place *place,
		    void (*line)(void *context, const char *text), void *context);

/* Is this step one that moves memory between nodes? */
bool numa_is_move(const struct step *step);
/* Bytes on a node once these steps are done; of other steps than moves there is nothing to add. */
uint64_t numa_bytes_after(uint64_t bytes, const struct step *steps, size_t count, uint64_t service,
			  unsigned node);
/* The same of what is free there, or left: moves of all services. */
int64_t numa_room_after(int64_t bytes, const struct step *steps, size_t count, unsigned node);
