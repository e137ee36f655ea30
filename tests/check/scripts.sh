#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the scripts promise: builds that leave memory alone, package managers that may only add, and
# captures with nothing private in them. TAP.

set -uo pipefail

source=${OOMWARDEN_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd -P)}
# shellcheck source=packaging/lib/packages.sh
. "$source/packaging/lib/packages.sh"
# shellcheck source=packaging/lib/build.sh
. "$source/packaging/lib/build.sh"

number=0 failures=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

is() { # NAME GOT WANTED
        number=$((number + 1))
        if [ "$2" = "$3" ]; then
                echo "ok $number - $1"
        else
                failures=$((failures + 1))
                echo "not ok $number - $1"
                printf 'got:    %s\nwanted: %s\n' "$2" "$3" | sed 's/^/# /'
        fi
}

holds() { # NAME COMMAND...
        local name=$1
        shift
        is "$name" "$("$@" >/dev/null 2>&1 && echo yes || echo no)" yes
}

fails() {
        local name=$1
        shift
        is "$name" "$("$@" >/dev/null 2>&1 && echo yes || echo no)" no
}

put() { # FILE TEXT
        mkdir -p "$(dirname "$scratch/$1")"
        printf '%b' "$2" >"$scratch/$1"
}

# --- jobs -----------------------------------------------------------------------------------------

put plain/proc/meminfo 'MemTotal: 9000000 kB\nMemAvailable: 1300000 kB\n'
put plain/proc/self/cgroup '0::/\n'
is "three jobs fit 1.3 GB" "$(build_jobs "$scratch/plain" 64)" 3
is "never more than CPUs" "$(build_jobs "$scratch/plain" 2)" 2
put poor/proc/meminfo 'MemAvailable: 100000 kB\n'
is "one job however little memory" "$(build_jobs "$scratch/poor" 8)" 1
put v2/proc/meminfo 'MemAvailable: 64000000 kB\n'
put v2/proc/self/cgroup '0::/box.slice/job.scope\n'
put v2/sys/fs/cgroup/box.slice/memory.max '2147483648\n'
put v2/sys/fs/cgroup/box.slice/memory.current '1610612736\n'
put v2/sys/fs/cgroup/box.slice/memory.stat 'anon 1\ninactive_file 536870912\n'
put v2/sys/fs/cgroup/box.slice/job.scope/memory.max 'max\n'
put v2/sys/fs/cgroup/box.slice/job.scope/memory.current '1610612736\n'
is "a limit above our own cgroup counts, idle cache is room" "$(available_kib "$scratch/v2")" 1048576
put v1/proc/meminfo 'MemAvailable: 64000000 kB\n'
put v1/proc/self/cgroup '4:cpuset:/\n3:cpu,memory:/job\n0::/\n'
put v1/sys/fs/cgroup/memory/memory.limit_in_bytes '9223372036854771712\n'
put v1/sys/fs/cgroup/memory/memory.usage_in_bytes '999999999999\n'
put v1/sys/fs/cgroup/memory/job/memory.limit_in_bytes '1073741824\n'
put v1/sys/fs/cgroup/memory/job/memory.usage_in_bytes '536870912\n'
is "a v1 limit counts, no limit is none" "$(available_kib "$scratch/v1")" 524288
put full/proc/meminfo 'MemAvailable: 64000000 kB\n'
put full/proc/self/cgroup '0::/\n'
put full/sys/fs/cgroup/memory.max '1000000\n'
put full/sys/fs/cgroup/memory.current '2000000\n'
is "a cgroup beyond its limit has nothing" "$(available_kib "$scratch/full")" 0

# --- packages -------------------------------------------------------------------------------------

family() {
        put os-release "$1"
        package_family "$scratch/os-release"
}
is "Debian" "$(family 'ID=debian\nVERSION_ID="12"\n')" debian
is "Ubuntu" "$(family 'ID=ubuntu\nID_LIKE=debian\n')" debian
is "Fedora" "$(family 'ID=fedora\n')" fedora
is "RHEL" "$(family 'ID="rhel"\nID_LIKE="fedora"\n')" fedora
is "a rebuild of RHEL" "$(family 'ID="rocky"\nID_LIKE="rhel centos fedora"\n')" fedora
is "something else" "$(family 'ID=arch\nPRETTY_NAME="not debian"\n')" other
is "no os-release" "$(package_family "$scratch/absent")" other

holds "a command that is there" need_is_met command:sh
holds "one of several" need_is_met 'command:no-such-thing sh'
fails "a command that is not" need_is_met command:no-such-thing
fails "a library that is not" need_is_met 'library:no-such-thing'
fails "a header that is not" need_is_met header:no/such/thing.h

# A compiler that is asked with the words it was named with, and says so.
put "tools/my cc" "#!/bin/sh\nprintf '%s|' \"\$@\" >$scratch/asked\ncat >/dev/null\n"
chmod +x "$scratch/tools/my cc"
asked() { # CC
        CC=$1 need_is_met header:no/such/thing.h && cut -d'|' -f1-3 "$scratch/asked"
}
is "a compiler of one word" "$(cd "$scratch/tools" && ln -sf 'my cc' cc && PATH=.:$PATH asked cc)" "-x|c|-c"
is "of two, quoted as a shell has it" "$(asked "'$scratch/tools/my cc' -m64")" "-m64|-x|c"
is "and behind a wrapper" "$(asked "env '$scratch/tools/my cc'")" "-x|c|-c"
without_compiler() { CC='env no-such-compiler' need_is_met compile:; }
fails "one that is not there" without_compiler
table='
shell|command:sh|dash|bash
thing|command:no-such-thing|thing-bin libthing-dev|thing thing-devel
other|command:no-such-other|other thing-bin|other
'
is "what is missing, once" "$(needs_missing "$table" "$table" | cut -d'|' -f1 | tr '\n' ' ')" "thing other "
is "its packages on Debian, each once" \
        "$(needs_missing "$table" | packages_of debian | tr '\n' ' ')" "thing-bin libthing-dev other "
is "its packages on Fedora" \
        "$(needs_missing "$table" | packages_of fedora | tr '\n' ' ')" "thing thing-devel other "
complete() {
        printf '%s\n' "$NEEDS_BUILD" "$NEEDS_UNIT" "$NEEDS_LINT" "$NEEDS_VM" | grep . |
                awk -F'|' 'NF != 4 || $2 !~ /^[a-z]+:/ || $3 == "" || $4 == "" { print }'
}
is "every need has a test and a package in both families" "$(complete)" ""

simulated='Reading package lists...
NOTE: This is only a simulation!
Inst libfoo-dev (1.2-1 Debian:12 [amd64])
Inst libfoo1 [1.1-1] (1.2-1 Debian:12 [amd64]) []
Remv bar [3]
Conf libfoo-dev (1.2-1 Debian:12 [amd64])'
is "apt: upgrades and removals are seen" "$(apt_harm <<<"$simulated" | tr '\n' ' ')" \
        "upgrade libfoo1 remove bar "
is "apt: new packages are seen" "$(apt_news <<<"$simulated")" libfoo-dev
is "apt: additions are no harm" "$(grep -v -e libfoo1 -e Remv <<<"$simulated" | apt_harm)" ""
simulated='Dependencies resolved.
================================================================
 Package         Arch       Version         Repository     Size
================================================================
Installing:
 foo-devel       x86_64     1.2-1.el9       crb            12 k
Upgrading:
 foo-libs        x86_64     1.2-1.el9       baseos         12 k
Installing dependencies:
 baz             x86_64     1.0-1.el9       baseos         12 k

Transaction Summary
================================================================
Install  2 Packages
Upgrade  1 Package'
is "dnf: an upgrade is seen, and nothing else" "$(dnf_harm <<<"$simulated")" "change foo-libs"
is "dnf 4: what no repository has" "$(dnf_absent <<<'No match for argument: foo-devel
Error: Unable to find a match: foo-devel bar' | tr '\n' ' ')" "bar foo-devel "
is "dnf 5: what no repository has" "$(dnf_absent <<<'Failed to resolve the transaction:
No match for argument: foo-devel')" "foo-devel"

# --- capture --------------------------------------------------------------------------------------

machine=secret/box
guest='machine.slice/machine-qemu\x2d1\x2dsecretguest.scope'
escaped=${guest//\\/\\\\} # as put() wants it in a text
group=sys/fs/cgroup
put $machine/proc/meminfo 'MemTotal: 1 kB\n'
put $machine/proc/self/mountinfo '25 1 0:22 / /secret/mount rw - ext4 /dev/secret rw
31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n'
put $machine/proc/self/cgroup '0::/user.slice/user-4711.slice/session-secret.scope\n'
put $machine/proc/self/stat '99 (secret-shell) R 1\n'
put $machine/proc/42/stat '42 (secret) Z (x\ny) S 1 42 0\n'
put $machine/proc/42/status 'Name:\tsecret) Z (x\\ny\nState:\tS\nUid:\t4711\nPid:\t42\nVmRSS:\t900 kB\nMems_allowed_list:\t0\n'
put $machine/proc/42/comm 'secret) Z (x\ny\n'
put $machine/proc/42/cgroup "0::/$escaped/libvirt/emulator\n"
put $machine/proc/42/oom_score_adj '0\n'
put $machine/proc/42/environ 'PASSWORD=secret\0'
put $machine/proc/42/numa_maps '7f00 bind:0 file=/secret/image.qcow2 mapped=4 N0=4 kernelpagesize_kB=4\n'
put $machine/proc/42/cmdline '/opt/secret/qemu-system-x86_64\0-name\0guest=secretguest,debug-threads=on\0-m\0size=4194304k\0-object\0{"qom-type":"memory-backend-ram","id":"secret-node0","size":4294967296,"host-nodes":[0],"policy":"bind"}\0-object\0memory-backend-file,id=secret,mem-path=/secret,size=1G,host-nodes=1,policy=bind\0-object\0secret,id=secret,data=c2VjcmV0\0-device\0vfio-pci,host=0000:3b:00.0,id=secret\0-drive\0file=/secret.img\0'
put $machine/proc/43/stat '43 (systemd) S 1 43 0\n'
put $machine/proc/43/status 'Name:\tsystemd\nPid:\t43\nVmRSS:\t800 kB\n'
put $machine/proc/43/cgroup '0::/system.slice/secret-web@secret1.service\n'
put $machine/proc/43/cmdline '/usr/bin/secret\0--password=secret\0'
put $machine/proc/43/task/43/comm 'secret\n'
put $machine/proc/42/task/44/stat '44 (CPU 0/KVM) S 1 42 0\n'
put $machine/proc/42/task/44/status 'Name:\tCPU 0/KVM\nUid:\t4711\nMems_allowed_list:\t0\n'
put $machine/proc/42/task/44/comm 'CPU 0/KVM\n'
put $machine/proc/42/task/44/cgroup "0::/$escaped/libvirt/vcpu0\n"
put $machine/proc/sys/vm/swappiness '60\n'
put $machine/proc/slabinfo 'slabinfo - version: 2.1\n# name\ndentry(7:secret.service) 1 2 192\nkmalloc-8 1 2 8\n'
put $machine/proc/swaps 'Filename Type Size Used Priority\n/secret/swap file 8 0 -2\n/dev/zram0 partition 8 0 100\n'
put $machine/run/libvirt/qemu/secretguest.xml "<domstatus state='running' pid='42'>
  <monitor path='/secret' type='unix'/>
  <vcpus>
    <vcpu id='0' pid='44'/>
  </vcpus>
  <domain type='kvm' id='1'>
    <name>secretguest</name>
    <uuid>secret</uuid>
    <memory unit='KiB'>4194304</memory>
    <memoryBacking>
      <source type='memfd'/>
    </memoryBacking>
    <resource>
      <partition>/machine/secret</partition>
    </resource>
    <devices>
      <disk type='file' device='disk'>
        <source file='/secret.img'/>
      </disk>
    </devices>
  </domain>
</domstatus>
"
put "$machine/$group/cgroup.procs" ''
put "$machine/$group/$guest/libvirt/vcpu0/cgroup.type" 'threaded\n'
put "$machine/$group/$guest/libvirt/vcpu0/cgroup.threads" '44\n'
put "$machine/$group/system.slice/sshd.service/cgroup.procs" '43\n'
put "$machine/$group/$guest/memory.current" '900000\n'
put "$machine/$group/system.slice/secret-web@secret1.service/memory.current" '800000\n'
put "$machine/$group/system.slice/sshd.service/memory.current" '800\n'
put "$machine/$group/kubepods.slice/kubepods-burstable.slice/memory.current" '800\n'
put "$machine/$group/secret.slice/secret-inner.slice/memory.current" '800\n'

taken=$scratch/taken
"$source/tests/capture" --root "$scratch/$machine" "$taken" >"$scratch/said"
is "a capture succeeds" $? 0
is "no secret in any file" "$(grep -rliE 'secret|4711|password' "$taken")" ""
is "no secret in any name" "$(find "$taken" -iname '*secret*')" ""
is "nor the environment" "$(find "$taken" -name environ)" ""
is "mounts of cgroups only" "$(cut -d' ' -f5 "$taken/proc/self/mountinfo")" "/sys/fs/cgroup"
is "the guest is where its process says" \
        "$(sed -n 's,^0::/\(.*\)/libvirt/emulator$,\1,p' "$taken/proc/42/cgroup")" \
        "$(cd "$taken/$group" && find machine.slice -name '*.scope')"
is "and is still seen as a guest" "$(find "$taken/$group" -name 'machine-qemu\\x2d1\\x2dguest1.scope' | wc -l)" 1
is "amounts are kept" "$(cat "$taken/$group"/machine.slice/*/memory.current)" 900000
is "well-known units keep their names" "$(cat "$taken/$group/system.slice/sshd.service/memory.current")" 800
is "an instance stays one" \
        "$(find "$taken/$group/system.slice" -name '*@*.service' -printf '%P ' | grep -c '^unit1@i1.service ')" 1
is "slices stay nested by name" "$(find "$taken/$group" -path '*slice1.slice/slice1-slice2.slice/memory.current' | wc -l)" 1
is "Kubernetes' slices stay" "$(find "$taken/$group" -path '*/kubepods.slice/kubepods-burstable.slice/*' | wc -l)" 1
is "a hostile name does not hide the state" "$(cat "$taken/proc/42/stat")" "42 (process) S 1 42 0"
is "a well-known name stays" "$(cat "$taken/proc/43/stat")" "43 (systemd) S 1 43 0"
is "policy and node stay, the file goes" "$(cat "$taken/proc/42/numa_maps")" \
        "7f00 bind:0 file=- mapped=4 N0=4 kernelpagesize_kB=4"
is "of a guest's command line what bears on memory" "$(tr '\0' ' ' <"$taken/proc/42/cmdline")" \
        'qemu-system-x86_64 -name guest=guest1 -m size=4194304k -object {"qom-type":"memory-backend-ram","size":4294967296,"host-nodes":[0],"policy":"bind"} -object memory-backend-file,size=1G,host-nodes=1,policy=bind -device vfio-pci '
is "of others none" "$(find "$taken/proc/43" -name cmdline)" ""

is "of a guest its threads" "$(cat "$taken/proc/42/task/44/comm")" "CPU 0/KVM"
is "of others none" "$(find "$taken/proc/43" -name task)" ""
is "threads of a threaded cgroup" "$(cat "$taken/$group"/machine.slice/*/libvirt/vcpu0/cgroup.threads)" 44
is "a knob" "$(cat "$taken/proc/sys/vm/swappiness")" 60
is "a cgroup's slab caches without its name" "$(sed -n 3p "$taken/proc/slabinfo")" "dentry(0:group) 1 2 192"
is "swap by its kind" "$(cut -d' ' -f1 "$taken/proc/swaps" | tr '\n' ' ')" "Filename /swap1 /dev/zram0 "
state=$taken/run/libvirt/qemu/guest1.xml
is "libvirt's state of the guest under its scope's name" "$(sed -n 's,.*<name>\(.*\)</name>.*,\1,p' "$state")" guest1
is "with its threads, its memory and no disks" \
        "$(grep -cE "<vcpu id='0' pid='44'|<memory unit='KiB'>4194304<|<source type='memfd'" "$state") $(grep -cE '<disk|uuid|monitor' "$state")" \
        "3 0"
is "it says that it replaced names" "$(grep -c ' names replaced' "$scratch/said")" 1

sparse=$scratch/sparse
holds "a sparse one" "$source/tests/capture" --sparse --root "$scratch/$machine" "$sparse"
is "holds cgroups with processes and those above" "$(cd "$sparse/$group" && find . -type d | wc -l)" 7
is "and processes in services and guests" "$(cd "$sparse/proc" && echo [0-9]*)" "42 43"

# A captured machine from elsewhere, whose mounts lead out of the directory.
cp -r "$scratch/$machine" "$scratch/hostile"
printf '32 23 0:29 / /../escaped rw - cgroup2 cgroup2 rw\n' >>"$scratch/hostile/proc/self/mountinfo"
put escaped/memory.current '1\n'
mkdir -p "$scratch/deep"
holds "mounts that lead out" "$source/tests/capture" --root "$scratch/hostile" "$scratch/deep/taken"
is "lead nowhere" "$(find "$scratch/deep" -name '*escaped*')" ""

holds "with names" "$source/tests/capture" --with-names --root "$scratch/$machine" "$scratch/named"
is "names are kept when asked for" "$(tr '\0' ' ' <"$scratch/named/proc/43/cmdline")" \
        "/usr/bin/secret --password=secret "
fails "a directory that holds something is refused" "$source/tests/capture" --root "$scratch/$machine" "$taken"
holds "a sequence" "$source/tests/capture" --sequence 2 --root "$scratch/$machine" "$scratch/frames"
is "frames name things alike" "$(cd "$scratch/frames/t0" && find . | LC_ALL=C sort | md5sum)" \
        "$(cd "$scratch/frames/t1" && find . | LC_ALL=C sort | md5sum)"

# --- synthetic machines ---------------------------------------------------------------------------

synthetic=$source/tests/lib/synthetic
if command -v python3 >/dev/null; then
        made=$scratch/made
        arguments=(--node-ids "0,3-4" --cpuless 3 --memoryless 4 --node-memory 8G --guests 1)
        holds "a synthetic machine" "$synthetic" "${arguments[@]}" "$made"
        holds "and once more" "$synthetic" "${arguments[@]}" "$scratch/again"
        holds "the same arguments give the same files" diff -r "$made" "$scratch/again"
        is "free lists add up to the zones' free pages" \
                "$(awk '{ for (i = 5; i <= NF; i++) n += $i * 2 ^ (i - 5) } END { print n }' "$made/proc/buddyinfo")" \
                "$(awk '$1 == "pages" { n += $3 } END { print n }' "$made/proc/zoneinfo")"
        is "nodes add up to the host" \
                "$(cat "$made"/sys/devices/system/node/node*/meminfo | awk '$3 == "MemFree:" { n += $4 } END { print n }')" \
                "$(awk '$1 == "MemFree:" { print $2 }' "$made/proc/meminfo")"
        is "processes add up to their cgroup" \
                "$(awk '$1 == "RssAnon:" { print $2 * 1024 }' "$made/proc/$(cat "$made"/sys/fs/cgroup/machine.slice/*/cgroup.procs)/status")" \
                "$(sed -n 's/^anon //p' "$made"/sys/fs/cgroup/machine.slice/*/memory.stat)"
        is "a node without memory, one without processors" \
                "$(cat "$made"/sys/devices/system/node/has_{memory,cpu} | tr '\n' ' ')" "0,3 0,4 "
        fails "what does not fit is refused" "$synthetic" --processes 9 --process-memory 4G "$scratch/tight"
        fails "a directory that holds something is not written to" "$synthetic" "$made"

        put edits 'frames 3 2.5\n# more and more\nproc/vmstat pswpin {100+40}\n@2 proc/meminfo MemAvailable: 77\n'
        holds "a machine is varied" "$source/tests/lib/vary" "$scratch/edits" "$scratch/again"
        is "what grows grows by the frame" \
                "$(cat "$scratch"/again/t?/proc/vmstat | awk '$1 == "pswpin" { printf "%s ", $2 }')" "100 140 180 "
        is "frames are so far apart" "$(cat "$scratch"/again/t?/proc/uptime | cut -d . -f 1 | tr '\n' ' ')" \
                "100000 100002 100005 "
        is "one frame is changed alone" "$(grep -l 'MemAvailable: *77 kB' "$scratch"/again/t?/proc/meminfo)" \
                "$scratch/again/t2/proc/meminfo"
        is "and nothing else" "$(diff -rq "$made" "$scratch/again/t0" | grep -vcE 'vmstat|uptime')" 0
        put edits 'proc/pressure/io some.avg10 12.50\nproc/[0-9]*/oom_score_adj = 7\nproc/swaps remove\n'
        holds "so is a sequence" "$source/tests/lib/vary" "$scratch/edits" "$scratch/again"
        is "fields, whole files, and files that go" \
                "$(sed -n 's/^some \(avg10=[0-9.]*\).*/\1/p' "$scratch/again/t1/proc/pressure/io"
                cat "$scratch/again/t1/proc/1/oom_score_adj"
                find "$scratch/again" -name swaps | wc -l)" $'avg10=12.50\n7\n0'
        put edits 'proc/meminfo MemAvailabel: 77\n'
        fails "a change of nothing is refused" "$source/tests/lib/vary" "$scratch/edits" "$made"
        put edits 'proc/memory MemFree: 77\n'
        fails "so is one of a file that is not there" "$source/tests/lib/vary" "$scratch/edits" "$made"
fi

# --- completion -----------------------------------------------------------------------------------

# shellcheck source=packaging/completions/oomwarden
. "$source/packaging/completions/oomwarden"
oomwarden=${OOMWARDEN_BUILD-}/agent/cli/oomwarden
completed() { # WORD...
        COMP_WORDS=("$oomwarden" "$@") COMP_CWORD=$# COMPREPLY=()
        _oomwarden
        echo "${COMPREPLY[*]}"
}
if [ -x "$oomwarden" ]; then
        is "verbs are completed" "$(completed p)" "pause plan"
        is "what can be paused" "$(completed pause '')" "host rule guest"
        printf 'host\nrule low\nguest db\n' >"$scratch/paused"
        is "and what is" "$(RUNTIME_DIRECTORY=$scratch completed resume guest '')" db
        is "options of the verb are completed" "$(completed plan --r)" --root
        is "and only its own" "$(completed check --r)" ""
        is "a directory behind --root" "$(completed plan --root "$scratch/tak")" "$scratch/taken"
fi

echo "1..$number"
[ "$failures" -eq 0 ]
