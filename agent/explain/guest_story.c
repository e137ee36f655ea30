/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/guest_story.h"

#include "util/macro.h"

#include <string.h>

#define LINE_BYTES 512

struct teller {
	void (*line)(void *context, const char *text);
	void *context;
	struct strbuf b;
};

static void end_line(struct teller *t)
{
	t->line(t->context, t->b.data);
	strbuf_reset(&t->b);
}

static void tell(struct teller *t, const char *text)
{
	strbuf_add(&t->b, text);
	end_line(t);
}

static void add_bytes(struct strbuf *b, uint64_t bytes)
{
	strbuf_add_bytes(b, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes);
}

const char *guest_type_name(enum guest_type type)
{
	static const char *const names[] = {
		[GUEST_NONE] = "no guest",
		[GUEST_QEMU] = "qemu",
		[GUEST_CLOUD_HYPERVISOR] = "cloud-hypervisor",
		[GUEST_FIRECRACKER] = "firecracker",
	};

	return names[type];
}

const char *guest_manager_name(enum guest_manager manager)
{
	static const char *const names[] = {
		[GUEST_MANAGER_LIBVIRT] = "libvirt",
		[GUEST_MANAGER_PROXMOX] = "Proxmox VE",
		[GUEST_MANAGER_JAILER] = "firecracker's jailer",
	};

	return (size_t)manager < ARRAY_SIZE(names) ? names[manager] : NULL;
}

const char *guest_remark_text(enum guest_remark remark)
{
	static const char *const texts[] = {
		[GUEST_IS_LOCKED] =
			"its memory is locked: no reclaim gets at it, but it can be moved",
		[GUEST_IS_SHARED] = "its memory is shared with helpers (vhost-user, virtiofsd)",
		[GUEST_IS_CONFIDENTIAL] =
			"its memory is encrypted for it alone (SEV, TDX), and cannot be moved",
	};

	return texts[remark];
}

const char *memory_policy_name(enum memory_policy policy)
{
	static const char *const names[] = {
		[MEMORY_POLICY_UNKNOWN] = "unknown",
		[MEMORY_POLICY_DEFAULT] = "default",
		[MEMORY_POLICY_LOCAL] = "local",
		[MEMORY_POLICY_PREFERRED] = "prefer",
		[MEMORY_POLICY_PREFERRED_MANY] = "prefer (many)",
		[MEMORY_POLICY_BIND] = "bind",
		[MEMORY_POLICY_INTERLEAVE] = "interleave",
		[MEMORY_POLICY_WEIGHTED_INTERLEAVE] = "weighted interleave",
	};

	return names[policy];
}

static void add_nodes(struct strbuf *b, const struct idset *nodes)
{
	strbuf_add(b, idset_count(nodes) > 1 ? "nodes " : "node ");
	idset_format(nodes, b);
}

static void add_policy(struct strbuf *b, enum memory_policy policy, const struct idset *nodes,
		       bool nodes_known)
{
	static const char *const words[] = {
		[MEMORY_POLICY_UNKNOWN] = "a policy that is not known",
		[MEMORY_POLICY_DEFAULT] = "none",
		[MEMORY_POLICY_LOCAL] = "local",
		[MEMORY_POLICY_PREFERRED] = "preferring ",
		[MEMORY_POLICY_PREFERRED_MANY] = "preferring any of ",
		[MEMORY_POLICY_BIND] = "bound to ",
		[MEMORY_POLICY_INTERLEAVE] = "interleaved over ",
		[MEMORY_POLICY_WEIGHTED_INTERLEAVE] = "interleaved by weight over ",
	};

	strbuf_add(b, words[policy]);
	if (policy < MEMORY_POLICY_PREFERRED)
		return;
	if (nodes_known && !idset_is_empty(nodes))
		add_nodes(b, nodes);
	else
		strbuf_add(b, "nodes that cannot be told");
}

static void tell_title(struct teller *t, const struct guest_detail *d)
{
	const char *manager = guest_manager_name(d->manager);

	strbuf_addf(&t->b, "%s guest", guest_type_name(d->start.type));
	if (d->start.name[0]) {
		strbuf_add_char(&t->b, ' ');
		strbuf_add_name(&t->b, d->start.name);
	}
	if (manager)
		strbuf_addf(&t->b, ", by %s", manager);
	if (d->start.uuid[0]) {
		strbuf_add(&t->b, ", ");
		strbuf_add_name(&t->b, d->start.uuid);
	}
	if (d->state[0])
		strbuf_addf(&t->b, ", %s", d->state);
	end_line(t);
}

static void tell_sources(struct teller *t, const struct guest_detail *d)
{
	static const struct {
		enum guest_source source;
		const char *name;
	} sources[] = {
		{ GUEST_FROM_CGROUP, "its cgroup" },
		{ GUEST_FROM_COMMAND_LINE, "its command line" },
		{ GUEST_FROM_STATUS, "libvirt's status" },
		{ GUEST_FROM_CONFIG, "its configuration file" },
		{ GUEST_FROM_MAPPINGS, "its mappings" },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		if (!(d->start.sources & sources[i].source))
			continue;
		strbuf_addf(&t->b, "%s%s", any ? ", " : "known from ", sources[i].name);
		any = true;
	}
	if (any)
		end_line(t);
}

static void add_amount(struct strbuf *b, const char *before, uint64_t bytes, const char *behind)
{
	if (bytes == 0)
		return;
	strbuf_add(b, before);
	add_bytes(b, bytes);
	strbuf_add(b, behind);
}

static void tell_memory(struct teller *t, const struct guest_detail *d)
{
	if (d->start.memory_bytes == 0) {
		tell(t, "how much memory it was declared to have is not known");
	} else {
		add_amount(&t->b, "declared: ", d->start.memory_bytes, "");
		if (d->start.memory_max_bytes > d->start.memory_bytes)
			add_amount(&t->b, ", up to ", d->start.memory_max_bytes, "");
		add_amount(&t->b, ", ", d->plugged_bytes, " of it plugged in");
		if (d->balloon_bytes != d->start.memory_bytes)
			add_amount(&t->b, ", of which the balloon leaves it ", d->balloon_bytes,
				   "");
		end_line(t);
	}
	strbuf_add(&t->b, "resident: ");
	add_bytes(&t->b, d->rss_bytes);
	add_amount(&t->b, ", and ", d->hugetlb_bytes, " of huge pages that no RSS counts");
	add_amount(&t->b, ", ", d->locked_bytes, " locked");
	add_amount(&t->b, ", ", d->pinned_bytes, " pinned");
	end_line(t);
}

static void tell_backend(struct teller *t, const struct guest_backend *backend)
{
	strbuf_add(&t->b, backend->plugged ? "plugged-in memory" : "memory");
	if (backend->id[0]) {
		strbuf_add_char(&t->b, ' ');
		strbuf_add_name(&t->b, backend->id);
	}
	if (backend->kind[0] && strcmp(backend->kind, "memory") != 0) {
		strbuf_add(&t->b, " (");
		strbuf_add_name(&t->b, backend->kind);
		strbuf_add_char(&t->b, ')');
	}
	strbuf_add(&t->b, ": ");
	if (backend->size_bytes > 0)
		add_bytes(&t->b, backend->size_bytes);
	else
		strbuf_add(&t->b, "size not known");
	strbuf_add(&t->b, ", policy: ");
	add_policy(&t->b, backend->policy, &backend->nodes, backend->nodes_known);
	if (backend->hugetlb) {
		strbuf_add(&t->b, ", huge pages");
		add_amount(&t->b, " of ", backend->page_bytes, "");
	}
	if (backend->share)
		strbuf_add(&t->b, ", shared");
	if (backend->prealloc)
		strbuf_add(&t->b, ", taken whole at start");
	end_line(t);
}

static void tell_numatune(struct teller *t, const struct guest_detail *d)
{
	if (d->numa_mode == MEMORY_POLICY_UNKNOWN && !d->numa_restrictive)
		return;
	strbuf_add(&t->b, "libvirt's numatune: ");
	if (d->numa_restrictive)
		strbuf_add(&t->b, "restricted by cpuset to ");
	if (idset_is_empty(&d->numa_nodes))
		strbuf_add(&t->b, "nodes that are not said");
	else if (d->numa_restrictive)
		add_nodes(&t->b, &d->numa_nodes);
	else
		add_policy(&t->b, d->numa_mode, &d->numa_nodes, true);
	if (d->numa_auto)
		strbuf_add(&t->b, ", as numad advised");
	end_line(t);
}

static bool same_place(const struct guest_vcpu *a, const struct guest_vcpu *b)
{
	return a->pinned == b->pinned && idset_equal(&a->nodes, &b->nodes);
}

/* Those next to each other that run in one place. */
static void tell_vcpu_run(struct teller *t, const struct guest_vcpu *first, size_t count)
{
	const struct guest_vcpu *last = first + count - 1;

	if (count > 1)
		strbuf_addf(&t->b, "vCPUs %u-%u: ", first->number, last->number);
	else
		strbuf_addf(&t->b, "vCPU %u: ", first->number);
	if (!first->pinned) {
		tell(t, "not pinned");
		return;
	}
	strbuf_add(&t->b, "pinned to CPUs of ");
	if (idset_is_empty(&first->nodes))
		strbuf_add(&t->b, "no node that is known");
	else
		add_nodes(&t->b, &first->nodes);
	end_line(t);
}

static void tell_vcpus(struct teller *t, const struct guest_detail *d)
{
	if (d->start.vcpus > 0) {
		strbuf_addf(&t->b, "%u vCPU%s", d->start.vcpus, d->start.vcpus == 1 ? "" : "s");
		if (d->start.vcpus_max > d->start.vcpus)
			strbuf_addf(&t->b, " of %u", d->start.vcpus_max);
		end_line(t);
	}
	for (size_t i = 0, run; i < d->vcpu_count; i += run) {
		for (run = 1; i + run < d->vcpu_count; run++)
			if (!same_place(&d->vcpus[i], &d->vcpus[i + run]) ||
			    d->vcpus[i + run].number != d->vcpus[i].number + run)
				break;
		tell_vcpu_run(t, &d->vcpus[i], run);
	}
}

static void tell_holds(struct teller *t, const struct guest_detail *d)
{
	if (d->moving == GUEST_MOVE_INCOMING)
		tell(t, "it is being migrated to this host: left alone until that is over");
	if (d->moving == GUEST_MOVE_OUTGOING)
		tell(t, "it is being migrated away: left alone until that is over");
	if (d->start.vfio_devices > 0) {
		strbuf_addf(&t->b,
			    "%u device%s passed through by VFIO: all of its memory is pinned, "
			    "unless a virtual IOMMU stands between",
			    d->start.vfio_devices, d->start.vfio_devices == 1 ? "" : "s");
		end_line(t);
	}
	if (d->start.confidential)
		tell(t, guest_remark_text(GUEST_IS_CONFIDENTIAL));
	if (d->start.memory_locked)
		tell(t, guest_remark_text(GUEST_IS_LOCKED));
	if (d->start.shared && d->backend_count == 0)
		tell(t, guest_remark_text(GUEST_IS_SHARED));
	if (d->start.unmerged)
		tell(t, "KSM is kept from merging its pages");
	if (d->start.prealloc && d->backend_count == 0)
		tell(t, "its memory is taken whole at start");
}

static struct teller begin(char text[LINE_BYTES], void (*line)(void *context, const char *text),
			   void *context)
{
	struct teller t = {
		.line = line,
		.context = context,
		.b = { .data = text, .size = LINE_BYTES },
	};

	strbuf_reset(&t.b);
	return t;
}

void guest_story_tell(const struct guest_detail *d, void (*line)(void *context, const char *text),
		      void *context)
{
	char text[LINE_BYTES];
	struct teller t = begin(text, line, context);

	if (d->start.type == GUEST_NONE)
		return;
	tell_title(&t, d);
	tell_sources(&t, d);
	tell_memory(&t, d);
	for (size_t i = 0; i < d->backend_count; i++)
		tell_backend(&t, &d->backends[i]);
	tell_numatune(&t, d);
	tell_vcpus(&t, d);
	tell_holds(&t, d);
}

/* What is printed for a mapping that has no policy is the task's. */
static bool is_tasks(const struct process_policies *p, const struct policy_use *use)
{
	return p->task_known && use->policy == p->task && idset_equal(&use->nodes, &p->task_nodes);
}

void policy_story_tell(const struct process_policies *p,
		       void (*line)(void *context, const char *text), void *context)
{
	char text[LINE_BYTES];
	struct teller t = begin(text, line, context);

	if (p->task_known) {
		strbuf_add(&t.b, "memory policy of the task: ");
		add_policy(&t.b, p->task, &p->task_nodes, p->task_nodes_known);
		end_line(&t);
	}
	for (size_t i = 0; i < p->use_count; i++) {
		const struct policy_use *use = &p->uses[i];

		if (is_tasks(p, use))
			continue;
		strbuf_addf(&t.b, "memory policy of %llu mapping%s with ",
			    (unsigned long long)use->mappings, use->mappings == 1 ? "" : "s");
		add_bytes(&t.b, use->bytes);
		add_amount(&t.b, " (", use->huge_bytes, " of huge pages)");
		strbuf_add(&t.b, ": ");
		add_policy(&t.b, use->policy, &use->nodes, use->nodes_known);
		end_line(&t);
	}
	if (p->uses_cut)
		tell(&t, "its mappings have more policies than these");
}
