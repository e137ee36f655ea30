/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Services that come when there is no heap to be had: as many as were prepared for are seen, and of
 * more it is said that they are not.
 */

#include "heap_fail.h"
#include "scratch.h"

#include "sense/machine.h"

#include "engine/engine.h"

enum { EARLY = 8, ROOM = 64, MANY = 1500 };

static struct machine m;
static size_t faults, news;
static char said[256];

static void note_line(void *context _unused_, bool is_fault, const char *line)
{
	faults += is_fault;
	news += !is_fault;
	snprintf(said, sizeof(said), "%s", line);
}

static struct warden *begin(void)
{
	const struct warden_options options = { .root = m.directory,
						.config_path = &scratch_path,
						.say = note_line };
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what;
	char path[128];

	machine_two_nodes(&m);
	machine_crowd(&m, 0, EARLY, 0);
	scratch_make();
	snprintf(path, sizeof(path), "%s/policies", scratch);
	check_int(mkdir(path, 0755), 0);
	scratch_write("oomwarden.ini", "[Agent]\nPolicy=work\n");
	scratch_write("policies/work.ini",
		      "[Policy work]\nMatch=work.slice/*.service\nKind=batch\nKill=first\n");
	scratch_write("rules.d/10-large.ini", "[Rule large]\nOn=service\n"
					      "When=service.current > 1G\nDo=notify\n");
	heap_most = HEAP_ENDLESS; /* of a test that failed */
	faults = news = 0;
	check_int(warden_new(&options, &diags, &what, &warden), 0);
	return warden;
}

static void end(struct warden *warden)
{
	heap_most = HEAP_ENDLESS;
	scratch_remove(warden);
	machine_done(&m);
}

static size_t tick(struct warden *warden, usec_t now)
{
	size_t seen = 0;

	check(warden_tick(warden, now) >= 0);
	for (size_t i = 0; i < warden_snapshot(warden)->service_count; i++) {
		const struct service *service = &warden_snapshot(warden)->services[i];
		struct reading size = service_value(service, METRIC_SERVICE_CURRENT);

		seen += service->process_count == 1 && size.state == READING_KNOWN &&
			size.value == 8 * (int64_t)MIB;
	}
	return seen;
}

TEST(who_comes_in_danger_is_seen)
{
	struct warden *warden = begin();

	check_int(tick(warden, SEC), EARLY);
	/* A fifth is left of the host, then a fiftieth. */
	machine_leave_pages(&m, 52000);
	check_int(tick(warden, 3 * SEC), EARLY);
	heap_most = heap_bytes;
	machine_leave_pages(&m, 5000);
	check_int(tick(warden, 5 * SEC), EARLY);
	for (int i = 1; i <= 4; i++) {
		machine_crowd(&m, EARLY + (i - 1) * ROOM / 4, ROOM / 4, 0);
		check_int(tick(warden, (usec_t)(5 + i) * SEC), EARLY + i * ROOM / 4);
	}
	/* The rule about services has room for them as well. */
	check_int(engine_overflow(warden_engine(warden)), 0);
	check_int(engine_instance_count(warden_engine(warden)), EARLY + ROOM);
	check_int(faults + news, 0);
	end(warden);
}

TEST(of_more_it_is_said_once_that_they_are_not)
{
	struct warden *warden = begin();

	machine_leave_pages(&m, 52000);
	check_int(tick(warden, SEC), EARLY);
	heap_most = heap_bytes;
	machine_leave_pages(&m, 5000);
	check_int(tick(warden, 3 * SEC), EARLY);
	machine_crowd(&m, EARLY, MANY, 0);
	for (usec_t now = 4; now < 9; now++)
		check_int(tick(warden, now * SEC), EARLY);
	check_int(faults, 1);
	check_contains(said, "services that have come since are not seen");
	check_contains(said, "Cannot allocate memory");

	heap_most = HEAP_ENDLESS;
	for (usec_t now = 9; now < 20; now++)
		(void)tick(warden, now * SEC);
	check_int(tick(warden, 20 * SEC), EARLY + MANY);
	check_int(faults, 1);
	check_int(news, 1);
	check_contains(said, "are seen again");
	end(warden);
}

TEST(a_host_at_ease_holds_nothing_back)
{
	struct warden *warden = begin();
	long before;

	check_int(tick(warden, SEC), EARLY);
	check_int(tick(warden, 3 * SEC), EARLY);
	before = heap_bytes;
	machine_leave_pages(&m, 52000);
	check_int(tick(warden, 5 * SEC), EARLY);
	check(heap_bytes - before > 100 * 1024);
	machine_leave_pages(&m, two_nodes[0].free_pages);
	check_int(tick(warden, 7 * SEC), EARLY);
	check(heap_bytes - before < 64 * 1024);
	end(warden);
}
