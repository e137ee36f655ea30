/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the agent does, as records: to the journal with fields where there is one, and as lines to
 * standard error where that is not the journal already. Never waits for either: what finds no room
 * is counted, and the count is said as soon as something gets through.
 */

#include "host/warden.h"
#include "util/diag.h"

struct pause_list;
struct publisher;

int publisher_new(struct publisher **ret);
/* Over this socket, which is taken over, in the journal's place; -1: there is none. */
int publisher_new_on(int journal_fd, bool to_stderr, struct publisher **ret);
struct publisher *publisher_free(struct publisher *p);

/* Whose words the records are in; before its first tick, which may have something to notify. */
void publisher_set_warden(struct publisher *p, const struct warden *warden);
/* Everything that the last tick left behind. */
void publish_tick(struct publisher *p);
/* What the kernel said that it did, as far as ticks have seen it. */
void publish_kernel_events(struct publisher *p, struct warden *warden);
/* An enforced notify step; the warden's publish callback, with the publisher as context. */
void publish_notify(void *publisher, const struct step *step);
/* A plain line, priority as syslog(3). */
_printf_(3, 4) void publish_line(struct publisher *p, int priority, const char *format, ...);
/* What the operator has paused; not for an empty list. */
void publish_paused(struct publisher *p, const struct pause_list *paused);
void publish_faults(struct publisher *p, struct diag_list *diags);
