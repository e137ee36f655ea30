# shellcheck shell=bash disable=SC2154,SC2317 # tests/bench/run puts the settings before it
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs in the guest: three programs side by side, so that whatever slows the machine down slows all
# of them, and what each used in each of several windows, with ever more cgroups.

# shellcheck source=SCRIPTDIR/../../vm/lib.sh
. "$LAB/lib.sh"

bench=/run/bench
samples=$bench/samples
# One node may empty while another fills: the files of several are needed each second.
[[ ! -d /sys/devices/system/node/node1 ]] || sed -i -E '/node\*/s/^[0-9]+/1/' "$bench/quiet-tick"
slice=/sys/fs/cgroup/load.slice
programs=(oomwardend earlyoom floor systemd)
# From few to many; the last has as many processes as --processes says.
sizes=(10)
for size in 100 "$cgroups" "$most"; do
        ((size <= sizes[-1])) || sizes+=("$size")
done

# --- the load

# grow TO: that many cgroups, and the agent has found them all.
grow() {
        local each=3
        (($1 <= cgroups)) || each=$(((processes - started_processes) / ($1 - started)))
        "$bench/crowd" "$slice/bench" $((started + 1)) "$1" "$each" ||
                bail "the processes did not start"
        started_processes=$((started_processes + each * ($1 - started)))
        started=$1
        wait_for 300 watched_are "$started" || bail "the agent watches $(watched), not $started"
}

# Services of which the agent keeps a file open, or which it has a watch on.
watched() {
        local pid inodes
        pid=$(agent_pid)
        mapfile -t inodes < <(sed -n 's/^inotify .* ino:\([0-9a-f]*\) .*/0x\1/p' "/proc/$pid/fdinfo"/* 2>/dev/null)
        {
                find "/proc/$pid/fd" -lname "$slice/*" -printf '%l\n'
                join -o 2.2 <(printf '%d\n' "${inodes[@]}" | sort) \
                        <(find "$slice" -mindepth 1 -printf '%i %p\n' | sort)
        } | sed -n "s|^$slice/\([^/]*\.service\).*|\1|p" | sort -u | wc -l
}

watched_are() {
        (($(watched) == $1))
}

# --- measuring

# By unit; asked for once, as answering costs process 1 time that would be measured.
declare -A unit_cgroups=()

find_cgroups() {
        local unit
        for unit; do
                unit_cgroups[$unit]=/sys/fs/cgroup$(systemctl show --property=ControlGroup --value "$unit")
        done
}

pids_of() {
        case $1 in
        oomwardend | earlyoom) cat "${unit_cgroups[$1]}/cgroup.procs" ;;
        floor) printf '%d\n' "$floor_pid" ;;
        systemd) printf '1\n' ;;
        esac
}

# Nanoseconds on a CPU, and how often they went to sleep, of these processes and all their threads.
used() {
        local pid
        for pid; do
                cat "/proc/$pid"/task/*/schedstat
        done | awk '{ ns += $1 } END { printf "%.0f ", ns }'
        for pid; do
                cat "/proc/$pid"/task/*/status
        done | awk '$1 == "voluntary_ctxt_switches:" { n += $2 } END { printf "%d\n", n }'
}

# memory_kib FIELD PID...: the sum.
memory_kib() {
        local field=$1 pid
        shift
        for pid; do
                cat "/proc/$pid/status"
        done | awk -v field="$field:" '$1 == field { kib += $2 } END { printf "%d", kib }'
}

# measure PHASE WINDOWS SECONDS PROGRAM...: lines "PHASE PROGRAM NANOSECONDS WAKEUPS", per second.
measure() {
        local phase=$1 count=$2 length=$3 program window
        local -A pids=() before=()
        shift 3
        for ((window = 0; window < count; window++)); do
                for program; do
                        pids[$program]=$(pids_of "$program")
                        # shellcheck disable=SC2086 # several processes
                        before[$program]="$(used ${pids[$program]}) $(clock)"
                done
                sleep "$length"
                for program; do
                        # shellcheck disable=SC2086
                        printf '%s %s %s %s %s\n' "$phase" "$program" "${before[$program]}" \
                                "$(used ${pids[$program]})" "$(clock)"
                        [[ ${pids[$program]} == "$(pids_of "$program")" ]] ||
                                bail "processes of $program came or went in a window"
                done
        done | awk '{
                seconds = $8 - $5
                printf "%s %s %.0f %.2f\n", $1, $2, ($6 - $3) / seconds, ($7 - $4) / seconds
        }' >>"$samples"
}

clock() {
        cut -d' ' -f1 /proc/uptime
}

# measure_size SIZE: windows, and a long one in which there is what is done once a minute.
measure_size() {
        # What is new is looked at more closely at first.
        sleep $(((seconds + 1) / 2))
        measure "$1" "$windows" "$seconds" "${programs[@]}"
        measure "long$1" 1 "$long" "${programs[@]}"
        note_memory "$1"
}

# Lines "SIZE PROCESSES FIELD..." of the agent's main process.
note_memory() {
        local pid field
        pid=$(agent_pid)
        {
                printf '%d %d' "$1" "$started_processes"
                for field in VmRSS RssAnon RssFile RssShmem VmLck; do
                        printf ' %d' "$(memory_kib "$field" "$pid")"
                done
                printf ' %d\n' "$(find "/proc/$pid/fd" -type l | wc -l)"
        } >>"$bench/memory"
}

# --- what came out

# statistic PHASE PROGRAM COLUMN median|mean|least|most
statistic() {
        awk -v phase="$1" -v program="$2" -v column="$3" '$1 == phase && $2 == program { print $column }' \
                "$samples" | sort -n | awk -v what="$4" '
                { value[NR] = $1; sum += $1 }
                END {
                        if (what == "mean") print sum / NR
                        else if (what == "least") print value[1]
                        else if (what == "most") print value[NR]
                        else print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2
                }'
}

# In microseconds of CPU time per second.
cell() {
        statistic "$1" "$2" 3 "$3" | awk '{ printf "%.0f", $1 / 1000 }'
}

ratio() {
        awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

# agent_to PROGRAM PHASE
agent_to() {
        ratio "$(cell "$2" oomwardend median)" "$(cell "$2" "$1" median)"
}

# verdict NAME VALUE LIMIT
verdict() {
        awk -v name="$1" -v value="$2" -v limit="$3" 'BEGIN {
                printf "%-48s %8.2f   target %s: %s\n", name, value, limit,
                       value <= limit ? "reached" : "NOT reached"
        }'
}

print_programs() {
        local program
        printf '\nCPU time, us per s, side by side, %d cgroups of 3 processes: %d windows of %d s, one of %d s\n\n' \
                "$cgroups" "$windows" "$seconds" "$long"
        printf '%-12s %8s %8s %8s %8s %8s %10s %10s\n' '' median mean least most long wakeups/s 'VmRSS KiB'
        for program in "${programs[@]}"; do
                # shellcheck disable=SC2046 # several processes
                printf '%-12s %8s %8s %8s %8s %8s %10.2f %10s\n' "$program" \
                        "$(cell "$cgroups" "$program" median)" "$(cell "$cgroups" "$program" mean)" \
                        "$(cell "$cgroups" "$program" least)" "$(cell "$cgroups" "$program" most)" \
                        "$(cell "long$cgroups" "$program" mean)" \
                        "$(statistic "$cgroups" "$program" 4 mean)" "${resident[$program]}"
        done
        printf '\noomwardend is %d processes, its VmRSS their sum.\n' "$(pids_of oomwardend | wc -l)"
        printf 'systemd, process 1, used %s us per s before the three were started.\n\n' \
                "$(cell before systemd median)"
        for program in earlyoom:1 floor:2; do
                verdict "oomwardend / ${program%:*}, medians" "$(agent_to "${program%:*}" "$cgroups")" \
                        "${program#*:}"
                verdict "oomwardend / ${program%:*}, long window" \
                        "$(agent_to "${program%:*}" "long$cgroups")" "${program#*:}"
        done
}

print_growth() {
        local size
        printf '\nGrowth, in the same machine; to the floor of the same windows\n\n'
        printf '%-8s %10s %12s %8s %8s %14s %8s %8s\n' services processes 'oomwardend' floor ratio \
                'long: agent' floor ratio
        for size in "${sizes[@]}"; do
                printf '%-8s %10s %12s %8s %8s %14s %8s %8s\n' "$size" \
                        "$(awk -v size="$size" '$1 == size { print $2 }' "$bench/memory")" \
                        "$(cell "$size" oomwardend median)" "$(cell "$size" floor median)" \
                        "$(agent_to floor "$size")" "$(cell "long$size" oomwardend mean)" \
                        "$(cell "long$size" floor mean)" "$(agent_to floor "long$size")"
        done
        printf '\n'
        verdict "${sizes[-1]} services / ${sizes[0]} services, medians to the floor" \
                "$(ratio "$(agent_to floor "${sizes[-1]}")" "$(agent_to floor "${sizes[0]}")")" 1.2
        verdict "${sizes[-1]} services / ${sizes[0]} services, long windows" \
                "$(ratio "$(agent_to floor "long${sizes[-1]}")" "$(agent_to floor "long${sizes[0]}")")" 1.2
}

print_memory() {
        printf '\nMemory of the agent'\''s main process, KiB\n\n'
        printf '%-8s %10s %8s %8s %8s %8s %8s %12s\n' services processes VmRSS RssAnon RssFile RssShmem \
                VmLck descriptors
        while read -r -a row; do
                printf '%-8s %10s %8s %8s %8s %8s %8s %12s\n' "${row[@]}"
        done <"$bench/memory"
        printf '\n'
        verdict "VmRSS at ${sizes[-1]} services, MiB" \
                "$(ratio "$(awk 'END { print $3 }' "$bench/memory")" 1024)" 4
}

# trace PID SECONDS: lines "CALL FILE", by the kernel's own tracing: strace would slow down what it
# looks at. FILE is what the descriptor is at the end, if it is still open; "+" marks reading on.
trace() {
        local tracing=/sys/kernel/tracing fd
        [[ -e $tracing/events ]] || mount -t tracefs tracefs "$tracing"
        [[ -d $tracing/events/syscalls ]] || { printf 'untraced\n'; return; }
        printf 8192 >"$tracing/buffer_size_kb"
        printf '%d' "$1" >"$tracing/set_event_pid"
        : >"$tracing/trace"
        printf 1 >"$tracing/events/syscalls/enable"
        sleep "$2"
        printf 0 >"$tracing/events/syscalls/enable"
        for fd in "/proc/$1/fd"/*; do
                printf 'fd %x %s\n' "${fd##*/}" "$(readlink "$fd")"
        done >"$bench/descriptors"
        sed -nE 's/.*: sys_([a-z0-9_]+)\((fd: ([0-9a-f]+))?(.*pos: ([0-9a-f]+))?.*/call \1 f\3 p\5/p' \
                "$tracing/trace" | awk '
                $1 == "fd" { name["f" $2] = $3; next }
                { print $2 ($4 != "p" && $4 != "p0" ? "+" : ""), $3 == "f" ? "" : name[$3] }' \
                "$bench/descriptors" -
}

# What the agent reads of the host, beside what the floor does.
print_floor() {
        local every what length=$1
        trace "$(agent_pid)" "$length" >"$bench/agent"
        printf '\nHow often each is read in a minute, by the floor and by the agent'\''s main process\n\n'
        printf '%-58s %8s %8s\n' '' floor agent
        {
                while read -r every what; do
                        [[ $every != '#'* && -n $what ]] || continue
                        # shellcheck disable=SC2086,SC2059 # a glob; a number in the format
                        printf "floor $((60 / every)) %s\n" $what
                done <"$bench/quiet-tick"
                sed -nE 's/^pread64 (.+)/\1/p; s/^sysinfo .*/sysinfo(2)/p' "$bench/agent" | sort |
                        uniq -c | awk -v seconds="$length" '{ printf "agent %.1f %s\n", $1 * 60 / seconds, $2 }'
        } | awk '
                { sub(/bench[0-9]+/, "benchN", $3); count[$1, $3] += $2; names[$3] = 1 }
                END {
                        for (name in names)
                                printf "%-58s %8.1f %8.1f\n", name, count["floor", name], count["agent", name]
                }' | sort
        printf '\nAll system calls of it in %d s; + is reading on in the same file\n\n' "$length"
        print_calls <"$bench/agent"
}

print_calls() {
        sed -E 's/(bench|[a-z]+:\[?)[0-9]+/\1N/' | sort | uniq -c | sort -rn | sed -n 1,40p
}

# --- the run

systemctl stop earlyoom
mkdir "$slice"
printf '+memory' >"$slice/cgroup.subtree_control" || bail "no memory controller for $slice"
mkdir -p /etc/oomwarden/policies
cat >/etc/oomwarden/policies/bench.ini <<'END'
[Policy bench]
Match=load.slice/*
Kind=service
Kill=first
Nodes=relieve
END
configure_agent dry-run bench kvm-host services
oomwarden check >"$bench/check" 2>&1 || bail "the configuration: $(<"$bench/check")"

started=0 started_processes=0
note "kernel $(uname -r), $(nproc) CPUs, $(numactl --hardware | sed -n 's/available: //p')"
measure before 3 $(((seconds + 1) / 2)) systemd
start_agent
systemctl start earlyoom || bail "earlyoom did not start"
find_cgroups oomwardend earlyoom
note "earlyoom: $(tr '\0' ' ' <"/proc/$(pids_of earlyoom)/cmdline")"
"$bench/floor" <"$bench/quiet-tick" >"$bench/floor.log" 2>&1 &
floor_pid=$!

declare -A resident=()
for size in "${sizes[@]}"; do
        grow "$size"
        measure_size "$size"
        ((size == cgroups)) || continue
        for program in "${programs[@]}"; do
                # shellcheck disable=SC2046 # several processes
                resident[$program]=$(memory_kib VmRSS $(pids_of "$program"))
        done
done
kill -0 "$floor_pid" || bail "the floor program ended: $(<"$bench/floor.log")"
watched_are "$started" || bail "the agent lost cgroups: it watches $(watched)"
note "free -m: $(free -m | sed -n 2p)"

print_programs
print_growth
print_memory
print_floor 60
if ((calls)); then
        printf '\nSystem calls of process 1 in 10 s\n\n'
        trace 1 10 | print_calls
fi
exit 0
