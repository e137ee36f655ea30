/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/place_story.h"
#include "util/macro.h"

#define GIB (INT64_C(1) << 30)

static struct node nodes[4];
static struct snapshot machine;

/* Ids have a gap; node 5 is as near to 0 as node 2 is. */
static void set_up(const uint8_t *distance)
{
	static const unsigned ids[] = { 0, 2, 5, 9 };

	memset(nodes, 0, sizeof(nodes));
	machine = (struct snapshot){ .nodes = nodes, .node_count = 4 };
	for (size_t i = 0; i < 4; i++) {
		nodes[i].id = ids[i];
		nodes[i].distance = distance;
		idset_add(&machine.memory_nodes, ids[i]);
	}
}

static const char *fallback(const struct node *node)
{
	static char text[512];
	struct strbuf b = STRBUF(text);

	return place_fallback_text(&machine, node, &b) ? text : NULL;
}

TEST(the_nearest_comes_first)
{
	static const uint8_t distance[] = { 10, 31, 31, 20 };
	const struct node *order[4];

	set_up(distance);
	nodes[3].readings[metric_index(METRIC_NODE_HEADROOM)] = reading_of(5 * GIB);
	check_int(place_fallback(&machine, &nodes[0], order), 4);
	check_int(order[0]->id, 0);
	check_int(order[1]->id, 9);
	check_int(order[2]->id, 2);
	check_int(order[3]->id, 5);
	check_str(fallback(&nodes[0]),
		  "what finds nothing here, and may go elsewhere, goes to node 9 with 5 GiB "
		  "(distance 20), then to node 2 or 5 (distance 31)");
}

TEST(unknown_distances_tell_nothing)
{
	static const uint8_t unknown[] = { 10, 0, 0, 0 };

	set_up(unknown);
	check(!fallback(&nodes[0]));
	set_up(NULL);
	check(!fallback(&nodes[0]));
	set_up(unknown);
	machine.node_count = 1;
	check(!fallback(&nodes[0]));
}

TEST(confinement_names_its_reasons)
{
	struct node_share shares[4] = { [1] = { .bytes = 3 * (uint64_t)GIB } };
	struct idset set = { { 0 } };
	struct service s = {
		.path = "a",
		.name = "guest\n1",
		.allowed = &set,
		.allowed_known = true,
	};
	char text[512];
	struct strbuf b = STRBUF(text);

	set_up(NULL);
	idset_add(&set, 2);
	check(place_is_confined(&machine, &s));
	place_confined_text(&machine, &s, 2, &b);
	check_str(text, "guest\\x0a1 may use nothing but node 2, and has an unknown amount here");
	s.shares = shares;
	s.confined_by = CONFINED_BY_CPUSET | CONFINED_BY_BACKEND;
	idset_add(&set, 5);
	strbuf_reset(&b);
	place_confined_text(&machine, &s, 2, &b);
	check_str(text, "guest\\x0a1 may use nothing but nodes 2,5, by its cpuset and the memory "
			"backends that it declares, and has 3 GiB here");
	set = machine.memory_nodes;
	check(!place_is_confined(&machine, &s));
	idset_clear(&set);
	check(!place_is_confined(&machine, &s));
}
