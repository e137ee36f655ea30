/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Structured records to journald without ever waiting for it: its native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL) over a non-blocking socket. A journald that stalls
 * for memory, as it may when records matter most, costs a counted drop and no time. No heap.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal {
	int fd;		  /* -1: no journal */
	uint64_t dropped; /* records that found no room */
	uint64_t sent;
};

struct journal_field {
	const char *name; /* [A-Z0-9_], no leading underscore or digit, up to 64 characters */
	const char *value;
	size_t length; /* of value, which may hold anything */
};

/* Some may be there for each of many. */
#define JOURNAL_FIELDS_MAX 96

/* 0; -ENOENT or -ECONNREFUSED: no journald here, the caller logs to stderr; else -errno. */
int journal_open(struct journal *ret);
void journal_done(struct journal *journal);
/* 0 sent; 1 dropped and counted; -ENOTCONN: no journal is open; -EINVAL: a name is not one, or too
 * many fields. */
int journal_send(struct journal *journal, const struct journal_field *fields, size_t count);
