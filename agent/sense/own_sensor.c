/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/own_sensor.h"

#include "sense/state.h"
#include "sys/own_moves.h"
#include "util/strbuf.h"

#include <errno.h>

static enum move_ability ability_of(const struct own_moves *own)
{
	if (own->error == -ENOSYS)
		return MOVES_UNKNOWN_TO_KERNEL;
	if (own->error == -EPERM || own->error == -EACCES)
		return MOVES_FORBIDDEN;
	if (!own->has_ptrace)
		return MOVES_NEED_PTRACE;
	return own->has_nice ? MOVES_WORK : MOVES_NEED_NICE;
}

void own_sensor_take(struct sense *s, const struct own_moves *own)
{
	struct host *host = &s->snapshot.host;

	host->moves = MOVES_WORK;
	idset_clear(&host->own_nodes);
	if (s->snapshot.node_count < 2)
		return;
	host->moves = ability_of(own);
	if (own->nodes_known && !idset_is_empty(&own->nodes) &&
	    !idset_is_subset(&s->snapshot.memory_nodes, &own->nodes))
		host->own_nodes = own->nodes;
}

static void look(struct sense *s)
{
	struct own_moves own;

	if (s->snapshot.node_count > 1 && own_moves_read(s->root, &own) == 0)
		own_sensor_take(s, &own);
}

static int own_sensor_open(struct sense *s)
{
	look(s);
	return 0;
}

static int own_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	(void)now;
	if (housekeep)
		look(s);
	return 0;
}

static void add_nodes_gap(const struct sense *s, struct gap_list *list)
{
	const struct host *host = &s->snapshot.host;
	struct idset missing = { 0 };
	char text[sizeof(list->gaps[0].text)];
	struct strbuf line = STRBUF(text);

	if (idset_is_empty(&host->own_nodes))
		return;
	for (size_t i = 0; i < s->snapshot.node_count; i++)
		if (!idset_has(&host->own_nodes, s->snapshot.nodes[i].id))
			idset_add(&missing, s->snapshot.nodes[i].id);
	strbuf_add(&line, "a way to move memory to node ");
	idset_format(&missing, &line);
	strbuf_add(&line, ": the agent's own cpuset leaves it out (no AllowedMemoryNodes= in the "
			  "agent's unit or the slices above it)");
	gap_add(list, text);
}

static void own_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	static const char *const texts[MOVES_COUNT_] = {
		[MOVES_UNKNOWN_TO_KERNEL] =
			"a way to move memory: this kernel has no move_pages(2); moves are "
			"recommended, not made",
		[MOVES_FORBIDDEN] = "a way to move memory: move_pages(2) is not permitted (a "
				    "container's seccomp filter?); moves are recommended, not made",
		[MOVES_NEED_PTRACE] = "a way to move memory: the agent has no CAP_SYS_PTRACE, "
				      "which its unit may grant; moves are recommended, not made",
		[MOVES_NEED_NICE] = "a way to move memory: the agent has no CAP_SYS_NICE, which "
				    "its unit may grant; moves are recommended, not made",
	};
	const char *text = texts[s->snapshot.host.moves];

	if (text)
		gap_add(list, text);
	else
		add_nodes_gap(s, list);
}

const struct sensor own_sensor = {
	.open = own_sensor_open,
	.rescan = own_sensor_rescan,
	.gaps = own_sensor_gaps,
};
