/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the path of a cgroup tells of the virtual machine in it: libvirt's scopes under systemd
 * (machine-qemu\x2d<ID>\x2d<NAME>.scope at any depth, the NAME cut to what systemd-machined takes),
 * libvirt without systemd (qemu-<ID>-<NAME>.libvirt-qemu), and Proxmox VE
 * (qemu.slice/<VMID>.scope).
 */

#include "core/snapshot.h"

#include <stddef.h>

/* GUEST_NONE: nothing in the path says so. `name`: what an operator calls it, printable: the
 * guest's name, or else the last component of the path. */
enum guest_type guest_path_parse(const char *path, char *name, size_t size);
