/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the agent itself can do where it runs, and what it says of that. */

#include "machine.h"

#include "sense/own_sensor.h"
#include "sense/state.h"
#include "sys/own_moves.h"

static struct machine m;

static struct own_moves able(void)
{
	return (struct own_moves){ .has_ptrace = true, .has_nice = true };
}

static void start(void)
{
	machine_two_nodes(&m);
	machine_start(&m, false);
}

/* NULL: no gap is about moves. */
static const char *find_gap(void)
{
	static struct sense_gap gaps[SENSE_GAPS_MAX];
	size_t count = sense_gaps(m.sense, gaps);

	for (size_t i = 0; i < count; i++)
		if (strncmp(gaps[i].text, "a way to move memory", 20) == 0)
			return gaps[i].text;
	return NULL;
}

static enum move_ability take(const struct own_moves *own)
{
	own_sensor_take(m.sense, own);
	return sense_snapshot(m.sense)->host.moves;
}

TEST(of_a_captured_machine_it_is_not_asked)
{
	start();
	check_int(sense_snapshot(m.sense)->host.moves, MOVES_WORK);
	check(idset_is_empty(&sense_snapshot(m.sense)->host.own_nodes));
	check(!find_gap());
	machine_done(&m);
}

TEST(each_reason_is_told_with_what_would_help)
{
	static const struct {
		struct own_moves own;
		enum move_ability ability;
		const char *said;
	} cases[] = {
		{ { .error = -ENOSYS }, MOVES_UNKNOWN_TO_KERNEL, "no move_pages(2)" },
		{ { .error = -EPERM, .has_ptrace = true, .has_nice = true },
		  MOVES_FORBIDDEN,
		  "seccomp" },
		{ { .has_nice = true }, MOVES_NEED_PTRACE, "no CAP_SYS_PTRACE" },
		{ { .has_ptrace = true }, MOVES_NEED_NICE, "no CAP_SYS_NICE" },
	};

	start();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		check_int(take(&cases[i].own), cases[i].ability);
		check(find_gap());
		check_contains(find_gap(), cases[i].said);
		check_contains(find_gap(), "recommended, not made");
	}
	/* It may be given the right while it runs. */
	const struct own_moves own = able();

	check_int(take(&own), MOVES_WORK);
	check(!find_gap());
	machine_done(&m);
}

/* Of the call's other failures it is not known that they concern others' pages. */
TEST(an_odd_error_is_no_reason)
{
	struct own_moves own = able();

	start();
	own.error = -EFAULT;
	check_int(take(&own), MOVES_WORK);
	machine_done(&m);
}

TEST(its_own_cpuset_counts_where_it_leaves_a_node_out)
{
	struct own_moves own = able();
	const struct idset *nodes;

	start();
	nodes = &sense_snapshot(m.sense)->host.own_nodes;
	own.nodes_known = true;
	idset_add(&own.nodes, 0);
	check_int(take(&own), MOVES_WORK);
	check(idset_has(nodes, 0) && !idset_has(nodes, 1));
	check(find_gap());
	check_contains(find_gap(), "node 1: the agent's own cpuset");
	check_contains(find_gap(), "AllowedMemoryNodes=");

	/* All that have memory, and more that might get some. */
	idset_add(&own.nodes, 1);
	idset_add(&own.nodes, 2);
	check_int(take(&own), MOVES_WORK);
	check(idset_is_empty(nodes));
	check(!find_gap());

	own.nodes_known = false;
	idset_clear(&own.nodes);
	check_int(take(&own), MOVES_WORK);
	check(idset_is_empty(nodes));
	machine_done(&m);
}

TEST(on_one_node_there_is_nowhere_to_move_to)
{
	static const struct machine_node one = { .id = 0,
						 .managed_pages = 100000,
						 .free_pages = 50000 };
	const struct own_moves own = { .error = -ENOSYS };

	machine_init(&m);
	machine_nodes(&m, &one, 1);
	machine_cgroups(&m);
	machine_start(&m, false);
	check_int(take(&own), MOVES_WORK);
	check(!find_gap());
	machine_done(&m);
}
