/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/pressure_story.h"
#include "util/macro.h"

#define PERCENT INT64_C(100)

static struct service services[12];
static struct snapshot machine = { .services = services };

static void set_up(int64_t some, int64_t full)
{
	memset(services, 0, sizeof(services));
	machine = (struct snapshot){ .services = services };
	machine.host.readings[metric_index(METRIC_PSI_MEMORY_SOME)] = reading_of(some);
	machine.host.readings[metric_index(METRIC_PSI_MEMORY_FULL)] = reading_of(full);
}

static struct service *add(const char *path, int64_t some, int64_t self)
{
	struct service *s = &services[machine.service_count++];

	*s = (struct service){ .path = path, .name = path };
	s->readings[metric_index(METRIC_SERVICE_PSI_SOME)] = reading_of(some);
	s->readings[metric_index(METRIC_SERVICE_PSI_SELF)] = reading_of(self);
	return s;
}

static const char *sum(void)
{
	static char text[512];
	struct strbuf b = STRBUF(text);
	struct pressure_story story;

	pressure_story_tell(&machine, &story);
	return pressure_story_sum(&story, &b) ? text : NULL;
}

static const char *entry(size_t i)
{
	static char text[512];
	struct strbuf b = STRBUF(text);
	struct pressure_story story;

	pressure_story_tell(&machine, &story);
	check(i < story.count);
	pressure_entry_text(&story.entries[i], &b);
	return text;
}

TEST(a_quiet_host_has_no_story)
{
	set_up(0, 0);
	add("a", 0, 0);
	check(!sum());
}

TEST(one_at_its_limit_has_all_of_it)
{
	struct service *s;

	set_up(9947, 8655);
	add("idle", 0, 0);
	add("victim", 12, 0);
	s = add("hog", 9947, 9947);
	s->readings[metric_index(METRIC_SERVICE_EVENTS_HIGH_RATE)] = reading_of(500);
	s->readings[metric_index(METRIC_SERVICE_HIGH)] = reading_of(INT64_C(1) << 30);
	check_str(sum(),
		  "some tasks were stalled for 99.47% of the last 10 s; services at their own "
		  "limits explain 99.47%, the host need have no part");
	check_str(entry(0), "hog makes 99.47% for itself, at its memory.high of 1 GiB (500/s)");
	check_str(entry(1), "victim was stalled for 0.12%, at no limit of its own");
}

TEST(several_overlap_to_an_unknown_part)
{
	set_up(75 * PERCENT, 0);
	add("a", 30 * PERCENT, 30 * PERCENT);
	add("b", 20 * PERCENT, 20 * PERCENT);
	check_str(sum(), "some tasks were stalled for 75% of the last 10 s; services at their own "
			 "limits explain 30% to 50%, the host at least 25%");
}

TEST(nobody_at_a_limit)
{
	set_up(40 * PERCENT, 0);
	check_str(sum(),
		  "some tasks were stalled for 40% of the last 10 s; no service is at a limit "
		  "of its own, so it is the host's");
}

TEST(what_lies_within_counts_once)
{
	struct pressure_story story;

	set_up(50 * PERCENT, 0);
	add("a.slice/b", 50 * PERCENT, 50 * PERCENT);
	add("a.slice/b/c", 50 * PERCENT, 50 * PERCENT);
	add("a.slice/bc", 1 * PERCENT, 1 * PERCENT);
	pressure_story_tell(&machine, &story);
	check_int(story.own.sum, 51 * PERCENT);
	check_contains(entry(1), "counted in the service that holds it");
}

TEST(what_a_slice_does_to_those_in_it_is_not_the_hosts)
{
	set_up(90 * PERCENT, 0);
	add("user.slice/a", 80 * PERCENT, 0)->held_length = (uint16_t)strlen("user.slice");
	add("b", 5 * PERCENT, 5 * PERCENT);
	check_str(sum(), "some tasks were stalled for 90% of the last 10 s; limits of services, or "
			 "of cgroups above them, explain 80% to 85%, the host at least 5%");
	check_str(entry(1), "user.slice/a was stalled for 80%: the cgroup above it, user.slice, is "
			    "at its limit");
}

TEST(only_the_worst_are_listed)
{
	struct pressure_story story;
	char paths[12][16];

	set_up(50 * PERCENT, 0);
	for (size_t i = 0; i < 12; i++) {
		snprintf(paths[i], sizeof(paths[i]), "s%zu", i);
		add(paths[i], (int64_t)(i * 7 % 12 + 1), 0);
	}
	pressure_story_tell(&machine, &story);
	check_int(story.count, PRESSURE_ENTRIES_MAX);
	check_int(story.left_out, 4);
	for (size_t i = 0; i < story.count; i++)
		check_int(story.entries[i].some, 12 - i);
}

TEST(names_are_harmless)
{
	set_up(50 * PERCENT, 0);
	add("evil\n\033[31m", 50 * PERCENT, 0);
	check(!strchr(entry(0), '\n'));
	check(!strchr(entry(0), '\033'));
}
