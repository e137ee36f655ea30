/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How the memory is taken: by portions, and only while there is room, as what it takes it must not
 * take from anybody. The agent has looked before it started us, with more care; this is what holds
 * if the machine has changed since, or if nobody has looked.
 *
 * It is locked before it is written, so that a limit shows before anything is taken; and it is ours
 * only once the kernel says of every page that it is there.
 */

#include "canary/canary.h"

#include "sys/meminfo.h"
#include "util/amount.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* Written between two looks around: some milliseconds. */
#define PORTION_BYTES ((size_t)16 << 20)

static const char *error_text(int error)
{
	const char *text = strerrordesc_np(-error);

	return text ? text : "unknown error";
}

static int open_place(const struct sysroot *root, const struct canary_options *options)
{
	return options->has_node ? meminfo_open_node(root, options->node) : meminfo_open(root);
}

/* What can be had there without taking it from anybody: free, and clean pages of files. */
static int read_room(int fd, uint64_t *ret)
{
	struct meminfo info;
	uint64_t clean, dirty;
	int r = meminfo_read(fd, &info);

	if (r < 0)
		return r;
	if (meminfo_has(&info, MEMINFO_AVAILABLE)) {
		*ret = info.values[MEMINFO_AVAILABLE];
		return 0;
	}
	clean = plus(meminfo_amount(&info, MEMINFO_ACTIVE_FILE),
		     meminfo_amount(&info, MEMINFO_INACTIVE_FILE));
	dirty = plus(meminfo_amount(&info, MEMINFO_DIRTY),
		     meminfo_amount(&info, MEMINFO_WRITEBACK));
	*ret = plus(meminfo_amount(&info, MEMINFO_FREE), less(clean, dirty));
	return 0;
}

/* As much as it holds stays for others. */
static enum canary_exit check_room(int fd, const struct canary_options *options, uint64_t left)
{
	char text[128];
	struct strbuf words = STRBUF(text);
	uint64_t room;
	int r = read_room(fd, &room);

	if (r < 0) {
		canary_complain("cannot read how much memory there is: %s", error_text(r));
		return CANARY_FAILED;
	}
	if (less(room, left) >= options->bytes)
		return CANARY_DONE;
	strbuf_add_bytes(&words, (int64_t)MIN_OF(less(room, left), (uint64_t)INT64_MAX));
	canary_complain("holding so much would leave %s%s, less than it holds", text,
			options->has_node ? " of that node" : "");
	return CANARY_FAILED;
}

static enum canary_exit cannot_bind(const struct canary_options *options, int error)
{
	if (error == -EINVAL || error == -ENOENT)
		canary_complain("node %u: there is none with memory, or it may not be used here",
				options->node);
	else
		canary_complain("memory cannot be bound to a node here: %s", error_text(error));
	return error == -ENOMEM ? CANARY_FAILED : CANARY_CANNOT;
}

static enum canary_exit cannot_lock(int error)
{
	char text[64];
	struct strbuf words = STRBUF(text);
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) {
		canary_complain("cannot lock it in memory: %s", error_text(error));
		return CANARY_FAILED;
	}
	strbuf_add_bytes(&words, (int64_t)MIN_OF(limit.rlim_cur, (rlim_t)INT64_MAX));
	canary_complain("cannot lock it in memory: RLIMIT_MEMLOCK is %s; LimitMEMLOCK= of its "
			"unit, or CAP_IPC_LOCK, has to allow all of it",
			text);
	return CANARY_CANNOT;
}

/* Node 0 of a kernel without nodes is the machine. */
static bool is_the_machine(const struct canary_options *options, int error)
{
	return error == -ENOSYS && options->node == 0;
}

static enum canary_exit prepare(const struct canary_options *options, struct held_memory *memory)
{
	int r = options->has_node ? held_memory_bind(memory, options->node) : 0;

	if (r < 0 && !is_the_machine(options, r))
		return cannot_bind(options, r);
	r = held_memory_lock(memory);
	return r < 0 ? cannot_lock(r) : CANARY_DONE;
}

static enum canary_exit write_all(int fd, const struct canary_options *options,
				  const struct vigil *vigil, struct held_memory *memory,
				  bool *ret_over)
{
	for (size_t at = 0; at < memory->bytes; at += PORTION_BYTES) {
		enum canary_exit status = check_room(fd, options, memory->bytes - at);

		if (status != CANARY_DONE)
			return status;
		*ret_over = vigil_is_over(vigil);
		if (*ret_over)
			return CANARY_DONE;
		held_memory_write(memory, at, PORTION_BYTES);
	}
	return CANARY_DONE;
}

static enum canary_exit verify(const struct sysroot *root, const struct held_memory *memory)
{
	char text[64];
	struct strbuf words = STRBUF(text);
	uint64_t missing;
	int r = held_memory_check(root, memory, &missing);

	if (r < 0) {
		canary_complain("the kernel does not tell where the memory is: %s", error_text(r));
		return CANARY_CANNOT;
	}
	if (missing == 0)
		return CANARY_DONE;
	strbuf_add_bytes(&words, (int64_t)missing);
	canary_complain("%s of it %s", text,
			memory->has_node ? "did not come to that node" : "did not come");
	return CANARY_FAILED;
}

enum canary_exit hold_take(const struct sysroot *root, const struct canary_options *options,
			   const struct vigil *vigil, struct held_memory *memory)
{
	_cleanup_(closep) int place = open_place(root, options);
	enum canary_exit status;
	bool is_over = false;
	int r;

	if (place < 0)
		return cannot_bind(options, place);
	/* Before the limit: whoever asks for more than there is is told so. */
	status = check_room(place, options, options->bytes);
	if (status != CANARY_DONE)
		return status;
	r = held_memory_map(root, options->bytes, memory);
	if (r < 0) {
		canary_complain("cannot have so much: %s", error_text(r));
		return CANARY_FAILED;
	}
	status = prepare(options, memory);
	if (status == CANARY_DONE)
		status = write_all(place, options, vigil, memory, &is_over);
	if (status == CANARY_DONE && !is_over)
		status = verify(root, memory);
	if (status != CANARY_DONE || is_over)
		held_memory_done(memory);
	return status;
}
