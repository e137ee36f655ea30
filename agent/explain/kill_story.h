/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A kill by the kernel's OOM killer in words: whom it hit and what was short, and how far the rules
 * that could have helped were from it (core/verdict.h).
 */

#include "core/verdict.h"
#include "rule/config.h"
#include "util/strbuf.h"

/* "the kernel's OOM killer took process 4711 (qemu-kvm) of /machine.slice/...: the nodes of a
 * memory policy (0) were out of memory" */
void kill_story_kill(const struct kernel_event *event, const struct verdict *verdict,
		     struct strbuf *out);
/* "node-exhausted on node 0 did not fire: node.headroom was 61 MiB, fires below 56 MiB: missed by
 * 5 MiB" */
void kill_story_rule(const struct config *config, const struct snapshot *snapshot,
		     const struct verdict *verdict, const struct verdict_rule *rule,
		     struct strbuf *out);
/* What is to be said of it besides, the rules one after the other. */
void kill_story_verdict(const struct config *config, const struct snapshot *snapshot,
			const struct verdict *verdict, struct strbuf *out);
/* "5 MiB", by how much a rule missed; nothing where it is no amount. */
void kill_story_missed_by(const struct verdict_rule *rule, struct strbuf *out);
