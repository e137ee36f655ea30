/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * It is forked twice, so that whoever starts it has nothing to wait for later and may end at any
 * time. It reports itself, as nobody else has its pid, and reads one byte before it is run: who is
 * gone by then writes none.
 *
 * Its words come in two ways: as a status to its manager, of which only those count that the kernel
 * says are from it, as the socket can be reached by everybody here; and on its standard error, of
 * what cannot be said otherwise: that it does not start at all.
 */

#include "sys/launch.h"

#include "sys/child.h"
#include "sys/clock.h"
#include "sys/line_reader.h"
#include "sys/privilege.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* systemd, UIDS-GIDS.md: for users that are there as long as a service runs. */
#define SPARE_USERS_FROM 61184U
#define SPARE_USERS_TO	 65519U
#define SPARE_TRIES	 32

#define NOT_RUN 127

struct ends {
	int report_fd;
	int go_fd;
	int errors_fd;
};

struct report {
	pid_t pid;
	bool has_user;
};

/* --- what is started -------------------------------------------------------------------------- */

static bool set_standard(const struct ends *ends)
{
	_cleanup_(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);

	return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
	       dup2(ends->errors_fd, STDERR_FILENO) >= 0;
}

/* Without the limit lifted it needs the right to lock that comes with the starter's user. */
static bool take_user(uid_t user)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	return user != 0 && setrlimit(RLIMIT_MEMLOCK, &all) == 0 && setgroups(0, NULL) == 0 &&
	       setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0;
}

static void settle(const struct launch *launch, struct report *report)
{
	const struct rlimit none = { 0, 0 };

	(void)setsid();
	(void)umask(S_IRWXG | S_IRWXO);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	report->has_user = take_user(launch->user);
	(void)privilege_keep(report->has_user ? 0 : launch->rights);
	report->pid = getpid();
}

__attribute__((noreturn)) static void become(const struct launch *launch, const struct ends *ends,
					     char *const *environment)
{
	const int keep[] = { ends->report_fd, ends->go_fd };
	struct report report = { 0 };
	union {
		const char *const *in;
		char *const *out;
	} arguments = { .in = launch->arguments };
	/* Nobody reads its errors once it is ready. */
	static const int ignored[] = { SIGPIPE };
	char go;

	child_reset_signals(ignored, ARRAY_SIZE(ignored));
	if (!set_standard(ends) || chdir("/") < 0)
		_exit(NOT_RUN);
	child_close_others(keep, ARRAY_SIZE(keep));
	settle(launch, &report);
	if (write(ends->report_fd, &report, sizeof(report)) != (ssize_t)sizeof(report) ||
	    read(ends->go_fd, &go, sizeof(go)) != (ssize_t)sizeof(go))
		_exit(NOT_RUN);
	execve(launch->program, arguments.out, environment);
	(void)dprintf(STDERR_FILENO, "%s: it cannot be run: %s\n", launch->arguments[0],
		      strerrordesc_np(errno));
	_exit(NOT_RUN);
}

static int fork_twice(const struct launch *launch, const struct ends *ends,
		      char *const *environment)
{
	pid_t between = fork(), r;

	if (between == 0) {
		pid_t pid = fork();

		if (pid == 0)
			become(launch, ends, environment);
		_exit(pid < 0 ? errno : 0);
	}
	if (between < 0)
		return -errno;
	int status;

	do
		r = waitpid(between, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* --- who starts it ---------------------------------------------------------------------------- */

/* At an address that the kernel chooses, in no file system. */
static int listen_at(int *ret_fd, char ret_address[LAUNCH_ADDRESS_BYTES])
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);
	const int yes = 1;
	size_t name;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	name = length - offsetof(struct sockaddr_un, sun_path);
	if (name < 2 || name >= LAUNCH_ADDRESS_BYTES)
		return -EADDRNOTAVAIL;
	memcpy(ret_address, address.sun_path, name);
	ret_address[0] = '@';
	ret_address[name] = '\0';
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int hear_report(int fd, struct launched *launched)
{
	struct report report;
	ssize_t n;

	do
		n = read(fd, &report, sizeof(report));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(report))
		return n < 0 ? -errno : -ECHILD;
	launched->pid = report.pid;
	launched->has_user = report.has_user;
	return 0;
}

void launch_done(struct launched *launched)
{
	drop_fd(&launched->go_fd);
	drop_fd(&launched->errors_fd);
	drop_fd(&launched->notify_fd);
}

int launch_prepare(const struct launch *launch, struct launched *ret)
{
	_cleanup_(launch_done) struct launched launched = { .go_fd = -1,
							    .errors_fd = -1,
							    .notify_fd = -1 };
	char address[LAUNCH_ADDRESS_BYTES], variable[LAUNCH_ADDRESS_BYTES + 32];
	char *const environment[] = { variable, NULL };
	int report[2], go[2], errors[2], r;

	r = listen_at(&launched.notify_fd, address);
	if (r < 0)
		return r;
	(void)snprintf(variable, sizeof(variable), "NOTIFY_SOCKET=%s", address);
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_(closep) int report_in = report[0], report_out = report[1];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) < 0)
		return -errno;
	_cleanup_(closep) int go_in = go[0];

	launched.go_fd = go[1];
	if (pipe2(errors, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_(closep) int errors_out = errors[1];

	launched.errors_fd = errors[0];
	r = fork_twice(launch, &(struct ends){ report_out, go_in, errors_out }, environment);
	drop_fd(&report_out);
	if (r == 0)
		r = hear_report(report_in, &launched);
	if (r < 0)
		return r;
	*ret = launched;
	launched.go_fd = launched.errors_fd = launched.notify_fd = -1;
	return 0;
}

/* --- what it says ----------------------------------------------------------------------------- */

static void keep_words(struct launched *launched, const char *words, size_t length)
{
	char text[LAUNCH_WORDS_BYTES];
	struct strbuf out = STRBUF(launched->words);

	length = MIN_OF(length, sizeof(text) - 1);
	memcpy(text, words, length);
	text[length] = '\0';
	strbuf_add_name(&out, text);
}

static bool is_from(const struct msghdr *message, pid_t pid)
{
	const struct cmsghdr *part = CMSG_FIRSTHDR(message);
	struct ucred sender;

	if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS)
		return false;
	memcpy(&sender, CMSG_DATA(part), sizeof(sender));
	return sender.pid == pid;
}

static bool take_lines(struct launched *launched, char *text)
{
	static const char status[] = "STATUS=";
	bool is_ready = false;
	char *next = text;

	for (char *line; (line = strsep(&next, "\n"));) {
		if (strcmp(line, "READY=1") == 0)
			is_ready = true;
		else if (strncmp(line, status, strlen(status)) == 0)
			keep_words(launched, line + strlen(status), strlen(line + strlen(status)));
	}
	return is_ready;
}

/* What came until now. Is it ready? */
static bool take_messages(struct launched *launched)
{
	union {
		struct cmsghdr first;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char text[1024];
	bool is_ready = false;
	ssize_t n;

	for (;;) {
		struct iovec part = { text, sizeof(text) - 1 };
		struct msghdr message = { .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = &control,
					  .msg_controllen = sizeof(control) };

		/* Descriptors that somebody sends along have no room, and are closed. */
		n = recvmsg(launched->notify_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return is_ready;
		text[n] = '\0';
		if (is_from(&message, launched->pid))
			is_ready |= take_lines(launched, text);
	}
}

/* Its errors begin with its name, as programs' do. The last line of them counts. */
static void take_errors(struct launched *launched, const char *text, size_t length)
{
	const char *line = text, *end = text + length, *colon;

	while (end > text && end[-1] == '\n')
		end--;
	for (const char *at = text; at < end; at++)
		if (*at == '\n')
			line = at + 1;
	colon = memchr(line, ':', (size_t)(end - line));
	if (colon && colon + 2 < end && colon[1] == ' ')
		line = colon + 2;
	keep_words(launched, line, (size_t)(end - line));
}

/* 1; 0: it has ended. */
static int hear_errors(struct launched *launched)
{
	char text[1024];
	ssize_t n = read(launched->errors_fd, text, sizeof(text));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n > 0 && launched->words[0] == '\0')
		take_errors(launched, text, (size_t)n);
	return n > 0;
}

static int wait_ready(struct launched *launched, usec_t deadline)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = launched->notify_fd, .events = POLLIN },
			{ .fd = launched->errors_fd, .events = POLLIN },
		};
		usec_t now = clock_monotonic_usec();
		usec_t left = deadline > now ? (deadline - now) / USEC_PER_MSEC + 1 : 0;
		int r = poll(fds, ARRAY_SIZE(fds), (int)MIN_OF(left, (usec_t)INT32_MAX));

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0 && now >= deadline)
			return -ETIMEDOUT;
		if (r <= 0)
			continue;
		if (fds[0].revents && take_messages(launched))
			return 0;
		if (fds[1].revents && hear_errors(launched) == 0) {
			/* What it said last may have come between the two. */
			(void)take_messages(launched);
			return -EREMOTEIO;
		}
	}
}

int launch_run(struct launched *launched, usec_t timeout_usec)
{
	const usec_t deadline = clock_monotonic_usec() + timeout_usec;
	const char go = 1;
	ssize_t n;

	do
		n = send(launched->go_fd, &go, sizeof(go), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EPIPE)
		return -errno;
	drop_fd(&launched->go_fd);
	return wait_ready(launched, deadline);
}

/* --- its user --------------------------------------------------------------------------------- */

/* "name:password:id:...", as passwd(5) and group(5) have it. */
static bool has_account(const struct sysroot *root, const char *table, uid_t id)
{
	_cleanup_(closep) int fd = sysroot_open_file(root, table);
	struct line_reader reader;
	struct span line, field;
	uint64_t number;
	bool cut;

	if (fd < 0)
		return false;
	line_reader_init(&reader, fd);
	while (line_reader_next(&reader, &line, &cut) > 0)
		if (span_next_field(&line, ':', &field) && span_next_field(&line, ':', &field) &&
		    span_next_field(&line, ':', &field) && span_u64(field, &number) == 0 &&
		    number == id)
			return true;
	return false;
}

static bool has_processes(uid_t id)
{
	errno = 0;
	return getpriority(PRIO_USER, id) >= 0 || errno != ESRCH;
}

uid_t launch_spare_user(const struct sysroot *root, uint64_t seed)
{
	const uint64_t span = SPARE_USERS_TO - SPARE_USERS_FROM + 1;

	for (unsigned i = 0; i < SPARE_TRIES; i++) {
		uid_t id = SPARE_USERS_FROM + (uid_t)((seed + i) % span);

		if (!has_processes(id) && !has_account(root, "etc/passwd", id) &&
		    !has_account(root, "etc/group", id))
			return id;
	}
	return 0;
}
