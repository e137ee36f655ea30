/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/pressure_average.h"
#include "sys/psi.h"

/* The kernel's averages over 10 s of one file, raised to what its totals say where those say more
 * (model/pressure_average.h). Lines that are not there are left alone. */
void pressure_raise(struct pressure_average *average, usec_t now, struct psi *psi);
