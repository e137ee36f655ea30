/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What was measured over time and says nothing any more. After a suspend: CLOCK_MONOTONIC stands
 * still in it, so that what a resume takes or gives looks as if it had been taken in no time. After
 * an end that we have brought about: what fell before may not fall any more, and what it gave back
 * would hide from the longer of two spans that something still does.
 */

#include "sense/state.h"

void sense_forget_falls(struct sense *s)
{
	slope_reset(&s->host.available);
	for (size_t i = 0; i < s->nodes.count; i++)
		slope_reset(&s->nodes.states[i].slope);
	for (size_t i = 0; i < s->registry.count; i++)
		if (s->registry.entries[i].slope)
			slope_reset(s->registry.entries[i].slope);
}

void sense_forget_history(struct sense *s)
{
	s->host.memory_some = s->host.memory_full = (struct rate){ 0 };
	s->activity.count = 0;
	sense_forget_falls(s);
}
