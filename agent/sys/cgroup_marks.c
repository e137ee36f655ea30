/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_marks.h"

#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Nearly all cgroups bear none, or a security module's: one call tells. */
#define NAMES_BYTES 512

static const struct {
	const char *name; /* behind "user." or "trusted." */
	enum cgroup_mark mark;
} marks[] = {
	{ "oomd_prefer", CGROUP_PREFER },
	{ "oomd_avoid", CGROUP_AVOID },
	{ "oomd_omit", CGROUP_OMIT },
};

/* Facebook's oomd goes by the presence alone, systemd writes a boolean. */
static bool says_no(const char *value)
{
	static const char *const words[] = { "0", "n", "no", "f", "false", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(value, words[i]) == 0)
			return true;
	return false;
}

static bool is_set(int fd, const char *name)
{
	char value[16];
	ssize_t n = fgetxattr(fd, name, value, sizeof(value) - 1);

	/* A longer one says something, and not no. */
	if (n < 0)
		return errno == ERANGE;
	value[n] = '\0';
	return !says_no(value);
}

static unsigned read_space(int fd, const char *space)
{
	unsigned found = 0;
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		(void)snprintf(name, sizeof(name), "%s.%s", space, marks[i].name);
		if (is_set(fd, name))
			found |= marks[i].mark;
	}
	return found;
}

/* Is there something of these to be read? */
static bool lists_any(const char *names, size_t size)
{
	for (const char *name = names; name < names + size; name += strlen(name) + 1)
		if (strncmp(name, "user.oomd_", 10) == 0 || strncmp(name, "trusted.oomd_", 13) == 0)
			return true;
	return false;
}

int cgroup_marks_read(int dir_fd, struct cgroup_marks *ret)
{
	/* The descriptor given may be O_PATH, which has no attributes. */
	_cleanup_(closep) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cgroup_marks found = { 0 };
	char names[NAMES_BYTES];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	n = flistxattr(fd, names, sizeof(names));
	if (n < 0 && errno != ERANGE)
		return -errno;
	found.uid = st.st_uid;
	/* More of them than fit: asked for one by one. */
	if (n < 0 || lists_any(names, (size_t)n)) {
		found.user = read_space(fd, "user");
		found.trusted = read_space(fd, "trusted");
	}
	*ret = found;
	return 0;
}
