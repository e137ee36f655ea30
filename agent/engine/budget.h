/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* KillBudget=: at most so many kills in a window that slides with time. */

#include "engine/state.h"

/* Forgets what has left the window, and what lies in the future: no kill can have been there. */
void budget_expire(struct kill_log *log, usec_t now, usec_t window);
void budget_add(struct kill_log *log, usec_t now);
/* A kill that hit nobody is given back. */
void budget_take_back(struct kill_log *log, usec_t at);
