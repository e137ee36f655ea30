/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Nodes=home: a service is gathered on one node, and then given it.
 *
 * Where its home is, by the first of these that tells:
 *
 *   the node that its own memory policy prefers, of most of its memory
 *   the node that its virtual CPUs are pinned to; of several the one with most of its memory
 *   the node that they run on
 *   once nobody can tell that for minutes, the node that has room for all of it, with CPUs, and of
 *   these the one with most of its memory
 *
 * A home stays. It is another one only when the facts have spoken for that for long, and never once
 * the service is bound to it; but at once where it may not use that node any more. What was set for
 * a home that it has no more is given back.
 *
 * What is elsewhere is moved there as a calm move (engine/calm.h), if all of it fits, one node
 * after the other. Only when nearly all is there the home gets to be the value of the settings that
 * the policy holds (AllowedMemoryNodes and AllowedCPUs, engine/keeper.h): a cpuset that comes over
 * a service may move all of its memory at once, with nobody to stop it. What is left then follows
 * (engine/follow.h). Nothing is set where somebody else has said where the service may live, nor
 * where the node could not hold what a guest declares. What an agent before this one has bound is
 * taken as it is; after a pause, which gives it back, the service is gathered first, as before.
 *
 * Who is bound to a node that runs dry would be killed for lack of memory while there is some on
 * others. So when a rule that moves memory off its node is roused, AllowedMemoryNodes is given
 * back: new pages come from elsewhere at once, and the rule may move old ones. The CPUs stay. Ten
 * minutes after the last of that it is gathered and bound again.
 *
 * Guests with several homes, whose memory backends prefer one each, are gathered backend by
 * backend, and nothing is set.
 *
 * While kernel.numa_balancing or numad place memory, nobody is gathered or given a home.
 */

#include "engine/state.h"

struct setting_value;

/* Of a service whose policy has Nodes=home. True: it is to be looked at again without anything
 * being touched. */
bool placement_consider(struct engine *e, size_t slot, const struct service *service,
			const struct policy *policy);
/* Another service has come to this slot. */
void placement_forget(struct engine *e, size_t slot);
/* What was given up is tried again, and what stands in the way said again. */
void placement_note_read_again(struct engine *e);

/* What its settings are to be; false: nothing yet. In a dry run it is enough that the move was
 * said.
 */
bool placement_home(const struct engine *e, size_t slot, enum setting_id id, bool is_dry,
		    struct setting_value *ret);
/* What an engine before this one has seen of nodes. */
void placement_take_over(struct engine *e, const struct engine *from);
/* Once the rules have made their steps: who is bound to a node that is short may use others. */
void placement_yield(struct engine *e);
/* Is its memory at home, all but little? */
bool placement_is_there(const struct engine *e, size_t slot);

/* Does somebody else place memory here? Said once. */
bool placement_is_suspended(struct engine *e);
