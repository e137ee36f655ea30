# shellcheck shell=bash disable=SC2154,SC2034 # the parts share their variables
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The guest's root file system. Two steps, both cached: a tar of the packages (slow, needs the
# network), and from it and a kernel's modules an ext4 image (seconds).

image_packages=(systemd systemd-sysv dbus kmod numactl procps strace mount)

# What a machine without network, users and removable devices need not wait for at boot.
masked_units=(
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
        e2scrub_reap.service fstrim.timer getty.target getty@tty1.service
        serial-getty@ttyS0.service systemd-logind.service systemd-networkd.service
        systemd-networkd.socket systemd-random-seed.service systemd-resolved.service
        systemd-timesyncd.service systemd-tmpfiles-clean.timer systemd-udev-settle.service
        systemd-udev-trigger.service systemd-udevd.service systemd-udevd-control.socket
        systemd-udevd-kernel.socket systemd-update-utmp.service
)

# ensure_image KERNEL PACKAGE...: sets image.
ensure_image() {
        local kernel=$1 packages root key
        shift
        ensure_kernel "$kernel"
        find_disk_bus
        mapfile -t packages < <(printf '%s\n' "${image_packages[@]}" "$@" | sort -u)
        key=$(printf '%s\n' "$distribution" "$release" "${packages[@]}" | digest)
        root=$cache/roots/$key.tar
        key=$({
                printf '%s\n' "$key" "$(<"$kernel_dir/version")" "${masked_units[@]}"
                cat "$lab_dir"/guest/lab-* "$lab_dir/host/fill-image"
        } | digest)
        image=$cache/images/$key.ext4
        # Used: kept for another while.
        touch -c "$image" "$root"
        [[ ! -e $image ]] || return 0
        need "$needs_image"
        ((EUID == 0)) || need "$needs_image_of_user"
        with_lock "root-${root##*/}" make_root "$root" "${packages[@]}"
        with_lock "image-$key" make_image "$root"
}

# shellcheck disable=SC2016 # mmdebstrap expands it
make_root() {
        local root=$1 work
        shift
        [[ ! -e $root ]] || return 0
        work=$(mktemp -d "$cache/runs/root.XXXXXX")
        sources_list "$release" >"$work/sources.list"
        [[ -s $work/sources.list ]] || fail "no package source found for $release"
        say "building the guest's root file system ($# packages and what they need)"
        mmdebstrap --variant=minbase --include="$(IFS=,; printf '%s' "$*")" \
                --dpkgopt='path-exclude=/usr/share/doc/*' \
                --dpkgopt='path-exclude=/usr/share/locale/*' \
                --dpkgopt='path-exclude=/usr/share/man/*' \
                --dpkgopt='path-exclude=/usr/share/info/*' \
                --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*' \
                --format=tar "$release" "$work/root.tar" "$work/sources.list" \
                >"$cache/logs/mmdebstrap.log" 2>&1 ||
                show_log_and_fail "$cache/logs/mmdebstrap.log" "mmdebstrap failed"
        mv -T "$work/root.tar" "$root"
        rm -rf "$work"
}

make_image() {
        local work
        [[ ! -e $image ]] || return 0
        say "making the guest's disk"
        work=$(mktemp -d "$cache/runs/image.XXXXXX")
        as_owner "$lab_dir/host/fill-image" "$1" "$work" "$kernel_dir" "$lab_dir/guest" \
                "${masked_units[@]}"
        mv -T "$work/image" "$image"
        rm -rf "$work"
}
