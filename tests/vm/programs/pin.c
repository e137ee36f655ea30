// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pin.h"

#include "common.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)256 << 20) /* the kernel takes no more than 1 GiB in one buffer */
#define PIECES_MAX  64

void pin_memory(void *memory, size_t bytes)
{
	struct io_uring_params params = { 0 };
	struct iovec pieces[PIECES_MAX];
	unsigned count = 0;
	long ring;

	for (size_t at = 0; at < bytes; at += PIECE_BYTES) {
		if (count == PIECES_MAX)
			die(0, "too much memory to be pinned");
		pieces[count++] = (struct iovec){
			.iov_base = (char *)memory + at,
			.iov_len = bytes - at < PIECE_BYTES ? bytes - at : PIECE_BYTES,
		};
	}
	ring = syscall(SYS_io_uring_setup, 1, &params);
	if (ring < 0)
		die(errno, "io_uring_setup");
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, pieces, count) < 0)
		die(errno, "io_uring_register of %zu bytes", bytes);
}
