/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Names of systemd units: systemd.unit(5), and the escaping of systemd-escape(1). A Do= line may
 * have specifiers in one, which stand for parts of the rule's subject, escaped so that whatever a
 * guest is called makes one instance name and nothing else:
 *
 *   %guest    the name of the guest, in rules on services; where a unit is started, in rules on
 *             nodes too: then of a guest that has memory there (act/start_unit_plan.c)
 *   %service  the unit of the service, with its suffix, in rules on services
 *   %node     the number of the node, in rules on nodes
 *   %%        a percent sign, escaped as well, for a unit name has none
 */

#include "core/plan.h"
#include "core/snapshot.h"
#include "util/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* Can a unit be called so that is no template? */
bool unit_text_is_name(const char *name);

/* Is `text` a name with or without specifiers, of one of the types (".service", NULL at the end)?
 * NULL: it is. Else what is wrong with it, and where. */
const char *unit_text_fault(const char *text, const char *const *types, size_t *ret_offset);

/* The rules that it may stand in, by its specifiers: bits 1 << enum scope. finds_guest: a guest is
 * found for rules on nodes. */
unsigned unit_text_scopes(const char *text, bool finds_guest);

/* Is `name` of one of these types? */
bool unit_text_is_of(const char *name, const char *const *types);

/* Does it name a guest? */
bool unit_text_has_guest(const char *text);

/* Specifiers filled in. guest: whom %guest means in a rule on a node; else NULL. 0; -ENODATA: the
 * subject has no such name or is gone; -EINVAL: what comes of it is too long for a name, or none.
 */
int unit_text_fill(const char *text, const struct snapshot *snapshot, struct subject subject,
		   const struct service *guest, char ret[UNIT_NAME_BYTES]);

/* As systemd-escape does it: '/' becomes '-', all else that may not stand in a name, '-' included,
 * \xNN. */
void unit_text_escape(const char *text, struct strbuf *out);

/* The unit whose cgroup is at that path, by the last component. False: no unit is called so.
 * `ret` may be `path` itself. */
bool unit_text_of_path(const char *path, char ret[UNIT_NAME_BYTES]);
