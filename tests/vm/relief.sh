# shellcheck shell=bash disable=SC2154 # lib.sh has them
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Words for scenarios in which a node runs short and memory is moved off it; runs in the guest, after
# lib.sh. The trouble is the same in all: "gamma" may live on node 0 only and grows until that node
# is full. What the others are made of is the scenario's.

mib=$((1 << 20))
# Those that the agent has; none: as it is shipped.
policy_sets=()
# Of node 1, since watch_node was first called, in KiB.
least_free_kib=

# accounts NAME: its pages by account, over all of its moves that have ended: "moved 76800, busy 3".
accounts() {
        journalctl --quiet --no-pager -o export _COMM=oomwardend OOMWARDEN_ACTION=migrate \
                OOMWARDEN_TARGET="$1" | sed -n 's/^OOMWARDEN_PAGES=//p' | tr ' ' '\n' |
                awk -F = '
                        !($1 in sum) { name[++count] = $1 }
                        { sum[$1] += $2 }
                        END {
                                for (i = 1; i <= count; i++)
                                        if (sum[name[i]]) {
                                                printf "%s%s %d", comma, name[i], sum[name[i]]
                                                comma = ", "
                                        }
                        }'
}

# pages_in NAME ACCOUNT: a number.
pages_in() {
        local text
        text=$(accounts "$1")
        [[ ", $text," =~ ", $2 "([0-9]+)"," ]] && printf '%d' "${BASH_REMATCH[1]}" || printf '0'
}

# moves_of NAME: how often a move of it was begun.
moves_of() {
        journalctl --quiet --no-pager -o export _COMM=oomwardend OOMWARDEN_ACTION=migrate \
                MESSAGE_ID=6a2d1ac0f3e84c6d9b0f6f0e2f7d4c11 OOMWARDEN_TARGET="$1" | grep -c '^MESSAGE='
}

moves_under_way() {
        local begun ended
        begun=$(journal OOMWARDEN_ACTION=migrate OOMWARDEN_MODE=enforce \
                MESSAGE_ID=6a2d1ac0f3e84c6d9b0f6f0e2f7d4c11 | wc -l)
        ended=$(journal OOMWARDEN_ACTION=migrate OOMWARDEN_MODE=enforce \
                MESSAGE_ID=6a2d1ac0f3e84c6d9b0f6f0e2f7d4c12 | wc -l)
        ((begun > ended))
}

guest_names() {
        printf '%s\n' "${!guest_numbers[@]}" | sort
}

# The variants in which there is an agent; the others are without.
has_agent() {
        [[ $LAB_VARIANT == dry-run || $LAB_VARIANT == enforce* ]]
}

is_enforced() {
        [[ $LAB_VARIANT == enforce* ]]
}

start_agent_of_variant() {
        has_agent || return 0
        configure_agent "${LAB_VARIANT/#enforce*/enforce}" "${policy_sets[@]}"
        oomwarden check || bail "the configuration of this scenario is not in order"
        start_agent
}

hold_all() {
        local name
        for name; do
                wait_for 60 status_is "$name" state holding || bail "$name did not get its memory"
        done
}

show_guests() { # WHEN
        local name
        while read -r name; do
                result "$name by node, $1" "$(guest_nodes "$name")"
        done < <(guest_names)
}

watch_node() { # NODE
        local free
        free=$(node_value "$1" MemFree)
        ((free >= ${least_free_kib:-$free})) || least_free_kib=$free
        : "${least_free_kib:=$free}"
}

gamma_has_grown() {
        watch_node 1
        guest_done_growing gamma || (($(oom_kills) > 0))
}

a_guest_is_gone() {
        [[ -n $(gone_guests) ]]
}

# grow_gamma SIZE RATE: until it has its memory, or somebody was killed for it; and until moves that
# are under way then are done.
grow_gamma() {
        start_guest gamma --bind 0 --size "$1" --rate "$2"
        await_gamma
}

await_gamma() {
        wait_for 300 gamma_has_grown || bail "gamma neither grew nor died"
        # The kernel counts a kill when it decides; the victim's memory may take a moment to come back.
        (($(oom_kills) == 0)) || wait_for 60 a_guest_is_gone || note "killed, and no guest is gone"
        ! is_enforced || wait_for 60 fails moves_under_way || note "a move does not end"
        watch_node 1
}

show_outcome() {
        local killed name pages
        killed=$(gone_guests)
        result "gone" "${killed:-nobody}"
        result "kernel OOM kills" "$(oom_kills)"
        show_guests after
        if has_agent; then
                while read -r name; do
                        pages=$(accounts "$name")
                        [[ -z $pages ]] || result "$name, pages" "$pages"
                done < <(guest_names)
                journal OOMWARDEN_ACTION=migrate | sed 's/^/# /'
        fi
        watch_node 1
        result "node 1 free" "$(($(node_value 1 MemFree) / 1024)) MiB, at least $((least_free_kib / 1024))"
}

gamma_is_bound() {
        local elsewhere
        elsewhere=$(guest_node_bytes gamma 1)
        [[ -n $elsewhere ]] && ((elsewhere < mib))
}

check_trouble() {
        check "the kernel killed somebody" compare "$(oom_kills) > 0"
}

check_rescue() {
        local name
        check "no kernel OOM kill" compare "$(oom_kills) == 0"
        while read -r name; do
                check "$name lives, all its memory intact" guest_lives "$name"
        done < <(guest_names)
        check "gamma is where it is bound to" gamma_is_bound
        check "the agent is still there" systemctl --quiet is-active oomwardend.service
}

# moved_to NODE NAME MIB: at least so much of it lies there.
moved_to() {
        (($(guest_node_bytes "$2" "$1") >= $3 * mib))
}

stayed() { # NAME: on node 0, but for its own small change
        (($(guest_node_bytes "$1" 1) < 4 * mib))
}

# In KiB, of a guest's process: AnonHugePages, Private_Hugetlb, Locked, all of smaps_rollup.
rollup() { # NAME KEY
        awk -v key="$2:" '$1 == key { print $2 }' "/proc/${guest_pids[$1]}/smaps_rollup"
}

process_kib() { # NAME KEY: of its status, as VmPin
        awk -v key="$2:" '$1 == key { print $2 }' "/proc/${guest_pids[$1]}/status"
}
