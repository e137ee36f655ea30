/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/canaries.h"

#include "cli/brake.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/paragraph.h"
#include "explain/canary_story.h"
#include "host/runtime.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

struct deaths {
	int error; /* as runtime_get_canaries(): no agent has kept any */
	struct runtime_canaries kept;
};

static void read_deaths(const struct snapshot *snapshot, const char *root, struct deaths *ret)
{
	_cleanup_(closep) int fd = -1;
	pid_t agent;

	*ret = (struct deaths){ .error = -ENOENT };
	if (root || snapshot->canary_count == 0)
		return;
	fd = open(brake_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret->error = fd < 0 ? -errno : runtime_find(fd, &agent);
	if (ret->error >= 0)
		ret->error = runtime_get_canaries(fd, &ret->kept);
}

static const struct runtime_canary *find(const struct deaths *deaths,
					 const struct canary_status *canary)
{
	for (size_t i = 0; deaths->error >= 0 && i < CANARIES_MAX; i++)
		if (deaths->kept.each[i].key == canary->key)
			return &deaths->kept.each[i];
	return NULL;
}

static uint64_t deaths_of(const struct deaths *deaths, const struct canary_status *canary)
{
	const struct runtime_canary *kept = find(deaths, canary);

	return kept ? kept->deaths : 0;
}

/* Nothing: it is armed, or nobody knows. */
static void add_wait(const struct deaths *deaths, const struct canary_status *canary,
		     struct strbuf *out)
{
	const struct runtime_canary *kept = find(deaths, canary);
	const struct canary_failure *failure = &deaths->kept.failure;

	if (kept)
		canary_story_wait(kept->plight,
				  failure->error == kept->plight.detail ? failure->words : NULL,
				  out);
}

static void deaths_cell(struct table *t, const struct runtime_canary *kept)
{
	if (!kept)
		table_cell(t, "-");
	else if (kept->kernel_kills > 0)
		cell_format(t, "%" PRIu64 ", %" PRIu64 " by the kernel", kept->deaths,
			    kept->kernel_kills);
	else
		cell_format(t, "%" PRIu64, kept->deaths);
}

static void add_row(struct table *t, const struct snapshot *s, const struct canary_status *canary,
		    const struct deaths *deaths)
{
	table_row(t);
	cell_name(t, canary->name);
	cell_reading(t, canary->readings, METRIC_CANARY_SIZE);
	cell_reading(t, canary->readings, METRIC_CANARY_HELD);
	if (canary->has_node)
		cell_format(t, "%u", canary->node);
	else
		table_cell(t, "any");
	table_cell(t, canary_state_name(canary_state_of(s, canary, deaths_of(deaths, canary))));
	deaths_cell(t, find(deaths, canary));
	cell_name(t, canary->slice[0] ? canary->slice : "-");
}

static void print_wait(const struct canary_status *canary, const struct deaths *deaths)
{
	char why[CANARY_WORDS_BYTES + 64], text[sizeof(why) + 128];
	struct strbuf words = STRBUF(why), line = STRBUF(text);

	add_wait(deaths, canary, &words);
	if (words.length == 0)
		return;
	strbuf_add_name(&line, canary->name);
	strbuf_addf(&line, " is not armed: %s", why);
	paragraph_print(2, text);
}

int canaries_print(const struct snapshot *s, const char *root)
{
	static const struct table_column columns[] = {
		{ .name = "CANARY" },
		{ .name = "SIZE", .right = true },
		{ .name = "HELD", .right = true },
		{ .name = "NODE", .right = true },
		{ .name = "STATE" },
		{ .name = "DEATHS" },
		{ .name = "SLICE", .from_width = 90 },
	};
	_cleanup_(table_freep) struct table *t = NULL;
	struct deaths deaths;
	int r;

	if (s->canary_count == 0)
		return 0;
	read_deaths(s, root, &deaths);
	t = table_new("canaries", columns, ARRAY_SIZE(columns), false);
	if (!t)
		return -1;
	cli_heading("CANARIES");
	for (size_t i = 0; i < s->canary_count; i++)
		add_row(t, s, &s->canaries[i], &deaths);
	r = table_print(t);
	for (size_t i = 0; r == 0 && i < s->canary_count; i++)
		print_wait(&s->canaries[i], &deaths);
	return r;
}

static bool is_meant(const struct canary_status *canary, const struct node *node)
{
	return !node || canary_is_on(canary, node->id);
}

void canaries_print_lines(const struct snapshot *s, const char *root, const struct node *node)
{
	struct deaths deaths;
	char text[512], words[CANARY_WORDS_BYTES + 64];
	struct strbuf b = STRBUF(text), why = STRBUF(words);

	read_deaths(s, root, &deaths);
	for (size_t i = 0; i < s->canary_count; i++) {
		if (!is_meant(&s->canaries[i], node))
			continue;
		strbuf_reset(&b);
		canary_story_text(s, &s->canaries[i], deaths_of(&deaths, &s->canaries[i]), &b);
		strbuf_reset(&why);
		add_wait(&deaths, &s->canaries[i], &why);
		if (why.length > 0)
			strbuf_addf(&b, ", as %s", why.data);
		paragraph_print(2, text);
	}
}

static struct json_object *canary_object(const struct snapshot *s,
					 const struct canary_status *canary,
					 const struct deaths *deaths)
{
	const struct runtime_canary *kept = find(deaths, canary);
	struct json_object *o = json_object_new_object();
	char text[CANARY_WORDS_BYTES + 64];
	struct strbuf why = STRBUF(text);

	add_wait(deaths, canary, &why);
	json_text(o, "name", canary->name);
	json_text(o, "unit", canary->unit);
	if (canary->slice[0])
		json_name(o, "slice", canary->slice);
	if (canary->has_node)
		json_number(o, "node", canary->node);
	json_text(o, "state",
		  canary_state_name(canary_state_of(s, canary, deaths_of(deaths, canary))));
	if (why.length > 0)
		json_text(o, "not_armed_as", text);
	json_add(o, "size_bytes",
		 json_reading(canary->readings[metric_index(METRIC_CANARY_SIZE)], DIM_BYTES));
	json_add(o, "held_bytes",
		 json_reading(canary->readings[metric_index(METRIC_CANARY_HELD)], DIM_BYTES));
	if (kept) {
		json_number(o, "deaths", (int64_t)kept->deaths);
		json_number(o, "kernel_kills", (int64_t)kept->kernel_kills);
	}
	return o;
}

void canaries_json(const struct snapshot *s, const char *root, const struct node *node,
		   struct json_object *to)
{
	struct deaths deaths;
	struct json_object *list;

	if (s->canary_count == 0)
		return;
	read_deaths(s, root, &deaths);
	list = json_object_new_array();
	for (size_t i = 0; i < s->canary_count; i++)
		if (is_meant(&s->canaries[i], node))
			json_push(list, canary_object(s, &s->canaries[i], &deaths));
	json_add(to, "canaries", list);
}
