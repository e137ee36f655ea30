// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How long after a threshold is crossed the agent decides. Memory of a machine of files falls by a
 * ramp; the agent is ticked in virtual time at the moments that it asks for, so that every run
 * gives the same numbers, and nothing of this machine is measured.
 *
 * When a threshold is crossed is not read from the agent: the rule's own expression is evaluated
 * with the true level of each moment and the fall over the spans that model/slope.h names, as if
 * somebody looked all the time. The promise is the design's: the next look comes within what is
 * left divided by the larger of four times the fall and 6 GB/s, between 20 ms and 1 s, by the truth
 * at the last look before. A rule that the agent sees later than that after its threshold was
 * crossed, or whose first step comes later than that after the rule has held for its For=, is late.
 */

#include "replay.h"

#include "engine/engine.h"
#include "host/warden.h"
#include "util/macro.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_USEC (1000 * USEC_PER_SEC)
/* A run that has not decided that long after all is gone never will. */
#define PATIENCE_USEC (20 * USEC_PER_SEC)

#define PROMISE_FILL_BYTES_PER_USEC INT64_C(6000)
#define PROMISE_FALL_FACTOR	    4
#define PROMISE_MIN_USEC	    (20 * USEC_PER_MSEC)
#define PROMISE_MAX_USEC	    (1 * USEC_PER_SEC)

static const usec_t slope_spans[] = { 500 * USEC_PER_MSEC, 5 * USEC_PER_SEC };

/* quiet: how long the agent looks at a level that does not move; 0: it starts amid the fall.
 * ahead: how long the fall then takes to the threshold. */
static const struct ramp {
	const char *name;
	int64_t bytes_per_usec;
	usec_t quiet_usec;
	usec_t ahead_usec;
} ramps[] = {
	{ "100 MB/s", 100, 20 * USEC_PER_SEC, 12 * USEC_PER_SEC },
	{ "1 GB/s", 1000, 20 * USEC_PER_SEC, 8 * USEC_PER_SEC },
	{ "4 GB/s", 4000, 20 * USEC_PER_SEC, 2 * USEC_PER_SEC },
	{ "burst of 4 GB/s after quiet", 4000, 30 * USEC_PER_SEC, 100 * USEC_PER_MSEC },
	{ "agent starts amid 1 GB/s", 1000, 0, 3 * USEC_PER_SEC },
};

static const struct threshold {
	const char *rule;
	bool of_host; /* both nodes fall, and nobody is confined */
} thresholds[] = {
	{ "node-exhausted", false },
	{ "host-exhausted", true },
};

/* One run: the level of what falls, over time. */
struct fall {
	bool of_host;
	int64_t start_bytes; /* node 0's free memory, or that of both */
	int64_t bytes_per_usec;
	usec_t begins_at;
};

struct look {
	const struct fall *fall;
	const struct snapshot *snapshot;
	const struct node *node;
	usec_t at;
};

struct result {
	int64_t seen_usec;    /* after the crossing */
	int64_t decided_usec; /* after the crossing, less For= */
	int64_t promised_usec;
	bool is_seen_late;
	bool is_decided_late;
};

static _Noreturn void fail(const char *what, int error)
{
	fprintf(stderr, "reaction: %s: %s\n", what, error ? strerror(error) : "it is not so");
	exit(2);
}

/* --- the truth --- */

static int64_t free_at(const struct fall *fall, usec_t at)
{
	int64_t fell =
		at > fall->begins_at ? (int64_t)(at - fall->begins_at) * fall->bytes_per_usec : 0;

	return MAX_OF(fall->start_bytes - fell, INT64_C(0));
}

static void free_of_nodes(const struct fall *fall, usec_t at, uint64_t ret[REPLAY_NODES])
{
	uint64_t free = (uint64_t)free_at(fall, at);

	for (unsigned i = 0; i < REPLAY_NODES; i++)
		ret[i] = fall->of_host ? free / REPLAY_NODES
				       : (i == 0 ? free : replay_node_bytes() * 9 / 10);
}

/* All is gone. */
static usec_t ends_at(const struct fall *fall)
{
	return fall->begins_at + (usec_t)(fall->start_bytes / fall->bytes_per_usec);
}

/* What of that can be had: a node's headroom ends at its min watermark, MemAvailable at the low
 * ones. */
static int64_t available_at(const struct look *look, usec_t at)
{
	uint64_t free[REPLAY_NODES], sum = 0;

	free_of_nodes(look->fall, at, free);
	for (unsigned i = 0; i < REPLAY_NODES; i++)
		sum += free[i];
	return MAX_OF((int64_t)(sum - replay_reserve_bytes(REPLAY_LOW) * REPLAY_NODES), INT64_C(0));
}

static int64_t headroom_at(const struct look *look, usec_t at)
{
	uint64_t free[REPLAY_NODES];

	free_of_nodes(look->fall, at, free);
	return MAX_OF((int64_t)(free[0] - replay_reserve_bytes(REPLAY_MIN)), INT64_C(0));
}

/* In bytes per second. */
static int64_t speed_at(const struct look *look, int64_t (*level)(const struct look *, usec_t))
{
	int64_t fastest = 0;

	for (size_t i = 0; i < ARRAY_SIZE(slope_spans); i++) {
		int64_t fell = level(look, look->at - slope_spans[i]) - level(look, look->at);

		fastest = MAX_OF(fastest, fell * 1000 / (int64_t)(slope_spans[i] / 1000));
	}
	return fastest;
}

static struct reading time_to_empty(const struct look *look,
				    int64_t (*level)(const struct look *, usec_t))
{
	int64_t speed = speed_at(look, level);

	if (speed == 0)
		return READING_FOREVER;
	return reading_of((int64_t)((__int128)level(look, look->at) * USEC_PER_SEC / speed));
}

static struct reading read_truth(void *context, enum metric_id id)
{
	const struct look *look = context;

	switch (id) {
	case METRIC_NODE_HEADROOM:
		return reading_of(headroom_at(look, look->at));
	case METRIC_NODE_TIME_TO_EMPTY:
		return time_to_empty(look, headroom_at);
	case METRIC_MEM_AVAILABLE:
		return reading_of(available_at(look, look->at));
	case METRIC_MEM_TIME_TO_EMPTY:
		return time_to_empty(look, available_at);
	default:
		break;
	}
	/* What does not change in a run, once the agent has found it out. */
	if (metric_get(id)->scope == SCOPE_HOST)
		return look->snapshot->host.readings[metric_index(id)];
	return look->node->readings[metric_index(id)];
}

static bool holds(const struct rule *rule, struct look look, usec_t at)
{
	const struct expr_source source = { .read = read_truth, .context = &look };

	look.at = at;
	for (size_t i = 0; i < rule->when_count; i++)
		if (expr_eval(rule->when[i], &source) != TRUTH_TRUE)
			return false;
	return true;
}

/* It holds from some moment of the fall on, so that halving finds the moment. */
static usec_t crossed_at(const struct rule *rule, const struct look *look)
{
	usec_t before = look->fall->begins_at, after = ends_at(look->fall);

	if (holds(rule, *look, before) || !holds(rule, *look, after))
		fail("the threshold is crossed in the fall", 0);
	while (after - before > 1) {
		usec_t middle = before + (after - before) / 2;

		*(holds(rule, *look, middle) ? &after : &before) = middle;
	}
	return after;
}

static int64_t promised_for(const struct look *look, int64_t (*level)(const struct look *, usec_t))
{
	int64_t speed = speed_at(look, level) / (int64_t)USEC_PER_SEC;

	return level(look, look->at) /
	       MAX_OF(PROMISE_FALL_FACTOR * speed, PROMISE_FILL_BYTES_PER_USEC);
}

static int64_t promised_at(struct look look, usec_t at)
{
	int64_t delay;

	look.at = at;
	delay = MIN_OF(promised_for(&look, headroom_at), promised_for(&look, available_at));
	return MAX_OF((int64_t)PROMISE_MIN_USEC, MIN_OF(delay, (int64_t)PROMISE_MAX_USEC));
}

/* --- the agent --- */

static struct warden *start_warden(const struct replay *replay)
{
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what = "";
	char root[128], config[128];
	const struct config_path path = { .directories = { config }, .count = 1 };
	const struct warden_options options = { .root = root, .config_path = &path };

	(void)snprintf(root, sizeof(root), "%s/machine", replay->directory);
	(void)snprintf(config, sizeof(config), "%s/config", replay->directory);

	int r = warden_new(&options, &diags, &what, &warden);

	if (r < 0) {
		diag_print(&diags, stderr);
		fail(what, -r);
	}
	return warden;
}

static size_t find_rule(const struct warden *warden, const char *name)
{
	const struct config *config = warden_config(warden);

	for (size_t i = 0; i < config->rule_count; i++)
		if (strcmp(config->rules[i].name, name) == 0)
			return i;
	fail(name, ENOENT);
}

static bool is_seen(const struct warden *warden, size_t rule, struct subject subject)
{
	const struct engine *engine = warden_engine(warden);
	struct rule_status status;

	for (size_t i = 0; i < engine_instance_count(engine); i++) {
		engine_instance_status(engine, i, &status);
		if (status.rule == rule && status.subject.scope == subject.scope &&
		    status.subject.key == subject.key && status.state != RULE_IDLE)
			return true;
	}
	return false;
}

static bool is_decided(const struct warden *warden, size_t rule, struct subject subject)
{
	const struct plan *plan = warden_plan(warden);

	for (size_t i = 0; i < plan->step_count; i++)
		if (plan->steps[i].rule == rule && plan->steps[i].order == STEP_START &&
		    plan->steps[i].subject.key == subject.key)
			return true;
	return false;
}

/* --- a run --- */

/* The moments of the looks, which a bound is counted from. */
struct looks {
	usec_t at[8192];
	size_t count;
};

static usec_t last_before(const struct looks *looks, usec_t at)
{
	usec_t found = looks->at[0];

	for (size_t i = 0; i < looks->count && looks->at[i] < at; i++)
		found = looks->at[i];
	return found;
}

/* Ticks until the rule's first step. */
static void run_until_decided(const struct replay *replay, struct warden *warden, size_t rule,
			      const struct fall *fall, struct looks *looks, usec_t *ret_seen,
			      usec_t *ret_decided)
{
	const struct subject subject = { .scope = fall->of_host ? SCOPE_HOST : SCOPE_NODE };
	usec_t now = START_USEC;
	uint64_t free[REPLAY_NODES];

	*ret_seen = 0;
	looks->count = 0;
	for (;; now = warden_next(warden)) {
		free_of_nodes(fall, now, free);
		replay_set_free(replay, free);
		if (warden_tick(warden, now) < 0)
			fail("tick", 0);
		if (looks->count == ARRAY_SIZE(looks->at) || now > ends_at(fall) + PATIENCE_USEC)
			fail("the rule fires in time", 0);
		looks->at[looks->count++] = now;
		if (*ret_seen == 0 && is_seen(warden, rule, subject))
			*ret_seen = now;
		if (is_decided(warden, rule, subject))
			break;
	}
	*ret_decided = now;
}

static struct result run_once(const struct replay *replay, const struct threshold *threshold,
			      const struct fall *fall)
{
	static struct looks looks;
	struct warden *warden = start_warden(replay);
	size_t index = find_rule(warden, threshold->rule);
	usec_t seen, decided;

	run_until_decided(replay, warden, index, fall, &looks, &seen, &decided);

	const struct snapshot *snapshot = warden_snapshot(warden);
	const struct rule *rule = &warden_config(warden)->rules[index];
	const struct look look = {
		.fall = fall,
		.snapshot = snapshot,
		.node = snapshot_node(snapshot, 0),
	};
	usec_t crossed = crossed_at(rule, &look), due = seen + rule->for_usec;
	struct result result = {
		.seen_usec = (int64_t)(seen - crossed),
		.decided_usec = (int64_t)(decided - rule->for_usec - crossed),
		.promised_usec = promised_at(look, last_before(&looks, crossed)),
	};

	result.is_seen_late = result.seen_usec > result.promised_usec;
	result.is_decided_late =
		(int64_t)(decided - due) > promised_at(look, last_before(&looks, due));
	warden_free(warden);
	return result;
}

/* The level from which the fall takes ahead_usec to the threshold when it has gone on for long. */
static int64_t start_level(const struct replay *replay, const struct threshold *threshold,
			   const struct ramp *ramp)
{
	struct warden *warden = start_warden(replay);
	const struct rule *rule = &warden_config(warden)->rules[find_rule(warden, threshold->rule)];
	int64_t most = (int64_t)replay_node_bytes() * (threshold->of_host ? REPLAY_NODES : 1);
	struct fall fall = {
		.of_host = threshold->of_host,
		.start_bytes = most,
		.bytes_per_usec = ramp->bytes_per_usec,
		.begins_at = START_USEC + 1,
	};
	struct look look = { .fall = &fall };
	uint64_t free[REPLAY_NODES];
	usec_t at;

	/* Long enough ahead that who is confined is known. */
	for (unsigned i = 0; i < 3; i++) {
		free_of_nodes(&fall, START_USEC, free);
		replay_set_free(replay, free);
		if (warden_tick(warden, START_USEC + i * USEC_PER_SEC) < 0)
			fail("tick", 0);
	}
	look.snapshot = warden_snapshot(warden);
	look.node = snapshot_node(look.snapshot, 0);
	at = crossed_at(rule, &look);
	fall.start_bytes = free_at(&fall, at) + (int64_t)ramp->ahead_usec * ramp->bytes_per_usec;
	if (fall.start_bytes > most)
		fail("the ramp fits into the machine", 0);
	warden_free(warden);
	return fall.start_bytes;
}

/* --- what came out --- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* In milliseconds. */
static void print_distribution(int64_t *values, size_t count)
{
	static const unsigned permille[] = { 0, 500, 900, 990, 1000 };

	qsort(values, count, sizeof(values[0]), compare);
	for (size_t i = 0; i < ARRAY_SIZE(permille); i++) {
		size_t index = (count - 1) * permille[i] / 1000;

		printf(" %7.1f", (double)values[index] / 1000);
	}
}

struct series {
	int64_t *usec;
	size_t late;
};

static void print_heading(const struct threshold *threshold, usec_t for_usec, size_t phases)
{
	printf("#\n# %s, For=%" PRIu64 "ms, %zu phases of each ramp; ms after the threshold\n#\n"
	       "# %-28s %-9s %-46s %s\n# %-28s %9s",
	       threshold->rule, for_usec / USEC_PER_MSEC, phases, "", "promised", "seen",
	       "decided, less For=", "", "at most");
	for (int i = 0; i < 2; i++)
		printf(" %7s %7s %7s %7s %7s %5s ", "min", "median", "p90", "p99", "max", "late");
	printf("\n");
}

static void print_series(struct series *series, size_t count)
{
	print_distribution(series->usec, count);
	printf(" %5zu ", series->late);
	free(series->usec);
}

static size_t run_ramp(const struct replay *replay, const struct threshold *threshold,
		       const struct ramp *ramp, size_t phases)
{
	int64_t level = start_level(replay, threshold, ramp), promised = 0;
	struct series seen = { .usec = calloc(phases, sizeof(int64_t)) };
	struct series decided = { .usec = calloc(phases, sizeof(int64_t)) };

	if (!seen.usec || !decided.usec)
		fail("memory", ENOMEM);
	for (size_t i = 0; i < phases; i++) {
		usec_t phase = PROMISE_MAX_USEC * i / phases;
		struct fall fall = {
			.of_host = threshold->of_host,
			.start_bytes = level,
			.bytes_per_usec = ramp->bytes_per_usec,
			/* An agent that starts amid the fall starts when it has gone on for
			 * that long. */
			.begins_at = ramp->quiet_usec > 0 ? START_USEC + ramp->quiet_usec + phase
							  : START_USEC - phase,
		};
		struct result result = run_once(replay, threshold, &fall);

		seen.usec[i] = result.seen_usec;
		seen.late += result.is_seen_late;
		decided.usec[i] = result.decided_usec;
		decided.late += result.is_decided_late;
		promised = MAX_OF(promised, result.promised_usec);
	}
	printf("# %-28s %9.1f", ramp->name, (double)promised / 1000);
	print_series(&seen, phases);
	print_series(&decided, phases);
	printf("\n");
	return seen.late + decided.late;
}

static size_t run_threshold(const char *source, const struct threshold *threshold, size_t phases)
{
	struct replay replay;
	size_t late = 0;

	replay_make(&replay, source, !threshold->of_host);

	struct warden *warden = start_warden(&replay);
	const struct config *config = warden_config(warden);

	print_heading(threshold, config->rules[find_rule(warden, threshold->rule)].for_usec,
		      phases);
	warden_free(warden);
	for (size_t i = 0; i < ARRAY_SIZE(ramps); i++)
		late += run_ramp(&replay, threshold, &ramps[i], phases);
	replay_remove(&replay);
	return late;
}

int main(int argc, char **argv)
{
	const char *source = argc > 1 ? argv[1] : NULL;
	unsigned long phases = argc > 2 ? strtoul(argv[2], NULL, 10) : 200;
	size_t late = 0;

	if (!source || argc > 3 || phases == 0 || phases > 100000) {
		fputs("usage: reaction SOURCE_DIRECTORY [PHASES]\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(thresholds); i++)
		late += run_threshold(source, &thresholds[i], phases);
	printf("%sok 1 - never later than one tick of the cadence promised\n1..1\n",
	       late == 0 ? "" : "not ");
	return late == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
