# shellcheck shell=bash disable=SC2154,SC2034 # the parts share their variables
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Messages, the cache and its locks, and packages of this machine.

say() {
        printf 'lab: %s\n' "$*" >&2
}

fail() {
        say "$*"
        exit 1
}

show_log_and_fail() {
        tail -n 40 "$1" >&2
        fail "$2; all of it: $1"
}

usage_error() {
        say "$*"
        say "try --help"
        exit 2
}

# This machine cannot run the lab; 77 is what test harnesses count as skipped.
cannot() {
        say "cannot run here: $*"
        exit 77
}

cache=${OOMWARDEN_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oomwarden-lab}

prepare_cache() {
        mkdir -p "$cache"/{builds,images,kernels,locks,logs,roots,runs}
        # What runs left behind that were killed; what no run has used for two weeks.
        find "$cache/runs" -mindepth 1 -maxdepth 1 -mtime +1 -exec rm -rf {} +
        find "$cache/images" "$cache/roots" -type f -mtime +14 -delete
}

# with_lock NAME COMMAND...: one process at a time; the others wait and then find the work done.
with_lock() {
        local lock=$cache/locks/$1
        shift
        (
                flock 9
                "$@"
        ) 9>"$lock"
}

digest() {
        sha256sum | cut -c 1-16
}

# What packaging/lib/packages.sh finds or installs; its tables of builds are there.
needs_machine='
qemu|command:qemu-system-x86_64|qemu-system-x86|qemu-system-x86-core
'
needs_image='
mmdebstrap|command:mmdebstrap|mmdebstrap|mmdebstrap
mke2fs|command:mke2fs|e2fsprogs|e2fsprogs
depmod|command:depmod|kmod|kmod
'
needs_image_of_user='
fakeroot|command:fakeroot|fakeroot|fakeroot
newuidmap|command:newuidmap|uidmap|shadow-utils
'

# need TABLE...: makes sure of them; what that prints must not mix with a job's output.
need() {
        local status=0
        [[ -n $(needs_missing "$@") ]] || return 0
        with_lock packages install_needs "$cache/unpacked" "$@" >&2 || status=$?
        ((status != 77)) || cannot "something it needs is missing"
        ((status == 0)) || fail "could not install what is needed"
}

# shellcheck disable=SC2016 # apt expands it
have_apt_lists() {
        [[ -n $(apt-get indextargets --format '$(FILENAME)' 'Created-By: Packages') ]]
}

# Files in an image belong to root. Where we are not root, fakeroot remembers that for us.
as_owner() {
        if ((EUID == 0)); then
                "$@"
        else
                fakeroot -- "$@"
        fi
}
