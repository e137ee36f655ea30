/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The undo record as somebody else sees it while its agent may be changing it: for people who ask
 * what is in force. Writes nothing, locks nothing, and what it shows was all there at one instant.
 */

#include "engine/ledger.h"

struct ledger_look {
	struct ledger_entry *entries; /* in no order */
	size_t count;
	bool is_damaged; /* there is more that cannot be read */
};

/* directory_fd: of the runtime directory, not taken over. 0; -ENOENT: there is no record of this
 * boot; -EACCES; -EBADMSG: it is none, or of another version; -EAGAIN: it changed each time that it
 * was looked at; -ENOMEM. */
int ledger_look(int directory_fd, const char *boot_id, struct ledger_look *ret);
void ledger_look_done(struct ledger_look *look);
/* NULL: there is none. */
const struct ledger_entry *ledger_look_find(const struct ledger_look *look,
					    const struct setting_target *on);
