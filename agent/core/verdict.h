/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is to be said of a kill by the kernel's OOM killer: whom it meant, and of the rules that are
 * about that and could have helped how far each was from doing so. Plain data.
 */

#include "core/kernel_event.h"
#include "core/plan.h"
#include "util/idset.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict_kind {
	VERDICT_RULES,	   /* rules are about it: they are named, the nearest first */
	VERDICT_NO_RULE,   /* no rule in force could have helped */
	VERDICT_NOT_YET,   /* rules had not looked at the machine so far */
	VERDICT_CANARY,	   /* the canary died first, as meant */
	VERDICT_OWN_LIMIT, /* at a limit that the agent had set */
	VERDICT_ASKED,	   /* somebody has asked for it, and no rule was to prevent it */
};

enum verdict_place { /* what was short */
		     VERDICT_OF_HOST,
		     VERDICT_OF_NODES,
		     VERDICT_OF_CGROUP, /* its limit */
		     VERDICT_OF_UNKNOWN,
};

/* How far a rule was from preventing it, the nearest first. */
enum standing {
	STANDING_RUNNING,   /* its step ran */
	STANDING_WAITING,   /* it had done something, and was to go on */
	STANDING_DRY_RUN,   /* it had said what it would do */
	STANDING_EXHAUSTED, /* it had done all that it has */
	STANDING_REFUSED,   /* it had fired, and something stood against its steps */
	STANDING_COOLING,   /* after an earlier time */
	STANDING_PENDING,   /* its condition held, not as long as For= asks */
	STANDING_BRIEF,	    /* likewise, a moment before */
	STANDING_MISSED,    /* a comparison was not true */
	STANDING_UNKNOWN,   /* what a comparison is about was not known */
	STANDING_COUNT_,
};

#define VERDICT_RULES_MAX 4

struct verdict_rule {
	size_t rule; /* index into the rules of the configuration */
	struct subject subject;
	enum standing standing;
	size_t ladder; /* RUNNING, DRY_RUN, REFUSED, WAITING: which Do= line; WAITING: the next */
	/* Since it fired (RUNNING to REFUSED), since when it held (PENDING); how long before the
	 * kill that was (BRIEF, MISSED, UNKNOWN); how long it would still have taken (COOLING). */
	usec_t usec;
	enum refusal refusal;	 /* REFUSED */
	uint64_t service;	 /* whom that was about; 0: the whole line */
	const char *mode_from;	 /* DRY_RUN: why, a static string */
	struct evidence nearest; /* MISSED, UNKNOWN: as it held, against firing */
	enum dimension dimension;
	int64_t missed_by; /* MISSED, in that dimension; INT64_MAX: by an infinite amount */
	/* MISSED: the same as a part of the larger side, in hundredths of a percent. */
	unsigned missed_permyriad;
};

struct verdict {
	enum verdict_kind kind;
	enum verdict_place place;
	struct idset nodes; /* VERDICT_OF_NODES */
	/* Whom it hit, where a policy matches that cgroup or one above it. */
	uint64_t service; /* service_key(); 0: nobody's */
	char service_name[NAME_BYTES];
	bool is_guest;
	/* Without the kernel's log what services had is read after the kill. */
	bool is_late;
	/* VERDICT_OWN_LIMIT, besides rules: who had set it; RULE_NONE: the policy. */
	size_t limit_rule;
	int limit_policy;
	int64_t limit_bytes;
	const char *shipped; /* VERDICT_NO_RULE: the shipped rule for this, a static string */
	struct verdict_rule rules[VERDICT_RULES_MAX];
	size_t rule_count;
	size_t left_out; /* rules that there was no room for */
};

/* A word: "running", "missed", "dry-run". */
const char *standing_name(enum standing standing);
/* Of all of it: that of its first rule, else "no-rule", "canary", "asked". */
const char *verdict_name(const struct verdict *verdict);
