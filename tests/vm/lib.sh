# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Words for scenarios; runs in the guest. A scenario sources it, does its work, says what it finds
# by check, and ends with finish.

set -uo pipefail
status_dir=/run/lab
mkdir -p "$status_dir"
failed_checks=0

# A pipe that nobody ever writes to: waiting for it with a deadline is a pause without a process.
exec {never}<> <(:)
pause() {
        read -rt 0.1 -u "$never" || :
}

note() {
        printf '# %s\n' "$*"
}

# result LABEL VALUE: a cell of the table that is printed when all variants have run.
result() {
        printf '= %s\t%s\n' "$1" "$2"
        note "$1: $2"
}

# check DESCRIPTION COMMAND...: the command must succeed; the scenario goes on either way.
check() {
        local description=$1
        shift
        if "$@"; then
                printf 'ok - %s\n' "$description"
        else
                failed_checks=$((failed_checks + 1))
                printf 'not ok - %s\n' "$description"
        fi
}

# For what makes the rest pointless.
bail() {
        printf 'not ok - %s\n' "$*"
        show_journal
        exit 1
}

skip() {
        printf 'skip: %s\n' "$*"
        exit 77
}

# finish: the scenario's exit status.
finish() {
        ((failed_checks == 0)) && exit 0
        show_journal
        exit 1
}

# What the agent, systemd and the kernel said that matters here, by the machine's clock.
show_journal() {
        journalctl --quiet --no-pager -o short-monotonic |
                grep -E 'oomwardend|machine-qemu|leak\.service|oom-kill:|Killed process' | tail -n 80
}

fails() {
        ! "$@"
}

# compare "VALUE OPERATOR VALUE": arithmetic as a command, for check and wait_for.
compare() {
        (($1))
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails after that time.
wait_for() {
        local deadline=$((SECONDS + $1))
        shift
        until "$@"; do
                ((SECONDS < deadline)) || return 1
                pause
        done
}

# --- the kernel's counters

vmstat_value() {
        awk -v key="$1" '$1 == key { print $2 }' /proc/vmstat
}

oom_kills_at_start=$(vmstat_value oom_kill)

# Processes that the kernel killed for want of memory since the scenario began.
oom_kills() {
        printf '%d' $(($(vmstat_value oom_kill) - oom_kills_at_start))
}

# node_value NODE KEY: from a node's meminfo, in KiB.
node_value() {
        awk -v key="$2:" '$3 == key { print $4 }' "/sys/devices/system/node/node$1/meminfo"
}

# --- guests, and other company

# A guest is a lab-guest in a scope of the name that libvirt gives to a machine's.
guest_scope() {
        printf 'machine-qemu\\x2d%d\\x2d%s.scope' "${guest_numbers[$1]}" "$1"
}

guest_cgroup() {
        local hierarchy=memory/
        [[ -z ${guest_dirs[$1]-} ]] || { printf '%s' "${guest_dirs[$1]}" && return; }
        ! is_v2 || hierarchy=
        printf '/sys/fs/cgroup/%smachine.slice/%s' "$hierarchy" "$(guest_scope "$1")"
}

declare -A guest_numbers=() guest_pids=() guest_dirs=()

# start_guest NAME [--bind NODE | --cpuset NODES] LAB_GUEST_OPTION...: --bind confines it to a node for
# good, by its memory policy; --cpuset puts it into a cpuset of those nodes, on cgroup v1.
start_guest() {
        local name=$1 wrapper=() where=
        shift
        guest_numbers[$name]=$((${#guest_numbers[@]} + 1))
        case ${1:-} in
        --bind)
                wrapper=(numactl "--membind=$2")
                shift 2
                ;;
        --cpuset)
                where=/sys/fs/cgroup/cpuset/machine.slice/$(guest_scope "$name")
                make_cpuset "$where" "$2" || bail "$where cannot be made"
                # shellcheck disable=SC2016 # the inner shell expands it
                wrapper=(bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$where")
                shift 2
                ;;
        esac
        # The job cannot be killed by the kernel; a guest has to be as killable as any process.
        choom -n 0 -- systemd-run --quiet --scope --slice=machine.slice \
                --unit="$(guest_scope "$name")" \
                "${wrapper[@]}" lab-guest --status "$status_dir/$name" "$@" \
                >"$status_dir/$name.output" 2>&1 &
        guest_pids[$name]=$!
        wait_for 30 test -s "$status_dir/$name" ||
                bail "guest $name did not start: $(<"$status_dir/$name.output")"
}

# adopt_guest NAME PID: a virtual machine that was started by other means is one of the guests.
adopt_guest() {
        local path
        guest_numbers[$1]=$((${#guest_numbers[@]} + 1))
        guest_pids[$1]=$2
        if is_v2; then
                path=$(sed -n 's/^0:://p' "/proc/$2/cgroup")
        else
                path=memory$(sed -n 's/^[0-9]*:memory://p' "/proc/$2/cgroup")
        fi
        # What a manager keeps below a scope has no memory of its own.
        guest_dirs[$1]=/sys/fs/cgroup/${path%.scope/*}
        [[ $path != *.scope/* ]] || guest_dirs[$1]+=.scope
}

# make_cpuset DIRECTORY NODES: with those above it; a new cpuset of v1 has nothing and takes nobody.
make_cpuset() {
        local above=${1%/*}
        if [[ -z $(cat "$above/cpuset.mems" 2>/dev/null) ]]; then
                [[ $above == /sys/fs/cgroup/cpuset/* ]] || return 1
                make_cpuset "$above" "$(</sys/fs/cgroup/cpuset/cpuset.mems)" || return 1
        fi
        mkdir -p "$1" && cat "$above/cpuset.cpus" >"$1/cpuset.cpus" && echo "$2" >"$1/cpuset.mems"
}

# status_of NAME FIELD: what a lab program says of itself.
status_of() {
        sed -n "s/.*\b$2=\([^ ]*\).*/\1/p" "$status_dir/$1"
}

status_is() {
        [[ $(status_of "$1" "$2") == "$3" ]]
}

# A guest that was killed cannot say so: its process is gone.
guest_gone() {
        ! kill -0 "${guest_pids[$1]}" 2>/dev/null
}

guest_done_growing() {
        guest_gone "$1" || status_is "$1" state holding
}

# ticks_on NAME COUNT SECONDS: it ticks COUNT times more within that time.
ticks_on() {
        local until=$(($(status_of "$1" ticks) + $2))
        wait_for "$3" ticks_reached "$1" "$until"
}

ticks_reached() {
        (($(status_of "$1" ticks) >= $2))
}

# guest_lives NAME: there, holding all it asked for, ticking, and no page of it damaged. Of one that was
# adopted only the first can be seen.
guest_lives() {
        ! guest_gone "$1" || return 1
        [[ -z ${guest_dirs[$1]-} ]] || return 0
        status_is "$1" state holding && ticks_on "$1" 50 30 &&
                status_is "$1" damaged-pages 0
}

gone_guests() {
        local name gone=()
        for name in "${!guest_numbers[@]}"; do
                ! guest_gone "$name" || gone+=("$name")
        done
        printf '%s' "${gone[*]}"
}

# anon_on DIRECTORY NODE: anonymous memory of a cgroup there, in bytes; nothing if it is gone. v1
# counts pages.
anon_on() {
        local number
        number=$(sed -n "s/^anon[ =].*\bN$2=\([0-9]*\).*/\1/p" "$1/memory.numa_stat" 2>/dev/null) || return 0
        [[ -z $number ]] || is_v2 || number=$((number * 4096))
        printf '%s\n' "$number"
}

guest_node_bytes() { # NAME NODE
        anon_on "$(guest_cgroup "$1")" "$2"
}

# "300 + 0 MiB": anonymous memory of a cgroup on node 0, 1 and so on.
nodes_of() { # DIRECTORY
        local node bytes text=
        for node in /sys/devices/system/node/node[0-9]*; do
                bytes=$(anon_on "$1" "${node##*node}")
                text+="${text:+ + }$((${bytes:-0} >> 20))"
        done
        printf '%s MiB' "$text"
}

guest_nodes() { # NAME
        if guest_gone "$1" || [[ -z $(guest_node_bytes "$1" 0) ]]; then
                printf 'gone'
        else
                nodes_of "$(guest_cgroup "$1")"
        fi
}

# start_service UNIT PROGRAM OPTION...: a lab program as a service of its own.
start_service() {
        local unit=$1 program=$2
        shift 2
        systemd-run --quiet --unit="$unit" --property=OOMPolicy=continue \
                "$LAB/bin/$program" --status "$status_dir/$unit" "$@"
        wait_for 30 test -s "$status_dir/$unit" || bail "$unit did not start"
}

service_gone() {
        ! systemctl --quiet is-active "$1"
}

# start_unit UNIT OPTION... -- COMMAND...: with properties, and without waiting for a status.
start_unit() {
        local unit=$1 properties=()
        shift
        while [[ $1 != -- ]]; do
                properties+=(--property="$1")
                shift
        done
        shift
        systemd-run --quiet --unit="$unit" "${properties[@]}" "$@" || bail "$unit did not start"
}

# --- cgroups, in whichever layout

is_v2() {
        [[ -e /sys/fs/cgroup/cgroup.controllers ]]
}

# unit_dir UNIT [CONTROLLER]: its directory in that controller's hierarchy.
unit_dir() {
        local path controller=${2:-memory}
        path=$(systemctl show --property=ControlGroup --value "$1")
        [[ -n $path ]] || return 1
        if is_v2; then
                printf '/sys/fs/cgroup%s' "$path"
        else
                printf '/sys/fs/cgroup/%s%s' "$controller" "$path"
        fi
}

# enter_unit UNIT: this shell, and what it forks from now on, is in its cgroup, in each hierarchy.
enter_unit() {
        local path file
        path=$(systemctl show --property=ControlGroup --value "$1")
        [[ -n $path ]] || return 1
        for file in /sys/fs/cgroup"$path"/cgroup.procs /sys/fs/cgroup/*"$path"/cgroup.procs; do
                [[ ! -e $file ]] || echo "$BASHPID" >"$file" || return 1
        done
}

# memory_of UNIT WHAT: what the kernel has for current, max, high, low, min, swap.current, oom.group;
# "max" where there is no limit, nothing where the kernel has no such file.
memory_of() {
        local dir value
        dir=$(unit_dir "$1") || return 0
        if is_v2; then
                cat "$dir/memory.$2" 2>/dev/null
                return
        fi
        case $2 in
        current) cat "$dir/memory.usage_in_bytes" 2>/dev/null ;;
        max)
                value=$(<"$dir/memory.limit_in_bytes") 2>/dev/null
                [[ $value != 9223372036854771712 ]] || value=max
                printf '%s\n' "$value"
                ;;
        esac
}

memory_is() {
        [[ $(memory_of "$1" "$2") == "$3" ]]
}

# "max" is more than any number.
memory_below() {
        local value
        value=$(memory_of "$1" "$2")
        [[ $value =~ ^[0-9]+$ ]] && ((value < $3))
}

memory_above() {
        local value
        value=$(memory_of "$1" "$2")
        [[ $value == max ]] || { [[ $value =~ ^[0-9]+$ ]] && ((value > $3)); }
}

# The disk of the root file system; the kernel may call it /dev/root.
root_disk() {
        printf '/dev/%s' "$(sed -n 's/^DEVNAME=//p' "/sys/dev/block/$(mountpoint -d /)/uevent")"
}

# meminfo KEY: in KiB.
meminfo() {
        awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo
}

# available_mib PERCENT: that part of MemAvailable, in MiB.
available_mib() {
        printf '%d' $(($(meminfo MemAvailable) * $1 / 102400))
}

# available_below PERMILLE: MemAvailable is less than that part of MemTotal.
available_below() {
        (($(meminfo MemAvailable) < $(meminfo MemTotal) * $1 / 1000))
}

available_above() {
        ! available_below "$1"
}

# --- the agent

# configure_agent MODE [POLICY...]: what stands in /etc/oomwarden/oomwarden.ini.
configure_agent() {
        local mode=$1
        shift
        mkdir -p /etc/oomwarden
        {
                printf '[Agent]\nMode=%s\n' "$mode"
                (($# == 0)) || printf 'Policy=%s\n' "$*"
        } >/etc/oomwarden/oomwarden.ini
}

# write_set NAME: the policy set of that name, from standard input.
write_set() {
        mkdir -p /etc/oomwarden/policies
        cat >"/etc/oomwarden/policies/$1.ini"
}

# keep_rules FILE...: all other rules that are shipped are masked, so that what happens is theirs.
keep_rules() {
        local file
        mkdir -p /etc/oomwarden/rules.d
        for file in /usr/lib/oomwarden/rules.d/*.ini; do
                file=${file##*/}
                [[ " $* " == *" $file "* ]] || ln -sf /dev/null "/etc/oomwarden/rules.d/$file"
        done
}

stop_agent() {
        systemctl stop oomwardend.service || bail "oomwardend did not stop"
}

start_agent() {
        systemctl start oomwardend.service || bail "oomwardend did not start"
        note "agent: pid $(agent_pid), $(agent_kib) KiB resident"
}

agent_pid() {
        systemctl show --property=MainPID --value oomwardend.service
}

agent_kib() {
        awk '$1 == "VmRSS:" { print $2 }' "/proc/$(agent_pid)/status"
}

# journal FIELD=VALUE...: the agent's records that have all of these, one message a line.
journal() {
        journalctl --quiet --no-pager -o cat _COMM=oomwardend "$@"
}

# A line that matches this pattern, in any of its records.
journal_says() {
        journal | grep -q "$1"
}

journal_has() {
        [[ -n $(journal "$@") ]]
}

# acted RULE ACTION: it is in the journal with the mode of this variant.
acted() {
        journal_has OOMWARDEN_RULE="$1" OOMWARDEN_ACTION="$2" OOMWARDEN_MODE="$LAB_VARIANT"
}

# check_inert: what a dry run has to leave behind in the journal.
check_inert() {
        check "it did nothing" fails journal_has OOMWARDEN_MODE=enforce
}

show_records() {
        journal OOMWARDEN_RULE="$1" | sed 's/^/# /'
}

# The machine's time, in microseconds, of the first such record; of the kernel's first OOM kill.
first_record_usec() {
        journalctl --quiet --no-pager -o export _COMM=oomwardend "$@" |
                sed -n 's/^__MONOTONIC_TIMESTAMP=//p' | sed -n 1p
}

first_oom_usec() {
        dmesg | sed -n 's/^\[ *\([0-9]*\)\.\([0-9]*\)\] .*\boom-kill:.*/\1\2/p' | sed -n 1p
}
