# shellcheck shell=bash disable=SC2154 # tests/bench/run puts the settings before it
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs in the guest: what a full round over services costs, per service.

# shellcheck source=SCRIPTDIR/../../vm/lib.sh
. "$LAB/lib.sh"

bench=/run/bench
slice=/sys/fs/cgroup/load.slice

# fill PREFIX COUNT
fill() {
        "$bench/crowd" "$slice/$1" 1 "$2" "$processes" || bail "the processes did not start"
}

mkdir "$slice"
printf '+memory' >"$slice/cgroup.subtree_control" || bail "no memory controller for $slice"
fill a 10
fill b 90
fill c 200
fill d 700
note "kernel $(uname -r), $(nproc) CPUs, $(numactl --hardware | sed -n 's/available: //p')"
printf '\nTime on a processor of a round over all services of a set, %d processes each, in a machine of 1,000\n\n' \
        "$processes"
"$bench/full_round" 10 'load.slice/a*' 100 'load.slice/a*,load.slice/b*' \
        300 'load.slice/a*,load.slice/b*,load.slice/c*' \
        1000 'load.slice/a*,load.slice/b*,load.slice/c*,load.slice/d*' ||
        bail "the program failed"
exit 0
