/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The words of steps that set something, and where they take what is set now from. */

#include "test.h"

#include "act/setting_step.h"
#include "context.h"

#include <sys/sysmacros.h>

static struct step step_of(enum action_id action, enum setting_id id, int64_t number)
{
	return (struct step){
		.action = action,
		.target = { .key = 1, .path = "system.slice/web.service", .name = "web\n.service" },
		.setting = { .on = { id, 1, 0 },
			     .wanted = { .number = number },
			     .owner = OWNER_SYSTEMD },
	};
}

static void check_writes(const struct step *step, const char *writes)
{
	check_str(words_of(step, true), writes);
}

TEST(through_systemd_by_property)
{
	struct step step = step_of(ACTION_HOLD, SETTING_MEMORY_HIGH, 2 * GIB);

	check_str(words_of(&step, false), "MemoryHigh of web\\x0a.service 2 GiB");
	check_writes(&step, "SetUnitProperties(web.service, runtime, MemoryHigh=2147483648)");
	step.setting.was_known = true;
	step.setting.was.number = SETTING_UNLIMITED;
	check_str(words_of(&step, false), "MemoryHigh of web\\x0a.service 2 GiB, now infinity");
	step.setting.wanted.number = SETTING_UNLIMITED;
	check_writes(&step, "SetUnitProperties(web.service, runtime, MemoryHigh=infinity)");
	step = step_of(ACTION_HOLD, SETTING_ALLOWED_NODES, 0);
	idset_add(&step.setting.wanted.nodes, 0);
	idset_add(&step.setting.wanted.nodes, 1);
	check_writes(&step, "SetUnitProperties(web.service, runtime, AllowedMemoryNodes=0-1)");
	step.setting.on.id = SETTING_ALLOWED_CPUS;
	check_str(words_of(&step, false), "AllowedCPUs of web\\x0a.service nodes 0-1");
	check_writes(&step, "SetUnitProperties(web.service, runtime, AllowedCPUs=the CPUs of nodes "
			    "0-1)");
}

TEST(through_files_where_nobody_else_writes)
{
	struct step step = step_of(ACTION_HOLD, SETTING_MEMORY_HIGH, 2 * GIB);

	step.setting.owner = OWNER_NOBODY;
	snprintf(step.target.path, sizeof(step.target.path), "a/b");
	check_writes(&step, "memory.high of /a/b: 2147483648");
	step.setting.wanted.number = SETTING_UNLIMITED;
	check_writes(&step, "memory.high of /a/b: max");
	step.setting.is_v1 = true;
	check_writes(&step, "nothing: cgroup v1 has no memory.high");
	step.setting.on.id = SETTING_MEMORY_MAX;
	check_writes(&step, "memory.limit_in_bytes of /a/b: -1");
	step.setting.on.id = SETTING_ALLOWED_NODES;
	idset_add(&step.setting.wanted.nodes, 3);
	check_writes(&step, "cpuset.mems of /a/b: 3");
	step.setting.on.id = SETTING_ALLOWED_CPUS;
	check_writes(&step, "cpuset.cpus of /a/b: the CPUs of nodes 3");
	step.setting.on = (struct setting_target){ SETTING_IO_WRITE_MAX, 1, makedev(253, 2) };
	step.setting.wanted.number = 1 * MIB;
	check_writes(&step, "blkio.throttle.write_bps_device of /a/b: 253:2 1048576");
}

TEST(what_systemd_cannot_set_goes_by_its_file)
{
	struct step step = step_of(ACTION_HOLD, SETTING_OOM_GROUP, 1);

	check_writes(&step, "memory.oom.group of /system.slice/web.service: 1");
	step = step_of(ACTION_HOLD, SETTING_OOM_SCORE_ADJ, -500);
	check_writes(&step, "oom_score_adj of each process in /system.slice/web.service: -500");
}

TEST(what_is_called_off_and_given_back)
{
	struct step step = step_of(ACTION_LIMIT, SETTING_MEMORY_HIGH, 2 * GIB);

	step.order = STEP_CANCEL;
	check_str(words_of(&step, false), "stop setting MemoryHigh of web\\x0a.service");
	check_writes(&step, "");
	step.order = STEP_UNDO;
	check_str(words_of(&step, false), "give back what limit set on web\\x0a.service");
	check_writes(&step, "");
	step = (struct step){ .action = ACTION_SYSCTL, .order = STEP_UNDO };
	check_str(words_of(&step, false), "give back what sysctl set");
	step = step_of(ACTION_FREEZE, SETTING_FREEZE, 1);
	step.order = STEP_CANCEL;
	check_str(words_of(&step, false), "thaw web\\x0a.service");
	check_writes(&step, "ThawUnit(web.service)");
	step.setting.owner = OWNER_NOBODY;
	check_writes(&step, "cgroup.freeze of /system.slice/web.service: 0");
}

TEST(a_path_that_is_no_unit_is_named_as_it_is)
{
	struct step step = step_of(ACTION_HOLD, SETTING_MEMORY_MAX, 2 * GIB);

	snprintf(step.target.path, sizeof(step.target.path), "lxc/1\n");
	check_writes(&step, "SetUnitProperties(lxc/1\\x0a, runtime, MemoryMax=2147483648)");
}

TEST(what_is_set_now)
{
	struct setting_target on = { SETTING_MEMORY_MAX, 1, 0 };
	struct setting_value value;

	start_machine(1);
	add_service(1, 1 * GIB);
	check(setting_step_was(&snapshot, &services[0], &on, &value));
	check(value.number == SETTING_UNLIMITED);
	settings[0].memory[SETTING_MEMORY_MAX] = READING_NONE;
	check(!setting_step_was(&snapshot, &services[0], &on, &value));
	on.id = SETTING_OOM_SCORE_ADJ;
	check(!setting_step_was(&snapshot, &services[0], &on, &value));
	settings[0].score_known = true;
	settings[0].score_most = 17;
	check(setting_step_was(&snapshot, &services[0], &on, &value));
	check_int(value.number, 17);
	on.id = SETTING_ALLOWED_NODES;
	check(!setting_step_was(&snapshot, &services[0], &on, &value));
	settings[0].nodes = &snapshot.memory_nodes;
	check(setting_step_was(&snapshot, &services[0], &on, &value));
	check(idset_has(&value.nodes, 0));
	on.id = SETTING_ALLOWED_CPUS;
	check(!setting_step_was(&snapshot, &services[0], &on, &value));
	settings[0].cpu_nodes = &snapshot.memory_nodes;
	check(setting_step_was(&snapshot, &services[0], &on, &value));
	check(idset_has(&value.nodes, 0));
	on.id = SETTING_FREEZE;
	check(!setting_step_was(&snapshot, &services[0], &on, &value));
	on = (struct setting_target){ SETTING_HUGE_PAGES, 0, 2 * MIB };
	check(!setting_step_was(&snapshot, NULL, &on, &value));
	nodes[0].huge_page_bytes = 2 * MIB;
	nodes[0].huge_pages = 12;
	check(setting_step_was(&snapshot, NULL, &on, &value));
	check_int(value.number, 12);
	on = (struct setting_target){ .id = SETTING_SWAPPINESS };
	check(!setting_step_was(&snapshot, NULL, &on, &value));
}

TEST(the_stricter_of_snapshot_and_claim_is_the_base)
{
	const struct setting_target on = { SETTING_MEMORY_HIGH, 1, 0 };
	struct setting_value value;

	start_machine(1);
	add_service(1, 1 * GIB);
	check(setting_step_base(&context, &services[0], &on, &value));
	check(value.number == SETTING_UNLIMITED);
	add_claim(on, 500 * MIB);
	check(setting_step_base(&context, &services[0], &on, &value));
	check_int(value.number, 500 * MIB);
	settings[0].memory[SETTING_MEMORY_HIGH] = reading_of(400 * MIB);
	check(setting_step_base(&context, &services[0], &on, &value));
	check_int(value.number, 400 * MIB);
	settings[0].memory[SETTING_MEMORY_HIGH] = READING_NONE;
	check(setting_step_base(&context, &services[0], &on, &value));
	check_int(value.number, 500 * MIB);
	claim_count = 0;
	check(!setting_step_base(&context, &services[0], &on, &value));
}
