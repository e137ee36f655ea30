/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/guest_story.h"

#define GIB (UINT64_C(1) << 30)

static char lines[64][512];
static size_t count;

static void keep(void *context, const char *text)
{
	check(context == lines);
	check(count < 64);
	snprintf(lines[count++], sizeof(lines[0]), "%s", text);
}

static void tell(const struct guest_detail *detail)
{
	count = 0;
	guest_story_tell(detail, keep, lines);
	policy_story_tell(&detail->policies, keep, lines);
}

static bool is_told(const char *line)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(lines[i], line) == 0)
			return true;
	for (size_t i = 0; i < count; i++)
		printf("# %s\n", lines[i]);
	return false;
}

static bool is_mentioned(const char *part)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(lines[i], part))
			return true;
	return false;
}

static struct idset nodes_of(const char *text)
{
	struct idset set;

	check_int(idset_parse(text, &set), 0);
	return set;
}

static struct guest_detail guest_of(enum guest_type type, const char *name)
{
	struct guest_detail d = { .pid = 7, .start.type = type };

	strcpy(d.start.name, name);
	return d;
}

TEST(what_a_guest_is)
{
	struct guest_detail d = guest_of(GUEST_QEMU, "web");

	d.manager = GUEST_MANAGER_LIBVIRT;
	d.start.sources = GUEST_FROM_CGROUP | GUEST_FROM_STATUS;
	strcpy(d.state, "running (booted)");
	d.start.memory_bytes = 6 * GIB;
	d.start.memory_max_bytes = 16 * GIB;
	d.plugged_bytes = 2 * GIB;
	d.balloon_bytes = 5 * GIB;
	d.rss_bytes = GIB;
	d.hugetlb_bytes = 4 * GIB;
	d.locked_bytes = GIB;
	tell(&d);
	check(is_told("qemu guest web, by libvirt, running (booted)"));
	check(is_told("known from its cgroup, libvirt's status"));
	check(is_told("declared: 6 GiB, up to 16 GiB, 2 GiB of it plugged in, of which the balloon "
		      "leaves it 5 GiB"));
	check(is_told("resident: 1 GiB, and 4 GiB of huge pages that no RSS counts, 1 GiB locked"));
}

TEST(what_is_not_known_is_not_made_up)
{
	struct guest_detail d = guest_of(GUEST_FIRECRACKER, "");

	tell(&d);
	check(is_told("firecracker guest"));
	check(is_told("how much memory it was declared to have is not known"));
	check(!is_mentioned("vCPU") && !is_mentioned("known from") && !is_mentioned("policy"));
}

TEST(a_process_that_is_no_guest_has_policies_only)
{
	struct guest_detail d = guest_of(GUEST_NONE, "");

	d.policies.task_known = true;
	d.policies.task = MEMORY_POLICY_DEFAULT;
	tell(&d);
	check_int(count, 1);
	check(is_told("memory policy of the task: none"));
}

TEST(names_stay_on_their_line)
{
	struct guest_detail d = guest_of(GUEST_QEMU, "a\n\x1b[31mb");
	struct guest_backend backend = { .kind = "ram", .size_bytes = GIB };

	strcpy(backend.id, "x\ny");
	d.backends = &backend;
	d.backend_count = 1;
	tell(&d);
	check(is_told("qemu guest a\\x0a\\x1b[31mb"));
	for (size_t i = 0; i < count; i++)
		check(!strpbrk(lines[i], "\n\x1b"));
}

TEST(backends)
{
	struct guest_detail d = guest_of(GUEST_QEMU, "web");
	struct guest_backend backends[3] = {
		{ .id = "ram0",
		  .kind = "memfd",
		  .size_bytes = 2 * GIB,
		  .policy = MEMORY_POLICY_BIND,
		  .nodes = nodes_of("0"),
		  .nodes_known = true,
		  .hugetlb = true,
		  .page_bytes = 2 << 20,
		  .share = true,
		  .prealloc = true },
		{ .id = "dimm0",
		  .kind = "ram",
		  .policy = MEMORY_POLICY_INTERLEAVE,
		  .nodes = nodes_of("0-1"),
		  .nodes_known = true,
		  .plugged = true },
		{ .policy = MEMORY_POLICY_BIND, .kind = "ram", .size_bytes = GIB },
	};

	d.backends = backends;
	d.backend_count = 3;
	tell(&d);
	check(is_told("memory ram0 (memfd): 2 GiB, policy: bound to node 0, huge pages of 2 MiB, "
		      "shared, taken whole at start"));
	check(is_told("plugged-in memory dimm0 (ram): size not known, policy: interleaved over "
		      "nodes 0-1"));
	check(is_told("memory (ram): 1 GiB, policy: bound to nodes that cannot be "
		      "told"));
}

TEST(vcpus_in_runs)
{
	struct guest_detail d = guest_of(GUEST_QEMU, "web");
	struct guest_vcpu vcpus[] = {
		{ .number = 0, .nodes = nodes_of("0"), .pinned = true },
		{ .number = 1, .nodes = nodes_of("0"), .pinned = true },
		{ .number = 2, .nodes = nodes_of("1"), .pinned = true },
		{ .number = 4, .nodes = nodes_of("1"), .pinned = true },
		{ .number = 5, .nodes = nodes_of("0-1") },
	};

	d.start.vcpus = 5;
	d.start.vcpus_max = 8;
	d.vcpus = vcpus;
	d.vcpu_count = 5;
	tell(&d);
	check(is_told("5 vCPUs of 8"));
	check(is_told("vCPUs 0-1: pinned to CPUs of node 0"));
	check(is_told("vCPU 2: pinned to CPUs of node 1"));
	check(is_told("vCPU 4: pinned to CPUs of node 1"));
	check(is_told("vCPU 5: not pinned"));
}

TEST(what_holds_it)
{
	struct guest_detail d = guest_of(GUEST_QEMU, "web");

	d.start.vfio_devices = 2;
	d.start.memory_locked = d.start.confidential = d.start.unmerged = true;
	d.moving = GUEST_MOVE_OUTGOING;
	d.numa_mode = MEMORY_POLICY_BIND;
	d.numa_nodes = nodes_of("1");
	d.numa_auto = true;
	tell(&d);
	check(is_mentioned("2 devices passed through by VFIO"));
	check(is_mentioned("is locked"));
	check(is_mentioned("SEV"));
	check(is_mentioned("KSM"));
	check(is_mentioned("migrated away"));
	check(is_told("libvirt's numatune: bound to node 1, as numad advised"));
	d.numa_mode = MEMORY_POLICY_UNKNOWN;
	d.numa_restrictive = true;
	tell(&d);
	check(is_told("libvirt's numatune: restricted by cpuset to node 1, as numad advised"));
}

/* What is shown for a mapping without a policy is the task's: it is said once. */
TEST(policies)
{
	struct policy_use uses[] = {
		{ .policy = MEMORY_POLICY_DEFAULT, .mappings = 90, .bytes = GIB },
		{ .policy = MEMORY_POLICY_BIND,
		  .nodes = nodes_of("0"),
		  .nodes_known = true,
		  .mappings = 2,
		  .bytes = 4 * GIB,
		  .huge_bytes = 2 * GIB },
		{ .policy = MEMORY_POLICY_PREFERRED,
		  .nodes = nodes_of("1"),
		  .nodes_known = true,
		  .mappings = 1,
		  .bytes = 4096 },
	};
	struct guest_detail d = guest_of(GUEST_NONE, "");

	d.policies = (struct process_policies){
		.task_known = true,
		.task = MEMORY_POLICY_DEFAULT,
		.uses_known = true,
		.uses = uses,
		.use_count = 3,
	};
	tell(&d);
	check_int(count, 3);
	check(is_told("memory policy of 2 mappings with 4 GiB (2 GiB of huge pages): bound to node "
		      "0"));
	check(is_told("memory policy of 1 mapping with 4 KiB: preferring node 1"));
}

TEST(every_name_is_there)
{
	for (int i = MEMORY_POLICY_UNKNOWN; i <= MEMORY_POLICY_WEIGHTED_INTERLEAVE; i++)
		check(memory_policy_name((enum memory_policy)i)[0]);
	for (int i = GUEST_NONE; i <= GUEST_FIRECRACKER; i++)
		check(guest_type_name((enum guest_type)i)[0]);
	check(!guest_manager_name(GUEST_MANAGER_UNKNOWN));
	check(guest_manager_name(GUEST_MANAGER_JAILER));
}
