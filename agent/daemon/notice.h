/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One record under construction, and where it goes; for the files of this folder alone.
 */

#include "daemon/kill_tally.h"
#include "daemon/publish.h"
#include "sys/journal.h"

struct publisher {
	struct journal journal;
	bool to_stderr;
	uint64_t lines_lost; /* of standard error */
	uint64_t reported;   /* losses that were said */
	size_t left_out;     /* of the last plan, for want of room in it */
	const struct warden *warden;
	struct kill_tally kills; /* of the kernel */
};

/* Fields point into `text`. */
struct notice {
	struct journal_field fields[JOURNAL_FIELDS_MAX];
	size_t count;
	char text[4096];
	size_t used;
	int priority;
};

/* priority: as syslog(3). id: a MESSAGE_ID, or NULL. */
void notice_start(struct notice *n, int priority, const char *id, const char *message);
/* Of what finds no room nothing is added, or the beginning. */
void notice_add(struct notice *n, const char *name, const char *value);
_printf_(3, 4) void notice_addf(struct notice *n, const char *name, const char *format, ...);
/* A name from outside: one line. */
void notice_add_name(struct notice *n, const char *field, const char *name);
/* Waits for nothing. */
void notice_send(struct publisher *p, const struct notice *n);
