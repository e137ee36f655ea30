/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/manager_notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* A line or two. */
#define MESSAGE_BYTES 512

static int take_address(const char *name, struct manager_socket *manager)
{
	size_t length = strlen(name);

	/* A path, or a name of the abstract kind. Others are for virtual machines. */
	if (length < 2 || (name[0] != '/' && name[0] != '@'))
		return -EAFNOSUPPORT;
	if (length >= sizeof(manager->address.sun_path))
		return -ENAMETOOLONG;
	manager->address.sun_family = AF_UNIX;
	memcpy(manager->address.sun_path, name, length);
	if (name[0] == '@')
		manager->address.sun_path[0] = '\0';
	manager->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return 0;
}

int manager_open(struct manager_socket *ret)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct manager_socket manager = { .fd = -1 };
	int r;

	*ret = manager;
	if (!name)
		return 0;
	r = take_address(name, &manager);
	if (r < 0)
		return r;
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager.fd < 0)
		return -errno;
	*ret = manager;
	return 1;
}

void manager_done(struct manager_socket *manager)
{
	drop_fd(&manager->fd);
}

static int tell(const struct manager_socket *manager, const char *text, size_t length, int flags)
{
	ssize_t n;

	do
		n = sendto(manager->fd, text, length, flags | MSG_NOSIGNAL,
			   (const struct sockaddr *)&manager->address, manager->length);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 1;
}

int manager_tell(const struct manager_socket *manager, const char *format, ...)
{
	char text[MESSAGE_BYTES];
	va_list ap;
	int length;

	if (manager->fd < 0)
		return 0;
	va_start(ap, format);
	length = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (length < 0 || (size_t)length >= sizeof(text))
		return -EMSGSIZE;
	return tell(manager, text, (size_t)length, MSG_DONTWAIT);
}

int manager_notify(const char *state)
{
	_cleanup_(manager_done) struct manager_socket manager;
	int r = manager_open(&manager);

	return r <= 0 ? r : tell(&manager, state, strlen(state), 0);
}
