/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which services a round looks at. */

#include "test.h"

#include "sense/service_agenda.h"

static struct service_agenda agenda;

static size_t count_attended(void)
{
	size_t count = 0;

	for (size_t i = service_agenda_next(&agenda, 0); i != SIZE_MAX;
	     i = service_agenda_next(&agenda, i + 1))
		count++;
	return count;
}

TEST(attention_is_found_by_bit_wherever_it_is)
{
	static const size_t places[] = { 0, 1, 63, 64, 127, 128, 199 };

	check_int(service_agenda_reserve(&agenda, 200), 0);
	check(service_agenda_next(&agenda, 0) == SIZE_MAX);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		service_agenda_attend(&agenda, places[i], true);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		check(service_agenda_attends(&agenda, places[i]));
		check_int(service_agenda_next(&agenda, i == 0 ? 0 : places[i - 1] + 1), places[i]);
	}
	check_int(count_attended(), sizeof(places) / sizeof(places[0]));
	service_agenda_attend(&agenda, 64, false);
	check_int(service_agenda_next(&agenda, 64), 127);
	check(service_agenda_next(&agenda, 200) == SIZE_MAX);
	service_agenda_done(&agenda);
}

TEST(what_was_touched_is_listed_once_until_the_next_tick)
{
	check_int(service_agenda_reserve(&agenda, 100), 0);
	for (int n = 0; n < 3; n++) {
		service_agenda_touch(&agenda, 7);
		service_agenda_touch(&agenda, 99);
	}
	check_int(agenda.touched_count, 2);
	check_int(agenda.touched[0], 7);
	check_int(agenda.touched[1], 99);
	service_agenda_clear_touched(&agenda);
	check_int(agenda.touched_count, 0);
	service_agenda_touch(&agenda, 99);
	check_int(agenda.touched_count, 1);
	/* All of them fit. */
	for (size_t i = 0; i < 100; i++)
		service_agenda_touch(&agenda, i);
	check_int(agenda.touched_count, 100);
	service_agenda_done(&agenda);
}

TEST(places_that_there_is_no_room_for_do_no_harm)
{
	service_agenda_touch(&agenda, 0);
	service_agenda_attend(&agenda, 0, true);
	check(!service_agenda_attends(&agenda, 0));
	check(service_agenda_next(&agenda, 0) == SIZE_MAX);
	service_agenda_reset(&agenda, 1);
	check_int(service_agenda_reserve(&agenda, 64), 0);
	service_agenda_touch(&agenda, 64);
	service_agenda_attend(&agenda, 64, true);
	check_int(agenda.touched_count, 0);
	check(service_agenda_next(&agenda, 0) == SIZE_MAX);
	service_agenda_done(&agenda);
}

TEST(other_services_begin_anew)
{
	check_int(service_agenda_reserve(&agenda, 64), 0);
	service_agenda_attend(&agenda, 5, true);
	service_agenda_touch(&agenda, 5);
	service_agenda_reset(&agenda, 9);
	check_int(agenda.order, 9);
	check_int(agenda.touched_count, 0);
	check(service_agenda_next(&agenda, 0) == SIZE_MAX);
	service_agenda_touch(&agenda, 5);
	check_int(agenda.touched_count, 1);
	/* Room for more is room for others. */
	check_int(service_agenda_reserve(&agenda, 65), 0);
	check_int(agenda.order, 0);
	check_int(agenda.touched_count, 0);
	service_agenda_done(&agenda);
}
