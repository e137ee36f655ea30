/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "host/runtime.h"
#include "util/macro.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[64];

static const char *temporary(void)
{
	strcpy(directory, "/tmp/oomwarden-runtime-XXXXXX");
	check(mkdtemp(directory));
	return directory;
}

static void remove_all(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/lock", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/kept", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/ledger", directory);
	unlink(path);
	check_int(rmdir(directory), 0);
}

TEST(kills_outlive_the_agent)
{
	struct runtime *r = NULL;
	usec_t kills[ENGINE_KILLS_MAX] = { 11, 22 };

	check_int(runtime_open(temporary(), "boot-a", &r), 0);
	runtime_set_kills(r, kills, 2);
	r = runtime_close(r);
	memset(kills, 0, sizeof(kills));
	check_int(runtime_open(directory, "boot-a", &r), 0);
	check_int(runtime_get_kills(r, kills), 2);
	check_int(kills[1], 22);
	runtime_close(r);
	remove_all();
}

TEST(another_boot_forgets)
{
	struct runtime *r = NULL;
	usec_t kills[ENGINE_KILLS_MAX] = { 11 };

	check_int(runtime_open(temporary(), "boot-a", &r), 0);
	runtime_set_kills(r, kills, 1);
	r = runtime_close(r);
	check_int(runtime_open(directory, "boot-b", &r), 0);
	check_int(runtime_get_kills(r, kills), 0);
	runtime_close(r);
	remove_all();
}

TEST(a_second_agent_is_refused)
{
	struct runtime *first = NULL, *second = NULL;

	check_int(runtime_open(temporary(), "boot", &first), 0);
	check_int(runtime_open(directory, "boot", &second), -EBUSY);
	check(!second);
	runtime_close(first);
	check_int(runtime_open(directory, "boot", &second), 0);
	runtime_close(second);
	remove_all();
}

TEST(kills_of_the_kernel_are_there_for_who_asks)
{
	struct runtime_kernel_kill kill = { .service = 7 };
	struct runtime_kernel_kills kills;
	struct runtime *r = NULL;

	check_int(runtime_open(temporary(), "boot-a", &r), 0);
	check_int(runtime_get_kernel_kills(runtime_directory(r), "boot-a", &kills), 0);
	check_int(kills.count, 0);
	check_int(kills.told, 0);
	for (unsigned i = 1; i <= RUNTIME_KERNEL_KILLS + 1; i++) {
		kill.at = i;
		snprintf(kill.text, sizeof(kill.text), "number %u", i);
		runtime_note_kernel_kill(r, i, &kill);
	}
	r = runtime_close(r);
	/* The agent of before had seen them. */
	check_int(runtime_open(directory, "boot-a", &r), 0);
	check_int(runtime_get_kernel_kills(runtime_directory(r), "boot-a", &kills), 0);
	check_int(kills.count, 15);
	check_int(kills.told, 5);
	check_str(kills.last[0].text, "number 5");
	check_int(kills.last[0].at, 5);
	check_str(kills.last[1].text, "number 2");
	check_int(kills.last[1].service, 7);
	check_int(runtime_get_kernel_kills(runtime_directory(r), "boot-b", &kills), -EBADMSG);
	/* One without an end is given one. */
	memset(kill.text, 'x', sizeof(kill.text));
	runtime_note_kernel_kill(r, 1, &kill);
	check_int(runtime_get_kernel_kills(runtime_directory(r), "boot-a", &kills), 0);
	check_int(strlen(kills.last[1].text), RUNTIME_KERNEL_KILL_BYTES - 1);
	runtime_close(r);
	remove_all();
}

TEST(canaries_are_there_for_who_asks_and_begin_anew)
{
	const struct runtime_canary canaries[] = {
		{ .key = 5, .plight = { CANARY_REFUSED, 7 } },
		{ .key = 6, .deaths = 3, .kernel_kills = 1 },
	};
	const struct canary_failure failure = { 6, "there is no room" };
	struct runtime_canaries kept;
	struct runtime *runtime = NULL;

	check_int(runtime_open(temporary(), "boot-a", &runtime), 0);
	runtime_set_canary(runtime, 0, &canaries[0]);
	runtime_set_canary(runtime, 1, &canaries[1]);
	/* There is no room for more. */
	runtime_set_canary(runtime, CANARIES_MAX, &canaries[1]);
	runtime_end_canaries(runtime, 2, &failure);
	check_int(runtime_get_canaries(runtime_directory(runtime), &kept), 0);
	check(kept.each[0].key == 5 && kept.each[0].deaths == 0);
	check(kept.each[0].plight.wait == CANARY_REFUSED && kept.each[0].plight.detail == 7);
	check(kept.each[1].key == 6 && kept.each[1].deaths == 3 && kept.each[1].kernel_kills == 1);
	check(kept.each[2].key == 0);
	check(kept.failure.error == 6);
	check_str(kept.failure.words, "there is no room");
	runtime_end_canaries(runtime, 1, NULL);
	check_int(runtime_get_canaries(runtime_directory(runtime), &kept), 0);
	check(kept.each[0].key == 5 && kept.each[1].key == 0 && kept.failure.error == 0);
	runtime = runtime_close(runtime);
	/* They are counted since the agent started. */
	check_int(runtime_open(directory, "boot-a", &runtime), 0);
	check_int(runtime_get_canaries(runtime_directory(runtime), &kept), 0);
	check(kept.each[0].key == 0);
	runtime_close(runtime);
	remove_all();
}

TEST(damaged_state_is_forgotten)
{
	char path[96], garbage[600];
	struct runtime *r = NULL;
	usec_t kills[ENGINE_KILLS_MAX];

	snprintf(path, sizeof(path), "%s/kept", temporary());
	memset(garbage, 0xff, sizeof(garbage));
	FILE *f = fopen(path, "w");

	check(f);
	check_int(fwrite(garbage, 1, sizeof(garbage), f), sizeof(garbage));
	fclose(f);
	check_int(runtime_open(directory, "boot", &r), 0);
	check_int(runtime_get_kills(r, kills), 0);
	runtime_close(r);
	remove_all();
}

TEST(a_link_in_the_place_of_a_file_is_not_followed)
{
	char path[96], target[96];
	struct runtime *r = NULL;
	struct stat st;

	snprintf(path, sizeof(path), "%s/kept", temporary());
	snprintf(target, sizeof(target), "%s/elsewhere", directory);
	check_int(symlink(target, path), 0);
	check_int(runtime_open(directory, "boot", &r), -ELOOP);
	check_int(stat(target, &st), -1);
	remove_all();
}

TEST(a_directory_that_others_may_write_is_refused)
{
	static const mode_t bad[] = { 0775, 0757, 01777 };
	struct runtime *r = NULL;

	temporary();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		check_int(chmod(directory, bad[i]), 0);
		check_int(runtime_open(directory, "boot", &r), -EPERM);
	}
	check_int(chmod(directory, 0755), 0);
	if (geteuid() == 0) {
		check_int(chown(directory, 4711, 0), 0);
		check_int(runtime_open(directory, "boot", &r), -EPERM);
		check_int(chown(directory, 0, 0), 0);
	}
	check_int(runtime_open(directory, "boot", &r), 0);
	runtime_close(r);
	remove_all();
}

/* Nothing that is kept may be believed further than it goes. */
TEST(damage_behind_a_sound_beginning_is_survived)
{
	struct runtime_kernel_kills told;
	struct runtime *r = NULL;
	usec_t kills[ENGINE_KILLS_MAX];
	char path[96];
	int fd;

	check_int(runtime_open(temporary(), "boot", &r), 0);
	r = runtime_close(r);
	snprintf(path, sizeof(path), "%s/kept", directory);
	fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0);
	/* Behind the magic and the boot id. */
	for (off_t at = 88; at < 3000; at++)
		check_int(pwrite(fd, "\xff", 1, at), 1);
	close(fd);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_int(runtime_get_kernel_kills(fd, "boot", &told), 0);
	for (size_t i = 0; i < RUNTIME_KERNEL_KILLS; i++)
		check(strnlen(told.last[i].text, sizeof(told.last[i].text)) <
		      sizeof(told.last[i].text));
	check_int(runtime_open(directory, "boot", &r), 0);
	check_int(runtime_get_kills(r, kills), 0);
	runtime_note_kernel_kill(r, 1, &told.last[0]);
	runtime_close(r);
	close(fd);
	remove_all();
}

static void claim(struct ledger *ledger)
{
	const struct setting_target on = { .id = SETTING_SWAPPINESS };
	const struct claim_owner owner = { .kind = CLAIM_REMEDY, .name = "r" };
	const struct setting_value value = { .number = 30 };
	const struct ledger_base base = { .path = "", .value = { .number = 60 } };
	size_t entry;

	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &entry), 0);
}

TEST(the_record_outlives_the_agent_and_not_the_boot)
{
	struct runtime *r = NULL;
	struct ledger *ledger = NULL;
	bool was_bad;

	check_int(runtime_open(temporary(), "boot-a", &r), 0);
	check_int(runtime_open_ledger(r, &ledger, &was_bad), 0);
	claim(ledger);
	ledger = ledger_free(ledger);
	r = runtime_close(r);
	check_int(runtime_open(directory, "boot-a", &r), 0);
	check_int(runtime_open_ledger(r, &ledger, &was_bad), 0);
	check_int(ledger_count(ledger), 1);
	ledger = ledger_free(ledger);
	r = runtime_close(r);
	check_int(runtime_open(directory, "boot-b", &r), 0);
	check_int(runtime_open_ledger(r, &ledger, &was_bad), 0);
	check(!was_bad);
	check_int(ledger_count(ledger), 0);
	ledger_free(ledger);
	runtime_close(r);
	remove_all();
}

/* As another process sees it: a lock is none against oneself. */
static bool is_found(void)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;
	pid_t pid = fork(), found = 0;

	check(fd >= 0 && pid >= 0);
	if (pid == 0) {
		int r = runtime_find(fd, &found);

		_exit(r == 0 && found == getppid() ? 0 : r == -ESRCH ? 1 : 2);
	}
	close(fd);
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status) == 0;
}

TEST(the_agent_is_found_by_its_lock_while_it_runs)
{
	struct runtime *r = NULL;

	check_int(runtime_open(temporary(), "boot", &r), 0);
	/* Who only gives back by hand is not to be told anything. */
	check(!is_found());
	check_int(runtime_announce(r), 0);
	check(is_found());
	runtime_close(r);
	check(!is_found());
	remove_all();
}

TEST(nobody_is_found_where_no_agent_has_run)
{
	int fd = open(temporary(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct runtime_answer answer;
	pid_t pid;

	check(fd >= 0);
	check_int(runtime_find(fd, &pid), -ESRCH);
	check_int(runtime_get_answer(fd, &answer), -ENOENT);
	close(fd);
	remove_all();
}

TEST(an_answer_is_seen_from_outside_and_outlives_the_agent)
{
	struct runtime_answer first, second;
	struct runtime *r = NULL;
	int fd;

	check_int(runtime_open(temporary(), "boot", &r), 0);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	runtime_set_answer(r, false, 42);
	check_int(runtime_get_answer(fd, &first), 0);
	check_int(first.paused_sum, 42);
	check(!first.refused);
	r = runtime_close(r);
	check_int(runtime_open(directory, "boot", &r), 0);
	runtime_set_answer(r, true, 43);
	check_int(runtime_get_answer(fd, &second), 0);
	check_int(second.count, first.count + 1);
	check_int(second.paused_sum, 43);
	check(second.refused);
	runtime_close(r);
	close(fd);
	remove_all();
}

TEST(what_relief_has_moved_lately_outlives_the_agent_and_not_the_boot)
{
	struct arrived arrived[ENGINE_ARRIVALS_MAX] = { { 77, 1, 600 }, { 78, 0, 500 } };
	struct runtime *r = NULL;

	check_int(runtime_open(temporary(), "boot-a", &r), 0);
	runtime_set_arrivals(r, arrived, 2);
	r = runtime_close(r);
	memset(arrived, 0, sizeof(arrived));
	check_int(runtime_open(directory, "boot-a", &r), 0);
	check_int(runtime_get_arrivals(r, arrived), 2);
	check_int(arrived[0].service, 77);
	check_int(arrived[0].node, 1);
	check_int(arrived[1].until, 500);
	r = runtime_close(r);
	check_int(runtime_open(directory, "boot-b", &r), 0);
	check_int(runtime_get_arrivals(r, arrived), 0);
	runtime_close(r);
	remove_all();
}
