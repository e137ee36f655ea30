/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/numa_story.h"
#include "util/macro.h"

#define MIB ((uint64_t)1 << 20)

static struct node nodes[4];
static struct node_share shares[4];
static struct idset allowed;
static struct service guest;
static struct snapshot machine;
static struct policy relieve, keep;
static struct numa_place place;
static char why[1024];

/* Ids have a gap; the last node has no CPUs. A guest with 300 MiB of node 2, which may be anywhere.
 */
static void set_up(void)
{
	static const unsigned ids[] = { 0, 2, 5, 9 };

	memset(nodes, 0, sizeof(nodes));
	memset(shares, 0, sizeof(shares));
	machine = (struct snapshot){ .nodes = nodes, .node_count = 4 };
	for (size_t i = 0; i < 4; i++) {
		nodes[i].id = ids[i];
		nodes[i].has_cpu = i < 3;
		idset_add(&machine.memory_nodes, ids[i]);
	}
	allowed = machine.memory_nodes;
	shares[1] = (struct node_share){ .bytes = 300 * MIB, .movable_bytes = 300 * MIB };
	guest = (struct service){
		.path = "machine.slice/a.scope",
		.name = "a",
		.guest = GUEST_QEMU,
		.shares = shares,
		.allowed = &allowed,
		.allowed_known = true,
	};
	relieve = (struct policy){ .nodes = NODES_RELIEVE };
	keep = (struct policy){ .nodes = NODES_KEEP };
}

static void confine(const char *list, unsigned by)
{
	check_int(idset_parse(list, &allowed), 0);
	guest.confined_by = (uint8_t)by;
}

static void put(size_t node, uint64_t anon, uint64_t file)
{
	shares[node] = (struct node_share){
		.bytes = (anon + file) * MIB,
		.movable_bytes = anon * MIB,
	};
}

static void look(const struct policy *policy, const struct guest_detail *detail)
{
	numa_story_place(&machine, policy, &guest, detail, &place);
}

static const char *home(void)
{
	static char text[64];
	struct strbuf b = STRBUF(text);

	idset_format(&place.home, &b);
	return text;
}

static void add_line(void *context, const char *text)
{
	struct strbuf *b = context;

	strbuf_addf(b, "%s%s", b->length ? "|" : "", text);
}

static const char *reasons(void)
{
	struct strbuf b = STRBUF(why);

	numa_story_why(&machine, &place, add_line, &b);
	return why;
}

TEST(what_may_go_is_movable_and_needs_no_reason)
{
	set_up();
	look(&relieve, NULL);
	check(place.known);
	check_int(place.total_bytes, 300 * MIB);
	check_int(place.movable_bytes, 300 * MIB);
	check_int(place.why, REFUSE_COUNT_);
	check_str(reasons(), "");
}

TEST(home_holds_more_than_half)
{
	set_up();
	put(0, 299, 0);
	look(&relieve, NULL);
	check_int(place.home_by, NUMA_HOME_MEMORY);
	check_str(home(), "2");
	put(0, 300, 0);
	look(&relieve, NULL);
	check_int(place.home_by, NUMA_HOME_NONE);
	check(idset_is_empty(&place.home));
}

TEST(home_is_what_its_policies_prefer_before_all)
{
	const struct preference preferences[] = {
		{ .node = 0, .home_bytes = 5 * MIB, .away_node = 2, .away_bytes = 7 * MIB },
		{ .node = 5, .home_bytes = 9 * MIB, .away_node = 5 },
	};
	struct guest_vcpu vcpus[1] = { { .pinned = true } };
	struct guest_backend backends[3] = {
		{ .policy = MEMORY_POLICY_PREFERRED, .nodes_known = true },
		{ .policy = MEMORY_POLICY_BIND, .nodes_known = true },
		{ .policy = MEMORY_POLICY_PREFERRED },
	};
	struct cpu_places cpus = { .runs_on = 9 };
	const struct guest_detail detail = {
		.vcpus = vcpus, .vcpu_count = 1, .backends = backends, .backend_count = 3
	};

	set_up();
	idset_add(&vcpus[0].nodes, 2);
	idset_add(&backends[0].nodes, 5);
	idset_add(&backends[1].nodes, 0);
	idset_add(&backends[2].nodes, 9);
	idset_add(&cpus.pinned, 2);
	guest.cpus = &cpus;
	guest.preferences = preferences;
	guest.preference_count = 2;
	look(&relieve, &detail);
	check_int(place.home_by, NUMA_HOME_POLICY);
	check_str(home(), "0,5");
	check_int(place.home_count, 2);
	check(place.homes_measured);
	check_int(place.homes[0].away_bytes, 7 * MIB);
	/* What it was started with, where nothing was measured. */
	guest.preference_count = 0;
	look(&relieve, &detail);
	check_int(place.home_by, NUMA_HOME_POLICY);
	check_str(home(), "5");
	check_int(place.home_count, 1);
	check(!place.homes_measured);
	backends[0].policy = MEMORY_POLICY_BIND;
	look(&relieve, &detail);
	check_int(place.home_by, NUMA_HOME_VCPUS);
	check_int(place.home_count, 0);
}

TEST(home_is_where_its_threads_are_kept_or_run)
{
	struct cpu_places cpus = { .runs_on = 0 };

	set_up();
	guest.cpus = &cpus;
	idset_add(&cpus.pinned, 5);
	look(&relieve, NULL);
	check_int(place.home_by, NUMA_HOME_VCPUS);
	check_str(home(), "5");
	idset_clear(&cpus.pinned);
	look(&relieve, NULL);
	check_int(place.home_by, NUMA_HOME_RUNS);
	check_str(home(), "0");
	cpus.runs_on = -1;
	look(&relieve, NULL);
	check_int(place.home_by, NUMA_HOME_MEMORY);
	check_str(home(), "2");
	/* Nor on a node that has no memory. */
	cpus.runs_on = 7;
	look(&relieve, NULL);
	check_int(place.home_by, NUMA_HOME_MEMORY);
}

TEST(nothing_is_at_home_nowhere)
{
	set_up();
	put(1, 0, 0);
	look(&relieve, NULL);
	check(place.known);
	check_int(place.home_by, NUMA_HOME_NONE);
}

TEST(home_is_where_vcpus_are_pinned)
{
	struct guest_vcpu vcpus[2] = { { .number = 0, .pinned = true },
				       { .number = 1, .pinned = true } };
	const struct guest_detail detail = { .vcpus = vcpus, .vcpu_count = 2 };

	set_up();
	idset_add(&vcpus[0].nodes, 0);
	idset_add(&vcpus[1].nodes, 0);
	look(&relieve, &detail);
	check_int(place.home_by, NUMA_HOME_VCPUS);
	check_str(home(), "0");
	idset_add(&vcpus[1].nodes, 5);
	look(&relieve, &detail);
	check_str(home(), "0,5");
	/* On all that have CPUs is not pinned, though a node without any is left. */
	idset_add(&vcpus[1].nodes, 2);
	look(&relieve, &detail);
	check_int(place.home_by, NUMA_HOME_MEMORY);
	check_str(home(), "2");
}

TEST(one_vcpu_that_floats_makes_no_home)
{
	struct guest_vcpu vcpus[2] = { { .number = 0, .pinned = true },
				       { .number = 1, .pinned = false } };
	const struct guest_detail detail = { .vcpus = vcpus, .vcpu_count = 2 };

	set_up();
	idset_add(&vcpus[0].nodes, 0);
	idset_add(&vcpus[1].nodes, 0);
	look(&relieve, &detail);
	check_int(place.home_by, NUMA_HOME_MEMORY);
}

TEST(home_is_no_node_without_memory)
{
	struct guest_vcpu vcpu = { .pinned = true };
	const struct guest_detail detail = { .vcpus = &vcpu, .vcpu_count = 1 };

	set_up();
	idset_add(&vcpu.nodes, 1);
	look(&relieve, &detail);
	check_int(place.home_by, NUMA_HOME_MEMORY);
}

TEST(confined_memory_stays_and_says_by_what)
{
	set_up();
	confine("2", CONFINED_BY_CPUSET);
	look(&relieve, NULL);
	check_int(place.movable_bytes, 0);
	check_str(reasons(), "it may not live on any other node, by its cpuset");
}

TEST(what_lies_where_it_may_not_be_can_go_home)
{
	set_up();
	confine("2", CONFINED_BY_BACKEND);
	put(0, 40, 0);
	look(&relieve, NULL);
	check_int(place.total_bytes, 340 * MIB);
	check_int(place.movable_bytes, 40 * MIB);
	check_int(place.why, REFUSE_CONFINED);
}

TEST(file_pages_stay)
{
	set_up();
	put(1, 280, 20);
	look(&relieve, NULL);
	check_int(place.movable_bytes, 280 * MIB);
	check_int(place.why, REFUSE_COUNT_);
	check_str(reasons(), "file pages are not moved, but left to reclaim");
	put(1, 0, 20);
	look(&keep, NULL);
	check_int(place.why, REFUSE_COUNT_);
}

TEST(each_reason_is_the_plans)
{
	set_up();
	look(&keep, NULL);
	check_str(reasons(), refusal_text(REFUSE_POLICY_KEEP));
	guest.hold = HOLD_PINNED;
	look(&relieve, NULL);
	check_int(place.movable_bytes, 0);
	check_str(reasons(), "its memory is pinned for devices, and cannot be moved");
	guest.hold = HOLD_INCOMING_MIGRATION;
	look(&relieve, NULL);
	check_str(reasons(), "it is being migrated to this host, and left alone");
	guest.hold = HOLD_NONE;
	guest.allowed_known = false;
	look(&relieve, NULL);
	check_str(reasons(), refusal_text(REFUSE_UNKNOWN_NODES));
	guest.is_self = true;
	look(&relieve, NULL);
	check_str(reasons(), refusal_text(REFUSE_PROTECTED));
}

TEST(what_lies_outside_of_the_policys_list_goes_there)
{
	struct policy list = { .nodes = NODES_LIST };

	set_up();
	idset_add(&list.nodes_list, 2);
	put(0, 40, 0);
	look(&list, NULL);
	check_int(place.movable_bytes, 40 * MIB);
	check_str(reasons(), refusal_text(REFUSE_POLICY_KEEP));
}

TEST(the_only_node_cannot_be_left)
{
	set_up();
	machine.node_count = 1;
	put(0, 50, 0);
	look(&relieve, NULL);
	check_int(place.total_bytes, 50 * MIB);
	check_int(place.movable_bytes, 0);
	check_int(place.why, REFUSE_CONFINED);
}

TEST(without_an_account_nothing_is_claimed)
{
	set_up();
	guest.shares = NULL;
	look(&relieve, NULL);
	check(!place.known);
	check_int(place.movable_bytes, 0);
	check_int(place.home_by, NUMA_HOME_NONE);
	check(strstr(reasons(), "memory.numa_stat") != NULL);
}

TEST(locked_is_not_pinned)
{
	struct guest_detail detail = { .rss_bytes = 300 * MIB, .locked_bytes = 150 * MIB };

	set_up();
	look(&relieve, &detail);
	check(place.locked);
	check_int(place.movable_bytes, 300 * MIB);
	check(strstr(reasons(), "can be moved") != NULL);
	detail.locked_bytes--;
	look(&relieve, &detail);
	check(!place.locked);
	detail.start.memory_locked = true;
	look(&relieve, &detail);
	check(place.locked);
	/* VFIO counts as locked. */
	guest.hold = HOLD_PINNED;
	look(&relieve, &detail);
	check(!place.locked);
}

TEST(huge_pages_and_sharing_are_said)
{
	struct guest_backend backend = { .share = true };
	const struct guest_detail detail = {
		.hugetlb_known = true,
		.hugetlb_bytes = 1024 * MIB,
		.backends = &backend,
		.backend_count = 1,
	};

	set_up();
	look(&relieve, &detail);
	check_int(place.huge_bytes, 1024 * MIB);
	check(place.shared);
	check(!place.locked);
	check_str(reasons(), "it has huge pages besides, which no account of nodes has|"
			     "its memory is shared with helpers (vhost-user, virtiofsd)");
}

TEST(only_moves_of_this_service_change_its_bytes)
{
	struct step steps[3] = {
		{ .action = ACTION_MIGRATE,
		  .target.key = 7,
		  .migrate = { .from_node = 2, .to_node = 0, .bytes = 100 * MIB } },
		{ .action = ACTION_COMPACT, .target.key = 7 },
		{ .action = ACTION_MIGRATE,
		  .target.key = 8,
		  .migrate = { .from_node = 2, .to_node = 5, .bytes = 10 * MIB } },
	};

	check_int(numa_bytes_after(300 * MIB, steps, 3, 7, 2), 200 * MIB);
	check_int(numa_bytes_after(0, steps, 3, 7, 0), 100 * MIB);
	check_int(numa_bytes_after(1, steps, 3, 7, 5), 1);
	/* It has less by now than when the step was planned. */
	check_int(numa_bytes_after(60 * MIB, steps, 3, 7, 2), 0);
	check_int(numa_room_after(50, steps, 3, 2), (int64_t)(50 + 110 * MIB));
	check_int(numa_room_after(50, steps, 3, 0), 50 - (int64_t)(100 * MIB));
	check_int(numa_room_after(50, steps, 3, 9), 50);
	steps[0].order = STEP_CANCEL;
	check_int(numa_bytes_after(300 * MIB, steps, 3, 7, 2), 300 * MIB);
}

TEST(a_guest_is_one_by_what_it_runs_or_by_policy)
{
	const struct policy vm = { .kind = KIND_VM };

	set_up();
	check(numa_is_guest(&relieve, &guest));
	guest.guest = GUEST_NONE;
	check(!numa_is_guest(&relieve, &guest));
	check(numa_is_guest(&vm, &guest));
}
