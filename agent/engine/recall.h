/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the last ticks have read of host and nodes, for when it is asked afterwards how near a rule
 * was to firing: once the kernel has killed somebody the memory is there again.
 *
 * A few frames cover ten seconds: the last two ticks as they were, before them the one in so long
 * in which least was available. To keep one costs a copy of the readings, and a tick that is left
 * out keeps none.
 */

#include "core/metric.h"
#include "util/usec.h"

#include <stddef.h>

#define RECALL_FRAMES 8
#define RECALL_USEC   (10 * USEC_PER_SEC)

struct recall_frame {
	usec_t at; /* `now` */
	struct reading host[METRIC_HOST_COUNT];
	struct reading *nodes; /* by slot of the roster, METRIC_NODE_COUNT of them each */
};

struct recall {
	struct recall_frame frames[RECALL_FRAMES];
	unsigned char order[RECALL_FRAMES]; /* their places, the newest first */
	size_t count;
	size_t node_capacity;
	struct reading *nodes; /* of all frames */
};

struct engine;

/* 0 or -ENOMEM, and then it is as before. When there are more nodes, what was kept is forgotten. */
int recall_reserve(struct recall *recall, size_t nodes);
void recall_done(struct recall *recall);

/* At the end of a tick. */
void recall_keep(struct engine *e);
/* Frame i, the newest first. */
const struct recall_frame *recall_frame(const struct recall *recall, size_t i);
