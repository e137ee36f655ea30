/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A kernel's release string (uname -r, /proc/sys/kernel/osrelease) taken apart, for the formulas
 * that changed from one kernel to another. It is the second best: distributions carry changes back,
 * so where a machine can be asked, ask it.
 */

#include <stdbool.h>

struct release {
	unsigned major;
	unsigned minor;
	unsigned patch; /* 0 if not there */
	unsigned build; /* after the first dash, 477 of "4.18.0-477.13.1.el8_8"; 0 if no number */
};

/* 0, or -EINVAL: does not begin with two numbers and a dot between. Numbers above a million count
 * as a million. */
int release_parse(const char *text, struct release *ret);
/* Below, at or above 0, as strcmp(); the build is left aside, it counts by distribution. */
int release_compare(const struct release *a, const struct release *b);
/* Does the distribution's mark (".el8") stand in the text? ".el80" is another. */
bool release_has_mark(const char *text, const char *mark);
