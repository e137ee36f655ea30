/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One setting, by the right door: a unit of systemd's through the manager, which would undo
 * anything that is written under its nose; what nobody owns by its files; anybody else's never.
 * That the manager took a value says nothing of the kernel, so that what counts is read from the
 * kernel's file, for a moment again and again.
 *
 * What a unit is told sticks to its name: it outlives its control group and is there after a
 * restart. So a value is taken back from the unit even where the control group that it was for is
 * gone.
 */

#include "act/clerk_work.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The manager writes in the next turn of its loop, which is milliseconds away where nobody keeps it
 * busy. Longer than this, and the kernel or the manager has put the value aside. */
#define READ_BACK_USEC	    (2 * USEC_PER_SEC)
#define READ_BACK_STEP_USEC (50 * USEC_PER_MSEC)

static const struct work_setting *asked(const struct clerk *clerk)
{
	return &clerk->request->setting;
}

static bool has_unit(const struct clerk *clerk)
{
	return clerk->unit[0] != '\0';
}

bool clerk_is_same(const struct clerk *clerk, const struct setting_value *wanted,
		   const struct setting_value *found)
{
	int64_t page = clerk->doors->page_bytes;

	if (setting_get(clerk->on.id)->unit == UNIT_BYTES)
		return wanted->number / page == found->number / page;
	return setting_value_equal(clerk->on.id, wanted, found);
}

static bool is_nothing(enum setting_id id, const struct setting_value *value)
{
	const struct setting_value nothing = setting_nothing(id);

	return setting_value_equal(id, value, &nothing);
}

static bool is_there(const struct clerk *clerk)
{
	uint64_t key;

	if (setting_get(clerk->on.id)->scope != SCOPE_SERVICE)
		return true;
	return clerk->doors->find(clerk->doors->context, asked(clerk)->path, &key) == 0 &&
	       key == clerk->on.key;
}

/* --- writing and reading back ----------------------------------------------------------------- */

/* No answer is no refusal: what was told may have come about, or come about yet. A manager that is
 * reloaded or executed anew hangs up. */
static bool is_unanswered(int error)
{
	return error == -ETIMEDOUT || error == -ECONNRESET;
}

static int tell(struct clerk *clerk, const struct setting_value *value)
{
	const struct clerk_doors *doors = clerk->doors;
	int r;

	if (!has_unit(clerk))
		r = doors->write(doors->context, &clerk->on, asked(clerk)->path, value);
	else if (clerk->on.id == SETTING_FREEZE)
		r = doors->unit_freeze(doors->context, clerk->unit, value->number != 0);
	else
		r = doors->unit_set(doors->context, clerk->unit, &clerk->on, value);
	if (r < 0 && has_unit(clerk))
		clerk_say(clerk, "%s", doors->unit_words(doors->context));
	clerk->touched |= r == 0 || is_unanswered(r);
	return r;
}

static int look(struct clerk *clerk, const struct setting_value *wanted)
{
	const struct clerk_doors *doors = clerk->doors;
	struct work_reply *reply = &clerk->reply;
	int r = doors->read(doors->context, &clerk->on, asked(clerk)->path, &reply->in_force);

	/* The file goes when the last user of its controller does. */
	if (r == -ENOENT && has_unit(clerk) && is_nothing(clerk->on.id, wanted) &&
	    is_there(clerk)) {
		reply->in_force = *wanted;
		r = 0;
	}
	reply->in_force_known = r == 0;
	return r;
}

static bool has_come(const struct clerk *clerk, const struct setting_value *value)
{
	if (!clerk->reply.in_force_known)
		return false;
	/* All nodes may be spelled out. */
	if (setting_get(clerk->on.id)->unit == UNIT_NODES && idset_is_empty(&value->nodes) &&
	    (!has_unit(clerk) || clerk->by_file))
		return true;
	return clerk_is_same(clerk, value, &clerk->reply.in_force);
}

/* The kernel's files have a write's outcome when it ends, the manager has it done later. */
static void read_back(struct clerk *clerk, const struct setting_value *value)
{
	const struct clerk_doors *doors = clerk->doors;
	usec_t until = doors->now(doors->context) + READ_BACK_USEC;
	usec_t pause = USEC_PER_MSEC;

	for (;;) {
		int r = look(clerk, value);

		if (has_come(clerk, value) || !has_unit(clerk))
			return;
		if (r == -ESTALE || (r == -ENOENT && !is_there(clerk)))
			return;
		if (doors->now(doors->context) >= until)
			return;
		doors->sleep(doors->context, pause);
		pause = MIN_OF(2 * pause, READ_BACK_STEP_USEC);
	}
}

/* The kernel refuses to empty the nodes of a cgroup with processes, and systemd does not ask again:
 * where the controller stays on for somebody else's sake, so do the nodes. A unit without such a
 * property has no manager for them any more. */
static void finish_nodes(struct clerk *clerk, const struct setting_value *value)
{
	const struct clerk_doors *doors = clerk->doors;

	if (setting_get(clerk->on.id)->unit != UNIT_NODES || !has_unit(clerk) ||
	    !is_nothing(clerk->on.id, value) || !clerk->reply.in_force_known ||
	    has_come(clerk, value))
		return;
	clerk->by_file = doors->write(doors->context, &clerk->on, asked(clerk)->path, value) == 0;
	(void)look(clerk, value);
}

int clerk_put(struct clerk *clerk, const struct setting_value *value)
{
	int r = tell(clerk, value);

	if (clerk->vanished)
		return r;
	if (r == 0 || is_unanswered(r))
		read_back(clerk, value);
	else
		(void)look(clerk, value);
	if (r == 0)
		finish_nodes(clerk, value);
	if (!is_unanswered(r) || !has_come(clerk, value))
		return r;
	/* The answer was lost, the deed was not. */
	clerk->reply.said[0] = '\0';
	return 0;
}

/* --- whom, and what is there ------------------------------------------------------------------ */

/* An undo follows the unit: another control group of that name has what the first one was given. */
static int find_cgroup(struct clerk *clerk)
{
	const struct clerk_doors *doors = clerk->doors;
	bool follows = asked(clerk)->is_undo && asked(clerk)->owner == OWNER_SYSTEMD;
	uint64_t key = 0;
	int r = doors->find(doors->context, asked(clerk)->path, &key);

	if (r == 0 && key == clerk->on.key)
		return 0;
	if (r < 0 && r != -ENOENT)
		return r;
	if (!follows)
		return r < 0 ? r : -ESTALE;
	clerk->vanished = r < 0;
	clerk->on.key = key;
	return 0;
}

static int find_unit(struct clerk *clerk)
{
	const struct setting *setting = setting_get(clerk->on.id);
	const struct clerk_doors *doors = clerk->doors;
	int r;

	if (!setting->property && clerk->on.id != SETTING_FREEZE) {
		clerk_say(clerk, "systemd cannot set %s of a unit that runs", setting->name);
		return -EOPNOTSUPP;
	}
	r = doors->unit_of(doors->context, asked(clerk)->path, !clerk->vanished, clerk->unit,
			   sizeof(clerk->unit));
	/* What the manager has let go of with our value on it is nobody's, and nothing else takes
	 * that back. */
	if (r == -ENOENT && asked(clerk)->is_undo) {
		clerk->unit[0] = '\0';
		return 0;
	}
	if (r == -ENOENT)
		clerk_say(clerk, "no unit of systemd has this control group");
	else if (r < 0)
		clerk_say(clerk, "%s", doors->unit_words(doors->context));
	return r;
}

static int resolve(struct clerk *clerk)
{
	int r;

	if ((unsigned)clerk->on.id >= SETTING_COUNT_ || clerk->on.id == SETTING_OOM_SCORE_ADJ)
		return -EINVAL;
	if (setting_get(clerk->on.id)->scope != SCOPE_SERVICE)
		return 0;
	/* The root cgroup is the machine. */
	if (asked(clerk)->path[0] == '\0')
		return -EINVAL;
	if (asked(clerk)->owner != OWNER_SYSTEMD && asked(clerk)->owner != OWNER_NOBODY) {
		clerk_say(clerk, "the control group is another manager's");
		return -EPERM;
	}
	r = find_cgroup(clerk);
	if (r < 0 || asked(clerk)->owner == OWNER_NOBODY)
		return r;
	return find_unit(clerk);
}

static int learn(struct clerk *clerk)
{
	const struct setting *setting = setting_get(clerk->on.id);
	const struct clerk_doors *doors = clerk->doors;
	int r;

	if (clerk->vanished)
		return 0;
	r = doors->read(doors->context, &clerk->on, asked(clerk)->path, &clerk->before);
	clerk->before_known = r == 0;
	/* The manager has the kernel make the file. */
	if (r == -ENOENT && has_unit(clerk) && is_there(clerk))
		return 0;
	if (r == -ENODATA || (r == -EDOM && asked(clerk)->is_undo))
		return 0;
	if (r == -EDOM) {
		clerk_say(clerk, "somebody else has said which CPUs it may run on");
		return -EALREADY;
	}
	if (r == -ENOENT || r == -EOPNOTSUPP)
		clerk_say(clerk, "this kernel has no %s here", setting->name);
	return r;
}

static void take_wanted(struct clerk *clerk)
{
	uint64_t least = MIN_OF(asked(clerk)->floor_bytes, (uint64_t)INT64_MAX);

	clerk->wanted = asked(clerk)->value;
	if (setting_get(clerk->on.id)->is_limit && !asked(clerk)->is_undo)
		clerk->wanted.number = MAX_OF(clerk->wanted.number, (int64_t)least);
}

/* Huge pages that go back to their pool are taken from the node. No more of them at once than leave
 * it clear: it was short, and would be again. The rest goes when there is room, as with what the
 * kernel does not find. */
static void leave_room(struct clerk *clerk)
{
	const struct clerk_doors *doors = clerk->doors;
	int64_t room, pages;

	if (clerk->on.id != SETTING_HUGE_PAGES || !asked(clerk)->is_undo || !clerk->before_known ||
	    clerk->on.detail == 0 ||
	    doors->node_room(doors->context, (unsigned)clerk->on.key, &room) < 0)
		return;
	pages = room / (int64_t)clerk->on.detail;
	if (clerk->wanted.number - clerk->before.number <= pages)
		return;
	clerk->wanted.number = clerk->before.number + pages;
	clerk_say(clerk, "node %" PRIu64 " has room for %" PRId64 " of %" PRId64 " huge pages",
		  clerk->on.key, clerk->wanted.number, asked(clerk)->value.number);
}

static bool is_lower(const struct clerk *clerk)
{
	return setting_get(clerk->on.id)->is_limit && !clerk->vanished &&
	       (!clerk->before_known || clerk->wanted.number < clerk->before.number);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* What a failed request has done so far, and may still come to where the manager has not answered:
 * it is told after it. The words are of the failure. */
static void give_back(struct clerk *clerk)
{
	const struct setting_value before =
		clerk->before_known ? clerk->before : setting_nothing(clerk->on.id);
	char words[NAME_BYTES];

	/* A limit that goes down again wants the care of a request of its own. */
	if (!clerk->touched || asked(clerk)->is_undo ||
	    (setting_get(clerk->on.id)->is_limit && before.number < clerk->wanted.number))
		return;
	memcpy(words, clerk->reply.said, sizeof(words));
	(void)clerk_put(clerk, &before);
	memcpy(clerk->reply.said, words, sizeof(words));
}

static void explain(struct clerk *clerk)
{
	struct work_reply *reply = &clerk->reply;
	struct strbuf said = { .data = reply->said, .size = sizeof(reply->said) };

	if (reply->said[0] != '\0' || !reply->in_force_known)
		return;
	if (!has_come(clerk, &clerk->wanted)) {
		strbuf_addf(&said, "%s was taken, and is ", setting_get(clerk->on.id)->name);
		setting_value_format(clerk->on.id, &reply->in_force, &said);
	} else if (clerk->on.id == SETTING_ALLOWED_NODES &&
		   (!clerk->before_known || !clerk->doors->limits_kill)) {
		/* v1 moves none by default, v2 not while the controller is new to the cgroup. Its
		 * policy has them follow what it sets, and not what is given back. */
		strbuf_add(&said, asked(clerk)->is_undo
					  ? "pages that it has already stay where they are"
					  : "pages that it has already are to follow");
	}
}

static void count_pages(struct clerk *clerk)
{
	const struct work_reply *reply = &clerk->reply;

	if (clerk->on.id == SETTING_HUGE_PAGES && clerk->before_known && reply->in_force_known &&
	    clerk->before.number > reply->in_force.number)
		clerk->reply.done_bytes =
			(uint64_t)(clerk->before.number - reply->in_force.number) *
			clerk->on.detail;
}

static int set(struct clerk *clerk)
{
	bool is_undo = asked(clerk)->is_undo;

	if (clerk->before_known && clerk_is_same(clerk, &clerk->wanted, &clerk->before)) {
		/* Thawed at the end, it would be thawed for others. */
		if (clerk->on.id == SETTING_FREEZE && clerk->wanted.number != 0 && !is_undo) {
			clerk_say(clerk, "it is frozen already, by somebody else");
			return -EALREADY;
		}
		clerk->reply.in_force = clerk->before;
		clerk->reply.in_force_known = true;
		/* What the unit was told goes all the same. */
		if (!is_undo || !has_unit(clerk))
			return 0;
	}
	return is_lower(clerk) ? clerk_lower(clerk) : clerk_put(clerk, &clerk->wanted);
}

int clerk_set(struct clerk *clerk)
{
	int r;

	clerk->on = asked(clerk)->on;
	r = resolve(clerk);
	if (r < 0)
		return r;
	r = learn(clerk);
	if (r < 0)
		return r;
	take_wanted(clerk);
	leave_room(clerk);
	r = set(clerk);
	/* It went meanwhile, and what it was told has to go from the unit. */
	if (r == 0 && !clerk->vanished && !clerk->reply.in_force_known && !is_there(clerk))
		r = -ESTALE;
	if (r == -ENOTCONN && clerk->vanished)
		clerk_say(clerk, "its control group is gone, and so is the manager");
	if ((r == -ENOENT || r == -ENOTCONN) && clerk->vanished)
		r = 0;
	if (r < 0) {
		give_back(clerk);
		return r;
	}
	if (has_unit(clerk) && asked(clerk)->drop_in_goes)
		(void)clerk->doors->drop_in_remove(clerk->doors->context, clerk->unit,
						   clerk->on.id);
	explain(clerk);
	count_pages(clerk);
	return 0;
}
