/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/budget.h"

#include <string.h>

static void drop(struct kill_log *log, size_t i)
{
	memmove(&log->times[i], &log->times[i + 1], (log->count - i - 1) * sizeof(log->times[0]));
	log->count--;
}

void budget_expire(struct kill_log *log, usec_t now, usec_t window)
{
	for (size_t i = log->count; i > 0; i--)
		if (log->times[i - 1] > now || now - log->times[i - 1] >= window)
			drop(log, i - 1);
}

void budget_add(struct kill_log *log, usec_t now)
{
	if (log->count == ENGINE_KILLS_MAX)
		drop(log, 0);
	log->times[log->count++] = now;
}

void budget_take_back(struct kill_log *log, usec_t at)
{
	for (size_t i = log->count; i > 0; i--)
		if (log->times[i - 1] == at) {
			drop(log, i - 1);
			return;
		}
}
