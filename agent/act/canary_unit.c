/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a canary is to systemd.
 *
 * It may end at any time, and that is no fault: SIGKILL is a good end, nothing restarts it, and
 * nothing of it stays listed. It is stopped by SIGKILL as well, which needs none of its pages.
 *
 * It ends with the agent, and by itself: its program watches that. It is not bound to the agent's
 * service, as systemd would then end both at the same time, and the agent might still see it die
 * and act on that. For the same reason the agent is stopped first when the host goes down.
 *
 * It runs as a user that nobody else is (DynamicUser=): somebody who shares its user id could end
 * it, and its end makes rules act. All it needs is the limit on locked memory, which is not a
 * right. What DynamicUser= brings with it (no new privileges, a read-only system, no setuid files)
 * is not said again; and what could be said besides is a filter each, which costs the kernel as
 * much as the program itself.
 */

#include "act/canary_unit.h"

#include "core/work.h"
#include "sys/unit_bus.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const allowed_calls[] = { "@system-service", NULL };
static const char *const native[] = { "native", NULL };

#define TEXT(name_, text_)                                               \
	{                                                                \
		.name = (name_), .type = UNIT_LINE_TEXT, .text = (text_) \
	}
#define FLAG(name_)                                                  \
	{                                                            \
		.name = (name_), .type = UNIT_LINE_FLAG, .number = 1 \
	}
#define NUMBER(name_, number_)                                                 \
	{                                                                      \
		.name = (name_), .type = UNIT_LINE_NUMBER, .number = (number_) \
	}
#define SIGNED(name_, number_)                                                 \
	{                                                                      \
		.name = (name_), .type = UNIT_LINE_SIGNED, .number = (number_) \
	}
#define WORDS(name_, words_)                                                \
	{                                                                   \
		.name = (name_), .type = UNIT_LINE_WORDS, .words = (words_) \
	}
#define ALLOWED(name_, words_)                                                \
	{                                                                     \
		.name = (name_), .type = UNIT_LINE_ALLOWED, .words = (words_) \
	}

#define INFINITE (-1) /* UNIT_PROPERTY_INFINITY */

/* Without these it is not what it is meant to be. */
static const struct unit_line needed[] = {
	TEXT("Type", "notify"),
	TEXT("NotifyAccess", "main"),
	TEXT("CollectMode", "inactive-or-failed"),
	SIGNED("KillSignal", SIGKILL),
	{ .name = "SuccessExitStatus", .type = UNIT_LINE_SIGNAL, .number = SIGKILL },
	/* The first that the kernel takes, before it has taken anything itself. */
	SIGNED("OOMScoreAdjust", 1000),
	NUMBER("LimitMEMLOCK", INFINITE),
	NUMBER("LimitCORE", 0),
	/* What it holds is read from its control group. */
	FLAG("MemoryAccounting"),
};

/* What a systemd may be too old for. */
static const struct unit_line wanted[] = {
	/* Nobody but it is in there: there is nothing left to stop. */
	TEXT("OOMPolicy", "continue"),
	NUMBER("MemorySwapMax", 0),
	FLAG("DynamicUser"),
	NUMBER("CapabilityBoundingSet", 0),
	TEXT("ProtectHome", "yes"),
	FLAG("PrivateNetwork"),
	WORDS("SystemCallArchitectures", native),
	ALLOWED("SystemCallFilter", allowed_calls),
	SIGNED("SystemCallErrorNumber", EPERM),
};

#define OWN_LINES   5 /* Description, Slice, ExecStart, TimeoutStartUSec, Before */
#define LINES_MAX   (OWN_LINES + ARRAY_SIZE(needed) + ARRAY_SIZE(wanted))
#define NUMBER_SIZE 48

struct lines {
	struct unit_line each[LINES_MAX];
	size_t count;
	/* What they refer to. */
	char description[128];
	char bytes[NUMBER_SIZE];
	char node[NUMBER_SIZE];
	char agent[NUMBER_SIZE];
	const char *command[8];
	char agent_unit[UNIT_NAME_BYTES];
	const char *agent_units[2];
};

static void add(struct lines *lines, const struct unit_line *line, size_t count)
{
	memcpy(&lines->each[lines->count], line, count * sizeof(*line));
	lines->count += count;
}

static void fill_command(struct lines *lines, const struct canary_unit *canary)
{
	const char **word = lines->command;

	(void)snprintf(lines->bytes, sizeof(lines->bytes), "--bytes=%" PRIu64, canary->bytes);
	(void)snprintf(lines->node, sizeof(lines->node), "--node=%u", canary->node);
	(void)snprintf(lines->agent, sizeof(lines->agent), "--agent=%d:%" PRIu64, canary->agent,
		       canary->agent_start_ticks);
	*word++ = canary->program;
	*word++ = lines->bytes;
	if (canary->has_node)
		*word++ = lines->node;
	*word++ = lines->agent;
	*word = NULL;
}

static void fill_description(struct lines *lines, const struct canary_unit *canary)
{
	struct strbuf b = STRBUF(lines->description);

	strbuf_add(&b, "Memory that oomwarden can have at once: ");
	strbuf_add_bytes(&b, (int64_t)MIN_OF(canary->bytes, (uint64_t)INT64_MAX));
	if (canary->has_node)
		strbuf_addf(&b, " on node %u", canary->node);
}

/* An agent that was started by hand is no service, and whatever it is in may stop long after it. */
static void add_order(struct lines *lines, struct unit_bus *bus, const struct canary_unit *canary)
{
	const struct unit_line order = WORDS("Before", lines->agent_units);

	if (unit_bus_of_main_process(bus, canary->agent, lines->agent_unit,
				     sizeof(lines->agent_unit)) < 0)
		return;
	lines->agent_units[0] = lines->agent_unit;
	add(lines, &order, 1);
}

static void fill(struct lines *lines, struct unit_bus *bus, const struct canary_unit *canary)
{
	const struct unit_line own[] = {
		TEXT("Description", lines->description),
		{ .name = "ExecStart", .type = UNIT_LINE_COMMAND, .words = lines->command },
		NUMBER("TimeoutStartUSec", (int64_t)canary->start_usec),
	};
	const struct unit_line slice = TEXT("Slice", canary->slice);

	fill_command(lines, canary);
	fill_description(lines, canary);
	add(lines, own, ARRAY_SIZE(own));
	if (canary->slice[0] != '\0')
		add(lines, &slice, 1);
	add_order(lines, bus, canary);
	add(lines, needed, ARRAY_SIZE(needed));
}

/* One that another agent has left ends by itself soon, if it is there at all; it is not waited for.
 */
static int start(struct unit_bus *bus, const struct canary_unit *canary, const struct lines *lines,
		 size_t count)
{
	int r = unit_bus_start_transient(bus, canary->unit, lines->each, count);

	if (r != -EEXIST)
		return r;
	r = unit_bus_job(bus, canary->unit, UNIT_JOB_STOP);
	if (r < 0 && r != -ENOENT)
		return r;
	return unit_bus_start_transient(bus, canary->unit, lines->each, count);
}

int canary_unit_start(struct unit_bus *bus, const struct canary_unit *canary)
{
	struct lines lines = { 0 };
	size_t least;
	int r;

	fill(&lines, bus, canary);
	least = lines.count;
	add(&lines, wanted, ARRAY_SIZE(wanted));
	r = start(bus, canary, &lines, lines.count);
	if (r != -EOPNOTSUPP && r != -EINVAL)
		return r;
	r = start(bus, canary, &lines, least);
	return r == 0 ? 1 : r;
}
