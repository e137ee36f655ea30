/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The program, run: what it holds, what it says, and when it ends. The service manager and the
 * agent are the test. */

#include "sys/fixture.h"
#include "test.h"

#include "sys/privilege.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB	     (UINT64_C(1) << 20)
#define PATIENT_MSEC 30000
#define ARGS_MAX     8

/* A sanitizer takes more than the program does. */
#ifdef __SANITIZE_ADDRESS__
#define OWN_BYTES (64 * MIB)
#else
#define OWN_BYTES (1 * MIB)
#endif

struct run {
	struct fixture files;
	int notify_fd;
	pid_t pid;
	const char *args[ARGS_MAX];
	size_t arg_count;
	uint64_t rights;
	rlim_t memlock; /* 0: as it is */
	char said[512]; /* to the service manager, last */
};

static struct sysroot root;

static void prepare(struct run *run)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[PATH_MAX];

	memset(run, 0, sizeof(*run));
	run->rights = UINT64_MAX;
	fixture_init(&run->files);
	fixture_path(&run->files, "notify", path);
	check(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	run->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	check(run->notify_fd >= 0);
	check_int(bind(run->notify_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (root.fd <= 0)
		check_int(sysroot_open(NULL, &root), 0);
}

static void add(struct run *run, const char *arg)
{
	check(run->arg_count + 1 < ARGS_MAX);
	run->args[run->arg_count++] = arg;
}

__attribute__((noreturn)) static void become(const struct run *run)
{
	const struct rlimit limit = { run->memlock, run->memlock };
	const char *program = getenv("OOMWARDEN_CANARY");
	char path[PATH_MAX];
	union {
		const char *in[ARGS_MAX + 2];
		char *out[ARGS_MAX + 2];
	} argv = { .in = { program } };

	memcpy(&argv.in[1], run->args, sizeof(run->args));
	fixture_path(&run->files, "notify", path);
	if (setenv("NOTIFY_SOCKET", path, 1) < 0)
		_exit(99);
	fixture_path(&run->files, "errors", path);
	if (!freopen(path, "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(99);
	if (run->memlock != 0 && setrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		_exit(99);
	if (run->rights != UINT64_MAX && privilege_keep(run->rights) < 0)
		_exit(99);
	/* A test that fails leaves without ending it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(program, argv.out);
	_exit(99);
}

static void begin(struct run *run)
{
	if (!getenv("OOMWARDEN_CANARY"))
		test_skip("OOMWARDEN_CANARY does not say where the program is");
	run->pid = fork();
	check(run->pid >= 0);
	if (run->pid == 0)
		become(run);
}

/* 0 is one that was waited for. */
static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return pid == 0 || (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
			    info.si_pid == pid);
}

/* What it tells the service manager next; it may end without a word. */
static const char *hear(struct run *run)
{
	struct pollfd fd = { .fd = run->notify_fd, .events = POLLIN };
	ssize_t n;

	run->said[0] = '\0';
	for (int waited = 0; waited < PATIENT_MSEC && poll(&fd, 1, 50) == 0; waited += 50)
		if (has_ended(run->pid))
			break;
	n = recv(run->notify_fd, run->said, sizeof(run->said) - 1, MSG_DONTWAIT);
	run->said[n > 0 ? n : 0] = '\0';
	return run->said;
}

/* Its exit status; above 1000 the signal that ended it; -1: it did not end. */
static int end_of(struct run *run)
{
	int status;

	for (int waited = 0; waited < PATIENT_MSEC && !has_ended(run->pid); waited += 10)
		(void)poll(NULL, 0, 10);
	if (!has_ended(run->pid))
		return -1;
	check_int(waitpid(run->pid, &status, 0), run->pid);
	run->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static const char *errors_of(const struct run *run)
{
	static char text[4096];
	char path[PATH_MAX];
	FILE *file;
	size_t n;

	fixture_path(&run->files, "errors", path);
	file = fopen(path, "r");
	check(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static void done(struct run *run)
{
	if (run->pid > 0) {
		kill(run->pid, SIGKILL);
		waitpid(run->pid, NULL, 0);
	}
	close(run->notify_fd);
	fixture_done(&run->files);
}

#define RUN(name)                        \
	_cleanup_(done) struct run name; \
	prepare(&name)

static struct proc_status status_of(pid_t pid)
{
	struct proc_status status;
	int fd = proc_pid_open(&root, pid);

	check(fd >= 0);
	check_int(proc_status_read(fd, &status), 0);
	close(fd);
	return status;
}

/* What the kernel lets this process lock, or its right to lock anything. */
static void need_to_lock(uint64_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r;

	check(pages != MAP_FAILED);
	r = mlock(pages, bytes);
	munmap(pages, bytes);
	if (r < 0)
		test_skip("RLIMIT_MEMLOCK does not allow it");
}

/* --- what it holds ---------------------------------------------------------------------------- */

TEST(it_really_holds_what_it_says)
{
	struct proc_status small, large;
	char comm[PROC_COMM_BYTES];
	int score, fd;
	RUN(one);
	RUN(other);

	need_to_lock(8 * MIB);
	add(&one, "--bytes=4K");
	begin(&one);
	check_str(hear(&one), "READY=1\nSTATUS=holds 4 KiB");
	add(&other, "--bytes=8M");
	begin(&other);
	check_str(hear(&other), "READY=1\nSTATUS=holds 8 MiB");
	small = status_of(one.pid);
	large = status_of(other.pid);
	check(small.rss_anon_bytes < OWN_BYTES);
	check(large.rss_anon_bytes >= small.rss_anon_bytes + 7 * MIB);
	check(large.rss_anon_bytes <= small.rss_anon_bytes + 9 * MIB);
	check(large.locked_bytes >= 8 * MIB);

	fd = proc_pid_open(&root, other.pid);
	check(fd >= 0);
	check_int(proc_oom_score_adj_read(fd, &score), 0);
	check_int(score, 1000);
	check(proc_comm_read(fd, comm, sizeof(comm)) >= 0);
	check_str(comm, "oomwarden-canar");
	close(fd);
	check_str(errors_of(&other), "");
}

TEST(it_holds_it_on_its_node)
{
	char text[65536];
	ssize_t n;
	int fd;
	RUN(run);

	need_to_lock(4 * MIB);
	if (access("/sys/devices/system/node/node0/meminfo", F_OK) < 0)
		test_skip("there are no nodes here");
	add(&run, "--bytes=4M");
	add(&run, "--node=0");
	begin(&run);
	hear(&run);
	if (strstr(run.said, "there is none with memory"))
		test_skip("node 0 has no memory");
	check_str(run.said, "READY=1\nSTATUS=holds 4 MiB on node 0");
	fd = proc_pid_open(&root, run.pid);
	check(fd >= 0);
	n = proc_pid_read(fd, "numa_maps", text, sizeof(text));
	close(fd);
	/* It is nobody's to look at but root's. */
	if (n == -ENOENT || n == -EACCES)
		test_skip("there is no numa_maps to be read");
	check(n > 0);

	/* All of its mappings are bound, this one by itself. */
	const char *bound = strstr(text, " anon=1024 ");

	check(bound);
	text[strcspn(bound, "\n") + (size_t)(bound - text)] = '\0';
	while (bound > text && bound[-1] != '\n')
		bound--;
	check_contains(bound, " bind:0 ");
	check_contains(bound, " N0=1024 ");
}

TEST(it_needs_no_right_but_the_limit)
{
	struct rlimit limit;
	RUN(run);

	check_int(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	if (limit.rlim_max < 2 * MIB)
		test_skip("RLIMIT_MEMLOCK does not allow it");
	run.rights = 0;
	add(&run, "--bytes=1M");
	begin(&run);
	check_str(hear(&run), "READY=1\nSTATUS=holds 1 MiB");
	kill(run.pid, SIGTERM);
	check_int(end_of(&run), 0);
}

TEST(it_sits_still)
{
	char before[8192], after[8192];
	const char *line;
	int fd;
	RUN(run);

	need_to_lock(MIB);
	add(&run, "--bytes=1M");
	begin(&run);
	hear(&run);
	fd = proc_pid_open(&root, run.pid);
	check(fd >= 0);
	/* Once it waits, and not on the way there. */
	do
		check(proc_pid_read(fd, "status", before, sizeof(before)) > 0);
	while (!strstr(before, "State:\tS"));
	check_int(poll(NULL, 0, 300), 0);
	check(proc_pid_read(fd, "status", after, sizeof(after)) > 0);
	close(fd);
	line = strstr(before, "\nvoluntary_ctxt_switches:");
	check(line);
	check_str(strstr(after, "\nvoluntary_ctxt_switches:"), line);
}

/* --- when it ends ----------------------------------------------------------------------------- */

static pid_t start_agent(uint64_t *ret_ticks)
{
	struct proc_stat stat;
	pid_t pid = fork();
	int fd;

	check(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	fd = proc_pid_open_stat(&root, pid, &stat);
	check(fd >= 0);
	close(fd);
	*ret_ticks = stat.start_ticks;
	return pid;
}

TEST(it_ends_with_the_agent)
{
	char agent[64];
	uint64_t ticks;
	pid_t pid;
	RUN(run);

	need_to_lock(MIB);
	pid = start_agent(&ticks);
	snprintf(agent, sizeof(agent), "--agent=%d:%" PRIu64, pid, ticks);
	add(&run, "--bytes=1M");
	add(&run, agent);
	begin(&run);
	check_str(hear(&run), "READY=1\nSTATUS=holds 1 MiB");
	check(!has_ended(run.pid));
	kill(pid, SIGKILL);
	check_int(end_of(&run), 0);
	check_int(waitpid(pid, NULL, 0), pid);
	check_str(errors_of(&run), "");
}

TEST(it_does_not_begin_for_another_process)
{
	char agent[64];
	uint64_t ticks;
	pid_t pid;
	RUN(run);
	RUN(late);

	pid = start_agent(&ticks);
	snprintf(agent, sizeof(agent), "--agent=%d:%" PRIu64, pid, ticks + 1);
	add(&run, "--bytes=1M");
	add(&run, agent);
	begin(&run);
	check_contains(hear(&run), "STATUS=cannot wait for the agent, which is gone");
	check_int(end_of(&run), 1);
	/* It was the right one, and is gone. */
	kill(pid, SIGKILL);
	check_int(waitpid(pid, NULL, 0), pid);
	snprintf(agent, sizeof(agent), "--agent=%d:%" PRIu64, pid, ticks);
	add(&late, "--bytes=1M");
	add(&late, agent);
	begin(&late);
	check_int(end_of(&late), 1);
	check_contains(errors_of(&late), "which is gone");
}

TEST(it_ends_when_it_is_told_to)
{
	static const int signals[] = { SIGTERM, SIGINT };

	need_to_lock(MIB);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		RUN(run);
		add(&run, "--bytes=1M");
		begin(&run);
		check_contains(hear(&run), "READY=1");
		kill(run.pid, signals[i]);
		check_int(end_of(&run), 0);
	}
}

/* --- what it cannot do ------------------------------------------------------------------------ */

TEST(it_refuses_nonsense)
{
	static const struct {
		const char *args[3];
		const char *words;
	} cases[] = {
		{ { NULL }, "--bytes is missing" },
		{ { "--node=0" }, "--bytes is missing" },
		{ { "--bytes=0" }, "--bytes 0: an amount above zero is wanted" },
		{ { "--bytes=-1" }, "an amount above zero" },
		{ { "--bytes=lots" }, "an amount above zero" },
		{ { "--bytes=16E" }, "an amount above zero" },
		{ { "--bytes=1M", "--node=x" }, "--node x: the number of a node is wanted" },
		{ { "--bytes=1M", "--node=-1" }, "the number of a node" },
		{ { "--bytes=1M", "--node=99999999999" }, "the number of a node" },
		{ { "--bytes=1M", "--agent=7" }, "--agent 7: PID:TICKS is wanted" },
		{ { "--bytes=1M", "--agent=0:1" }, "PID:TICKS" },
		{ { "--bytes=1M", "--agent=1:" }, "PID:TICKS" },
		{ { "--bytes=1M", "--agent=99999999999:1" }, "PID:TICKS" },
		{ { "--bytes=1M", "more" }, "it takes no operands" },
		{ { "--bytes=1M", "--what" }, "unrecognized option" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		RUN(run);
		for (size_t a = 0; a < ARRAY_SIZE(cases[i].args) && cases[i].args[a]; a++)
			add(&run, cases[i].args[a]);
		begin(&run);
		check_int(end_of(&run), 2);
		check_contains(errors_of(&run), cases[i].words);
		check_str(hear(&run), "");
	}
}

TEST(a_node_that_does_not_exist)
{
	static const char *const nodes[] = { "--node=1023", "--node=2000000000" };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		RUN(run);
		add(&run, "--bytes=1M");
		add(&run, nodes[i]);
		begin(&run);
		check_contains(hear(&run), "there is none with memory, or it may not be used here");
		check_int(end_of(&run), 77);
		check_contains(errors_of(&run), "oomwarden-canary: node ");
	}
}

/* More than the machine has is never begun. */
TEST(it_takes_nothing_from_others)
{
	RUN(run);

	add(&run, "--bytes=1000T");
	begin(&run);
	check_contains(hear(&run), "STATUS=holding so much would leave ");
	check_int(end_of(&run), 1);
	check_contains(errors_of(&run), "less than it holds");
}

TEST(the_limit_that_is_missing_is_named)
{
	RUN(run);

	run.rights = ~PRIVILEGE_BIT(CAP_IPC_LOCK);
	run.memlock = 64 * 1024;
	add(&run, "--bytes=1M");
	begin(&run);
	check_contains(hear(&run), "RLIMIT_MEMLOCK is 64 KiB");
	check_int(end_of(&run), 77);
	check_contains(errors_of(&run), "LimitMEMLOCK=");
}

TEST(what_it_is_asked_it_answers)
{
	static const char *const args[] = { "--help", "--version" };

	for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
		RUN(run);
		add(&run, args[i]);
		begin(&run);
		check_int(end_of(&run), 0);
		check_str(errors_of(&run), "");
	}
}
