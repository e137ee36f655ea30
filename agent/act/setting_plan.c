/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The words of every step that sets something: for people, and what it is in writes and calls. */

#include "act/action.h"
#include "act/plan_halves.h"
#include "act/unit_text.h"

#include <string.h>
#include <sys/sysmacros.h>

/* Of a pair that is one knob the half that the value is for. */
static void add_sysctl(enum setting_id id, bool is_ratio, struct strbuf *out)
{
	strbuf_add(out, setting_get(id)->name);
	if (id == SETTING_DIRTY || id == SETTING_DIRTY_BACKGROUND)
		strbuf_add(out, is_ratio ? "_ratio" : "_bytes");
}

static void add_device(uint64_t device, struct strbuf *out)
{
	strbuf_addf(out, "%u:%u", major(device), minor(device));
}

static void add_subject(const struct step *step, struct strbuf *out)
{
	const struct setting_target *on = &step->setting.on;

	switch (setting_get(on->id)->scope) {
	case SCOPE_SERVICE:
		strbuf_addf(out, "%s of ", setting_get(on->id)->name);
		strbuf_add_name(out, step->target.name);
		break;
	case SCOPE_NODE:
		strbuf_add(out, "huge pages of ");
		strbuf_add_bytes(out, (int64_t)on->detail);
		strbuf_addf(out, " on node %llu:", (unsigned long long)on->key);
		break;
	case SCOPE_HOST:
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		add_sysctl(on->id, step->setting.wanted.is_ratio, out);
		break;
	}
}

static void describe_undo(const struct step *step, struct strbuf *out)
{
	strbuf_addf(out, "give back what %s set", actions[step->action].name);
	if (step->target.name[0] != '\0') {
		strbuf_add(out, " on ");
		strbuf_add_name(out, step->target.name);
	}
}

static void describe_freeze(const struct step *step, struct strbuf *out)
{
	bool thaws = step->order == STEP_CANCEL || step->setting.wanted.number == 0;

	strbuf_add(out, thaws ? "thaw " : "freeze ");
	strbuf_add_name(out, step->target.name);
	if (thaws || step->setting.most_usec == 0)
		return;
	strbuf_add(out, " for at most ");
	strbuf_add_duration(out, step->setting.most_usec);
}

void setting_describe(const struct step *step, struct strbuf *out)
{
	const struct step_setting *setting = &step->setting;
	enum setting_id id = setting->on.id;

	if (step->order == STEP_UNDO) {
		describe_undo(step, out);
		return;
	}
	if (id == SETTING_FREEZE) {
		describe_freeze(step, out);
		return;
	}
	if (step->order == STEP_CANCEL)
		strbuf_add(out, "stop setting ");
	add_subject(step, out);
	if (step->order == STEP_CANCEL)
		return;
	strbuf_add(out, " ");
	setting_value_format(id, &setting->wanted, out);
	if (id == SETTING_IO_WRITE_MAX) {
		strbuf_add(out, " to ");
		add_device(setting->on.detail, out);
	}
	if (setting->was_known) {
		strbuf_add(out, ", now ");
		setting_value_format(id, &setting->was, out);
	}
}

/* As systemctl(1) would be given it. */
static void add_property_value(const struct step_setting *setting, struct strbuf *out)
{
	const struct setting_value *value = &setting->wanted;

	if (setting->on.id == SETTING_IO_WRITE_MAX) {
		strbuf_add(out, "/dev/block/");
		add_device(setting->on.detail, out);
		strbuf_add(out, " ");
	}
	if (setting_get(setting->on.id)->unit == UNIT_NODES)
		setting_kernel_text(&setting->on, false, value, out);
	else if (value->number == SETTING_UNLIMITED)
		strbuf_add(out, "infinity");
	else
		strbuf_addf(out, "%lld", (long long)value->number);
}

static void add_unit(const struct step *step, struct strbuf *out)
{
	char unit[UNIT_NAME_BYTES];

	strbuf_add_name(out, unit_text_of_path(step->target.path, unit) ? unit : step->target.path);
}

static void write_property(const struct step *step, struct strbuf *out)
{
	strbuf_add(out, "SetUnitProperties(");
	add_unit(step, out);
	strbuf_addf(out, ", runtime, %s=", setting_get(step->setting.on.id)->property);
	add_property_value(&step->setting, out);
	strbuf_add(out, ")");
}

static void write_cgroup_file(const struct step *step, struct strbuf *out)
{
	const struct step_setting *setting = &step->setting;
	const struct setting *row = setting_get(setting->on.id);
	const char *file = setting->is_v1 ? row->file_v1 : row->file_v2;

	if (!file) {
		strbuf_addf(out, "nothing: cgroup v1 has no %s", row->file_v2);
		return;
	}
	strbuf_addf(out, "%s of /", file);
	strbuf_add_name(out, step->target.path);
	strbuf_add(out, ": ");
	setting_kernel_text(&setting->on, setting->is_v1, &setting->wanted, out);
}

/* A limit below use would reclaim inside the write, whoever writes. */
static void write_reclaim_first(const struct step *step, struct strbuf *out)
{
	if (!setting_get(step->setting.on.id)->is_limit || step->setting.floor_bytes == 0 ||
	    step->setting.is_v1)
		return;
	strbuf_add(out, "memory.reclaim of /");
	strbuf_add_name(out, step->target.path);
	strbuf_add(out, " in small requests, as far as its use is above that\n");
}

static void write_freeze(const struct step *step, struct strbuf *out)
{
	bool thaws = step->order == STEP_CANCEL || step->setting.wanted.number == 0;
	struct step as_written = *step;

	if (step->setting.owner == OWNER_SYSTEMD) {
		strbuf_add(out, thaws ? "ThawUnit(" : "FreezeUnit(");
		add_unit(step, out);
		strbuf_add(out, ")");
		return;
	}
	as_written.setting.wanted.number = !thaws;
	write_cgroup_file(&as_written, out);
}

static void write_sysctl(const struct step *step, struct strbuf *out)
{
	const struct step_setting *setting = &step->setting;

	add_sysctl(setting->on.id, setting->wanted.is_ratio, out);
	strbuf_addf(out, " = %lld", (long long)setting->wanted.number);
	if (setting->on.id != SETTING_DIRTY && setting->on.id != SETTING_DIRTY_BACKGROUND)
		return;
	strbuf_add(out, ", by which the kernel sets ");
	add_sysctl(setting->on.id, !setting->wanted.is_ratio, out);
	strbuf_add(out, " = 0");
}

static void write_of_service(const struct step *step, struct strbuf *out)
{
	const struct step_setting *setting = &step->setting;

	switch (setting->on.id) {
	case SETTING_FREEZE:
		write_freeze(step, out);
		return;
	case SETTING_OOM_SCORE_ADJ:
		strbuf_add(out, "oom_score_adj of each process in /");
		strbuf_add_name(out, step->target.path);
		strbuf_addf(out, ": %lld", (long long)setting->wanted.number);
		return;
	default:
		break;
	}
	write_reclaim_first(step, out);
	if (setting->owner == OWNER_SYSTEMD && setting_get(setting->on.id)->property)
		write_property(step, out);
	else
		write_cgroup_file(step, out);
}

void setting_writes(const struct step *step, struct strbuf *out)
{
	const struct step_setting *setting = &step->setting;

	/* What is given back is what the undo record has; a set that is called off writes nothing.
	 */
	if (step->order == STEP_UNDO ||
	    (step->order == STEP_CANCEL && setting->on.id != SETTING_FREEZE))
		return;
	switch (setting_get(setting->on.id)->scope) {
	case SCOPE_SERVICE:
		write_of_service(step, out);
		break;
	case SCOPE_NODE:
		strbuf_addf(out, "nr_hugepages of node %llu, pages of %llu kB: %lld",
			    (unsigned long long)setting->on.key,
			    (unsigned long long)setting->on.detail / 1024,
			    (long long)setting->wanted.number);
		break;
	case SCOPE_HOST:
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		write_sysctl(step, out);
		break;
	}
}
