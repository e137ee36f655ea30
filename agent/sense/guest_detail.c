/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/guest_detail.h"

#include "sense/guest_path.h"
#include "sense/guest_status_take.h"
#include "sense/sense.h"
#include "sys/node_cpus.h"
#include "sys/proc_pid.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "sys/vcpu_task.h"
#include "util/macro.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* A hostile monitor names what it likes: more than any guest has is not kept. */
#define BACKENDS_MAX 1024
#define USES_MAX     1024
#define VCPUS_MAX    4096

struct collection {
	struct guest_detail detail;
	size_t backend_room;
	size_t use_room;
	size_t vcpu_room;
	bool has_start;
	int error; /* -ENOMEM */
};

static void *grow(struct collection *c, void *list, size_t count, size_t *room, size_t size)
{
	size_t more = MAX_OF(*room * 2, (size_t)8);
	void *grown;

	if (count < *room)
		return list;
	grown = reallocarray(list, more, size);
	if (!grown) {
		c->error = -ENOMEM;
		return list;
	}
	*room = more;
	return grown;
}

static void add_backend(struct collection *c, const struct guest_backend *backend)
{
	struct guest_detail *d = &c->detail;

	if (d->backend_count == BACKENDS_MAX)
		return;
	d->backends =
		grow(c, d->backends, d->backend_count, &c->backend_room, sizeof(*d->backends));
	if (c->error == 0)
		d->backends[d->backend_count++] = *backend;
}

static void add_use(struct collection *c, const struct policy_use *use)
{
	struct process_policies *p = &c->detail.policies;

	if (p->use_count == USES_MAX)
		return;
	p->uses = grow(c, p->uses, p->use_count, &c->use_room, sizeof(*p->uses));
	if (c->error == 0)
		p->uses[p->use_count++] = *use;
}

static void take_task(struct process_policies *p, const struct policy_use *use)
{
	p->task_known = use->policy != MEMORY_POLICY_UNKNOWN;
	p->task = use->policy;
	p->task_nodes = use->nodes;
	p->task_nodes_known = use->nodes_known;
}

static void take_reply(void *context, const struct work_reply *reply)
{
	const struct description *d = &reply->description;
	struct collection *c = context;
	struct process_policies *p = &c->detail.policies;

	switch (d->part) {
	case DESCRIPTION_NOTHING:
		return;
	case DESCRIPTION_START:
		c->detail.start = d->start;
		c->has_start = true;
		return;
	case DESCRIPTION_BACKEND:
		add_backend(c, &d->backend);
		return;
	case DESCRIPTION_TASK:
		take_task(p, &d->use);
		return;
	case DESCRIPTION_USE:
		add_use(c, &d->use);
		return;
	case DESCRIPTION_USES_END:
	case DESCRIPTION_USES_CUT:
		p->uses_known = true;
		p->uses_cut = d->part == DESCRIPTION_USES_CUT;
		return;
	}
}

struct in_place {
	struct collection *collection;
	int error;
};

static int take_in_place(void *context, const struct work_reply *reply)
{
	struct in_place *in_place = context;

	take_reply(in_place->collection, reply);
	if (reply->final)
		in_place->error = -reply->error;
	return in_place->collection->error;
}

/* Where nothing can hang, or somebody is there for it. */
static int ask(const struct sysroot *root, const struct describer *describer, pid_t pid,
	       uint64_t start_ticks, struct collection *c)
{
	const struct work_request request = {
		.kind = WORK_DESCRIBE,
		.pid = pid,
		.start_ticks = start_ticks,
	};
	struct in_place in_place = { .collection = c };

	if (describer)
		return describer->ask(describer->context, &request, take_reply, c);
	if (root->live)
		return -EOPNOTSUPP;
	describe_work(root, &request, take_in_place, &in_place);
	return in_place.error;
}

static void read_status(int pid_fd, struct guest_detail *d)
{
	struct proc_status status;

	if (proc_status_read(pid_fd, &status) < 0)
		return;
	d->rss_bytes = status.rss_bytes;
	d->hugetlb_known = status.has_hugetlb;
	d->hugetlb_bytes = status.hugetlb_bytes;
	d->locked_bytes = status.locked_bytes;
	d->pinned_bytes = status.pinned_bytes;
	d->mems_known = status.mems_known;
	d->mems_allowed = status.mems_allowed;
}

static void read_cgroup(int pid_fd, struct guest_detail *d, char *path_name, size_t size)
{
	char path[PATH_MAX];
	enum guest_type type;
	int r = proc_cgroup_read(pid_fd, NULL, path, sizeof(path));

	path_name[0] = '\0';
	if (r == 0)
		r = proc_cgroup_read(pid_fd, "memory", path, sizeof(path));
	if (r <= 0)
		return;
	type = guest_path_parse(path, path_name, size);
	if (type == GUEST_NONE) {
		path_name[0] = '\0';
		return;
	}
	d->manager = guest_path_manager(path);
	d->start.sources |= GUEST_FROM_CGROUP;
	/* Helpers live beside a monitor: a command line that is another program's has the last
	 * word. */
	if (!(d->start.sources & GUEST_FROM_COMMAND_LINE))
		d->start.type = type;
}

struct vcpu_look {
	struct collection *collection;
	struct node_cpus cpus;
};

static int add_vcpu(void *context, unsigned number, struct span cpus)
{
	const struct vcpu_look *look = context;
	struct collection *c = look->collection;
	struct guest_detail *d = &c->detail;
	struct guest_vcpu vcpu = { .number = number };
	struct idset others = { { 0 } };

	if (d->vcpu_count == VCPUS_MAX)
		return 1;
	(void)node_cpus_divide(&look->cpus, cpus, &vcpu.nodes, &others);
	vcpu.pinned = !idset_is_empty(&others);
	d->vcpus = grow(c, d->vcpus, d->vcpu_count, &c->vcpu_room, sizeof(*d->vcpus));
	if (c->error == 0)
		d->vcpus[d->vcpu_count++] = vcpu;
	return c->error;
}

static int compare_vcpus(const void *a, const void *b)
{
	const struct guest_vcpu *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int read_vcpus(const struct sysroot *root, int pid_fd, struct collection *c)
{
	struct vcpu_look look = { .collection = c };

	if (node_cpus_read(root, &look.cpus) < 0)
		look.cpus.count = 0;
	(void)vcpu_task_each(pid_fd, add_vcpu, &look);
	if (c->detail.vcpu_count > 1)
		qsort(c->detail.vcpus, c->detail.vcpu_count, sizeof(*c->detail.vcpus),
		      compare_vcpus);
	return c->error;
}

static bool is_guest(const struct guest_detail *d)
{
	return d->start.type != GUEST_NONE;
}

static int read_guest(const struct sysroot *root, int pid_fd, const char *path_name,
		      struct collection *c)
{
	struct guest_detail *d = &c->detail;
	struct guest_backend cell;
	struct guest_status status;
	unsigned at = 0;

	if (d->start.name[0] == '\0')
		(void)span_copy(span_of(path_name, strlen(path_name)), d->start.name,
				sizeof(d->start.name));
	if (guest_status_read(root, d->start.name, d->pid, &status) == 0) {
		guest_status_take(d, &status);
		/* The backends of the command line tell more. */
		while (c->has_start == false && guest_status_cell(&status, &at, &cell))
			add_backend(c, &cell);
	}
	if (d->policies.uses_known)
		d->start.sources |= GUEST_FROM_MAPPINGS;
	return c->error == 0 ? read_vcpus(root, pid_fd, c) : c->error;
}

static int collect(const struct sysroot *root, const struct describer *describer, pid_t pid,
		   uint64_t start_ticks, struct collection *c)
{
	struct guest_detail *d = &c->detail;
	struct proc_stat stat;
	_cleanup_(closep) int fd = proc_pid_open_same(root, pid, start_ticks, &stat);
	char path_name[GUEST_TEXT_BYTES];
	int r;

	if (fd < 0)
		return fd;
	d->pid = pid;
	d->start_ticks = start_ticks;
	r = ask(root, describer, pid, start_ticks, c);
	if (r == -ESRCH || c->error < 0)
		return c->error < 0 ? c->error : r;
	/* Files that a captured tree lacks, and a kernel without NUMA. */
	d->policies_error = r == -ENOENT || r == -ENODATA ? 0 : -r;
	read_status(fd, d);
	read_cgroup(fd, d, path_name, sizeof(path_name));
	return is_guest(d) ? read_guest(root, fd, path_name, c) : 0;
}

int guest_detail_read(const struct sysroot *root, const struct describer *describer, pid_t pid,
		      uint64_t start_ticks, struct guest_detail *ret)
{
	struct collection c = { 0 };
	int r = collect(root, describer, pid, start_ticks, &c);

	if (r < 0) {
		guest_detail_done(&c.detail);
		return r;
	}
	*ret = c.detail;
	return 0;
}
