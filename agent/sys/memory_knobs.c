/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/memory_knobs.h"

#include "sys/host_info.h"
#include "sys/kernel_number.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#define MM_DIRECTORY "sys/kernel/mm/"
#define TEXT_BYTES   64

/* False: there is none, or it is below zero. */
static bool read_number(const struct sysroot *root, const char *path, int64_t *ret)
{
	_cleanup_(closep) int fd = sysroot_open_file(root, path);

	return fd >= 0 && kernel_number_read(fd, ret) == 0 && *ret >= 0;
}

static void read_ksm(const struct sysroot *root, struct memory_knobs *knobs)
{
	int64_t run, across, sharing;

	if (!read_number(root, MM_DIRECTORY "ksm/run", &run))
		return;
	knobs->ksm_runs = run == 1;
	knobs->ksm_across_nodes =
		!read_number(root, MM_DIRECTORY "ksm/merge_across_nodes", &across) || across != 0;
	if (read_number(root, MM_DIRECTORY "ksm/pages_sharing", &sharing))
		knobs->ksm_pages = (uint64_t)sharing;
}

enum memory_knob_thp memory_knobs_parse_thp(const char *text, size_t length)
{
	static const struct {
		const char *word;
		enum memory_knob_thp thp;
	} choices[] = {
		{ "[always]", MEMORY_KNOB_THP_ALWAYS },
		{ "[madvise]", MEMORY_KNOB_THP_MADVISE },
		{ "[never]", MEMORY_KNOB_THP_NEVER },
	};
	struct span rest = span_of(text, length), line, word;

	if (!span_next_line(&rest, &line))
		return MEMORY_KNOB_THP_UNKNOWN;
	while (span_next_word(&line, &word))
		for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
			if (span_is(word, choices[i].word))
				return choices[i].thp;
	return MEMORY_KNOB_THP_UNKNOWN;
}

bool memory_knobs_parse_truth(const char *text, size_t length)
{
	struct span rest = span_of(text, length), line;

	if (!span_next_line(&rest, &line))
		return false;
	line = span_trim(line);
	return span_is(line, "true") || span_is(line, "1");
}

void memory_knobs_read(const struct sysroot *root, struct memory_knobs *ret)
{
	char text[TEXT_BYTES];
	int64_t mode;
	ssize_t n;

	*ret = (struct memory_knobs){ 0 };
	read_ksm(root, ret);
	if (host_info_sysctl(root, "vm/zone_reclaim_mode", &mode) == 0 && mode > 0 &&
	    mode <= UINT16_MAX)
		ret->zone_reclaim = (unsigned)mode;
	n = sysroot_read(root, MM_DIRECTORY "numa/demotion_enabled", text, sizeof(text));
	if (n > 0)
		ret->demotes = memory_knobs_parse_truth(text, (size_t)n);
	n = sysroot_read(root, MM_DIRECTORY "transparent_hugepage/enabled", text, sizeof(text));
	if (n > 0)
		ret->thp = memory_knobs_parse_thp(text, (size_t)n);
}
