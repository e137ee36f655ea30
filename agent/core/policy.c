/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/policy.h"

#include "util/glob.h"
#include "util/macro.h"

#include <stdlib.h>
#include <string.h>

/*
 * What a host cannot lose and stay useful, or stay reachable by its operator. Units of the same
 * service go by several names over distributions and versions, hence globs. Guests are protected by
 * Kind=vm and by what their processes are, not by name.
 */
static const char *const protected_units[] = {
	"init.scope",
	"systemd-journald*.service",
	"systemd-logind.service",
	"systemd-udevd.service",
	"systemd-networkd.service",
	"systemd-resolved.service",
	"systemd-machined.service",
	"systemd-oomd.service",
	"systemd-timesyncd.service",
	"dbus.service",
	"dbus-broker.service",
	"NetworkManager.service",
	"elogind.service",
	"polkit.service",
	"ssh.service",
	"ssh@*.service",
	"sshd.service",
	"sshd@*.service",
	"libvirtd.service",
	"virt*d.service", /* virtqemud, virtlogd, virtlockd, virtnetworkd, ... */
	"openvswitch*.service",
	"ovs-vswitchd.service",
	"ovsdb-server.service",
	"ceph*.service",
	"iscsid.service",
	"multipathd.service",
	"corosync*.service",
	"pacemaker*.service",
	"sbd.service",
	"pve*.service",
	"qmeventd.service",
	"zfs-zed.service",
	"zed.service",
	"containerd.service",
	"chrony.service",
	"chronyd.service",
	"ntpd.service",
	"watchdog*.service",
	"oomwardend.service",
};

static const char *const mode_names[] = {
	[MODE_DRY_RUN] = "dry-run",
	[MODE_ENFORCE] = "enforce",
};

static const char *const kind_names[] = {
	[KIND_SERVICE] = "service",
	[KIND_BATCH] = "batch",
	[KIND_VM] = "vm",
	[KIND_SYSTEM] = "system",
};

static const char *const kill_names[] = {
	[KILL_NEVER] = "never",
	[KILL_LAST] = "last",
	[KILL_NORMAL] = "normal",
	[KILL_FIRST] = "first",
};

static const char *const nodes_names[] = {
	[NODES_KEEP] = "keep",
	[NODES_RELIEVE] = "relieve",
	[NODES_HOME] = "home",
	[NODES_LIST] = "list",
};

int policy_table_match(const struct policy_table *table, const char *path)
{
	for (size_t i = 0; i < table->count; i++)
		for (size_t m = 0; m < table->policies[i].match_count; m++)
			if (glob_match(table->policies[i].match[m], path))
				return (int)i;
	return -1;
}

const struct policy_setting *policy_setting(const struct policy *policy, enum setting_id id)
{
	for (size_t i = 0; i < policy->setting_count; i++)
		if (policy->settings[i].id == id)
			return &policy->settings[i];
	return NULL;
}

void policy_done(struct policy *policy)
{
	for (size_t i = 0; i < policy->match_count; i++)
		free(policy->match[i]);
	for (size_t i = 0; i < policy->setting_count; i++)
		free(policy->settings[i].device);
	free(policy->match);
	free(policy->name);
	free(policy->set);
	*policy = (struct policy){ 0 };
}

void policy_table_done(struct policy_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		policy_done(&table->policies[i]);
	free(table->policies);
	*table = (struct policy_table){ 0 };
}

const char *mode_name(enum mode m)
{
	return mode_names[m];
}

const char *service_kind_name(enum service_kind k)
{
	return kind_names[k];
}

const char *kill_class_name(enum kill_class k)
{
	return kill_names[k];
}

const char *nodes_mode_name(enum nodes_mode n)
{
	return nodes_names[n];
}

static bool is_protected_component(const char *name, size_t length)
{
	char unit[256]; /* NAME_MAX and the terminator: no component is longer */

	if (length >= sizeof(unit))
		return true; /* cannot be: never touched */
	memcpy(unit, name, length);
	unit[length] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(protected_units); i++)
		if (glob_match(protected_units[i], unit))
			return true;
	return false;
}

bool policy_is_protected_unit(const char *path)
{
	/* A unit may hold cgroups of its own (ceph-osd@1.service/worker), so every component is
	 * looked at. */
	for (;;) {
		size_t length = strcspn(path, "/");

		if (is_protected_component(path, length))
			return true;
		if (path[length] == '\0')
			return false;
		path += length + 1;
	}
}
