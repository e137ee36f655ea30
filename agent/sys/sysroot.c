/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/sysroot.h"

#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * openat2() keeps a path within the root by itself. Where the kernel is older than 5.6 or a filter
 * forbids the call (containers answer EPERM or ENOSYS), the path is walked one component at a time
 * without following links, and a link is resolved by putting its target into the path and starting
 * again from the root: slow, and just as confined.
 */

/* As the kernel's own limit on links in one path (MAXSYMLINKS). */
#define LINKS_MAX 40
/* RESOLVE_IN_ROOT answers EAGAIN when a rename races with ".."; the kernel's manual says to retry.
 */
#define RETRIES_MAX 8

static int open_with_openat2(int dir_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags,
		.resolve = resolve,
	};
	long fd = -1;

	for (int i = 0; i < RETRIES_MAX; i++) {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

/* openat2() refuses what has no meaning together. */
static int always(int flags)
{
	return flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY);
}

/* A filter cannot be taken off again and a kernel does not change, so this holds for good. */
static bool openat2_is_missing;

/* ENOSYS is said of the call. EPERM may be said of the file, so the call is tried on a directory
 * that may be opened for certain. */
static bool is_unavailable(int dir_fd, int error)
{
	int probe;

	if (error != -ENOSYS && error != -EPERM)
		return false;
	if (error == -EPERM) {
		probe = open_with_openat2(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		if (probe >= 0) {
			close(probe);
			return false;
		}
		if (probe != -EPERM && probe != -ENOSYS)
			return false;
	}
	openat2_is_missing = true;
	return true;
}

static int open_component(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

/* Copies the component that starts at `path` and returns where the next one starts. */
static int next_component(const char **path, char *ret_name, size_t size)
{
	size_t length;

	*path += strspn(*path, "/");
	length = strcspn(*path, "/");
	if (length >= size)
		return -ENAMETOOLONG;
	memcpy(ret_name, *path, length);
	ret_name[length] = '\0';
	*path += length;
	*path += strspn(*path, "/");
	return 0;
}

/* Replaces "prefix/../rest" or "prefix/link/rest" by what it stands for. `prefix_length` bytes of
 * `path` are directories that were walked already. */
static int rewrite(char path[PATH_MAX], size_t prefix_length, const char *target, const char *rest)
{
	char joined[PATH_MAX];
	int length;

	if (target[0] == '/')
		prefix_length = 0;
	length = snprintf(joined, sizeof(joined), "%.*s/%s/%s", (int)prefix_length, path, target,
			  rest);
	if (length < 0 || (size_t)length >= sizeof(joined))
		return -ENAMETOOLONG;
	memcpy(path, joined, (size_t)length + 1);
	return 0;
}

static size_t without_component(const char *path, size_t length)
{
	while (length > 0 && path[length - 1] == '/')
		length--;
	while (length > 0 && path[length - 1] != '/')
		length--;
	return length;
}

/* The length of what ".." behind `length` bytes of directories leaves. */
static size_t parent_length(const char *path, size_t length)
{
	size_t parent = without_component(path, length);

	while (path[parent] == '.' && (path[parent + 1] == '/' || path[parent + 1] == '\0') &&
	       parent > 0)
		parent = without_component(path, parent);
	return parent;
}

/* One pass over `path`. A descriptor, -errno, or -EAGAIN when a link or ".." was resolved and the
 * path has changed. */
static int walk_once(int root_fd, char path[PATH_MAX], int flags)
{
	_cleanup_(closep) int dir_fd = -1;
	const char *p = path;

	for (;;) {
		size_t walked = (size_t)(p - path);
		char name[NAME_MAX + 1], target[PATH_MAX];
		int from = dir_fd >= 0 ? dir_fd : root_fd, r, fd;
		ssize_t n;

		r = next_component(&p, name, sizeof(name));
		if (r < 0)
			return r;
		if (name[0] == '\0')
			return open_component(from, ".", flags);
		if (strcmp(name, "..") == 0) {
			r = rewrite(path, parent_length(path, walked), "", p);
			return r < 0 ? r : -EAGAIN;
		}

		n = readlinkat(from, name, target, sizeof(target) - 1);
		if (n < 0 && errno != EINVAL)
			return -errno;
		if (n >= 0 && !(*p == '\0' && (flags & O_NOFOLLOW))) {
			target[n] = '\0';
			r = rewrite(path, walked, target, p);
			return r < 0 ? r : -EAGAIN;
		}
		if (*p == '\0')
			return open_component(from, name, flags);

		fd = open_component(from, name, O_PATH | O_DIRECTORY);
		if (fd < 0)
			return fd;
		if (dir_fd >= 0)
			close(dir_fd);
		dir_fd = fd;
	}
}

static int open_by_walking(int root_fd, const char *path, int flags)
{
	char work[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof(work))
		return -ENAMETOOLONG;
	memcpy(work, path, length + 1);
	for (int i = 0; i < LINKS_MAX; i++) {
		int fd = walk_once(root_fd, work, flags);

		if (fd != -EAGAIN)
			return fd;
	}
	return -ELOOP;
}

int sysroot_open(const char *directory, struct sysroot *ret)
{
	int fd = open(directory ? directory : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = (struct sysroot){ .fd = fd, .live = !directory };
	return 0;
}

void sysroot_done(struct sysroot *root)
{
	drop_fd(&root->fd);
}

int sysroot_open_path(const struct sysroot *root, const char *path, int flags)
{
	int fd;

	if (path[0] == '\0')
		return -ENOENT;
	flags = always(flags);
	if (!openat2_is_missing) {
		fd = open_with_openat2(root->fd, path, flags, RESOLVE_IN_ROOT);
		if (!is_unavailable(root->fd, fd))
			return fd;
	}
	return open_by_walking(root->fd, path, flags);
}

static int only_regular(int fd)
{
	_cleanup_(closep) int opened = fd;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(opened) : -EINVAL;
}

int sysroot_open_file(const struct sysroot *root, const char *path)
{
	return only_regular(sysroot_open_path(root, path, O_RDONLY | O_NONBLOCK));
}

static bool is_clean_below(const char *path)
{
	if (path[0] == '/')
		return false;
	for (const char *p = path; *p;) {
		size_t length = strcspn(p, "/");

		if ((length == 1 && p[0] == '.') || (length == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += length;
		p += strspn(p, "/");
	}
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

int sysroot_open_beneath(int dir_fd, const char *path, int flags)
{
	_cleanup_(closep) int at = -1;
	int fd;

	if (!is_clean_below(path))
		return -EINVAL;
	if (path[0] == '\0')
		path = ".";
	flags = always(flags) | O_NOFOLLOW;
	/* A single name has nothing to resolve on the way. */
	if (!strchr(path, '/'))
		return open_component(dir_fd, path, flags);
	if (!openat2_is_missing) {
		fd = open_with_openat2(dir_fd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
		if (!is_unavailable(dir_fd, fd))
			return fd;
	}

	for (const char *p = path;;) {
		char name[NAME_MAX + 1];
		int from = at >= 0 ? at : dir_fd;
		int r = next_component(&p, name, sizeof(name));

		if (r < 0)
			return r;
		if (*p == '\0')
			return open_component(from, name[0] ? name : ".", flags);
		fd = open_component(from, name, O_PATH | O_DIRECTORY);
		if (fd < 0)
			return fd;
		if (at >= 0)
			close(at);
		at = fd;
	}
}

ssize_t sysroot_read(const struct sysroot *root, const char *path, char *buffer, size_t size)
{
	_cleanup_(closep) int fd = sysroot_open_file(root, path);

	return fd < 0 ? fd : sysroot_read_fd(fd, buffer, size);
}

/* A file of records that is shorter than what was asked for may have more: the kernel fills a
 * buffer of a page (of at least this size), and stops where the next record does not fit
 * (seq_read_iter(), fs/seq_file.c). */
#define RECORD_BUFFER_BYTES 4096
/* Whatever is read, only a read that gives nothing is the end. */
#define RECORD_ANY RECORD_BUFFER_BYTES
/* The file is one record, for which the buffer grows until it fits. */
#define RECORD_WHOLE 0

static bool is_end(size_t got, size_t asked, size_t record_bytes)
{
	if (got == asked)
		return false;
	return record_bytes == RECORD_WHOLE || got + record_bytes <= RECORD_BUFFER_BYTES;
}

static ssize_t read_records(int fd, char *buffer, size_t size, size_t record_bytes)
{
	size_t length = 0;
	char more;

	if (size == 0)
		return -EINVAL;
	buffer[0] = '\0';
	for (;;) {
		bool full = length == size - 1;
		size_t room = full ? 1 : size - 1 - length;
		ssize_t n = pread(fd, full ? &more : buffer + length, room, (off_t)length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return (ssize_t)length;
		if (full)
			return -EFBIG;
		length += (size_t)n;
		buffer[length] = '\0';
		if (is_end((size_t)n, room, record_bytes))
			return (ssize_t)length;
	}
}

ssize_t sysroot_read_fd(int fd, char *buffer, size_t size)
{
	return read_records(fd, buffer, size, RECORD_ANY);
}

ssize_t sysroot_read_once_fd(int fd, char *buffer, size_t size)
{
	return read_records(fd, buffer, size, RECORD_WHOLE);
}

ssize_t sysroot_read_lines_fd(int fd, char *buffer, size_t size, size_t record_bytes)
{
	return read_records(fd, buffer, size, MAX_OF(record_bytes, (size_t)1));
}

int sysroot_write_fd(int fd, const char *text)
{
	size_t length = strlen(text);
	ssize_t n = write(fd, text, length);

	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}
