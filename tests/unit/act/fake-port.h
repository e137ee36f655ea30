/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One worker, played by the test: what it was asked is kept, what it answers is queued. */

#include "act/remedy.h"

#include <errno.h>
#include <string.h>

#define FAKE_REPLIES_MAX 16

struct fake_port {
	bool busy_elsewhere; /* submit finds no free worker */
	bool dead;
	bool taken;
	unsigned submitted;
	struct work_request request; /* the last one */
	unsigned messages;
	struct work_request message; /* the last one */
	struct work_reply replies[FAKE_REPLIES_MAX];
	size_t reply_count;
	unsigned released;
	unsigned given_up;
};

static inline int fake_submit(void *pool, const struct work_request *request, int *ret_worker)
{
	struct fake_port *port = pool;

	if (port->busy_elsewhere || port->taken)
		return -EBUSY;
	port->request = *request;
	port->submitted++;
	port->taken = true;
	*ret_worker = 5;
	return 0;
}

static inline int fake_send(void *pool, int worker, const struct work_request *request)
{
	struct fake_port *port = pool;

	if (worker != 5 || !port->taken)
		return -EPIPE;
	port->message = *request;
	port->messages++;
	return 0;
}

static inline int fake_receive(void *pool, int worker, struct work_reply *ret)
{
	struct fake_port *port = pool;

	if (worker != 5 || port->dead)
		return -EPIPE;
	if (port->reply_count == 0)
		return 0;
	*ret = port->replies[0];
	port->reply_count--;
	memmove(port->replies, port->replies + 1, port->reply_count * sizeof(port->replies[0]));
	return 1;
}

static inline void fake_release(void *pool, int worker, bool give_up)
{
	struct fake_port *port = pool;

	(void)worker;
	port->taken = false;
	port->released++;
	port->given_up += give_up;
}

static inline struct work_port fake_work_port(struct fake_port *port)
{
	return (struct work_port){ .submit = fake_submit,
				   .send = fake_send,
				   .receive = fake_receive,
				   .release = fake_release,
				   .pool = port };
}

/* `moved` pages of 4 KiB, `pinned` ones that stayed. */
static inline void fake_answer(struct fake_port *port, bool final, int error, uint64_t moved,
			       uint64_t pinned)
{
	port->replies[port->reply_count++] = (struct work_reply){
		.token = port->request.token,
		.final = final,
		.error = error,
		.done_bytes = moved * 4096,
		.pages = { .moved = moved, .pinned = pinned },
	};
}
