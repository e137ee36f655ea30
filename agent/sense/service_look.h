/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One service while its files are read, in whichever hierarchies they are and by their names there.
 */

#include "sense/service_registry.h"

/* Of readings closer than this one event more or less makes a rate. */
#define RATE_MIN_USEC (500 * USEC_PER_MSEC)

/* One service while it is read. */
struct service_look {
	struct sense *sense;
	struct service_entry *entry;
	struct service *service;
	int dir_fd;	/* in the tree; -1: only what is kept open is to be read */
	int memory_fd;	/* opened when it is first needed, if it is another one */
	bool is_opened; /* it was, or could not be */
	usec_t now;
};

void service_look_done(struct service_look *look);
bool service_look_is_v1(const struct sense *sense);
/* The file's name where the memory controller is; NULL: it has none there. */
const char *service_look_name(const struct sense *sense, enum service_file which);
/* Is it in the tree, whatever hierarchy memory is in? */
bool service_look_is_in_tree(enum service_file which);
/* Where the memory files are, or -1. */
int service_look_memory_dir(struct service_look *look);

/* Reads to sense->text: through the kept file, or the kept directory, or the one that was opened
 * for this. The length or -errno. */
ssize_t service_look_read(struct service_look *look, enum service_file which);
/* A file that has no place of its own among those that are kept. */
ssize_t service_look_read_named(struct service_look *look, const char *name);
bool service_look_parse(const struct sense *sense, ssize_t length, uint64_t *ret);
bool service_look_value(struct service_look *look, enum service_file which, uint64_t *ret);
bool service_look_named_value(struct service_look *look, const char *name, uint64_t *ret);

void service_look_set(struct service_look *look, enum metric_id id, struct reading value);
/* Growth a second, times unit; false: the counter is another one than before. */
bool service_look_rate(uint64_t then, uint64_t now, usec_t elapsed, uint64_t unit, uint64_t *ret);
