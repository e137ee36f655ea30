/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What else on this host places memory, or kills for want of it. Nothing tells of them, so they are
 * looked for in housekeeping: a handful of files, and of a live machine never the name of each
 * process.
 */

struct sense;

void neighbours_read(struct sense *sense);
