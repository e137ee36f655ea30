# shellcheck shell=bash disable=SC2154,SC2034 # the parts share their variables
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Kernels: unpacked from packages, never installed. A kernel is a directory in the cache with
# vmlinuz, config, version and modules/VERSION/.

kernel_default() {
        if [[ $distribution == debian ]]; then
                printf '6.1'
        else
                printf 'own'
        fi
}

# Sets kernel_release and kernel_package from the word that --kernel was given.
kernel_source() {
        case $distribution:$1 in
        debian:6.1) kernel_release=bookworm ;;
        debian:6.12) kernel_release=trixie ;;
        debian:newest) kernel_release=unstable ;;
        debian:own | ubuntu:own) kernel_release=$release ;;
        *) cannot "no source of kernel $1 on $distribution" ;;
        esac
        kernel_package=linux-image-cloud-amd64
        [[ $distribution == debian ]] || kernel_package=linux-image-virtual
}

# Sets kernel_dir.
ensure_kernel() {
        kernel_dir=$cache/kernels/$distribution-$1
        [[ ! -e $kernel_dir ]] || return 0
        need "$needs_image"
        kernel_source "$1"
        say "fetching kernel $1"
        with_lock "kernel-$distribution-$1" fetch_kernel
}

fetch_kernel() {
        [[ ! -e $kernel_dir ]] || return 0
        local work
        work=$(mktemp -d "$cache/runs/kernel.XXXXXX")
        mkdir -p "$work"/{apt/lists/partial,apt/cache/archives/partial,debs,tree,kernel/modules}
        sources_list "$kernel_release" >"$work/apt/sources.list"
        [[ -s $work/apt/sources.list ]] || fail "no package source found for $kernel_release"
        private_apt "$work/apt" apt-get update

        local packages
        mapfile -t packages < <(kernel_packages "$work/apt")
        ((${#packages[@]} > 0)) || fail "$kernel_release has no $kernel_package"
        (cd "$work/debs" && private_apt "$work/apt" apt-get download "${packages[@]}")
        local deb
        for deb in "$work"/debs/*.deb; do
                dpkg-deb -x "$deb" "$work/tree"
        done
        arrange_kernel "$work/tree" "$work/kernel"
        mv -T "$work/kernel" "$kernel_dir"
        rm -rf "$work"
}

# What the kernel package needs of the kernel's own parts: newer releases split it up.
kernel_packages() {
        private_apt "$1" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
                --no-breaks --no-replaces --no-enhances "$kernel_package" |
                grep -E '^linux-(image|modules|binary|base)-[0-9]' | sort -u
}

# arrange_kernel TREE DIR: newer packages keep everything below /usr/lib/modules.
arrange_kernel() {
        local tree=$1 dir=$2 modules version
        modules=$(find "$tree" -type d -path '*/lib/modules/*' -prune -print -quit)
        [[ -n $modules ]] || fail "no modules in the kernel packages"
        version=${modules##*/}
        first_of "$tree/boot/vmlinuz-$version" "$modules/vmlinuz" "$dir/vmlinuz"
        first_of "$tree/boot/config-$version" "$modules/config" "$dir/config"
        mkdir -p "$tree/depmod/lib/modules"
        mv "$modules" "$tree/depmod/lib/modules/$version"
        depmod -b "$tree/depmod" "$version"
        mv "$tree/depmod/lib/modules/$version" "$dir/modules/$version"
        printf '%s\n' "$version" >"$dir/version"
}

# first_of FILE FILE TARGET: moves the one that exists.
first_of() {
        if [[ -e $1 ]]; then
                mv "$1" "$3"
        elif [[ -e $2 ]]; then
                mv "$2" "$3"
        else
                fail "neither $1 nor $2 in the kernel packages"
        fi
        chmod 0644 "$3"
}

# Sets disk_bus to what this kernel can boot from without an initramfs.
find_disk_bus() {
        if grep -q '^CONFIG_BLK_DEV_NVME=y' "$kernel_dir/config"; then
                disk_bus=nvme
        elif grep -q '^CONFIG_VIRTIO_BLK=y' "$kernel_dir/config" &&
                grep -q '^CONFIG_VIRTIO_PCI=y' "$kernel_dir/config"; then
                disk_bus=virtio
        else
                cannot "kernel $(<"$kernel_dir/version") has no disk driver built in"
        fi
}
