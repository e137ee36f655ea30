/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Several workers, played by the test: what each was asked and told is kept, and each answers what
 * the test has it say. */

#include "act/remedy.h"

#include <errno.h>
#include <string.h>

#define FAKE_WORKERS 3

struct fake_worker {
	bool taken;
	bool dead;
	bool has_reply;
	struct work_request request;
	struct work_reply reply;
	uint64_t total; /* of bytes, as it was told last */
	unsigned resized;
	unsigned cancelled;
};

struct fake_pool {
	size_t count; /* workers that there are */
	unsigned submitted;
	unsigned given_up;
	struct fake_worker workers[FAKE_WORKERS];
};

static inline int fake_pool_submit(void *context, const struct work_request *request,
				   int *ret_worker)
{
	struct fake_pool *pool = context;

	for (size_t i = 0; i < pool->count; i++) {
		struct fake_worker *w = &pool->workers[i];

		if (w->taken)
			continue;
		*w = (struct fake_worker){ .taken = true,
					   .request = *request,
					   .total = request->bytes };
		pool->submitted++;
		*ret_worker = (int)i;
		return 0;
	}
	return -EBUSY;
}

static inline int fake_pool_send(void *context, int worker, const struct work_request *message)
{
	struct fake_pool *pool = context;
	struct fake_worker *w = &pool->workers[worker];

	if (!w->taken)
		return -EPIPE;
	if (message->kind == WORK_CANCEL) {
		w->cancelled++;
	} else {
		w->resized++;
		w->total = message->bytes;
	}
	return 0;
}

static inline int fake_pool_receive(void *context, int worker, struct work_reply *ret)
{
	struct fake_pool *pool = context;
	struct fake_worker *w = &pool->workers[worker];

	if (w->dead)
		return -EPIPE;
	if (!w->has_reply)
		return 0;
	w->has_reply = false;
	*ret = w->reply;
	return 1;
}

static inline void fake_pool_release(void *context, int worker, bool give_up)
{
	struct fake_pool *pool = context;

	pool->workers[worker].taken = false;
	pool->given_up += give_up;
}

static inline struct work_port fake_pool_port(struct fake_pool *pool)
{
	return (struct work_port){ .submit = fake_pool_submit,
				   .send = fake_pool_send,
				   .receive = fake_pool_receive,
				   .release = fake_pool_release,
				   .pool = pool };
}

/* What it has moved in all of this request. */
static inline void fake_pool_answer(struct fake_pool *pool, size_t worker, bool final, int error,
				    uint64_t bytes)
{
	struct fake_worker *w = &pool->workers[worker];

	w->reply = (struct work_reply){ .token = w->request.token,
					.final = final,
					.error = error,
					.done_bytes = bytes,
					.pages = { .moved = bytes / 4096 } };
	w->has_reply = true;
}

static inline size_t fake_pool_busy(const struct fake_pool *pool)
{
	size_t count = 0;

	for (size_t i = 0; i < pool->count; i++)
		count += pool->workers[i].taken;
	return count;
}
