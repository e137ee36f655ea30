/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/fate_story.h"

#include <inttypes.h>

/* All but what only the whole arithmetic makes sense of. */
#define WORTH_A_WARNING                                                                          \
	(VICTIM_PANICS | VICTIM_ALLOCATES | VICTIM_PROTECTED | VICTIM_ELSEWHERE | VICTIM_CROWD | \
	 VICTIM_CHILD | VICTIM_GROUP)

static int64_t confined_to(const struct node *node)
{
	struct reading confined = node->readings[metric_index(METRIC_NODE_CONFINED)];

	return confined.state == READING_KNOWN ? confined.value : 0;
}

static int64_t empty_in(const struct node *node)
{
	struct reading left = node->readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)];

	return left.state == READING_KNOWN ? left.value : INT64_MAX;
}

/* Before those that are empty later, and behind those that are as soon. */
static void insert(const struct node *node, const struct node *nodes[FATE_NODES_MAX], size_t count)
{
	size_t at = count < FATE_NODES_MAX ? count : FATE_NODES_MAX;

	while (at > 0 && empty_in(nodes[at - 1]) > empty_in(node)) {
		if (at < FATE_NODES_MAX)
			nodes[at] = nodes[at - 1];
		at--;
	}
	if (at < FATE_NODES_MAX)
		nodes[at] = node;
}

size_t fate_nodes(const struct snapshot *snapshot, const struct node *ret[FATE_NODES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; snapshot->node_count > 1 && i < snapshot->node_count; i++)
		if (confined_to(&snapshot->nodes[i]) > 0)
			insert(&snapshot->nodes[i], ret, count++);
	return count;
}

static void add_confined(const struct node *node, struct strbuf *out)
{
	int64_t confined = node ? confined_to(node) : 0;

	if (confined > 0)
		strbuf_addf(out, ", to which %" PRId64 " %s confined,", confined,
			    confined == 1 ? "service is" : "services are");
}

static void add_place(const struct node *node, struct strbuf *out)
{
	if (node)
		strbuf_addf(out, "node %u", node->id);
	else
		strbuf_add(out, "the host");
}

/* Whether it is known when. */
static bool add_end(const struct node *node, struct reading left, struct strbuf *out)
{
	if (left.state == READING_KNOWN) {
		add_place(node, out);
		add_confined(node, out);
		strbuf_add(out, " is empty in ");
		strbuf_add_duration(out, (usec_t)left.value);
		strbuf_add(out, ": ");
		return true;
	}
	strbuf_add(out, "if ");
	add_place(node, out);
	strbuf_add(out, " ran dry");
	add_confined(node, out);
	strbuf_add(out, node && confined_to(node) > 0 ? " " : ", ");
	return false;
}

void fate_text(const struct victim_field *field, const struct node *node,
	       const struct victim_story *story, struct strbuf *out)
{
	const struct reading *host = field->snapshot->host.readings;
	bool ends = add_end(node,
			    node ? node->readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)]
				 : host[metric_index(METRIC_MEM_TIME_TO_EMPTY)],
			    out);

	if (story->victim == BADNESS_NOBODY) {
		victim_hazard_text(field, story, VICTIM_NOBODY, out);
		return;
	}
	strbuf_addf(out, "this kernel would %skill ", ends ? "then " : "");
	victim_name(field, story->victim, out);
	/* The score is that of the one in whose place a child dies. */
	if (story->victim == story->selected)
		strbuf_addf(out, ", score %" PRId64, story->choice.score);
}

unsigned fate_hazards(const struct victim_story *story)
{
	return story->hazards & WORTH_A_WARNING;
}
