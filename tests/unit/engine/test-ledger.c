/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is in force out of many claims, and a record that is whole whenever its writer is killed. */

#include "scratch-directory.h"

#include "engine/ledger.h"
#include "util/macro.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define GIB  (INT64_C(1) << 30)
#define BOOT "11111111-2222-3333-4444-555555555555"

static struct scratch_directory directory;

static struct setting_value number(int64_t n)
{
	return (struct setting_value){ .number = n };
}

static struct setting_target high_of(uint64_t key)
{
	return (struct setting_target){ .id = SETTING_MEMORY_HIGH, .key = key };
}

static struct claim_owner rule(const char *name)
{
	struct claim_owner owner = { .kind = CLAIM_REMEDY, .scope = SCOPE_HOST };

	strcpy(owner.name, name);
	return owner;
}

static struct claim_owner policy(const char *name)
{
	struct claim_owner owner = rule(name);

	owner.kind = CLAIM_POLICY;
	return owner;
}

static struct ledger *in_memory(void)
{
	struct ledger *ledger = NULL;

	check_int(ledger_new(&ledger), 0);
	return ledger;
}

static struct ledger *reopen(struct ledger *old, bool *ret_was_bad)
{
	struct ledger *ledger = NULL;
	bool was_bad;

	ledger_free(old);
	check_int(ledger_open(directory.fd, BOOT, &ledger, ret_was_bad ? ret_was_bad : &was_bad),
		  0);
	return ledger;
}

static int claim_at(struct ledger *ledger, uint64_t key, struct claim_owner owner, int64_t n,
		    int64_t base, size_t *ret)
{
	const struct setting_target on = high_of(key);
	const struct setting_value value = number(n);
	const struct ledger_base from = { .path = "system.slice/a.service",
					  .door = OWNER_SYSTEMD,
					  .value = number(base) };

	return ledger_claim(ledger, &on, &owner, &value, &from, ret);
}

static int claim(struct ledger *ledger, struct claim_owner owner, int64_t n)
{
	size_t entry;

	return claim_at(ledger, 42, owner, n, SETTING_UNLIMITED, &entry);
}

static int release(struct ledger *ledger, struct claim_owner owner)
{
	const struct setting_target on = high_of(42);
	ssize_t entry = ledger_find(ledger, &on);

	check(entry >= 0);
	return ledger_release(ledger, (size_t)entry, &owner);
}

static const struct ledger_entry *only(struct ledger *ledger)
{
	ssize_t i = ledger_next(ledger, 0);

	check(i >= 0);
	check_int(ledger_next(ledger, (size_t)i + 1), -1);
	return ledger_get(ledger, (size_t)i);
}

/* The host does as it is told. */
static int64_t apply(struct ledger *ledger)
{
	struct setting_value value = only(ledger)->intended;

	ledger_confirm(ledger, 0, &value, &value);
	return value.number;
}

TEST(an_entry_is_written_read_back_and_given_back)
{
	_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
	const struct ledger_entry *entry;

	check_int(ledger_next(ledger, 0), -1);
	check_int(claim(ledger, rule("a"), 4 * GIB), 0);
	entry = only(ledger);
	check_int(entry->state, ENTRY_INTENDED);
	check_int(entry->intended.number, 4 * GIB);
	check_int(entry->base.number, SETTING_UNLIMITED);
	check_str(entry->path, "system.slice/a.service");
	check_int(entry->door, OWNER_SYSTEMD);
	check_str(entry->claims[0].owner.name, "a");

	check_int(apply(ledger), 4 * GIB);
	check_int(only(ledger)->state, ENTRY_SET);
	/* Once more the same: nothing to be done. */
	check_int(claim(ledger, rule("a"), 4 * GIB), 1);

	check_int(release(ledger, rule("b")), -ENOENT);
	check_int(release(ledger, rule("a")), 0);
	entry = only(ledger);
	check_int(entry->state, ENTRY_RETURNING);
	check_int(entry->intended.number, SETTING_UNLIMITED);
	check_int(entry->claim_count, 0);
	ledger_forget(ledger, 0);
	check_int(ledger_next(ledger, 0), -1);
	check_int(ledger_count(ledger), 0);
	ledger_forget(ledger, 0);
	check_int(ledger_count(ledger), 0);
}

/* Every order in which two rules and a policy may come and go. */
TEST(stacked_claims_leave_no_residue)
{
	static const struct {
		const char *name;
		enum claim_kind kind;
		int64_t value;
	} owners[] = { { "slow", CLAIM_REMEDY, 2 * GIB },
		       { "slower", CLAIM_REMEDY, 1 * GIB },
		       { "policy", CLAIM_POLICY, GIB / 2 } };
	static const unsigned orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (size_t come = 0; come < 6; come++) {
		for (size_t go = 0; go < 6; go++) {
			_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
			bool has[3] = { 0 };

			for (size_t i = 0; i < 6; i++) {
				unsigned who = i < 3 ? orders[come][i] : orders[go][i - 3];
				struct claim_owner owner = owners[who].kind == CLAIM_POLICY
								   ? policy(owners[who].name)
								   : rule(owners[who].name);
				int64_t want = SETTING_UNLIMITED;

				has[who] = i < 3;
				if (i < 3)
					check(claim(ledger, owner, owners[who].value) >= 0);
				else
					check(release(ledger, owner) >= 0);
				/* A remedy is in force before a policy, however strict that is. */
				if (has[2])
					want = owners[2].value;
				if (has[0])
					want = owners[0].value;
				if (has[1])
					want = owners[1].value;
				check_int(apply(ledger), want);
			}
			check_int(only(ledger)->state, ENTRY_RETURNING);
			check_int(only(ledger)->base.number, SETTING_UNLIMITED);
		}
	}
}

/* A rule that has candidates go sooner does not have them go later than their policy says. */
TEST(a_score_of_a_policy_that_goes_further_stays)
{
	static const struct {
		int64_t policy, rule, in_force;
	} cases[] = { { 500, 300, 500 },    { 200, 300, 300 },	  { -200, 300, 300 },
		      { -500, -300, -500 }, { -200, -300, -300 }, { 200, -300, -300 },
		      { 500, 0, 0 },	    { 1000, 1000, 1000 } };
	const struct setting_target on = { .id = SETTING_OOM_SCORE_ADJ, .key = 7 };
	const struct ledger_base base = { .path = "a", .value = number(SETTING_UNLIMITED) };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
		const struct claim_owner web = policy("web"), crowd = rule("crowd");
		const struct setting_value held = number(cases[i].policy);
		const struct setting_value asked = number(cases[i].rule);
		size_t at;

		check_int(ledger_claim(ledger, &on, &web, &held, &base, &at), 0);
		check(ledger_claim(ledger, &on, &crowd, &asked, &base, &at) >= 0);
		check_int(ledger_get(ledger, at)->intended.number, cases[i].in_force);
		check(ledger_release(ledger, at, &crowd) >= 0);
		check_int(ledger_get(ledger, at)->intended.number, cases[i].policy);
	}
}

TEST(a_weaker_claim_changes_nothing_until_the_stronger_goes)
{
	_cleanup_(ledger_freep) struct ledger *ledger = in_memory();

	check_int(claim(ledger, rule("strict"), GIB), 0);
	apply(ledger);
	check_int(claim(ledger, rule("mild"), 2 * GIB), 1);
	check_int(only(ledger)->claim_count, 2);
	check_int(release(ledger, rule("mild")), 1);
	check_int(claim(ledger, rule("mild"), 2 * GIB), 1);
	check_int(release(ledger, rule("strict")), 0);
	check_int(only(ledger)->state, ENTRY_INTENDED);
	check_int(apply(ledger), 2 * GIB);
}

TEST(same_rule_about_another_subject_is_another_claim)
{
	_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
	struct claim_owner a = rule("r"), b = rule("r");

	a.scope = b.scope = SCOPE_NODE;
	a.subject_key = 0;
	b.subject_key = 1;
	check_int(claim(ledger, a, 2 * GIB), 0);
	check_int(claim(ledger, b, GIB), 0);
	check_int(only(ledger)->claim_count, 2);
	check_int(apply(ledger), GIB);
	check_int(release(ledger, b), 0);
	check_int(apply(ledger), 2 * GIB);
	check_int(ledger_next_of(ledger, &a, 0), 0);
	check_int(ledger_next_of(ledger, &b, 0), -1);
}

TEST(what_was_asked_for_late_is_not_confirmed_by_what_came_early)
{
	_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
	struct setting_value first = number(2 * GIB), second = number(GIB);

	check_int(claim(ledger, rule("a"), 2 * GIB), 0);
	check_int(claim(ledger, rule("b"), GIB), 0);
	ledger_confirm(ledger, 0, &first, &first);
	check_int(only(ledger)->state, ENTRY_INTENDED);
	check_int(only(ledger)->found.number, 2 * GIB);
	ledger_confirm(ledger, 0, &second, &second);
	check_int(only(ledger)->state, ENTRY_SET);
	/* After the last claim is gone, neither. */
	check_int(release(ledger, rule("a")), 1);
	check_int(release(ledger, rule("b")), 0);
	ledger_confirm(ledger, 0, &second, &second);
	check_int(only(ledger)->state, ENTRY_RETURNING);
}

TEST(a_foreign_value_is_told_from_ours)
{
	_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
	struct setting_value asked = number(4 * GIB + 5), found = number(4 * GIB), now;

	check_int(claim(ledger, rule("a"), asked.number), 0);
	/* While it is under way, anything between is half of it. */
	now = number(20 * GIB);
	check(ledger_is_ours(only(ledger), &now));
	now = number(GIB);
	check(!ledger_is_ours(only(ledger), &now));

	ledger_confirm(ledger, 0, &asked, &found);
	check_int(only(ledger)->state, ENTRY_SET);
	now = number(20 * GIB);
	check(!ledger_is_ours(only(ledger), &now));
	now = number(SETTING_UNLIMITED);
	check(ledger_is_ours(only(ledger), &now));
	check(ledger_is_ours(only(ledger), &found));

	/* Given back and killed before it was written: what is there is still ours. */
	check_int(release(ledger, rule("a")), 0);
	check(ledger_is_ours(only(ledger), &found));
	check_int(claim(ledger, rule("b"), GIB), 0);
	check(ledger_is_ours(only(ledger), &found));
	now = number(GIB);
	check(ledger_is_ours(only(ledger), &now));
}

TEST(rounding_to_pages_is_no_other_value)
{
	struct setting_value asked = number(100 * 4096 + 17), found = number(100 * 4096);

	check(ledger_holds(SETTING_MEMORY_MAX, &asked, &found));
	check(!ledger_holds(SETTING_MEMORY_MAX, &found, &asked));
	found = number(SETTING_UNLIMITED);
	check(!ledger_holds(SETTING_MEMORY_MAX, &asked, &found));
	check(!ledger_holds(SETTING_SWAPPINESS, &(struct setting_value){ .number = 60 },
			    &(struct setting_value){ .number = 59 }));
}

TEST(nodes_are_kept_whole)
{
	const struct setting_target on = { .id = SETTING_ALLOWED_NODES, .key = 7 };
	struct claim_owner owner = policy("p");
	struct ledger *ledger;
	struct setting_value value = { 0 };
	struct ledger_base base = { .path = "a.slice", .door = OWNER_NOBODY };
	size_t entry;

	scratch_directory_open(&directory);
	ledger = reopen(NULL, NULL);
	idset_add(&value.nodes, 0);
	idset_add(&value.nodes, 1023);
	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &entry), 0);
	ledger = reopen(ledger, NULL);
	check(idset_equal(&only(ledger)->intended.nodes, &value.nodes));
	check(idset_is_empty(&only(ledger)->base.nodes));
	check_int(only(ledger)->door, OWNER_NOBODY);
	ledger_free(ledger);
	scratch_directory_close(&directory);
}

TEST(too_many_claims_or_too_long_a_path_are_refused)
{
	_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
	const struct setting_target other = high_of(43);
	struct claim_owner owner = rule("a");
	char path[LEDGER_PATH_BYTES + 1], name[8];
	struct setting_value value = number(GIB);
	struct ledger_base base = { .path = path };
	size_t entry;

	for (int i = 0; i < LEDGER_CLAIMS_MAX; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		check_int(claim(ledger, rule(name), GIB + i * 4096), i > 0 ? 1 : 0);
		if (i == 0)
			apply(ledger);
	}
	check_int(claim(ledger, rule("more"), GIB / 2), -ENOSPC);
	check_int(only(ledger)->claim_count, LEDGER_CLAIMS_MAX);
	check_int(only(ledger)->state, ENTRY_SET);
	check_int(claim(ledger, rule("r3"), GIB * 2), 1);

	memset(path, 'x', LEDGER_PATH_BYTES);
	path[LEDGER_PATH_BYTES] = '\0';
	check_int(ledger_claim(ledger, &other, &owner, &value, &base, &entry), -ENAMETOOLONG);
	check_int(ledger_count(ledger), 1);
}

/* The longest there can be, so that blocks run out before entries do. */
static int claim_long(struct ledger *ledger, uint64_t key, const char *rule_name)
{
	const struct setting_target on = { .id = SETTING_ALLOWED_NODES, .key = key };
	char path[LEDGER_PATH_BYTES];
	struct claim_owner owner = rule(rule_name);
	struct setting_value value = { 0 };
	struct ledger_base base = { .path = path };
	size_t entry;

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	memset(owner.name + strlen(owner.name), 'o', sizeof(owner.name) - strlen(owner.name) - 1);
	idset_add(&value.nodes, 3);
	return ledger_claim(ledger, &on, &owner, &value, &base, &entry);
}

static struct claim_owner long_owner(const char *rule_name)
{
	struct claim_owner owner = rule(rule_name);

	memset(owner.name + strlen(owner.name), 'o', sizeof(owner.name) - strlen(owner.name) - 1);
	return owner;
}

/* Returns how many there are. */
static uint64_t fill(struct ledger *ledger)
{
	uint64_t keys = 0;

	for (;; keys++) {
		for (char name[2] = "a"; name[0] < 'a' + LEDGER_CLAIMS_MAX; name[0]++) {
			int r = claim_long(ledger, keys, name);

			if (r == -ENOSPC)
				return keys + (name[0] > 'a');
			check(r >= 0);
		}
	}
}

TEST(a_full_record_takes_no_more_and_gives_all_back)
{
	struct claim_owner owner;
	struct ledger *ledger;
	uint64_t count;
	bool was_bad;

	scratch_directory_open(&directory);
	ledger = reopen(NULL, NULL);
	count = fill(ledger);
	check(count > 500 && count < LEDGER_ENTRIES_MAX);
	check_int(ledger_count(ledger), count);
	ledger = reopen(ledger, &was_bad);
	check(!was_bad);
	check_int(ledger_count(ledger), count);

	/* Each release writes an entry anew, and there is no room but the reserve. */
	owner = long_owner("a");
	for (ssize_t i = ledger_next(ledger, 0); i >= 0; i = ledger_next(ledger, (size_t)i + 1))
		check(ledger_release(ledger, (size_t)i, &owner) >= 0);
	check_int(ledger_next_of(ledger, &owner, 0), -1);
	ledger = reopen(ledger, &was_bad);
	check(!was_bad);
	check_int(ledger_count(ledger), count);
	check_int(ledger_next_of(ledger, &owner, 0), -1);
	while (ledger_next(ledger, 0) >= 0)
		ledger_forget(ledger, (size_t)ledger_next(ledger, 0));
	ledger = reopen(ledger, NULL);
	check_int(ledger_count(ledger), 0);
	check_int(fill(ledger), count);
	ledger_free(ledger);
	scratch_directory_close(&directory);
}

TEST(small_entries_run_out_of_places_first)
{
	_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
	size_t entry;

	for (uint64_t i = 0; i < LEDGER_ENTRIES_MAX; i++)
		check_int(claim_at(ledger, i, rule("r"), GIB, SETTING_UNLIMITED, &entry), 0);
	check_int(claim_at(ledger, 99999, rule("r"), GIB, SETTING_UNLIMITED, &entry), -ENOSPC);
	ledger_forget(ledger, 17);
	check_int(claim_at(ledger, 99999, rule("r"), GIB, SETTING_UNLIMITED, &entry), 0);
	check_int(entry, 17);
}

/* Opening. */

TEST(it_outlives_the_agent_but_not_the_boot)
{
	struct ledger *ledger;
	bool was_bad = true;

	scratch_directory_open(&directory);
	ledger = reopen(NULL, NULL);
	check_int(claim(ledger, rule("a"), GIB), 0);
	check_int(claim(ledger, policy("b"), 2 * GIB), 0);
	apply(ledger);
	ledger = reopen(ledger, &was_bad);
	check(!was_bad);
	check_int(only(ledger)->state, ENTRY_SET);
	check_int(only(ledger)->claim_count, 2);
	check_int(only(ledger)->base.number, SETTING_UNLIMITED);
	check_int(ledger_next_of(ledger,
				 &(struct claim_owner){
					 .kind = CLAIM_POLICY, .scope = SCOPE_HOST, .name = "b" },
				 0),
		  0);

	ledger = ledger_free(ledger);
	check_int(ledger_open(directory.fd, "another boot", &ledger, &was_bad), 0);
	check(!was_bad);
	check_int(ledger_count(ledger), 0);
	ledger_free(ledger);
	scratch_directory_close(&directory);
}

static int open_record(void)
{
	int fd = openat(directory.fd, "ledger", O_RDWR | O_CLOEXEC);

	check(fd >= 0);
	return fd;
}

TEST(another_version_is_set_aside)
{
	struct ledger *ledger;
	struct stat st;
	bool was_bad;
	int fd;

	scratch_directory_open(&directory);
	ledger = reopen(NULL, NULL);
	check_int(claim(ledger, rule("a"), GIB), 0);
	ledger = ledger_free(ledger);
	fd = open_record();
	check_int(pwrite(fd, "oomwarden ledger 9", 18, 0), 18);
	close(fd);
	ledger = reopen(NULL, &was_bad);
	check(was_bad);
	check_int(ledger_count(ledger), 0);
	check_int(fstatat(directory.fd, "ledger.bad", &st, 0), 0);
	check(st.st_size > 0);
	ledger = reopen(ledger, &was_bad);
	check(!was_bad);
	ledger_free(ledger);
	scratch_directory_close(&directory);
}

TEST(a_damaged_entry_does_not_take_the_others_along)
{
	static const size_t offsets[] = { 8, 16, 40, 100, 115, 130, 140 };
	size_t damaged = 0;

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct ledger *ledger;
		size_t entry;
		bool was_bad;
		uint8_t byte;
		int fd;

		scratch_directory_open(&directory);
		ledger = reopen(NULL, NULL);
		check_int(claim_at(ledger, 1, rule("a"), GIB, 2 * GIB, &entry), 0);
		check_int(claim_at(ledger, 2, rule("b"), GIB, 3 * GIB, &entry), 0);
		ledger = ledger_free(ledger);
		/* In the first entry: behind the head's page, and its tag. */
		fd = open_record();
		check_int(pread(fd, &byte, 1, 4096 + (off_t)offsets[i]), 1);
		byte ^= 0x40;
		check_int(pwrite(fd, &byte, 1, 4096 + (off_t)offsets[i]), 1);
		close(fd);
		ledger = reopen(NULL, &was_bad);
		damaged += was_bad;
		check_int(ledger_count(ledger), was_bad ? 1 : 2);
		check(ledger_find(ledger, &(struct setting_target){ .id = SETTING_MEMORY_HIGH,
								    .key = 2 }) >= 0);
		ledger = reopen(ledger, &was_bad);
		check(!was_bad);
		ledger_free(ledger);
		scratch_directory_close(&directory);
	}
	check_int(damaged, ARRAY_SIZE(offsets));
}

/* A record that is of no use is none: what is written behind it is found. */
static void check_begins_anew(struct ledger *old)
{
	bool was_bad;
	struct ledger *ledger = reopen(old, &was_bad);

	check(was_bad);
	check_int(ledger_count(ledger), 0);
	check_int(claim(ledger, rule("a"), GIB), 0);
	ledger = reopen(ledger, &was_bad);
	check(!was_bad);
	check_int(ledger_count(ledger), 1);
	ledger_free(ledger);
}

TEST(garbage_and_short_files_are_survived)
{
	static const off_t lengths[] = { 1, 100, 4096, 5000, 1 << 20, 3 << 20 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		char garbage[4096];
		int fd;

		scratch_directory_open(&directory);
		fd = openat(directory.fd, "ledger", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		check(fd >= 0);
		memset(garbage, 0xa5, sizeof(garbage));
		for (off_t at = 0; at < lengths[i]; at += (off_t)sizeof(garbage))
			check(pwrite(fd, garbage, sizeof(garbage), at) > 0);
		check_int(ftruncate(fd, lengths[i]), 0);
		close(fd);
		check_begins_anew(NULL);
		scratch_directory_close(&directory);
	}
}

/* A valid head over blocks of noise: each entry is refused, and none of it is followed. */
TEST(noise_behind_a_valid_head_is_refused)
{
	struct ledger *ledger;
	unsigned seed = 1;
	uint8_t noise[512];
	int fd;

	scratch_directory_open(&directory);
	ledger = ledger_free(reopen(NULL, NULL));
	fd = open_record();
	for (off_t at = 4096; at < 2 << 20; at += (off_t)sizeof(noise)) {
		for (size_t i = 0; i < sizeof(noise); i++) {
			seed = seed * 1103515245 + 12345;
			noise[i] = (uint8_t)(seed >> 16);
		}
		/* Lengths that could be: the checks behind that one are to be reached as well. */
		noise[16] = (uint8_t)(seed >> 8);
		noise[17] = (uint8_t)(seed >> 24) & 7;
		noise[18] = noise[19] = 0;
		check_int(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
	}
	close(fd);
	check_begins_anew(ledger);
	scratch_directory_close(&directory);
}

TEST(a_link_in_its_place_is_not_followed)
{
	struct ledger *ledger = NULL;
	bool was_bad;

	scratch_directory_open(&directory);
	check_int(symlinkat("elsewhere", directory.fd, "ledger"), 0);
	check_int(ledger_open(directory.fd, BOOT, &ledger, &was_bad), -ELOOP);
	check_int(faccessat(directory.fd, "elsewhere", F_OK, 0), -1);
	scratch_directory_close(&directory);
}

/* Processes. */

struct seen {
	size_t count;
	int64_t bases;
	int64_t sets;
	pid_t forget;
};

static int see(void *context, const struct ledger_process *process)
{
	struct seen *seen = context;

	seen->count++;
	seen->bases += process->base;
	seen->sets += process->set;
	return process->pid == seen->forget;
}

static struct seen look(struct ledger *ledger, size_t entry, pid_t forget)
{
	struct seen seen = { .forget = forget };

	ledger_each_process(ledger, entry, see, &seen);
	return seen;
}

static int add(struct ledger *ledger, size_t entry, pid_t pid, uint64_t start, int base, int set)
{
	const struct ledger_process process = {
		.pid = pid, .start_ticks = start, .base = (int16_t)base, .set = (int16_t)set
	};

	return ledger_add_process(ledger, entry, &process);
}

TEST(processes_keep_their_first_base)
{
	struct ledger *ledger;
	struct seen seen;
	size_t a, b;

	scratch_directory_open(&directory);
	ledger = reopen(NULL, NULL);
	check_int(claim_at(ledger, 1, rule("a"), 500, 0, &a), 0);
	check_int(claim_at(ledger, 2, rule("a"), 500, 0, &b), 0);
	check_int(add(ledger, a, 100, 7, -5, 500), 0);
	check_int(add(ledger, a, 100, 7, 500, 600), -EEXIST);
	ledger_set_process(ledger, a, 100, 7, 600);
	/* The same pid of another process, and one whose place is the same. */
	check_int(add(ledger, a, 100, 8, 1, 500), 0);
	check_int(add(ledger, a, 100 + LEDGER_PROCESSES_MAX, 7, 10, 500), 0);
	check_int(add(ledger, b, 101, 7, 100, 500), 0);
	check_int(add(ledger, 77, 102, 7, 100, 500), -EINVAL);
	ledger = reopen(ledger, NULL);
	seen = look(ledger, a, 0);
	check_int(seen.count, 3);
	check_int(seen.bases, 6);
	check_int(seen.sets, 1600);

	/* It went to another service, and its base with it. */
	check_int(add(ledger, b, 100, 7, 600, 600), -EEXIST);
	check_int(look(ledger, a, 0).count, 2);
	check_int(look(ledger, b, 0).bases, 95);

	check_int(look(ledger, a, 100 + LEDGER_PROCESSES_MAX).count, 2);
	check_int(look(ledger, a, 0).count, 1);
	ledger_forget(ledger, a);
	ledger = reopen(ledger, NULL);
	check_int(look(ledger, a, 0).count, 0);
	check_int(look(ledger, b, 0).count, 2);
	ledger_free(ledger);
	scratch_directory_close(&directory);
}

TEST(the_table_of_processes_fills_up_and_empties)
{
	_cleanup_(ledger_freep) struct ledger *ledger = in_memory();
	size_t a;

	check_int(claim_at(ledger, 1, rule("a"), 500, 0, &a), 0);
	/* All of them want the same few places. */
	for (int i = 0; i < 600; i++)
		check_int(add(ledger, a, 1 + (i % 3) + i / 3 * LEDGER_PROCESSES_MAX, 5, 1, 2), 0);
	check_int(look(ledger, a, 0).count, 600);
	for (int i = 0; i < 600; i += 2)
		look(ledger, a, 1 + (i % 3) + i / 3 * LEDGER_PROCESSES_MAX);
	check_int(look(ledger, a, 0).count, 300);
	for (int i = 0; i < 600; i++)
		check_int(add(ledger, a, 1 + (i % 3) + i / 3 * LEDGER_PROCESSES_MAX, 5, 1, 2),
			  i % 2 ? -EEXIST : 0);
	for (int i = 600; i < LEDGER_PROCESSES_MAX; i++)
		check_int(add(ledger, a, 50000000 + i, 5, 1, 2), 0);
	check_int(add(ledger, a, 99999, 5, 1, 2), -ENOSPC);
	look(ledger, a, 50000000 + 700);
	check_int(add(ledger, a, 99999, 5, 1, 2), 0);
	ledger_forget(ledger, a);
	check_int(claim_at(ledger, 1, rule("a"), 500, 0, &a), 0);
	check_int(look(ledger, a, 0).count, 0);
	check_int(add(ledger, a, 99999, 5, 1, 2), 0);
}

/*
 * Killed between any two instructions. A child makes one change while it is traced, and after each
 * instruction that changed the file a copy of the file is opened: what SIGKILL would have left.
 */

struct change {
	const char *name;
	void (*before)(struct ledger *ledger);
	void (*change)(struct ledger *ledger);
	/* Is it as before (0), as after (1), or neither (-1)? */
	int (*judge)(struct ledger *ledger);
};

static void two_claims(struct ledger *ledger)
{
	size_t entry;

	check_int(claim(ledger, rule("a"), 2 * GIB), 0);
	apply(ledger);
	check_int(claim_at(ledger, 50, rule("other"), GIB, 9 * GIB, &entry), 0);
}

static bool is_entry(struct ledger *ledger, int64_t intended, enum entry_state state, size_t claims)
{
	const struct setting_target on = high_of(42), other = high_of(50);
	ssize_t i = ledger_find(ledger, &on), o = ledger_find(ledger, &other);
	const struct ledger_entry *entry;

	/* What it is not about is whole at any time. */
	if (i < 0 || o < 0 || ledger_get(ledger, (size_t)o)->base.number != 9 * GIB)
		return false;
	entry = ledger_get(ledger, (size_t)i);
	return entry->intended.number == intended && entry->state == state &&
	       entry->claim_count == claims && entry->base.number == SETTING_UNLIMITED &&
	       strcmp(entry->path, "system.slice/a.service") == 0;
}

static void make_new(struct ledger *ledger)
{
	size_t entry;

	(void)claim_at(ledger, 77, rule("b"), GIB, 5 * GIB, &entry);
}

static int judge_new(struct ledger *ledger)
{
	const struct setting_target on = high_of(77);
	ssize_t i = ledger_find(ledger, &on);

	if (!is_entry(ledger, 2 * GIB, ENTRY_SET, 1))
		return -1;
	if (i < 0)
		return 0;
	return ledger_get(ledger, (size_t)i)->intended.number == GIB &&
			       ledger_get(ledger, (size_t)i)->base.number == 5 * GIB &&
			       ledger_get(ledger, (size_t)i)->claim_count == 1
		       ? 1
		       : -1;
}

static void make_stricter(struct ledger *ledger)
{
	(void)claim(ledger, rule("b"), GIB);
}

static int judge_stricter(struct ledger *ledger)
{
	if (is_entry(ledger, 2 * GIB, ENTRY_SET, 1))
		return 0;
	return is_entry(ledger, GIB, ENTRY_INTENDED, 2) ? 1 : -1;
}

static void before_confirm(struct ledger *ledger)
{
	two_claims(ledger);
	make_stricter(ledger);
}

static void make_confirm(struct ledger *ledger)
{
	const struct setting_value value = number(GIB);

	ledger_confirm(ledger, 0, &value, &value);
}

static int judge_confirm(struct ledger *ledger)
{
	if (is_entry(ledger, GIB, ENTRY_INTENDED, 2))
		return 0;
	return is_entry(ledger, GIB, ENTRY_SET, 2) ? 1 : -1;
}

static void make_release(struct ledger *ledger)
{
	const struct claim_owner owner = rule("a");

	(void)ledger_release(ledger, 0, &owner);
}

static int judge_release(struct ledger *ledger)
{
	if (is_entry(ledger, 2 * GIB, ENTRY_SET, 1))
		return 0;
	return is_entry(ledger, SETTING_UNLIMITED, ENTRY_RETURNING, 0) ? 1 : -1;
}

static void make_forget(struct ledger *ledger)
{
	ledger_forget(ledger, 1);
}

static int judge_forget(struct ledger *ledger)
{
	const struct setting_target other = high_of(50);
	ssize_t i = ledger_find(ledger, &other);

	if (i >= 0)
		return ledger_get(ledger, (size_t)i)->base.number == 9 * GIB ? 0 : -1;
	return ledger_count(ledger) == 1 ? 1 : -1;
}

static void make_process(struct ledger *ledger)
{
	(void)add(ledger, 0, 100, 7, -5, 500);
}

static int judge_process(struct ledger *ledger)
{
	struct seen seen = look(ledger, 0, 0);

	if (seen.count == 0)
		return 0;
	return seen.count == 1 && seen.bases == -5 && seen.sets == 500 ? 1 : -1;
}

static void before_move(struct ledger *ledger)
{
	two_claims(ledger);
	make_process(ledger);
	check_int(add(ledger, 0, 101, 7, 3, 500), 0);
}

static void make_gone(struct ledger *ledger)
{
	look(ledger, 0, 100);
}

static int judge_gone(struct ledger *ledger)
{
	struct seen seen = look(ledger, 0, 0);

	if (seen.count == 2)
		return seen.bases == -2 ? 0 : -1;
	return seen.count == 1 && seen.bases == 3 ? 1 : -1;
}

static void make_move(struct ledger *ledger)
{
	(void)add(ledger, 1, 100, 7, 500, 500);
}

static int judge_move(struct ledger *ledger)
{
	if (look(ledger, 0, 0).count == 2)
		return look(ledger, 1, 0).count == 0 ? 0 : -1;
	return look(ledger, 0, 0).bases == 3 && look(ledger, 1, 0).bases == -5 ? 1 : -1;
}

static uint64_t full_count;

/* A small one, large ones, and no block left between them: only the reserve is. */
static void before_full(struct ledger *ledger)
{
	size_t entry;

	check_int(claim_long(ledger, 1000000, "a"), 0);
	check_int(claim_long(ledger, 1000000, "b"), 0);
	(void)fill(ledger);
	for (uint64_t key = 2000000;
	     claim_at(ledger, key, rule("s"), GIB, SETTING_UNLIMITED, &entry) >= 0;)
		key++;
	full_count = ledger_count(ledger);
}

static void make_room(struct ledger *ledger)
{
	const struct claim_owner owner = long_owner("a");

	(void)ledger_release(ledger, 0, &owner);
}

static int judge_room(struct ledger *ledger)
{
	const struct ledger_entry *entry = ledger_get(ledger, 0);
	const struct claim_owner owner = long_owner("b");
	size_t count;

	if (ledger_count(ledger) != full_count || !idset_has(&entry->intended.nodes, 3))
		return -1;
	count = entry->claim_count;
	/* What is next to be given back has room as well. */
	if (ledger_release(ledger, 1, &owner) < 0 ||
	    ledger_get(ledger, 1)->claim_count != LEDGER_CLAIMS_MAX - 1 ||
	    ledger_get(ledger, 0)->claim_count != count)
		return -1;
	if (count == 2)
		return 0;
	return count == 1 ? 1 : -1;
}

static const struct change changes[] = {
	{ "a new entry", two_claims, make_new, judge_new },
	{ "a stricter claim", two_claims, make_stricter, judge_stricter },
	{ "confirming", before_confirm, make_confirm, judge_confirm },
	{ "a release", two_claims, make_release, judge_release },
	{ "forgetting", two_claims, make_forget, judge_forget },
	{ "a new process", two_claims, make_process, judge_process },
	{ "a process that moved", before_move, make_move, judge_move },
	{ "a process that ended", before_move, make_gone, judge_gone },
	{ "a release in a full record", before_full, make_room, judge_room },
};

static pid_t start_traced(const struct change *change)
{
	pid_t pid = fork();
	struct ledger *ledger = NULL;
	bool was_bad;

	if (pid != 0)
		return pid;
	if (ledger_open(directory.fd, BOOT, &ledger, &was_bad) < 0 ||
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(77);
	raise(SIGSTOP);
	change->change(ledger);
	raise(SIGSTOP);
	_exit(0);
}

/* One more instruction of it. False: it has reached the end. */
static bool step(pid_t pid)
{
	int status;

	check_int(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFSTOPPED(status));
	return WSTOPSIG(status) != SIGSTOP;
}

struct watched {
	uint8_t *now;
	size_t size;
	/* What a kill at this instant would leave, as a record of its own. */
	struct scratch_directory left;
	uint8_t *copy;
};

/* The parts of the file that such a change can be in: the head and the first blocks; the reserve
 * and the first processes, which come one after the other. */
static const struct {
	size_t from, length;
} parts[] = { { 0, 24 << 10 }, { 4096 + 16350 * 128, 8 << 10 } };

static bool has_changed(const struct watched *w, uint8_t *seen)
{
	bool changed = false;

	for (size_t i = 0; i < ARRAY_SIZE(parts); seen += parts[i++].length) {
		if (memcmp(w->now + parts[i].from, seen, parts[i].length) == 0)
			continue;
		memcpy(seen, w->now + parts[i].from, parts[i].length);
		changed = true;
	}
	return changed;
}

static uint8_t *map(int directory_fd, size_t size)
{
	int fd = openat(directory_fd, "ledger", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint8_t *at;

	check(fd >= 0);
	check_int(ftruncate(fd, (off_t)size), 0);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(at != MAP_FAILED);
	close(fd);
	return at;
}

static void watch(struct watched *w)
{
	struct stat st;

	check_int(fstatat(directory.fd, "ledger", &st, 0), 0);
	w->size = (size_t)st.st_size;
	w->now = map(directory.fd, w->size);
	scratch_directory_open(&w->left);
	w->copy = map(w->left.fd, w->size);
	memcpy(w->copy, w->now, w->size);
}

static void unwatch(struct watched *w)
{
	munmap(w->now, w->size);
	munmap(w->copy, w->size);
	scratch_directory_close(&w->left);
}

static int judge_now(const struct watched *w, const struct change *change)
{
	struct ledger *ledger = NULL;
	bool was_bad;
	int verdict;

	/* Opening it may have tidied it up. */
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		memcpy(w->copy + parts[i].from, w->now + parts[i].from, parts[i].length);
	check_int(ledger_open(w->left.fd, BOOT, &ledger, &was_bad), 0);
	verdict = was_bad ? -1 : change->judge(ledger);
	ledger_free(ledger);
	return verdict;
}

static void kill_everywhere(const struct change *change)
{
	static uint8_t seen[32 << 10];
	struct watched w = { 0 };
	int status, verdict = 0;
	size_t changed = 0;
	pid_t pid;

	pid = start_traced(change);
	check(pid > 0);
	check_int(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status))
		test_skip("no process may be traced here");
	watch(&w);
	has_changed(&w, seen);
	check_int(judge_now(&w, change), 0);
	while (step(pid)) {
		int before = verdict;

		if (!has_changed(&w, seen))
			continue;
		changed++;
		verdict = judge_now(&w, change);
		if (verdict < before)
			printf("# %s: %d after %d at its change %zu\n", change->name, verdict,
			       before, changed);
		check(verdict >= before);
	}
	kill(pid, SIGKILL);
	check_int(waitpid(pid, &status, 0), pid);
	check_int(verdict, 1);
	unwatch(&w);
}

TEST(killed_at_any_instant_it_is_old_or_new)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct ledger *ledger;

		scratch_directory_open(&directory);
		ledger = reopen(NULL, NULL);
		changes[i].before(ledger);
		ledger_free(ledger);
		kill_everywhere(&changes[i]);
		scratch_directory_close(&directory);
	}
}
