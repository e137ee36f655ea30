/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What `status` and `explain` both print of a machine for people.
 */

#include "core/snapshot.h"
#include "sense/sense.h"

/* HOST: its lines that say something, and who causes pressure. */
void host_text_print(const struct snapshot *snapshot);
/* CANNOT SEE; nothing where everything is seen. */
void host_text_print_gaps(const struct sense_gap *gaps, size_t count);
