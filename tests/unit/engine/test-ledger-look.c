/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who looks at the record while somebody else changes it sees what was there at one instant. */

#include "scratch-directory.h"

#include "engine/ledger_look.h"
#include "util/macro.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BOOT  "11111111-2222-3333-4444-555555555555"
#define LOOKS 40

static struct scratch_directory directory;

static struct claim_owner owner_of(enum claim_kind kind, const char *name)
{
	struct claim_owner owner = { .kind = kind, .scope = SCOPE_HOST };

	snprintf(owner.name, sizeof(owner.name), "%s", name);
	return owner;
}

static void claim(struct ledger *ledger, uint64_t key, enum claim_kind kind, const char *name,
		  int64_t number)
{
	const struct setting_target on = { .id = SETTING_MEMORY_HIGH, .key = key };
	const struct claim_owner owner = owner_of(kind, name);
	const struct setting_value value = { .number = number };
	const struct ledger_base base = { .path = "system.slice/a.service",
					  .door = OWNER_SYSTEMD,
					  .value = { .number = SETTING_UNLIMITED } };
	size_t entry;

	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &entry) < 0, 0);
}

static struct ledger *open_record(void)
{
	struct ledger *ledger = NULL;
	bool was_bad;

	scratch_directory_open(&directory);
	check_int(ledger_open(directory.fd, BOOT, &ledger, &was_bad), 0);
	return ledger;
}

static const struct ledger_entry *entry_of(const struct ledger_look *look, uint64_t key)
{
	const struct setting_target on = { .id = SETTING_MEMORY_HIGH, .key = key };
	const struct ledger_entry *entry = ledger_look_find(look, &on);

	check(entry);
	return entry;
}

TEST(shows_what_is_on_record_and_changes_nothing)
{
	_cleanup_(ledger_look_done) struct ledger_look look = { 0 };
	_cleanup_(ledger_freep) struct ledger *ledger = open_record();
	const struct ledger_entry *entry;
	struct stat before, after;

	claim(ledger, 7, CLAIM_POLICY, "web", 4096);
	claim(ledger, 7, CLAIM_REMEDY, "runaway", 8192);
	claim(ledger, 8, CLAIM_POLICY, "web", 4096);
	check_int(fstatat(directory.fd, "ledger", &before, 0), 0);
	check_int(ledger_look(directory.fd, BOOT, &look), 0);
	check_int(fstatat(directory.fd, "ledger", &after, 0), 0);
	check_int(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	check_int(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
	check(!look.is_damaged);
	check_int(look.count, 2);
	entry = entry_of(&look, 7);
	check_str(entry->path, "system.slice/a.service");
	check_int(entry->state, ENTRY_INTENDED);
	check_int(entry->intended.number, 8192);
	check_int(entry->base.number == SETTING_UNLIMITED, 1);
	check_int(entry->claim_count, 2);
	check_str(entry->claims[1].owner.name, "runaway");
	check_int(entry->claims[1].owner.kind, CLAIM_REMEDY);
	check(!ledger_look_find(&look, &(struct setting_target){ .id = SETTING_SWAPPINESS }));
	scratch_directory_close(&directory);
}

TEST(without_a_record_of_this_boot_it_says_so)
{
	struct ledger_look look;

	scratch_directory_open(&directory);
	check_int(ledger_look(directory.fd, BOOT, &look), -ENOENT);
	scratch_directory_close(&directory);
	ledger_free(open_record());
	check_int(ledger_look(directory.fd, "another boot", &look), -ENOENT);
	check_int(ledger_look(directory.fd, BOOT, &look), 0);
	check_int(look.count, 0);
	ledger_look_done(&look);
	scratch_directory_close(&directory);
}

static void write_record(const char *text)
{
	int fd = openat(directory.fd, "ledger", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	check(fd >= 0);
	check_int(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST(what_is_no_record_is_refused)
{
	struct ledger_look look;

	scratch_directory_open(&directory);
	write_record("oomwarden ledger 0, which nobody knows any more");
	check_int(ledger_look(directory.fd, BOOT, &look), -EBADMSG);
	check_int(unlinkat(directory.fd, "ledger", 0), 0);
	check_int(symlinkat("/etc/passwd", directory.fd, "ledger"), 0);
	check_int(ledger_look(directory.fd, BOOT, &look), -EBADMSG);
	check_int(unlinkat(directory.fd, "ledger", 0), 0);
	/* Nobody will ever write to it. */
	check_int(mkfifoat(directory.fd, "ledger", 0600), 0);
	check_int(ledger_look(directory.fd, BOOT, &look), -EBADMSG);
	scratch_directory_close(&directory);
}

TEST(damage_is_said_and_the_rest_is_shown)
{
	_cleanup_(ledger_look_done) struct ledger_look look = { 0 };
	_cleanup_(ledger_freep) struct ledger *ledger = open_record();
	int fd;

	claim(ledger, 7, CLAIM_POLICY, "web", 4096);
	claim(ledger, 8, CLAIM_POLICY, "web", 4096);
	fd = openat(directory.fd, "ledger", O_WRONLY);
	check(fd >= 0);
	/* In the text of the first block, behind its tag. */
	check_int(pwrite(fd, "xxxx", 4, 4096 + 60), 4);
	close(fd);
	check_int(ledger_look(directory.fd, BOOT, &look), 0);
	check(look.is_damaged);
	check_int(look.count, 1);
	scratch_directory_close(&directory);
}

enum { MOVER = 7, FOLLOWER = 8, FILLER = 100, FILLERS = 3000 };

/* Fills the record but for a hole at its beginning, so that what is changed goes there and back
 * behind all the others: the longest way that there is past somebody who reads. */
static void fill_record(void)
{
	struct ledger *ledger = NULL;
	const struct setting_target first = { .id = SETTING_MEMORY_HIGH, .key = FILLER };
	bool was_bad;

	check_int(ledger_open(directory.fd, BOOT, &ledger, &was_bad), 0);
	for (unsigned i = 0; i < FILLERS; i++)
		claim(ledger, FILLER + i, CLAIM_POLICY, "a", 1);
	claim(ledger, MOVER, CLAIM_POLICY, "a", 1);
	claim(ledger, FOLLOWER, CLAIM_POLICY, "a", 1);
	ledger_forget(ledger, (size_t)ledger_find(ledger, &first));
	ledger_free(ledger);
}

/* Values of the one are always those of the other or one ahead. */
static void write_on(pid_t parent, const volatile int *stop)
{
	struct ledger *ledger = NULL;
	bool was_bad;

	/* A check that fails leaves nobody behind. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || ledger_open(directory.fd, BOOT, &ledger, &was_bad) < 0)
		_exit(1);
	for (int64_t i = 2; !*stop; i++) {
		claim(ledger, MOVER, CLAIM_POLICY, "a", i);
		claim(ledger, FOLLOWER, CLAIM_POLICY, "a", i);
		/* A moment in which nothing happens, as there is one on any host. */
		if (i % 256 == 0)
			usleep(20000);
	}
	ledger_free(ledger);
	_exit(0);
}

static void check_look(int64_t *last)
{
	_cleanup_(ledger_look_done) struct ledger_look look = { 0 };
	int64_t first, second;
	int r = ledger_look(directory.fd, BOOT, &look);

	check_int(r, 0);
	check(!look.is_damaged);
	check_int(look.count, FILLERS + 1);
	first = entry_of(&look, MOVER)->claims[0].value.number;
	second = entry_of(&look, FOLLOWER)->claims[0].value.number;
	check(first == second || first == second + 1);
	check(second >= *last);
	*last = second;
}

TEST(beside_a_writer_it_is_all_of_one_instant)
{
	int64_t last = 0, start;
	int *stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	pid_t parent = getpid(), pid;
	int status;

	check(stop != MAP_FAILED);
	scratch_directory_open(&directory);
	fill_record();
	pid = fork();
	check(pid >= 0);
	if (pid == 0)
		write_on(parent, stop);
	/* It has begun. */
	do
		check_look(&last);
	while (last < 10);
	start = last;
	for (int i = 0; i < LOOKS; i++)
		check_look(&last);
	check(last > start);
	*stop = 1;
	check_int(waitpid(pid, &status, 0), pid);
	check_int(status, 0);
	munmap(stop, sizeof(*stop));
	scratch_directory_close(&directory);
}
