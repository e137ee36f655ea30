/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each worker is a child with one end of a SOCK_SEQPACKET pair. The agent's end never blocks; the
 * worker's does. Messages have one size each way, and one of another size ends the connection.
 *
 * Tokens on the wire are the pool's own and never used twice, so that a control message that comes
 * too late, or a reply to a request that was given up, is recognised and dropped; callers see their
 * own tokens.
 *
 * A worker that is given up is killed but may be stuck in the kernel for ever: its slot is free at
 * once, its pid is kept until it can be reaped. Of such corpses only a few are borne before dead
 * workers are no longer replaced, as each of them may hold memory.
 */

#include "engine/worker.h"

#include "sys/child.h"
#include "sys/clock.h"
#include "sys/host_info.h"
#include "sys/privilege.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CORPSES_MAX 8

enum role {
	ROLE_MIGRATOR,
	ROLE_INSPECTOR,
	ROLE_CLERK,
	ROLE_COUNT_,
};

static const char *const role_names[ROLE_COUNT_] = {
	[ROLE_MIGRATOR] = "oomwarden-move",
	[ROLE_INSPECTOR] = "oomwarden-look",
	[ROLE_CLERK] = "oomwarden-set",
};

/* Files of control groups that were given to a user, and its memory locked. Systemd asks for no
 * more than the user id. */
#define CLERK_RIGHTS (PRIVILEGE_BIT(CAP_DAC_OVERRIDE) | PRIVILEGE_BIT(CAP_IPC_LOCK))
/* Without systemd it starts canaries and ends them: a user id of their own, and the limit on locked
 * memory lifted. */
#define MANAGER_RIGHTS                                                                             \
	(PRIVILEGE_BIT(CAP_SETUID) | PRIVILEGE_BIT(CAP_SETGID) | PRIVILEGE_BIT(CAP_SYS_RESOURCE) | \
	 PRIVILEGE_BIT(CAP_KILL))

enum state {
	STATE_ABSENT, /* to be forked in a calm round */
	STATE_IDLE,
	STATE_BUSY,
	STATE_BROKEN, /* it died with a request, which its owner does not know yet */
};

struct worker {
	enum role role;
	enum state state;
	bool sets_only; /* takes nothing but settings */
	pid_t pid;
	int fd;
	uint64_t token;		     /* on the wire */
	struct work_request request; /* as it was submitted */
	usec_t deadline;	     /* of an inspection */
};

struct worker_pool {
	const struct sysroot *root;
	const struct worker_handlers *handlers;
	uint64_t last_token;
	pid_t corpses[CORPSES_MAX];
	size_t corpse_count;
	size_t count;
	struct worker workers[];
};

/* The worker's side. */

struct worker_self {
	const struct worker_pool *pool;
	enum role role;
	int fd;
	uint64_t token;
	bool answered; /* finally */
};

/* 1 and a message; 0: none (without `wait`). Does not return when the agent is gone, or speaks
 * another protocol. */
static int self_receive(const struct worker_self *self, bool wait, struct work_request *ret)
{
	for (;;) {
		ssize_t n =
			recv(self->fd, ret, sizeof(*ret), MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT));

		if (n == (ssize_t)sizeof(*ret))
			return 1;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		_exit(n == 0 ? 0 : 1);
	}
}

static int self_poll_control(void *context, struct work_request *ret)
{
	const struct worker_self *self = context;

	while (self_receive(self, false, ret) > 0)
		if (ret->token == self->token)
			return 1;
	return 0;
}

static int self_reply(void *context, const struct work_reply *reply)
{
	struct worker_self *self = context;
	struct work_reply message = *reply;
	ssize_t n;

	if (self->answered)
		return -EALREADY;
	message.token = self->token;
	self->answered = reply->final;
	do
		n = send(self->fd, &message, sizeof(message),
			 MSG_NOSIGNAL | (reply->final ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void self_serve(struct worker_self *self, const struct work_request *request)
{
	const struct worker_handlers *handlers = self->pool->handlers;
	const struct work_channel channel = { .poll_control = self_poll_control,
					      .reply = self_reply,
					      .context = self,
					      .root = self->pool->root };
	const struct work_reply unanswered = { .final = true, .error = EPROTO };

	self->token = request->token;
	self->answered = false;
	switch (request->kind) {
	case WORK_INSPECT:
		handlers->inspect(request, &channel);
		break;
	case WORK_DESCRIBE:
		if (handlers->describe)
			handlers->describe(request, &channel);
		break;
	case WORK_MIGRATE:
		handlers->migrate(request, &channel);
		break;
	case WORK_TRIAL:
		if (handlers->trial)
			handlers->trial(request, &channel);
		break;
	case WORK_RELEASE:
		handlers->release(request, &channel);
		break;
	case WORK_SET:
	case WORK_RECLAIM:
	case WORK_COMPACT:
	case WORK_DROP_SLAB:
	case WORK_UNIT:
		if (handlers->clerk)
			handlers->clerk(request, &channel);
		break;
	case WORK_CANCEL:
	case WORK_RESIZE:
		/* Crossed the final reply on its way. */
		return;
	}
	(void)self_reply(self, &unanswered);
}

static int self_run(void *context)
{
	struct worker_self *self = context;
	struct work_request request;

	/* Without the right to give up rights it works as well. */
	if (self->role == ROLE_CLERK)
		(void)privilege_keep(
			CLERK_RIGHTS |
			(host_info_has_systemd(self->pool->root) ? 0 : MANAGER_RIGHTS));
	if (self->role == ROLE_CLERK && self->pool->handlers->prepare_clerk)
		self->pool->handlers->prepare_clerk(self->pool->root);
	while (self_receive(self, true, &request) > 0)
		self_serve(self, &request);
	return 0;
}

/* The agent's side. */

static int start(struct worker_pool *pool, struct worker *w)
{
	_cleanup_(closep) int ours = -1;
	_cleanup_(closep) int theirs = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	struct worker_self self = { .pool = pool, .role = w->role, .fd = theirs };
	const struct child child = {
		.name = role_names[w->role],
		.keep = { theirs, pool->root->fd },
		.keep_count = 2,
		.run = self_run,
		.context = &self,
	};

	pid = child_fork(&child);
	if (pid < 0)
		return (int)pid;
	w->pid = pid;
	w->fd = TAKE_FD(ours);
	w->state = STATE_IDLE;
	return 0;
}

static void reap_corpses(struct worker_pool *pool)
{
	size_t kept = 0;

	for (size_t i = 0; i < pool->corpse_count; i++)
		if (!child_reap(pool->corpses[i]))
			pool->corpses[kept++] = pool->corpses[i];
	pool->corpse_count = kept;
}

/* Makes sure that it is dead and out of the way. */
static void bury(struct worker_pool *pool, struct worker *w, enum state state)
{
	if (w->pid > 0 && !child_kill(w->pid)) {
		reap_corpses(pool);
		/* No start() happens while this is full, so it cannot overflow by much; the pid is
		 * then left to init. */
		if (pool->corpse_count < CORPSES_MAX)
			pool->corpses[pool->corpse_count++] = w->pid;
	}
	closep(&w->fd);
	w->fd = -1;
	w->pid = 0;
	w->state = state;
}

static int send_to(const struct worker *w, const struct work_request *request)
{
	struct work_request message = *request;

	message.token = w->token;
	if (send(w->fd, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return 0;
}

static bool is_for(const struct worker *w, enum role role, const struct work_request *request)
{
	return w->role == role && w->state == STATE_IDLE &&
	       (!w->sets_only || request->kind == WORK_SET);
}

/* The worker that took it, or NULL: none is free. From the end, so that a setting goes to the clerk
 * that takes nothing else, and leaves the others to what only they take. */
static struct worker *assign(struct worker_pool *pool, enum role role,
			     const struct work_request *request)
{
	for (size_t i = pool->count; i-- > 0;) {
		struct worker *w = &pool->workers[i];

		if (!is_for(w, role, request))
			continue;
		w->token = ++pool->last_token;
		if (send_to(w, request) < 0) {
			/* It died while it was idle. */
			bury(pool, w, STATE_ABSENT);
			continue;
		}
		w->request = *request;
		w->state = STATE_BUSY;
		return w;
	}
	return NULL;
}

/* 1 and a reply to the present request, 0: none, -EPIPE: it died. */
static int receive_from(struct worker_pool *pool, struct worker *w, struct work_reply *ret)
{
	while (w->state == STATE_BUSY) {
		struct work_reply reply;
		ssize_t n = recv(w->fd, &reply, sizeof(reply), MSG_TRUNC | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n != (ssize_t)sizeof(reply)) {
			bury(pool, w, STATE_BROKEN);
			break;
		}
		if (reply.token != w->token)
			continue;
		reply.token = w->request.token;
		*ret = reply;
		return 1;
	}
	return -EPIPE;
}

static enum role role_of(const struct worker_counts *counts, size_t i)
{
	if (i < counts->migrators)
		return ROLE_MIGRATOR;
	return i < counts->migrators + counts->inspectors ? ROLE_INSPECTOR : ROLE_CLERK;
}

int worker_pool_new_with(const struct sysroot *root, const struct worker_counts *counts,
			 const struct worker_handlers *handlers, struct worker_pool **ret)
{
	size_t count = counts->migrators + counts->inspectors + counts->clerks;
	_cleanup_(worker_pool_freep) struct worker_pool *pool =
		calloc(1, sizeof(*pool) + count * sizeof(pool->workers[0]));
	int r;

	if (!pool)
		return -ENOMEM;
	pool->root = root;
	pool->handlers = handlers;
	for (size_t i = 0; i < count; i++) {
		pool->workers[i].role = role_of(counts, i);
		pool->workers[i].fd = -1;
	}
	pool->count = count;
	if (counts->clerks > 1)
		pool->workers[count - 1].sets_only = true;
	for (size_t i = 0; i < count; i++) {
		r = start(pool, &pool->workers[i]);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(pool);
	return 0;
}

struct worker_pool *worker_pool_free(struct worker_pool *pool)
{
	if (!pool)
		return NULL;
	for (size_t i = 0; i < pool->count; i++) {
		struct worker *w = &pool->workers[i];

		closep(&w->fd);
		if (w->pid > 0)
			(void)child_end(w->pid);
	}
	for (size_t i = 0; i < pool->corpse_count; i++)
		(void)child_end(pool->corpses[i]);
	free(pool);
	return NULL;
}

static int submit_to(struct worker_pool *pool, enum role role, const struct work_request *request,
		     int *ret_worker)
{
	const struct worker *w = assign(pool, role, request);

	if (!w)
		return -EBUSY;
	*ret_worker = (int)(w - pool->workers);
	return 0;
}

static int port_submit(void *context, const struct work_request *request, int *ret_worker)
{
	return submit_to(context, ROLE_MIGRATOR, request, ret_worker);
}

static int clerk_port_submit(void *context, const struct work_request *request, int *ret_worker)
{
	return submit_to(context, ROLE_CLERK, request, ret_worker);
}

static int port_send(void *context, int worker, const struct work_request *request)
{
	struct worker_pool *pool = context;
	const struct worker *w = &pool->workers[worker];

	return w->state == STATE_BUSY ? send_to(w, request) : -EPIPE;
}

static int port_receive(void *context, int worker, struct work_reply *ret_reply)
{
	struct worker_pool *pool = context;

	return receive_from(pool, &pool->workers[worker], ret_reply);
}

static void port_release(void *context, int worker, bool give_up)
{
	struct worker_pool *pool = context;
	struct worker *w = &pool->workers[worker];

	if (give_up || w->state != STATE_BUSY)
		bury(pool, w, STATE_ABSENT);
	else
		w->state = STATE_IDLE;
}

struct work_port worker_pool_port(struct worker_pool *pool)
{
	return (struct work_port){
		.submit = port_submit,
		.send = port_send,
		.receive = port_receive,
		.release = port_release,
		.pool = pool,
	};
}

struct work_port worker_pool_clerk_port(struct worker_pool *pool)
{
	struct work_port port = worker_pool_port(pool);

	port.submit = clerk_port_submit;
	return port;
}

int worker_pool_inspect(struct worker_pool *pool, const struct work_request *request, usec_t now)
{
	struct worker *w = assign(pool, ROLE_INSPECTOR, request);

	if (!w)
		return -EBUSY;
	w->deadline = now + WORKER_INSPECTION_MAX_USEC;
	return 0;
}

/* One inspector's reply, if it is over one way or another. */
static bool collect(struct worker_pool *pool, struct worker *w, usec_t now, struct work_reply *ret)
{
	int r = receive_from(pool, w, ret);

	if (r > 0 && ret->final) {
		w->state = STATE_IDLE;
		return true;
	}
	if (r >= 0 && now < w->deadline)
		return false;
	*ret = (struct work_reply){
		.token = w->request.token,
		.final = true,
		.error = r < 0 ? EPIPE : ETIMEDOUT,
	};
	bury(pool, w, STATE_ABSENT);
	return true;
}

int worker_pool_inspected(struct worker_pool *pool, usec_t now, struct work_request *ret_request,
			  struct work_reply *ret_reply)
{
	struct work_reply reply;

	for (size_t i = 0; i < pool->count; i++) {
		struct worker *w = &pool->workers[i];

		if (w->role != ROLE_INSPECTOR || w->state == STATE_IDLE || w->state == STATE_ABSENT)
			continue;
		if (!collect(pool, w, now, &reply))
			continue;
		*ret_request = w->request;
		*ret_reply = reply;
		return 1;
	}
	return 0;
}

/* Waits for the next message; false: the time is over. */
static bool wait_for(const struct worker *w, usec_t deadline)
{
	struct pollfd fd = { .fd = w->fd, .events = POLLIN };
	usec_t now = clock_monotonic_usec();

	if (now >= deadline)
		return false;
	(void)poll(&fd, 1, (int)((deadline - now) / USEC_PER_MSEC) + 1);
	return true;
}

int worker_pool_ask(struct worker_pool *pool, const struct work_request *request, usec_t timeout,
		    void (*each)(void *context, const struct work_reply *reply), void *context)
{
	usec_t deadline = clock_monotonic_usec() + timeout;
	struct worker *w = assign(pool, ROLE_INSPECTOR, request);
	struct work_reply reply;
	int r;

	if (!w && worker_pool_replenish(pool) > 0)
		w = assign(pool, ROLE_INSPECTOR, request);
	if (!w)
		return -EBUSY;
	w->deadline = deadline;
	while ((r = receive_from(pool, w, &reply)) >= 0) {
		if (r == 0 && !wait_for(w, deadline)) {
			bury(pool, w, STATE_ABSENT);
			return -ETIMEDOUT;
		}
		if (r == 0)
			continue;
		each(context, &reply);
		if (reply.final) {
			w->state = STATE_IDLE;
			return -reply.error;
		}
	}
	w->state = STATE_ABSENT;
	return r;
}

bool worker_pool_is_inspecting(const struct worker_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		if (pool->workers[i].role == ROLE_INSPECTOR &&
		    (pool->workers[i].state == STATE_BUSY ||
		     pool->workers[i].state == STATE_BROKEN))
			return true;
	return false;
}

int worker_pool_replenish(struct worker_pool *pool)
{
	int forked = 0;

	reap_corpses(pool);
	for (size_t i = 0; i < pool->count; i++) {
		struct worker *w = &pool->workers[i];

		/* Not reaped by hand before it is seen here: its pid must stay ours until then. */
		if (w->state == STATE_IDLE && child_reap(w->pid)) {
			w->pid = 0;
			bury(pool, w, STATE_ABSENT);
		}
		if (w->state == STATE_ABSENT && pool->corpse_count < CORPSES_MAX &&
		    start(pool, w) >= 0)
			forked++;
	}
	return forked;
}
