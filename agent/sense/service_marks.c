/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_marks.h"

#include "sense/state.h"
#include "sys/cgroup_marks.h"

static bool is_asked_for(const struct policy_table *policies)
{
	for (size_t i = 0; i < policies->count; i++)
		if (policies->policies[i].kill != KILL_NEVER)
			return true;
	return false;
}

/* Never is the strongest word; of the other two the one that gives way to others (oomd). */
static enum kill_mark strongest(unsigned marks)
{
	if (marks & CGROUP_OMIT)
		return MARK_OMIT;
	if (marks & CGROUP_PREFER)
		return MARK_PREFER;
	return marks & CGROUP_AVOID ? MARK_AVOID : MARK_NONE;
}

void service_marks_read(struct service_look *look)
{
	struct service *service = look->service;
	struct cgroup_marks marks;
	unsigned roots;

	service->mark = MARK_NONE;
	service->mark_by_root = false;
	if (!is_asked_for(look->sense->policies) || cgroup_marks_read(look->dir_fd, &marks) < 0)
		return;
	roots = marks.trusted | (marks.uid == 0 ? marks.user : 0);
	service->cgroup_uid = marks.uid;
	service->mark_by_root = roots != 0;
	service->mark = (uint8_t)strongest(roots ? roots : marks.user);
}
