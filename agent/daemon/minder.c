/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/minder.h"

#include "daemon/publish.h"
#include "sys/child.h"
#include "sys/heartbeat.h"
#include "sys/memlock.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>

/* Longer than any tick was seen to take on a machine that does nothing but reclaim. */
#define SAY_LOOKS 5
/* To start another agent is worth it only when this one is lost for certain. */
#define END_LOOKS     15
#define WAITING_LOOKS 5
/* A twentieth of the time, outside the kernel, by who spins there: on a host where many want to run
 * it gets no more. A tick that the kernel holds up needs a few milliseconds of it. */
#define SPIN_SHARE 20
/* "do_wait_for_something" */
#define PLACE_BYTES 64
#define STAT_BYTES  2048

struct minder {
	struct heartbeat *heartbeat;
	pid_t pid;
	usec_t look_usec;
	bool may_end;
};

/* What the child looks with; opened while there are descriptors and memory. */
struct eyes {
	struct publisher *publisher;
	pid_t agent;
	int stat_fd;
	int place_fd;
};

/* --- the judgement ---------------------------------------------------------------------------- */

static bool is_lost(const struct minder_case *c, const struct minder_look *look,
		    uint64_t centiticks)
{
	uint64_t spent = look->user_ticks - c->first.user_ticks;

	return c->waiting >= WAITING_LOOKS ||
	       (look->state == 'R' && spent * 100 * SPIN_SHARE >= c->silent * centiticks);
}

static enum minder_verdict judge_silence(struct minder_case *c, const struct minder_look *look,
					 bool may_end, uint64_t centiticks)
{
	c->waiting = look->state == 'S' ? c->waiting + 1 : 0;
	if (c->silent++ == 0)
		c->first = *look;
	if (c->is_ended)
		return MINDER_KILL;
	if (may_end && c->silent >= END_LOOKS && is_lost(c, look, centiticks)) {
		c->is_ended = true;
		return MINDER_END;
	}
	if (c->silent < SAY_LOOKS || c->is_said)
		return MINDER_WAIT;
	c->is_said = true;
	return MINDER_SAY;
}

enum minder_verdict minder_judge(struct minder_case *c, const struct minder_look *look,
				 bool may_end, uint64_t centiticks)
{
	bool was_said = c->is_said;

	if (look->beats == c->beats)
		return judge_silence(c, look, may_end, centiticks);
	*c = (struct minder_case){ .beats = look->beats };
	return was_said ? MINDER_AGAIN : MINDER_WELL;
}

/* --- the child -------------------------------------------------------------------------------- */

static void open_eyes(struct eyes *eyes, pid_t agent)
{
	struct sysroot root;
	int fd;

	*eyes = (struct eyes){ .agent = agent, .stat_fd = -1, .place_fd = -1 };
	(void)publisher_new(&eyes->publisher);
	if (sysroot_open(NULL, &root) < 0)
		return;
	fd = proc_pid_open(&root, agent);
	if (fd >= 0) {
		eyes->stat_fd = proc_pid_open_file(fd, "stat", O_RDONLY);
		eyes->place_fd = proc_pid_open_file(fd, "wchan", O_RDONLY);
		close(fd);
	}
	sysroot_done(&root);
}

static struct minder_look look_at(const struct eyes *eyes, const struct heartbeat *heartbeat)
{
	struct minder_look look = { .beats = heartbeat_count(heartbeat) };
	char text[STAT_BYTES];
	struct proc_stat stat;
	ssize_t n =
		eyes->stat_fd < 0 ? -1 : sysroot_read_once_fd(eyes->stat_fd, text, sizeof(text));

	if (n > 0 && proc_stat_parse(text, (size_t)n, &stat) >= 0) {
		look.state = stat.state;
		look.user_ticks = stat.user_ticks;
	}
	return look;
}

static const char *describe(char state)
{
	switch (state) {
	case 'R':
		return "it runs";
	case 'S':
		return "it waits";
	case 'D':
		return "the kernel holds it";
	case 'T':
	case 't':
		return "somebody has stopped it";
	default:
		return "what it does cannot be seen";
	}
}

/* "0": it does not sleep. */
static const char *read_place(const struct eyes *eyes, char buffer[PLACE_BYTES])
{
	ssize_t n =
		eyes->place_fd < 0 ? -1 : sysroot_read_once_fd(eyes->place_fd, buffer, PLACE_BYTES);

	return n <= 0 || strcmp(buffer, "0") == 0 ? "no place" : buffer;
}

static void tell(const struct eyes *eyes, const struct minder_look *look, usec_t silent_usec,
		 const char *consequence)
{
	char place[PLACE_BYTES];

	if (eyes->publisher)
		publish_line(eyes->publisher, LOG_ERR,
			     "memory is short and no tick was finished for %u s: %s (%s)%s",
			     (unsigned)(silent_usec / USEC_PER_SEC), describe(look->state),
			     read_place(eyes, place), consequence);
}

static void look_once(struct eyes *eyes, struct minder_case *c, const struct minder *m,
		      uint64_t centiticks)
{
	struct minder_look look = look_at(eyes, m->heartbeat);
	/* A new beat ends the count. */
	unsigned silent = c->silent + 1;

	switch (minder_judge(c, &look, m->may_end, centiticks)) {
	case MINDER_WELL:
	case MINDER_WAIT:
		break;
	case MINDER_SAY:
		tell(eyes, &look, silent * m->look_usec, "");
		break;
	case MINDER_END:
		tell(eyes, &look, silent * m->look_usec, "; it is ended, to be started again");
		(void)kill(eyes->agent, SIGABRT);
		break;
	case MINDER_KILL:
		(void)kill(eyes->agent, SIGKILL);
		break;
	case MINDER_AGAIN:
		if (eyes->publisher)
			publish_line(eyes->publisher, LOG_NOTICE, "ticks are finished again");
		break;
	}
}

static int mind(void *context)
{
	const struct minder *m = context;
	const uint64_t centiticks =
		(uint64_t)sysconf(_SC_CLK_TCK) * 100 * m->look_usec / USEC_PER_SEC;
	struct minder_case c = { 0 };
	struct eyes eyes;

	/* It has nothing else to do, and is there from the start. */
	memlock_touch_libraries();
	open_eyes(&eyes, getppid());
	while (getppid() == eyes.agent) {
		heartbeat_wait(m->heartbeat, false, USEC_INFINITY);
		c = (struct minder_case){ .beats = heartbeat_count(m->heartbeat) };
		while (heartbeat_is_danger(m->heartbeat)) {
			heartbeat_wait(m->heartbeat, true, m->look_usec);
			look_once(&eyes, &c, m, centiticks);
		}
	}
	return 0;
}

/* --- the agent -------------------------------------------------------------------------------- */

int minder_new(bool may_end, usec_t look_usec, struct minder **ret)
{
	struct minder *m = calloc(1, sizeof(*m));
	struct child child = { .name = "oomwarden-mind", .run = mind, .context = m };
	int r;

	if (!m)
		return -ENOMEM;
	m->may_end = may_end;
	m->look_usec = look_usec;
	r = heartbeat_new(&m->heartbeat);
	if (r >= 0)
		r = m->pid = child_fork(&child);
	if (r < 0) {
		heartbeat_free(m->heartbeat);
		free(m);
		return r;
	}
	*ret = m;
	return 0;
}

struct minder *minder_free(struct minder *m)
{
	if (!m)
		return NULL;
	(void)child_end(m->pid);
	heartbeat_free(m->heartbeat);
	free(m);
	return NULL;
}

void minder_beat(struct minder *m, bool is_danger)
{
	if (m)
		heartbeat_beat(m->heartbeat, is_danger);
}
