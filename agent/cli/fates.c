/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/fates.h"

#include "cli/cli.h"
#include "cli/json_value.h"
#include "cli/paragraph.h"
#include "explain/fate_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int fates_read(struct warden *warden, struct fates *ret)
{
	*ret = (struct fates){ 0 };
	ret->error = victims_read(warden, &ret->victims, &ret->what);
	return ret->error == -ENOMEM ? -ENOMEM : 0;
}

void fates_done(struct fates *fates)
{
	victims_done(&fates->victims);
}

/* Of who is bound by a memory policy, and by a cpuset. 0; -ENOENT: the node is not in zoneinfo;
 * -ENOMEM. */
static int tell_node(const struct fates *fates, const struct node *node,
		     struct victim_story *ret_policy, struct victim_story *ret_cpuset)
{
	struct idset nodes = { 0 };
	int r;

	idset_add(&nodes, node->id);
	r = victim_of_nodes(&fates->victims.field, &nodes, BADNESS_MEMPOLICY, ret_policy);
	if (r < 0)
		return r;
	return victim_of_nodes(&fates->victims.field, &nodes, BADNESS_CPUSET, ret_cpuset);
}

/* What was said of a victim holds for it in the next place, too, but for what it has there. */
static void print_fate(const struct fates *fates, const struct victim_story *story,
		       const char *text, struct victim_story *said)
{
	unsigned hazards = fate_hazards(story);

	if (story->victim == said->victim)
		hazards &= ~said->hazards | VICTIM_ELSEWHERE;
	paragraph_print(2, text);
	victims_print_hazards(&fates->victims, story, hazards, 4);
	said->victim = story->victim;
	said->hazards = fate_hazards(story);
}

static void print_nodes(const struct fates *fates, struct victim_story *said)
{
	const struct node *nodes[FATE_NODES_MAX];
	const struct victim_field *field = &fates->victims.field;
	size_t count = fate_nodes(field->snapshot, nodes);
	char text[512];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; i < MIN_OF(count, (size_t)FATE_NODES_MAX); i++) {
		struct victim_story policy, cpuset;

		if (tell_node(fates, nodes[i], &policy, &cpuset) < 0) {
			printf("  node %u: zoneinfo cannot be read, or not completely\n",
			       nodes[i]->id);
			continue;
		}
		strbuf_reset(&b);
		fate_text(field, nodes[i], &policy, &b);
		if (cpuset.victim != policy.victim && cpuset.victim != BADNESS_NOBODY) {
			strbuf_add(&b, "; for memory asked for under a cpuset, ");
			victim_name(field, cpuset.victim, &b);
		}
		print_fate(fates, &policy, text, said);
	}
	if (count > FATE_NODES_MAX)
		printf("  and %zu more nodes that services are confined to\n",
		       count - FATE_NODES_MAX);
}

static void print_host(const struct fates *fates, struct victim_story *said)
{
	struct victim_story story;
	char text[512];
	struct strbuf b = STRBUF(text);

	if (victim_of_host(&fates->victims.field, &story) < 0) {
		puts("  there is no memory to tell that with");
		return;
	}
	fate_text(&fates->victims.field, NULL, &story, &b);
	print_fate(fates, &story, text, said);
}

void fates_print(const struct fates *fates)
{
	struct victim_story said = { .victim = BADNESS_NOBODY };
	const char *why_not;

	cli_heading("IF NOTHING IS DONE");
	if (fates->error < 0) {
		printf("  %s: %s\n", fates->what, strerror(-fates->error));
		return;
	}
	why_not = victims_unknown(&fates->victims);
	if (why_not) {
		printf("  whom the kernel would kill is not known: %s\n", why_not);
		return;
	}
	print_nodes(fates, &said);
	print_host(fates, &said);
	if (fates->victims.field.era_guessed)
		printf("  The kernel's release is not known: by the rules of %s.\n",
		       badness_era_name(fates->victims.field.era));
}

static struct json_object *fate_object(const struct fates *fates, const struct node *node,
				       const struct victim_story *story)
{
	const struct victim_field *field = &fates->victims.field;
	const struct reading *host = field->snapshot->host.readings;
	struct json_object *o = json_object_new_object();
	char text[512];
	struct strbuf b = STRBUF(text);

	if (node)
		json_number(o, "node", node->id);
	else
		json_add(o, "node", NULL);
	json_add(o, "time_to_empty_usec",
		 json_reading(node ? node->readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)]
				   : host[metric_index(METRIC_MEM_TIME_TO_EMPTY)],
			      DIM_DURATION));
	fate_text(field, node, story, &b);
	json_text(o, "text", text);
	json_add(o, "kernel_kills", victims_json(&fates->victims, story));
	return o;
}

struct json_object *fates_json(const struct fates *fates)
{
	struct json_object *list = json_object_new_array();
	const struct node *nodes[FATE_NODES_MAX];
	const struct victim_field *field = &fates->victims.field;
	struct victim_story policy, cpuset;
	size_t count;

	if (fates->error < 0 || victims_unknown(&fates->victims))
		return list;
	count = fate_nodes(field->snapshot, nodes);
	for (size_t i = 0; i < MIN_OF(count, (size_t)FATE_NODES_MAX); i++) {
		int r = tell_node(fates, nodes[i], &policy, &cpuset);

		if (r == -ENOMEM)
			json_fail();
		if (r < 0)
			continue;
		json_push(list, fate_object(fates, nodes[i], &policy));
		if (cpuset.victim != policy.victim)
			json_push(list, fate_object(fates, nodes[i], &cpuset));
	}
	if (victim_of_host(field, &policy) < 0)
		json_fail();
	else
		json_push(list, fate_object(fates, NULL, &policy));
	return list;
}
