/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A canary is started. Which and when: engine/arming.h. */

#include "act/plan_halves.h"

#include "core/canary.h"

static void add_where(const struct step *step, struct strbuf *out)
{
	if (step->arm.has_node)
		strbuf_addf(out, " on node %u", step->arm.node);
	if (step->arm.slice[0] != '\0') {
		strbuf_add(out, " in ");
		strbuf_add_name(out, step->arm.slice);
	}
}

void arm_describe(const struct step *step, struct strbuf *out)
{
	if (step->order != STEP_START) {
		strbuf_add(out, "end canary ");
		strbuf_add_name(out, step->target.name);
		return;
	}
	strbuf_add(out, "have canary ");
	strbuf_add_name(out, step->target.name);
	strbuf_add(out, " hold ");
	strbuf_add_bytes(out, (int64_t)step->arm.bytes);
	add_where(step, out);
}

static void add_group(const struct step_arm *arm, struct strbuf *out)
{
	char path[PATH_BYTES];
	struct strbuf group = STRBUF(path);

	canary_add_place(arm->slice, false, &group);
	strbuf_add_name(out, path);
	strbuf_addf(out, "/%s", arm->unit);
}

static void write_group(const struct step *step, struct strbuf *out)
{
	if (step->order != STEP_START) {
		strbuf_add(out, "kill and remove ");
		add_group(&step->arm, out);
		return;
	}
	strbuf_add(out, "make ");
	add_group(&step->arm, out);
	strbuf_add(out, " and run oomwarden-canary in it");
	if (step->arm.has_node)
		strbuf_addf(out, " on node %u", step->arm.node);
}

void arm_writes(const struct step *step, struct strbuf *out)
{
	if (step->arm.is_group) {
		write_group(step, out);
		return;
	}
	if (step->order != STEP_START) {
		strbuf_addf(out, "StopUnit %s", step->arm.unit);
		return;
	}
	strbuf_addf(out, "StartTransientUnit %s", step->arm.unit);
	add_where(step, out);
}
