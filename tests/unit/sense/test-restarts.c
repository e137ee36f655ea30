/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Services that come back, on a machine of files: a directory that is made anew is another one.
 */

#include "machine.h"

#include "sense/service_restarts.h"
#include "sense/state.h"

static struct machine m;

#define A "system.slice/a.service"
#define B "system.slice/b.service"

static void add(const char *path)
{
	machine_cgroup(&m, path, "");
	machine_cgroup_file(&m, path, "cgroup.events", "populated 1\nfrozen 0\n");
	machine_memory(&m, path, MIB, MIB, MIB);
}

/* The old one stays somewhere, so that its number is not given to the new one. */
static void make_anew(const char *path)
{
	static unsigned number;
	char from[PATH_MAX], to[PATH_MAX], name[64], full[PATH_MAX];

	check(snprintf(full, sizeof(full), CGROUP_DIR "/%s", path) < (int)sizeof(full));
	machine_path(&m, full, from);
	snprintf(name, sizeof(name), "grave-%u", number++);
	machine_path(&m, name, to);
	check_int(rename(from, to), 0);
}

static void set_up(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/*.service");
	add(A);
	add(B);
	machine_start_live(&m);
	machine_round(&m, SEC);
	machine_round(&m, 2 * SEC);
	check(m.sense->events.tree_watched);
}

static void check_restarts(const struct snapshot *s, const char *path, int restarts, int after_oom)
{
	const struct service *service = machine_service(s, path);

	check_known(service_value(service, METRIC_SERVICE_RESTARTS), restarts);
	check_known(service_value(service, METRIC_SERVICE_RESTARTS_AFTER_OOM), after_oom);
}

static void kill_one(const char *path)
{
	machine_cgroup_file(&m, path, "memory.events",
			    "low 0\nhigh 0\nmax 1\noom 1\noom_kill 1\noom_group_kill 0\n");
}

TEST(nobody_came_back_so_far)
{
	set_up();
	check_restarts(sense_snapshot(m.sense), A, 0, 0);
	/* New ones did not come back either. */
	add("system.slice/c.service");
	check_restarts(machine_round(&m, 4 * SEC), "system.slice/c.service", 0, 0);
	machine_done(&m);
}

TEST(made_anew_between_two_looks)
{
	const struct snapshot *s;

	set_up();
	make_anew(A);
	add(A);
	s = machine_round(&m, 4 * SEC);
	check_restarts(s, A, 1, 0);
	check_restarts(s, B, 0, 0);
	machine_done(&m);
}

TEST(gone_for_a_while)
{
	set_up();
	make_anew(A);
	check(!machine_has(machine_round(&m, 4 * SEC), A));
	machine_round(&m, 6 * SEC);
	add(A);
	check_restarts(machine_round(&m, 100 * SEC), A, 1, 0);
	machine_done(&m);
}

TEST(after_a_kill_that_was_seen)
{
	set_up();
	kill_one(A);
	machine_round(&m, 4 * SEC);
	make_anew(A);
	add(A);
	check_restarts(machine_round(&m, 6 * SEC), A, 1, 1);
	/* The one of now was not killed. */
	make_anew(A);
	add(A);
	check_restarts(machine_round(&m, 8 * SEC), A, 2, 1);
	machine_done(&m);
}

TEST(it_counts_for_ten_minutes)
{
	const struct snapshot *s;

	set_up();
	kill_one(A);
	machine_round(&m, 4 * SEC);
	make_anew(A);
	add(A);
	check_restarts(machine_round(&m, 6 * SEC), A, 1, 1);
	s = machine_round(&m, 605 * SEC);
	check_restarts(s, A, 1, 1);
	s = machine_round(&m, 606 * SEC);
	check_restarts(s, A, 0, 0);
	machine_done(&m);
}

/* systemd has taken the cgroup away before anybody could read what happened in it. */
TEST(a_kill_that_only_the_log_tells)
{
	set_up();
	make_anew(A);
	machine_round(&m, 4 * SEC);
	service_restarts_oom(m.sense, A "/inner", "");
	add(A);
	check_restarts(machine_round(&m, 6 * SEC), A, 1, 1);
	/* Or only after it is back. */
	make_anew(B);
	add(B);
	check_restarts(machine_round(&m, 8 * SEC), B, 1, 0);
	service_restarts_oom(m.sense, B, "");
	check_restarts(sense_snapshot(m.sense), B, 1, 1);
	/* What lies below a service that is known is that one's. */
	service_restarts_oom(m.sense, B "/inner", B);
	check_restarts(sense_snapshot(m.sense), B, 1, 1);
	machine_done(&m);
}

TEST(a_service_that_no_policy_matches_any_more_did_not_go)
{
	set_up();
	free(m.policies[0].match[0]);
	m.policies[0].match[0] = strdup("system.slice/b.service");
	sense_set_policies(m.sense, &m.table);
	check(!machine_has(machine_round(&m, 4 * SEC), A));
	free(m.policies[0].match[0]);
	m.policies[0].match[0] = strdup("system.slice/*.service");
	sense_set_policies(m.sense, &m.table);
	check_restarts(machine_round(&m, 6 * SEC), A, 0, 0);
	machine_done(&m);
}

TEST(one_sample_cannot_tell)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/*.service");
	add(A);
	machine_start(&m, true);

	const struct service *a = machine_service(machine_round(&m, SEC), A);

	check_unknown(service_value(a, METRIC_SERVICE_RESTARTS));
	check_unknown(service_value(a, METRIC_SERVICE_RESTARTS_AFTER_OOM));
	check(has_gap(&m, "service.restarts*"));
	machine_done(&m);
}

/* A sequence of them shows who was missing for a while. */
TEST(captured_machines_one_after_another)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/*.service");
	add(A);
	machine_start(&m, false);
	kill_one(A);
	check_restarts(machine_round(&m, SEC), A, 0, 0);
	check(!has_gap(&m, "service.restarts*"));
	make_anew(A);
	check_int(sense_set_root(m.sense, &m.root, &m.layout), 0);
	check(!machine_has(machine_round(&m, 2 * SEC), A));
	add(A);
	check_int(sense_set_root(m.sense, &m.root, &m.layout), 0);
	check_restarts(machine_round(&m, 3 * SEC), A, 1, 1);
	check_int(sense_set_root(m.sense, &m.root, &m.layout), 0);
	check_restarts(machine_round(&m, 4 * SEC), A, 1, 1);
	machine_done(&m);
}
