/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_layout.h"

#include "sys/cgroup_library.h"
#include "sys/line_reader.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define UNIFIED_PATH "sys/fs/cgroup"
#define HYBRID_PATH  "sys/fs/cgroup/unified"

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

static void take_v2_mount(const struct mount_line *m, struct cgroup_layout *layout)
{
	struct cgroup_mount found = { 0 };
	int rank;

	take_mount(m, &found);
	rank = v2_rank(found.path);
	if (rank > v2_rank(layout->v2.path) ||
	    (rank > 1 && strcmp(found.path, layout->v2.path) == 0))
		layout->v2 = found;
}

static void take_v1_mount(const struct mount_line *m, struct cgroup_layout *layout)
{
	struct span options = m->options, word;

	while (span_next_field(&options, ',', &word))
		for (size_t i = 0; i < CGROUP_CONTROLLER_COUNT_; i++)
			if (span_is(word, controllers[i].v1) && !layout->v1[i].path[0])
				take_mount(m, &layout->v1[i]);
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

int cgroup_layout_open(const struct sysroot *root, struct cgroup_layout *ret)
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
	if (root->live)
		ask_library(&layout);
	settle(&layout);
	*ret = layout;
	return 0;
}

void cgroup_layout_done(struct cgroup_layout *layout)
{
	if (layout->v2_fd >= 0)
		close(layout->v2_fd);
	layout->v2_fd = -1;
}

const char *cgroup_layout_describe(const struct cgroup_layout *layout)
{
	bool v2 = layout->v2.path[0], any_v1 = false;

	for (size_t i = 0; i < CGROUP_CONTROLLER_COUNT_; i++)
		any_v1 |= layout->controllers[i] == CGROUP_V1;
	switch (layout->controllers[CGROUP_MEMORY]) {
	case CGROUP_V2:
		return any_v1 ? "cgroup v2 for memory, v1 for other controllers" : "cgroup v2";
	case CGROUP_V1:
		return v2 ? "cgroup v1 for memory, v2 for processes and pressure (hybrid)"
			  : "cgroup v1";
	case CGROUP_ABSENT:
		break;
	}
	if (v2)
		return "cgroup v2 without the memory controller";
	return any_v1 ? "cgroup v1 without the memory controller" : "no cgroups";
}

static int identify(const struct cgroup_layout *layout, int fd, struct cgroup_dir *ret)
{
	_cleanup_(closep) int opened = fd;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct cgroup_dir){
		.fd = TAKE_FD(opened),
		.inode = layout->live ? (uint64_t)st.st_ino : 0,
	};
	return 0;
}

int cgroup_dir_open(const struct cgroup_layout *layout, const char *path, struct cgroup_dir *ret)
{
	if (layout->v2_fd < 0)
		return -EOPNOTSUPP;
	return identify(layout, sysroot_open_beneath(layout->v2_fd, path, O_PATH | O_DIRECTORY),
			ret);
}

int cgroup_dir_open_child(const struct cgroup_layout *layout, int dir_fd, const char *name,
			  struct cgroup_dir *ret)
{
	if (name[0] == '\0' || strchr(name, '/'))
		return -EINVAL;
	return identify(layout, sysroot_open_beneath(dir_fd, name, O_PATH | O_DIRECTORY), ret);
}

int cgroup_open_file(int dir_fd, const char *name, int flags)
{
	int fd;

	if (name[0] == '\0' || strchr(name, '/') || strcmp(name, "..") == 0)
		return -EINVAL;
	/* A captured tree may hold anything under that name, a FIFO too. Not for writes, where
	 * O_NONBLOCK changes what newer kernels do with a limit. */
	if ((flags & O_ACCMODE) == O_RDONLY)
		flags |= O_NONBLOCK;
	fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	return fd >= 0 ? fd : -errno;
}

ssize_t cgroup_read_file(int dir_fd, const char *name, char *buffer, size_t size)
{
	_cleanup_(closep) int fd = cgroup_open_file(dir_fd, name, O_RDONLY);

	return fd < 0 ? fd : sysroot_read_fd(fd, buffer, size);
}

static bool is_directory(int dir_fd, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

int cgroup_each_child(int dir_fd, int (*each)(void *context, const char *name), void *context)
{
	_cleanup_(closedirp) DIR *directory = NULL;
	_cleanup_(closep) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	if (fd < 0)
		return -errno;
	directory = fdopendir(fd);
	if (!directory)
		return -errno;
	/* The descriptor now belongs to the directory stream. */
	TAKE_FD(fd);
	while ((entry = readdir(directory))) {
		int r;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    !is_directory(dirfd(directory), entry))
			continue;
		r = each(context, entry->d_name);
		if (r != 0)
			return r;
	}
	return 0;
}
