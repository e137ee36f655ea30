# shellcheck shell=bash disable=SC2154,SC2034 # the parts share their variables
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One virtual machine, from power-on to power-off. It has three serial ports: the kernel's console,
# the job's output, and one for nothing but the exit status, so that neither kernel messages nor
# anything a job prints can be taken for a result.

going_down_seconds=120

# Sets accel to kvm or tcg. /dev/kvm being there says little: on some virtual machines a guest on it
# never gets anywhere. So a kernel is booted as far as its panic for want of a root file system.
find_accel() {
        case $1 in
        kvm | tcg)
                accel=$1
                return
                ;;
        esac
        accel=tcg
        [[ -r /dev/kvm && -w /dev/kvm ]] || return 0
        local probe
        probe=$cache/logs/accel-$({
                uname -r
                qemu-system-x86_64 --version
        } | digest)
        [[ -e $probe ]] || with_lock accel probe_kvm "$probe"
        accel=$(<"$probe")
}

probe_kvm() {
        [[ ! -e $1 ]] || return 0
        local found=tcg
        say "trying KVM"
        {
                timeout --kill-after=2 15 qemu-system-x86_64 -accel kvm -machine q35 -cpu host \
                        -smp 2 -m 512M -nodefaults -display none -no-reboot \
                        -serial "file:$1.console" -kernel "$kernel_dir/vmlinuz" \
                        -append 'console=ttyS0 panic=-1' </dev/null || :
        } >"$1.log" 2>&1
        ! grep -q 'Unable to mount root' "$1.console" || found=kvm
        say "using $found"
        printf '%s\n' "$found" >"$1.new"
        mv "$1.new" "$1"
}

# The emulated processor has no CMPXCHG16B: QEMU 7.2 leaves garbage in the flags after it, and kernel
# 6.12 was seen to fail in its allocator of that, in one boot of three.
accel_options() {
        if [[ $accel == kvm ]]; then
                printf '%s\n' -accel kvm -cpu host
        else
                printf '%s\n' -accel tcg,thread=multi -cpu max,cx16=off
        fi
}

# to_mib SIZE: the number of MiB in "2G" or "512M".
to_mib() {
        case $1 in
        *[!0-9MG]* | [MG]* | *[MG]?* | '') return 1 ;;
        *G) printf '%d' $((${1%G} * 1024)) ;;
        *M) printf '%d' "${1%M}" ;;
        *) return 1 ;;
        esac
}

# Prints the nodes but for those in a list, at least one.
nodes_without() { # OPTION LIST
        local node without=()
        for ((node = 0; node < nodes; node++)); do
                [[ $2 == *" $node "* ]] || without+=("$node")
        done
        ((${#without[@]} > 0)) || usage_error "$1: one of $nodes nodes at least must be left"
        printf '%s\n' "${without[@]}"
}

distance() { # NODE NODE
        local named=${distances#* "$1-$2:"}
        if [[ $named == "$distances" ]]; then
                printf '20'
        else
                printf '%s' "${named%% *}"
        fi
}

# Sets numa_options: memory in equal parts, processors in turn; nodes beyond them have memory only.
# The processors' nodes are named one by one: QEMU would deal them to nodes that are to have none.
make_numa_options() {
        local node other cpu total part backend with_memory with_cpus
        with_memory=$(nodes_without --memoryless "$memoryless")
        mapfile -t with_memory <<<"$with_memory"
        with_cpus=$(nodes_without --cpuless "$cpuless")
        mapfile -t with_cpus <<<"$with_cpus"
        total=$(to_mib "$memory")
        part=$((total / ${#with_memory[@]}))
        numa_options=(
                -m "$((part * ${#with_memory[@]}))M"
                -smp "$cpus,sockets=$cpus,cores=1,threads=1"
        )
        for node in "${with_memory[@]}"; do
                numa_options+=(-object "memory-backend-ram,id=memory$node,size=${part}M")
        done
        for ((node = 0; node < nodes; node++)); do
                backend=
                [[ " ${with_memory[*]} " != *" $node "* ]] || backend=,memdev=memory$node
                numa_options+=(-numa "node,nodeid=$node$backend")
        done
        for ((cpu = 0; cpu < cpus; cpu++)); do
                node=${with_cpus[cpu % ${#with_cpus[@]}]}
                numa_options+=(-numa "cpu,node-id=$node,socket-id=$cpu")
        done
        for ((node = 0; node < nodes; node++)); do
                for ((other = node + 1; other < nodes; other++)); do
                        numa_options+=(-numa "dist,src=$node,dst=$other,val=$(distance "$node" "$other")")
                done
        done
}

# Sets disk_options and root_device. Writes to the root file system are forgotten. It is the only
# disk on its bus, because newer kernels number NVMe disks in the order in which they answer; the
# others are found by the names they carry (guest/lab-boot).
make_disk_options() {
        local dir=$1
        disk_options=(-drive "id=root,if=none,format=raw,file=$image,snapshot=on")
        case $disk_bus in
        nvme)
                root_device=/dev/nvme0n1
                disk_options+=(-device "nvme,drive=root,serial=root")
                ;;
        virtio)
                root_device=/dev/vda
                disk_options+=(-device "virtio-blk-pci,drive=root,serial=root,addr=3")
                ;;
        esac
        add_disk job "$dir/job.tar" 4
        if [[ $swap != 0 ]]; then
                truncate -s "$(to_mib "$swap")M" "$dir/swap"
                add_disk swap "$dir/swap" 5
        fi
}

# add_disk NAME FILE SLOT
add_disk() {
        disk_options+=(
                -drive "id=$1,if=none,format=raw,file=$2"
                -device "virtio-blk-pci,drive=$1,serial=$1,addr=$3"
        )
}

kernel_words() {
        local words=(root="$root_device" rootwait rw console=ttyS0 panic=-1 psi=1)
        words+=(systemd.show_status=0 systemd.firstboot=0)
        # A busy host may keep an emulated timer waiting for longer than the kernel's check of it does.
        words+=(no_timer_check)
        case $cgroup in
        hybrid) words+=(systemd.unified_cgroup_hierarchy=0) ;;
        v1) words+=(systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1) ;;
        esac
        # systemd since 256 asks for this beside the words above.
        [[ $cgroup == v2 ]] || words+=(SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1)
        [[ $init == systemd ]] || words+=(init=/usr/lib/oomwarden-lab/lab-init "lab.cgroup=$cgroup")
        printf '%s' "${words[*]} ${append[*]}"
}

# end_when_told DIR PID: a machine that has told its exit status has nothing left to do but to go down.
# One that hangs there (resumed from suspend it does; else emulated ones were seen to) is ended.
end_when_told() {
        local word patience=$going_down_seconds
        word=$(<"$1/nonce")
        while kill -0 "$2" 2>/dev/null; do
                if grep -qs "^$word " "$1/status" && ((patience-- <= 0)); then
                        kill "$2" 2>/dev/null || :
                        return
                fi
                sleep 1
        done
}

# boot_machine DIR: runs the job in DIR/job.tar, which knows the word in DIR/nonce. The job's output
# goes to stdout. Sets job_status, or leaves it empty and sets machine_fault.
boot_machine() {
        local dir=$1 seconds=$timeout result=0
        make_numa_options
        make_disk_options "$dir"
        local accel_words
        mapfile -t accel_words < <(accel_options)

        TMPDIR=$dir timeout --kill-after=5 "$seconds" qemu-system-x86_64 \
                "${accel_words[@]}" -machine q35 "${numa_options[@]}" \
                -nodefaults -display none -nic none -no-reboot "${disk_options[@]}" \
                -kernel "$kernel_dir/vmlinuz" -append "$(kernel_words)" \
                -serial "file:$dir/console" \
                -chardev stdio,id=job,signal=off -serial chardev:job \
                -serial "file:$dir/status" </dev/null 2>"$dir/qemu" &
        machine_pid=$!
        end_when_told "$dir" "$machine_pid" >/dev/null 2>&1 &
        wait "$machine_pid" || result=$?
        machine_pid=

        job_status=$(sed -n "s/^$(<"$dir/nonce") \([0-9]*\)$/\1/p" "$dir/status")
        machine_fault=
        [[ -z $job_status ]] || return 0
        case $result in
        0) machine_fault="the machine went down before the job ended" ;;
        124 | 137) machine_fault="not done after $seconds s" ;;
        *) machine_fault="QEMU failed: $(tail -n 1 "$dir/qemu")" ;;
        esac
}

stop_machine() {
        [[ -n ${machine_pid:-} ]] || return 0
        kill "$machine_pid" 2>/dev/null || :
        wait "$machine_pid" || :
}
