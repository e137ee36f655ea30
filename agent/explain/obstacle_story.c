/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What holds memory, how it was found out, and who can let go of it:
 *
 * libvirt's numatune mode='strict' is a cpuset of libvirt's and, for guests with virtual nodes, a
 * policy that QEMU has set; libvirt refuses to change it on a running guest since 8.0, as nothing
 * can change the latter from outside. mode='restrictive' is the cpuset alone, and can be changed.
 * The pages of a device that is passed through are pinned as long as it is mapped for it: all of
 * the guest, unless a virtual IOMMU tells which. Huge pages of pools move into idle ones of the
 * same size only.
 */

#include "explain/obstacle_story.h"

#include "act/movable.h"
#include "util/amount.h"
#include "util/macro.h"

#include <string.h>

#define BIT(obstacle) (1U << (obstacle))

static const struct {
	const char *name;
	/* NULL: it is made of what is known of the policy, or of the machine. */
	const char *text;
} obstacles[OBSTACLE_COUNT_] = {
	[OBSTACLE_STRICT] = { "numatune-strict",
			      "bound by libvirt's numatune mode='strict', which virsh numatune "
			      "cannot change on a running domain (libvirt 8.0 on): "
			      "mode='restrictive' or 'preferred' at the next start lets it be "
			      "moved" },
	[OBSTACLE_RESTRICTIVE] = { "numatune-restrictive", NULL },
	[OBSTACLE_BACKEND] = { "backend-bound",
			       "its memory backends are bound by QEMU (host-nodes=, policy=bind), "
			       "which nobody can change while it runs: policy=preferred at the "
			       "next "
			       "start lets it be moved" },
	[OBSTACLE_MAPPING] = { "mapping-bound",
			       "its mappings are bound by a policy of their own (mbind(2)), which "
			       "nobody else can change while it runs" },
	[OBSTACLE_TASK] = { "task-bound",
			    "its processes were started with a memory policy (numactl --membind, "
			    "NUMAPolicy=bind of its unit), which changes at the next start" },
	[OBSTACLE_UNIT_CPUSET] = { "unit-cpuset", NULL },
	[OBSTACLE_OUTER_CPUSET] = { "outer-cpuset",
				    "kept by the cpuset of a cgroup above or below its own: "
				    "AllowedMemoryNodes= of its slice, or what its manager wrote" },
	[OBSTACLE_PINNED] = { "pinned",
			      "pinned for devices that are passed through (VFIO): all of it, "
			      "unless "
			      "a virtual IOMMU stands between; memory that was added by virtio-mem "
			      "can be taken back beside VFIO, a balloon takes nothing; else it has "
			      "to leave this host as a whole" },
	[OBSTACLE_HELD] = { "held-in-place",
			    "most of it is pinned by the kernel's own count (VmPin, VmLck of its "
			    "processes), and not by a device of its command line: one that was "
			    "plugged in since, vhost-vdpa, RDMA or io_uring keep it so until they "
			    "let go" },
	[OBSTACLE_MIGRATION] = { "live-migration",
				 "a live migration is under way: left alone until that is over" },
	[OBSTACLE_CONFIDENTIAL] = { "confidential",
				    "encrypted for it alone (SEV, TDX): the host cannot move it "
				    "between nodes, only the choice at its start counts" },
	[OBSTACLE_KEEP] = { "nodes-keep", NULL },
	[OBSTACLE_LIST] = { "nodes-list", NULL },
	[OBSTACLE_UNMOVABLE] = { "unmovable",
				 "it did not move when that was tried: what is pinned (for "
				 "devices, "
				 "RDMA, io_uring) stays until whoever pinned it lets go; it is "
				 "tried "
				 "again after ten minutes, after an hour where most was held, or "
				 "when it has another size" },
	[OBSTACLE_NO_ROOM] = { "no-room",
			       "no other node that it may use has room for it: that takes a guest "
			       "less here, or fewer idle huge pages there" },
	[OBSTACLE_AGENT] = { "agent-bound",
			     "the agent itself is kept off that node, or may not move pages: its "
			     "unit and the slices above need all nodes (no AllowedMemoryNodes=), "
			     "and "
			     "CAP_SYS_NICE and CAP_SYS_PTRACE" },
	[OBSTACLE_HUGETLB] = { "huge-pages",
			       "huge pages of a pool, on no account of nodes, stay where they are: "
			       "migratepages(8) takes them along only where the other node has "
			       "idle "
			       "huge pages of that size (nr_hugepages of that node)" },
	[OBSTACLE_VCPUS] = { "vcpu-pins",
			     "its vCPUs are pinned to the same nodes: memory elsewhere is farther "
			     "from them, unless virsh vcpupin lets them go there too" },
	[OBSTACLE_BALLOON] = { "balloon",
			       "its balloon leaves it less than it was declared: what it is given "
			       "back (virsh setmem) comes on top" },
};

const char *obstacle_name(enum obstacle obstacle)
{
	return obstacles[obstacle].name;
}

/* What lies outside of a policy's list of nodes is moved into it. */
enum refusal obstacle_refusal(const struct snapshot *s, const struct policy *policy,
			      const struct service *service, size_t node)
{
	bool follows =
		policy->nodes == NODES_LIST && !idset_has(&policy->nodes_list, s->nodes[node].id);

	return follows || movable_by_policy(policy) ? movable_objection(s, service, node)
						    : REFUSE_POLICY_KEEP;
}

static bool has_own_cpuset(const struct service *service)
{
	return service->settings && service->settings->nodes &&
	       !idset_is_empty(service->settings->nodes);
}

static bool is_strict(const struct guest_detail *detail)
{
	return detail && detail->numa_mode == MEMORY_POLICY_BIND && !detail->numa_restrictive;
}

static unsigned find_cpuset(const struct service *service)
{
	if (!(service->confined_by & CONFINED_BY_CPUSET))
		return 0;
	return BIT(has_own_cpuset(service) ? OBSTACLE_UNIT_CPUSET : OBSTACLE_OUTER_CPUSET);
}

/* libvirt's own words for it stand for the cpuset and the policies that it makes of them; on v1,
 * where systemd sets none, the scope's cpuset is libvirt's as well. */
static unsigned find_bounds(const struct snapshot *snapshot, const struct service *service,
			    const struct guest_detail *detail)
{
	unsigned found = 0;

	if (is_strict(detail) || (detail && detail->numa_restrictive)) {
		found = BIT(is_strict(detail) ? OBSTACLE_STRICT : OBSTACLE_RESTRICTIVE);
		if (has_own_cpuset(service) && !snapshot->host.memory_is_v1)
			found |= BIT(OBSTACLE_UNIT_CPUSET);
		return found;
	}
	found = find_cpuset(service);
	if (service->confined_by & CONFINED_BY_BACKEND)
		found |= BIT(OBSTACLE_BACKEND);
	else if (service->confined_by & CONFINED_BY_MAPPING)
		found |= BIT(OBSTACLE_MAPPING);
	if (service->confined_by & CONFINED_BY_TASK)
		found |= BIT(OBSTACLE_TASK);
	return found;
}

static bool are_vcpus_within(const struct guest_detail *detail, const struct idset *allowed)
{
	for (size_t i = 0; i < detail->vcpu_count; i++)
		if (!detail->vcpus[i].pinned || !idset_is_subset(&detail->vcpus[i].nodes, allowed))
			return false;
	return detail->vcpu_count > 0;
}

static unsigned find_confined(const struct snapshot *snapshot, const struct service *service,
			      const struct guest_detail *detail)
{
	unsigned found = find_bounds(snapshot, service, detail);

	if (found && detail && service->allowed_known && are_vcpus_within(detail, service->allowed))
		found |= BIT(OBSTACLE_VCPUS);
	return found;
}

/* What is encrypted is pinned as well, and that is said by itself. */
static unsigned find_pins(const struct service *service, const struct guest_detail *detail)
{
	if (!detail)
		return BIT(service->guest != GUEST_NONE ? OBSTACLE_PINNED : OBSTACLE_HELD);
	if (detail->start.vfio_devices > 0)
		return BIT(OBSTACLE_PINNED);
	return detail->start.confidential ? 0 : BIT(OBSTACLE_HELD);
}

/* That its policy keeps it hides what else would: to change the one alone would be of no use. */
static unsigned find_kept(const struct snapshot *snapshot, const struct service *service,
			  const struct policy *policy, const struct guest_detail *detail)
{
	unsigned found = 0;

	if (service->hold == HOLD_PINNED)
		found |= find_pins(service, detail);
	if (service->allowed_known && !idset_equal(service->allowed, &snapshot->memory_nodes))
		found |= find_confined(snapshot, service, detail);
	if (policy->nodes == NODES_LIST)
		return found | BIT(OBSTACLE_LIST);
	return found | BIT(OBSTACLE_KEEP);
}

static unsigned find_by_refusal(const struct snapshot *snapshot, const struct service *service,
				const struct policy *policy, const struct guest_detail *detail,
				enum refusal why)
{
	switch (why) {
	case REFUSE_POLICY_KEEP:
		return find_kept(snapshot, service, policy, detail);
	case REFUSE_HELD:
		return service->hold == HOLD_PINNED ? find_pins(service, detail)
						    : BIT(OBSTACLE_MIGRATION);
	case REFUSE_CONFINED:
	case REFUSE_OTHERS_NODES:
		return find_confined(snapshot, service, detail);
	case REFUSE_BARRED:
	case REFUSE_UNMOVABLE:
		return BIT(OBSTACLE_UNMOVABLE);
	case REFUSE_NO_ROOM:
		return BIT(OBSTACLE_NO_ROOM);
	case REFUSE_AGENT_BOUND:
		return BIT(OBSTACLE_AGENT);
	default:
		return 0;
	}
}

unsigned obstacle_find(const struct snapshot *snapshot, const struct service *service,
		       const struct policy *policy, const struct guest_detail *detail,
		       enum refusal why)
{
	unsigned found = find_by_refusal(snapshot, service, policy, detail, why);

	if (snapshot->node_count < 2)
		return 0;
	if (!detail)
		return found;
	if (detail->start.confidential)
		found |= BIT(OBSTACLE_CONFIDENTIAL);
	if (detail->hugetlb_known && detail->hugetlb_bytes > 0)
		found |= BIT(OBSTACLE_HUGETLB);
	/* What can be moved may grow elsewhere. */
	if (found && detail->balloon_bytes > 0 &&
	    detail->balloon_bytes < detail->start.memory_bytes)
		found |= BIT(OBSTACLE_BALLOON);
	return found;
}

static void add_policy_name(const struct policy *policy, struct strbuf *out)
{
	strbuf_add(out, "its policy ");
	if (policy->set)
		strbuf_addf(out, "%s/", policy->set);
	strbuf_add(out, policy->name);
}

static void add_unit_cpuset(const struct snapshot *snapshot, const struct service *service,
			    struct strbuf *out)
{
	if (service->owner != OWNER_SYSTEMD || snapshot->host.memory_is_v1) {
		strbuf_add(out,
			   "kept by the cpuset.mems of its own cgroup: the nodes written there, "
			   "by whoever manages it, have to be more");
		return;
	}
	strbuf_add(out, "kept by AllowedMemoryNodes= of its unit: systemctl set-property --runtime "
			"UNIT AllowedMemoryNodes=");
	idset_format(&snapshot->memory_nodes, out);
	strbuf_add(out, " lets it be moved");
}

void obstacle_text(const struct snapshot *snapshot, const struct policy *policy,
		   const struct service *service, enum obstacle obstacle, struct strbuf *out)
{
	if (obstacles[obstacle].text) {
		strbuf_add(out, obstacles[obstacle].text);
		return;
	}
	switch (obstacle) {
	case OBSTACLE_RESTRICTIVE:
		strbuf_add(out,
			   "kept by libvirt's numatune mode='restrictive', which can be changed "
			   "while it runs: virsh numatune DOMAIN --nodeset ");
		idset_format(&snapshot->memory_nodes, out);
		strbuf_add(out, " --live lets it be moved");
		break;
	case OBSTACLE_UNIT_CPUSET:
		add_unit_cpuset(snapshot, service, out);
		break;
	case OBSTACLE_KEEP:
		add_policy_name(policy, out);
		strbuf_add(out, " has Nodes=keep: with Nodes=relieve a move may take its memory");
		break;
	case OBSTACLE_LIST:
		add_policy_name(policy, out);
		strbuf_add(out, " has Nodes=");
		idset_format(&policy->nodes_list, out);
		strbuf_add(out, ", and nothing moves off these: Nodes=relieve, or other nodes");
		break;
	default:
		break;
	}
}

bool obstacle_node_text(const struct node *node, struct strbuf *out)
{
	uint64_t pages = less(node->huge_pages_free, node->huge_pages_reserved), bytes;

	if (pages == 0 || node->huge_page_bytes == 0)
		return false;
	if (__builtin_mul_overflow(pages, node->huge_page_bytes, &bytes))
		bytes = UINT64_MAX;
	strbuf_add_bytes(out, (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX));
	strbuf_addf(out, " of node %u lies idle in its pool of huge pages of ", node->id);
	strbuf_add_bytes(out, (int64_t)MIN_OF(node->huge_page_bytes, (uint64_t)INT64_MAX));
	strbuf_add(out,
		   ": the action hugetlb-shrink gives it back, or a smaller nr_hugepages of that "
		   "node");
	return true;
}

/* NULL: no room for another one. */
static struct advice *find_advice(struct advice_list *list, enum obstacle obstacle,
				  const char *text)
{
	struct strbuf b;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].obstacle == obstacle && strcmp(list->items[i].text, text) == 0)
			return &list->items[i];
	if (list->count == ADVICE_MAX)
		return NULL;
	list->items[list->count] = (struct advice){ .obstacle = obstacle };
	b = (struct strbuf)STRBUF(list->items[list->count].text);
	strbuf_add(&b, text);
	return &list->items[list->count++];
}

void advice_add(struct advice_list *list, const struct snapshot *snapshot,
		const struct policy *policy, const struct service *service, unsigned bits,
		uint64_t bytes, uint64_t huge_bytes)
{
	char text[ADVICE_BYTES];
	struct strbuf b = STRBUF(text);

	for (int i = 0; i < OBSTACLE_COUNT_; i++) {
		uint64_t kept = i == OBSTACLE_HUGETLB ? huge_bytes : bytes;
		struct advice *advice;

		if (!(bits & BIT(i)))
			continue;
		strbuf_reset(&b);
		obstacle_text(snapshot, policy, service, (enum obstacle)i, &b);
		advice = find_advice(list, (enum obstacle)i, text);
		if (!advice) {
			list->left_out++;
			continue;
		}
		if (advice->count < ADVICE_SERVICES_MAX) {
			advice->services[advice->count].service = service;
			advice->services[advice->count].bytes = kept;
		}
		advice->count++;
		advice->bytes = plus(advice->bytes, kept);
	}
}

static void add_amount(uint64_t bytes, struct strbuf *out)
{
	strbuf_add(out, " (");
	strbuf_add_bytes(out, (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX));
	strbuf_add_char(out, ')');
}

/* More names than these do not help. */
#define NAMES_SHOWN 6

void advice_names(const struct advice *advice, struct strbuf *out)
{
	size_t shown = MIN_OF(advice->count, (size_t)NAMES_SHOWN);
	uint64_t rest = advice->bytes;

	for (size_t i = 0; i < shown; i++) {
		if (i > 0)
			strbuf_add(out, ", ");
		strbuf_add_name(out, advice->services[i].service->name);
		add_amount(advice->services[i].bytes, out);
		rest = less(rest, advice->services[i].bytes);
	}
	if (shown == advice->count)
		return;
	strbuf_addf(out, " and %zu more", advice->count - shown);
	add_amount(rest, out);
}
