/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_layout.h"

#include "sys/cgroup_dir.h"
#include "sys/cgroup_library.h"
#include "sys/line_reader.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNIFIED_PATH "sys/fs/cgroup"
#define HYBRID_PATH  "sys/fs/cgroup/unified"
#define NAMED_PATH   "sys/fs/cgroup/systemd"
#define NAMED_OPTION "name=systemd"

static const struct {
	const char *v1;
	const char *v2;
} controllers[CGROUP_CONTROLLER_COUNT_] = {
	[CGROUP_MEMORY] = { "memory", "memory" },
	[CGROUP_CPUSET] = { "cpuset", "cpuset" },
	[CGROUP_IO] = { "blkio", "io" },
	[CGROUP_CPU] = { "cpu", "cpu" },
	[CGROUP_PIDS] = { "pids", "pids" },
	[CGROUP_FREEZER] = { "freezer", NULL },
	[CGROUP_HUGETLB] = { "hugetlb", "hugetlb" },
};

/* Mount points are octal-escaped: \040 is a blank. */
static bool copy_unescaped(struct span s, char *buffer, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s.length; i++) {
		char c = s.data[i];

		if (c == '\\' && i + 3 < s.length && s.data[i + 1] >= '0' && s.data[i + 1] <= '3' &&
		    s.data[i + 2] >= '0' && s.data[i + 2] <= '7' && s.data[i + 3] >= '0' &&
		    s.data[i + 3] <= '7') {
			c = (char)((s.data[i + 1] - '0') << 6 | (s.data[i + 2] - '0') << 3 |
				   (s.data[i + 3] - '0'));
			i += 3;
		}
		if (n + 1 >= size || c == '\0')
			return false;
		buffer[n++] = c;
	}
	buffer[n] = '\0';
	return true;
}

struct mount_line {
	struct span subtree;
	struct span point;
	struct span type;
	struct span options;
};

/* "30 21 0:25 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate": any number of
 * optional fields before the dash. proc(5). */
static bool parse_mount_line(struct span line, struct mount_line *ret)
{
	struct span word;

	for (int i = 0; i < 3; i++)
		if (!span_next_word(&line, &word))
			return false;
	if (!span_next_word(&line, &ret->subtree) || !span_next_word(&line, &ret->point) ||
	    !span_starts(ret->point, "/"))
		return false;
	do
		if (!span_next_word(&line, &word))
			return false;
	while (!span_is(word, "-"));
	return span_next_word(&line, &ret->type) && span_next_word(&line, &word) &&
	       span_next_word(&line, &ret->options);
}

static void take_mount(const struct mount_line *m, struct cgroup_mount *mount)
{
	struct cgroup_mount found = { 0 };

	if (copy_unescaped(span_skip(m->point, 1), found.path, sizeof(found.path)) &&
	    copy_unescaped(m->subtree, found.subtree, sizeof(found.subtree)))
		*mount = found;
}

/* A machine may have the v2 tree mounted more than once (a container's, a tool's own): the places
 * that systemd uses come first, and at one place the later mount covers the earlier. */
static int v2_rank(const char *path)
{
	if (strcmp(path, UNIFIED_PATH) == 0)
		return 3;
	if (strcmp(path, HYBRID_PATH) == 0)
		return 2;
	return path[0] ? 1 : 0;
}

static bool has_option(struct span options, const char *name)
{
	struct span word;

	while (span_next_field(&options, ',', &word))
		if (span_is(word, name))
			return true;
	return false;
}

static void take_v2_mount(const struct mount_line *m, struct cgroup_layout *layout)
{
	struct cgroup_mount found = { 0 };
	int rank;

	take_mount(m, &found);
	rank = v2_rank(found.path);
	if (rank > v2_rank(layout->v2.path) ||
	    (rank > 1 && strcmp(found.path, layout->v2.path) == 0)) {
		layout->v2 = found;
		layout->local_events = has_option(m->options, "memory_localevents");
	}
}

static void take_v1_mount(const struct mount_line *m, struct cgroup_layout *layout)
{
	for (size_t i = 0; i < CGROUP_CONTROLLER_COUNT_; i++)
		if (!layout->v1[i].path[0] && has_option(m->options, controllers[i].v1))
			take_mount(m, &layout->v1[i]);
	if (!layout->named.path[0] && has_option(m->options, NAMED_OPTION))
		take_mount(m, &layout->named);
}

static void take_mount_line(struct span line, struct cgroup_layout *layout)
{
	struct mount_line m;

	if (!parse_mount_line(line, &m))
		return;
	if (span_is(m.type, "cgroup2"))
		take_v2_mount(&m, layout);
	else if (span_is(m.type, "cgroup"))
		take_v1_mount(&m, layout);
}

/* What the v2 tree does not have, v1 may; the freezer of v2 is no controller but a file of every
 * cgroup (5.2). */
static void settle(struct cgroup_layout *layout)
{
	for (size_t i = 0; i < CGROUP_CONTROLLER_COUNT_; i++)
		if (layout->controllers[i] == CGROUP_ABSENT && layout->v1[i].path[0])
			layout->controllers[i] = CGROUP_V1;
	if (layout->controllers[CGROUP_FREEZER] == CGROUP_ABSENT && layout->v2.path[0])
		layout->controllers[CGROUP_FREEZER] = CGROUP_V2;
}

void cgroup_layout_parse_mounts(const char *text, size_t length, struct cgroup_layout *layout)
{
	struct span rest = span_of(text, length), line;

	while (span_next_line(&rest, &line))
		take_mount_line(line, layout);
	settle(layout);
}

void cgroup_layout_parse_controllers(const char *text, size_t length, struct cgroup_layout *layout)
{
	struct span rest = span_of(text, length), line, word;

	while (span_next_line(&rest, &line))
		while (span_next_word(&line, &word))
			for (size_t i = 0; i < CGROUP_CONTROLLER_COUNT_; i++)
				if (controllers[i].v2 && span_is(word, controllers[i].v2))
					layout->controllers[i] = CGROUP_V2;
}

/* 1 read, 0 there is none. */
static int read_mounts(const struct sysroot *root, struct cgroup_layout *layout)
{
	_cleanup_(closep) int fd = sysroot_open_file(root, "proc/self/mountinfo");
	struct line_reader reader;
	struct span line;
	bool cut;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	line_reader_init(&reader, fd);
	while ((r = line_reader_next(&reader, &line, &cut)) > 0)
		if (!cut)
			take_mount_line(line, layout);
	return r < 0 ? r : 1;
}

static bool exists(const struct sysroot *root, const char *directory, const char *file)
{
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = sysroot_open_path(root, path, O_PATH);
	return fd >= 0;
}

/* For a captured tree without mountinfo. */
static void guess_mounts(const struct sysroot *root, struct cgroup_layout *layout)
{
	const struct cgroup_mount unified = { UNIFIED_PATH, "/" }, hybrid = { HYBRID_PATH, "/" };

	if (exists(root, UNIFIED_PATH, "cgroup.controllers")) {
		layout->v2 = unified;
		return;
	}
	if (exists(root, HYBRID_PATH, "cgroup.controllers"))
		layout->v2 = hybrid;
	for (size_t i = 0; i < CGROUP_CONTROLLER_COUNT_; i++) {
		struct cgroup_mount *v1 = &layout->v1[i];

		if (!exists(root, UNIFIED_PATH, controllers[i].v1))
			continue;
		snprintf(v1->path, sizeof(v1->path), UNIFIED_PATH "/%s", controllers[i].v1);
		snprintf(v1->subtree, sizeof(v1->subtree), "/");
	}
	if (exists(root, NAMED_PATH, "cgroup.procs"))
		layout->named = (struct cgroup_mount){ NAMED_PATH, "/" };
}

/* The live machine is asked through libcgroup for the mount of each controller; the part of a
 * hierarchy that is mounted only mountinfo tells. */
static void ask_library(struct cgroup_layout *layout)
{
	layout->asked_libcgroup = cgroup_library_init();
	if (!layout->asked_libcgroup)
		return;
	for (size_t i = 0; i < CGROUP_CONTROLLER_COUNT_; i++) {
		struct cgroup_mount *v1 = &layout->v1[i];
		char point[CGROUP_MOUNT_BYTES];

		if (!cgroup_library_mount_point(controllers[i].v1, point, sizeof(point)) &&
		    !(controllers[i].v2 &&
		      cgroup_library_mount_point(controllers[i].v2, point, sizeof(point))))
			continue;
		if (point[0] != '/' || strcmp(point + 1, v1->path) == 0)
			continue;
		if (strcmp(point + 1, layout->v2.path) == 0) {
			layout->controllers[i] = CGROUP_V2;
		} else {
			memcpy(v1->path, point + 1, strlen(point));
			memcpy(v1->subtree, "/", sizeof("/"));
		}
	}
}

static int open_v2(const struct sysroot *root, struct cgroup_layout *layout)
{
	char path[PATH_MAX], text[1024];
	ssize_t length;

	if (!layout->v2.path[0])
		return 0;
	layout->v2_fd = sysroot_open_path(root, layout->v2.path, O_PATH | O_DIRECTORY);
	if (layout->v2_fd < 0) {
		/* Named by the mount table of a captured tree that does not hold it. */
		int error = layout->v2_fd;

		layout->v2_fd = -1;
		return error == -ENOENT ? 0 : error;
	}
	snprintf(path, sizeof(path), "%s/cgroup.controllers", layout->v2.path);
	length = sysroot_read(root, path, text, sizeof(text));
	if (length > 0)
		cgroup_layout_parse_controllers(text, (size_t)length, layout);
	return 0;
}

static int is_there(void *context, const char *name)
{
	(void)context;
	(void)name;
	return 1;
}

/* -1: not mounted, or named by the mount table of a captured tree that does not hold it. */
static int open_mount(const struct sysroot *root, const struct cgroup_mount *mount)
{
	if (!mount->path[0])
		return -1;
	return MAX_OF(sysroot_open_path(root, mount->path, O_PATH | O_DIRECTORY), -1);
}

/* A v2 hierarchy is the one that cgroups are made in where it has the memory controller, where no
 * other one is in question, or where there are any in it: a machine whose init knows v1 only may
 * have it mounted all the same. */
static bool is_v2_in_use(const struct cgroup_layout *layout)
{
	if (layout->v2_fd < 0)
		return false;
	if (layout->controllers[CGROUP_MEMORY] != CGROUP_V1 && !layout->named.path[0])
		return true;
	return cgroup_each_child(layout->v2_fd, is_there, NULL) == 1;
}

static void take_tree(struct cgroup_layout *layout, enum cgroup_tree tree, int fd)
{
	if (layout->tree != CGROUP_TREE_NONE || fd < 0)
		return;
	layout->tree = tree;
	layout->tree_fd = fd;
}

static void open_trees(const struct sysroot *root, struct cgroup_layout *layout)
{
	int named = -1;

	layout->memory_fd = -1;
	if (layout->controllers[CGROUP_MEMORY] == CGROUP_V2)
		layout->memory_fd = layout->v2_fd;
	else if (layout->controllers[CGROUP_MEMORY] == CGROUP_V1)
		layout->memory_fd = open_mount(root, &layout->v1[CGROUP_MEMORY]);
	layout->local_events |= layout->controllers[CGROUP_MEMORY] == CGROUP_V1;
	if (is_v2_in_use(layout))
		take_tree(layout, CGROUP_TREE_V2, layout->v2_fd);
	else
		named = open_mount(root, &layout->named);
	take_tree(layout, CGROUP_TREE_NAMED, named);
	take_tree(layout, CGROUP_TREE_MEMORY, layout->memory_fd);
	take_tree(layout, CGROUP_TREE_V2, layout->v2_fd);
}

static int open_layout(const struct sysroot *root, bool asks_library, struct cgroup_layout *ret)
{
	struct cgroup_layout layout = { .live = root->live, .v2_fd = -1 };
	int r = read_mounts(root, &layout);

	if (r < 0)
		return r;
	if (r == 0)
		guess_mounts(root, &layout);
	r = open_v2(root, &layout);
	if (r < 0)
		return r;
	if (root->live && asks_library)
		ask_library(&layout);
	settle(&layout);
	open_trees(root, &layout);
	*ret = layout;
	return 0;
}

int cgroup_layout_open(const struct sysroot *root, struct cgroup_layout *ret)
{
	return open_layout(root, true, ret);
}

int cgroup_layout_open_quick(const struct sysroot *root, struct cgroup_layout *ret)
{
	return open_layout(root, false, ret);
}

void cgroup_layout_done(struct cgroup_layout *layout)
{
	if (layout->tree != CGROUP_TREE_NONE) {
		if (layout->memory_fd >= 0 && layout->memory_fd != layout->v2_fd)
			close(layout->memory_fd);
		if (layout->tree == CGROUP_TREE_NAMED)
			close(layout->tree_fd);
	}
	layout->tree = CGROUP_TREE_NONE;
	drop_fd(&layout->v2_fd);
}

const struct cgroup_mount *cgroup_layout_tree(const struct cgroup_layout *layout)
{
	static const struct cgroup_mount none;

	switch (layout->tree) {
	case CGROUP_TREE_NONE:
		break;
	case CGROUP_TREE_V2:
		return &layout->v2;
	case CGROUP_TREE_NAMED:
		return &layout->named;
	case CGROUP_TREE_MEMORY:
		return &layout->v1[CGROUP_MEMORY];
	}
	return &none;
}

const char *cgroup_layout_tree_name(const struct cgroup_layout *layout)
{
	switch (layout->tree) {
	case CGROUP_TREE_NONE:
	case CGROUP_TREE_V2:
		break;
	case CGROUP_TREE_NAMED:
		return NAMED_OPTION;
	case CGROUP_TREE_MEMORY:
		return "memory";
	}
	return NULL;
}
