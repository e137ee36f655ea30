/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What sd_notify(3) does, without the library: for a program that is to stay small (it takes a
 * megabyte, and its data are written at each start), and for one that goes on when there is nothing
 * to be had, where a descriptor opened for each message leaves the manager without a word, so that
 * its watchdog ends a program that works. The protocol is one datagram to the socket that
 * $NOTIFY_SOCKET names, and is promised to stay. No heap.
 */

#include "util/macro.h"

#include <sys/socket.h>
#include <sys/un.h>

/* "READY=1\nSTATUS=...". 1: sent; 0: nobody asked for it; -errno. */
int manager_notify(const char *state);

/* For more than one message. */
struct manager_socket {
	int fd; /* -1: nobody asked for it */
	struct sockaddr_un address;
	socklen_t length;
};

/* 1, 0 or -errno likewise; what is opened by either of the latter takes messages, and drops them.
 */
int manager_open(struct manager_socket *ret);
void manager_done(struct manager_socket *manager);
/* Never waits. 1, 0 or -errno; -EAGAIN: the manager has too much to read already. */
_printf_(2, 3) int manager_tell(const struct manager_socket *manager, const char *format, ...);
