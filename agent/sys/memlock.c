/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/memlock.h"

#include <errno.h>
#include <sys/mman.h>

int memlock_on_fault(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}
