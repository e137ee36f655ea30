/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/host_settings.h"

#include "core/setting.h"
#include "sense/state.h"
#include "sys/cgroup_dir.h"
#include "sys/host_info.h"
#include "sys/sysroot.h"
#include "util/macro.h"

static struct reading sysctl_reading(const struct sysroot *root, const char *path)
{
	int64_t value;

	return host_info_sysctl(root, path, &value) == 0 ? reading_of(value) : READING_NONE;
}

/* One knob with two files, the one in force is not zero: where both are, it is zero percent. */
static struct reading dirty_reading(const struct sysroot *root, const char *bytes_path,
				    const char *ratio_path, bool *ret_is_ratio)
{
	struct reading bytes = sysctl_reading(root, bytes_path);

	*ret_is_ratio = bytes.state != READING_KNOWN || bytes.value == 0;
	return *ret_is_ratio ? sysctl_reading(root, ratio_path) : bytes;
}

void host_settings_read_sysctls(struct sense *s)
{
	struct host *host = &s->snapshot.host;

	host->sysctls[0] =
		dirty_reading(s->root, "vm/dirty_bytes", "vm/dirty_ratio", &host->dirty_is_ratio);
	host->sysctls[SETTING_DIRTY_BACKGROUND - SETTING_DIRTY] =
		dirty_reading(s->root, "vm/dirty_background_bytes", "vm/dirty_background_ratio",
			      &host->dirty_background_is_ratio);
	for (int id = SETTING_DIRTY_EXPIRE; id < SETTING_HUGE_PAGES; id++)
		host->sysctls[id - SETTING_DIRTY] =
			sysctl_reading(s->root, setting_get((enum setting_id)id)->file_v2);
	s->host.sysctls_due = false;
}

/* What systemd makes first. A captured machine may hold its cgroups and nothing else of it. */
static bool has_systemds_tree(const struct sense *s)
{
	_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };

	return cgroup_dir_open(s->layout, "init.scope", &dir) == 0 ||
	       (!s->root->live && cgroup_dir_open(s->layout, "system.slice", &dir) == 0);
}

void host_settings_find_manager(struct sense *s)
{
	struct host *host = &s->snapshot.host;
	bool has_tree = has_systemds_tree(s);

	host->memory_is_v1 = s->layout->controllers[CGROUP_MEMORY] == CGROUP_V1;
	host->has_systemd = host_info_has_systemd(s->root) || (has_tree && !s->root->live);
	s->host.is_systemd_elsewhere = has_tree && !host->has_systemd;
}
