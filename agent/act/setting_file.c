/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/setting_file.h"

#include "act/setting_sysctl.h"
#include "sys/cgroup_dir.h"
#include "sys/cgroup_effects.h"
#include "sys/cgroup_files.h"
#include "sys/cgroup_io.h"
#include "sys/cgroup_library.h"
#include "sys/huge_pool.h"
#include "sys/node_cpus.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * A setting of a service is a file in one of up to three directories that one cgroup has: that of
 * the tree, whose inode says which cgroup it is, and those of the controllers, each with an inode
 * of its own where it is in another hierarchy. The latter is noted together with the former, so
 * that a cgroup that is made anew in between is noticed in either.
 */

/* A line of io.max has up to 120 characters. */
#define TEXT_BYTES   8192
#define NUMBER_BYTES 64
/* Of nodes that share a few thousand CPUs by turns. */
#define LIST_BYTES 16384

struct place {
	const char *file;
	bool v1;
	enum cgroup_controller controller;
	bool has_controller; /* else a file that every v2 cgroup has */
	struct cgroup_dir tree;
	int fd; /* of the directory that has the file */
	uint64_t inode;
};

static void place_done(struct place *place)
{
	cgroup_dir_done(&place->tree);
	drop_fd(&place->fd);
}

static enum cgroup_controller controller_of(enum setting_id id)
{
	switch (id) {
	case SETTING_ALLOWED_NODES:
	case SETTING_ALLOWED_CPUS:
		return CGROUP_CPUSET;
	case SETTING_IO_WRITE_MAX:
		return CGROUP_IO;
	case SETTING_FREEZE:
		return CGROUP_FREEZER;
	default:
		return CGROUP_MEMORY;
	}
}

static int get_inode(int fd, uint64_t *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (uint64_t)st.st_ino;
	return 0;
}

/* The tree's own directory, if it still is the cgroup that was meant. A captured one has no inode
 * to tell by. */
static int open_tree(const struct cgroup_layout *layout, const struct setting_target *on,
		     const char *path, struct cgroup_dir *ret)
{
	struct cgroup_dir dir;
	int r;

	/* The root cgroup is the machine, and nobody's service. */
	if (path[0] == '\0')
		return -EINVAL;
	r = cgroup_dir_open(layout, path, &dir);
	if (r < 0)
		return r == -ENODEV ? -ENOENT : r;
	if (layout->live && dir.inode != on->key) {
		cgroup_dir_done(&dir);
		return -ESTALE;
	}
	*ret = dir;
	return 0;
}

/* Where the tree is v2's, each cgroup of it has a freezer, which on a hybrid machine v1 may be
 * mounted beside without anybody using it. */
static bool has_own_freezer(const struct cgroup_layout *layout, int tree_fd, const char *file)
{
	return layout->tree == CGROUP_TREE_V2 && faccessat(tree_fd, file, F_OK, 0) == 0;
}

static int open_controller(const struct sysroot *root, const struct cgroup_layout *layout,
			   const struct setting *setting, const char *path, struct place *place)
{
	enum cgroup_version version = layout->controllers[place->controller];

	if (version == CGROUP_ABSENT)
		return -EOPNOTSUPP;
	place->v1 = version == CGROUP_V1;
	place->has_controller = place->controller != CGROUP_FREEZER || place->v1;
	place->file = place->v1 ? setting->file_v1 : setting->file_v2;
	if (!place->file)
		return -EOPNOTSUPP;
	place->fd = place->controller == CGROUP_MEMORY
			    ? cgroup_memory_open(layout, path)
			    : cgroup_controller_open(root, layout, place->controller, path);
	return place->fd == -ENODEV ? -ENOENT : MIN_OF(place->fd, 0);
}

static int open_place(const struct sysroot *root, const struct cgroup_layout *layout,
		      const struct setting_target *on, const char *path, struct place *ret)
{
	const struct setting *setting = setting_get(on->id);
	_cleanup_(place_done) struct place place = {
		.controller = controller_of(on->id),
		.tree.fd = -1,
		.fd = -1,
	};
	int r = open_tree(layout, on, path, &place.tree);

	if (r < 0)
		return r;
	if (on->id == SETTING_FREEZE && has_own_freezer(layout, place.tree.fd, setting->file_v2)) {
		place.file = setting->file_v2;
		place.fd = fcntl(place.tree.fd, F_DUPFD_CLOEXEC, 0);
		r = place.fd < 0 ? -errno : 0;
	} else {
		r = open_controller(root, layout, setting, path, &place);
	}
	if (r == 0)
		r = get_inode(place.fd, &place.inode);
	if (r < 0)
		return r;
	*ret = place;
	place.fd = -1;
	place.tree.fd = -1;
	return 0;
}

/* --- what is there -------------------------------------------------------------------------- */

static ssize_t read_text(int fd, const char *file, char *buffer, size_t size)
{
	ssize_t length = cgroup_read_file(fd, file, buffer, size);

	/* It was removed with the file open. */
	return length == -ENODEV ? -ENOENT : length;
}

static int64_t limit_of(uint64_t bytes)
{
	return bytes > INT64_MAX ? SETTING_UNLIMITED : (int64_t)bytes;
}

static int parse_limit(const char *text, size_t length, struct setting_value *ret)
{
	uint64_t bytes;
	int r = cgroup_parse_value(text, length, &bytes);

	/* Above what the kernel can print, so none that counts. */
	if (r == -ERANGE)
		return -EINVAL;
	if (r == 0)
		ret->number = limit_of(bytes);
	return r;
}

static int parse_flag(const char *text, size_t length, struct setting_value *ret)
{
	uint64_t flag;
	int r = cgroup_parse_value(text, length, &flag);

	if (r < 0 || flag > 1)
		return -EINVAL;
	ret->number = (int64_t)flag;
	return 0;
}

static int parse_line(const char *text, size_t length, struct span *ret)
{
	struct span rest = span_of(text, length), line;

	if (!span_next_line(&rest, &line) || rest.length > 0)
		return -EINVAL;
	*ret = span_trim(line);
	return 0;
}

static int parse_nodes(struct span line, struct idset *ret)
{
	if (line.length == 0) {
		idset_clear(ret);
		return 0;
	}
	return span_idset(line, ret) < 0 ? -EINVAL : 0;
}

static int parse_cpus(const struct sysroot *root, struct span line, struct idset *ret)
{
	struct node_cpus cpus;
	int r = node_cpus_read(root, &cpus);

	if (r == 0)
		r = node_cpus_match(&cpus, line, ret);
	return r == -ENODATA ? -EDOM : r;
}

static int parse_freezer(const char *text, size_t length, struct setting_value *ret)
{
	struct span rest = span_of(text, length), line;

	if (!span_next_line(&rest, &line) || rest.length > 0)
		return -EINVAL;
	line = span_trim(line);
	if (!span_is(line, "THAWED") && !span_is(line, "FREEZING") && !span_is(line, "FROZEN"))
		return -EINVAL;
	ret->number = !span_is(line, "THAWED");
	return 0;
}

/* freezer.state is what it and those above it come to; what was asked of itself is a file of its
 * own (3.8). */
static int read_v1_freezer(const struct place *place, struct setting_value *ret)
{
	char text[64];
	ssize_t length = read_text(place->fd, "freezer.self_freezing", text, sizeof(text));

	if (length >= 0)
		return parse_flag(text, (size_t)length, ret);
	length = read_text(place->fd, place->file, text, sizeof(text));
	return length < 0 ? (int)length : parse_freezer(text, (size_t)length, ret);
}

static int read_rate(const struct place *place, dev_t device, struct setting_value *ret)
{
	char text[TEXT_BYTES];
	ssize_t length = read_text(place->fd, place->file, text, sizeof(text));
	bool is_cut = length == -EFBIG;
	uint64_t rate;
	int r;

	if (is_cut)
		length = (ssize_t)strlen(text);
	if (length < 0)
		return (int)length;
	r = place->v1 ? cgroup_v1_parse_throttle(text, (size_t)length, device, &rate)
		      : cgroup_parse_io_max(text, (size_t)length, device, &rate);
	if (r < 0)
		return r;
	/* Its line may be in what did not fit. */
	if (r == 0 && is_cut)
		return -ENODATA;
	ret->number = limit_of(rate);
	return 0;
}

static int read_nodes(const struct sysroot *root, const struct place *place, enum setting_id id,
		      struct idset *ret)
{
	char text[LIST_BYTES];
	ssize_t length = read_text(place->fd, place->file, text, sizeof(text));
	struct span line;

	if (length < 0)
		return length == -EFBIG ? -EINVAL : (int)length;
	if (parse_line(text, (size_t)length, &line) < 0)
		return -EINVAL;
	return id == SETTING_ALLOWED_CPUS ? parse_cpus(root, line, ret) : parse_nodes(line, ret);
}

static int read_place(const struct sysroot *root, const struct place *place,
		      const struct setting_target *on, struct setting_value *ret)
{
	const struct setting *setting = setting_get(on->id);
	char text[NUMBER_BYTES];
	ssize_t length;

	if (on->id == SETTING_IO_WRITE_MAX)
		return read_rate(place, on->detail, ret);
	if (on->id == SETTING_FREEZE && place->v1)
		return read_v1_freezer(place, ret);
	if (setting->unit == UNIT_NODES)
		return read_nodes(root, place, on->id, &ret->nodes);
	length = read_text(place->fd, place->file, text, sizeof(text));
	if (length < 0)
		return length == -EFBIG ? -EINVAL : (int)length;
	if (setting->unit == UNIT_FLAG)
		return parse_flag(text, (size_t)length, ret);
	return parse_limit(text, (size_t)length, ret);
}

static int read_service(const struct sysroot *root, const struct cgroup_layout *layout,
			const struct setting_target *on, const char *path,
			struct setting_value *ret)
{
	_cleanup_(place_done) struct place place = { .tree.fd = -1, .fd = -1 };
	int r;

	if (on->id == SETTING_OOM_SCORE_ADJ)
		return -ENODATA;
	r = open_place(root, layout, on, path, &place);
	return r < 0 ? r : read_place(root, &place, on, ret);
}

/* --- writing -------------------------------------------------------------------------------- */

static int write_by_hand(const struct sysroot *root, const struct place *place, const char *text)
{
	int r = cgroup_effect_write(root, place->fd, place->inode, place->file, text);

	return r == -ENODEV ? -ENOENT : r;
}

static const char *library_name(const struct place *place)
{
	static const char *const names[CGROUP_CONTROLLER_COUNT_] = {
		[CGROUP_MEMORY] = "memory",
		[CGROUP_CPUSET] = "cpuset",
		[CGROUP_FREEZER] = "freezer",
	};

	if (!place->has_controller)
		return NULL;
	if (place->controller == CGROUP_IO)
		return place->v1 ? "blkio" : "io";
	return names[place->controller];
}

/* -ENOSYS: the library is not the way. */
static int write_by_library(const struct cgroup_layout *layout, const struct place *place,
			    const char *path, const char *text)
{
	const char *name = library_name(place);
	const struct cgroup_mount *mount = place->v1 ? &layout->v1[place->controller] : &layout->v2;
	char point[CGROUP_MOUNT_BYTES + 1], buffer[PATH_MAX];

	if (!layout->asked_libcgroup || !name)
		return -ENOSYS;
	if (cgroup_controller_path(layout, place->controller, path, buffer, &path) < 0)
		return -ENOSYS;
	snprintf(point, sizeof(point), "/%s", mount->path);
	return cgroup_library_write(name, point, path, place->file, text);
}

/* By the path, as at the start: what was written to is what is there. */
static int check_same(const struct sysroot *root, const struct cgroup_layout *layout,
		      const struct setting_target *on, const char *path, const struct place *before)
{
	_cleanup_(place_done) struct place now = { .tree.fd = -1, .fd = -1 };
	int r = open_place(root, layout, on, path, &now);

	if (r < 0)
		return r;
	return now.inode == before->inode ? 0 : -ESTALE;
}

static int write_text(const struct sysroot *root, const struct cgroup_layout *layout,
		      const struct setting_target *on, const char *path, const struct place *place,
		      const char *text)
{
	int r = write_by_library(layout, place, path, text), same;

	if (r == -ENOSYS)
		r = write_by_hand(root, place, text);
	same = check_same(root, layout, on, path, place);
	/* The kernel's own word is the better one, but not about another cgroup. */
	return r < 0 && same != -ESTALE ? r : same;
}

/* Numbers, and what is between them: as the kernel printed it, it is handed on. */
static bool is_list(struct span line)
{
	for (size_t i = 0; i < line.length; i++)
		if (line.data[i] == '\0' || !strchr("0123456789,-", line.data[i]))
			return false;
	return line.length > 0;
}

/* All that the parent lets its children have: by v2, by v1, by v1 before 3.17. */
static int write_parent_list(const struct sysroot *root, const struct cgroup_layout *layout,
			     const struct setting_target *on, const char *path,
			     const struct place *place)
{
	static const char *const nodes[] = { "cpuset.mems.effective", "cpuset.effective_mems",
					     "cpuset.mems" };
	static const char *const cpus[] = { "cpuset.cpus.effective", "cpuset.effective_cpus",
					    "cpuset.cpus" };
	const char *const *files = on->id == SETTING_ALLOWED_CPUS ? cpus : nodes;
	const char *end = strrchr(path, '/');
	_cleanup_(closep) int fd = -1;
	char parent[PATH_MAX], list[LIST_BYTES];
	ssize_t length = -ENOENT;
	struct span line;

	if (snprintf(parent, sizeof(parent), "%.*s", end ? (int)(end - path) : 0, path) >=
	    (int)sizeof(parent))
		return -ENAMETOOLONG;
	fd = cgroup_controller_open(root, layout, place->controller, parent);
	if (fd < 0)
		return fd;
	for (size_t i = place->v1 ? 1 : 0; length == -ENOENT && i < ARRAY_SIZE(nodes); i++)
		length = read_text(fd, files[i], list, sizeof(list));
	if (length < 0)
		return (int)length;
	if (parse_line(list, (size_t)length, &line) < 0 || !is_list(line))
		return -EINVAL;
	list[line.data - list + (ptrdiff_t)line.length] = '\0';
	return write_text(root, layout, on, path, place, line.data);
}

/* None: what it inherits. Of a cgroup with processes kernels up to 6.12 at least refuse that, and
 * v1 always. */
static int clear_nodes(const struct sysroot *root, const struct cgroup_layout *layout,
		       const struct setting_target *on, const char *path, const struct place *place)
{
	int r = -ENOSPC;

	/* An empty write is none, and the library makes none. */
	if (!place->v1)
		r = write_by_hand(root, place, "\n");
	if (r == -ENOSPC)
		return write_parent_list(root, layout, on, path, place);
	return r < 0 ? r : check_same(root, layout, on, path, place);
}

/* All CPUs of nodes, as they are now. */
static int write_cpus(const struct sysroot *root, const struct cgroup_layout *layout,
		      const struct setting_target *on, const char *path, const struct place *place,
		      const struct idset *nodes)
{
	char text[LIST_BYTES];
	struct strbuf out = STRBUF(text);
	struct node_cpus cpus;
	int r = node_cpus_read(root, &cpus);

	if (r == 0)
		r = node_cpus_format(&cpus, nodes, &out);
	if (r < 0)
		return r == -ENODEV ? -EINVAL : r;
	return out.truncated ? -E2BIG : write_text(root, layout, on, path, place, text);
}

static int write_service(const struct sysroot *root, const struct cgroup_layout *layout,
			 const struct setting_target *on, const char *path,
			 const struct setting_value *value)
{
	_cleanup_(place_done) struct place place = { .tree.fd = -1, .fd = -1 };
	char text[TEXT_BYTES];
	struct strbuf out = STRBUF(text);
	int r;

	if (on->id == SETTING_OOM_SCORE_ADJ)
		return -EINVAL;
	r = open_place(root, layout, on, path, &place);
	if (r < 0)
		return r;
	if (setting_get(on->id)->unit == UNIT_NODES && idset_is_empty(&value->nodes))
		return clear_nodes(root, layout, on, path, &place);
	if (on->id == SETTING_ALLOWED_CPUS)
		return write_cpus(root, layout, on, path, &place, &value->nodes);
	setting_kernel_text(on, place.v1, value, &out);
	return out.truncated ? -E2BIG : write_text(root, layout, on, path, &place, text);
}

static bool is_fitting(enum setting_id id, const struct setting_value *value)
{
	const struct setting *setting = setting_get(id);

	if (setting->unit == UNIT_NODES)
		return true;
	if (value->number < setting->least || value->number > setting->most)
		return false;
	/* Only limits have a word for none. */
	return value->number != SETTING_UNLIMITED || setting->unit == UNIT_BYTES ||
	       setting->unit == UNIT_BYTES_PER_SEC;
}

int setting_file_read(const struct sysroot *root, const struct cgroup_layout *layout,
		      const struct setting_target *on, const char *path, struct setting_value *ret)
{
	struct setting_value value = { 0 };
	int r = -EINVAL;

	switch (setting_get(on->id)->scope) {
	case SCOPE_SERVICE:
		r = read_service(root, layout, on, path, &value);
		break;
	case SCOPE_HOST:
		r = setting_sysctl_read(root, on->id, &value);
		break;
	case SCOPE_NODE:
		r = on->key >= IDSET_BITS
			    ? -ENOENT
			    : huge_pool_read(root, (unsigned)on->key, on->detail, &value.number);
		break;
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		break;
	}
	if (r == 0)
		*ret = value;
	return r;
}

int setting_file_write(const struct sysroot *root, const struct cgroup_layout *layout,
		       const struct setting_target *on, const char *path,
		       const struct setting_value *value)
{
	if (!root->live)
		return -EROFS;
	if (!is_fitting(on->id, value))
		return -EINVAL;
	switch (setting_get(on->id)->scope) {
	case SCOPE_SERVICE:
		return write_service(root, layout, on, path, value);
	case SCOPE_HOST:
		return setting_sysctl_write(root, on->id, value);
	case SCOPE_NODE:
		if (on->key >= IDSET_BITS)
			return -ENOENT;
		return huge_pool_write(root, (unsigned)on->key, on->detail, value->number);
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		break;
	}
	return -EINVAL;
}

int setting_file_thaw(const struct sysroot *root, const struct cgroup_layout *layout, uint64_t key,
		      const char *path)
{
	_cleanup_(place_done) struct place place = { .tree.fd = -1, .fd = -1 };
	const struct setting_target on = { .id = SETTING_FREEZE, .key = key };
	const struct setting_value thawed = { .number = 0 };
	char text[16];
	struct strbuf out = STRBUF(text);
	int r;

	if (!root->live)
		return -EROFS;
	r = open_place(root, layout, &on, path, &place);
	if (r < 0)
		return r;
	setting_kernel_text(&on, place.v1, &thawed, &out);
	return write_by_hand(root, &place, text);
}
