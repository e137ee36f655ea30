# shellcheck shell=bash disable=SC2154,SC2317 # tests/bench/run puts the settings before it
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs in the guest: three programs side by side, so that whatever slows the machine down slows all
# of them, and what each used in each of several windows.

# shellcheck source=SCRIPTDIR/../../vm/lib.sh
. "$LAB/lib.sh"

bench=/run/bench
samples=$bench/samples
slice=/sys/fs/cgroup/load.slice
growth=()
for size in 10 100; do
        ((size >= cgroups)) || growth+=("$size")
done

# --- the load

# A cgroup whose processes sleep for ever; the shell itself becomes the third.
start_cgroup() {
        mkdir "$slice/$1.service"
        (
                printf '%d' "$BASHPID" >"$slice/$1.service/cgroup.procs"
                # The job cannot be killed by the kernel; these are as killable as any process.
                printf 0 >/proc/self/oom_score_adj
                sleep infinity &
                sleep infinity &
                exec sleep infinity
        ) </dev/null >/dev/null 2>&1 &
}

# grow TO: that many cgroups, and the agent has found them all.
grow() {
        while ((started < $1)); do
                started=$((started + 1))
                start_cgroup "bench$started"
        done
        wait_for 120 processes_are $((3 * started)) || bail "the processes did not start"
        wait_for 120 watched_are "$started" || bail "the agent watches $(watched), not $started"
}

processes_are() {
        (($(cat "$slice"/*/cgroup.procs | wc -l) == $1))
}

# The agent keeps memory.current of each service open.
watched() {
        find "/proc/$(agent_pid)/fd" -lname "$slice/*/memory.current" | wc -l
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

resident_kib() {
        local pid
        for pid; do
                cat "/proc/$pid/status"
        done | awk '$1 == "VmRSS:" { kib += $2 } END { printf "%d", kib }'
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

# verdict NAME RATIO LIMIT
verdict() {
        awk -v name="$1" -v ratio="$2" -v limit="$3" 'BEGIN {
                printf "%-34s %6.2f   target %s: %s\n", name, ratio, limit,
                       ratio <= limit ? "reached" : "NOT reached"
        }'
}

print_tables() {
        local program phase first
        printf '\nCPU time, us per s, of %d windows of %d s, side by side, %d cgroups of 3 processes\n\n' \
                "$windows" "$seconds" "$cgroups"
        printf '%-12s %8s %8s %8s %8s %10s %10s\n' '' median mean least most wakeups/s 'VmRSS KiB'
        for program in oomwardend earlyoom floor systemd; do
                # shellcheck disable=SC2046 # several processes
                printf '%-12s %8s %8s %8s %8s %10.2f %10d\n' "$program" \
                        "$(cell full "$program" median)" "$(cell full "$program" mean)" \
                        "$(cell full "$program" least)" "$(cell full "$program" most)" \
                        "$(statistic full "$program" 4 mean)" "$(resident_kib $(pids_of "$program"))"
        done
        # shellcheck disable=SC2046
        printf '\noomwardend is %d processes, its VmRSS their sum; the agent itself %d KiB.\n' \
                "$(pids_of oomwardend | wc -l)" "$(agent_kib)"
        printf 'systemd, process 1, used %s us per s before the three were started.\n\n' \
                "$(cell before systemd median)"
        for program in earlyoom:1 floor:2; do
                verdict "oomwardend / ${program%:*}, medians" \
                        "$(ratio "$(cell full oomwardend median)" "$(cell full "${program%:*}" median)")" \
                        "${program#*:}"
                verdict "oomwardend / ${program%:*}, means" \
                        "$(ratio "$(cell full oomwardend mean)" "$(cell full "${program%:*}" mean)")" \
                        "${program#*:}"
        done

        printf '\nGrowth, in the same machine; to the floor of the same windows\n\n'
        printf '%-12s %12s %12s %14s\n' cgroups 'oomwardend' 'floor' 'ratio'
        for phase in "${growth[@]}" full; do
                first=$phase
                [[ $phase != full ]] || first=$cgroups
                printf '%-12s %12s %12s %14s\n' "$first" "$(cell "$phase" oomwardend median)" \
                        "$(cell "$phase" floor median)" \
                        "$(ratio "$(cell "$phase" oomwardend median)" "$(cell "$phase" floor median)")"
        done
}

# print_calls PROGRAM SECONDS
print_calls() {
        local trace=$bench/trace length=$2 pid options=()
        for pid in $(pids_of "$1"); do
                options+=(-p "$pid")
        done
        timeout --signal=INT "$length" strace -f -y -e signal=none -o "$trace" "${options[@]}" 2>/dev/null
        printf '\nSystem calls of %s in %d s\n\n' "$1" "$length"
        sed -nE 's/^[0-9]+ +([a-z0-9_]+)\([0-9]*(<([^>]*)>)?(.* = -1 (E[A-Z0-9]+))?.*/\1 \3 \5/p' "$trace" |
                sed -E 's/(bench|[a-z]+:\[?)[0-9]+/\1N/' | sort |
                uniq -c | sort -rn | sed -n 1,40p
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

started=0
note "kernel $(uname -r), $(nproc) CPUs, $(numactl --hardware | sed -n 's/available: //p')"
measure before 3 $(((seconds + 1) / 2)) systemd
start_agent
systemctl start earlyoom || bail "earlyoom did not start"
find_cgroups oomwardend earlyoom
note "earlyoom: $(tr '\0' ' ' <"/proc/$(pids_of earlyoom)/cmdline")"
"$bench/floor" </dev/null >"$bench/floor.log" 2>&1 &
floor_pid=$!

for size in "${growth[@]}"; do
        grow "$size"
        # What is new is looked at more closely at first.
        sleep $(((seconds + 1) / 2))
        measure "$size" "$windows" $(((seconds + 1) / 2)) oomwardend floor
done
grow "$cgroups"
sleep $(((seconds + 1) / 2))
measure full "$windows" "$seconds" oomwardend earlyoom floor systemd
kill -0 "$floor_pid" || bail "the floor program ended: $(<"$bench/floor.log")"
watched_are "$cgroups" || bail "the agent lost cgroups: it watches $(watched)"

print_tables
if ((calls)); then
        print_calls oomwardend 20
        print_calls systemd 10
fi
exit 0
