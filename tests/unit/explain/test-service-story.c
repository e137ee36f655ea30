/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/service_story.h"
#include "util/macro.h"

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)

static struct service services[3];
static struct snapshot machine = { .services = services };

static void set(struct service *s, enum metric_id id, int64_t value)
{
	s->readings[metric_index(id)] = reading_of(value);
}

static struct service *set_up(void)
{
	static const char *const paths[] = { "a.slice", "a.slice/b", "a.slice/b/c.scope" };

	memset(services, 0, sizeof(services));
	machine.service_count = 3;
	for (size_t i = 0; i < 3; i++) {
		services[i] = (struct service){ .path = paths[i], .name = paths[i] };
		set(&services[i], METRIC_SERVICE_CURRENT, GIB);
	}
	return &services[2];
}

static const char *line(const struct service *s, enum service_line which)
{
	static char text[1024];
	struct strbuf b = STRBUF(text);

	return service_story_line(&machine, s, which, &b) ? text : NULL;
}

TEST(what_is_unknown_is_left_out)
{
	struct service *s = set_up();

	check_str(line(s, SERVICE_LINE_MEMORY), "uses 1 GiB; swapped unknown");
	check_str(line(s, SERVICE_LINE_LIMIT), "limit of its own: unknown");
	for (int i = SERVICE_LINE_HIGH; i < SERVICE_LINE_COUNT_; i++)
		check(!line(s, (enum service_line)i));
}

TEST(its_parts_and_what_it_wants_back)
{
	struct service *s = set_up();

	set(s, METRIC_SERVICE_ANON, 600 * MIB);
	set(s, METRIC_SERVICE_FILE, 400 * MIB);
	set(s, METRIC_SERVICE_SLAB, 0);
	set(s, METRIC_SERVICE_SWAP, 0);
	set(s, METRIC_SERVICE_REFAULT_RATE, 3 * MIB);
	check_str(line(s, SERVICE_LINE_MEMORY),
		  "uses 1 GiB: 600 MiB anonymous, 400 MiB file cache; swapped 0 B; wants back at "
		  "once what was taken from it: 3 MiB/s");
}

TEST(the_cgroup_that_limits_it)
{
	struct service *s = set_up();
	const struct service *owner;

	s->readings[metric_index(METRIC_SERVICE_LIMIT)] = READING_FOREVER;
	check_contains(line(s, SERVICE_LINE_LIMIT), "no hard limit");
	set(s, METRIC_SERVICE_LIMIT, 2 * GIB);
	set(s, METRIC_SERVICE_HEADROOM, GIB);
	/* A lower one of its own does not count where there is less room above. */
	set(s, METRIC_SERVICE_MAX, GIB + 900 * MIB);
	check_str(line(s, SERVICE_LINE_LIMIT),
		  "limit: 2 GiB, that of a cgroup above it and all that "
		  "is in it; left: 1 GiB");
	set(&services[0], METRIC_SERVICE_MAX, 2 * GIB);
	s->limit_length = (uint16_t)strlen(services[0].path);
	set(s, METRIC_SERVICE_TIME_TO_LIMIT, 20 * (int64_t)USEC_PER_SEC);
	check_str(line(s, SERVICE_LINE_LIMIT),
		  "limit: 2 GiB, that of a.slice and all that is in it; "
		  "left: 1 GiB, used up in 20s");
	/* Limits of the same size are not the same limit. */
	set(&services[1], METRIC_SERVICE_MAX, 2 * GIB);
	set(s, METRIC_SERVICE_MAX, 2 * GIB);
	check_int(service_limit_owner(&machine, s, &owner), LIMIT_SERVICE);
	check(owner == &services[0]);
	s->limit_length = (uint16_t)strlen(services[1].path);
	check_int(service_limit_owner(&machine, s, &owner), LIMIT_SERVICE);
	check(owner == &services[1]);
	s->limit_length = (uint16_t)strlen(s->path);
	check_int(service_limit_owner(&machine, s, &owner), LIMIT_OWN);
	check_contains(line(s, SERVICE_LINE_LIMIT), "limit: 2 GiB, its own");
}

TEST(whose_making_its_stalls_are)
{
	struct service *s = set_up();

	set(s, METRIC_SERVICE_PSI_SOME, 9000);
	set(s, METRIC_SERVICE_PSI_FULL, 8000);
	check_str(line(s, SERVICE_LINE_STALLS),
		  "stalled for memory in the last 10 s: 90% of the time "
		  "some tasks, 80% all");
	set(s, METRIC_SERVICE_PSI_SELF, 0);
	check_contains(line(s, SERVICE_LINE_STALLS), "; it is at no limit of its own");
	s->held_length = (uint16_t)strlen("a.slice");
	check_contains(line(s, SERVICE_LINE_STALLS),
		       "; the cgroup above it, a.slice, is at its limit, and no memory outside of "
		       "that would help");
	set(s, METRIC_SERVICE_PSI_SELF, 9000);
	set(s, METRIC_SERVICE_EVENTS_MAX_RATE, 12);
	set(s, METRIC_SERVICE_MAX, GIB);
	check_contains(line(s, SERVICE_LINE_STALLS),
		       "; that is its own making, at its memory.max of 1 GiB (12/s)");
}

TEST(a_group_dies_as_a_whole)
{
	struct service *s = set_up();

	set(s, METRIC_SERVICE_OOM_GROUP, 0);
	check(!line(s, SERVICE_LINE_GROUP));
	set(s, METRIC_SERVICE_OOM_GROUP, 1);
	set(s, METRIC_SERVICE_PROCESSES, 12);
	check_contains(line(s, SERVICE_LINE_GROUP), "kills all of them, 12");
}

TEST(what_happened_and_what_protects)
{
	struct service *s = set_up();

	set(s, METRIC_SERVICE_EVENTS_HIGH, 0);
	set(s, METRIC_SERVICE_EVENTS_MAX, 3889);
	set(s, METRIC_SERVICE_OOM_KILLS, 2);
	check_str(line(s, SERVICE_LINE_EVENTS),
		  "since it began: ran into its limit: 3889, killed by the kernel: 2");
	set(s, METRIC_SERVICE_LOW, GIB);
	check_str(line(s, SERVICE_LINE_PROTECTION),
		  "kept from reclaim: 1 GiB while others have any");
	set(s, METRIC_SERVICE_MIN, MIB);
	check_str(line(s, SERVICE_LINE_PROTECTION),
		  "kept from reclaim: 1 MiB always, 1 GiB while others have any");
}

TEST(a_mark_for_killers)
{
	struct service *s = set_up();

	s->mark = MARK_AVOID;
	s->mark_by_root = true;
	s->cgroup_uid = 1000;
	check_str(line(s, SERVICE_LINE_MARK), "its control group is marked for killers, "
					      "oomd_avoid: among those of its Kill= class "
					      "it goes last");
	s->mark_by_root = false;
	s->mark = MARK_OMIT;
	check_str(line(s, SERVICE_LINE_MARK), "its control group is marked for killers, oomd_omit: "
					      "it is not killed for what user "
					      "1000 is short of, and not for the host");
	s->mark = MARK_PREFER;
	check_contains(line(s, SERVICE_LINE_MARK), "goes first");
}
