# shellcheck shell=bash disable=SC2154,SC2034 # the parts share their variables
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The tree under test: built here, installed into a directory, handed to the guest as a tar.

# Sets build_dir; $1 is a build directory that exists already, or empty.
ensure_build() {
        if [[ -n $1 ]]; then
                [[ -e $1/build.ninja ]] || fail "$1 is not a meson build directory"
                build_dir=$(realpath "$1")
                return
        fi
        need "$NEEDS_BUILD"
        use_unpacked "$cache/unpacked"
        local kind=release settings=(-Dbuildtype=release)
        if ((sanitized)); then
                kind=sanitized
                settings=(-Dbuildtype=debugoptimized '-Db_sanitize=address,undefined')
        fi
        build_dir=$cache/builds/$kind-$(printf '%s' "$source_dir" | digest)
        say "building"
        with_lock "build-${build_dir##*/}" \
                build "$source_dir" "$build_dir" -Dprefix=/usr "${settings[@]}" >&2 ||
                fail "the build failed"
}

# stage_tree DIR: the installed tree, and the lab's own part below /usr/lib/oomwarden-lab.
stage_tree() {
        local stage=$1 lab=$1/usr/lib/oomwarden-lab program
        mkdir -p "$lab/bin"
        with_lock "build-${build_dir##*/}" install_tree "$stage"
        for program in "$build_dir"/tests/vm/lab-*; do
                [[ ! -f $program || ! -x $program ]] || cp "$program" "$lab/bin/"
        done
        [[ -x $lab/bin/lab-guest ]] || fail "no lab programs in $build_dir/tests/vm"
        if ldd "$stage"/usr/sbin/oomwardend 2>/dev/null | grep -q libasan; then
                install -D -m 0644 "$lab_dir/guest/sanitized.conf" \
                        "$stage/etc/systemd/system/oomwardend.service.d/lab-sanitized.conf"
        fi
        cp "$lab_dir/lib.sh" "$lab_dir/relief.sh" "$lab/"
        cp -r "$lab_dir/scenarios" "$lab/"
}

install_tree() {
        local log=$cache/logs/${build_dir##*/}-install.log
        DESTDIR=$1 meson install -C "$build_dir" --no-rebuild --quiet >"$log" 2>&1 ||
                show_log_and_fail "$log" "meson install failed"
}

# The packages that own the shared libraries which the staged programs are linked with.
runtime_packages() {
        local stage=$1 library
        find "$stage" -type f -perm /111 -exec ldd {} + 2>/dev/null |
                awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
                while read -r library; do
                        package_of "$library"
                done | sort -u
}

# Where /lib is a link to /usr/lib, a package may own the file by either name.
package_of() {
        local path
        for path in "$1" "/usr$1" "$(realpath "$1")"; do
                if dpkg-query -S "$path" 2>/dev/null; then
                        return
                fi
        done | sed -n '1s/[:,].*//p'
}
