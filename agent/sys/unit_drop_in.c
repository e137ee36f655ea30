/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/unit_drop_in.h"

#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* src/basic/unit-def.h of systemd: its own limit. */
#define UNIT_NAME_LENGTH_MAX 255
#define PROPERTY_LENGTH_MAX  64

static const char *const directories[] = { "run/systemd/system.control", "run/systemd/transient" };

static bool is_unit_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(":-_.\\@", c));
}

bool unit_name_is_valid(const char *unit)
{
	static const char *const suffixes[] = { ".service", ".scope",  ".slice",    ".socket",
						".mount",   ".swap",   ".timer",    ".target",
						".path",    ".device", ".automount" };
	size_t length = strlen(unit);
	const char *suffix = strrchr(unit, '.');

	if (!suffix || suffix == unit || unit[0] == '.' || length > UNIT_NAME_LENGTH_MAX)
		return false;
	for (const char *p = unit; *p; p++)
		if (!is_unit_char(*p))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (strcmp(suffix, suffixes[i]) == 0)
			return true;
	return false;
}

static bool is_property(const char *name)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

	return length > 0 && length <= PROPERTY_LENGTH_MAX && name[length] == '\0';
}

/* The place that these directories are looked for in, and UNIT.d there. Links are not followed:
 * what is below is unlinked by a program that runs as root. fd or -errno. */
static int open_parent(const char *root, const char *directory)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", root ? root : "", directory), fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static int open_unit(int parent_fd, const char *unit)
{
	char name[UNIT_NAME_LENGTH_MAX + sizeof(".d")];
	int fd;

	snprintf(name, sizeof(name), "%s.d", unit);
	fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static void name_file(const char *property, char ret[PROPERTY_LENGTH_MAX + sizeof("50-.conf")])
{
	snprintf(ret, PROPERTY_LENGTH_MAX + sizeof("50-.conf"), "50-%s.conf", property);
}

static bool exists_in(const char *root, const char *directory, const char *unit,
		      const char *property)
{
	_cleanup_(closep) int parent = open_parent(root, directory);
	_cleanup_(closep) int fd = parent < 0 ? parent : open_unit(parent, unit);
	char file[PROPERTY_LENGTH_MAX + sizeof("50-.conf")];
	struct stat st;

	name_file(property, file);
	return fd >= 0 && fstatat(fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int remove_in(const char *root, const char *directory, const char *unit,
		     const char *property)
{
	_cleanup_(closep) int parent = open_parent(root, directory);
	_cleanup_(closep) int fd = parent < 0 ? parent : open_unit(parent, unit);
	char file[PROPERTY_LENGTH_MAX + sizeof("50-.conf")];
	char name[UNIT_NAME_LENGTH_MAX + sizeof(".d")];

	if (fd < 0)
		return fd;
	name_file(property, file);
	if (unlinkat(fd, file, 0) < 0)
		return -errno;
	snprintf(name, sizeof(name), "%s.d", unit);
	/* Others may have theirs in there. */
	(void)unlinkat(parent, name, AT_REMOVEDIR);
	return 0;
}

bool unit_drop_in_exists(const char *root, const char *unit, const char *property)
{
	if (!unit_name_is_valid(unit) || !is_property(property))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (exists_in(root, directories[i], unit, property))
			return true;
	return false;
}

int unit_drop_in_remove(const char *root, const char *unit, const char *property)
{
	int result = -ENOENT;

	if (!unit_name_is_valid(unit) || !is_property(property))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		int r = remove_in(root, directories[i], unit, property);

		if (r != -ENOENT && (result == -ENOENT || r < 0))
			result = r;
	}
	return result;
}
