/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of what is paused: as text, in its file, and what follows from it. */

#include "test.h"

#include "host/pause_file.h"
#include "util/macro.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int parse(const char *text, struct pause_list *ret)
{
	return pause_list_parse(text, strlen(text), ret);
}

#define PAUSED_RULE    "rule node exhausted"
#define PAUSED_GUEST   "guest db"
#define PAUSED_SERVICE "service system.slice/web server.service"

TEST(a_list_is_read_as_it_was_written)
{
	static const char text[] = "host\n" PAUSED_RULE "\n" PAUSED_GUEST "\n" PAUSED_SERVICE "\n";
	_cleanup_(pause_list_done) struct pause_list list = { 0 };
	_cleanup_(freep) char *written = NULL;
	char said[256];
	struct strbuf b = STRBUF(said);

	check_int(parse(text, &list), 0);
	check_int(list.count, 4);
	check(pause_has_host(&list));
	check(pause_has_rule(&list, "node exhausted"));
	check(!pause_has_rule(&list, "node"));
	check(!pause_has_rule(&list, "db"));
	check(pause_has_service(&list, "system.slice/web server.service"));
	check(!pause_has_service(&list, "system.slice/web"));
	pause_list_describe(&list, &b);
	check_str(said, "the host, " PAUSED_RULE ", " PAUSED_GUEST ", " PAUSED_SERVICE);
	written = pause_list_format(&list);
	check_str(written, text);
}

/* It comes back under another number. */
TEST(a_guest_is_known_by_its_name_wherever_its_cgroup_is)
{
	_cleanup_(pause_list_done) struct pause_list list = { 0 };

	check_int(parse(PAUSED_GUEST "\nguest 100\n", &list), 0);
	check(pause_has_service(&list, "machine.slice/machine-qemu\\x2d1\\x2ddb.scope"));
	check(pause_has_service(&list, "machine.slice/machine-qemu\\x2d27\\x2ddb.scope"));
	check(pause_has_service(&list, "qemu.slice/100.scope"));
	check(!pause_has_service(&list, "qemu.slice/101.scope"));
	check(!pause_has_service(&list, "machine.slice/machine-qemu\\x2d1\\x2dweb.scope"));
	/* What is no guest is not called like one. */
	check(!pause_has_service(&list, "system.slice/db"));
	check(!pause_has_service(&list, "db"));
	check(!pause_has_host(&list));
}

TEST(damaged_text_pauses_the_host_and_says_where)
{
	static const struct {
		const char *text;
		size_t length; /* 0: all of it */
		const char *fault;
	} bad[] = {
		{ "", 0, "line 1: the list is empty" },
		{ "host", 0, "line 1: it has no end" },
		{ "host\nrule a", 0, "line 2: it has no end" },
		{ "rule a\nhosts\n", 0, "line 2: it begins with neither" },
		{ "host x\n", 0, "line 1: it begins with neither" },
		{ "rule\n", 0, "line 1: it begins with neither" },
		{ "rule \n", 0, "line 1: its name is none" },
		{ "rule a\033[2J\n", 0, "line 1: its name is none" },
		{ "rule a\xff\n", 0, "line 1: its name is none" },
		{ "rule a\0b\n", 9, "line 1: it holds a zero byte" },
		{ "\n", 0, "line 1: it begins with neither" },
		{ " host\n", 0, "line 1: it begins with neither" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pause_list list = { 0 };
		size_t length = bad[i].length > 0 ? bad[i].length : strlen(bad[i].text);

		check_int(pause_list_parse(bad[i].text, length, &list), -EBADMSG);
		check_contains(list.fault, bad[i].fault);
		check_int(list.count, 0);
		check(pause_has_host(&list));
		check(!pause_list_is_empty(&list));
		pause_list_done(&list);
	}
}

TEST(a_list_has_an_end)
{
	_cleanup_(pause_list_done) struct pause_list list = { 0 };
	char name[32];

	for (int i = 0; i < PAUSE_ITEMS_MAX; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		check_int(pause_list_add(&list, PAUSE_RULE, name), 0);
	}
	check_int(pause_list_add(&list, PAUSE_RULE, "r0"), 1);
	check_int(pause_list_add(&list, PAUSE_HOST, NULL), -ENOSPC);
	check_int(pause_list_add(&list, PAUSE_RULE, "a\nhost"), -EINVAL);
	check_int(pause_list_add(&list, PAUSE_RULE, ""), -EINVAL);
	check_int(list.count, PAUSE_ITEMS_MAX);
}

TEST(lists_are_the_same_in_any_order)
{
	_cleanup_(pause_list_done) struct pause_list a = { 0 };
	_cleanup_(pause_list_done) struct pause_list b = { 0 };
	uint64_t sum;

	check(pause_list_equal(&a, &b));
	check_int(parse("host\nrule a\n", &a), 0);
	check(!pause_list_equal(&a, &b));
	check_int(parse("rule a\nhost\n", &b), 0);
	check(pause_list_equal(&a, &b));
	sum = pause_list_sum(&a);
	check_int(pause_list_add(&a, PAUSE_GUEST, "a"), 0);
	check(!pause_list_equal(&a, &b));
	check(pause_list_sum(&a) != sum);
	pause_list_remove(&a, 2);
	check(pause_list_sum(&a) == sum);
	check(pause_list_equal(&a, &b));
}

TEST(it_is_one_more_voice_beside_those_of_the_configuration)
{
	char low[] = "low", high[] = "high";
	struct rule rules[] = { { .name = low, .mode = MODE_ENFORCE },
				{ .name = high, .mode = MODE_ENFORCE } };
	struct config config = { .mode = MODE_ENFORCE, .rules = rules, .rule_count = 2 };
	struct pause_list list = { 0 };

	check_int(parse("rule high\n" PAUSED_SERVICE "\n", &list), 0);
	pause_apply(&list, &config);
	check(!config.paused);
	check(config.some_service_paused);
	check(!rules[0].paused);
	check(rules[1].paused);
	check_int(rules[1].mode, MODE_ENFORCE);
	pause_list_done(&list);
	check_int(parse("host\n", &list), 0);
	pause_apply(&list, &config);
	check(config.paused);
	check(!config.some_service_paused);
	check(!rules[1].paused);
	check_int(config.mode, MODE_ENFORCE);
	pause_list_done(&list);
}

static char directory[64];
static int directory_fd = -1;

static void make_directory(void)
{
	strcpy(directory, "/tmp/oomwarden-pause-XXXXXX");
	check(mkdtemp(directory));
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(directory_fd >= 0);
}

static int remove_entry(const char *path, const struct stat *st _unused_, int type _unused_,
			struct FTW *ftw _unused_)
{
	return remove(path);
}

static void remove_directory(void)
{
	close(directory_fd);
	check_int(nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void write_file(const char *text, mode_t mode)
{
	int fd = openat(directory_fd, PAUSE_FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	check(fd >= 0);
	check_int(write(fd, text, strlen(text)), strlen(text));
	check_int(fchmod(fd, mode), 0);
	close(fd);
}

TEST(without_a_file_nothing_is_paused)
{
	struct pause_list list;

	make_directory();
	check_int(pause_file_read(directory_fd, &list), 0);
	check(pause_list_is_empty(&list));
	check(!pause_has_host(&list));
	check_int(pause_file_write(directory_fd, &list), 0);
	remove_directory();
}

TEST(the_file_is_replaced_whole_and_removed_at_the_end)
{
	_cleanup_(pause_list_done) struct pause_list list = { 0 };
	struct pause_list read = { 0 };
	struct stat st, replaced;
	mode_t before = umask(077);

	make_directory();
	check_int(pause_list_add(&list, PAUSE_RULE, "a"), 0);
	check_int(pause_file_write(directory_fd, &list), 0);
	umask(before);
	check_int(fstatat(directory_fd, PAUSE_FILE_NAME, &st, 0), 0);
	check_int(st.st_mode & 07777, 0644);
	check_int(pause_list_add(&list, PAUSE_HOST, NULL), 0);
	check_int(pause_file_write(directory_fd, &list), 0);
	check_int(fstatat(directory_fd, PAUSE_FILE_NAME, &replaced, 0), 0);
	check(st.st_ino != replaced.st_ino);
	check_int(pause_file_read(directory_fd, &read), 0);
	check(pause_list_equal(&list, &read));
	check(pause_list_sum(&list) == pause_list_sum(&read));
	pause_list_done(&read);
	check_int(faccessat(directory_fd, "paused.new", F_OK, 0), -1);
	pause_list_done(&list);
	check_int(pause_file_write(directory_fd, &list), 0);
	check_int(faccessat(directory_fd, PAUSE_FILE_NAME, F_OK, 0), -1);
	remove_directory();
}

static void write_limited(void *context)
{
	const struct rlimit nothing = { 1, 1 };
	struct pause_list *list = context;

	signal(SIGXFSZ, SIG_IGN);
	check_int(setrlimit(RLIMIT_FSIZE, &nothing), 0);
	_exit(pause_file_write(directory_fd, list) == -EFBIG ? 0 : 1);
}

/* As where the file system is full. */
TEST(what_cannot_be_written_leaves_the_list_as_it_was)
{
	_cleanup_(pause_list_done) struct pause_list list = { 0 };
	struct pause_list read = { 0 };
	int status;
	pid_t pid;

	make_directory();
	write_file("rule a\n", 0644);
	check_int(pause_list_add(&list, PAUSE_RULE, "b"), 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0)
		write_limited(&list);
	check_int(waitpid(pid, &status, 0), pid);
	check_int(status, 0);
	check_int(pause_file_read(directory_fd, &read), 0);
	check_int(read.count, 1);
	check(pause_has_rule(&read, "a"));
	pause_list_done(&read);
	check_int(faccessat(directory_fd, "paused.new", F_OK, 0), -1);
	remove_directory();
}

/* Somebody was killed while he wrote. */
TEST(what_was_left_behind_is_in_nobodys_way)
{
	_cleanup_(pause_list_done) struct pause_list list = { 0 };
	char elsewhere[128];

	make_directory();
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", directory);
	check_int(symlinkat(elsewhere, directory_fd, "paused.new"), 0);
	check_int(pause_list_add(&list, PAUSE_HOST, NULL), 0);
	check_int(pause_file_write(directory_fd, &list), 0);
	check_int(access(elsewhere, F_OK), -1);
	remove_directory();
}

static void check_refused(const char *fault)
{
	struct pause_list list = { 0 };

	check(pause_file_read(directory_fd, &list) < 0);
	check_contains(list.fault, fault);
	check(pause_has_host(&list));
	check_int(list.count, 0);
	pause_list_done(&list);
	check_int(unlinkat(directory_fd, PAUSE_FILE_NAME, 0), 0);
}

/* It takes no room: all of it is a hole. */
static void enlarge_file(void)
{
	int fd = openat(directory_fd, PAUSE_FILE_NAME, O_WRONLY);

	check(fd >= 0);
	check_int(ftruncate(fd, (off_t)1 << 30), 0);
	close(fd);
}

TEST(a_hostile_file_pauses_the_host)
{
	make_directory();
	write_file("rule a\n", 0664);
	check_refused("others than its owner may write it");
	write_file("rule a\n", 0646);
	check_refused("others than its owner may write it");
	write_file("rule a\nx\n", 0644);
	check_refused("line 2: ");
	check_int(symlinkat("/etc/hostname", directory_fd, PAUSE_FILE_NAME), 0);
	check_refused("it is a link");
	check_int(mkfifoat(directory_fd, PAUSE_FILE_NAME, 0644), 0);
	check_refused("it is no file");
	write_file("", 0644);
	enlarge_file();
	check_refused("it is too large");
	remove_directory();
}

/* Two that change it at the same time lose nothing of each other's. */
TEST(it_is_changed_by_one_at_a_time)
{
	enum { WRITERS = 4, EACH = 20 };
	struct pause_list list = { 0 };
	int status;

	make_directory();
	for (int w = 0; w < WRITERS; w++) {
		pid_t pid = fork();

		check(pid >= 0);
		for (int i = 0; pid == 0 && i < EACH; i++) {
			int lock = pause_file_lock(directory_fd);
			char name[32];

			snprintf(name, sizeof(name), "r%d-%d", w, i);
			if (lock < 0 || pause_file_read(directory_fd, &list) < 0 ||
			    pause_list_add(&list, PAUSE_RULE, name) != 0 ||
			    pause_file_write(directory_fd, &list) < 0)
				_exit(1);
			pause_list_done(&list);
			close(lock);
		}
		if (pid == 0)
			_exit(0);
	}
	for (int w = 0; w < WRITERS; w++) {
		check(wait(&status) > 0);
		check_int(status, 0);
	}
	check_int(pause_file_read(directory_fd, &list), 0);
	check_int(list.count, WRITERS * EACH);
	pause_list_done(&list);
	remove_directory();
}
