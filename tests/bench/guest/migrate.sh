# shellcheck shell=bash disable=SC2154,SC2317 # tests/bench/run puts the settings before it
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs in the guest: memory is moved between two nodes by migratepages, numad and the agent's
# workers, in turn; then what it costs the agent to look through guests for memory that lies apart.

# shellcheck source=SCRIPTDIR/../../vm/lib.sh
. "$LAB/lib.sh"

bench=/run/bench
samples=$bench/samples
group=bench.slice/guest.service
numad_log=/var/log/numad.log
# numad leaves processes alone that it has looked at in the last five minutes, and takes the time
# since boot for that: one that just booted would have to wait.
numad_uptime=100000

# --- moving, see move.c for the fields

# part NAME MIB
part() {
        local started
        started=$(clock)
        "$bench/move" "$1" "$bench/hold" "$2" "$rounds" "/sys/fs/cgroup/$group" "$group" \
                >>"$samples" || bail "the program failed: $1"
        note "$1: measured in $(since "$started") s"
}

clock() {
        cut -d' ' -f1 /proc/uptime
}

since() { # CLOCK
        awk -v a="$1" -v b="$(clock)" 'BEGIN { printf "%.1f", b - a }'
}

# Of a line of a move, for awk.
# shellcheck disable=SC2016
fields='bytes = $5; left = $6; usec = $7; calls = $8; longest = $9; typical = $10; moving = $11
        resting = $12; told = $13; huge = $14; huge_after = $15; waited = $16; worked = $17'
# Bytes in a microsecond are MB in a second.
rate='bytes / usec'

# median PART MOVER EXPRESSION: over moves.
median() {
        awk -v part="$1" -v mover="$2" '$1 == part && $2 == mover { '"$fields"'; print ('"$3"') }' \
                "$samples" | sort -n | awk '
                { value[NR] = $1 }
                END {
                        if (NR == 0) print 0
                        else print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2
                }'
}

divide() {
        awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", (b > 0 ? a / b : 0) }'
}

# verdict NAME VALUE at-least|at-most|below LIMIT
verdict() {
        awk -v name="$1" -v value="$2" -v how="$3" -v limit="$4" 'BEGIN {
                ok = how == "at-least" ? value >= limit : how == "below" ? value < limit : value <= limit
                sub("-", " ", how)
                printf "%-62s %8.2f   target %s %s: %s\n", name, value, how, limit,
                       ok ? "reached" : "NOT reached"
        }'
}

print_moves() { # PART
        local mover
        printf '%-14s %8s %8s %10s %11s %11s %7s %9s %10s\n' '' MB/s 'to tool' 'left, KiB' \
                'longest, ms' 'typical, ms' calls 'finding %' 'resting %'
        for mover in migratepages one two floor; do
                printf '%-14s %8.1f %8.2f %10.0f %11.1f %11.1f %7.0f' "$mover" \
                        "$(median "$1" "$mover" "$rate")" "$(to_tool "$1" "$mover")" \
                        "$(median "$1" "$mover" "left / 1024")" \
                        "$(median "$1" "$mover" "longest / 1000")" \
                        "$(median "$1" "$mover" "typical / 1000")" \
                        "$(median "$1" "$mover" "calls")"
                if [[ $mover == migratepages ]]; then
                        printf '\n'
                else
                        printf ' %9.1f %10.1f\n' "$(finding "$1" "$mover")" \
                                "$(median "$1" "$mover" "100 * resting / moving")"
                fi
        done
        printf '\n'
}

# By medians of MB/s.
to_tool() { # PART MOVER
        divide "$(median "$1" "$2" "$rate")" "$(median "$1" migratepages "$rate")"
}

# By medians of MB/s.
to_floor() { # PART MOVER
        divide "$(median "$1" "$2" "$rate")" "$(median "$1" floor "$rate")"
}

# floor WHAT PART: what the call itself leaves, and what one worker makes of it.
print_floor() {
        printf '%-62s %8.2f\n' "$1: floor: bare move_pages, throughput to migratepages'" "$(to_tool "$2" floor)"
        verdict "$1: throughput to the floor's, worker(s): one" "$(to_floor "$2" one)" at-least 0.95
}

# All that was neither a call that moves nor a rest, per cent of the time in calls that move.
finding() { # PART MOVER
        median "$1" "$2" '100 * (worked - moving - resting) / moving'
}

faster() { # PART
        awk -v one="$(median "$1" one "$rate")" -v two="$(median "$1" two "$rate")" \
                'BEGIN { print (two > one ? "two" : "one") }'
}

print_small() {
        local mover
        printf '\n%d MiB of small pages, %d moves each, there and back; migratepages, numactl'\''s, in one call;\n' \
                "$mib" "$moves"
        printf 'ours with one worker and with two, in calls; medians over moves\n\n'
        print_moves small
        for mover in one two; do
                verdict "small pages: throughput to migratepages', worker(s): $mover" \
                        "$(to_tool small "$mover")" at-least 1
                verdict "small pages: longest call, ms, worker(s): $mover" \
                        "$(divide "$(median small "$mover" "longest")" 1000)" at-most 50
        done
        print_floor 'small pages' small
        for mover in one two; do
                verdict "small pages: finding them, % of moving, worker(s): $mover" \
                        "$(finding small "$mover")" below 10
        done
        printf '\nIn what the workers themselves say, finding took %.1f and %.1f %% of moving.\n' \
                "$(median small one '100 * told / moving')" "$(median small two '100 * told / moving')"
}

print_huge() {
        local mover
        printf '\n%d MiB of transparent huge pages, %d moves each, from node 0\n\n' "$huge_mib" "$moves"
        print_moves huge
        printf '%-14s %20s %20s\n' '' 'huge before, KiB' 'huge after, KiB'
        for mover in migratepages one two floor; do
                printf '%-14s %20.0f %20.0f\n' "$mover" "$(median huge "$mover" "huge")" \
                        "$(median huge "$mover" "huge_after")"
        done
        printf '\n'
        for mover in one two; do
                verdict "huge pages: throughput to migratepages', worker(s): $mover" \
                        "$(to_tool huge "$mover")" at-least 1
                verdict "huge pages: whole afterwards, % of before, worker(s): $mover" \
                        "$(median huge "$mover" "huge > 0 ? 100 * huge_after / huge : 0")" at-least 100
        done
        print_floor 'huge pages' huge
}

print_waits() { # PART
        local mover
        for mover in migratepages one two nobody; do
                printf '%-14s %-14s %14.1f %14.1f %14.2f\n' "$1" "$mover" \
                        "$(median "$1" "$mover" "waited / 1000")" "$(most "$1" "$mover")" \
                        "$(wait_to_tool "$1" "$mover")"
        done
}

most() { # PART MOVER: the longest wait of all, in ms
        awk -v part="$1" -v mover="$2" '
                $1 == part && $2 == mover && $16 > most { most = $16 }
                END { printf "%.1f", most / 1000 }' "$samples"
}

wait_to_tool() { # PART MOVER
        divide "$(median "$1" "$2" waited)" "$(median "$1" migratepages waited)"
}

# What is longer by less than this may be any other task on this machine's processors.
wait_noise_usec=20000

verdict_of_wait() { # WHAT PART MOVER LIMIT
        awk -v name="$1: longest wait to migratepages', worker(s): $3" -v limit="$4" \
                -v wait="$(median "$2" "$3" waited)" -v tool="$(median "$2" migratepages waited)" \
                -v noise="$wait_noise_usec" 'BEGIN {
                over = wait - limit * tool
                also = limit >= 1 ? sprintf(", or %d ms more", noise / 1000) : ""
                printf "%-62s %8.2f   target at most %s%s: %s\n", name, (tool > 0 ? wait / tool : 0),
                       limit, also, (over <= (limit >= 1 ? noise : 0) ? "reached" : "NOT reached")
        }'
}

print_all_waits() {
        local mover
        printf '\nThe longest wait of a process while %d MiB of it are moved, ms; %d moves each, there and back\n\n' \
                "$wait_mib" "$moves"
        printf '%-14s %-14s %14s %14s %14s\n' 'it' 'moved by' 'median' 'longest' 'to tool'
        print_waits map
        print_waits touch
        printf '\n'
        for mover in one two; do
                verdict_of_wait "maps and unmaps" map "$mover" 0.25
                verdict_of_wait "touches its pages" touch "$mover" 1
        done
}

# --- numad

# mib_on PID NODE
mib_on() {
        awk -v node="N$2" '
                {
                        size = 4
                        for (i = 2; i <= NF; i++) if ($i ~ /^kernelpagesize_kB=/) size = substr($i, 19)
                        for (i = 2; i <= NF; i++)
                                if (split($i, word, "=") == 2 && word[1] == node) kib += word[2] * size
                }
                END { printf "%d", kib / 1024 }' "/proc/$1/numa_maps" 2>/dev/null || printf 0
}

held_mib() {
        (($(mib_on "$1" 0) + $(mib_on "$1" 1) >= $2))
}

stop_numad() {
        local pid
        pid=$(cat /run/numad.pid 2>/dev/null) || return 0
        kill "$pid" 2>/dev/null
        wait_for 10 fails kill -0 "$pid" 2>/dev/null
        rm -f /run/numad.pid
}

numad_moved() {
        grep -q "PID $1 moved to node" "$numad_log" 2>/dev/null
}

# Its log has whole seconds and hundredths, these without leading zero.
numad_seconds() {
        sed -n "s/.*PID $1 moved to node(s) .* in \([0-9]*\)\.\([0-9]*\) seconds.*/\1 \2/p" "$numad_log" |
                awk 'NR == 1 { printf "%.2f", $1 + $2 / 100 }'
}

# A process that is busy and has half of its memory on each node, which numad wants on one. Lines
# "numad MIB SECONDS AFTER_SECONDS".
measure_numad() {
        local move pid before moved started
        for ((move = 0; move < moves; move++)); do
                choom -n 0 -- "$bench/hold" - small "$mib" spread touch &
                pid=$!
                wait_for 30 held_mib "$pid" "$mib" || bail "the holder did not start"
                before=$(mib_on "$pid" 0)
                rm -f "$numad_log"
                started=$(clock)
                unshare --time --monotonic "$numad_uptime" --fork \
                        numad -l 7 -S 0 -p "$pid" -i 1:2 || return 1
                if wait_for 40 numad_moved "$pid"; then
                        moved=$((before - $(mib_on "$pid" 0)))
                        printf 'numad %d %s %s\n' "${moved#-}" "$(numad_seconds "$pid")" \
                                "$(since "$started")" >>"$samples"
                fi
                stop_numad
                kill "$pid"
                wait "$pid" 2>/dev/null
        done
        return 0
}

print_numad() {
        local moved
        moved=$(grep -c ^numad "$samples")
        printf '\nnumad, of a busy process with half of %d MiB of small pages on each node\n\n' "$mib"
        if ((moved == 0)); then
                printf 'It moved nothing in %d tries of 40 s; the end of its log:\n' "$moves"
                tail -n 12 "$numad_log" 2>/dev/null
                return
        fi
        awk '$1 == "numad" && $3 > 0 { print $2 * 1048576 / 1e6 / $3, $3, $4, $2 }' "$samples" | sort -n | awk '
                { line[NR] = $0 }
                END {
                        split(line[int((NR + 1) / 2)], f, " ")
                        printf "It moved %d MiB in one call of %.2f s, %.1f MB/s, %.1f s after it was started " \
                               "(the median of %d; told to look every second or two, and that 300 s\n" \
                               "had passed since boot, before which it moves nobody that is new).\n",
                               f[4], f[2], f[1], f[3], NR
                }'
}

# --- the agent's own trial

# As it makes it where it may move memory: on a calm host, some time after it was started.
run_trial() {
        keep_rules 31-node-exhausted.ini
        configure_agent enforce kvm-host
        start_agent
        wait_for 90 journal_says 'memory is moved by' || note 'the agent made no trial'
        stop_agent
        rm -rf /etc/oomwarden/rules.d
}

print_trial() {
        printf '\nThe trial that the agent makes itself: %s\n' \
                "$(journal | sed -n 's/.*\(memory is moved by .*\)/\1/p' | tail -n 1)"
        printf 'By the table of small pages faster: %s\n' "$(faster small)"
}

# --- looking through guests

# Who opened which file, by the kernel's own tracing; names as they were given, mostly relative to a
# directory.
trace_opens() { # SECONDS
        local tracing=/sys/kernel/tracing
        [[ -e $tracing/events ]] || mount -t tracefs tracefs "$tracing"
        printf 16384 >"$tracing/buffer_size_kb"
        # shellcheck disable=SC2016 # the kernel's name of an argument
        printf 'p:bench/opened do_sys_openat2 name=+0($arg2):ustring' >"$tracing/kprobe_events" ||
                return 1
        printf 'p:bench/numa_stat memory_numa_stat_show' >>"$tracing/kprobe_events" ||
                note 'reading of memory.numa_stat cannot be traced here'
        : >"$tracing/trace"
        printf 1 >"$tracing/events/bench/enable"
        sleep "$1"
        printf 0 >"$tracing/events/bench/enable"
        # " oomwardend-123 [000] ..... 12.3: opened: (do_sys_openat2+0x0/0x160) name="status""
        sed -nE 's/^ *.*-([0-9]+) +\[[0-9]+\].* opened: .*name="(.*)"$/\1 \2/p' "$tracing/trace" >"$bench/opens"
        # These stay open: each time that the kernel writes one out.
        sed -nE 's/^ *.*-([0-9]+) +\[[0-9]+\].* numa_stat: .*/\1 memory.numa_stat:read/p' "$tracing/trace" \
                >>"$bench/opens"
        ! awk -F '[:/ ]+' '/entries-in-buffer/ { exit $4 >= $5 }' "$tracing/trace" ||
                note 'the trace lost some'
        : >"$tracing/kprobe_events"
}

agent_pids() {
        cat "/sys/fs/cgroup$(systemctl show --property=ControlGroup --value oomwardend.service)/cgroup.procs"
}

# Microseconds on a CPU, of these processes and their threads.
used() {
        local pid
        for pid; do
                cat "/proc/$pid"/task/*/schedstat
        done | awk '{ ns += $1 } END { printf "%.0f", ns / 1000 }'
}

# start_guests: each with a cgroup, and with its memory on both nodes; one in ten is larger.
start_guests() {
        local i size
        mkdir -p "$slice"
        printf '+memory' >"$slice/cgroup.subtree_control" || bail "no memory controller for $slice"
        for ((i = 1; i <= guests; i++)); do
                size=2
                ((i % 10)) || size=24
                mkdir "$slice/bench$i.service"
                bash -c 'printf 0 >"$1/cgroup.procs"; printf 0 >/proc/self/oom_score_adj
                        exec "$2" - small "$3" spread still' \
                        - "$slice/bench$i.service" "$bench/hold" "$size" &
        done
}

guests_hold() {
        (($(cat "$slice"/bench*.service/memory.current | awk '{ n += $1 } END { printf "%d", n / 1048576 }') \
                >= guests * 4))
}

# opens_of main|workers FILE: how many.
opens_of() {
        local main
        main=$(agent_pid)
        agent_pids | awk -v main="$main" -v who="$1" -v file="$2" '
                NR == FNR { if (who == "main" ? $1 == main : $1 != main) wanted[$1] = 1; next }
                $1 in wanted {
                        name = $2
                        if (name == "memory.numa_stat:read" && file != name) next
                        if (file == "" || name == file || name ~ "/" file "$") n++
                }
                END { printf "%d", n }' - "$bench/opens"
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
        (($(watched) >= $1))
}

measure_screening() {
        local pids before
        write_set bench <<'END'
[Policy bench]
Match=bench-guests.slice/*
Kind=vm
Kill=never
Nodes=home
END
        configure_agent dry-run bench
        if ! oomwarden check >"$bench/check" 2>&1; then
                note "not taken, so with Nodes=relieve: $(sed -n 1p "$bench/check")"
                sed -i s/=home/=relieve/ /etc/oomwarden/policies/bench.ini
        fi
        oomwarden check >"$bench/check" 2>&1 || bail "the configuration: $(<"$bench/check")"
        start_agent
        sleep 5
        mapfile -t pids < <(agent_pids)
        before=$(used "${pids[@]}")
        sleep $((seconds / 3))
        empty_usec=$(($(used "${pids[@]}") - before))
        start_guests
        wait_for 60 guests_hold || bail "the guests did not start"
        wait_for 60 watched_are "$guests" || note "the agent keeps files of $(watched) guests open"
        # What is new is looked at more closely at first.
        sleep 10
        before=$(used "${pids[@]}")
        trace_opens "$seconds" || { note 'opening of files cannot be traced here'; : >"$bench/opens"; }
        full_usec=$(($(used "${pids[@]}") - before))
}

print_screening() {
        local name
        printf '\nThe agent in a dry run beside %d guests whose memory lies on both nodes, %d s of a quiet host\n\n' \
                "$guests" "$seconds"
        printf '%-40s %12s %12s\n' 'files opened' 'main process' 'workers'
        for name in '' numa_maps memory.numa_stat maps smaps; do
                printf '%-40s %12d %12d\n' "${name:-all}" "$(opens_of main "$name")" "$(opens_of workers "$name")"
        done
        printf '%-40s %12d %12d\n' 'memory.numa_stat read' "$(opens_of main memory.numa_stat:read)" \
                "$(opens_of workers memory.numa_stat:read)"
        printf '\nCPU time, all processes: %.0f us a second; %.0f without guests; %.2f more for each guest.\n\n' \
                "$(divide "$full_usec" "$seconds")" "$(divide "$empty_usec" $((seconds / 3)))" \
                "$(awk -v a="$full_usec" -v b="$empty_usec" -v s="$seconds" -v g="$guests" \
                        'BEGIN { printf "%.3f", (a - 3 * b) / s / g }')"
        verdict 'numa_maps opened by the main process' "$(opens_of main numa_maps)" at-most 0
        verdict 'numa_maps opened by its workers' "$(opens_of workers numa_maps)" at-most 0
        journal | grep -iE 'gather|would move' | tail -n 3 | sed 's/^/# /'
}

# --- the run

slice=/sys/fs/cgroup/bench-guests.slice
huge_mib=$((mib / 2)) wait_mib=$((mib / 5)) moves=$((2 * rounds))
printf 0 >/proc/sys/kernel/numa_balancing
systemctl stop numad.service 2>/dev/null
mkdir -p "/sys/fs/cgroup/$group"
: >"$samples"
note "kernel $(uname -r), $(nproc) CPUs, $(numactl --hardware | sed -n 's/available: //p')"

part small "$mib"
print_small
part huge "$huge_mib"
print_huge
((only_moves == 0)) || exit 0
part map "$wait_mib"
part touch "$wait_mib"
print_all_waits
measure_numad || note 'numad did not start'
print_numad
run_trial
print_trial
measure_screening
print_screening
note "the whole took $(cut -d. -f1 /proc/uptime) s since boot"
exit 0
