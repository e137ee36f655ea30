/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What becomes of a place if nothing is done: which places are told, in what order and words. */

#include "test.h"

#include "explain/fate_story.h"
#include "util/macro.h"

#define SEC ((int64_t)USEC_PER_SEC)

static struct node nodes[6];
static struct snapshot snapshot;
static struct service service = { .path = "machine.slice/db.scope", .name = "db" };
static struct task_detail tasks[2];
static const struct task_details listed = { .tasks = tasks, .count = 2 };
static const struct kernel_detail kernel = { .release = "6.1.0",
					     .page_size_bytes = 4096,
					     .ram_pages = 250000 };
static const struct zone_details no_zones = { 0 };
static const struct policy_table no_policies = { 0 };

static void set_up(size_t node_count)
{
	memset(nodes, 0, sizeof(nodes));
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		nodes[i].id = i;
	snapshot = (struct snapshot){
		.nodes = nodes, .node_count = node_count, .services = &service, .service_count = 1
	};
	tasks[0] = (struct task_detail){
		.pid = 178,
		.comm = "qemu",
		.parent = 1,
		.rss_pages = 100000,
		.shown_score = -1,
		.cgroup = (char *)(uintptr_t) "machine.slice/db.scope/emulator",
	};
	tasks[1] = (struct task_detail){
		.pid = 1, .comm = "init", .rss_pages = 200000, .shown_score = -1
	};
}

static void confine(unsigned node, int64_t services, struct reading empty_in)
{
	nodes[node].readings[metric_index(METRIC_NODE_CONFINED)] = reading_of(services);
	nodes[node].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = empty_in;
}

/* The ids of the nodes told, "2 0 1"; and how many there are. */
static size_t told(char *text, size_t size)
{
	const struct node *found[FATE_NODES_MAX] = { 0 };
	size_t count = fate_nodes(&snapshot, found);
	struct strbuf b = { .data = text, .size = size };

	text[0] = '\0';
	for (size_t i = 0; i < MIN_OF(count, (size_t)FATE_NODES_MAX); i++)
		strbuf_addf(&b, "%s%u", i ? " " : "", found[i]->id);
	return count;
}

TEST(nodes_that_somebody_is_confined_to)
{
	char text[64];

	set_up(6);
	check_int(told(text, sizeof(text)), 0);
	confine(1, 1, READING_FOREVER);
	confine(2, 0, reading_of(1 * SEC));
	confine(3, 2, reading_of(90 * SEC));
	confine(4, 1, reading_of(5 * SEC));
	check_int(told(text, sizeof(text)), 3);
	check_str(text, "4 3 1");
	/* Of those that are as soon the lower number; and no more than there is room for. */
	confine(0, 1, (struct reading){ .state = READING_UNKNOWN });
	confine(5, 1, reading_of(1 * SEC));
	check_int(told(text, sizeof(text)), 5);
	check_str(text, "5 4 3 0");
}

TEST(one_node_is_the_host)
{
	char text[64];

	set_up(1);
	confine(0, 3, reading_of(SEC));
	check_int(told(text, sizeof(text)), 0);
}

static const char *fate(const struct node *node)
{
	static char text[256];
	struct strbuf b = STRBUF(text);
	struct victim_story story;
	struct victim_field field;

	check_int(victim_field_make(&kernel, &listed, &no_zones, &snapshot, &no_policies, &field),
		  0);
	check_int(victim_of_host(&field, &story), 0);
	fate_text(&field, node, &story, &b);
	victim_field_done(&field);
	return text;
}

TEST(when_it_is_known_and_when_it_is_not)
{
	set_up(2);
	check_str(fate(NULL), "if the host ran dry, this kernel would kill qemu (PID 178, db), "
			      "score 933");
	snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = reading_of(92 * SEC);
	check_str(fate(NULL), "the host is empty in 1min 32s: this kernel would then kill qemu "
			      "(PID 178, db), score 933");
	confine(1, 1, reading_of(5800 * (int64_t)USEC_PER_MSEC));
	check_contains(fate(&nodes[1]), "node 1, to which 1 service is confined, is empty in 5.8s: "
					"this kernel would then kill qemu");
	confine(1, 2, READING_FOREVER);
	check_contains(fate(&nodes[1]), "if node 1 ran dry, to which 2 services are confined, this "
					"kernel would kill qemu");
}

TEST(nobody_may_be_killed)
{
	set_up(2);
	tasks[0].oom_score_adj = -1000;
	check_str(fate(NULL), "if the host ran dry, nobody may be killed: the machine panics");
}

/* The score is of the one that it is not. */
TEST(a_child_dies_instead)
{
	set_up(2);
	strcpy(tasks[1].comm, "helper");
	tasks[1].pid = 179;
	tasks[1].parent = 178;
	tasks[1].rss_pages = 10;

	struct kernel_detail old = kernel;
	struct victim_story story;
	struct victim_field field;
	char text[256];
	struct strbuf b = STRBUF(text);

	strcpy(old.release, "3.10.0-1160.el7.x86_64");
	check_int(victim_field_make(&old, &listed, &no_zones, &snapshot, &no_policies, &field), 0);
	check_int(victim_of_host(&field, &story), 0);
	check(fate_hazards(&story) & VICTIM_CHILD);
	check(!(fate_hazards(&story) & VICTIM_TIES));
	fate_text(&field, NULL, &story, &b);
	check_str(text, "if the host ran dry, this kernel would kill helper (PID 179)");
	victim_field_done(&field);
}
