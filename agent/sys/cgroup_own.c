/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_own.h"

#include "sys/cgroup_dir.h"
#include "sys/cgroup_effects.h"
#include "sys/cgroup_layout.h"
#include "sys/cgroup_library.h"
#include "sys/cgroup_tree.h"
#include "sys/proc_pid.h"
#include "sys/process_effects.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PLACES_MAX   2
#define PIDS_MAX     64
#define NUMBER_BYTES 32
#define LIST_BYTES   8192

/* One directory of it. */
struct place {
	int mount_fd;
	const char *path; /* below that */
	bool has_memory;
	bool is_v2;
	char buffer[PATH_MAX];
};

/* The memory controller's comes first. Their number, or -errno. */
static int find_places(const struct sysroot *root, const struct cgroup_layout *layout,
		       const char *path, struct place places[PLACES_MAX])
{
	int r;

	if (!root->live)
		return -EROFS;
	if (path[0] == '\0')
		return -EINVAL;
	if (layout->tree == CGROUP_TREE_NONE || layout->memory_fd < 0)
		return -EOPNOTSUPP;
	places[0].mount_fd = layout->memory_fd;
	places[0].has_memory = true;
	places[0].is_v2 = layout->controllers[CGROUP_MEMORY] == CGROUP_V2;
	places[0].path = path;
	if (cgroup_memory_is_in_tree(layout))
		return 1;
	r = cgroup_controller_path(layout, CGROUP_MEMORY, path, places[0].buffer, &places[0].path);
	if (r < 0)
		return r;
	places[1].mount_fd = layout->tree_fd;
	places[1].has_memory = places[1].is_v2 = false;
	places[1].path = path;
	return 2;
}

/* What libcgroup is told; false: it is not the way. */
static bool has_library(const struct cgroup_layout *layout, const struct place *place,
			char ret_mount[CGROUP_MOUNT_BYTES + 1])
{
	const struct cgroup_mount *mount = place->is_v2 ? &layout->v2 : &layout->v1[CGROUP_MEMORY];

	if (!layout->asked_libcgroup || !place->has_memory)
		return false;
	(void)snprintf(ret_mount, CGROUP_MOUNT_BYTES + 1, "/%s", mount->path);
	return true;
}

static int open_place(const struct place *place)
{
	int fd = sysroot_open_beneath(place->mount_fd, place->path, O_PATH | O_DIRECTORY);

	return fd == -ENODEV ? -ENOENT : fd;
}

static int write_file(const struct sysroot *root, int dir_fd, const char *file, const char *text)
{
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return -errno;
	return cgroup_effect_write(root, dir_fd, (uint64_t)st.st_ino, file, text);
}

/* --- making it -------------------------------------------------------------------------------- */

static bool is_made(const struct place *place)
{
	_cleanup_(closep) int fd = open_place(place);

	return fd >= 0 && (!place->has_memory ||
			   faccessat(fd, place->is_v2 ? "memory.current" : "memory.usage_in_bytes",
				     F_OK, 0) == 0);
}

/* Where one hierarchy of v1 has both controllers, a new cgroup may use no processor and no node,
 * and takes nobody. */
static int inherit_cpuset(const struct sysroot *root, int above_fd, int dir_fd)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	char text[LIST_BYTES];
	ssize_t n;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		n = cgroup_read_file(dir_fd, files[i], text, sizeof(text));
		if (n < 0 || (n > 0 && text[0] != '\n'))
			continue;
		n = cgroup_read_file(above_fd, files[i], text, sizeof(text));
		r = n < 0 ? (int)n : write_file(root, dir_fd, files[i], text);
		if (r < 0)
			return r;
	}
	return 0;
}

/* -ENOENT is that the kernel has it, and whoever made the cgroup above has not handed it on. */
static int hand_memory_on(const struct sysroot *root, int above_fd)
{
	int r = write_file(root, above_fd, "cgroup.subtree_control", "+memory");

	return r == -ENOENT ? -EOPNOTSUPP : r;
}

/* `end` is where the path of this level ends, and `name` where its last part begins. */
static int make_level(const struct sysroot *root, const struct place *place, size_t name,
		      size_t end)
{
	_cleanup_(closep) int above = -1;
	_cleanup_(closep) int made = -1;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%.*s", (int)(name > 0 ? name - 1 : 0), place->path);
	above = sysroot_open_beneath(place->mount_fd, path, O_PATH | O_DIRECTORY);
	if (above < 0)
		return above;
	r = place->has_memory && place->is_v2 ? hand_memory_on(root, above) : 0;
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%.*s", (int)(end - name), place->path + name);
	if (mkdirat(above, path, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (!place->has_memory || place->is_v2)
		return 0;
	made = sysroot_open_beneath(above, path, O_PATH | O_DIRECTORY);
	return made < 0 ? made : inherit_cpuset(root, above, made);
}

static int make_by_hand(const struct sysroot *root, const struct place *place)
{
	size_t name = 0;

	for (;;) {
		size_t end = name + strcspn(place->path + name, "/");
		int r = make_level(root, place, name, end);

		if (r < 0)
			return r;
		if (place->path[end] == '\0')
			return 0;
		name = end + 1;
	}
}

static int make_place(const struct sysroot *root, const struct cgroup_layout *layout,
		      const struct place *place)
{
	char mount[CGROUP_MOUNT_BYTES + 1];
	int r;

	if (has_library(layout, place, mount))
		(void)cgroup_library_make("memory", mount, place->path);
	/* It says little of why it could not, and less of what it left out. */
	if (is_made(place) && place->is_v2)
		return 0;
	r = make_by_hand(root, place);
	if (r < 0)
		return r;
	return is_made(place) ? 0 : -EOPNOTSUPP;
}

int cgroup_own_make(const struct sysroot *root, const struct cgroup_layout *layout,
		    const char *path)
{
	struct place places[PLACES_MAX];
	int count = find_places(root, layout, path, places), r = MIN_OF(count, 0);

	for (int i = 0; i < count && r == 0; i++)
		r = make_place(root, layout, &places[i]);
	if (r < 0 && count > 0)
		(void)cgroup_own_remove(root, layout, path);
	return r;
}

/* --- who is in it ----------------------------------------------------------------------------- */

static int enter_place(const struct sysroot *root, const struct cgroup_layout *layout,
		       const struct place *place, pid_t pid)
{
	_cleanup_(closep) int fd = -1;
	char mount[CGROUP_MOUNT_BYTES + 1], text[NUMBER_BYTES];

	if (has_library(layout, place, mount) &&
	    cgroup_library_enter("memory", mount, place->path, pid) == 0)
		return 0;
	fd = open_place(place);
	if (fd < 0)
		return fd;
	(void)snprintf(text, sizeof(text), "%d", pid);
	return write_file(root, fd, "cgroup.procs", text);
}

int cgroup_own_enter(const struct sysroot *root, const struct cgroup_layout *layout,
		     const char *path, pid_t pid)
{
	struct place places[PLACES_MAX];
	int count = find_places(root, layout, path, places), r = MIN_OF(count, 0);

	for (int i = 0; i < count && r == 0; i++)
		r = enter_place(root, layout, &places[i], pid);
	return r;
}

struct pids {
	pid_t each[PIDS_MAX];
	size_t count;
};

static int keep_pid(void *context, pid_t pid)
{
	struct pids *pids = context;

	if (pids->count < PIDS_MAX)
		pids->each[pids->count++] = pid;
	return 0;
}

static int is_pid(void *context, pid_t pid)
{
	return pid == *(const pid_t *)context;
}

/* That it is there after its descriptor was opened says whom that is of. */
static int kill_one(const struct sysroot *root, int dir_fd, pid_t pid)
{
	const struct cgroup_walk walk = { .process = is_pid, .context = &pid };
	struct process_handle handle;
	struct proc_stat stat;
	int fd = proc_pid_open_stat(root, pid, &stat), r;

	if (fd < 0)
		return fd;
	close(fd);
	r = process_handle_open(root, pid, stat.start_ticks, &handle);
	if (r < 0)
		return r;
	if (cgroup_walk(dir_fd, &walk) == 1)
		r = process_signal(root, &handle, SIGKILL);
	process_handle_done(&handle);
	return r;
}

static int kill_each(const struct sysroot *root, int dir_fd)
{
	struct pids pids = { .count = 0 };
	const struct cgroup_walk walk = { .process = keep_pid, .context = &pids };
	int r = cgroup_walk(dir_fd, &walk), first = 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < pids.count; i++) {
		r = kill_one(root, dir_fd, pids.each[i]);
		if (r < 0 && r != -ESRCH && first == 0)
			first = r;
	}
	return first;
}

int cgroup_own_kill(const struct sysroot *root, const struct cgroup_layout *layout,
		    const char *path)
{
	struct place places[PLACES_MAX];
	_cleanup_(closep) int fd = -1;
	struct stat st;
	int r = find_places(root, layout, path, places);

	if (r < 0)
		return r;
	fd = open_place(&places[0]);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	r = cgroup_effect_kill(root, fd, (uint64_t)st.st_ino);
	return r == -ENOENT ? kill_each(root, fd) : r;
}

/* --- removing it ------------------------------------------------------------------------------ */

static int remove_place(const struct cgroup_layout *layout, const struct place *place)
{
	_cleanup_(closep) int fd = open_place(place);
	char mount[CGROUP_MOUNT_BYTES + 1];

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	/* Of one that somebody is in it does not say so. */
	if (has_library(layout, place, mount))
		(void)cgroup_library_remove("memory", mount, place->path);
	if (unlinkat(place->mount_fd, place->path, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return -errno;
}

int cgroup_own_remove(const struct sysroot *root, const struct cgroup_layout *layout,
		      const char *path)
{
	struct place places[PLACES_MAX];
	int count = find_places(root, layout, path, places), r = MIN_OF(count, 0);

	/* That of the tree last: as long as it is found, it is there. */
	for (int i = 0; i < count && r == 0; i++)
		r = remove_place(layout, &places[i]);
	return r;
}
