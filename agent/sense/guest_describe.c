/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The worker's description of one process: what its command line declares, then what its mappings
 * have. The mappings come last, as going through them may take longer than anybody waits; what was
 * said before then still holds.
 */

#include "sense/sense.h"
#include "sense/task_policy.h"
#include "sys/guest_cmdline.h"
#include "sys/guest_config.h"
#include "sys/numa_maps.h"
#include "sys/proc_pid.h"
#include "sys/span.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CMDLINE_BYTES 65536
/* Mappings of more policies than a guest of 32 cells has. */
#define USES_MAX 40
/* As many as inspect.c takes to know the task's policy. */
#define LINES_FIRST 8
#define PAGE_BYTES  4096

struct teller {
	int (*reply)(void *context, const struct work_reply *reply);
	void *context;
	uint64_t token;
	int error; /* of a reply */
};

static void tell(struct teller *t, const struct description *description)
{
	struct work_reply reply;

	if (t->error < 0)
		return;
	memset(&reply, 0, sizeof(reply));
	reply.token = t->token;
	reply.description = *description;
	t->error = t->reply(t->context, &reply);
}

static enum memory_policy declared_policy(enum guest_memory_policy policy)
{
	static const enum memory_policy policies[] = {
		[GUEST_MEMORY_DEFAULT] = MEMORY_POLICY_DEFAULT,
		[GUEST_MEMORY_PREFERRED] = MEMORY_POLICY_PREFERRED,
		[GUEST_MEMORY_BIND] = MEMORY_POLICY_BIND,
		[GUEST_MEMORY_INTERLEAVE] = MEMORY_POLICY_INTERLEAVE,
		[GUEST_MEMORY_UNKNOWN] = MEMORY_POLICY_UNKNOWN,
	};

	return policies[policy];
}

_Static_assert(GUEST_TEXT_BYTES >= GUEST_NAME_BYTES && GUEST_TEXT_BYTES >= GUEST_ID_BYTES,
	       "names are copied whole");

static void tell_backend(void *context, const struct guest_memory *memory)
{
	struct description d = { .part = DESCRIPTION_BACKEND };

	d.backend = (struct guest_backend){
		.size_bytes = memory->size_bytes,
		.policy = declared_policy(memory->policy),
		.nodes = memory->nodes,
		.nodes_known = memory->nodes_known,
		.prealloc = memory->prealloc,
		.share = memory->share,
		.hugetlb = memory->hugetlb,
		.page_bytes = memory->page_bytes,
		.plugged = memory->plugged,
	};
	(void)span_copy(span_of(memory->id, strlen(memory->id)), d.backend.id,
			sizeof(d.backend.id));
	(void)span_copy(span_of(memory->kind, strlen(memory->kind)), d.backend.kind,
			sizeof(d.backend.kind));
	tell(context, &d);
}

static enum guest_type type_of(enum guest_monitor monitor)
{
	static const enum guest_type types[] = {
		[GUEST_MONITOR_NONE] = GUEST_NONE,
		[GUEST_MONITOR_QEMU] = GUEST_QEMU,
		[GUEST_MONITOR_CLOUD_HYPERVISOR] = GUEST_CLOUD_HYPERVISOR,
		[GUEST_MONITOR_FIRECRACKER] = GUEST_FIRECRACKER,
	};

	return types[monitor];
}

static void take_config(const struct sysroot *root, int pid_fd, const char *path,
			struct guest_start *start)
{
	struct guest_config config;

	if (path[0] == '\0' || guest_config_read(root, pid_fd, path, &config) < 0)
		return;
	start->memory_bytes = config.memory_bytes;
	start->vcpus = start->vcpus_max = config.vcpus;
	start->hugetlb = config.hugetlb;
	start->sources |= GUEST_FROM_CONFIG;
}

static void tell_start(struct teller *t, const struct sysroot *root, int pid_fd,
		       const struct guest_cmdline *guest)
{
	struct description d = { .part = DESCRIPTION_START };

	d.start = (struct guest_start){
		.type = type_of(guest->monitor),
		.memory_bytes = guest->memory_bytes,
		.memory_max_bytes = guest->memory_max_bytes,
		.vcpus = guest->vcpus,
		.vcpus_max = guest->vcpus_max,
		.memory_locked = guest->memory_locked,
		.prealloc = guest->prealloc,
		.hugetlb = guest->hugetlb,
		.shared = guest->shared_memory,
		.unmerged = guest->unmerged,
		.confidential = guest->confidential,
		.incoming = guest->incoming,
		.vfio_devices = guest->vfio_devices,
		.sources = GUEST_FROM_COMMAND_LINE,
	};
	(void)span_copy(span_of(guest->name, strlen(guest->name)), d.start.name,
			sizeof(d.start.name));
	(void)span_copy(span_of(guest->uuid, strlen(guest->uuid)), d.start.uuid,
			sizeof(d.start.uuid));
	take_config(root, pid_fd, guest->config_path, &d.start);
	tell(t, &d);
}

static int describe_command_line(struct teller *t, const struct sysroot *root, int pid_fd)
{
	char text[CMDLINE_BYTES];
	ssize_t n = proc_cmdline_read(pid_fd, text, sizeof(text));
	struct guest_cmdline guest;

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return (int)n;
	if (guest_cmdline_parse_memories(text, (size_t)n, tell_backend, t, &guest) > 0)
		tell_start(t, root, pid_fd, &guest);
	return t->error;
}

struct survey {
	struct policy_use uses[USES_MAX];
	size_t count;
	bool is_cut;
	struct task_policy_view task;
	uint64_t lines;
};

static bool is_same(const struct policy_use *use, const struct policy_use *other)
{
	return use->policy == other->policy && use->nodes_known == other->nodes_known &&
	       idset_equal(&use->nodes, &other->nodes);
}

static void add_pages(uint64_t *bytes, uint64_t pages, uint64_t page_bytes)
{
	uint64_t more;

	if (__builtin_mul_overflow(pages, page_bytes, &more) ||
	    __builtin_add_overflow(*bytes, more, bytes))
		*bytes = UINT64_MAX;
}

static void survey_map(struct survey *survey, const struct numa_map *map)
{
	struct policy_use use = {
		.policy = memory_policy_of(map->policy),
		.nodes = map->nodes,
		.nodes_known = map->nodes_known,
	};
	uint64_t page = map->page_size_bytes ? map->page_size_bytes : PAGE_BYTES, pages;
	struct span rest = map->rest;
	size_t at = 0;
	unsigned node;

	while (at < survey->count && !is_same(&survey->uses[at], &use))
		at++;
	if (at == USES_MAX) {
		survey->is_cut = true;
		return;
	}
	if (at == survey->count)
		survey->uses[survey->count++] = use;
	survey->uses[at].mappings++;
	while (numa_map_next_node(&rest, &node, &pages)) {
		add_pages(&survey->uses[at].bytes, pages, page);
		if (map->huge)
			add_pages(&survey->uses[at].huge_bytes, pages, page);
	}
}

static void tell_task(struct teller *t, const struct task_policy_view *view)
{
	struct description d = { .part = DESCRIPTION_TASK };

	d.use.policy = memory_policy_of(view->policy);
	d.use.nodes = view->nodes;
	d.use.nodes_known = view->nodes_known;
	tell(t, &d);
}

static void tell_uses(struct teller *t, const struct survey *survey)
{
	struct description d = { .part = DESCRIPTION_USE };

	for (size_t i = 0; i < survey->count; i++) {
		d.use = survey->uses[i];
		tell(t, &d);
	}
	d = (struct description){
		.part = survey->is_cut ? DESCRIPTION_USES_CUT : DESCRIPTION_USES_END,
	};
	tell(t, &d);
}

/* The task's policy at once, and again if a later mapping corrects it. */
static int describe_mappings(struct teller *t, int pid_fd)
{
	_cleanup_(closep) int fd = proc_pid_open_file(pid_fd, "numa_maps", O_RDONLY);
	struct line_reader reader;
	struct survey survey;
	struct numa_map map;
	enum numa_policy said = NUMA_POLICY_UNKNOWN;
	int r;

	if (fd < 0)
		return fd;
	memset(&survey, 0, sizeof(survey));
	line_reader_init(&reader, fd);
	while ((r = numa_maps_next(&reader, &map)) > 0 && t->error == 0) {
		task_policy_see(&survey.task, &map);
		survey_map(&survey, &map);
		if (++survey.lines == LINES_FIRST) {
			tell_task(t, &survey.task);
			said = survey.task.policy;
		}
	}
	if (r < 0)
		return r;
	if (survey.lines == 0)
		return -ENODATA;
	if (survey.lines < LINES_FIRST || survey.task.policy != said)
		tell_task(t, &survey.task);
	tell_uses(t, &survey);
	return 0;
}

static int describe(const struct sysroot *root, const struct work_request *request,
		    struct teller *t)
{
	struct proc_stat stat;
	_cleanup_(closep) int fd =
		proc_pid_open_same(root, request->pid, request->start_ticks, &stat);
	int r = fd < 0 ? fd : describe_command_line(t, root, fd);

	return r < 0 ? r : describe_mappings(t, fd);
}

void describe_work(const struct sysroot *root, const struct work_request *request,
		   int (*reply)(void *context, const struct work_reply *reply), void *context)
{
	struct teller t = { .reply = reply, .context = context, .token = request->token };
	int r = describe(root, request, &t);
	struct work_reply final;

	memset(&final, 0, sizeof(final));
	final.token = request->token;
	final.final = true;
	final.error = -r;
	(void)reply(context, &final);
}
