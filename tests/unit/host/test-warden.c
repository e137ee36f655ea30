/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scratch.h"

#include "host/pause.h"
#include "util/macro.h"

/* A machine of one node that has 100 MiB of 1 GiB left, and a rule that fires there. */
static void set_up(void)
{
	scratch_make();
	scratch_write("oomwarden.ini", "[Agent]\nMode=enforce\nPolicy=\n");
	scratch_write("rules.d/10-low.ini",
		      "[Rule low]\nOn=host\nWhen=mem.available < 99%\nDo=notify\n");
	scratch_write("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          102400 kB\n"
				      "MemAvailable:     102400 kB\n");
}

static struct warden *start(bool act)
{
	return scratch_start((struct warden_options){ .act = act });
}

/* One that has looked once, after a second. */
static struct warden *start_ticked(bool act)
{
	struct warden *warden = start(act);

	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	return warden;
}

TEST(a_captured_machine_is_decided_about)
{
	struct warden *warden;

	set_up();
	warden = start_ticked(true);
	check_int(warden_plan(warden)->step_count, 1);
	check_int(warden_plan(warden)->steps[0].action, ACTION_NOTIFY);
	check_int(warden_plan(warden)->steps[0].mode, MODE_ENFORCE);
	check(warden_step(warden, warden_plan(warden)->steps[0].id));
	scratch_remove(warden);
}

TEST(what_the_kernel_itself_holds_is_read_on_request)
{
	_cleanup_(memory_detail_done) struct memory_detail details = { 0 };
	struct warden *warden;

	set_up();
	scratch_write("proc/slabinfo",
		      "slabinfo - version: 2.1\n"
		      "dentry 1 2 192 21 1 : tunables 0 0 0 : slabdata 3 3 0\n"
		      "nfs_inode_cache 5 9 1000 32 8 : tunables 0 0 0 : slabdata 2 2 0\n");
	warden = start_ticked(false);
	check_int(warden_memory(warden, &details), 0);
	check(details.slabs_known);
	check_int(details.slab_count, 2);
	check_str(details.slabs[0].name, "nfs_inode_cache");
	check_int(details.slabs[0].bytes, 16 * 4096);
	check_int(details.slabs[0].active_objects, 5);
	scratch_remove(warden);
}

TEST(a_caller_that_must_not_act_gets_dry_runs_only)
{
	struct warden *warden;

	set_up();
	warden = start_ticked(false);
	check_int(warden_plan(warden)->step_count, 1);
	check_int(warden_plan(warden)->steps[0].mode, MODE_DRY_RUN);
	scratch_remove(warden);
}

TEST(a_faulty_configuration_leaves_the_old_one_in_force)
{
	struct diag_list diags = { 0 };
	const struct config *before;
	struct warden *warden;

	set_up();
	warden = start_ticked(true);
	before = warden_config(warden);
	scratch_write("rules.d/10-low.ini", "[Rule low]\nOn=host\nWhen=mem.availble < 5%\n");
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), -EINVAL);
	check_int(diags.count, 2); /* the metric, and no Do= */
	check(warden_config(warden) == before);
	check_int(warden_config(warden)->rule_count, 1);
	diag_done(&diags);
	scratch_remove(warden);
}

TEST(canaries_come_and_go_with_reloads_without_fault)
{
	struct diag_list diags = { 0 };
	const struct config *before;
	struct warden *warden;

	set_up();
	scratch_write("rules.d/80.ini", "[Canary a]\nSize=1M\nOnDeath=notify\n");
	warden = start_ticked(true);
	before = warden_config(warden);
	scratch_write("rules.d/80.ini", "[Canary a]\nSize=1M\nSlice=oomwarden.slice\n"
					"[Canary b]\nSize=1M\nOnDeath=freeze subject\n");
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), -EINVAL);
	check_int(diags.count, 2);
	check(warden_config(warden) == before);
	check_int(before->canary_count, 1);
	check_int(before->policies.count, 1);
	check_int(warden_tick(warden, 3 * USEC_PER_SEC), 0);
	diag_done(&diags);
	diags = (struct diag_list){ 0 };
	scratch_write("rules.d/80.ini", "[Canary b]\nSize=1M\nOnDeath=notify\n"
					"[Canary a]\nSize=1M\n");
	check_int(warden_reload(warden, &diags, 4 * USEC_PER_SEC), 0);
	check_int(warden_config(warden)->canary_count, 2);
	check_int(warden_config(warden)->rule_count, 2);
	check_int(warden_tick(warden, 5 * USEC_PER_SEC), 0);
	scratch_write("rules.d/80.ini", "");
	check_int(warden_reload(warden, &diags, 6 * USEC_PER_SEC), 0);
	check_int(warden_config(warden)->canary_count, 0);
	check_int(warden_config(warden)->policies.count, 0);
	check_int(warden_tick(warden, 7 * USEC_PER_SEC), 0);
	scratch_remove(warden);
}

TEST(a_reload_never_gives_out_a_step_number_again)
{
	struct diag_list diags = { 0 };
	struct warden *warden;
	uint64_t first;

	set_up();
	warden = start_ticked(true);
	first = warden_plan(warden)->steps[0].id;
	scratch_write("rules.d/10-low.ini",
		      "[Rule low]\nOn=host\nWhen=mem.available < 98%\nDo=notify\n");
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), 0);
	check_int(warden_tick(warden, 3 * USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 1);
	check(warden_plan(warden)->steps[0].id > first);
	scratch_remove(warden);
}

static const struct outcome *outcome_of(const struct warden *warden, uint64_t step)
{
	const struct outcome *outcomes;
	size_t count = warden_outcomes(warden, &outcomes);

	for (size_t i = 0; i < count; i++)
		if (outcomes[i].step == step)
			return &outcomes[i];
	return NULL;
}

/* By the name of its rule, which is another one's number by then. */
TEST(what_becomes_of_a_step_is_told_over_a_reload)
{
	struct diag_list diags = { 0 };
	const struct step *step;
	struct warden *warden;
	uint64_t id;

	for (int gone = 0; gone < 2; gone++) {
		set_up();
		warden = start_ticked(true);
		id = warden_plan(warden)->steps[0].id;
		scratch_write("rules.d/05-first.ini",
			      "[Rule first]\nOn=host\nWhen=mem.available < 1%\nDo=notify\n");
		if (gone)
			scratch_write("rules.d/10-low.ini", "# nothing\n");
		check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), 0);
		check_int(warden_tick(warden, 3 * USEC_PER_SEC), 0);
		check(outcome_of(warden, id));
		step = warden_step(warden, id);
		check((step == NULL) == gone);
		if (!gone) {
			check_int(step->rule, 1);
			check_str(step->owner, "low");
		}
		scratch_remove(warden);
	}
}

TEST(a_reload_of_what_is_the_same_leaves_rules_alone)
{
	struct diag_list diags = { 0 };
	const struct config *before;
	struct warden *warden;

	set_up();
	warden = start_ticked(true);
	check_int(warden_plan(warden)->step_count, 1);
	before = warden_config(warden);
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), 0);
	check(warden_config(warden) == before);
	for (usec_t at = 3; at < 10; at++) {
		check_int(warden_tick(warden, at * USEC_PER_SEC), 0);
		check_int(warden_plan(warden)->step_count, 0);
	}
	/* Another file in another place is another configuration, whatever is in it. */
	scratch_write("rules.d/20-more.ini", "# nothing\n");
	check_int(warden_reload(warden, &diags, 10 * USEC_PER_SEC), 0);
	check_int(warden_tick(warden, 11 * USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 1);
	scratch_remove(warden);
}

TEST(a_machine_that_is_not_there_is_said)
{
	const struct warden_options options = {
		.root = "/nonexistent/oomwarden",
		.config_path = &scratch_path,
	};
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what = NULL;

	set_up();
	check_int(warden_new(&options, &diags, &what, &warden), -ENOENT);
	check_str(what, "captured machine");
	check(!warden);
	scratch_remove(NULL);
}

static size_t tick_of(struct warden *warden, unsigned seconds)
{
	check_int(warden_tick(warden, seconds * USEC_PER_SEC), 0);
	return warden_plan(warden)->step_count;
}

/* Two frames make it a machine that goes on. */
static struct warden *start_pending(void)
{
	set_up();
	scratch_write("rules.d/10-low.ini",
		      "[Rule low]\nOn=host\nWhen=mem.available < 99%\nFor=3s\nDo=notify\n");
	for (int i = 0; i < 2; i++) {
		char name[128];

		snprintf(name, sizeof(name), "%s/t%d", scratch, i);
		check_int(symlink(".", name), 0);
	}
	return start(true);
}

TEST(what_was_pending_before_a_sleep_starts_over)
{
	struct warden *warden = start_pending();

	/* Without one it fires after three seconds. */
	check(!warden_note_clocks(warden, USEC_PER_SEC, 100 * USEC_PER_SEC));
	for (unsigned i = 1; i <= 3; i++)
		check_int(tick_of(warden, i), 0);
	check(!warden_note_clocks(warden, 4 * USEC_PER_SEC, 103 * USEC_PER_SEC + 1000));
	check_int(tick_of(warden, 4), 1);
	scratch_remove(warden);

	warden = start_pending();
	check(!warden_note_clocks(warden, USEC_PER_SEC, USEC_PER_SEC));
	for (unsigned i = 1; i <= 3; i++)
		check_int(tick_of(warden, i), 0);
	/* Eight hours, of which CLOCK_MONOTONIC knows nothing. */
	check(warden_note_clocks(warden, 4 * USEC_PER_SEC, 8 * 3600 * USEC_PER_SEC));
	for (unsigned i = 4; i <= 6; i++)
		check_int(tick_of(warden, i), 0);
	check(!warden_note_clocks(warden, 7 * USEC_PER_SEC, 8 * 3600 * USEC_PER_SEC + 3000000));
	check_int(tick_of(warden, 7), 1);
	scratch_remove(warden);
}

TEST(clocks_that_contradict_each_other_are_no_sleep)
{
	struct warden *warden;

	set_up();
	warden = start(true);
	check(!warden_note_clocks(warden, 50 * USEC_PER_SEC, 10 * USEC_PER_SEC));
	check(!warden_note_clocks(warden, 51 * USEC_PER_SEC, 11 * USEC_PER_SEC));
	check(!warden_note_clocks(warden, 52 * USEC_PER_SEC, 52 * USEC_PER_SEC + 400000));
	check(warden_note_clocks(warden, 53 * USEC_PER_SEC, 54 * USEC_PER_SEC));
	check(!warden_note_clocks(warden, 54 * USEC_PER_SEC, 54 * USEC_PER_SEC));
	scratch_remove(warden);
}

TEST(a_captured_machine_has_no_events)
{
	struct kernel_event event;
	struct verdict verdict;
	struct warden *warden;

	set_up();
	warden = start(true);
	warden_watch(warden, 0);
	check_int(warden_wait(warden, 0, true) & SENSE_WAKE_EVENT, 0);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	check(!warden_next_kernel_event(warden, &event, &verdict));
	scratch_remove(warden);
}

/* The directory of its own that it finds the list in. */
static struct warden *start_with_list(const char *list)
{
	char path[128];
	static char directory[128];

	set_up();
	snprintf(directory, sizeof(directory), "%s/run", scratch);
	snprintf(path, sizeof(path), "run/%s", PAUSE_FILE_NAME);
	check_int(mkdir(directory, 0755), 0);
	if (list)
		scratch_write(path, list);
	return scratch_start(
		(struct warden_options){ .act = true, .runtime_directory = directory });
}

static void check_mode(struct warden *warden, usec_t now, enum mode mode)
{
	check_int(warden_tick(warden, now), 0);
	check_int(warden_plan(warden)->step_count, 1);
	check_int(warden_plan(warden)->steps[0].mode, mode);
}

TEST(what_is_paused_is_known_from_the_start_and_read_again)
{
	struct diag_list diags = { 0 };
	struct warden *warden = start_with_list("rule low\n");

	check_int(warden_paused(warden)->count, 1);
	check_mode(warden, USEC_PER_SEC, MODE_DRY_RUN);
	scratch_write("run/paused", "rule other\n");
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), 0);
	check_mode(warden, 3 * USEC_PER_SEC, MODE_ENFORCE);
	scratch_write("run/paused", "host\n");
	check_int(warden_reload(warden, &diags, 4 * USEC_PER_SEC), 0);
	check_mode(warden, 5 * USEC_PER_SEC, MODE_DRY_RUN);
	/* What the configuration itself says is as it was. */
	check_int(warden_config(warden)->mode, MODE_ENFORCE);
	scratch_remove(warden);
}

TEST(a_pause_is_about_what_it_names_alone)
{
	struct diag_list diags = { 0 };
	struct warden *warden = start_with_list(NULL);
	const struct config *before;

	scratch_write("rules.d/20-more.ini",
		      "[Rule more]\nOn=host\nWhen=mem.available < 99%\nDo=notify\n");
	check_int(warden_reload(warden, &diags, USEC_PER_SEC), 0);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 2);
	before = warden_config(warden);
	scratch_write("run/paused", "rule low\n");
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), 0);
	check(warden_config(warden) == before);
	check_mode(warden, 3 * USEC_PER_SEC, MODE_DRY_RUN);
	check_str(warden_plan(warden)->steps[0].owner, "low");
	scratch_write("run/paused", "rule other\n");
	check_int(warden_reload(warden, &diags, 4 * USEC_PER_SEC), 0);
	check_mode(warden, 5 * USEC_PER_SEC, MODE_ENFORCE);
	check_str(warden_plan(warden)->steps[0].owner, "low");
	scratch_remove(warden);
}

TEST(a_list_that_cannot_be_read_pauses_the_host)
{
	struct warden *warden = start_with_list("rule a\nnonsense\n");

	check_contains(warden_paused(warden)->fault, "line 2");
	check_mode(warden, USEC_PER_SEC, MODE_DRY_RUN);
	scratch_remove(warden);
}

TEST(the_brake_works_beside_a_faulty_configuration)
{
	struct diag_list diags = { 0 };
	struct warden *warden = start_with_list(NULL);
	const struct config *before = warden_config(warden);

	check_mode(warden, USEC_PER_SEC, MODE_ENFORCE);
	scratch_write("rules.d/10-low.ini", "[Rule low]\nOn=host\nWhen=mem.availble < 5%\n");
	scratch_write("run/paused", "host\n");
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), -EINVAL);
	check(diags.count > 0);
	check(warden_config(warden) == before);
	check_mode(warden, 3 * USEC_PER_SEC, MODE_DRY_RUN);
	/* And is let go. */
	scratch_write("run/paused", "rule other\n");
	check_int(warden_reload(warden, &diags, 4 * USEC_PER_SEC), -EINVAL);
	check_mode(warden, 5 * USEC_PER_SEC, MODE_ENFORCE);
	/* With the same list it is as if nobody had asked: the rule has fired, and goes on. */
	check_int(warden_reload(warden, &diags, 6 * USEC_PER_SEC), -EINVAL);
	check_int(warden_tick(warden, 7 * USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 0);
	diag_done(&diags);
	scratch_remove(warden);
}
