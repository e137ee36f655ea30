/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "host/frames.h"
#include "util/macro.h"

#include <sys/stat.h>

static char directory[64];

static void make(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	check_int(mkdir(path, 0755), 0);
}

static void temporary(void)
{
	strcpy(directory, "/tmp/oomwarden-frames-XXXXXX");
	check(mkdtemp(directory));
}

static void remove_all(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	check_int(system(command), 0);
}

static void write_uptime(const char *frame, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/proc", frame);
	make(path);
	snprintf(path, sizeof(path), "%s/%s/proc/uptime", directory, frame);
	FILE *f = fopen(path, "w");

	check(f);
	fputs(text, f);
	fclose(f);
}

TEST(one_tree_is_one_frame)
{
	struct frames frames;

	temporary();
	make("proc");
	check_int(frames_find(directory, &frames), 0);
	check_int(frames.count, 1);
	check(!frames.sequence);
	remove_all();
}

TEST(a_sequence_ends_at_its_first_gap)
{
	struct frames frames;

	temporary();
	make("t0");
	make("t1");
	make("t3");
	check_int(frames_find(directory, &frames), 0);
	check_int(frames.count, 2);
	remove_all();
}

TEST(a_missing_directory_is_said)
{
	struct frames frames;

	check_int(frames_find("/nonexistent/oomwarden", &frames), -ENOENT);
}

TEST(time_is_the_uptime_or_a_second_more)
{
	struct frames frames;
	struct sysroot root;

	temporary();
	make("t0");
	make("t1");
	make("t2");
	write_uptime("t0", "100.50 200.00\n");
	write_uptime("t1", "101.25 200.00\n");
	check_int(frames_find(directory, &frames), 0);
	check_int(frames_open(&frames, 0, &root), 0);
	check_int(frames_time(&frames, 0, &root), 100500000);
	sysroot_done(&root);
	check_int(frames_open(&frames, 1, &root), 0);
	check_int(frames_time(&frames, 1, &root), 101250000);
	sysroot_done(&root);
	check_int(frames_open(&frames, 2, &root), 0);
	check_int(frames_time(&frames, 2, &root), 102250000);
	sysroot_done(&root);
	remove_all();
}
