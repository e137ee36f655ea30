/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_dir.h"

#include "sys/directory.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
	if (layout->tree == CGROUP_TREE_NONE)
		return -EOPNOTSUPP;
	return identify(layout, sysroot_open_beneath(layout->tree_fd, path, O_PATH | O_DIRECTORY),
			ret);
}

bool cgroup_memory_is_in_tree(const struct cgroup_layout *layout)
{
	return layout->tree != CGROUP_TREE_NONE && layout->memory_fd == layout->tree_fd;
}

static const char *without_slashes(const char *path)
{
	return path + strspn(path, "/");
}

/* What of a path is left below a directory, or NULL: it is not below. */
static const char *below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (length == 0)
		return path;
	if (strncmp(path, directory, length) != 0 || (path[length] && path[length] != '/'))
		return NULL;
	return without_slashes(path + length);
}

/* The same cgroup below another mount, each of which may show another part of its hierarchy. */
static int translate(const struct cgroup_layout *layout, const struct cgroup_mount *mount,
		     const char *path, char buffer[PATH_MAX], const char **ret)
{
	const char *tree = without_slashes(cgroup_layout_tree(layout)->subtree);
	const char *other = without_slashes(mount->subtree);
	int n;

	if (path[0] && strcmp(tree, other) != 0) {
		n = snprintf(buffer, PATH_MAX, "%s%s%s", tree, tree[0] ? "/" : "", path);
		if (n < 0 || n >= PATH_MAX)
			return -ENAMETOOLONG;
		path = below(buffer, other);
		if (!path)
			return -ENOENT;
	}
	*ret = path;
	return 0;
}

int cgroup_memory_open(const struct cgroup_layout *layout, const char *path)
{
	char buffer[PATH_MAX];
	int r;

	if (layout->tree == CGROUP_TREE_NONE || layout->memory_fd < 0)
		return -EOPNOTSUPP;
	if (!cgroup_memory_is_in_tree(layout)) {
		r = translate(layout, &layout->v1[CGROUP_MEMORY], path, buffer, &path);
		if (r < 0)
			return r;
	}
	return sysroot_open_beneath(layout->memory_fd, path, O_PATH | O_DIRECTORY);
}

static const struct cgroup_mount *mount_of(const struct cgroup_layout *layout,
					   enum cgroup_controller controller)
{
	return layout->controllers[controller] == CGROUP_V2 ? &layout->v2 : &layout->v1[controller];
}

int cgroup_controller_path(const struct cgroup_layout *layout, enum cgroup_controller controller,
			   const char *path, char buffer[PATH_MAX], const char **ret)
{
	if (layout->tree == CGROUP_TREE_NONE || layout->controllers[controller] == CGROUP_ABSENT)
		return -EOPNOTSUPP;
	return translate(layout, mount_of(layout, controller), path, buffer, ret);
}

int cgroup_controller_open(const struct sysroot *root, const struct cgroup_layout *layout,
			   enum cgroup_controller controller, const char *path)
{
	_cleanup_(closep) int fd = -1;
	char buffer[PATH_MAX];
	int r = cgroup_controller_path(layout, controller, path, buffer, &path);

	if (r < 0)
		return r;
	if (layout->controllers[controller] == CGROUP_V2)
		return layout->v2_fd < 0
			       ? -ENOENT
			       : sysroot_open_beneath(layout->v2_fd, path, O_PATH | O_DIRECTORY);
	fd = sysroot_open_path(root, layout->v1[controller].path, O_PATH | O_DIRECTORY);
	return fd < 0 ? fd : sysroot_open_beneath(fd, path, O_PATH | O_DIRECTORY);
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

	return fd < 0 ? fd : sysroot_read_once_fd(fd, buffer, size);
}

static bool is_directory(int dir_fd, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int cgroup_each_child(int dir_fd, int (*each)(void *context, const char *name), void *context)
{
	_cleanup_(directory_closep) DIR *directory = NULL;
	const struct dirent *entry;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = directory_open(fd < 0 ? -errno : fd, &directory);

	if (r < 0)
		return r;
	while ((entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    !is_directory(dirfd(directory), entry))
			continue;
		r = each(context, entry->d_name);
		if (r != 0)
			return r;
	}
	return 0;
}
