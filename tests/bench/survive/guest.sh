# shellcheck shell=bash disable=SC2154 # the settings stand before it: scenario, agent, place, until, seconds
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs in the guest, before a scenario: a small host, one agent or none, and what happened. A scenario
# comes after it and may say what is different from:
#
#   prepare   the machine: swap, storage
#   policy    what the operator of oomwarden names, as a policy set
#   company   who is there beside the store and the bystander, by start_unit or gated
#
# and in store_options what the store is told besides.
#
# Each fact is a line "@ NAME VALUE"; everything else is for people.

# shellcheck source=SCRIPTDIR/../../vm/lib.sh
. "$LAB/lib.sh"

gate=$status_dir/gate
watched=$status_dir/watched
seen=$status_dir/seen
mkfifo "$gate"

declare -A units=([earlyoom]=earlyoom.service [nohang]=nohang.service [oomd]=oomd.service
        [systemd-oomd]=systemd-oomd.service [oomwarden]=oomwardend.service)

prepare() {
        :
}

policy() {
        cat <<'END'
[Policy job]
Match=system.slice/job.service
Kind=batch
Kill=first
Rank=100
END
}

company() {
        gated job.service -- lab-hog --rate 100M --status "$status_dir/job"
}

gated_units=()
gated_dirs=()

find_gated() {
        local unit
        for unit in "${gated_units[@]}"; do
                gated_dirs+=("$(unit_dir "$unit")")
        done
}

# What is left of the trouble once it was looked at for long enough; this shell needs memory too.
end_gated() {
        local dir
        for dir in "${gated_dirs[@]}"; do
                [[ ! -e $dir/cgroup.kill ]] || echo 1 >"$dir/cgroup.kill"
        done
}

# gated UNIT PROPERTY... -- COMMAND...: it is there, and begins when all the others do.
gated() {
        local unit=$1 properties=()
        shift
        while [[ $1 != -- ]]; do
                properties+=("$1")
                shift
        done
        shift
        gated_units+=("$unit")
        # shellcheck disable=SC2016 # the inner shell expands it
        start_unit "$unit" "${properties[@]}" -- /bin/sh -c ': <"$0"; exec "$@"' "$gate" \
                "$LAB/bin/$1" "${@:2}"
}

fact() {
        printf '@ %s %s\n' "$1" "$2"
}

# --- the agent

# Peers were started at boot, as their packages have it. One of them looks for cgroups where a hybrid
# layout has them, and finds none; that is put right.
install_agent() {
        local named
        [[ $agent != none ]] || return 0
        case $agent in
        oomwarden)
                named=$(policy)
                if [[ -n $named ]]; then
                        write_set survive <<<"$named"
                        configure_agent enforce survive kvm-host services
                else
                        configure_agent enforce
                fi
                [[ -z ${kill_budget:-} ]] ||
                        printf 'KillBudget=%s\n' "$kill_budget" >>/etc/oomwarden/oomwarden.ini
                oomwarden check || bail "the policy is not right"
                start_agent
                ;;
        oomd)
                sed -i 's|/sys/fs/cgroup/unified|/sys/fs/cgroup|' /etc/default/oomd
                systemctl reset-failed oomd.service
                systemctl restart oomd.service
                ;;
        esac
        wait_for 60 systemctl --quiet is-active "${units[$agent]}" || bail "$agent does not run"
}

main_pid() {
        systemctl show --property=MainPID --value "${units[$agent]}"
}

# agent_counts: CPU time in microseconds and major faults of all its processes so far, and the time.
agent_counts() {
        local dir
        dir=$(unit_dir "${units[$agent]}") || return 0
        printf '%d %d %d\n' "$(sed -n 's/^usage_usec //p' "$dir/cpu.stat")" \
                "$(sed -n 's/^pgmajfault //p' "$dir/memory.stat")" \
                "$(awk '{ printf "%.0f", $1 * 1000000 }' /proc/uptime)"
}

# process_kib PID FIELD
process_kib() {
        sed -n "s/^$2:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/$1/status" 2>/dev/null
}

measure_agent() { # PID CPU FAULTS TIME, as they were before
        local cpu=0 faults=0 now=0 pid workers=0 kib=0
        if [[ $(main_pid) != "$1" ]] || ! kill -0 "$1" 2>/dev/null; then
                fact agent-lives no
                return
        fi
        fact agent-lives yes
        read -r cpu faults now < <(agent_counts)
        fact cpu-usec $((cpu - $2))
        fact cpu-span-usec $((now - $4))
        fact major-faults $((faults - $3))
        # Of its main process since it was started; for people.
        fact main-major-faults "$(cut -d ' ' -f 12 "/proc/$1/stat")"
        fact rss-kib "$(process_kib "$1" VmRSS)"
        fact peak-kib "$(process_kib "$1" VmHWM)"
        while read -r pid; do
                [[ $pid != "$1" ]] || continue
                workers=$((workers + 1))
                kib=$((kib + $(process_kib "$pid" VmRSS)))
        done <"$(unit_dir "${units[$agent]}")/cgroup.procs"
        fact workers $workers
        fact workers-kib $kib
}

# --- who is watched

# list_watched: PID and name, the name by the unit, of all that have one. The job itself is not, nor the
# agent's workers, which come and go.
list_watched() {
        local unit=none main=0
        [[ $agent == none ]] || unit=${units[$agent]} main=$(main_pid)
        awk -v agent="$unit" -v main="$main" -F / '
                /^0::/ && $NF ~ /[.](service|scope)$/ && !/lab-boot[.]service/ {
                        split(FILENAME, part, "/")
                        name = $NF
                        if (name == agent && part[3] != main)
                                next
                        sub(/[.](service|scope)$/, "", name)
                        sub(/.*x2d/, "", name)
                        print part[3], name == substr(agent, 1, length(agent) - 8) ? "agent" : name
                }' /proc/[0-9]*/cgroup 2>/dev/null
}

# --- the run

# All who wait at the gate have come to it.
at_gate() {
        local pid stat
        while read -r pid _; do
                read -r stat <"/proc/$pid/stat"
                [[ $stat != *'(sh) '[!S]* ]] || return 1
        done <"$watched"
}

place_options() {
        case $place in
        host) ;;
        node*) printf -- '--node %d' "${place#node}" ;;
        unit:*) printf -- '--cgroup %s --limit %s' "$(unit_dir "${place_unit:?}")" "${place_limit:?}" ;;
        esac
}

# shellcheck disable=SC2046,SC2086 # words
observe() {
        lab-observer --report "$seen" --watch "$watched" --gate "$gate" --seconds "$seconds" \
                --bystander "$status_dir/bystander" ${until:+--until "$until"} ${danger:+--danger "$danger"} $(place_options)
}

# What the agent did that ended nobody, as the journal has it: "MICROSECONDS ACTION".
milder_steps() {
        journalctl --quiet --no-pager -o export _COMM=oomwardend OOMWARDEN_MODE=enforce |
                awk -F = '
                        $1 == "__MONOTONIC_TIMESTAMP" { at = $2 }
                        $1 == "OOMWARDEN_ACTION" { action = $2 }
                        $0 == "" {
                                if (action !~ /^(|kill|notify|oom-score)$/) print at, action
                                action = ""
                        }'
}

# Programs that the kernel killed, those too that came after the beginning.
kernel_victims() {
        local program
        while IFS= read -r program; do
                fact kernel-killed "${program// /-}"
        done < <(dmesg | sed -n 's/.*Killed process [0-9]* (\([^)]*\)).*/\1/p')
}

show() { # TITLE COMMAND...
        printf '\n--- %s\n' "$1"
        "${@:2}"
}

survive() {
        local pid=0 cpu=0 faults=0 began=0
        echo 0 >/proc/sys/kernel/numa_balancing 2>/dev/null
        prepare
        install_agent
        # shellcheck disable=SC2086 # words
        start_service store lab-guest --size 350M ${store_options:-}
        wait_for 60 status_is store state holding || bail "the store did not get its memory"
        company
        gated bystander.service -- lab-bystander --status "$status_dir/bystander"
        # What has just been started settles, and the agent has seen it.
        ticks_on store 300 120 || bail "the store stands still"
        list_watched >"$watched"
        wait_for 60 at_gate || bail "not all are at the gate"
        if [[ $agent != none ]]; then
                pid=$(main_pid)
                read -r cpu faults began < <(agent_counts)
        fi
        find_gated
        observe || bail "the observer failed"
        end_gated

        tr -d '\0' <"$seen" | sed -n 's/^\([a-z-]*\) \([0-9]*\) \([^ ]*\)$/@ \1 \2 \3/p'
        [[ $agent == none ]] || measure_agent "$pid" "$cpu" "$faults" "$began"
        fact damaged "$(status_of store damaged-pages)"
        kernel_victims
        [[ $agent != oomwarden ]] || milder_steps | sed 's/^/@ step /'
        fact kernel "$(uname -r)"
        fact complete yes
        show "what each said last" grep -Hs state= "$status_dir"/* --devices=skip --directories=skip
        show "the host" free -m
        [[ $agent == none ]] || show "the agent" journalctl --quiet --no-pager -o short-monotonic \
                -u "${units[$agent]}"
        show "the kernel" sh -c "dmesg | grep -E 'oom-kill:|Killed process|oom_reaper' | tail -n 40"
        # Whatever hangs is not waited for.
        finish_scenario
        exit 0
}

finish_scenario() {
        :
}
