/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a unit is told at run time systemd keeps in a file for each property, which is to go with
 * the last of what was told. Limits of several disks are one property, and in one file.
 */

#include "core/plan.h"
#include "engine/ledger.h"

/* Had the unit one for this before we came? Before the step is on record. */
bool drop_in_was_there(const struct ledger *ledger, const struct step *step);
/* Is nothing left that this entry's is there for? */
bool drop_in_is_over(const struct ledger *ledger, size_t entry);
