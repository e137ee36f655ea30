// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Asks for many blocks of pages that lie in a row, and keeps them: the ring of a socket for
 * packets, as programs that watch a network have. The kernel looks for each in earnest, compacting
 * memory if it has to, and where it finds none maps single pages in a row (/proc/vmallocinfo has
 * those).
 */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define COUNT_MOST 10000u

struct options {
	unsigned order;
	unsigned count;
	const char *status_path;
};

static const char usage[] = "Usage: lab-blocks --order ORDER --count COUNT [--status FILE]\n"
			    "\n"
			    "  --order ORDER    blocks of 2^ORDER pages, up to 9\n"
			    "  --count COUNT    so many\n"
			    "  --status FILE    keep one line of state there\n";

static struct options parse_options(int argc, char **argv)
{
	struct options options = { 0 };
	const struct program_option table[] = {
		{ "count", .number = &options.count, .most = COUNT_MOST },
		{ "order", .number = &options.order, .most = 9 },
		{ "status", .text = &options.status_path },
	};
	const struct program program = { usage, table, sizeof(table) / sizeof(table[0]) };

	program_parse(&program, argc, argv);
	if (options.count == 0)
		program_misused(&program);
	return options;
}

static void take_blocks(unsigned order, unsigned count)
{
	unsigned bytes = (unsigned)page_bytes() << order;
	struct tpacket_req ring = {
		.tp_block_size = bytes,
		.tp_block_nr = count,
		.tp_frame_size = bytes,
		.tp_frame_nr = count,
	};
	/* Of no protocol: nothing is ever received. The descriptor stays open. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die(errno, "socket");
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) < 0)
		die(errno, "PACKET_RX_RING");
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct status status = status_open(options.status_path);
	uint64_t started;

	stop_on_signals();
	started = now_usec();
	take_blocks(options.order, options.count);
	status_write(&status, "state=holding waited-usec=%" PRIu64, now_usec() - started);
	while (!stop_requested)
		sleep_until_usec(now_usec() + USEC_PER_SEC);
	status_write(&status, "state=ended");
	return EXIT_SUCCESS;
}
