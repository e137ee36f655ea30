/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Canaries: programs that hold memory, so that there is some to be had at once. Plain data: what
 * the operator says of one, and what is seen of it.
 *
 * A section [Canary NAME] stands for one canary, or with Node=each for one on each node with
 * memory. Each is a systemd unit of its own, started by the agent, never inside a service's cgroup;
 * its program ends with the agent. Where no systemd is, it is a cgroup of the agent's own that is
 * called as the unit would be.
 */

#include "core/metric.h"
#include "core/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sections, and canaries of all of them. */
#define CANARY_SECTIONS_MAX 16
#define CANARIES_MAX	    64
/* Letters of a name: the reader of files takes no longer section. */
#define CANARY_NAME_MAX 48

/* Every unit of a canary begins so: "oomwarden-canary-NAME.service", with Node=
 * "oomwarden-canary-NAME:node0.service". */
#define CANARY_UNIT_PREFIX "oomwarden-canary-"

/* Without systemd, where those are that are in no slice. Not the agent's own name, which an init
 * script may have given to the cgroup that the agent is in. */
#define CANARY_GROUP "oomwarden-canaries"

/* The policy and the rule of OnDeath= that a section makes: "canary:NAME". */
#define CANARY_OWNER_PREFIX "canary:"

enum canary_place {
	CANARY_ANYWHERE,
	CANARY_ON_NODE,
	CANARY_ON_EACH_NODE,
};

/* A section. */
struct canary {
	char *name;		 /* letters, digits, '-' and '_' */
	struct policy_size size; /* SIZE_ABSOLUTE, SIZE_OF_HOST, or SIZE_OF_NODE: of its node */
	enum canary_place place;
	unsigned node; /* CANARY_ON_NODE */
	/* The slice that it shares with a service, whose limit is on that slice: "web.slice". NULL:
	 * the system's. */
	char *slice;
	enum mode mode;
};

struct strbuf;
/* The path of the cgroup that has the canary's, which is called as its unit; into what is empty.
 * slice: NULL or "": it is in none that it shares. */
void canary_add_place(const char *slice, bool has_systemd, struct strbuf *out);

/* Can that be the cgroup of a canary: called as its unit, and not below somebody's unit, whose
 * owner may call what he has as he likes? */
bool canary_is_path(const char *path);

/* A canary of which so much is missing, or that has so much too much, is not what it is to be. */
#define CANARY_APART_PART 16

static inline bool canary_holds_enough(uint64_t held_bytes, uint64_t size_bytes)
{
	return held_bytes >= size_bytes - size_bytes / CANARY_APART_PART;
}

/* Why one does not hold its memory, as the engine has it. */
enum canary_wait {
	CANARY_WAITS_NOT, /* it does, or comes or goes just now, or nothing is known */
	CANARY_REHEARSED, /* a dry run */
	CANARY_REFUSED,	  /* `detail` says why: enum refusal */
	CANARY_FAILED,	  /* the last try has, with the errno `detail`; it is tried again */
	CANARY_ROUSED,	  /* a rule about its place is roused */
	CANARY_RESTS,	  /* its place has not been calm for long enough */
};

struct canary_plight {
	uint32_t wait; /* enum canary_wait */
	uint32_t detail;
};

/* What came of the try that failed last; of others that failed with the same errno likewise, as it
 * is mostly the machine that cannot. */
#define CANARY_WORDS_BYTES 192

struct canary_failure {
	uint32_t error; /* errno; 0: none has */
	char words[CANARY_WORDS_BYTES];
};

/* One canary, as the machine has it. */
struct canary_status {
	uint64_t key;	  /* of its unit's name: outlives it and the agent */
	size_t section;	  /* of the configuration's canaries */
	const char *name; /* "early", "early:node0" */
	const char *unit;
	const char *slice; /* "": the system's */
	bool has_node;
	unsigned node;
	uint64_t service; /* service_key() of its cgroup while that is there; 0: it is not */
	/* The tightest limit of its slice and those above, and what that leaves: INFINITE where
	 * there is none. */
	struct reading slice_limit;
	struct reading slice_headroom;
	struct reading readings[METRIC_CANARY_COUNT];
};
