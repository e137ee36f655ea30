/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a clerk does with a request, on a kernel and a manager that give every answer there is. */

#include "act/fake-doors.h"
#include "test.h"

#define DEADLINE_USEC (30 * USEC_PER_SEC)

static struct fake fake;
static struct work_request request;

static void set_up(enum setting_id id, int64_t number, enum cgroup_owner owner)
{
	fake_reset(&fake);
	request = (struct work_request){
		.kind = WORK_SET,
		.token = 5,
		.deadline_usec = DEADLINE_USEC,
		.setting = { .on = { .id = id, .key = FAKE_KEY },
			     .value.number = number,
			     .owner = owner },
	};
	if (setting_get(id)->scope == SCOPE_SERVICE)
		strcpy(request.setting.path, FAKE_PATH);
}

/* The error, 0 for success. */
static int run(void)
{
	fake_run(&fake, &request);
	check_int(fake.finals, 1);
	check(fake.last.final);
	check_int(fake.last.token, 5);
	return fake.last.error;
}

static int64_t in_force(void)
{
	check(fake.last.in_force_known);
	return fake.last.in_force.number;
}

/* --- which door ------------------------------------------------------------------------------- */

TEST(what_nobody_owns_is_written_and_read_back)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_NOBODY);
	check_int(run(), 0);
	check_int(in_force(), 64 * MIB);
	check_int(fake.writes, 1);
	check_int(fake.unit_sets, 0);
	check_str(fake.last.said, "");
}

TEST(a_unit_is_told_and_the_kernel_asked)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.delay = 300 * USEC_PER_MSEC;
	check_int(run(), 0);
	check_int(in_force(), 64 * MIB);
	check_int(fake.writes, 0);
	check_int(fake.unit_sets, 1);
	check(fake.drop_in);
}

TEST(what_others_own_is_not_touched)
{
	static const enum cgroup_owner owners[] = { OWNER_OTHER, OWNER_UNKNOWN };

	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		set_up(SETTING_MEMORY_LOW, 64 * MIB, owners[i]);
		check_int(run(), EPERM);
		check_contains(fake.last.said, "another manager");
		check_int(fake.writes + fake.unit_sets, 0);
	}
}

TEST(the_root_cgroup_is_nobodys_service)
{
	set_up(SETTING_MEMORY_HIGH, 64 * MIB, OWNER_NOBODY);
	request.setting.path[0] = '\0';
	check_int(run(), EINVAL);
	check_int(fake.writes, 0);
	request.kind = WORK_RECLAIM;
	request.relief = (struct work_relief){ .bytes = MIB };
	fake.finals = 0;
	check_int(run(), EINVAL);
	check_int(fake.reclaims, 0);
}

TEST(a_service_that_vanished_or_restarted_is_not_touched)
{
	static const enum cgroup_owner owners[] = { OWNER_NOBODY, OWNER_SYSTEMD };

	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		set_up(SETTING_MEMORY_LOW, 64 * MIB, owners[i]);
		fake.gone = true;
		check_int(run(), ENOENT);
		check_int(fake.writes + fake.unit_sets, 0);
		set_up(SETTING_MEMORY_LOW, 64 * MIB, owners[i]);
		fake.key = FAKE_KEY + 1;
		check_int(run(), ESTALE);
		check_int(fake.writes + fake.unit_sets, 0);
	}
}

TEST(what_it_has_already_is_not_written)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.values[SETTING_MEMORY_LOW].number = 64 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 64 * MIB);
	check_int(fake.unit_sets, 0);
	check(!fake.drop_in);
}

TEST(rounding_to_pages_is_no_other_value)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB + 5, OWNER_SYSTEMD);
	check_int(run(), 0);
	check_int(in_force(), 64 * MIB);
	check_str(fake.last.said, "");
	/* The manager's answer was taken at once. */
	check(fake.now < USEC_PER_SEC + 100 * USEC_PER_MSEC);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

TEST(what_the_kernel_refuses_is_told_and_nothing_changed)
{
	static const int errors[] = { EPERM, EACCES, EROFS, EBUSY, ENOSPC, EINVAL, EIO };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_NOBODY);
		fake.values[SETTING_MEMORY_LOW].number = 8 * MIB;
		fake.write_error = -errors[i];
		check_int(run(), errors[i]);
		check_int(in_force(), 8 * MIB);
		check_int(fake.writes, 1);
	}
}

TEST(a_value_that_the_kernel_clamps_is_shown)
{
	set_up(SETTING_SWAPPINESS, 180, OWNER_UNKNOWN);
	fake.values[SETTING_SWAPPINESS].number = 60;
	fake.clamp = 100;
	check_int(run(), 0);
	check_int(in_force(), 100);
	check_contains(fake.last.said, "vm.swappiness was taken, and is 100");
}

TEST(a_value_that_the_manager_puts_aside_is_shown)
{
	set_up(SETTING_MEMORY_MIN, 64 * MIB, OWNER_SYSTEMD);
	fake.ignores = true;
	check_int(run(), 0);
	check_int(in_force(), 0);
	check_contains(fake.last.said, "MemoryMin was taken, and is 0");
	/* It had its time, and no more. */
	check(fake.now > 2 * USEC_PER_SEC && fake.now < 4 * USEC_PER_SEC);
}

TEST(what_v1_has_not_is_not_even_tried)
{
	set_up(SETTING_MEMORY_HIGH, 64 * MIB, OWNER_SYSTEMD);
	fake.v1 = true;
	check_int(run(), EOPNOTSUPP);
	check_contains(fake.last.said, "no MemoryHigh");
	check_int(fake.unit_sets, 0);
	set_up(SETTING_MEMORY_SWAP_MAX, 64 * MIB, OWNER_NOBODY);
	fake.present[SETTING_MEMORY_SWAP_MAX] = false;
	check_int(run(), ENOENT);
	check_contains(fake.last.said, "no MemorySwapMax");
}

TEST(a_controller_that_the_manager_turns_on_is_read_back)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.present[SETTING_MEMORY_LOW] = false;
	check_int(run(), 0);
	check_int(in_force(), 64 * MIB);
}

TEST(what_systemd_cannot_set_is_told)
{
	set_up(SETTING_OOM_GROUP, 1, OWNER_SYSTEMD);
	check_int(run(), EOPNOTSUPP);
	check_contains(fake.last.said, "systemd cannot set OOMGroup");
	check_int(fake.writes, 0);
}

TEST(a_cgroup_without_a_unit_is_told)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.unit_known = false;
	check_int(run(), ENOENT);
	check_contains(fake.last.said, "no unit");
	check_int(fake.writes, 0);
}

TEST(a_manager_that_is_not_there_is_told)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.unit_error = -ECONNREFUSED;
	check_int(run(), ECONNREFUSED);
	check_str(fake.last.said, "the manager says no");
	check_int(fake.writes, 0);
}

TEST(an_answer_that_is_lost_is_no_refusal)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.unit_error = -ETIMEDOUT;
	fake.lost = true;
	check_int(run(), 0);
	check_int(in_force(), 64 * MIB);
	check_str(fake.last.said, "");
}

/* It may still come to it, after the answer was waited for: so the old value is sent after it. */
/* As when it is reloaded, or executed anew. */
TEST(a_manager_that_hangs_up_may_have_done_it)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.unit_error = -ECONNRESET;
	fake.lost = true;
	check_int(run(), 0);
	check_int(in_force(), 64 * MIB);
	check_str(fake.last.said, "");
	check_int(fake.unit_sets, 1);
	/* Or not: then it is told to leave it. */
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.unit_error = -ECONNRESET;
	check_int(run(), ECONNRESET);
	check_int(fake.unit_sets, 2);
	check_int(fake.last_set.number, 0);
	check_str(fake.last.said, "the manager says no");
}

TEST(a_manager_that_hangs_is_told_to_leave_it)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.values[SETTING_MEMORY_LOW].number = 8 * MIB;
	fake.unit_error = -ETIMEDOUT;
	check_int(run(), ETIMEDOUT);
	check_int(fake.unit_sets, 2);
	check_int(fake.last_set.number, 8 * MIB);
	check_contains(fake.last.said, "manager");
}

/* Stopped or restarted between the call and the look: the unit would keep it. */
TEST(one_that_goes_meanwhile_leaves_nothing_with_its_unit)
{
	set_up(SETTING_MEMORY_LOW, 64 * MIB, OWNER_SYSTEMD);
	fake.values[SETTING_MEMORY_LOW].number = 8 * MIB;
	fake.gone_after = 1;
	check_int(run(), ESTALE);
	check(!fake.last.in_force_known);
	check_int(fake.unit_sets, 2);
	check_int(fake.last_set.number, 8 * MIB);
	check(fake.now < USEC_PER_SEC + 100 * USEC_PER_MSEC);
}

/* --- memory.max ------------------------------------------------------------------------------- */

TEST(memory_max_is_never_set_below_use)
{
	set_up(SETTING_MEMORY_MAX, 512 * MIB, OWNER_NOBODY);
	fake.use = fake.fixed = 600 * MIB;
	check_int(run(), EBUSY);
	check_contains(fake.last.said, "it uses 600 MiB");
	check_int(fake.writes, 0);
	check(!fake.killed);
	check(fake.reclaims > 0);
	check_int(fake.values[SETTING_MEMORY_MAX].number, SETTING_UNLIMITED);
}

TEST(memory_max_comes_after_reclaim)
{
	set_up(SETTING_MEMORY_MAX, 512 * MIB, OWNER_SYSTEMD);
	fake.use = 2 * GIB;
	fake.fixed = 100 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 512 * MIB);
	check(!fake.killed);
	/* With some room to grow. */
	check(fake.use < 500 * MIB);
	check(fake.largest_reclaim <= CLERK_RECLAIM_BYTES);
	check_int(fake.unit_sets, 1);
}

TEST(memory_max_close_to_use_is_not_set)
{
	set_up(SETTING_MEMORY_MAX, 512 * MIB, OWNER_NOBODY);
	fake.use = fake.fixed = 500 * MIB;
	check_int(run(), EBUSY);
	check_int(fake.writes, 0);
	set_up(SETTING_MEMORY_MAX, 512 * MIB, OWNER_NOBODY);
	fake.use = fake.fixed = 470 * MIB;
	check_int(run(), 0);
	check(!fake.killed);
}

TEST(memory_max_of_one_that_grows_is_not_set)
{
	set_up(SETTING_MEMORY_MAX, 512 * MIB, OWNER_NOBODY);
	fake.use = 2 * GIB;
	fake.growth = 60 * MIB;
	check_int(run(), EBUSY);
	check(!fake.killed);
	check_int(fake.writes, 0);
}

TEST(memory_max_goes_up_at_once)
{
	set_up(SETTING_MEMORY_MAX, GIB, OWNER_NOBODY);
	fake.values[SETTING_MEMORY_MAX].number = 512 * MIB;
	fake.use = fake.fixed = 511 * MIB;
	check_int(run(), 0);
	check_int(in_force(), GIB);
	check_int(fake.reclaims, 0);
}

/* Use may have grown into it by then. */
TEST(memory_max_that_went_up_unanswered_is_not_taken_down_at_once)
{
	set_up(SETTING_MEMORY_MAX, 2 * GIB, OWNER_SYSTEMD);
	fake.values[SETTING_MEMORY_MAX].number = GIB;
	fake.use = 900 * MIB;
	fake.unit_error = -ETIMEDOUT;
	check_int(run(), ETIMEDOUT);
	check_int(fake.unit_sets, 1);
	check(!fake.killed);
}

TEST(memory_max_without_memory_reclaim_is_set_where_there_is_room)
{
	set_up(SETTING_MEMORY_MAX, GIB, OWNER_NOBODY);
	fake.has_reclaim = false;
	fake.use = 512 * MIB;
	check_int(run(), 0);
	set_up(SETTING_MEMORY_MAX, GIB, OWNER_NOBODY);
	fake.has_reclaim = false;
	fake.use = 2 * GIB;
	check_int(run(), EBUSY);
	check(!fake.killed);
}

TEST(an_undo_of_memory_max_kills_nobody_either)
{
	set_up(SETTING_MEMORY_MAX, 512 * MIB, OWNER_SYSTEMD);
	request.setting.is_undo = request.setting.drop_in_goes = true;
	fake.values[SETTING_MEMORY_MAX].number = GIB;
	fake.use = fake.fixed = 900 * MIB;
	fake.drop_in = true;
	check_int(run(), EBUSY);
	check(!fake.killed);
	check_int(fake.unit_sets, 0);
	check(fake.drop_in);
}

/* --- memory.high ------------------------------------------------------------------------------ */

TEST(memory_high_follows_use_down)
{
	set_up(SETTING_MEMORY_HIGH, 512 * MIB, OWNER_SYSTEMD);
	fake.use = 4 * GIB;
	fake.fixed = 100 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 512 * MIB);
	check_int(fake.deepest, 0);
	check(fake.largest_reclaim <= CLERK_RECLAIM_BYTES);
	/* In steps, and not too many. */
	check(fake.unit_sets >= 2 && fake.unit_sets <= 10);
}

TEST(memory_high_stays_at_what_cannot_be_reclaimed)
{
	set_up(SETTING_MEMORY_HIGH, 512 * MIB, OWNER_NOBODY);
	fake.use = 2 * GIB;
	fake.fixed = GIB + 5000;
	check_int(run(), 0);
	check_int(in_force(), GIB + MIB);
	check_int(fake.deepest, 0);
	check_contains(fake.last.said, "no more could be reclaimed");
	check(fake.now < 10 * USEC_PER_SEC);
}

/* Without swap nothing of it goes: it is slowed from where it is, not throttled below. */
TEST(memory_high_of_a_swapless_hog_is_at_its_use)
{
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_SYSTEMD);
	fake.use = fake.fixed = 900 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 900 * MIB);
	check_int(fake.deepest, 0);
	check_int(fake.unit_sets, 1);
}

TEST(memory_high_never_goes_up_on_the_way_down)
{
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_NOBODY);
	fake.values[SETTING_MEMORY_HIGH].number = 500 * MIB;
	fake.use = fake.fixed = 600 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 500 * MIB);
	check_contains(fake.last.said, "it uses 600 MiB");
}

TEST(memory_high_of_one_that_grows_ends)
{
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_NOBODY);
	fake.use = GIB;
	fake.growth = 70 * MIB;
	check_int(run(), 0);
	check(in_force() >= 900 * MIB);
	check(fake.now < USEC_PER_SEC + DEADLINE_USEC);
}

TEST(memory_high_without_memory_reclaim_presses_in_portions)
{
	set_up(SETTING_MEMORY_HIGH, 256 * MIB, OWNER_SYSTEMD);
	fake.has_reclaim = false;
	fake.use = GIB;
	check_int(run(), 0);
	check_int(in_force(), 256 * MIB);
	check(fake.deepest <= CLERK_CHUNK_BYTES);
	set_up(SETTING_MEMORY_HIGH, 256 * MIB, OWNER_SYSTEMD);
	fake.has_reclaim = false;
	fake.use = fake.fixed = GIB;
	check_int(run(), 0);
	/* Not left below use. */
	check_int(in_force(), GIB);
	check(fake.deepest <= CLERK_CHUNK_BYTES);
}

TEST(no_limit_goes_below_the_protected_part)
{
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_NOBODY);
	request.setting.floor_bytes = 300 * MIB;
	fake.use = GIB;
	check_int(run(), 0);
	check_int(in_force(), 300 * MIB);
	check(fake.use >= 299 * MIB);
	set_up(SETTING_MEMORY_MAX, 100 * MIB, OWNER_NOBODY);
	request.setting.floor_bytes = 300 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 300 * MIB);
	/* What was there before had its reasons. */
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_NOBODY);
	request.setting.floor_bytes = 300 * MIB;
	request.setting.is_undo = true;
	check_int(run(), 0);
	check_int(in_force(), 100 * MIB);
}

TEST(a_limit_that_is_taken_back_midway_leaves_nothing)
{
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_SYSTEMD);
	fake.values[SETTING_MEMORY_HIGH].number = 8 * GIB;
	fake.use = 4 * GIB;
	fake.cancel_after = 200;
	check_int(run(), ECANCELED);
	check(fake.unit_sets > 1);
	check_int(fake.values[SETTING_MEMORY_HIGH].number, 8 * GIB);
	check_int(in_force(), 8 * GIB);
	/* Where there was none before. */
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_SYSTEMD);
	fake.use = 4 * GIB;
	fake.cancel_after = 20;
	check_int(run(), ECANCELED);
	check_int(fake.values[SETTING_MEMORY_HIGH].number, SETTING_UNLIMITED);
}

TEST(a_limit_that_takes_too_long_stays_where_it_is)
{
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_NOBODY);
	request.deadline_usec = 200 * USEC_PER_MSEC;
	fake.use = 4 * GIB;
	check_int(run(), 0);
	check(in_force() < 4 * GIB && in_force() > GIB);
	check(in_force() >= fake.use);
}

TEST(a_request_taken_back_before_it_began_does_nothing)
{
	set_up(SETTING_MEMORY_LOW, 100 * MIB, OWNER_NOBODY);
	fake.calls = fake.cancel_after = 1;
	check_int(run(), ECANCELED);
	check_int(fake.writes, 0);
}

TEST(a_limit_on_what_is_not_accounted_is_set)
{
	set_up(SETTING_MEMORY_HIGH, 100 * MIB, OWNER_SYSTEMD);
	fake.accounted = false;
	fake.present[SETTING_MEMORY_HIGH] = false;
	check_int(run(), 0);
	check_int(in_force(), 100 * MIB);
}

/* --- v1 --------------------------------------------------------------------------------------- */

TEST(v1_goes_all_the_way_or_not_at_all)
{
	static const enum cgroup_owner owners[] = { OWNER_NOBODY, OWNER_SYSTEMD };

	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		set_up(SETTING_MEMORY_MAX, 256 * MIB, owners[i]);
		fake.v1 = true;
		fake.use = 2 * GIB;
		fake.fixed = 128 * MIB;
		check_int(run(), 0);
		check_int(in_force(), 256 * MIB);

		set_up(SETTING_MEMORY_MAX, 256 * MIB, owners[i]);
		fake.v1 = true;
		fake.values[SETTING_MEMORY_MAX].number = 4 * GIB;
		fake.use = 2 * GIB;
		fake.fixed = GIB;
		check_int(run(), EBUSY);
		check_contains(fake.last.said, "not enough could be reclaimed");
		check_int(fake.values[SETTING_MEMORY_MAX].number, 4 * GIB);
		check_int(in_force(), 4 * GIB);
		check(!fake.killed);
	}
}

TEST(v1_with_room_is_one_write)
{
	set_up(SETTING_MEMORY_MAX, GIB, OWNER_NOBODY);
	fake.v1 = true;
	fake.use = 256 * MIB;
	check_int(run(), 0);
	check_int(fake.writes, 1);
	check_int(in_force(), GIB);
}

/* --- undo ------------------------------------------------------------------------------------- */

TEST(an_undo_takes_our_drop_in_away)
{
	set_up(SETTING_MEMORY_HIGH, SETTING_UNLIMITED, OWNER_SYSTEMD);
	request.setting.is_undo = request.setting.drop_in_goes = true;
	fake.values[SETTING_MEMORY_HIGH].number = 512 * MIB;
	fake.drop_in = true;
	check_int(run(), 0);
	check_int(in_force(), SETTING_UNLIMITED);
	check(!fake.drop_in);
	/* Somebody had one before us: it has the value of before now. */
	set_up(SETTING_MEMORY_HIGH, GIB, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	fake.values[SETTING_MEMORY_HIGH].number = 512 * MIB;
	fake.drop_in = true;
	check_int(run(), 0);
	check(fake.drop_in);
}

/* Somebody has put the kernel's value back already; what the unit was told has to go as well. */
TEST(an_undo_reaches_the_unit_even_where_the_kernel_has_the_value)
{
	set_up(SETTING_MEMORY_HIGH, GIB, OWNER_SYSTEMD);
	request.setting.is_undo = request.setting.drop_in_goes = true;
	fake.values[SETTING_MEMORY_HIGH].number = GIB;
	fake.drop_in = true;
	check_int(run(), 0);
	check_int(fake.unit_sets, 1);
	check(!fake.drop_in);
}

TEST(an_undo_follows_a_unit_that_was_restarted)
{
	set_up(SETTING_MEMORY_HIGH, SETTING_UNLIMITED, OWNER_SYSTEMD);
	request.setting.is_undo = request.setting.drop_in_goes = true;
	fake.values[SETTING_MEMORY_HIGH].number = 512 * MIB;
	fake.key = FAKE_KEY + 1;
	fake.drop_in = true;
	check_int(run(), 0);
	check_int(in_force(), SETTING_UNLIMITED);
	check(!fake.drop_in);
	/* Files are of one cgroup, and went with it. */
	set_up(SETTING_MEMORY_HIGH, SETTING_UNLIMITED, OWNER_NOBODY);
	request.setting.is_undo = true;
	fake.key = FAKE_KEY + 1;
	check_int(run(), ESTALE);
	check_int(fake.writes, 0);
}

TEST(an_undo_reaches_a_unit_that_is_stopped)
{
	set_up(SETTING_MEMORY_HIGH, SETTING_UNLIMITED, OWNER_SYSTEMD);
	request.setting.is_undo = request.setting.drop_in_goes = true;
	fake.gone = fake.drop_in = true;
	check_int(run(), 0);
	check_int(fake.unit_sets, 1);
	check_int(fake.last_set.number, SETTING_UNLIMITED);
	check(!fake.drop_in);
	/* A scope is forgotten with its processes. */
	set_up(SETTING_MEMORY_HIGH, SETTING_UNLIMITED, OWNER_SYSTEMD);
	request.setting.is_undo = request.setting.drop_in_goes = true;
	fake.gone = fake.drop_in = true;
	fake.unit_known = false;
	check_int(run(), 0);
	check(!fake.drop_in);
}

TEST(an_undo_waits_for_a_manager_that_is_not_there)
{
	set_up(SETTING_MEMORY_HIGH, SETTING_UNLIMITED, OWNER_SYSTEMD);
	request.setting.is_undo = request.setting.drop_in_goes = true;
	fake.values[SETTING_MEMORY_HIGH].number = GIB;
	fake.unit_error = -ENOTCONN;
	fake.drop_in = true;
	check_int(run(), ENOTCONN);
	check_str(fake.last.said, "the manager says no");
	check(fake.drop_in);
	check_int(fake.writes, 0);
	/* With the cgroup goes what there was to give back, but for our drop-in. */
	set_up(SETTING_MEMORY_HIGH, SETTING_UNLIMITED, OWNER_SYSTEMD);
	request.setting.is_undo = request.setting.drop_in_goes = true;
	fake.unit_error = -ENOTCONN;
	fake.gone = fake.drop_in = true;
	check_int(run(), 0);
	check_contains(fake.last.said, "gone");
	check(!fake.drop_in);
}

TEST(an_undo_of_what_the_manager_has_let_go_of_is_written)
{
	set_up(SETTING_MEMORY_HIGH, SETTING_UNLIMITED, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	fake.values[SETTING_MEMORY_HIGH].number = GIB;
	fake.unit_known = false;
	check_int(run(), 0);
	check_int(in_force(), SETTING_UNLIMITED);
	check_int(fake.writes, 1);
	check_int(fake.unit_sets, 0);
}

TEST(an_undo_of_memory_high_comes_back_whatever_it_does)
{
	set_up(SETTING_MEMORY_HIGH, 512 * MIB, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	fake.values[SETTING_MEMORY_HIGH].number = GIB;
	fake.use = fake.fixed = 900 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 512 * MIB);
	check(fake.reclaims > 0);
}

TEST(an_undo_that_fails_does_not_bring_the_remedy_back)
{
	set_up(SETTING_MEMORY_LOW, 0, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	fake.values[SETTING_MEMORY_LOW].number = GIB;
	fake.unit_error = -ETIMEDOUT;
	check_int(run(), ETIMEDOUT);
	check_int(fake.unit_sets, 1);
	check_int(fake.last_set.number, 0);
}

/* --- other settings --------------------------------------------------------------------------- */

TEST(nodes_say_when_pages_are_to_follow)
{
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_SYSTEMD);
	idset_add(&request.setting.value.nodes, 1);
	fake.present[SETTING_ALLOWED_NODES] = false;
	check_int(run(), 0);
	check(fake.last.in_force_known);
	check(idset_has(&fake.last.in_force.nodes, 1));
	check_contains(fake.last.said, "are to follow");
	/* The controller was on already: the kernel moves them. */
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_NOBODY);
	idset_add(&request.setting.value.nodes, 1);
	check_int(run(), 0);
	check_str(fake.last.said, "");
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_NOBODY);
	idset_add(&request.setting.value.nodes, 1);
	fake.v1 = true;
	check_int(run(), 0);
	check_contains(fake.last.said, "are to follow");
	/* What is given back is not followed. */
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_NOBODY);
	idset_add(&request.setting.value.nodes, 1);
	request.setting.is_undo = true;
	fake.v1 = true;
	check_int(run(), 0);
	check_contains(fake.last.said, "stay where they are");
}

TEST(no_nodes_may_be_spelled_out_or_gone)
{
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_NOBODY);
	request.setting.is_undo = true;
	idset_add(&fake.values[SETTING_ALLOWED_NODES].nodes, 1);
	fake.ignores = true;
	check_int(run(), 0);
	check(fake.last.in_force_known);
	check_str(fake.last.said, "");
	check(fake.now < 2 * USEC_PER_SEC);
	/* The manager turns the controller off. */
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	fake.present[SETTING_ALLOWED_NODES] = false;
	fake.ignores = true;
	check_int(run(), 0);
	check(fake.last.in_force_known);
}

TEST(no_nodes_are_waited_for_where_a_manager_gives_them_back)
{
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	idset_add(&fake.values[SETTING_ALLOWED_NODES].nodes, 1);
	fake.delay = 300 * USEC_PER_MSEC;
	check_int(run(), 0);
	check(idset_is_empty(&fake.last.in_force.nodes));
	check(!strstr(fake.last.said, "was taken"));
	check_int(fake.writes, 0);
}

TEST(nodes_that_a_manager_leaves_behind_are_given_back_by_their_file)
{
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	idset_add(&fake.values[SETTING_ALLOWED_NODES].nodes, 1);
	fake.ignores = true;
	check_int(run(), 0);
	check_int(fake.unit_sets, 1);
	check_int(fake.writes, 1);
	check(idset_is_empty(&fake.last.in_force.nodes));
	/* Where that fails too, it is told. */
	set_up(SETTING_ALLOWED_NODES, 0, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	idset_add(&fake.values[SETTING_ALLOWED_NODES].nodes, 1);
	fake.ignores = true;
	fake.write_error = -ENOSPC;
	check_int(run(), 0);
	check(!idset_is_empty(&fake.last.in_force.nodes));
	check_contains(fake.last.said, "was taken, and is ");
}

TEST(cpus_go_as_nodes_do)
{
	set_up(SETTING_ALLOWED_CPUS, 0, OWNER_SYSTEMD);
	idset_add(&request.setting.value.nodes, 1);
	fake.present[SETTING_ALLOWED_CPUS] = false;
	check_int(run(), 0);
	check(fake.last.in_force_known);
	check(idset_has(&fake.last.in_force.nodes, 1));
	/* No page follows a CPU. */
	check_str(fake.last.said, "");
	set_up(SETTING_ALLOWED_CPUS, 0, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	idset_add(&fake.values[SETTING_ALLOWED_CPUS].nodes, 1);
	fake.ignores = true;
	check_int(run(), 0);
	check_int(fake.unit_sets, 1);
	check_int(fake.writes, 1);
	check(idset_is_empty(&fake.last.in_force.nodes));
}

TEST(cpus_of_somebody_elses_choice_are_left_alone)
{
	static const enum cgroup_owner owners[] = { OWNER_SYSTEMD, OWNER_NOBODY };

	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		set_up(SETTING_ALLOWED_CPUS, 0, owners[i]);
		idset_add(&request.setting.value.nodes, 1);
		fake.read_error = -EDOM;
		check_int(run(), EALREADY);
		check_contains(fake.last.said, "somebody else");
		check_int(fake.writes + fake.unit_sets, 0);
	}
	/* What was ours goes from the unit all the same. */
	set_up(SETTING_ALLOWED_CPUS, 0, OWNER_SYSTEMD);
	request.setting.is_undo = true;
	fake.read_error = -EDOM;
	check_int(run(), 0);
	check_int(fake.unit_sets, 1);
}

TEST(what_is_frozen_by_others_is_left_to_them)
{
	set_up(SETTING_FREEZE, 1, OWNER_SYSTEMD);
	check_int(run(), 0);
	check(fake.frozen_by_unit);
	check_int(in_force(), 1);
	set_up(SETTING_FREEZE, 1, OWNER_SYSTEMD);
	fake.values[SETTING_FREEZE].number = 1;
	check_int(run(), EALREADY);
	check_contains(fake.last.said, "somebody else");
	check(!fake.frozen_by_unit);
}

TEST(huge_pages_that_are_in_use_stay)
{
	set_up(SETTING_HUGE_PAGES, 10, OWNER_UNKNOWN);
	request.setting.on =
		(struct setting_target){ .id = SETTING_HUGE_PAGES, .key = 1, .detail = 2 * MIB };
	fake.values[SETTING_HUGE_PAGES].number = 100;
	fake.clamp = 40;
	check_int(run(), 0);
	check_int(in_force(), 40);
	check_int(fake.last.done_bytes, 120 * MIB);
	check_contains(fake.last.said, "nr_hugepages was taken, and is 40");
}

/* They are taken from a node that was short. */
TEST(huge_pages_go_back_as_far_as_there_is_room)
{
	set_up(SETTING_HUGE_PAGES, 200, OWNER_UNKNOWN);
	request.setting.on =
		(struct setting_target){ .id = SETTING_HUGE_PAGES, .key = 1, .detail = 2 * MIB };
	request.setting.is_undo = true;
	fake.values[SETTING_HUGE_PAGES].number = 100;
	fake.room = 61 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 130);
	check_contains(fake.last.said, "node 1 has room for 130 of 200 huge pages");
	/* Not one. */
	fake.finals = 0;
	fake.room = 0;
	check_int(run(), 0);
	check_int(in_force(), 130);
	fake.finals = 0;
	fake.room = 140 * MIB;
	check_int(run(), 0);
	check_int(in_force(), 200);
	check_str(fake.last.said, "");
	/* A pool that was smaller takes nothing. */
	request.setting.value.number = 50;
	fake.finals = 0;
	fake.room = 0;
	check_int(run(), 0);
	check_int(in_force(), 50);
}

/* Where nothing is known of the node, and for who asks for more of them. */
TEST(huge_pages_are_else_as_many_as_were_asked_for)
{
	set_up(SETTING_HUGE_PAGES, 200, OWNER_UNKNOWN);
	request.setting.on =
		(struct setting_target){ .id = SETTING_HUGE_PAGES, .key = 1, .detail = 2 * MIB };
	fake.values[SETTING_HUGE_PAGES].number = 100;
	check_int(run(), 0);
	check_int(in_force(), 200);
	set_up(SETTING_HUGE_PAGES, 200, OWNER_UNKNOWN);
	request.setting.on =
		(struct setting_target){ .id = SETTING_HUGE_PAGES, .key = 2, .detail = 2 * MIB };
	request.setting.is_undo = true;
	fake.values[SETTING_HUGE_PAGES].number = 100;
	check_int(run(), 0);
	check_int(in_force(), 200);
}

TEST(scores_are_no_clerks_business)
{
	set_up(SETTING_OOM_SCORE_ADJ, 500, OWNER_NOBODY);
	check_int(run(), EINVAL);
	request.setting.on.id = SETTING_COUNT_;
	fake.finals = 0;
	check_int(run(), EINVAL);
	check_int(fake.writes, 0);
}

/* --- reclaim ---------------------------------------------------------------------------------- */

static void set_up_reclaim(int64_t bytes)
{
	fake_reset(&fake);
	request = (struct work_request){
		.kind = WORK_RECLAIM,
		.token = 5,
		.deadline_usec = DEADLINE_USEC,
		.relief = { .path = FAKE_PATH, .key = FAKE_KEY, .bytes = (uint64_t)bytes },
	};
}

TEST(reclaim_is_asked_for_in_portions)
{
	set_up_reclaim(GIB);
	fake.use = 2 * GIB;
	check_int(run(), 0);
	check_int(fake.last.done_bytes, GIB);
	check_int(fake.use, GIB);
	check(fake.largest_reclaim <= CLERK_RECLAIM_BYTES);
	check_int(fake.reclaims, GIB / CLERK_RECLAIM_BYTES);
}

/* What others take meanwhile hides nothing of what was got. */
TEST(growth_does_not_hide_what_was_reclaimed)
{
	set_up_reclaim(GIB);
	fake.use = 2 * GIB;
	fake.growth = 64 * MIB;
	check_int(run(), 0);
	check_int(fake.last.done_bytes, GIB);
}

TEST(less_than_was_asked_for_is_a_success)
{
	set_up_reclaim(GIB);
	fake.use = GIB;
	fake.fixed = 700 * MIB;
	check_int(run(), 0);
	check_int(fake.last.done_bytes, 324 * MIB);
	check(fake.reclaims <= 324 * MIB / CLERK_RECLAIM_BYTES + 3);
}

/* What was got until then counts, and the rest is asked for. */
TEST(an_interruption_is_not_the_end_of_reclaim)
{
	set_up_reclaim(256 * MIB);
	fake.use = GIB;
	fake.interrupted_left = 2;
	check_int(run(), 0);
	check_int(fake.last.done_bytes, 256 * MIB);
	check_int(fake.use, GIB - 256 * MIB);
}

TEST(nothing_at_all_is_a_failure)
{
	set_up_reclaim(GIB);
	fake.use = fake.fixed = GIB;
	check_int(run(), EAGAIN);
	check_int(fake.last.done_bytes, 0);
	check(fake.reclaims <= 3);
}

TEST(reclaim_ends_when_it_is_taken_back)
{
	set_up_reclaim(4 * GIB);
	fake.use = 8 * GIB;
	fake.cancel_after = 5;
	check_int(run(), ECANCELED);
	check_int(fake.reclaims, 5);
	check_int(fake.last.done_bytes, 5 * CLERK_RECLAIM_BYTES);
}

TEST(reclaim_tells_how_far_it_is)
{
	set_up_reclaim(4 * GIB);
	fake.use = 8 * GIB;
	check_int(run(), 0);
	check(fake.replies > 2 && fake.replies < fake.reclaims / 10);
}

TEST(reclaim_ends_with_its_time)
{
	set_up_reclaim(4 * GIB);
	request.deadline_usec = 45 * USEC_PER_MSEC;
	fake.use = 8 * GIB;
	check_int(run(), 0);
	check_int(fake.last.done_bytes, 5 * CLERK_RECLAIM_BYTES);
}

TEST(reclaim_of_what_is_gone_or_cannot_is_told)
{
	set_up_reclaim(GIB);
	fake.gone = true;
	check_int(run(), ESTALE);
	set_up_reclaim(GIB);
	fake.key = 1;
	check_int(run(), ESTALE);
	set_up_reclaim(GIB);
	fake.has_reclaim = false;
	check_int(run(), ENOENT);
}

TEST(less_than_a_page_ends)
{
	set_up_reclaim(1);
	fake.use = fake.fixed = GIB;
	check_int(run(), EAGAIN);
	set_up_reclaim(0);
	fake.use = GIB;
	check_int(run(), 0);
	check_int(fake.reclaims, 0);
}

TEST(a_node_is_reclaimed_when_others_are_done_with_it)
{
	set_up_reclaim(100 * MIB);
	request.relief = (struct work_relief){ .of_node = true, .node = 1, .bytes = 100 * MIB };
	fake.use = GIB;
	fake.fixed = 950 * MIB;
	fake.busy_left = 3;
	check_int(run(), 0);
	check_int(fake.last.done_bytes, 74 * MIB);
	request.relief.node = 0;
	fake.finals = 0;
	check_int(run(), ENOENT);
	/* For ever. */
	set_up_reclaim(100 * MIB);
	request.relief = (struct work_relief){ .of_node = true, .node = 1, .bytes = 100 * MIB };
	fake.busy_left = UINT32_MAX;
	check_int(run(), ETIMEDOUT);
}

/* --- the rest --------------------------------------------------------------------------------- */

TEST(single_calls_are_made_once)
{
	set_up_reclaim(0);
	request.kind = WORK_COMPACT;
	request.relief = (struct work_relief){ .of_node = true, .node = 1 };
	check_int(run(), 0);
	check_int(fake.compacted, 1);
	request.relief.node = 7;
	fake.finals = 0;
	check_int(run(), ENOENT);
	set_up_reclaim(0);
	request.kind = WORK_DROP_SLAB;
	check_int(run(), 0);
	check_int(fake.dropped, 1);
	request.kind = WORK_MIGRATE;
	fake.finals = 0;
	check_int(run(), EOPNOTSUPP);
}

TEST(a_job_is_waited_for_and_its_words_kept)
{
	set_up_reclaim(0);
	request.kind = WORK_UNIT;
	request.unit = (struct work_unit){ .verb = UNIT_RESTART, .unit = FAKE_UNIT };
	check_int(run(), 0);
	check_int(fake.jobs, 1);
	check_str(fake.last.said, "restarted");
	fake.finals = 0;
	fake.unit_error = -EREMOTEIO;
	check_int(run(), EREMOTEIO);
	check_str(fake.last.said, "the manager says no");
	fake.finals = 0;
	request.unit.unit[0] = '\0';
	check_int(run(), EINVAL);
	check_int(fake.jobs, 2);
}

static void set_up_arm(void)
{
	set_up_reclaim(0);
	request.kind = WORK_UNIT;
	request.unit = (struct work_unit){ .verb = UNIT_ARM,
					   .unit = "oomwarden-canary-early.service",
					   .slice = "web.slice",
					   .bytes = 64 * MIB };
}

TEST(a_canary_holds_what_it_was_asked_to)
{
	set_up_arm();
	check_int(run(), 0);
	check_str(fake.last.said, "holds 64 MiB");
	check_int(fake.last.done_bytes, 64 * MIB);
	check_str(fake.armed.unit, "oomwarden-canary-early.service");
	check_str(fake.armed.slice, "web.slice");
	check_int(fake.jobs, 0);
	set_up_arm();
	request.unit.has_node = true;
	request.unit.node = 3;
	check_int(run(), 0);
	check_str(fake.last.said, "holds 64 MiB on node 3");
	set_up_arm();
	fake.armed_how = 1;
	check_int(run(), 0);
	check_str(fake.last.said, "holds 64 MiB, not confined, for which systemd is too old");
	set_up_arm();
	fake.armed_how = 2;
	check_int(run(), 0);
	check_str(fake.last.said, "holds 64 MiB, under the agent's own user id");
}

TEST(a_canary_that_cannot_be_had)
{
	set_up_arm();
	fake.unit_error = -EREMOTEIO;
	check_int(run(), EREMOTEIO);
	check_str(fake.last.said, "the manager says no");
	check_int(fake.last.done_bytes, 0);
	check_int(fake.jobs, 0);
	set_up_arm();
	request.unit.unit[0] = '\0';
	check_int(run(), EINVAL);
}

TEST(a_canary_that_is_taken_back_meanwhile_is_ended)
{
	set_up_arm();
	fake.cancel_after = 1;
	check_int(run(), ECANCELED);
	check_int(fake.jobs, 0);
	check_str(fake.disarmed.unit, "oomwarden-canary-early.service");
	check_str(fake.disarmed.slice, "web.slice");
	check_int(fake.last.done_bytes, 0);
}

TEST(a_canary_is_ended)
{
	set_up_arm();
	request.unit.verb = UNIT_DISARM;
	check_int(run(), 0);
	check_str(fake.last.said, "ended");
	check_str(fake.disarmed.unit, "oomwarden-canary-early.service");
	set_up_arm();
	request.unit.verb = UNIT_DISARM;
	fake.unit_error = -ENOENT;
	check_int(run(), 0);
	check_str(fake.last.said, "it was gone already");
	set_up_arm();
	request.unit.verb = UNIT_DISARM;
	fake.unit_error = -ETIMEDOUT;
	check_int(run(), ETIMEDOUT);
	check_str(fake.last.said, "the manager says no");
	check_int(fake.jobs, 0);
}

TEST(a_unit_that_is_gone_is_stopped)
{
	set_up_arm();
	request.unit.verb = UNIT_STOP;
	fake.unit_error = -ENOENT;
	check_int(run(), 0);
	check_str(fake.last.said, "no such unit is there any more");
	set_up_arm();
	fake.unit_error = -ENOENT;
	/* But it cannot be started. */
	request.unit.verb = UNIT_START;
	check_int(run(), ENOENT);
}
