/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/kernel_kills.h"

#include "cli/brake.h"
#include "cli/cli.h"
#include "cli/json_value.h"
#include "cli/paragraph.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

static int read_kept(int directory_fd, struct runtime_kernel_kills *ret)
{
	char boot_id[BOOT_ID_BYTES];
	int r = brake_boot_id(boot_id);

	if (r < 0)
		return r;
	return runtime_get_kernel_kills(directory_fd, boot_id, ret);
}

void kernel_kills_read(struct kernel_kills *ret)
{
	_cleanup_(closep) int fd = open(brake_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret = (struct kernel_kills){ .error = fd < 0 ? -errno : 0 };
	if (fd >= 0)
		ret->error = read_kept(fd, &ret->kept);
}

/* The next one that is kept, the latest first; NULL: no more. */
static const struct runtime_kernel_kill *next(const struct kernel_kills *kills, uint64_t service,
					      uint64_t *at)
{
	const struct runtime_kernel_kills *kept = &kills->kept;

	for (; *at < MIN_OF(kept->told, (uint64_t)RUNTIME_KERNEL_KILLS); (*at)++) {
		const struct runtime_kernel_kill *kill =
			&kept->last[(kept->told - 1 - *at) % RUNTIME_KERNEL_KILLS];

		if (service != 0 && kill->service != service)
			continue;
		(*at)++;
		return kill;
	}
	return NULL;
}

static void print_kill(const struct runtime_kernel_kill *kill, usec_t now)
{
	char text[RUNTIME_KERNEL_KILL_BYTES + 64];
	struct strbuf b = STRBUF(text);

	strbuf_add_duration(&b, now - MIN_OF(kill->at, now));
	strbuf_addf(&b, " ago: %s", kill->text);
	paragraph_print(2, text);
}

void kernel_kills_text(const struct kernel_kills *kills, uint64_t service, usec_t now)
{
	const struct runtime_kernel_kill *kill;
	uint64_t at = 0;

	if (kills->error < 0)
		return;
	kill = next(kills, service, &at);
	if (!kill)
		return;
	cli_heading("KILLED BY THE KERNEL");
	if (service == 0)
		printf("  processes since boot, while an agent ran: %" PRIu64 "; the last:\n",
		       kills->kept.count);
	for (; kill; kill = next(kills, service, &at))
		print_kill(kill, now);
}

static struct json_object *kills_array(const struct kernel_kills *kills, uint64_t service)
{
	struct json_object *list = json_object_new_array();
	const struct runtime_kernel_kill *kill;
	uint64_t at = 0;

	while ((kill = next(kills, service, &at))) {
		struct json_object *o = json_object_new_object();

		json_number(o, "at_usec", (int64_t)kill->at);
		json_text(o, "text", kill->text);
		json_push(list, o);
	}
	return list;
}

void kernel_kills_json(const struct kernel_kills *kills, uint64_t service, struct json_object *to)
{
	struct json_object *o;

	if (!kills || kills->error < 0) {
		json_add(to, "kernel_kills", NULL);
		return;
	}
	o = json_object_new_object();
	json_number(o, "since_boot", (int64_t)kills->kept.count);
	json_add(o, "last", kills_array(kills, service));
	json_add(to, "kernel_kills", o);
}
