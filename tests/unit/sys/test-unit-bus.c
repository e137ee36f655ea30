/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fake-manager.h"
#include "sys/clock.h"
#include "sys/unit_bus.h"
#include "sys/unit_drop_in.h"
#include "test.h"

/* Long enough for any machine where an answer comes, and short where none does. */
#define PATIENT_USEC (30 * USEC_PER_SEC)
#define HASTY_USEC   (50 * USEC_PER_MSEC)

static struct unit_bus *open_bus(const struct fake_manager *manager, usec_t timeout_usec)
{
	struct unit_bus *bus;
	int r = unit_bus_open(manager->address, timeout_usec, &bus);

	if (r < 0)
		abort();
	return bus;
}

#define BUS(name, manager, timeout_usec) \
	_cleanup_(unit_bus_closep) struct unit_bus *name = open_bus(&(manager), timeout_usec)

static int set_number(struct unit_bus *bus, const char *unit, uint64_t number)
{
	const struct unit_property property = {
		.name = "MemoryHigh",
		.type = UNIT_PROPERTY_NUMBER,
		.number = number,
	};

	return unit_bus_set(bus, unit, &property);
}

TEST(nobody_is_there)
{
	FIXTURE(f);
	char address[PATH_MAX + 16], path[PATH_MAX];
	struct unit_bus *bus = NULL;

	fixture_path(&f, "bus", path);
	snprintf(address, sizeof(address), "unix:path=%s", path);
	check_int(unit_bus_open(address, PATIENT_USEC, &bus), -ENOENT);
	/* One that was left behind. */
	close(fake_listen(path));
	check_int(unit_bus_open(address, PATIENT_USEC, &bus), -ENOENT);
	check(!bus);
	check(!unit_bus_close(NULL));
}

TEST(a_machine_without_systemd)
{
	struct unit_bus *bus = NULL;

	if (access("/run/systemd/system", F_OK) == 0)
		test_skip("systemd is here");
	check_int(unit_bus_open(NULL, PATIENT_USEC, &bus), -ENOENT);
	check(!bus);
}

TEST(a_manager_that_hangs_costs_the_deadline)
{
	FIXTURE(f);
	char address[PATH_MAX + 16], path[PATH_MAX];
	struct unit_bus *bus = NULL;
	usec_t begin = clock_monotonic_usec(), took;
	int listener;

	fixture_path(&f, "bus", path);
	snprintf(address, sizeof(address), "unix:path=%s", path);
	listener = fake_listen(path);
	check_int(unit_bus_open(address, HASTY_USEC, &bus), -ETIMEDOUT);
	took = clock_monotonic_usec() - begin;
	check(took >= HASTY_USEC);
	/* The library's own patience with a handshake is 25 seconds and more. */
	check(took < 20 * USEC_PER_SEC);
	check(!bus);
	close(listener);
}

TEST(numbers_go_as_numbers)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(set_number(bus, "a.service", 1048576), 0);
	check_str(fake_manager_heard(&manager), "a.service runtime MemoryHigh t 1048576");
	check_int(set_number(bus, "a.service", UNIT_PROPERTY_INFINITY), 0);
	check_str(fake_manager_heard(&manager),
		  "a.service runtime MemoryHigh t 18446744073709551615");
	check_str(unit_bus_error(bus), "");
}

TEST(nodes_go_as_bits_lowest_first)
{
	struct unit_property property = { .name = "AllowedMemoryNodes",
					  .type = UNIT_PROPERTY_NODES };
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_set(bus, "a.scope", &property), 0);
	check_str(fake_manager_heard(&manager), "a.scope runtime AllowedMemoryNodes ay");
	idset_add(&property.nodes, 1);
	check_int(unit_bus_set(bus, "a.scope", &property), 0);
	check_str(fake_manager_heard(&manager), "a.scope runtime AllowedMemoryNodes ay 02");
	idset_add(&property.nodes, 0);
	idset_add(&property.nodes, 17);
	check_int(unit_bus_set(bus, "a.scope", &property), 0);
	check_str(fake_manager_heard(&manager), "a.scope runtime AllowedMemoryNodes ay 03 00 02");
}

TEST(rates_go_with_their_device)
{
	const struct unit_property property = {
		.name = "IOWriteBandwidthMax",
		.type = UNIT_PROPERTY_DEVICE_RATE,
		.number = 10485760,
		.device = "/dev/vda",
	};
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_set(bus, "a.service", &property), 0);
	check_str(fake_manager_heard(&manager),
		  "a.service runtime IOWriteBandwidthMax a(st) /dev/vda 10485760");
}

TEST(an_answer_that_does_not_come)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);
	usec_t begin = clock_monotonic_usec();

	unit_bus_set_timeout(bus, HASTY_USEC);
	check_int(set_number(bus, "slow.service", 1), -ETIMEDOUT);
	check(clock_monotonic_usec() - begin >= HASTY_USEC);
	check_str(unit_bus_error(bus), "no answer in time");
	/* It may have heard: with the next answer it is sure to have. */
	unit_bus_set_timeout(bus, PATIENT_USEC);
	check_int(set_number(bus, "a.service", 2), 0);
	check_str(fake_manager_heard(&manager), "slow.service runtime MemoryHigh t 1");
	check_str(fake_manager_heard(&manager), "a.service runtime MemoryHigh t 2");
}

TEST(an_answer_that_comes_late_is_nobody_elses)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	unit_bus_set_timeout(bus, HASTY_USEC);
	check_int(set_number(bus, "late.service", 1), -ETIMEDOUT);
	unit_bus_set_timeout(bus, PATIENT_USEC);
	/* With this one the late answer comes, which is a success. */
	check_int(set_number(bus, "refused.service", 2), -EINVAL);
	check_str(fake_manager_heard(&manager), "late.service runtime MemoryHigh t 1");
	check_str(fake_manager_heard(&manager), "refused.service runtime MemoryHigh t 2");
	check_int(set_number(bus, "a.service", 3), 0);
	check_str(unit_bus_error(bus), "");
}

TEST(refusals_by_their_reason)
{
	const struct unit_property new = { .name = "MemoryMax", .type = UNIT_PROPERTY_NUMBER };
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(set_number(bus, "gone.service", 1), -ENOENT);
	check_str(unit_bus_error(bus), "Unit gone.service not found.");
	check_int(set_number(bus, "denied.service", 1), -EACCES);
	check_int(set_number(bus, "refused.service", 1), -EINVAL);
	check_str(unit_bus_error(bus), "out\\x0aof range");
	check_int(unit_bus_set(bus, "old.service", &new), -EOPNOTSUPP);
	check_int(unit_bus_freeze(bus, "cold.service", true), -EOPNOTSUPP);
	check_contains(unit_bus_error(bus), "does not support freezing");
}

TEST(what_is_no_unit_is_not_sent)
{
	static const char *const names[] = {
		"",
		".service",
		"a",
		"a.conf",
		"../a.service",
		"a/b.service",
		"a b.service",
		"a\n.service",
	};
	struct unit_facts facts;
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		check_int(set_number(bus, names[i], 1), -EINVAL);
		check_int(unit_bus_freeze(bus, names[i], true), -EINVAL);
		check_int(unit_bus_job(bus, names[i], UNIT_JOB_STOP), -EINVAL);
		check_int(unit_bus_facts(bus, names[i], &facts), -EINVAL);
		check_str(unit_bus_error(bus), "not the name of a unit");
	}
	check_str(fake_manager_heard(&manager), "");
	check_int(set_number(bus, "machine-qemu\\x2d1\\x2dvm@a:b_c.scope", 1), 0);
}

TEST(the_manager_hangs_up)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);
	struct unit_facts facts;
	char unit[64];

	check_int(set_number(bus, "hangup.service", 1), -ECONNRESET);
	check(unit_bus_error(bus)[0]);
	check_int(set_number(bus, "a.service", 1), -ECONNRESET);
	check_int(unit_bus_freeze(bus, "a.service", true), -ECONNRESET);
	check_int(unit_bus_job(bus, "a.service", UNIT_JOB_STOP), -ECONNRESET);
	check_int(unit_bus_facts(bus, "a.service", &facts), -ECONNRESET);
	check_int(unit_bus_of_cgroup(bus, "/a", unit, sizeof(unit)), -ECONNRESET);
	{
		/* And is there again for who connects anew. */
		BUS(other, manager, PATIENT_USEC);

		check_int(set_number(other, "a.service", 1), 0);
	}
}

TEST(the_manager_dies_before_the_job_ends)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_job(bus, "hangup.service", UNIT_JOB_RESTART), -ECONNRESET);
}

TEST(freezing_and_thawing)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_freeze(bus, "a.service", true), 0);
	check_str(fake_manager_heard(&manager), "FreezeUnit a.service");
	check_int(unit_bus_freeze(bus, "a.service", false), 0);
	check_str(fake_manager_heard(&manager), "ThawUnit a.service");
}

TEST(jobs_by_what_they_come_to)
{
	static const struct {
		const char *unit;
		int result;
		const char *word;
	} jobs[] = {
		{ "a.service", 0, "done" },
		{ "early.service", 0, "done" },
		{ "crowd.service", 0, "done" },
		{ "skipped.service", 0, "skipped" },
		{ "failed.service", -EREMOTEIO, "failed" },
		{ "canceled.service", -ECANCELED, "canceled" },
		{ "timeout.service", -ETIMEDOUT, "timeout" },
		{ "dependency.service", -ENOEXEC, "dependency" },
		{ "strange.service", -EREMOTEIO, "strange" },
	};
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		check_int(unit_bus_job(bus, jobs[i].unit, UNIT_JOB_STOP), jobs[i].result);
		check_str(unit_bus_error(bus), jobs[i].word);
	}
	check_int(unit_bus_job(bus, "gone.service", UNIT_JOB_START), -ENOENT);
}

TEST(jobs_of_each_kind)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_job(bus, "evacuate@a.service", UNIT_JOB_START), 0);
	check_str(fake_manager_heard(&manager), "StartUnit evacuate@a.service replace");
	check_int(unit_bus_job(bus, "a.service", UNIT_JOB_STOP), 0);
	check_str(fake_manager_heard(&manager), "StopUnit a.service replace");
	check_int(unit_bus_job(bus, "a.service", UNIT_JOB_RESTART), 0);
	check_str(fake_manager_heard(&manager), "RestartUnit a.service replace");
}

TEST(a_job_that_does_not_end)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);
	usec_t begin = clock_monotonic_usec();

	unit_bus_set_timeout(bus, HASTY_USEC);
	check_int(unit_bus_job(bus, "stuck.service", UNIT_JOB_STOP), -ETIMEDOUT);
	check_str(unit_bus_error(bus), "no answer in time");
	check(clock_monotonic_usec() - begin >= HASTY_USEC);
	/* The next one is not taken for it. */
	unit_bus_set_timeout(bus, PATIENT_USEC);
	check_int(unit_bus_job(bus, "failed.service", UNIT_JOB_STOP), -EREMOTEIO);
}

TEST(facts_of_a_service)
{
	struct unit_facts facts;
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_facts(bus, "a.service", &facts), 0);
	check_str(facts.control_group, "/system.slice/a.service");
	check_str(facts.active_state, "active");
	check_str(facts.slice, "system.slice");
	check_int(facts.restarts, 12);
	check_int(facts.restart_usec, 100 * USEC_PER_MSEC);
	check(facts.delegates);
	check_str(facts.pending_job, "");
	check_int(unit_bus_facts(bus, "busy.service", &facts), 0);
	check_str(facts.pending_job, "restart");
	/* One that ended between the two questions. */
	check_int(unit_bus_facts(bus, "over.service", &facts), 0);
	check_str(facts.pending_job, "");
}

TEST(facts_of_other_units)
{
	struct unit_facts facts;
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_facts(bus, "a.scope", &facts), 0);
	check_str(facts.control_group, "/system.slice/a.service");
	check_int(facts.restarts, 0);
	check(facts.restart_usec == USEC_INFINITY);
	/* Has no cgroup. */
	check_int(unit_bus_facts(bus, "a.target", &facts), 0);
	check_str(facts.control_group, "");
	check_str(facts.active_state, "active");
}

TEST(facts_that_are_not_told)
{
	struct unit_facts facts = { .restarts = 77 };
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_facts(bus, "gone.service", &facts), -ENOENT);
	check_int(unit_bus_facts(bus, "long.service", &facts), -ENAMETOOLONG);
	check_int(unit_bus_facts(bus, "denied.service", &facts), -EACCES);
	check_int(facts.restarts, 77);
	check_int(unit_bus_facts(bus, "bare.service", &facts), 0);
	check_str(unit_bus_error(bus), "");
	check_str(facts.control_group, "");
	check_int(facts.restarts, 0);
	check(facts.restart_usec == USEC_INFINITY);
	check(!facts.delegates);
	check_int(unit_bus_facts(bus, "mistyped.service", &facts), 0);
	check_str(facts.active_state, "");
	check(facts.restart_usec == USEC_INFINITY);
}

TEST(facts_that_do_not_come)
{
	struct unit_facts facts = { .restarts = 77 };
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	unit_bus_set_timeout(bus, HASTY_USEC);
	check_int(unit_bus_facts(bus, "slow.service", &facts), -ETIMEDOUT);
	check_int(facts.restarts, 77);
}

TEST(the_unit_of_a_cgroup)
{
	char unit[64], tiny[8];
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_of_cgroup(bus, "/machine.slice/x/libvirt", unit, sizeof(unit)), 0);
	check_str(unit, "machine-qemu\\x2d1.scope");
	check_str(fake_manager_heard(&manager), "/machine.slice/x/libvirt");
	check_int(unit_bus_of_cgroup(bus, "/nobody", unit, sizeof(unit)), -ENOENT);
	check_int(unit_bus_of_cgroup(bus, "/x/elsewhere", unit, sizeof(unit)), -EBADMSG);
	check_int(unit_bus_of_cgroup(bus, "/x/nameless", unit, sizeof(unit)), -EBADMSG);
	check_int(unit_bus_of_cgroup(bus, "/a", tiny, sizeof(tiny)), -ENAMETOOLONG);
	check_str(unit, "machine-qemu\\x2d1.scope");
}

/* --- units that are there only as long as they run -------------------------------------------- */

static const char *const words[] = { "/usr/bin/x", "--a=b c", "", NULL };
static const char *const nothing[] = { NULL };

static const struct unit_line lines[] = {
	{ .name = "Type", .type = UNIT_LINE_TEXT, .text = "notify" },
	{ .name = "NoNewPrivileges", .type = UNIT_LINE_FLAG, .number = 1 },
	{ .name = "LimitMEMLOCK", .type = UNIT_LINE_NUMBER, .number = -1 },
	{ .name = "OOMScoreAdjust", .type = UNIT_LINE_SIGNED, .number = -900 },
	{ .name = "After", .type = UNIT_LINE_WORDS, .words = words },
	{ .name = "BindsTo", .type = UNIT_LINE_WORDS, .words = nothing },
	{ .name = "SystemCallFilter", .type = UNIT_LINE_ALLOWED, .words = words },
	{ .name = "SuccessExitStatus", .type = UNIT_LINE_SIGNAL, .number = SIGKILL },
	{ .name = "ExecStart", .type = UNIT_LINE_COMMAND, .words = words },
};

static int make(struct unit_bus *bus, const char *unit)
{
	return unit_bus_start_transient(bus, unit, lines, ARRAY_SIZE(lines));
}

TEST(lines_go_as_the_types_that_are_wanted)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(make(bus, "a:node0.service"), 0);
	check_str(unit_bus_error(bus), "done");
	check_str(fake_manager_heard(&manager),
		  "StartTransientUnit a:node0.service fail Type=notify, NoNewPrivileges=1, "
		  "LimitMEMLOCK=18446744073709551615, OOMScoreAdjust=-900, "
		  "After=/usr/bin/x,--a=b c,, BindsTo= "
		  "SystemCallFilter=1,/usr/bin/x,--a=b c,, SuccessExitStatus=9, "
		  "ExecStart=/usr/bin/x,/usr/bin/x,--a=b c,,0,");
	check_int(unit_bus_start_transient(bus, "b.service", NULL, 0), 0);
	check_str(fake_manager_heard(&manager), "StartTransientUnit b.service fail");
}

TEST(what_was_said_last_is_told_of_a_program_that_fails)
{
	static const struct {
		const char *unit;
		const char *words;
	} cases[] = {
		{ "speaks.service", "there is\\x0ano room" },
		{ "ends.service", "its program ended, with status 77" },
		{ "killed.service", "its program was killed by signal 9" },
		{ "norun.service", "its program could not be run: status 203 of systemd" },
		{ "unready.service", "it was not ready in time" },
		{ "garbled.service", "failed" },
		{ "failed.service", "failed" },
	};
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		check_int(make(bus, cases[i].unit), -EREMOTEIO);
		check_str(unit_bus_error(bus), cases[i].words);
	}
	/* Of one nothing is left with the next. */
	check_int(make(bus, "a.service"), 0);
	check_str(unit_bus_error(bus), "done");
}

TEST(units_that_are_not_made)
{
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);
	const struct unit_line new = { .name = "DynamicUser", .type = UNIT_LINE_FLAG };

	check_int(make(bus, "stays.service"), -EEXIST);
	check_contains(unit_bus_error(bus), "already loaded");
	check_int(unit_bus_start_transient(bus, "plain.service", &new, 1), -EOPNOTSUPP);
	check_int(make(bus, "refused.service"), -EINVAL);
	check_int(make(bus, "denied.service"), -EACCES);
	check_int(make(bus, "dependency.service"), -ENOEXEC);
	check_int(make(bus, "canceled.service"), -ECANCELED);
	check_int(make(bus, "../a.service"), -EINVAL);
	check_str(unit_bus_error(bus), "not the name of a unit");
	unit_bus_set_timeout(bus, HASTY_USEC);
	check_int(make(bus, "stuck.service"), -ETIMEDOUT);
	check_int(make(bus, "slow.service"), -ETIMEDOUT);
	check_str(unit_bus_error(bus), "no answer in time");
	unit_bus_set_timeout(bus, PATIENT_USEC);
	check_int(make(bus, "hangup.service"), -ECONNRESET);
}

TEST(the_unit_of_a_main_process)
{
	char unit[64], tiny[8];
	FAKE_MANAGER_RUNNING(manager);
	BUS(bus, manager, PATIENT_USEC);

	check_int(unit_bus_of_main_process(bus, 4711, unit, sizeof(unit)), 0);
	check_str(unit, "agent.service");
	check_int(unit_bus_of_main_process(bus, 1, unit, sizeof(unit)), -ENOENT);
	/* In a session, and below a shell. */
	check_int(unit_bus_of_main_process(bus, 2, unit, sizeof(unit)), -ENOENT);
	check_int(unit_bus_of_main_process(bus, 3, unit, sizeof(unit)), -ENOENT);
	check_int(unit_bus_of_main_process(bus, 4711, tiny, sizeof(tiny)), -ENAMETOOLONG);
	check_str(unit, "agent.service");
}

/* --- drop-ins ------------------------------------------------------------------------------- */

#define CONTROL "run/systemd/system.control/"

TEST(a_drop_in_is_found_and_removed)
{
	FIXTURE(f);

	check(!unit_drop_in_exists(f.directory, "a.service", "MemoryHigh"));
	check_int(unit_drop_in_remove(f.directory, "a.service", "MemoryHigh"), -ENOENT);
	fixture_put(&f, CONTROL "a.service.d/50-MemoryHigh.conf", "[Service]\nMemoryHigh=1\n");
	check(unit_drop_in_exists(f.directory, "a.service", "MemoryHigh"));
	check(!unit_drop_in_exists(f.directory, "a.service", "MemoryMax"));
	check(!unit_drop_in_exists(f.directory, "b.service", "MemoryHigh"));
	check_int(unit_drop_in_remove(f.directory, "a.service", "MemoryMax"), -ENOENT);
	check_int(unit_drop_in_remove(f.directory, "a.service", "MemoryHigh"), 0);
	check(!unit_drop_in_exists(f.directory, "a.service", "MemoryHigh"));
	check_int(unit_drop_in_remove(f.directory, "a.service", "MemoryHigh"), -ENOENT);
}

static bool is_there(const struct fixture *f, const char *name)
{
	char path[PATH_MAX];

	fixture_path(f, name, path);
	return access(path, F_OK) == 0;
}

TEST(a_directory_goes_with_its_last_drop_in)
{
	FIXTURE(f);

	fixture_put(&f, CONTROL "a.service.d/50-MemoryHigh.conf", "");
	fixture_put(&f, CONTROL "a.service.d/50-CPUWeight.conf", "");
	check_int(unit_drop_in_remove(f.directory, "a.service", "MemoryHigh"), 0);
	check(is_there(&f, CONTROL "a.service.d/50-CPUWeight.conf"));
	check_int(unit_drop_in_remove(f.directory, "a.service", "CPUWeight"), 0);
	check(!is_there(&f, CONTROL "a.service.d"));
	check(is_there(&f, CONTROL));
}

TEST(a_transient_unit_has_its_drop_ins_elsewhere)
{
	FIXTURE(f);

	fixture_put(&f, "run/systemd/transient/g.scope", "[Scope]\n");
	fixture_put(&f, "run/systemd/transient/g.scope.d/50-AllowedMemoryNodes.conf", "");
	check(unit_drop_in_exists(f.directory, "g.scope", "AllowedMemoryNodes"));
	check_int(unit_drop_in_remove(f.directory, "g.scope", "AllowedMemoryNodes"), 0);
	check(!is_there(&f, "run/systemd/transient/g.scope.d"));
	check(is_there(&f, "run/systemd/transient/g.scope"));
}

TEST(names_that_are_paths_remove_nothing)
{
	FIXTURE(f);

	fixture_put(&f, CONTROL "a.service.d/50-MemoryHigh.conf", "");
	fixture_put(&f, "run/systemd/x.service.d/50-MemoryHigh.conf", "");
	check_int(unit_drop_in_remove(f.directory, "../x.service", "MemoryHigh"), -EINVAL);
	check_int(unit_drop_in_remove(f.directory, "a.service", "x/../50-MemoryHigh"), -EINVAL);
	check_int(unit_drop_in_remove(f.directory, "a.service", ""), -EINVAL);
	check_int(unit_drop_in_remove(f.directory, "", "MemoryHigh"), -EINVAL);
	check(!unit_drop_in_exists(f.directory, "../x.service", "MemoryHigh"));
	check(is_there(&f, "run/systemd/x.service.d/50-MemoryHigh.conf"));
	check(is_there(&f, CONTROL "a.service.d/50-MemoryHigh.conf"));
}

TEST(links_are_not_followed)
{
	FIXTURE(f);

	fixture_put(&f, "elsewhere/50-MemoryHigh.conf", "");
	fixture_directory(&f, "run/systemd/system.control");
	fixture_link(&f, CONTROL "a.service.d", "../../../elsewhere");
	check(!unit_drop_in_exists(f.directory, "a.service", "MemoryHigh"));
	check(unit_drop_in_remove(f.directory, "a.service", "MemoryHigh") < 0);
	check(is_there(&f, "elsewhere/50-MemoryHigh.conf"));
	/* A drop-in that is a link is one, and what it points to stays. */
	fixture_link(&f, CONTROL "b.service.d/50-MemoryHigh.conf",
		     "../../../../elsewhere/50-MemoryHigh.conf");
	check(unit_drop_in_exists(f.directory, "b.service", "MemoryHigh"));
	check_int(unit_drop_in_remove(f.directory, "b.service", "MemoryHigh"), 0);
	check(is_there(&f, "elsewhere/50-MemoryHigh.conf"));
}
