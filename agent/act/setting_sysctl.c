/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/setting_sysctl.h"

#include "sys/sysctl.h"

#include <errno.h>
#include <stdio.h>

static bool is_pair(enum setting_id id)
{
	return id == SETTING_DIRTY || id == SETTING_DIRTY_BACKGROUND;
}

static void name_pair(enum setting_id id, bool is_ratio, char ret[64])
{
	snprintf(ret, 64, "%s_%s", setting_get(id)->file_v2, is_ratio ? "ratio" : "bytes");
}

static int read_pair(const struct sysroot *root, enum setting_id id, struct setting_value *ret)
{
	char name[64];
	int r;

	name_pair(id, false, name);
	r = sysctl_read(root, name, &ret->number);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && ret->number != 0)
		return 0;
	ret->is_ratio = true;
	name_pair(id, true, name);
	return sysctl_read(root, name, &ret->number);
}

static int write_pair(const struct sysroot *root, enum setting_id id,
		      const struct setting_value *value)
{
	struct setting_value before = { 0 };
	char name[64];
	int r;

	if (value->is_ratio ? value->number > 100 : value->number == 0)
		return -EINVAL;
	name_pair(id, value->is_ratio, name);
	/* The other one is zeroed by a change only, and a ratio that is not in use reads 0 already.
	 * So to no ratio at all it is a step further: without it the bytes would stay. */
	if (value->is_ratio && value->number == 0) {
		r = read_pair(root, id, &before);
		if (r == 0 && !before.is_ratio)
			r = sysctl_write(root, name, 1);
		if (r < 0)
			return r;
	}
	return sysctl_write(root, name, value->number);
}

int setting_sysctl_read(const struct sysroot *root, enum setting_id id, struct setting_value *ret)
{
	if (is_pair(id))
		return read_pair(root, id, ret);
	return sysctl_read(root, setting_get(id)->file_v2, &ret->number);
}

int setting_sysctl_write(const struct sysroot *root, enum setting_id id,
			 const struct setting_value *value)
{
	if (is_pair(id))
		return write_pair(root, id, value);
	return sysctl_write(root, setting_get(id)->file_v2, value->number);
}
