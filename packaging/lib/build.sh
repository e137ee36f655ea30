# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Building on a machine that others need: no more compilers at once than memory carries, and if the
# kernel must kill something meanwhile, one of them.
#
# Sourced by packaging/quickstart and tests/run.

# The largest compiler process of a build here stays below half of this; with sanitizers and the
# linker of the programs there is still room.
BUILD_JOB_KIB=$((400 * 1024))

_kib_of() { # FILE: bytes in it, as KiB; nothing for "max" and for v1's "no limit"
        local bytes
        read -r bytes 2>/dev/null <"$1" || return 0
        case $bytes in
        *[!0-9]* | '') ;;
        *) [ "${#bytes}" -ge 19 ] || echo $((bytes / 1024)) ;;
        esac
}

# What one cgroup still allows: limit - usage + what of that is cache that nobody uses.
_cgroup_room_kib() { # DIRECTORY LIMIT_FILE USAGE_FILE STAT_KEY
        local limit usage idle
        limit=$(_kib_of "$1/$2")
        usage=$(_kib_of "$1/$3")
        [ -n "$limit" ] && [ -n "$usage" ] || return 0
        idle=$(awk -v k="$4" '$1 == k { print int($2 / 1024) }' "$1/memory.stat" 2>/dev/null)
        echo $((limit - usage + ${idle:-0}))
}

# available_kib ROOT: MemAvailable, or less where our own cgroup or one above it allows less. ROOT is
# "" for this machine.
available_kib() {
        local root=$1 available controllers path room
        available=$(awk '$1 == "MemAvailable:" { print $2 }' "$root/proc/meminfo" 2>/dev/null)
        available=${available:-0}
        [ -r "$root/proc/self/cgroup" ] || { echo "$available" && return; }
        while IFS=: read -r _ controllers path; do
                case ",$controllers," in
                ,,) set -- memory.max memory.current inactive_file \
                        "$root/sys/fs/cgroup" "$root/sys/fs/cgroup/unified" ;;
                *,memory,*) set -- memory.limit_in_bytes memory.usage_in_bytes total_inactive_file \
                        "$root/sys/fs/cgroup/memory" ;;
                *) continue ;;
                esac
                while :; do
                        for room in $(_cgroup_room_kib "$4$path" "$1" "$2" "$3") \
                                ${5:+$(_cgroup_room_kib "$5$path" "$1" "$2" "$3")}; do
                                [ "$room" -lt "$available" ] && available=$room
                        done
                        [ -n "${path#/}" ] || break
                        path=${path%/*}
                done
        done <"$root/proc/self/cgroup"
        [ "$available" -gt 0 ] && echo "$available" || echo 0
}

# build_jobs ROOT CPUS: at least one, whatever the memory.
build_jobs() {
        local cpus=$2 jobs
        jobs=$(($(available_kib "$1") / BUILD_JOB_KIB))
        [ "$jobs" -lt "$cpus" ] || jobs=$cpus
        [ "$jobs" -gt 0 ] && echo "$jobs" || echo 1
}

# build_directory SOURCE NAME: SOURCE/NAME, or one in the user's cache where that cannot be written.
build_directory() {
        if [ -d "$1/$2" ] && [ -w "$1/$2" ] || [ ! -e "$1/$2" ] && [ -w "$1" ]; then
                echo "$1/$2"
        else
                echo "${XDG_CACHE_HOME:-${HOME:-/var/tmp/oomwarden-$(id -u)}/.cache}/oomwarden/$2"
        fi
}

# build SOURCE DIRECTORY MESON_OPTION...: configures as said and builds. Quiet unless it fails; the
# output is kept in DIRECTORY-files/build.log.
build() {
        local source=$1 directory=$2 log=$2-files/build.log jobs
        shift 2
        jobs=$(build_jobs "" "$(nproc)")
        mkdir -p "$directory-files" || return 1
        (
                # Should the kernel have to choose during the build, let it be a compiler.
                echo 800 >/proc/self/oom_score_adj
                if grep -qsF "regenerate $source " "$directory/build.ninja"; then
                        nice -n 10 meson configure "$directory" "$@"
                else
                        # A build of a tree that lay elsewhere is begun anew.
                        [ ! -f "$directory/build.ninja" ] || set -- --wipe "$@"
                        nice -n 10 meson setup "$@" "$directory" "$source"
                fi && nice -n 10 meson compile -C "$directory" -j "$jobs"
        ) >"$log" 2>&1 </dev/null && return 0
        printf 'The build failed (%s job%s, whole output in %s):\n' \
                "$jobs" "$([ "$jobs" -eq 1 ] || echo s)" "$log"
        tail -n 40 "$log" | sed 's/^/  /'
        return 1
}
