/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_library.h"

#include "sys/child.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* CG_CONTROL_VALUE_MAX of the library, in none of its public headers. */
#define LIBRARY_VALUE_BYTES 4096

/* "NAME PATH" a line. A machine has fifteen controllers, each mounted at a path below 64 bytes. */
static char answer[2048];
static size_t answer_length;

static void be_silent(void *userdata, int level, const char *format, va_list arguments)
{
	(void)userdata;
	(void)level;
	(void)format;
	(void)arguments;
}

static bool tell(int fd, const char *text)
{
	size_t length = strlen(text);

	return write(fd, text, length) == (ssize_t)length;
}

static bool tell_controller(int fd, const char *name)
{
	_cleanup_(freep) char *point = NULL;

	/* One that is not mounted has none. */
	if (cgroup_get_subsys_mount_point(name, &point) != 0)
		return true;
	return tell(fd, name) && tell(fd, " ") && tell(fd, point) && tell(fd, "\n");
}

static int ask(void *context)
{
	const int fd = *(const int *)context;
	struct cgroup_mount_point controller;
	void *handle = NULL;
	int r;

	/* Without a logger of ours it would write its errors to stdout. */
	cgroup_set_logger(be_silent, CGROUP_LOG_ERROR, NULL);
	if (cgroup_init() != 0)
		return EXIT_FAILURE;
	for (r = cgroup_get_controller_begin(&handle, &controller); r == 0;
	     r = cgroup_get_controller_next(&handle, &controller))
		if (!tell_controller(fd, controller.name))
			return EXIT_FAILURE;
	return r == ECGEOF ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool hear(int fd)
{
	ssize_t n;

	answer_length = 0;
	do {
		n = read(fd, answer + answer_length, sizeof(answer) - answer_length);
		if (n > 0)
			answer_length += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	/* Filled to the brim, it may have been cut. */
	return n == 0 && answer_length < sizeof(answer);
}

static bool has_succeeded(pid_t pid)
{
	int status;
	pid_t r;

	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	return r == pid && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

bool cgroup_library_init(void)
{
	int fds[2];
	struct child child = { .name = "libcgroup", .run = ask, .context = &fds[1] };
	bool heard;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	child.keep[0] = fds[1];
	child.keep_count = 1;
	pid = child_fork(&child);
	close(fds[1]);
	heard = pid > 0 && hear(fds[0]);
	close(fds[0]);
	if (pid > 0 && !has_succeeded(pid))
		heard = false;
	if (!heard)
		answer_length = 0;
	return heard;
}

bool cgroup_library_mount_point(const char *controller, char *buffer, size_t size)
{
	const char *line = answer, *end = answer + answer_length, *next;
	size_t name_length = strlen(controller);

	for (; line < end; line = next + 1) {
		const char *path = line + name_length + 1;

		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			return false;
		if ((size_t)(next - line) <= name_length + 1 ||
		    memcmp(line, controller, name_length) != 0 || line[name_length] != ' ')
			continue;
		if ((size_t)(next - path) >= size)
			return false;
		memcpy(buffer, path, (size_t)(next - path));
		buffer[next - path] = '\0';
		return true;
	}
	return false;
}

/* Once for the life of this process; a mount table that changes is found out by the caller's look
 * at the directory. */
static bool is_ready(void)
{
	static enum { UNTRIED, READY, UNABLE } state;

	if (state == UNTRIED) {
		cgroup_set_logger(be_silent, CGROUP_LOG_ERROR, NULL);
		state = cgroup_init() == 0 ? READY : UNABLE;
	}
	return state == READY;
}

static bool is_mounted_at(const char *controller, const char *mount)
{
	_cleanup_(freep) char *point = NULL;

	return cgroup_get_subsys_mount_point(controller, &point) == 0 && strcmp(point, mount) == 0;
}

/* The library hands a name to the file system as it is. */
static bool is_path(const char *path)
{
	size_t length;

	if (path[0] == '\0' || path[0] == '/')
		return false;
	for (const char *p = path; *p; p += length + (p[length] == '/')) {
		length = strcspn(p, "/");
		if (length == 0 || (length == 1 && p[0] == '.') ||
		    (length == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)p[i] < ' ' || p[i] == '\x7f')
				return false;
	}
	return true;
}

static bool is_file(const char *file)
{
	return file[0] && file[0] != '.' && !strchr(file, '/');
}

static void cgroup_freep(struct cgroup **group)
{
	if (*group)
		cgroup_free(group);
}

/* A group of the library's that says nothing but what it is called, and which controller. */
static int new_group(const char *controller, const char *mount, const char *path,
		     struct cgroup **ret_group, struct cgroup_controller **ret_part)
{
	_cleanup_(cgroup_freep) struct cgroup *group = NULL;
	struct cgroup_controller *part;

	if (!is_path(path))
		return -EINVAL;
	if (strlen(path) >= FILENAME_MAX || !is_ready() || !is_mounted_at(controller, mount))
		return -ENOSYS;
	group = cgroup_new_cgroup(path);
	part = group ? cgroup_add_controller(group, controller) : NULL;
	if (!part)
		return -ENOSYS;
	*ret_group = TAKE_PTR(group);
	*ret_part = part;
	return 0;
}

/* Of its errors only one comes with the kernel's reason. */
static int reason_of(int error)
{
	if (error == 0)
		return 0;
	if (error == ECGOTHER && cgroup_get_last_errno() > 0)
		return -cgroup_get_last_errno();
	return -ENOSYS;
}

int cgroup_library_write(const char *controller, const char *mount, const char *path,
			 const char *file, const char *value)
{
	_cleanup_(cgroup_freep) struct cgroup *group = NULL;
	struct cgroup_controller *part;
	int r;

	if (!is_path(path) || !is_file(file) || value[0] == '\0')
		return -EINVAL;
	/* It would write line by line, and cut what is longer. */
	if (strlen(value) >= LIBRARY_VALUE_BYTES || strchr(value, '\n'))
		return -ENOSYS;
	r = new_group(controller, mount, path, &group, &part);
	if (r < 0)
		return r;
	if (cgroup_add_value_string(part, file, value) != 0)
		return -ENOSYS;
	return reason_of(cgroup_modify_cgroup(group));
}

int cgroup_library_make(const char *controller, const char *mount, const char *path)
{
	_cleanup_(cgroup_freep) struct cgroup *group = NULL;
	struct cgroup_controller *part;
	int r = new_group(controller, mount, path, &group, &part);

	/* Else it would give it to a user. */
	const int ignore_ownership = 1;

	return r < 0 ? r : reason_of(cgroup_create_cgroup(group, ignore_ownership));
}

int cgroup_library_enter(const char *controller, const char *mount, const char *path, pid_t pid)
{
	_cleanup_(cgroup_freep) struct cgroup *group = NULL;
	struct cgroup_controller *part;
	int r = new_group(controller, mount, path, &group, &part);

	return r < 0 ? r : reason_of(cgroup_attach_task_pid(group, pid));
}

int cgroup_library_remove(const char *controller, const char *mount, const char *path)
{
	_cleanup_(cgroup_freep) struct cgroup *group = NULL;
	struct cgroup_controller *part;
	int r = new_group(controller, mount, path, &group, &part);

	/* Else it would move who is in it one level up. */
	return r < 0 ? r : reason_of(cgroup_delete_cgroup_ext(group, CGFLAG_DELETE_EMPTY_ONLY));
}
