/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/remedies.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct remedy_ops *const remedies[ACTION_COUNT_] = {
	[ACTION_ARM] = &clerk_remedy,	     [ACTION_COMPACT] = &clerk_remedy,
	[ACTION_DROP_SLAB] = &clerk_remedy,  [ACTION_FREEZE] = &freeze_remedy,
	[ACTION_HOLD] = &clerk_remedy,	     [ACTION_HUGETLB_SHRINK] = &clerk_remedy,
	[ACTION_IO_LIMIT] = &clerk_remedy,   [ACTION_KILL] = &kill_remedy,
	[ACTION_LIMIT] = &clerk_remedy,	     [ACTION_MIGRATE] = &migrate_remedy,
	[ACTION_NOTIFY] = &notify_remedy,    [ACTION_OOM_SCORE] = &score_remedy,
	[ACTION_RECLAIM] = &clerk_remedy,    [ACTION_RESTART_UNIT] = &clerk_remedy,
	[ACTION_START_UNIT] = &clerk_remedy, [ACTION_STOP_UNIT] = &clerk_remedy,
	[ACTION_SYSCTL] = &clerk_remedy,
};

int remedy_failed(struct remedy *remedy, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(remedy->outcome.reason, sizeof(remedy->outcome.reason), format, arguments);
	va_end(arguments);
	return error;
}

const char *remedy_error_text(int error)
{
	const char *text = strerrordesc_np(error);

	return text ? text : "unknown error";
}

int remedy_target_failed(struct remedy *remedy, int error)
{
	switch (error) {
	case -EROFS:
		return remedy_failed(remedy, error, "a captured machine is never changed");
	case -EINVAL:
		return remedy_failed(remedy, error, "not a control group that can be acted on");
	case -ESTALE:
		return remedy_failed(remedy, error,
				     "another control group has that name now, it was restarted");
	case -ENOENT:
	case -ENODEV:
		return remedy_failed(remedy, error, "its control group is gone");
	default:
		return remedy_failed(remedy, error, "its control group cannot be opened: %s",
				     remedy_error_text(-error));
	}
}
