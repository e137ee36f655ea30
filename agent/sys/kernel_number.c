/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/kernel_number.h"

#include "sys/span.h"
#include "sys/sysroot.h"

#include <errno.h>
#include <stdio.h>

/* The longest number with its sign, a newline and the terminator. */
#define TEXT_BYTES 32

int kernel_number_read(int fd, int64_t *ret)
{
	char text[TEXT_BYTES];
	ssize_t length = sysroot_read_once_fd(fd, text, sizeof(text));
	struct span rest, line;

	if (length < 0)
		return length == -EFBIG ? -EINVAL : (int)length;
	rest = span_of(text, (size_t)length);
	if (!span_next_line(&rest, &line) || rest.length > 0)
		return -EINVAL;
	return span_i64(span_trim(line), ret);
}

int kernel_number_write(int fd, int64_t value)
{
	char text[TEXT_BYTES];

	(void)snprintf(text, sizeof(text), "%lld\n", (long long)value);
	return sysroot_write_fd(fd, text);
}
