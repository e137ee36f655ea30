/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/place_story.h"

#include "util/macro.h"

static unsigned distance_to(const struct snapshot *s, const struct node *from,
			    const struct node *to)
{
	return from->distance ? from->distance[to - s->nodes] : 0;
}

size_t place_fallback(const struct snapshot *snapshot, const struct node *node,
		      const struct node **ret)
{
	size_t count = 0;

	ret[count++] = node;
	for (size_t i = 0; i < snapshot->node_count; i++) {
		const struct node *other = &snapshot->nodes[i];
		unsigned distance = distance_to(snapshot, node, other);
		size_t at = count;

		if (other == node || distance == 0)
			continue;
		for (; at > 1 && distance_to(snapshot, node, ret[at - 1]) > distance; at--)
			ret[at] = ret[at - 1];
		ret[at] = other;
		count++;
	}
	return count;
}

static void add_headroom(const struct node *node, struct strbuf *out)
{
	struct reading headroom = node->readings[metric_index(METRIC_NODE_HEADROOM)];

	if (headroom.state != READING_KNOWN)
		return;
	strbuf_add(out, " with ");
	strbuf_add_bytes(out, headroom.value);
}

bool place_fallback_text(const struct snapshot *s, const struct node *node, struct strbuf *out)
{
	const struct node *order[IDSET_BITS];
	size_t count = s->node_count <= IDSET_BITS ? place_fallback(s, node, order) : 0;

	if (count < 2)
		return false;
	strbuf_add(out, "what finds nothing here, and may go elsewhere, goes to ");
	for (size_t i = 1; i < count;) {
		unsigned distance = distance_to(s, node, order[i]);

		strbuf_addf(out, "%snode ", i > 1 ? ", then to " : "");
		for (size_t first = i; i < count && distance_to(s, node, order[i]) == distance;
		     i++) {
			strbuf_addf(out, "%s%u", i > first ? " or " : "", order[i]->id);
			add_headroom(order[i], out);
		}
		strbuf_addf(out, " (distance %u)", distance);
	}
	return true;
}

bool place_is_confined(const struct snapshot *snapshot, const struct service *service)
{
	const struct idset *all = &snapshot->memory_nodes;

	return service->allowed_known && !idset_is_empty(service->allowed) &&
	       idset_is_subset(service->allowed, all) && !idset_equal(service->allowed, all);
}

void place_confined_by(const struct service *service, struct strbuf *out)
{
	static const struct {
		enum confinement_reason bit;
		const char *text;
	} reasons[] = {
		{ CONFINED_BY_CPUSET, "its cpuset" },
		{ CONFINED_BY_TASK, "the memory policy of its tasks" },
		{ CONFINED_BY_MAPPING, "the memory policy of its mappings" },
		{ CONFINED_BY_BACKEND, "the memory backends that it declares" },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (!(service->confined_by & reasons[i].bit))
			continue;
		strbuf_addf(out, "%s%s", any ? " and " : "by ", reasons[i].text);
		any = true;
	}
}

const char *place_hold_text(enum service_hold hold)
{
	static const char *const texts[] = {
		[HOLD_NONE] = NULL,
		[HOLD_INCOMING_MIGRATION] = "it is being migrated to this host, and left alone",
		[HOLD_OUTGOING_MIGRATION] =
			"it is being migrated away from this host, and left alone",
		[HOLD_PINNED] = "its memory is pinned for devices, and cannot be moved",
	};

	return texts[hold];
}

const struct node_share *place_share(const struct snapshot *snapshot, const struct service *service,
				     unsigned node)
{
	for (size_t i = 0; service->shares && i < snapshot->node_count; i++)
		if (snapshot->nodes[i].id == node)
			return &service->shares[i];
	return NULL;
}

void place_confined_text(const struct snapshot *snapshot, const struct service *service,
			 unsigned node, struct strbuf *out)
{
	const struct node_share *share = place_share(snapshot, service, node);
	char by[192];
	struct strbuf b = STRBUF(by);

	place_confined_by(service, &b);
	strbuf_add_name(out, service->name);
	strbuf_addf(out, " may use nothing but node%s ",
		    idset_count(service->allowed) == 1 ? "" : "s");
	idset_format(service->allowed, out);
	strbuf_addf(out, "%s%s, and has ", b.length ? ", " : "", by);
	if (share)
		strbuf_add_bytes(out, (int64_t)MIN_OF(share->bytes, (uint64_t)INT64_MAX));
	else
		strbuf_add(out, "an unknown amount");
	strbuf_add(out, " here");
}
