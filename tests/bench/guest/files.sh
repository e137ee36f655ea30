# shellcheck shell=bash disable=SC2154 # tests/bench/run puts the settings before it
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs in the guest: what each file of the kernel costs to read.

# shellcheck source=SCRIPTDIR/../../vm/lib.sh
. "$LAB/lib.sh"

bench=/run/bench
slice=/sys/fs/cgroup/load.slice
service=$slice/bench1.service
[[ -e /sys/fs/cgroup/cgroup.controllers ]] || service=/sys/fs/cgroup/memory/load.slice/bench1.service
slice=${service%/*}

mkdir "$slice"
[[ ! -e $slice/cgroup.controllers ]] || printf '+memory' >"$slice/cgroup.subtree_control"
"$bench/crowd" "$slice/bench" 1 "$cgroups" "$processes" || bail "the processes did not start"

files=(/proc/meminfo /proc/vmstat /proc/zoneinfo /proc/buddyinfo /proc/stat /proc/uptime
        /proc/pressure/{memory,cpu,io} /sys/kernel/mm/transparent_hugepage/enabled)
for node in /sys/devices/system/node/node[0-9]*; do
        files+=("$node"/{meminfo,vmstat,numastat})
done
files+=(/proc/{slabinfo,swaps,mounts} /proc/1/{status,stat,statm,oom_score,oom_score_adj,cgroup})
files+=(/sys/fs/cgroup/{cgroup.stat,memory.stat})
for directory in "$slice" "$service"; do
        files+=("$directory"/cgroup.{events,procs,stat})
        files+=("$directory"/memory.{current,events,events.local,max,stat,numa_stat,pressure,swap.current})
        files+=("$directory"/memory.{usage_in_bytes,failcnt})
done
for file in "${!files[@]}"; do
        [[ -r ${files[file]} ]] || unset "files[$file]"
done

note "kernel $(uname -r), $(nproc) CPUs, $(numactl --hardware | sed -n 's/available: //p')," \
        "$cgroups cgroups of $processes processes"
"$bench/files" "${files[@]}" >"$bench/costs" || bail "the program failed"
printf '\nTime on a processor of reading a file whole, us; ratios to that of a node'\''s meminfo\n\n'
awk '
        { name[NR] = $1; again[NR] = $2; cold[NR] = $3; anew[NR] = $4; bytes[NR] = $5; reads[NR] = $6 }
        $1 ~ /node\/node0\/meminfo$/ { unit_again = $2; unit_cold = $3 }
        END {
                printf "%-58s %8s %6s %8s %6s %8s %7s %6s\n", "", "again", "ratio", "cold", "ratio",
                       "anew", "bytes", "reads"
                for (i = 1; i <= NR; i++) {
                        printf "%-58s %8.2f %6.2f %8.2f %6.2f", name[i], again[i] / 1000,
                               again[i] / unit_again, cold[i] / 1000, cold[i] / unit_cold
                        if (reads[i]) printf " %8.2f %7d %6d", anew[i] / 1000, bytes[i], reads[i]
                        printf "\n"
                }
        }' "$bench/costs"
exit 0
