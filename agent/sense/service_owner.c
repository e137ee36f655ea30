/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_owner.h"

#include "sys/span.h"
#include "util/macro.h"

#include <string.h>

/* Those that systemd keeps in cgroups, systemd.unit(5). Slices hold others. */
static const char slice_suffix[] = ".slice";
static const char *const unit_suffixes[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

enum name_place {
	NAME_ANYWHERE,
	NAME_TOPMOST, /* too common a word to mean anything further down */
};

/* Of managers that make cgroups by themselves: container runtimes, libvirt without systemd. */
static const struct {
	const char *name;
	enum name_place place;
} manager_names[] = {
	{ "buildkit", NAME_TOPMOST },  { "containerd", NAME_TOPMOST },
	{ "crio", NAME_TOPMOST },      { "docker", NAME_ANYWHERE },
	{ "ecs", NAME_TOPMOST },       { "firecracker", NAME_TOPMOST },
	{ "incus", NAME_TOPMOST },     { "k8s.io", NAME_TOPMOST },
	{ "kubepods", NAME_ANYWHERE }, { "libpod_parent", NAME_ANYWHERE },
	{ "libvirt", NAME_ANYWHERE },  { "lxc", NAME_ANYWHERE },
	{ "lxd", NAME_TOPMOST },       { "machine", NAME_TOPMOST },
	{ "mesos", NAME_TOPMOST },     { "podman", NAME_TOPMOST },
	{ "slurm", NAME_TOPMOST },
};

static const char *const manager_prefixes[] = {
	"cri-containerd-", "crio-", "docker-", "libpod-", "lxc.monitor", "lxc.payload",
};

static const char *const manager_suffixes[] = { ".libvirt-ch", ".libvirt-lxc", ".libvirt-qemu" };

/* The suffix alone is no unit. */
static bool has_suffix(struct span name, const char *suffix)
{
	return name.length > strlen(suffix) && span_ends(name, suffix);
}

static bool has_any_suffix(struct span name, const char *const *suffixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (has_suffix(name, suffixes[i]))
			return true;
	return false;
}

static bool is_slice(struct span name)
{
	return has_suffix(name, slice_suffix);
}

static bool is_unit(struct span name)
{
	return is_slice(name) || has_any_suffix(name, unit_suffixes, ARRAY_SIZE(unit_suffixes));
}

static bool is_managers(struct span name, bool is_topmost)
{
	for (size_t i = 0; i < ARRAY_SIZE(manager_names); i++)
		if ((is_topmost || manager_names[i].place == NAME_ANYWHERE) &&
		    span_is(name, manager_names[i].name))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(manager_prefixes); i++)
		if (span_starts(name, manager_prefixes[i]))
			return true;
	return has_any_suffix(name, manager_suffixes, ARRAY_SIZE(manager_suffixes));
}

static bool has_manager(const char *path)
{
	struct span rest = span_of(path, strlen(path)), name;
	bool is_topmost = true;

	while (span_next_field(&rest, '/', &name)) {
		if (is_managers(name, is_topmost))
			return true;
		is_topmost = false;
	}
	return false;
}

enum unit_place {
	NO_UNIT,    /* no part of the path is one */
	UNIT,	    /* the last part, with nothing but slices above */
	BELOW_UNIT, /* anything else below one, or a unit of another systemd */
};

static enum unit_place find_unit(const char *path)
{
	struct span rest = span_of(path, strlen(path)), name;
	enum unit_place place = NO_UNIT;
	bool in_slices = true;

	while (span_next_field(&rest, '/', &name)) {
		bool unit = is_unit(name);

		if (unit && in_slices)
			place = UNIT;
		else if (unit || place != NO_UNIT)
			place = BELOW_UNIT;
		in_slices &= is_slice(name);
	}
	return place;
}

enum cgroup_owner service_owner_of(const char *path, enum systemd_presence systemd)
{
	enum unit_place place = systemd == SYSTEMD_NOWHERE ? NO_UNIT : find_unit(path);

	switch (place) {
	case UNIT:
		return systemd == SYSTEMD_HERE ? OWNER_SYSTEMD : OWNER_OTHER;
	case BELOW_UNIT:
		return OWNER_OTHER;
	case NO_UNIT:
		break;
	}
	return has_manager(path) ? OWNER_OTHER : OWNER_NOBODY;
}
