/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an agent that is gone has left: who gives it back, and what is said of it. */

#include "act/fake-machine.h"
#include "scratch.h"

#include "host/recovery.h"
#include "host/state.h"
#include "sys/clock.h"
#include "util/macro.h"

#include <signal.h>
#include <sys/resource.h>

#define BOOT "11111111-2222-3333-4444-555555555555"

static struct machine machine;
static char directory[64];
static char said[1024];
static unsigned faults;

static void say(void *context, bool is_fault, const char *line)
{
	size_t length = strlen(said);

	check(context == &machine);
	snprintf(said + length, sizeof(said) - length, "%s\n", line);
	faults += is_fault;
}

static const struct recovery patient = { .patience_usec = 20 * USEC_PER_SEC,
					 .say = say,
					 .context = &machine };

static void begin(void)
{
	said[0] = '\0';
	faults = 0;
	machine_open(&machine);
	fixture_put(&machine.files, "proc/sys/vm/swappiness", "30\n");
	fixture_put(&machine.files, "proc/sys/vm/vfs_cache_pressure", "200\n");
	strcpy(directory, "/tmp/oomwarden-recovery-XXXXXX");
	check(mkdtemp(directory));
}

static void end(void)
{
	char command[128];

	machine_close(&machine);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	check_int(system(command), 0);
}

static uint64_t detail_of(enum setting_id id)
{
	if (id == SETTING_IO_WRITE_MAX)
		return 8 << 8;
	return id == SETTING_HUGE_PAGES ? 2 << 20 : 0;
}

static void leave(struct ledger *ledger, enum claim_kind kind, enum setting_id id, uint64_t key,
		  const char *path, int64_t set, int64_t before)
{
	const struct setting_target on = { .id = id, .key = key, .detail = detail_of(id) };
	struct claim_owner owner = { .kind = kind, .name = "who" };
	const struct setting_value value = { .number = set };
	const struct ledger_base base = { .path = path,
					  .door = OWNER_NOBODY,
					  .value = { .number = before } };
	size_t entry;

	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &entry), 0);
	ledger_confirm(ledger, entry, &value, &value);
}

static struct runtime *leave_both(const char *boot_id)
{
	struct runtime *runtime = NULL;
	struct ledger *ledger = NULL;
	bool was_bad;

	check_int(runtime_open(directory, boot_id, &runtime), 0);
	check_int(runtime_open_ledger(runtime, &ledger, &was_bad), 0);
	leave(ledger, CLAIM_REMEDY, SETTING_SWAPPINESS, 0, "", 30, 60);
	leave(ledger, CLAIM_POLICY, SETTING_VFS_CACHE_PRESSURE, 0, "", 200, 100);
	ledger_free(ledger);
	return runtime;
}

static int64_t get(const char *name)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "proc/sys/vm/%s", name);
	check(sysroot_read(&machine.root, path, text, sizeof(text)) > 0);
	return strtoll(text, NULL, 10);
}

TEST(a_child_gives_it_back_and_its_words_come_through)
{
	struct runtime *runtime;
	struct recovery recovery = patient;
	size_t left = 99;

	begin();
	runtime = leave_both(BOOT);
	check_int(recovery_run_apart(runtime, &machine.root, &machine.layout, &recovery, &left), 0);
	check_int(left, 0);
	check_int(get("swappiness"), 60);
	check_int(get("vfs_cache_pressure"), 200);
	check_contains(said, "host: vm.swappiness is 60");
	check(!strstr(said, "vfs_cache_pressure"));
	check_int(faults, 0);

	recovery.of_policies_too = true;
	check_int(recovery_run_apart(runtime, &machine.root, &machine.layout, &recovery, &left), 0);
	check_int(get("vfs_cache_pressure"), 100);
	said[0] = '\0';
	check_int(recovery_run_apart(runtime, &machine.root, &machine.layout, &recovery, &left), 0);
	check_str(said, "");
	runtime_close(runtime);
	end();
}

TEST(what_cannot_be_given_back_is_a_fault_and_stays)
{
	struct runtime *runtime;
	struct ledger *ledger = NULL;
	bool was_bad;
	size_t left = 0;

	begin();
	runtime = leave_both(BOOT);
	/* A directory where the file was: it can neither be read nor written. */
	check_int(unlinkat(machine.root.fd, "proc/sys/vm/swappiness", 0), 0);
	check_int(mkdirat(machine.root.fd, "proc/sys/vm/swappiness", 0755), 0);
	check_int(recovery_run(runtime, &machine.root, &machine.layout, &patient, &left), 0);
	check_int(left, 1);
	check_int(faults, 1);
	check_contains(said, "host: vm.swappiness cannot be given back now");
	check_int(runtime_open_ledger(runtime, &ledger, &was_bad), 0);
	check_int(ledger_count(ledger), 2);
	ledger_free(ledger);
	runtime_close(runtime);
	end();
}

TEST(by_hand_only_where_no_agent_runs)
{
	struct runtime *runtime;
	const char *what = NULL;
	size_t left;

	begin();
	check_int(recovery_by_hand("/nonexistent/oomwardend", &patient, &left, &what), -ENOENT);
	runtime = leave_both("another boot");
	check_int(recovery_by_hand(directory, &patient, &left, &what), -EBUSY);
	check_str(what, directory);
	runtime_close(runtime);
	/* What was set before this machine was started is no more. */
	check_int(recovery_by_hand(directory, &patient, &left, &what), 0);
	check_int(left, 0);
	check_str(said, "");
	end();
}

TEST(without_systemd_nothing_stops_and_the_host_stays_up)
{
	if (access("/run/systemd/system", F_OK) == 0)
		test_skip("systemd is here");
	check(!recovery_host_goes_down());
	check(!recovery_unit_stops("oomwardend.service"));
}

/* --- an agent that starts on it --------------------------------------------------------------- */

/* On this machine, about what is not there: nothing of it is touched. */
#define NO_NODE 1000

/* Did rules and policies wait for what was given back? */
static bool waits;

static void start_and_end(const char *config, const char *policy)
{
	const struct warden_options options = { .config_path = &scratch_path,
						.runtime_directory = directory,
						.act = true,
						.say = say,
						.publish_context = &machine };
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what;
	usec_t now;

	scratch_make();
	scratch_write("oomwarden.ini", config);
	if (policy) {
		char path[96];

		snprintf(path, sizeof(path), "%s/policies", scratch);
		check_int(mkdir(path, 0755), 0);
		scratch_write("policies/mine.ini", policy);
	}
	check_int(warden_new(&options, &diags, &what, &warden), 0);
	waits = warden->settle_until != 0;
	now = clock_monotonic_usec();
	check_int(warden_tick(warden, now), 0);
	check_int(warden_tick(warden, now + 1), 0);
	check_int(warden_tick(warden, now + 2), 0);
	check(warden->settle_until == 0);
	scratch_remove(warden);
}

static void leave_here(void)
{
	struct runtime *runtime = NULL;
	struct ledger *ledger = NULL;
	char boot_id[BOOT_ID_BYTES] = "";
	struct sysroot root;
	bool was_bad;

	check_int(sysroot_open(NULL, &root), 0);
	check_int(clock_read_boot_id(&root, boot_id), 0);
	sysroot_done(&root);
	check_int(runtime_open(directory, boot_id, &runtime), 0);
	check_int(runtime_open_ledger(runtime, &ledger, &was_bad), 0);
	leave(ledger, CLAIM_REMEDY, SETTING_HUGE_PAGES, NO_NODE, "", 1, 2);
	leave(ledger, CLAIM_POLICY, SETTING_HUGE_PAGES, NO_NODE + 1, "", 1, 2);
	leave(ledger, CLAIM_POLICY, SETTING_MEMORY_LOW, 77, "oomwarden-no-such.service", 4096, 0);
	ledger_free(ledger);
	runtime_close(runtime);
}

static bool is_left(enum setting_id id, uint64_t key)
{
	const struct setting_target on = { .id = id, .key = key, .detail = detail_of(id) };
	struct runtime *runtime = NULL;
	struct ledger *ledger = NULL;
	char boot_id[BOOT_ID_BYTES] = "";
	struct sysroot root;
	bool was_bad, found;

	check_int(sysroot_open(NULL, &root), 0);
	check_int(clock_read_boot_id(&root, boot_id), 0);
	sysroot_done(&root);
	check_int(runtime_open(directory, boot_id, &runtime), 0);
	check_int(runtime_open_ledger(runtime, &ledger, &was_bad), 0);
	found = ledger_find(ledger, &on) >= 0 &&
		ledger_state(ledger, (size_t)ledger_find(ledger, &on)) == ENTRY_SET;
	ledger_free(ledger);
	runtime_close(runtime);
	return found;
}

#define POLICY "[Policy who]\nMatch=oomwarden-no-such.service\n"

TEST(a_start_gives_back_what_nobody_asks_for)
{
	begin();
	leave_here();
	start_and_end("[Agent]\nMode=enforce\nPolicy=mine\n", POLICY "MemoryLow=4M\n");
	/* The remedy's at once, the one policy's as there is no such policy; the other's is held.
	 */
	check(!is_left(SETTING_HUGE_PAGES, NO_NODE));
	check(!is_left(SETTING_HUGE_PAGES, NO_NODE + 1));
	check(is_left(SETTING_MEMORY_LOW, 77));
	check_contains(said, "node 1000: what it was set on is gone");

	/* It asks for something else now. */
	start_and_end("[Agent]\nMode=enforce\nPolicy=mine\n", POLICY "MemoryHigh=4M\n");
	check(!is_left(SETTING_MEMORY_LOW, 77));
	end();
}

/* A policy that limits another disk does not ask for this one's limit. */
TEST(a_limit_of_a_disk_goes_that_nobody_names_any_more)
{
	struct runtime *runtime = NULL;
	struct ledger *ledger = NULL;
	char boot_id[BOOT_ID_BYTES] = "";
	struct sysroot root;
	bool was_bad;

	begin();
	check_int(sysroot_open(NULL, &root), 0);
	check_int(clock_read_boot_id(&root, boot_id), 0);
	sysroot_done(&root);
	check_int(runtime_open(directory, boot_id, &runtime), 0);
	check_int(runtime_open_ledger(runtime, &ledger, &was_bad), 0);
	leave(ledger, CLAIM_POLICY, SETTING_IO_WRITE_MAX, 77, "oomwarden-no-such.service", 1 << 20,
	      SETTING_UNLIMITED);
	ledger_free(ledger);
	runtime_close(runtime);
	check(is_left(SETTING_IO_WRITE_MAX, 77));
	start_and_end("[Agent]\nMode=enforce\nPolicy=mine\n",
		      POLICY "IOWriteBandwidthMax=/dev/oomwarden-none 1M\n");
	check(!is_left(SETTING_IO_WRITE_MAX, 77));
	/* Another policy that asks for the same would find it in force, and lose it. */
	check(waits);
	start_and_end("[Agent]\nMode=enforce\nPolicy=mine\n", POLICY "MemoryLow=4M\n");
	check(!waits);
	end();
}

/* As a file system that is full does, this limit refuses room for both files. */
TEST(a_start_without_room_for_a_record_says_so_and_goes_on)
{
	const struct rlimit before = { RLIM_INFINITY, RLIM_INFINITY };
	const struct rlimit full = { 4096, RLIM_INFINITY };
	char agent[] = "[Agent]\nMode=enforce\nPolicy=\n";

	begin();
	(void)signal(SIGXFSZ, SIG_IGN);
	check_int(setrlimit(RLIMIT_FSIZE, &full), 0);
	start_and_end(agent, NULL);
	check_int(setrlimit(RLIMIT_FSIZE, &before), 0);
	check_contains(said, "nothing is kept over a restart");
	check_contains(said, "until the next start nothing is set");
	check_int(faults, 2);
	/* With room again both are there, as if it were the first start. */
	said[0] = '\0';
	start_and_end(agent, NULL);
	check_int(faults, 2);
	check_str(said, "");
	end();
}

TEST(a_start_that_holds_nothing_lets_policies_go)
{
	begin();
	leave_here();
	start_and_end("[Agent]\nMode=dry-run\nPolicy=mine\n", POLICY "MemoryLow=4M\n");
	check(!is_left(SETTING_HUGE_PAGES, NO_NODE));
	check(!is_left(SETTING_MEMORY_LOW, 77));
	end();
}
