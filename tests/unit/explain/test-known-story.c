/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/known_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

static struct node nodes[3];
static struct service services[2];
static struct canary_status canaries[2];
static struct snapshot machine = { .nodes = nodes };

static void set_up(size_t node_count, size_t service_count)
{
	memset(nodes, 0, sizeof(nodes));
	memset(services, 0, sizeof(services));
	machine = (struct snapshot){ .nodes = nodes,
				     .node_count = node_count,
				     .services = services,
				     .service_count = service_count };
}

static const char *text_of(const char *const *gaps, size_t count, enum metric_id id)
{
	static char text[256];
	struct strbuf b = STRBUF(text);
	struct known_story story;

	known_story_tell(&machine, gaps, count, id, &story);
	known_story_text(&story, id, &b);
	return text;
}

static const char *plain(enum metric_id id)
{
	return text_of(NULL, 0, id);
}

static bool speaks_of(const char *line, const char *metric)
{
	size_t match;

	return known_gap_reason(line, metric, &match);
}

TEST(a_line_names_metrics)
{
	const char *line = "node.free, node.clean: the files cannot be read: no right to";
	size_t match;

	check_str(known_gap_reason(line, "node.clean", &match),
		  "the files cannot be read: no right to");
	check(speaks_of(line, "node.free"));
	check(!speaks_of(line, "node.fre"));
	check(!speaks_of(line, "node.freed"));
	check(speaks_of("psi.*, service.psi.*: none", "psi.memory.some.now"));
	check(speaks_of("psi.*, service.psi.*: none", "service.psi.self"));
	check(!speaks_of("psi.*: none", "service.psi.self"));
	check(speaks_of("*: nothing at all", "mem.total"));
}

TEST(what_is_no_such_line_names_nothing)
{
	check(!speaks_of("", "mem.total"));
	check(!speaks_of(": reason", "mem.total"));
	check(!speaks_of("mem.total", "mem.total"));
	check(!speaks_of("mem.total:", "mem.total"));
	check(!speaks_of("mem.total: ", "mem.total"));
	check(!speaks_of("processes: mem.total, mem.free: gone", "mem.total"));
	check(!speaks_of(", , : reason", "mem.total"));
}

TEST(the_most_precise_line_speaks)
{
	static const char *const gaps[] = { "mem.*: meminfo cannot be read",
					    "mem.zram: there is no zram",
					    "mem.z*: some other reason" };

	set_up(0, 0);
	check_str(text_of(gaps, ARRAY_SIZE(gaps), METRIC_MEM_ZRAM), "there is no zram");
	check_str(text_of(gaps, ARRAY_SIZE(gaps), METRIC_MEM_TOTAL), "meminfo cannot be read");
}

TEST(what_is_known_needs_no_reason)
{
	static const char *const gaps[] = { "node.*: the machine counts as one node" };

	set_up(3, 0);
	for (size_t i = 0; i < 3; i++)
		nodes[i].readings[metric_index(METRIC_NODE_FREE)] = reading_of(1);
	check_str(text_of(gaps, 1, METRIC_NODE_FREE), "yes");
	nodes[1].readings[metric_index(METRIC_NODE_FREE)] = READING_NONE;
	check_str(text_of(gaps, 1, METRIC_NODE_FREE), "yes (2 of 3 nodes)");
	memset(canaries, 0, sizeof(canaries));
	canaries[0].readings[metric_index(METRIC_CANARY_DEATHS)] = reading_of(0);
	machine.canaries = canaries;
	machine.canary_count = ARRAY_SIZE(canaries);
	check_str(text_of(NULL, 0, METRIC_CANARY_DEATHS), "yes (1 of 2 canaries)");
	nodes[1].readings[metric_index(METRIC_NODE_FREE)] = READING_FOREVER;
	check_str(text_of(gaps, 1, METRIC_NODE_FREE), "yes");
	machine.host.readings[metric_index(METRIC_MEM_FREE)] = reading_of(0);
	check_str(plain(METRIC_MEM_FREE), "yes");
}

TEST(every_metric_has_an_answer)
{
	set_up(1, 1);
	for (int single = 0; single < 2; single++) {
		machine.single = single;
		for (int i = 0; i < METRIC_COUNT_; i++)
			check(strlen(plain((enum metric_id)i)) > 5);
	}
}

TEST(a_reason_without_a_line_is_true)
{
	set_up(1, 0);
	machine.single = true;
	check_str(plain(METRIC_SERVICE_CURRENT), "no service matches a policy");
	check_str(plain(METRIC_NODE_TIME_TO_EMPTY), "needs a second sample");
	check_str(plain(METRIC_HOST_SWAP_IN_RATE), "needs a second sample");
	check_str(plain(METRIC_PSI_MEMORY_SOME_SHARED), "needs a second sample");
	check_str(plain(METRIC_MEM_TOTAL), "its source does not show it here");
	machine.single = false;
	check_str(plain(METRIC_HOST_SWAP_IN_RATE), "was not looked at for long enough yet");
	check_str(plain(METRIC_HOST_RECLAIM_EFFICIENCY),
		  "nothing was reclaimed in the last second");
	machine.node_count = 0;
	check_str(plain(METRIC_NODE_FREE), "no memory node can be seen");
}
