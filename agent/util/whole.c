/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util/whole.h"

#include "util/macro.h"

#include <errno.h>

#define FIRST_BYTES ((size_t)4096)

/* The end, a full buffer, or -errno. */
static ssize_t fill(int fd, char *text, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t n = read(fd, text + length, size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	return (ssize_t)length;
}

ssize_t whole_read(int fd, size_t most, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t length = 0, size = MIN_OF(FIRST_BYTES, most + 1);

	for (;;) {
		char *grown = realloc(text, size + 1);
		ssize_t n;

		if (!grown)
			return -ENOMEM;
		text = grown;
		n = fill(fd, text + length, size - length);
		if (n < 0)
			return n;
		length += (size_t)n;
		/* The one byte more tells that there are too many. */
		if (length > most)
			return -EFBIG;
		if (length < size)
			break;
		size = MIN_OF(size * 2, most + 1);
	}
	text[length] = '\0';
	*ret = TAKE_PTR(text);
	return (ssize_t)length;
}

int whole_write(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}
