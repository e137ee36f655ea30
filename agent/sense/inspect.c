/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The worker's look at one process: its command line, and the memory policies that numa_maps shows.
 *
 * numa_maps walks the page tables of every mapping that it prints, so it is read in small pieces
 * and no further than it has to be. A process's own policy shows on every mapping that has none
 * itself, the program's text and data, which come first, among them: so the first lines tell it.
 * Policies of single mappings matter where they hold most of the process. Of a virtual machine they
 * are on the command line; others are looked through a little further, unless they are so large
 * that the walk would be felt.
 *
 * Who asks what of its shared memory dies with it has all mappings gone through as well. A shared
 * anonymous mapping is a file by the name /dev/zero, deleted, and a memfd one by its own; both end
 * with their last user. A file on tmpfs stays, a System V segment too, which is called deleted all
 * the same.
 *
 * Who asks how much of it is where its policies prefer it to be is told by all mappings; but only
 * where the command line or the first lines name such a policy.
 */

#include "sense/preference_tally.h"
#include "sense/sense.h"
#include "sense/task_policy.h"
#include "sys/guest_cmdline.h"
#include "sys/guest_status.h"
#include "sys/node_cpus.h"
#include "sys/numa_maps.h"
#include "sys/proc_pid.h"
#include "sys/task_file.h"
#include "sys/vcpu_task.h"
#include "util/amount.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* libvirt's are up to 20 KiB. What is longer is read as far as this. */
#define CMDLINE_BYTES 65536
/* One read makes the kernel walk as many mappings as it fills: about eight. */
#define PIECE_BYTES 1024
#define LINES_FIRST 8
#define LINES_MAX   48
/* Of a process that prefers nodes: a monitor has some hundreds. */
#define LINES_ALL 16384
/* 4 GiB of small pages take a few hundredths of a second. */
#define FURTHER_MAX_BYTES (UINT64_C(4) << 30)
#define PAGE_BYTES	  4096

static enum guest_type guest_of(enum guest_monitor monitor)
{
	switch (monitor) {
	case GUEST_MONITOR_QEMU:
		return GUEST_QEMU;
	case GUEST_MONITOR_CLOUD_HYPERVISOR:
		return GUEST_CLOUD_HYPERVISOR;
	case GUEST_MONITOR_FIRECRACKER:
		return GUEST_FIRECRACKER;
	case GUEST_MONITOR_NONE:
		break;
	}
	return GUEST_NONE;
}

static enum service_hold hold_of(const struct guest_cmdline *guest)
{
	if (guest->vfio_devices > 0 || guest->confidential)
		return HOLD_PINNED;
	return guest->incoming ? HOLD_INCOMING_MIGRATION : HOLD_NONE;
}

static void add_bind(struct inspection *found, const struct idset *nodes,
		     enum confinement_reason reason)
{
	found->bound_by |= (uint8_t)reason;
	if (found->has_bind)
		idset_intersect(&found->bound, nodes);
	else
		found->bound = *nodes;
	found->has_bind = true;
}

static void take_command_line(struct inspection *found, const struct guest_cmdline *guest)
{
	struct strbuf name = STRBUF(found->guest_name);

	found->guest = guest_of(guest->monitor);
	found->hold = hold_of(guest);
	found->memory_locked = guest->memory_locked;
	found->guest_declared_bytes = guest->memory_bytes;
	strbuf_add(&name, guest->name);
	if (guest->has_bind)
		add_bind(found, &guest->bound, CONFINED_BY_BACKEND);
}

struct memories {
	bool prefers;	   /* one of them does */
	bool has_ordinary; /* one of them does not come from a pool of huge pages */
};

static void note_memory(void *context, const struct guest_memory *memory)
{
	struct memories *memories = context;

	memories->prefers |= memory->policy == GUEST_MEMORY_PREFERRED;
	memories->has_ordinary |= !memory->hugetlb;
}

static int read_command_line(int pid_fd, struct inspection *found, struct guest_cmdline *guest,
			     bool *ret_prefers)
{
	char text[CMDLINE_BYTES];
	struct memories memories = { 0 };
	ssize_t n = proc_cmdline_read(pid_fd, text, sizeof(text));

	*guest = (struct guest_cmdline){ 0 };
	*ret_prefers = false;
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return (int)n;
	if (guest_cmdline_parse_memories(text, (size_t)n, note_memory, &memories, guest) > 0) {
		take_command_line(found, guest);
		found->guest_pooled = guest->hugetlb && !memories.has_ordinary;
	}
	*ret_prefers = memories.prefers;
	return 0;
}

/* QEMU names the thread that sends a guest away, where it names threads: 2.x, to 9.0, from 9.1 on.
 */
static bool is_sender(const char *comm)
{
	return strcmp(comm, "migration") == 0 || strcmp(comm, "live_migration") == 0 ||
	       strcmp(comm, "mig/src/main") == 0;
}

/* Where no libvirt tells: the thread is there as long as that lasts. */
static bool is_sent_away(int pid_fd)
{
	_cleanup_(closep) int fd = task_directory_open(pid_fd);
	pid_t tids[TASK_LIST_MAX];
	char comm[PROC_COMM_BYTES];
	int n;

	while (fd >= 0 && (n = task_directory_next(fd, tids)) > 0)
		for (int i = 0; i < n; i++)
			if (task_comm_read(fd, tids[i], comm, sizeof(comm)) == 0 && is_sender(comm))
				return true;
	return false;
}

/* libvirt knows when a migration is over, the command line does not. */
static void take_status(const struct sysroot *root, pid_t pid, const char *name,
			struct inspection *found)
{
	struct guest_status status;

	if (guest_status_read(root, name, pid, &status) < 0)
		return;
	found->migration_known = true;
	if (found->hold == HOLD_PINNED)
		return;
	found->hold = HOLD_NONE;
	if (status.migration == GUEST_MIGRATION_INCOMING)
		found->hold = HOLD_INCOMING_MIGRATION;
	else if (status.migration == GUEST_MIGRATION_OUTGOING)
		found->hold = HOLD_OUTGOING_MIGRATION;
	if (status.memory_bytes > 0)
		found->guest_declared_bytes = status.memory_bytes;
}

static int is_kept(void *context, unsigned number, struct span cpus)
{
	const struct node_cpus *map = context;
	struct idset nodes;

	(void)number;
	return node_cpus_divide(map, cpus, &nodes, NULL) == 0 && !idset_is_empty(&nodes) &&
	       !idset_is_subset(&map->nodes, &nodes);
}

/* Whoever pins them wants its memory to be near. */
static bool are_vcpus_kept(const struct sysroot *root, int pid_fd)
{
	static struct node_cpus map; /* large */

	return node_cpus_read(root, &map) == 0 && idset_count(&map.nodes) > 1 &&
	       vcpu_task_each(pid_fd, is_kept, &map) > 0;
}

struct policies {
	struct inspection *found;
	struct task_policy_view task;
	uint64_t rss_bytes;
	unsigned lines;
	unsigned lines_max;
	bool unknown; /* a bind to nodes that cannot be told */
	bool wants_preferences;
	bool wants_shared;
	bool prefers;	   /* a backend does, by the command line */
	bool task_prefers; /* one of the first mappings does */
	struct preference_tally tally;
};

static uint64_t resident_bytes(const struct numa_map *map)
{
	uint64_t page = map->page_size_bytes ? map->page_size_bytes : PAGE_BYTES, pages, sum = 0;
	struct span rest = map->rest;
	unsigned node;

	while (numa_map_next_node(&rest, &node, &pages))
		if (__builtin_add_overflow(sum, pages, &sum))
			return UINT64_MAX;
	return sum > UINT64_MAX / page ? UINT64_MAX : sum * page;
}

static bool is_mortal(const struct numa_map *map)
{
	return map->file && !map->huge && span_ends(map->path, "\\040(deleted)") &&
	       (span_starts(map->path, "/dev/zero") || span_starts(map->path, "/memfd:"));
}

/* A mapping bound by itself, which counts where it holds most of the process. */
static void take_map(struct policies *p, const struct numa_map *map)
{
	bool is_tasks =
		p->task.policy == NUMA_POLICY_BIND && idset_equal(&map->nodes, &p->task.nodes);

	p->lines++;
	if (p->lines <= LINES_FIRST)
		task_policy_see(&p->task, map);
	p->task_prefers |= p->lines <= LINES_FIRST && numa_map_preferred(map) >= 0;
	if (p->wants_preferences)
		preference_tally_add(&p->tally, map, PAGE_BYTES);
	if (p->wants_shared && is_mortal(map))
		p->found->mortal_bytes = plus(p->found->mortal_bytes, resident_bytes(map));
	if (map->policy != NUMA_POLICY_BIND || is_tasks ||
	    resident_bytes(map) < MAX_OF(p->rss_bytes / 2, (uint64_t)1))
		return;
	if (map->nodes_known)
		add_bind(p->found, &map->nodes, CONFINED_BY_MAPPING);
	else
		p->unknown = true;
}

/* Once the first mappings were seen. */
static void take_task(struct policies *p)
{
	struct inspection *found = p->found;

	found->task_policy = task_policy_of(&p->task);
	found->task_nodes = p->task.nodes;
	if (p->task.policy != NUMA_POLICY_BIND)
		return;
	if (p->task.nodes_known)
		add_bind(found, &p->task.nodes, CONFINED_BY_TASK);
	else
		p->unknown = true;
}

/* The more so that of the task shows first. */
static bool wants_all(const struct policies *p)
{
	return p->wants_shared || (p->wants_preferences && (p->prefers || p->task_prefers));
}

/* Has the process's own policy been seen, or is there nothing more to look for? */
static bool is_enough(const struct policies *p)
{
	if (wants_all(p))
		return p->lines >= LINES_ALL;
	return p->lines >= LINES_FIRST &&
	       (p->lines >= p->lines_max || p->task.policy == NUMA_POLICY_BIND ||
		p->found->has_bind || p->unknown);
}

static int read_policies(int pid_fd, struct policies *p)
{
	_cleanup_(closep) int fd = proc_pid_open_file(pid_fd, "numa_maps", O_RDONLY);
	char buffer[4 * PIECE_BYTES];
	size_t length = 0;

	if (fd < 0)
		return fd;
	while (!is_enough(p)) {
		size_t room = MIN_OF(sizeof(buffer) - length, (size_t)PIECE_BYTES);
		ssize_t n = room > 0 ? read(fd, buffer + length, room) : 0;
		struct span rest, line;
		struct numa_map map;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* The end, or a line longer than any that the kernel prints. */
		if (n == 0)
			break;
		length += (size_t)n;
		rest = span_of(buffer, length);
		while (span_next_line(&rest, &line))
			if (!is_enough(p) && numa_map_parse(line, false, &map) == 0)
				take_map(p, &map);
		memmove(buffer, rest.data, rest.length);
		length = rest.length;
	}
	if (p->lines == 0)
		return -ENODATA;
	take_task(p);
	p->found->preference_count = preference_tally_take(&p->tally, p->found->preferences);
	return 0;
}

static unsigned lines_to_read(const struct guest_cmdline *guest, uint64_t rss_bytes)
{
	bool told = guest->monitor != GUEST_MONITOR_NONE && guest->backend_count > 0;

	return told || rss_bytes > FURTHER_MAX_BYTES ? LINES_FIRST : LINES_MAX;
}

static int inspect(const struct sysroot *root, const struct work_request *request,
		   struct inspection *found)
{
	struct proc_stat stat;
	_cleanup_(closep) int fd =
		proc_pid_open_same(root, request->pid, request->start_ticks, &stat);
	struct policies policies = {
		.found = found,
		.wants_preferences = request->wants_preferences,
		.wants_shared = request->wants_shared,
	};
	struct proc_status status = { 0 };
	struct guest_cmdline guest;
	int r;

	if (fd < 0)
		return fd;
	r = read_command_line(fd, found, &guest, &policies.prefers);
	if (r < 0)
		return r;
	found->user_ticks = stat.user_ticks;
	if (guest.monitor == GUEST_MONITOR_QEMU)
		take_status(root, request->pid, guest.name, found);
	if (guest.monitor == GUEST_MONITOR_QEMU && found->hold != HOLD_PINNED &&
	    !found->migration_known && is_sent_away(fd))
		found->hold = HOLD_OUTGOING_MIGRATION;
	if (guest.monitor != GUEST_MONITOR_NONE)
		found->vcpus_kept = are_vcpus_kept(root, fd);
	(void)proc_status_read(fd, &status);
	policies.rss_bytes = status.rss_bytes;
	policies.lines_max = lines_to_read(&guest, status.rss_bytes);
	r = read_policies(fd, &policies);
	/* No file: a kernel without NUMA, or not captured. No lines: it is exiting. */
	if (r == -ENOENT || r == -ENODATA)
		return 0;
	if (r < 0)
		return r;
	found->bound_known = !policies.unknown;
	return 0;
}

void inspect_work(const struct sysroot *root, const struct work_request *request,
		  struct work_reply *ret_reply)
{
	*ret_reply = (struct work_reply){ .token = request->token, .final = true };
	ret_reply->error = -inspect(root, request, &ret_reply->inspection);
}
