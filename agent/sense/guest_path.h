/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the path of a cgroup tells of the virtual machine in it: libvirt's scopes under systemd
 * (machine-qemu\x2d<ID>\x2d<NAME>.scope at any depth, the NAME cut to what systemd-machined takes;
 * "ch" in place of "qemu" for cloud-hypervisor), libvirt without systemd
 * (qemu-<ID>-<NAME>.libvirt-qemu, <NAME>.libvirt-qemu and, before 1.0.5, libvirt/qemu/<NAME>),
 * Proxmox VE (qemu.slice/<VMID>.scope), and firecracker's jailer (firecracker/<ID>).
 *
 * libvirt parts a guest further, into "emulator", "vcpu<N>" and "iothread<N>", since 7.1 below
 * "libvirt": such a path is the guest's as well.
 */

#include "core/detail.h"
#include "core/snapshot.h"

#include <stddef.h>

/* GUEST_NONE: nothing in the path says so. `name`: what an operator calls it, printable: the
 * guest's name, or else the last component of the path. */
enum guest_type guest_path_parse(const char *path, char *name, size_t size);
/* Who made that cgroup. */
enum guest_manager guest_path_manager(const char *path);
