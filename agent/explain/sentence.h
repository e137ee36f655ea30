/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Decisions and their outcomes in words: one sentence each, the same in a plan, in the journal and
 * on a terminal. Names from outside are escaped; nothing allocates.
 */

#include "core/plan.h"
#include "rule/config.h"
#include "util/strbuf.h"

/* "host", "node 0", "alpha" */
void explain_subject(const struct snapshot *snapshot, struct subject subject, struct strbuf *out);

/* Who asks for a step: the name of the rule, or "policy web". */
void explain_asker(const struct config *config, size_t rule, int policy, struct strbuf *out);

/* Likewise of this step; of a canary's "canaries". */
void explain_step_asker(const struct config *config, const struct step *step, struct strbuf *out);

/* "node-exhausted: migrate 320 MiB of alpha from node 0 to node 1 (node.headroom 35 MiB < 38 MiB
 * for 500ms)", "policy web: MemoryHigh of web1.service ...", "runaway: undo: MemoryHigh of
 * web1.service back to 8 GiB" */
void explain_step(const struct config *config, const struct step *step, struct strbuf *out);

/* "node.headroom 35 MiB < 38 MiB, node.confined 1 > 0 for 500ms" */
void explain_evidence(const struct step *step, struct strbuf *out);

/* "migrate 320 MiB of alpha from node 0 to node 1: done, 320 MiB moved in 1.6s (...)" */
void explain_outcome(const struct step *step, const struct outcome *outcome, struct strbuf *out);

/* "node-exhausted, migrate: beta is passed over, it may not live on any other node" */
void explain_refusal(const struct config *config, const struct snapshot *snapshot,
		     const struct refusal_note *note, struct strbuf *out);

/* The same of `count` services that a step passes over for one reason: "runaway on host, limit: 24
 * services are passed over (web1.service, web2.service, web3.service and 21 more), each because its
 * policy forbids it". note: of any of them, or of the whole line, and then count is 0. */
void explain_refusals(const struct config *config, const struct snapshot *snapshot,
		      const struct refusal_note *note, const uint64_t *services, size_t count,
		      struct strbuf *out);

/* "node-exhausted on node 0: cleared", "policy web on web1.service: MemoryHigh is 4 GiB, not 8 GiB:
 * somebody else has set it ..." */
void explain_note(const struct config *config, const struct snapshot *snapshot,
		  const struct note *note, struct strbuf *out);
