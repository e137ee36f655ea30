/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/detail.h"

#include <stdlib.h>

void zone_details_done(struct zone_details *details)
{
	free(details->zones);
	*details = (struct zone_details){ 0 };
}

void task_details_done(struct task_details *details)
{
	for (size_t i = 0; i < details->count; i++)
		free(details->tasks[i].cgroup);
	free(details->tasks);
	*details = (struct task_details){ 0 };
}

void memory_detail_done(struct memory_detail *details)
{
	free(details->slabs);
	*details = (struct memory_detail){ 0 };
}

void guest_detail_done(struct guest_detail *detail)
{
	free(detail->backends);
	free(detail->vcpus);
	free(detail->policies.uses);
	*detail = (struct guest_detail){ 0 };
}
