/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/host_text.h"

#include "cli/cli.h"
#include "cli/paragraph.h"
#include "explain/host_story.h"
#include "explain/neighbour_story.h"
#include "explain/pressure_story.h"
#include "util/macro.h"

#include <stdio.h>

static void print_pressure(const struct snapshot *snapshot)
{
	struct pressure_story story;
	char text[512];
	struct strbuf b = STRBUF(text);

	pressure_story_tell(snapshot, &story);
	if (!pressure_story_sum(&story, &b))
		return;
	cli_heading("WHO CAUSES PRESSURE");
	paragraph_print(2, text);
	for (size_t i = 0; i < story.count; i++) {
		strbuf_reset(&b);
		pressure_entry_text(&story.entries[i], &b);
		paragraph_print(4, text);
	}
	if (story.left_out > 0)
		printf("    and %zu that were stalled less\n", story.left_out);
}

static void print_neighbour(void *context, const char *name, const char *text)
{
	bool *is_first = context;

	(void)name;
	if (*is_first)
		cli_heading("NEIGHBOURS");
	*is_first = false;
	paragraph_print(2, text);
}

void host_text_print(const struct snapshot *snapshot)
{
	bool is_first = true;
	char text[1024];
	struct strbuf b = STRBUF(text);

	cli_heading("HOST");
	for (int line = 0; line < HOST_LINE_COUNT_; line++) {
		strbuf_reset(&b);
		if (host_story_line(snapshot, (enum host_line)line, &b))
			paragraph_print(2, text);
	}
	print_pressure(snapshot);
	(void)neighbour_story_tell(&snapshot->host, NEIGHBOURS_ALL, print_neighbour, &is_first);
}

void host_text_print_gaps(const struct sense_gap *gaps, size_t count)
{
	if (count == 0)
		return;
	cli_heading("CANNOT SEE");
	for (size_t i = 0; i < count; i++)
		paragraph_print(2, gaps[i].text);
}
