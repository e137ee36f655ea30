/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/notice.h"

#include "core/kernel_event.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

void notice_add(struct notice *n, const char *name, const char *value)
{
	size_t length = strlen(value);

	if (n->count == JOURNAL_FIELDS_MAX)
		return;
	length = MIN_OF(length, sizeof(n->text) - n->used);
	memcpy(n->text + n->used, value, length);
	n->fields[n->count++] = (struct journal_field){ name, n->text + n->used, length };
	n->used += length;
}

void notice_addf(struct notice *n, const char *name, const char *format, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	notice_add(n, name, value);
}

void notice_start(struct notice *n, int priority, const char *id, const char *message)
{
	n->count = 0;
	n->used = 0;
	n->priority = priority;
	notice_add(n, "MESSAGE", message);
	if (id)
		notice_add(n, "MESSAGE_ID", id);
	notice_addf(n, "PRIORITY", "%d", priority);
	notice_add(n, "SYSLOG_IDENTIFIER", "oomwardend");
}

static void write_stderr(struct publisher *p, const struct journal_field *message)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	struct iovec line[2] = {
		{ .iov_base = (void *)(uintptr_t)message->value, .iov_len = message->length },
		{ .iov_base = (char[]){ '\n' }, .iov_len = 1 },
	};

	/* Lines are shorter than PIPE_BUF: a pipe that polls writable takes one whole. */
	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT) ||
	    writev(STDERR_FILENO, line, 2) < 0)
		p->lines_lost++;
}

void notice_send(struct publisher *p, const struct notice *n)
{
	if (p->journal.fd >= 0)
		(void)journal_send(&p->journal, n->fields, n->count);
	if (p->to_stderr)
		write_stderr(p, &n->fields[0]);
}

void notice_add_name(struct notice *n, const char *field, const char *name)
{
	char text[KERNEL_EVENT_CGROUP_BYTES * 2];
	struct strbuf b = STRBUF(text);

	strbuf_add_name(&b, name);
	notice_add(n, field, text);
}
