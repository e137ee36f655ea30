/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/stillness.h"

#include "sense/state.h"
#include "sys/free_memory.h"
#include "util/macro.h"

_hot_ bool sense_is_still(struct sense *s, usec_t now)
{
	struct stillness *still = &s->still;
	struct free_memory amounts;

	if (now >= still->until || s->events.ready_count > 0 || still->count == STILL_TICKS_MAX ||
	    free_memory_read(s->root, &amounts) < 0 ||
	    amounts.swap_free_bytes != still->swap_free_bytes ||
	    apart(amounts.free_bytes, still->free_bytes) > still->slack_bytes)
		return false;
	still->ticks[still->count++] =
		(struct still_tick){ .at = now, .free_bytes = amounts.free_bytes };
	return true;
}

void stillness_end(struct sense *s)
{
	for (size_t i = 0; i < s->still.count; i++)
		node_sensor_note_free(s, s->still.ticks[i].at, s->still.ticks[i].free_bytes);
	s->still.count = 0;
	s->still.until = 0;
}
