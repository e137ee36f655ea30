/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a service's cgroup bears for killers to heed. Read with what an administrator sets on it, so
 * within a minute of being set, or ten on a host that stands still; and only where some policy
 * names whom to kill, as nobody else would ask.
 */

#include "sense/service_look.h"

void service_marks_read(struct service_look *look);
