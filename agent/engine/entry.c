/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/entry.h"

#include "act/remedy.h"
#include "act/setting_file.h"
#include "sys/cgroup_dir.h"
#include "util/strbuf.h"

#include <errno.h>

const char entry_foreign_text[] = "somebody else has set it since, so it is left alone";
const char entry_gone_text[] = "what it was set on is gone";
const char entry_passed_text[] =
	"its service was started anew, and what is set there is another entry";

bool entry_is_per_process(enum setting_id id)
{
	return id == SETTING_OOM_SCORE_ADJ;
}

int entry_read(const struct sysroot *root, const struct cgroup_layout *layout,
	       const struct setting_target *on, const char *path, struct setting_value *ret)
{
	if (entry_is_per_process(on->id)) {
		*ret = (struct setting_value){ .number = SCORE_AS_IT_WAS };
		return 0;
	}
	return setting_file_read(root, layout, on, path, ret);
}

int entry_find_next(const struct cgroup_layout *layout, const struct ledger_entry *entry,
		    struct setting_target *ret)
{
	struct cgroup_dir dir;
	int r;

	if (!entry_sticks(entry))
		return -ENOENT;
	r = cgroup_dir_open(layout, entry->path, &dir);
	if (r < 0)
		return r;
	*ret = entry->on;
	ret->key = dir.inode;
	cgroup_dir_done(&dir);
	return ret->key == entry->on.key ? -ESTALE : 0;
}

bool entry_is_foreign_next(const struct sysroot *root, const struct cgroup_layout *layout,
			   const struct ledger_entry *entry, const struct setting_target *next)
{
	const struct setting_value nothing = setting_nothing(next->id);
	struct setting_value now;

	return setting_file_read(root, layout, next, entry->path, &now) == 0 &&
	       !setting_value_equal(next->id, &now, &nothing) && !ledger_is_ours(entry, &now);
}

bool entry_is_gone(int error)
{
	return error == -ENOENT || error == -ESTALE || error == -ENODEV;
}

bool entry_sticks(const struct ledger_entry *entry)
{
	return entry->door == OWNER_SYSTEMD && setting_get(entry->on.id)->property;
}

bool entry_leaves_drop_in(const struct ledger_entry *entry)
{
	return entry->state == ENTRY_RETURNING && entry_sticks(entry) && !entry->had_drop_in;
}

static bool has_rule(const struct ledger_entry *entry)
{
	for (size_t i = 0; i < entry->claim_count; i++)
		if (entry->claims[i].owner.kind == CLAIM_REMEDY)
			return true;
	return false;
}

enum action_id entry_action(const struct ledger_entry *entry)
{
	if (entry->on.id == SETTING_FREEZE)
		return ACTION_FREEZE;
	return entry_is_per_process(entry->on.id) && has_rule(entry) ? ACTION_OOM_SCORE
								     : ACTION_HOLD;
}

enum entry_verdict entry_look(const struct sysroot *root, const struct cgroup_layout *layout,
			      const struct ledger_entry *entry, struct setting_value *ret,
			      bool *ret_known)
{
	int r;

	*ret_known = false;
	if (entry_is_per_process(entry->on.id))
		return ENTRY_TO_WRITE;
	r = setting_file_read(root, layout, &entry->on, entry->path, ret);
	if (entry_is_gone(r) && !entry_sticks(entry))
		return ENTRY_GONE;
	if (r == -EDOM)
		return ENTRY_FOREIGN;
	if (r < 0)
		return ENTRY_TO_WRITE;
	*ret_known = true;
	if (!ledger_is_ours(entry, ret))
		return ENTRY_FOREIGN;
	if (!ledger_holds(entry->on.id, &entry->intended, ret) || entry_leaves_drop_in(entry))
		return ENTRY_TO_WRITE;
	return ENTRY_IS_SO;
}

void entry_say(const struct ledger_entry *entry, const struct setting_value *value,
	       struct strbuf *out)
{
	bool is_back = entry->state == ENTRY_RETURNING;

	strbuf_addf(out, "%s is ", setting_get(entry->on.id)->name);
	if (entry_is_per_process(entry->on.id)) {
		strbuf_add(out, is_back ? "as it was" : "as others ask");
		return;
	}
	setting_value_format(entry->on.id, value, out);
	strbuf_add(out, is_back ? " again" : ", as others ask");
}
