/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_scan.h"

#include "sys/cgroup_layout.h"
#include "sys/directory.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As long as a path can be that the kernel takes. */
#define PATH_BYTES 4096
/* A cgroup has some sixty files; this holds them with room for hundreds of children. */
#define ENTRIES_BYTES 16384
/* The longest entry: what does not fit any more is at most as long. */
#define ENTRY_BYTES_MAX (offsetof(struct directory_entry, name) + NAME_MAX + 1 + sizeof(uint64_t))
#define NAMES_BYTES	4096

struct state {
	const struct cgroup_layout *layout;
	const struct cgroup_scan *scan;
	char path[PATH_BYTES];
	size_t length;
	unsigned depth;
	/* Names of the children that are still to be looked at, of all directories on the way. */
	char *names;
	size_t names_length;
	size_t names_capacity;
	char *entries;
	size_t unusable;
};

static int add_name(struct state *state, const char *name)
{
	size_t length = strlen(name) + 1;

	if (state->names_capacity - state->names_length < length) {
		size_t capacity = MAX_OF(state->names_capacity * 2, (size_t)NAMES_BYTES);
		char *names = realloc(state->names, capacity);

		if (!names)
			return -ENOMEM;
		state->names = names;
		state->names_capacity = capacity;
	}
	memcpy(state->names + state->names_length, name, length);
	state->names_length += length;
	return 0;
}

static int add_names(struct state *state, size_t size)
{
	const char *name;
	uint8_t type;
	size_t at = 0;
	int r;

	while ((r = directory_next(state->entries, size, &at, &name, &type)) > 0) {
		if (type != DT_DIR && type != DT_UNKNOWN)
			continue;
		r = add_name(state, name);
		if (r < 0)
			return r;
	}
	return r;
}

/* The kernel fills the buffer as long as entries fit (kernfs_fop_readdir(), dcache_readdir());
 * other file systems, which a captured tree is on, may stop earlier. */
static bool is_end(const struct state *state, long got)
{
	return got == 0 || (state->layout->live && (size_t)got + ENTRY_BYTES_MAX <= ENTRIES_BYTES);
}

static int list(struct state *state, int fd)
{
	long n;
	int r;

	do {
		n = syscall(SYS_getdents64, fd, state->entries, (size_t)ENTRIES_BYTES);
		if (n < 0)
			return -errno;
		r = add_names(state, (size_t)n);
		if (r < 0)
			return r;
	} while (!is_end(state, n));
	return 0;
}

/* Gone already, or not to be looked into: it is nobody's service. */
static bool is_skipped(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -EACCES || error == -EPERM ||
	       error == -ELOOP || error == -ENOTDIR;
}

static int look_into(struct state *state, int fd);

static bool visit(const struct state *state, int dir_fd, const char *name, const struct stat *st)
{
	const struct cgroup_scan *scan = state->scan;

	return scan->visit && scan->visit(scan->context, dir_fd, name, (uint64_t)st->st_ino);
}

static int look_at(struct state *state, int dir_fd, const char *name)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;
	int r;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (visit(state, dir_fd, name, &st) && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	r = state->scan->each(state->scan->context, state->path,
			      state->layout->live ? (uint64_t)st.st_ino : 0);
	/* Two links: its name and its own dot. Not every file system that a capture is on counts
	 * so. */
	if (r != 0 || (state->layout->live && st.st_nlink == 2) ||
	    state->depth == CGROUP_SCAN_DEPTH_MAX)
		return r;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : look_into(state, fd);
}

static bool is_usable(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return false;
	return true;
}

static int look_at_child(struct state *state, int dir_fd, size_t at)
{
	const char *name = state->names + at;
	size_t length = strlen(name), before = state->length;
	char *place;
	int r;

	if (!is_usable(name)) {
		state->unusable++;
		return 0;
	}
	if (before + length + 2 > sizeof(state->path))
		return 0;
	place = state->path + before;
	if (before > 0)
		*place++ = '/';
	memcpy(place, name, length + 1);
	state->length = before + (before > 0) + length;
	state->depth++;
	/* Names move when further ones are added; the path does not. */
	r = look_at(state, dir_fd, place);
	state->depth--;
	state->length = before;
	state->path[before] = '\0';
	return is_skipped(r) ? 0 : r;
}

static int look_into(struct state *state, int fd)
{
	size_t first = state->names_length, end, next;
	int r = list(state, fd);

	if (r < 0)
		return r;
	end = state->names_length;
	for (size_t at = first; at < end; at = next) {
		next = at + strlen(state->names + at) + 1;
		r = look_at_child(state, fd, at);
		if (r != 0)
			return r;
	}
	state->names_length = first;
	return 0;
}

int cgroup_scan(const struct cgroup_layout *layout, const struct cgroup_scan *scan,
		size_t *ret_unusable)
{
	_cleanup_(freep) char *entries = malloc(ENTRIES_BYTES);
	_cleanup_(closep) int fd = -1;
	struct state state = { .layout = layout, .scan = scan, .entries = entries };
	struct stat st;
	int r;

	if (!entries)
		return -ENOMEM;
	if (layout->tree == CGROUP_TREE_NONE)
		return -EOPNOTSUPP;
	fd = openat(layout->tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0)
		(void)visit(&state, fd, "", &st);
	r = look_into(&state, fd);
	free(state.names);
	if (ret_unusable && r == 0)
		*ret_unusable = state.unusable;
	return r;
}
