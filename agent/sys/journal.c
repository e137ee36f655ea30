/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/journal.h"

#include "util/macro.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PATH "/run/systemd/journal/socket"
/* Room for records that journald has no time for; the kernel grants up to net.core.wmem_max. */
#define SEND_BUFFER_BYTES (1024 * 1024)
/* journald ignores longer names. */
#define NAME_MAX_BYTES 64
/* Name, newline, length, value, newline. */
#define PIECES_MAX 5

static int connect_journal(int fd)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET_PATH };

	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int journal_open(struct journal *ret)
{
	const int size = SEND_BUFFER_BYTES;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return -errno;
	r = connect_journal(fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	/* The default holds some records too. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*ret = (struct journal){ .fd = fd };
	return 0;
}

void journal_done(struct journal *journal)
{
	drop_fd(&journal->fd);
}

static bool is_name(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > NAME_MAX_BYTES || name[0] < 'A' || name[0] > 'Z')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!(name[i] >= 'A' && name[i] <= 'Z') && !(name[i] >= '0' && name[i] <= '9') &&
		    name[i] != '_')
			return false;
	return true;
}

static struct iovec piece(const void *data, size_t length)
{
	union {
		const void *in;
		void *out;
	} u = { .in = data };

	return (struct iovec){ .iov_base = u.out, .iov_len = length };
}

/* A value with a newline goes with its length in front, so that nothing in it can pass for a field
 * of its own. `le_length` must live until the record is sent. */
static size_t add_field(const struct journal_field *field, struct iovec *pieces,
			uint64_t *le_length)
{
	size_t n = 0;

	pieces[n++] = piece(field->name, strlen(field->name));
	if (field->length > 0 && memchr(field->value, '\n', field->length)) {
		*le_length = htole64(field->length);
		pieces[n++] = piece("\n", 1);
		pieces[n++] = piece(le_length, sizeof(*le_length));
	} else {
		pieces[n++] = piece("=", 1);
	}
	pieces[n++] = piece(field->value, field->length);
	pieces[n++] = piece("\n", 1);
	return n;
}

static int send_once(int fd, const struct msghdr *message)
{
	ssize_t n;

	do
		n = sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Nothing is wrong with the connection. */
static bool is_full(int error)
{
	return error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM || error == -EMSGSIZE;
}

int journal_send(struct journal *journal, const struct journal_field *fields, size_t count)
{
	struct iovec pieces[JOURNAL_FIELDS_MAX * PIECES_MAX];
	uint64_t lengths[JOURNAL_FIELDS_MAX];
	struct msghdr message = { .msg_iov = pieces };
	int r;

	if (journal->fd < 0)
		return -ENOTCONN;
	if (count == 0 || count > JOURNAL_FIELDS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!is_name(fields[i].name))
			return -EINVAL;
		message.msg_iovlen +=
			add_field(&fields[i], pieces + message.msg_iovlen, &lengths[i]);
	}
	r = send_once(journal->fd, &message);
	/* A journald that was restarted without its socket unit leaves us connected to nobody. */
	if (r < 0 && !is_full(r) && connect_journal(journal->fd) == 0)
		r = send_once(journal->fd, &message);
	if (r < 0) {
		journal->dropped++;
		return 1;
	}
	journal->sent++;
	return 0;
}
