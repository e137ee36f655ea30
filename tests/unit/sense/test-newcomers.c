/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many services that come at once: no round in danger is held up by reading all of them. */

#include "machine.h"

static struct machine m;

enum { MANY = 600, A_ROUND = 128 };

static void start(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "work", "work.slice/*.service");
	machine_cgroup(&m, "work.slice/a.service", "");
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 1);
}

static size_t count_known(const struct snapshot *s)
{
	size_t known = 0;

	check_int(s->service_count, MANY + 1);
	for (size_t i = 0; i < s->service_count; i++) {
		struct reading size = service_value(&s->services[i], METRIC_SERVICE_CURRENT);
		bool is_known = size.state == READING_KNOWN && size.value == 8 * (int64_t)MIB;

		check_int(s->services[i].process_count, is_known);
		known += is_known;
	}
	return known;
}

TEST(at_ease_they_are_read_at_once)
{
	start();
	machine_crowd(&m, 0, MANY, 2);
	check_int(count_known(machine_round(&m, 62 * SEC)), MANY);
	machine_done(&m);
}

TEST(in_danger_they_are_read_in_turn)
{
	size_t before = 0, known;

	start();
	machine_leave_pages(&m, 5000);
	check_int(machine_round(&m, 62 * SEC)->service_count, 1);
	machine_crowd(&m, 0, MANY, 2);
	for (usec_t round = 0; round < 2; round++) {
		known = count_known(machine_round(&m, (130 + round) * SEC));
		check(known >= before + A_ROUND);
		/* A walk and the round of services behind it. */
		check(known <= before + 2 * A_ROUND);
		before = known;
	}
	machine_round(&m, 132 * SEC);
	machine_round(&m, 133 * SEC);
	check_int(count_known(machine_round(&m, 134 * SEC)), MANY);
	machine_done(&m);
}

TEST(who_was_put_off_is_read_when_the_danger_is_over_too)
{
	start();
	machine_leave_pages(&m, 5000);
	machine_round(&m, 62 * SEC);
	machine_crowd(&m, 0, MANY, 2);
	check(count_known(machine_round(&m, 130 * SEC)) < MANY);
	machine_leave_pages(&m, two_nodes[0].free_pages);
	for (usec_t now = 131; now < 136; now++)
		machine_round(&m, now * SEC);
	check_int(count_known(machine_round(&m, 136 * SEC)), MANY);
	machine_done(&m);
}

/* Who cannot be read at all takes nobody's turn. */
TEST(who_is_gone_again_keeps_nobody_waiting)
{
	const struct snapshot *s;

	start();
	machine_leave_pages(&m, 5000);
	machine_round(&m, 62 * SEC);
	machine_crowd(&m, 0, MANY, 2);
	check_int(sense_fast(m.sense, 130 * SEC), 0);
	check_int(sense_rescan(m.sense, 130 * SEC), 0);
	for (int i = A_ROUND; i < MANY - 1; i++) {
		char path[96];

		snprintf(path, sizeof(path), CGROUP_DIR "/work.slice/s%04d.service", i);
		machine_remove(&m, path);
	}
	check_int(sense_services(m.sense, 130 * SEC), 0);
	s = sense_snapshot(m.sense);
	check_known(service_value(machine_service(s, "work.slice/s0599.service"),
				  METRIC_SERVICE_CURRENT),
		    8 * (int64_t)MIB);
	machine_done(&m);
}
