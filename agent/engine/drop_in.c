/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/drop_in.h"

#include "act/unit_setting.h"
#include "engine/entry.h"

#include <string.h>

/* The next entry from `from` on that shares its file with this setting; -1. */
static ssize_t next_beside(const struct ledger *ledger, const struct setting_target *on,
			   size_t from)
{
	for (ssize_t i = ledger_next(ledger, from); i >= 0;
	     i = ledger_next(ledger, (size_t)i + 1)) {
		const struct setting_target *other = ledger_target(ledger, (size_t)i);

		if (other->id == on->id && other->key == on->key && other->detail != on->detail)
			return i;
	}
	return -1;
}

/* The cgroup's name is that of its unit, but for what systemd escapes (a leading underscore). */
bool drop_in_was_there(const struct ledger *ledger, const struct step *step)
{
	const struct setting_target *on = &step->setting.on;
	const char *slash = strrchr(step->target.path, '/');
	const char *unit = slash ? slash + 1 : step->target.path;
	ssize_t beside;

	if (step->setting.owner != OWNER_SYSTEMD || !setting_get(on->id)->property)
		return false;
	/* Then it is there by now, whoever made it. */
	beside = on->detail != 0 ? next_beside(ledger, on, 0) : -1;
	if (beside >= 0)
		return ledger_get(ledger, (size_t)beside)->had_drop_in;
	return unit_setting_drop_in_exists(NULL, *unit == '_' ? unit + 1 : unit, on->id);
}

bool drop_in_is_over(const struct ledger *ledger, size_t entry)
{
	const struct setting_target on = *ledger_target(ledger, entry);

	for (ssize_t i = on.detail != 0 ? next_beside(ledger, &on, 0) : -1; i >= 0;
	     i = next_beside(ledger, &on, (size_t)i + 1))
		if (ledger_state(ledger, (size_t)i) != ENTRY_RETURNING)
			return false;
	return entry_leaves_drop_in(ledger_get(ledger, entry));
}
