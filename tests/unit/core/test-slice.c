/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the path of a cgroup says by the names of its parts. */

#include "test.h"

#include "core/canary.h"
#include "core/slice.h"

#include <string.h>

TEST(what_runs_is_in_a_unit)
{
	static const struct {
		const char *path;
		bool holds;
	} cases[] = {
		{ "system.slice/web.service", true },
		{ "web.service", true },
		{ "machine.slice/x.scope/system.slice", true },
		{ "user.slice/user-1000.slice/user@1000.service/app.slice", true },
		{ "", false },
		{ "system.slice", false },
		{ "lxc/101/ns", false },
		{ "a/service/scope", false },
		{ ".service/.scope", false },
		{ "web.service.d", false },
		{ "//", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_int(slice_holds_unit(cases[i].path, strlen(cases[i].path)), cases[i].holds);
	/* So much of it, and no more. */
	check(!slice_holds_unit("a.slice/b.service", strlen("a.slice/b.servic")));
	check(!slice_holds_unit("a.slice/b.service", 0));
}

TEST(whose_canary_it_can_be)
{
	check(canary_is_path("system.slice/oomwarden-canary-early.service"));
	check(canary_is_path("oomwarden-canaries/oomwarden-canary-low:node1.service"));
	check(canary_is_path("web.slice/web-shop.slice/oomwarden-canary-web.service"));
	check(canary_is_path("oomwarden-canary-early.service"));
	check(!canary_is_path("system.slice/web.service"));
	check(!canary_is_path("oomwarden-canary-x.slice/web.service"));
	check(!canary_is_path("machine.slice/x.scope/system.slice/oomwarden-canary-x.service"));
	check(!canary_is_path("user@1.service/oomwarden-canary-x.service"));
	check(!canary_is_path(""));
}
