/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/pause_file.h"

#include "util/macro.h"
#include "util/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define NEW_NAME  "paused.new"
#define LOCK_NAME "paused.lock"
/* PAUSE_ITEMS_MAX lines with the longest paths are less. */
#define FILE_BYTES_MAX ((size_t)8 << 20)

static int refuse(struct pause_list *ret, int error, const char *why)
{
	*ret = (struct pause_list){ 0 };
	(void)snprintf(ret->fault, sizeof(ret->fault), "%s", why);
	return error;
}

/* NULL: it may be believed. */
static const char *object_to(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is no file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "it belongs to somebody else than root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "others than its owner may write it";
	if ((uintmax_t)st->st_size > FILE_BYTES_MAX)
		return "it is too large";
	return NULL;
}

int pause_file_read(int directory_fd, struct pause_list *ret)
{
	_cleanup_(closep) int fd =
		openat(directory_fd, PAUSE_FILE_NAME,
		       O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	_cleanup_(freep) char *text = NULL;
	const char *why;
	struct stat st;
	ssize_t n;
	int r;

	*ret = (struct pause_list){ 0 };
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse(ret, -errno, errno == ELOOP ? "it is a link" : strerror(errno));
	why = object_to(&st);
	if (why)
		return refuse(ret, -EBADMSG, why);
	n = whole_read(fd, FILE_BYTES_MAX, &text);
	if (n < 0)
		return refuse(ret, (int)n, strerror((int)-n));
	/* It is replaced, never grown. */
	if (n != st.st_size)
		return refuse(ret, -EBADMSG, "it changes while it is read");
	r = pause_list_parse(text, (size_t)n, ret);
	return r == -ENOMEM ? refuse(ret, r, strerror(ENOMEM)) : r;
}

int pause_file_lock(int directory_fd)
{
	/* Not readable for others either: who can open it can hold it. */
	_cleanup_(closep) int fd =
		openat(directory_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return TAKE_FD(fd);
}

/* Anybody may know what is paused, whatever the caller's umask. */
static int write_new(int directory_fd, const char *text)
{
	_cleanup_(closep) int fd = -1;

	if (unlinkat(directory_fd, NEW_NAME, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(directory_fd, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0644) < 0)
		return -errno;
	return whole_write(fd, text, strlen(text));
}

int pause_file_write(int directory_fd, const struct pause_list *list)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	if (list->count == 0)
		return unlinkat(directory_fd, PAUSE_FILE_NAME, 0) < 0 && errno != ENOENT ? -errno
											 : 0;
	text = pause_list_format(list);
	if (!text)
		return -ENOMEM;
	r = write_new(directory_fd, text);
	if (r >= 0 && renameat(directory_fd, NEW_NAME, directory_fd, PAUSE_FILE_NAME) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(directory_fd, NEW_NAME, 0);
	return r;
}
