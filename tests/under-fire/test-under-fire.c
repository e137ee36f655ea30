/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon itself, on this machine, about nothing but a cgroup of the test's own, with all taken
 * from it that it could ask for: every allocation, mapping and fork fails, no descriptor is left,
 * nobody reads the journal or standard error. It still has to see that the service grows, to decide
 * and to kill, to tell its service manager that it lives, and to end when it is asked to.
 */

#include "test.h"

#include "sys/cgroup_layout.h"
#include "sys/clock.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "vm/programs/lab-fire.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MSEC	20000
#define VICTIM_BYTES	((size_t)64 << 20)
#define WATCHDOG_USEC	"1000000"
#define DESCRIPTORS_MAX 4096

static char directory[64], name[64];
static struct sysroot root;
static struct cgroup_layout layout;
static struct fire *fire;
static pid_t agent, victim;
static int manager, journal, errors;

static const char *in_directory(const char *file)
{
	static char path[192];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	return path;
}

static void write_file(const char *file, const char *text)
{
	int fd = open(in_directory(file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	check(fd >= 0);
	check_int(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* It fires when there was time to light the fire. */
static void write_configuration(void)
{
	char text[512];

	check_int(mkdir(in_directory("policies"), 0755), 0);
	check_int(mkdir(in_directory("rules.d"), 0755), 0);
	check_int(mkdir(in_directory("run"), 0755), 0);
	write_file("oomwarden.ini", "[Agent]\nMode=enforce\nPolicy=fire\n");
	snprintf(text, sizeof(text), "[Policy fire]\nMatch=%s\nKind=batch\nKill=first\n", name);
	write_file("policies/fire.ini", text);
	write_file("rules.d/10-fire.ini",
		   "[Rule fire]\nOn=host\nWhen=mem.available > 0\nUntil=mem.available == 0\n"
		   "For=3s\nDo=notify\nDo=kill policy grace=200ms\nStepWait=50ms\n");
}

/* In each hierarchy that the agent looks at. */
static void make_cgroups(void)
{
	check_int(sysroot_open(NULL, &root), 0);
	check_int(cgroup_layout_open(&root, &layout), 0);
	if (layout.tree == CGROUP_TREE_NONE || layout.memory_fd < 0)
		test_skip("no control groups with a memory controller");
	snprintf(name, sizeof(name), "oomwarden-under-fire-%d", getpid());
	if (mkdirat(layout.tree_fd, name, 0755) < 0 ||
	    (mkdirat(layout.memory_fd, name, 0755) < 0 && errno != EEXIST))
		test_skip("no control group can be made here");
}

static bool join_one(int hierarchy_fd)
{
	char file[128];
	int fd;
	bool done;

	snprintf(file, sizeof(file), "%s/cgroup.procs", name);
	fd = openat(hierarchy_fd, file, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, "0", 1) == 1;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Takes memory, and does not listen to anybody. */
static void run_victim(int word)
{
	volatile char *memory;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_IGN);
	if (!join_one(layout.tree_fd) || !join_one(layout.memory_fd))
		_exit(1);
	memory = mmap(NULL, VICTIM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if ((const volatile void *)memory == MAP_FAILED)
		_exit(3);
	for (size_t at = 0; at < VICTIM_BYTES; at += 4096)
		memory[at] = 1;
	if (write(word, "r", 1) != 1)
		_exit(2);
	for (;;)
		pause();
}

static void start_victim(void)
{
	int pair[2];
	char byte;

	check_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	victim = fork();
	check(victim >= 0);
	if (victim == 0)
		run_victim(pair[1]);
	close(pair[1]);
	if (recv(pair[0], &byte, 1, 0) != 1)
		test_skip("no process can be moved to a control group here");
	close(pair[0]);
}

static int bind_socket(const char *file)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0);
	strncpy(address.sun_path, in_directory(file), sizeof(address.sun_path) - 1);
	check_int(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void make_fire(void)
{
	int fd = open(in_directory("fire"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	check(fd >= 0);
	check_int(ftruncate(fd, sizeof(*fire)), 0);
	fire = mmap(NULL, sizeof(*fire), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(fire != MAP_FAILED);
	close(fd);
}

static void run_agent(int stderr_fd)
{
	char run[192];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(run, sizeof(run), "%s", in_directory("run"));
	setenv("LAB_FIRE", in_directory("fire"), 1);
	setenv("LAB_FIRE_JOURNAL", in_directory("journal"), 1);
	setenv("NOTIFY_SOCKET", in_directory("manager"), 1);
	setenv("WATCHDOG_USEC", WATCHDOG_USEC, 1);
	unsetenv("WATCHDOG_PID");
	unsetenv("JOURNAL_STREAM");
	setenv("LD_PRELOAD", getenv("LAB_FIRE_LIBRARY"), 1);
	dup2(stderr_fd, STDERR_FILENO);
	execl(getenv("OOMWARDEND"), "oomwardend", "--config", directory, "--runtime-directory", run,
	      NULL);
	_exit(127);
}

static bool is_told(const char *word, int msec)
{
	usec_t until = clock_monotonic_usec() + (usec_t)msec * USEC_PER_MSEC;
	struct pollfd ready = { .fd = manager, .events = POLLIN };
	char text[256];
	ssize_t n;

	do {
		while ((n = recv(manager, text, sizeof(text) - 1, 0)) >= 0) {
			text[n] = '\0';
			if (strstr(text, word))
				return true;
		}
		(void)poll(&ready, 1, 50);
	} while (clock_monotonic_usec() < until);
	return false;
}

static void start_agent(void)
{
	int fds[2];

	check_int(pipe2(fds, O_CLOEXEC), 0);
	agent = fork();
	check(agent >= 0);
	if (agent == 0)
		run_agent(fds[1]);
	errors = fds[1];
	/* The other end is kept, so that it is full and not broken. */
	check(is_told("READY=1", PATIENCE_MSEC));
}

static void fill(int fd)
{
	static const char text[4096];

	check(fcntl(fd, F_SETFL, O_NONBLOCK) >= 0);
	while (write(fd, text, sizeof(text)) > 0)
		;
	while (write(fd, text, 1) > 0)
		;
	check_int(errno, EAGAIN);
}

static void fill_journal(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0);
	strncpy(address.sun_path, in_directory("journal"), sizeof(address.sun_path) - 1);
	check_int(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	while (send(fd, "x", 1, 0) > 0)
		;
	check_int(errno, EAGAIN);
	close(fd);
}

/* No number below the limit is free then. */
static void take_descriptors(void)
{
	bool open_ones[DESCRIPTORS_MAX] = { false };
	struct rlimit limit = { 0 };
	const struct dirent *entry;
	char path[64];
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", agent);
	fds = opendir(path);
	check(fds);
	while ((entry = readdir(fds))) {
		unsigned long fd = strtoul(entry->d_name, NULL, 10);

		if (entry->d_name[0] != '.' && fd < DESCRIPTORS_MAX)
			open_ones[fd] = true;
	}
	closedir(fds);
	while (limit.rlim_cur < DESCRIPTORS_MAX && open_ones[limit.rlim_cur])
		limit.rlim_cur++;
	limit.rlim_max = limit.rlim_cur;
	check_int(prlimit(agent, RLIMIT_NOFILE, &limit, NULL), 0);
}

static bool has_ended(pid_t *pid, int *ret_status)
{
	usec_t until = clock_monotonic_usec() + PATIENCE_MSEC * USEC_PER_MSEC;
	pid_t r;

	do {
		r = waitpid(*pid, ret_status, WNOHANG);
		if (r == *pid) {
			*pid = 0;
			return true;
		}
		(void)poll(NULL, 0, 10);
	} while (clock_monotonic_usec() < until);
	return false;
}

static void remove_cgroup(int hierarchy_fd)
{
	for (int n = 0; n < 200; n++) {
		if (unlinkat(hierarchy_fd, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
			return;
		(void)poll(NULL, 0, 5);
	}
}

/* Whatever a test that failed has left as well. */
__attribute__((destructor)) static void clean_up(void)
{
	char command[128];

	if (agent > 0) {
		kill(agent, SIGKILL);
		waitpid(agent, NULL, 0);
	}
	if (victim > 0) {
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
	}
	if (name[0]) {
		remove_cgroup(layout.tree_fd);
		remove_cgroup(layout.memory_fd);
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	if (directory[0] && system(command) != 0)
		fprintf(stderr, "cannot remove %s\n", directory);
}

static void set_up(void)
{
	if (!getenv("OOMWARDEND") || !getenv("LAB_FIRE_LIBRARY"))
		test_skip("a sanitizer has the heap");
	if (geteuid() != 0)
		test_skip("only root may kill what is not its own");
	strcpy(directory, "/tmp/oomwarden-fire-XXXXXX");
	check(mkdtemp(directory));
	make_cgroups();
	write_configuration();
	make_fire();
	manager = bind_socket("manager");
	journal = bind_socket("journal");
	start_victim();
	start_agent();
}

static void light(void)
{
	check(fire->is_there);
	fill(errors);
	fill_journal();
	take_descriptors();
	fire->lit = 1;
}

TEST(it_kills_when_nothing_is_to_be_had)
{
	int status;

	set_up();
	light();
	check_int(waitpid(victim, NULL, WNOHANG), 0);
	check(has_ended(&victim, &status));
	check(WIFSIGNALED(status));
	check_int(WTERMSIG(status), SIGKILL);

	/* What it said before that does not count. */
	(void)is_told("nothing", 0);
	check(is_told("WATCHDOG=1", PATIENCE_MSEC));
	check_int(fire->by_main[FIRE_MAPPING], 0);
	check_int(fire->by_main[FIRE_FORK], 0);
	/* Others make control groups here too, and to list those more room is asked for. */
	printf("# allocations refused: %u\n", fire->by_main[FIRE_HEAP]);

	check_int(kill(agent, SIGTERM), 0);
	check(has_ended(&agent, &status));
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 0);
}
