/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is there of a library, by the kernel's own account of this process. */

#include "sys/memlock.h"
#include "test.h"
#include "util/macro.h"

#include <systemd/sd-daemon.h>

struct extent {
	unsigned long size_kib;
	unsigned long rss_kib;
};

/* The code of the library of that name. False: it is not in this process. */
static bool find_code(const char *library, struct extent *ret)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512], flags[8];
	bool is_it = false, found = false;

	check(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*x-%*x %7s", flags) == 1)
			is_it = strcmp(flags, "r-xp") == 0 && strstr(line, library);
		if (is_it && sscanf(line, "Size: %lu", &ret->size_kib) == 1)
			found = true;
		if (is_it && sscanf(line, "Rss: %lu", &ret->rss_kib) == 1)
			break;
	}
	check(fclose(file) == 0);
	return found;
}

static const char libc[] = "/libc.so.";

/* Most of the library of C is never used. Letting go is what memlock_on_fault() begins with,
 * whether or not it may lock. */
TEST(all_of_a_library_that_the_program_names)
{
	struct extent before, after;

	(void)memlock_on_fault();
	if (!find_code(libc, &before))
		test_skip("the library of C is not shared here");
	check(before.rss_kib < before.size_kib);
	memlock_touch_libraries();
	check(find_code(libc, &after));
	check_int(after.rss_kib, after.size_kib);
}

/* Those that the library of the journal needs to read one. */
TEST(none_that_others_bring)
{
	static const char *const brought[] = { "/libgcrypt.so.", "/libzstd.so.", "/liblzma.so." };
	struct extent code;
	size_t seen = 0;

	/* That library is in it. */
	(void)sd_booted();
	for (size_t i = 0; i < ARRAY_SIZE(brought); i++) {
		if (!find_code(brought[i], &code))
			continue;
		seen++;
		(void)memlock_on_fault();
		memlock_touch_libraries();
		check(find_code(brought[i], &code));
		check(code.rss_kib < code.size_kib);
	}
	if (seen == 0)
		test_skip("no library here needs others");
}
