/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the service manager is told, with and without a descriptor to spare. */

#include "test.h"

#include "sys/manager_notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

static char path[64], text[256];
static int manager_fd;

/* A path, or with '@' a name of the abstract kind. */
static void listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);

	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	check(manager_fd >= 0);
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	check_int(bind(manager_fd, (const struct sockaddr *)&address,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
		  0);
	check_int(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static const char *heard(void)
{
	ssize_t n = recv(manager_fd, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void listen_in_a_directory(void)
{
	char directory[] = "/tmp/oomwarden-notify-XXXXXX";

	check(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	listen_at(path);
}

static void finish(void)
{
	close(manager_fd);
	if (path[0]) {
		unlink(path);
		*strrchr(path, '/') = '\0';
		rmdir(path);
		path[0] = '\0';
	}
	unsetenv("NOTIFY_SOCKET");
}

TEST(words_arrive)
{
	struct manager_socket manager;

	listen_in_a_directory();
	check_int(manager_notify("READY=1"), 1);
	check_str(heard(), "READY=1");
	check_int(manager_open(&manager), 1);
	check_int(manager_tell(&manager, "STATUS=%d of %s", 3, "them"), 1);
	check_str(heard(), "STATUS=3 of them");
	manager_done(&manager);
	finish();
}

TEST(a_name_that_is_no_path_is_one_too)
{
	struct manager_socket manager;
	char name[64];

	snprintf(name, sizeof(name), "@oomwarden-notify-%d", getpid());
	listen_at(name);
	check_int(manager_open(&manager), 1);
	check_int(manager_tell(&manager, "WATCHDOG=1"), 1);
	check_str(heard(), "WATCHDOG=1");
	manager_done(&manager);
	finish();
}

TEST(nobody_may_have_asked)
{
	struct manager_socket manager;

	unsetenv("NOTIFY_SOCKET");
	check_int(manager_notify("READY=1"), 0);
	check_int(manager_open(&manager), 0);
	check_int(manager_tell(&manager, "READY=1"), 0);
	manager_done(&manager);
	check_int(setenv("NOTIFY_SOCKET", "vsock:2:1234", 1), 0);
	check_int(manager_open(&manager), -EAFNOSUPPORT);
	check_int(manager_tell(&manager, "READY=1"), 0);
	unsetenv("NOTIFY_SOCKET");
}

TEST(no_descriptor_is_needed_later)
{
	struct manager_socket manager;
	struct rlimit before, none;

	listen_in_a_directory();
	check_int(manager_open(&manager), 1);
	check_int(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	check_int(setrlimit(RLIMIT_NOFILE, &none), 0);
	check_int(manager_notify("READY=1"), -EMFILE);
	check_int(manager_tell(&manager, "WATCHDOG=1"), 1);
	check_int(setrlimit(RLIMIT_NOFILE, &before), 0);
	check_str(heard(), "WATCHDOG=1");
	manager_done(&manager);
	finish();
}

TEST(a_manager_that_does_not_read_is_not_waited_for)
{
	struct manager_socket manager;
	int r = 1;

	listen_in_a_directory();
	check_int(manager_open(&manager), 1);
	for (int i = 0; i < 100000 && r == 1; i++)
		r = manager_tell(&manager, "WATCHDOG=1");
	check_int(r, -EAGAIN);
	manager_done(&manager);
	finish();
}
