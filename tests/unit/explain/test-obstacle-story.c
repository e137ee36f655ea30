/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/obstacle_story.h"

#include <string.h>

#define GIB	((uint64_t)1 << 30)
#define BIT(of) (1U << (of))

static struct node nodes[2];
static struct idset allowed, own_nodes;
static struct service_settings settings;
static struct service guest;
static struct snapshot machine;
static struct policy relieve, keep;
static struct guest_detail detail;
static struct guest_vcpu vcpus[2];
static struct advice_list list;

/* A guest of two nodes that may live on node 0 only. */
static void set_up(unsigned confined_by)
{
	memset(&detail, 0, sizeof(detail));
	memset(vcpus, 0, sizeof(vcpus));
	allowed = own_nodes = (struct idset){ { 0 } };
	idset_add(&allowed, 0);
	machine = (struct snapshot){ .nodes = nodes, .node_count = 2 };
	for (unsigned i = 0; i < 2; i++) {
		nodes[i] = (struct node){ .id = i };
		idset_add(&machine.memory_nodes, i);
	}
	settings = (struct service_settings){ .nodes = &own_nodes };
	guest = (struct service){
		.path = "machine.slice/a.scope",
		.name = "a",
		.guest = GUEST_QEMU,
		.owner = OWNER_SYSTEMD,
		.settings = &settings,
		.allowed = &allowed,
		.allowed_known = true,
		.confined_by = (uint8_t)confined_by,
	};
	relieve = (struct policy){ .name = (char *)(uintptr_t) "guests", .nodes = NODES_RELIEVE };
	keep = (struct policy){
		.name = (char *)(uintptr_t) "pets",
		.set = (char *)(uintptr_t) "mine",
	};
}

static unsigned find(enum refusal why)
{
	return obstacle_find(&machine, &guest, &relieve, &detail, why);
}

static const char *text_of(const struct policy *policy, enum obstacle obstacle)
{
	static char text[ADVICE_BYTES];
	struct strbuf b = STRBUF(text);

	obstacle_text(&machine, policy, &guest, obstacle, &b);
	check(!b.truncated);
	return text;
}

TEST(strict_numatune_stands_for_what_libvirt_makes_of_it)
{
	set_up(CONFINED_BY_CPUSET | CONFINED_BY_BACKEND);
	detail.numa_mode = MEMORY_POLICY_BIND;
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_STRICT));
	check_contains(text_of(&relieve, OBSTACLE_STRICT), "mode='restrictive' or 'preferred'");
	/* What an administrator has set besides counts besides. */
	idset_add(&own_nodes, 0);
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_STRICT) | BIT(OBSTACLE_UNIT_CPUSET));
	/* On v1 it is libvirt's. */
	machine.host.memory_is_v1 = true;
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_STRICT));
}

TEST(a_policy_that_keeps_hides_nothing_else)
{
	set_up(CONFINED_BY_BACKEND);
	check_int(find(REFUSE_POLICY_KEEP), BIT(OBSTACLE_KEEP) | BIT(OBSTACLE_BACKEND));
	guest.hold = HOLD_PINNED;
	idset_add(&allowed, 1);
	detail.start.vfio_devices = 1;
	check_int(find(REFUSE_POLICY_KEEP), BIT(OBSTACLE_KEEP) | BIT(OBSTACLE_PINNED));
}

TEST(restrictive_numatune_can_be_changed_now)
{
	set_up(CONFINED_BY_CPUSET);
	detail.numa_restrictive = true;
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_RESTRICTIVE));
	check_contains(text_of(&relieve, OBSTACLE_RESTRICTIVE),
		       "virsh numatune DOMAIN --nodeset 0-1 --live");
}

TEST(policies_that_libvirt_did_not_set)
{
	set_up(CONFINED_BY_BACKEND | CONFINED_BY_MAPPING);
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_BACKEND));
	guest.confined_by = CONFINED_BY_MAPPING;
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_MAPPING));
	guest.confined_by = CONFINED_BY_TASK | CONFINED_BY_CPUSET;
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_TASK) | BIT(OBSTACLE_OUTER_CPUSET));
	/* That libvirt prefers a node binds nothing. */
	detail.numa_mode = MEMORY_POLICY_PREFERRED;
	guest.confined_by = CONFINED_BY_CPUSET;
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_OUTER_CPUSET));
}

TEST(whose_cpuset_it_is)
{
	set_up(CONFINED_BY_CPUSET);
	idset_add(&own_nodes, 0);
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_UNIT_CPUSET));
	check_contains(text_of(&relieve, OBSTACLE_UNIT_CPUSET), "AllowedMemoryNodes=0-1");
	guest.owner = OWNER_OTHER;
	check_contains(text_of(&relieve, OBSTACLE_UNIT_CPUSET), "cpuset.mems");
	/* systemd sets none on v1. */
	guest.owner = OWNER_SYSTEMD;
	machine.host.memory_is_v1 = true;
	check_contains(text_of(&relieve, OBSTACLE_UNIT_CPUSET), "cpuset.mems");
	guest.settings = NULL; /* not read so far */
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_OUTER_CPUSET));
}

TEST(vcpus_that_are_pinned_there_too_are_said)
{
	set_up(CONFINED_BY_BACKEND);
	detail.vcpus = vcpus;
	detail.vcpu_count = 2;
	vcpus[0].pinned = vcpus[1].pinned = true;
	idset_add(&vcpus[0].nodes, 0);
	idset_add(&vcpus[1].nodes, 0);
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_BACKEND) | BIT(OBSTACLE_VCPUS));
	idset_add(&vcpus[1].nodes, 1);
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_BACKEND));
	vcpus[1].pinned = false;
	check_int(find(REFUSE_CONFINED), BIT(OBSTACLE_BACKEND));
	/* Who is not confined is not told. */
	vcpus[1] = vcpus[0];
	check_int(find(REFUSE_HELD), BIT(OBSTACLE_MIGRATION));
}

TEST(each_refusal_has_its_obstacle)
{
	static const struct {
		enum refusal why;
		unsigned found;
	} cases[] = {
		{ REFUSE_POLICY_KEEP, BIT(OBSTACLE_KEEP) },
		{ REFUSE_BARRED, BIT(OBSTACLE_UNMOVABLE) },
		{ REFUSE_UNMOVABLE, BIT(OBSTACLE_UNMOVABLE) },
		{ REFUSE_NO_ROOM, BIT(OBSTACLE_NO_ROOM) },
		{ REFUSE_AGENT_BOUND, BIT(OBSTACLE_AGENT) },
		{ REFUSE_BUSY, 0 },
		{ REFUSE_UNKNOWN_NODES, 0 },
		{ REFUSE_NOTHING_THERE, 0 },
		{ REFUSE_COUNT_, 0 },
	};

	set_up(0);
	idset_add(&allowed, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_int(find(cases[i].why), cases[i].found);
	guest.hold = HOLD_PINNED;
	detail.start.vfio_devices = 1;
	check_int(find(REFUSE_HELD), BIT(OBSTACLE_PINNED));
	guest.hold = HOLD_OUTGOING_MIGRATION;
	check_int(find(REFUSE_HELD), BIT(OBSTACLE_MIGRATION));
	/* Nothing of it matters where there is one node. */
	machine.node_count = 1;
	check_int(find(REFUSE_HELD), 0);
}

TEST(what_is_true_of_a_guest_whatever_is_refused)
{
	set_up(0);
	detail.start.confidential = true;
	detail.hugetlb_known = true;
	detail.hugetlb_bytes = GIB;
	detail.start.memory_bytes = 4 * GIB;
	detail.balloon_bytes = 3 * GIB;
	check_int(find(REFUSE_COUNT_),
		  BIT(OBSTACLE_CONFIDENTIAL) | BIT(OBSTACLE_HUGETLB) | BIT(OBSTACLE_BALLOON));
	detail.hugetlb_known = false;
	detail.start.confidential = false;
	check_int(find(REFUSE_COUNT_), 0);
	detail.balloon_bytes = 4 * GIB;
	check_int(find(REFUSE_NO_ROOM), BIT(OBSTACLE_NO_ROOM));
	check_int(find(REFUSE_COUNT_), 0);
	check_int(obstacle_find(&machine, &guest, &relieve, NULL, REFUSE_COUNT_), 0);
}

TEST(policies_are_named_with_what_they_say)
{
	set_up(0);
	check_str(text_of(&keep, OBSTACLE_KEEP),
		  "its policy mine/pets has Nodes=keep: with Nodes=relieve a move may take its "
		  "memory");
	keep.nodes = NODES_LIST;
	idset_add(&keep.nodes_list, 0);
	check_int(obstacle_find(&machine, &guest, &keep, NULL, REFUSE_POLICY_KEEP),
		  BIT(OBSTACLE_LIST));
	check_contains(text_of(&keep, OBSTACLE_LIST), "mine/pets has Nodes=0, ");
}

TEST(why_it_stays_on_a_node)
{
	set_up(CONFINED_BY_CPUSET);
	check_int(obstacle_refusal(&machine, &relieve, &guest, 0), REFUSE_CONFINED);
	check_int(obstacle_refusal(&machine, &keep, &guest, 0), REFUSE_POLICY_KEEP);
	idset_add(&allowed, 1);
	check_int(obstacle_refusal(&machine, &relieve, &guest, 0), REFUSE_COUNT_);
	/* What is outside of a list is moved into it. */
	keep.nodes = NODES_LIST;
	idset_add(&keep.nodes_list, 1);
	check_int(obstacle_refusal(&machine, &keep, &guest, 0), REFUSE_COUNT_);
	check_int(obstacle_refusal(&machine, &keep, &guest, 1), REFUSE_POLICY_KEEP);
}

TEST(every_obstacle_has_a_name_and_a_change)
{
	set_up(0);
	for (int i = 0; i < OBSTACLE_COUNT_; i++) {
		check(obstacle_name((enum obstacle)i)[0]);
		check(strlen(text_of(&keep, (enum obstacle)i)) > 20);
		for (int j = 0; j < i; j++)
			check(strcmp(obstacle_name((enum obstacle)i),
				     obstacle_name((enum obstacle)j)) != 0);
	}
}

TEST(idle_huge_pages_of_a_node)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	set_up(0);
	check(!obstacle_node_text(&nodes[0], &b));
	nodes[0].huge_page_bytes = 2 << 20;
	nodes[0].huge_pages = 512;
	nodes[0].huge_pages_free = 256;
	nodes[0].huge_pages_reserved = 128;
	check(obstacle_node_text(&nodes[0], &b));
	check_str(text,
		  "256 MiB of node 0 lies idle in its pool of huge pages of 2 MiB: the action "
		  "hugetlb-shrink gives it back, or a smaller nr_hugepages of that node");
	nodes[0].huge_pages_reserved = 300;
	check(!obstacle_node_text(&nodes[0], &b));
}

TEST(one_change_is_told_once_for_all)
{
	struct service others[20];
	char text[512], kept[20][8];
	struct strbuf b = STRBUF(text);

	set_up(0);
	list = (struct advice_list){ 0 };
	for (size_t i = 0; i < 20; i++) {
		others[i] = guest;
		snprintf(kept[i], sizeof(kept[i]), "g%zu", i);
		others[i].name = kept[i];
		advice_add(&list, &machine, &relieve, &others[i], BIT(OBSTACLE_STRICT), GIB, 0);
	}
	advice_add(&list, &machine, &relieve, &others[0],
		   BIT(OBSTACLE_STRICT) | BIT(OBSTACLE_HUGETLB), 2 * GIB, 3 * GIB);
	check_int(list.count, 2);
	check_int(list.items[0].count, 21);
	check_int(list.items[0].bytes, 22 * GIB);
	advice_names(&list.items[0], &b);
	check_str(text,
		  "g0 (1 GiB), g1 (1 GiB), g2 (1 GiB), g3 (1 GiB), g4 (1 GiB), g5 (1 GiB) and "
		  "15 more (16 GiB)");
	strbuf_reset(&b);
	advice_names(&list.items[1], &b);
	check_str(text, "g0 (3 GiB)"); /* of huge pages */
}

TEST(more_changes_than_there_is_room_for_are_counted)
{
	static struct policy policies[ADVICE_MAX + 2];
	static char kept[ADVICE_MAX + 2][8];

	set_up(0);
	list = (struct advice_list){ 0 };
	for (size_t i = 0; i < ADVICE_MAX + 2; i++) {
		snprintf(kept[i], sizeof(kept[i]), "p%zu", i);
		policies[i].name = kept[i];
		advice_add(&list, &machine, &policies[i], &guest, BIT(OBSTACLE_KEEP), GIB, 0);
	}
	check_int(list.count, ADVICE_MAX);
	check_int(list.left_out, 2);
}

/* A device is blamed where there is one. */
TEST(what_pins_it)
{
	set_up(0);
	guest.hold = HOLD_PINNED;
	check_int(find(REFUSE_HELD), BIT(OBSTACLE_HELD));
	detail.start.confidential = true;
	check_int(find(REFUSE_HELD), BIT(OBSTACLE_CONFIDENTIAL));
	detail.start.vfio_devices = 2;
	check_int(find(REFUSE_HELD), BIT(OBSTACLE_CONFIDENTIAL) | BIT(OBSTACLE_PINNED));
	/* Of a guest nobody has a word of it is the likely one, a service has no such devices. */
	check_int(obstacle_find(&machine, &guest, &relieve, NULL, REFUSE_HELD),
		  BIT(OBSTACLE_PINNED));
	guest.guest = GUEST_NONE;
	check_int(obstacle_find(&machine, &guest, &relieve, NULL, REFUSE_HELD), BIT(OBSTACLE_HELD));
}
