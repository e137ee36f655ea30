# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The copying half of tests/capture. Standard input is a work list, a line a file:
#
#     plain PATH         a host or node file, as it is
#     slabs PATH         slabinfo; old kernels name a cgroup with each of its caches
#     swaps PATH         swaps, of which only the kind of device is told
#     libvirt FILE       libvirt's state of a guest, of it what bears on memory
#     group PATH FILE    FILE of the cgroup directory PATH
#     process PID        what is read of a process
#     task PID TID       what is read of one thread, if its process was read before
#     command PID        its command line, if it was read before; of a monitor of virtual machines
#                        what bears on memory
#     mounts             where the cgroup hierarchies are
#
# Copies below `from` to below `to`, names replaced unless `names` is 1. A name once replaced is
# replaced by the same one everywhere, also in later frames: the table is kept in `table`. Prints what
# could not be read as "skipped WHAT". Nothing is written to a path with ".." in it, whatever the list or
# the mounts of a captured machine say. With `prepare` it copies nothing and prints the directories that
# copying will need: one mkdir for all of them is what keeps a capture short.

BEGIN {
	FS = "\t"
	# What is the same on every machine and says what a cgroup or process is.
	split("init.scope system.slice user.slice machine.slice qemu.slice oomwarden.slice libvirt " \
	      "emulator supervisor payload cron.service crond.service dbus.service " \
	      "dbus-broker.service ssh.service sshd.service libvirtd.service libvirtd.socket " \
	      "rsyslog.service chronyd.service chrony.service NetworkManager.service " \
	      "multipathd.service iscsid.service docker.service containerd.service podman.service " \
	      "kubelet.service crio.service earlyoom.service nohang.service oomd.service " \
	      "numad.service ksmtuned.service tuned.service corosync.service pacemaker.service", kept, " ")
	for (i in kept)
		keep[kept[i]] = 1
	split("system user machine app session background kubepods burstable besteffort qemu libvirt", kept, " ")
	for (i in kept)
		keep_part[kept[i]] = 1
	split("systemd numad ksmd kswapd0 earlyoom nohang oomd systemd-oomd libvirtd virtqemud kvm " \
	      "firecracker cloud-hyperviso oomwardend", kept, " ")
	for (i in kept)
		keep_comm[kept[i]] = 1
	split("State Tgid Pid PPid VmPeak VmSize VmLck VmPin VmHWM VmRSS RssAnon RssFile RssShmem " \
	      "VmPTE VmPMD VmSwap HugetlbPages Threads Kthread CapEff Cpus_allowed_list " \
	      "Mems_allowed_list", kept, " ")
	for (i in kept)
		keep_status[kept[i]] = 1
	# Of libvirt's state of a guest: what says how much memory it has, where, and who runs it.
	split("domstatus vcpus vcpu numad domain name memory currentMemory maxMemory memoryBacking " \
	      "hugepages page locked nosharepages access allocation cputune vcpupin emulatorpin " \
	      "iothreadpin numatune memnode resource partition numa cell cpu devices hostdev " \
	      "memballoon job size node requested", kept, " ")
	for (i in kept)
		keep_element[kept[i]] = 1
	# Files that say something by being empty.
	split("cgroup.procs cgroup.controllers cgroup.subtree_control cpuset.mems cpuset.cpus " \
	      "cpuset.mems.effective cpuset.cpus.effective", kept, " ")
	for (i in kept)
		may_be_empty[kept[i]] = 1
	while ((getline line < table) > 0) {
		split(line, pair, "\t")
		replaced[pair[1]] = pair[2]
		used[pair[3]]++
	}
	close(table)
}

# The replacement of `name`, made of `kind` and a number when it is first met.
function stand_in(name, kind) {
	if (!(name in replaced)) {
		replaced[name] = kind (++used[kind])
		print name "\t" replaced[name] "\t" kind >> table
	}
	return replaced[name]
}

# "a-b" of a slice: its parts name the slices above it, so each is replaced by itself.
function slice_name(name,    parts, n, i, out) {
	n = split(name, parts, "-")
	for (i = 1; i <= n; i++)
		out = out (i > 1 ? "-" : "") \
		      (parts[i] in keep_part || parts[i] ~ /^pod/ ? parts[i] : stand_in(parts[i], "slice"))
	return out
}

function component(name,    stem, suffix, at) {
	if (names || name == "" || name in keep || name ~ /^(vcpu|iothread|emulator)[0-9]*$/ ||
	    name ~ /^[0-9]+(\.scope)?$/ ||
	    name ~ /^(systemd-|virt|pve|qmeventd|ceph|ovs|openvswitch)[A-Za-z@0-9_.-]*$/)
		return name
	if (match(name, /^machine-qemu\\x2d[0-9]+\\x2d/))
		return substr(name, 1, RLENGTH) stand_in(substr(name, RLENGTH + 1), "guest") ".scope"
	if (match(name, /^user-[0-9]+\.slice$/))
		return "user-" (1000 + substr(stand_in(substr(name, 6, RLENGTH - 11), "u"), 2)) ".slice"
	if (match(name, /^user@[0-9]+\.service$/))
		return "user@" (1000 + substr(stand_in(substr(name, 6, RLENGTH - 13), "u"), 2)) ".service"
	if (match(name, /^(docker|libpod|crio|cri-containerd)-/))
		return substr(name, 1, RLENGTH) stand_in(substr(name, RLENGTH + 1), "container") ".scope"
	if (match(name, /^machine-/))
		return "machine-" stand_in(substr(name, RLENGTH + 1), "container") ".scope"
	if (!match(name, /\.(service|scope|slice|socket|mount|swap|device|timer)$/))
		return stand_in(name, "group")
	stem = substr(name, 1, RSTART - 1)
	suffix = substr(name, RSTART)
	if (suffix == ".slice")
		return slice_name(stem) suffix
	at = index(stem, "@")
	if (at > 1)
		return stand_in(substr(stem, 1, at - 1), "unit") "@" stand_in(substr(stem, at + 1), "i") suffix
	return stand_in(stem, substr(suffix, 2)) suffix
}

# A path within a cgroup hierarchy.
function group_path(path,    parts, n, i, out) {
	n = split(path, parts, "/")
	for (i = 1; i <= n; i++)
		out = out (i > 1 ? "/" : "") component(parts[i])
	return out
}

# Where a line of the work list leads.
function target_directory(    path) {
	if ($1 == "process")
		return "/proc/" $2
	if ($1 == "task")
		return "/proc/" $2 "/task/" $3
	if ($1 == "libvirt")
		return "/run/libvirt/qemu"
	if ($1 == "group")	# the mount point stays, what lies below it is renamed
		return $2 group_path($3)
	path = $1 == "mounts" ? "/proc/self/mountinfo" : $2
	sub(/\/[^\/]*$/, "", path)
	return path
}

function leaves(path) {
	return path ~ /(^|\/)\.\.(\/|$)/
}

leaves(target_directory()) {
	if (!prepare)
		print "skipped a path that leads out of the target"
	next
}

prepare && $1 == "command" { next }

prepare {
	directory = target_directory()
	if (!(directory in needed)) {
		needed[directory] = 1
		printf "%s%c", to directory, 0
	}
	next
}

# Lines of a file into the array `text`; how many, or -1 when it cannot be read.
function slurp(path,    n, r, bytes) {
	n = 0
	while ((r = (getline text[n + 1] < path)) > 0) {
		bytes += length(text[n + 1]) + 1
		if (bytes > limit) {
			print "skipped " path " beyond " limit " bytes"
			break
		}
		n++
	}
	close(path)
	return r < 0 ? -1 : n
}

function spill(path, n,    i) {
	printf "" > path
	for (i = 1; i <= n; i++)
		print text[i] > path
	close(path)
}

function copy(source, target, base,    n) {
	n = slurp(source)
	if (n > 0 || (n == 0 && base in may_be_empty))
		spill(target, n)
	else if (n < 0)
		print "skipped " base
}

function comm_of(comm) {
	return names || comm in keep_comm || comm ~ /^qemu-/ || comm ~ /^CPU [0-9]+\/(KVM|TCG)$/ ||
	       comm ~ /^(IO [a-z]+[0-9]+|vhost-[0-9]+|worker|call_rcu|(SPICE|vnc)[_ ][Ww]orker)$/ ? comm : "process"
}

# "HIERARCHY:CONTROLLERS:PATH"
function copy_membership(source, target,    n, i, at) {
	n = slurp(source)
	for (i = 1; i <= n; i++) {
		at = index(text[i], ":")
		at += index(substr(text[i], at + 1), ":")
		text[i] = substr(text[i], 1, at) group_path(substr(text[i], at + 1))
	}
	if (n > 0)
		spill(target, n)
}

function copy_stat(source, target,    n, open_at, rest, joined, i) {
	n = slurp(source)
	if (n <= 0)
		return 0
	joined = text[1]
	for (i = 2; i <= n; i++)	# a name may hold newlines
		joined = joined "\n" text[i]
	open_at = index(joined, "(")
	rest = joined
	sub(/.*\)/, "", rest)
	text[1] = substr(joined, 1, open_at) \
		  comm_of(substr(joined, open_at + 1, length(joined) - length(rest) - open_at - 1)) ")" rest
	spill(target, 1)
	return 1
}

function copy_status(source, target,    n, i, m, key) {
	n = slurp(source)
	m = 0
	for (i = 1; i <= n; i++) {
		key = text[i]
		sub(/:.*/, "", key)
		if (key == "Name") {
			sub(/^Name:[ \t]*/, "", text[i])
			text[++m] = "Name:\t" comm_of(text[i])
		} else if (key in keep_status) {
			text[++m] = text[i]
		}
	}
	if (m > 0)
		spill(target, m)
}

# Policies and amounts of the first mappings; the names of mapped files are dropped. Of a sparse
# capture those that have a policy or more than a few pages.
function copy_numa_maps(source, target,    n, i, m) {
	n = slurp(source)
	m = 0
	for (i = 1; i <= n && m < 2000; i++) {
		if (sparse && text[i] ~ /^[^ ]+ (default|local)/ && text[i] !~ /(anon|mapped)=[0-9]*[0-9][0-9]( |$)/)
			continue
		if (!names)
			gsub(/ file=[^ ]*/, " file=-", text[i])
		text[++m] = text[i]
	}
	if (m > 0)
		spill(target, m)
	else if (n < 0)
		print "skipped numa_maps"
}

# Of an object's properties those that say where memory may be, as an object of the same form.
function backend(argument,    out, key, keys, n, i, type, json) {
	json = argument ~ /^\{/
	if (!match(argument, /memory-backend-[a-z]+/))
		return ""
	type = substr(argument, RSTART, RLENGTH)
	out = json ? "{\"qom-type\":\"" type "\"" : type
	n = split("size host-nodes policy prealloc share", keys, " ")
	for (i = 1; i <= n; i++) {
		key = keys[i]
		if (json && match(argument, "\"" key "\":(\\[[0-9,]*\\]|\"[a-z0-9A-Z]*\"|[a-z0-9]+)"))
			out = out "," substr(argument, RSTART, RLENGTH)
		# A property may be given several times: host-nodes=0,host-nodes=1.
		while (!json && match(argument, "," key "=[a-zA-Z0-9-]*")) {
			out = out substr(argument, RSTART, RLENGTH)
			argument = substr(argument, 1, RSTART - 1) substr(argument, RSTART + RLENGTH)
		}
	}
	return json ? out "}" : out
}

# "guest=NAME,debug-threads=on" or "NAME": replaced as the name in its scope is.
function guest_name(argument) {
	sub(/^guest=/, "", argument)
	sub(/,[^,].*/, "", argument)
	return stand_in(argument ".scope", "guest")
}

function copy_command(source, target, pid,    command, argument, n, i, m, line) {
	command = "tr '\\000\\n' '\\n ' <'" source "' 2>/dev/null"
	n = 0
	while ((command | getline argument) > 0)
		text[++n] = argument
	close(command)
	line = text[1]
	sub(/.*\//, "", line)
	if (n == 0 || (!names && line !~ /^(qemu-|kvm$|cloud-hypervisor$|firecracker$)/))
		return
	m = 0
	if (!names) {
		arguments[++m] = line
		for (i = 2; i <= n; i++) {
			if (text[i] == "-name")
				arguments[++m] = "-name\nguest=" guest_name(text[i + 1])
			else if (text[i] == "-m")
				arguments[++m] = "-m\n" (text[i + 1] ~ /^(size=)?[0-9]+[kKmMgGtT]?(,|$)/ ? text[i + 1] : "")
			else if (text[i] == "-object" && backend(text[i + 1]) != "")
				arguments[++m] = "-object\n" backend(text[i + 1])
			else if (text[i] == "-device" && text[i + 1] ~ /vfio-pci/)
				arguments[++m] = "-device\nvfio-pci"
			else if (text[i] == "-incoming")
				arguments[++m] = "-incoming\ndefer"
			else if (text[i] == "-mem-path")
				arguments[++m] = "-mem-path\n/dev/hugepages"
			else if (text[i] == "-overcommit" || text[i] == "-realtime")
				arguments[++m] = text[i] "\n" text[i + 1]
		}
	} else {
		for (i = 1; i <= n; i++)
			arguments[++m] = text[i]
	}
	gsub(/'/, "'\\''", target)
	command = "tr '\\n' '\\000' >'" target "'"
	for (i = 1; i <= m; i++)
		print arguments[i] | command
	close(command)
}

$1 == "plain" { copy(from $2, to $2, $2) }

$1 == "group" { copy(from $2 $3 "/" $4, to target_directory() "/" $4, $4) }

$1 == "process" {
	base = "/proc/" $2
	if (!copy_stat(from base "/stat", to base "/stat"))
		next	# it is gone
	copy_status(from base "/status", to base "/status")
	copy_membership(from base "/cgroup", to base "/cgroup")
	copy(from base "/oom_score_adj", to base "/oom_score_adj", "oom_score_adj")
	copy(from base "/oom_score", to base "/oom_score", "oom_score")
	if ((getline comm < (from base "/comm")) > 0) {
		print comm_of(comm) > (to base "/comm")
		close(to base "/comm")
	}
	close(from base "/comm")
	if ($2 ~ /^[0-9]+$/) {
		copy_numa_maps(from base "/numa_maps", to base "/numa_maps")
		taken[$2] = 1
	}
}

$1 == "command" && $2 in taken {
	copy_command(from "/proc/" $2 "/cmdline", to "/proc/" $2 "/cmdline", $2)
}

$1 == "task" && $2 in taken {
	base = "/proc/" $2 "/task/" $3
	if (copy_stat(from base "/stat", to base "/stat")) {
		copy_status(from base "/status", to base "/status")
		copy_membership(from base "/cgroup", to base "/cgroup")
		if ((getline comm < (from base "/comm")) > 0) {
			print comm_of(comm) > (to base "/comm")
			close(to base "/comm")
		}
		close(from base "/comm")
	}
}

# "NAME ACTIVE TOTAL OBJSIZE ...", below two lines of heading.
$1 == "slabs" {
	n = slurp(from $2)
	m = 0
	for (i = 1; i <= n; i++) {
		gsub(/\([0-9]+:[^)]*\)/, "(0:group)", text[i])
		split(text[i], field, " ")
		bytes[i] = i <= 2 ? 0 : field[3] * field[4]
	}
	for (i = 1; i <= n; i++) {
		rank = 0
		for (j = 3; sparse && j <= n; j++)
			rank += bytes[j] > bytes[i] || (bytes[j] == bytes[i] && j < i)
		if (i <= 2 || rank < 24)
			kept_slabs[++m] = text[i]
	}
	for (i = 1; i <= m; i++)
		text[i] = kept_slabs[i]
	if (m > 0)
		spill(to $2, m)
	else
		print "skipped slabinfo"
}

$1 == "swaps" {
	n = slurp(from $2)
	for (i = 2; i <= n && !names; i++)
		if (text[i] !~ /^\/dev\/zram/)
			sub(/^[^ \t]+/, "/swap" (i - 1), text[i])
	if (n > 0)
		spill(to $2, n)
}

# One element a line is how libvirt writes it.
$1 == "libvirt" {
	n = slurp(from "/run/libvirt/qemu/" $2)
	m = 0
	for (i = 1; i <= n; i++) {
		line = text[i]
		tag = line
		sub(/^ *<\/?/, "", tag)
		sub(/[ \/>].*/, "", tag)
		if ((!names || sparse) && !(tag in keep_element) &&
		    line !~ /^ *<source type='(memfd|file|anonymous)'\/>/ && line !~ /^ *<driver name='vfio'\/>/)
			continue
		if (!names && match(line, /<name>[^<]*/))
			line = substr(line, 1, RSTART + 5) \
			       stand_in(substr(line, RSTART + 6, RLENGTH - 6) ".scope", "guest") "</name>"
		if (!names && match(line, /<partition>[^<]*/))
			line = substr(line, 1, RSTART + 10) \
			       group_path(substr(line, RSTART + 11, RLENGTH - 11)) "</partition>"
		text[++m] = line
	}
	name = $2
	sub(/\.xml$/, "", name)
	if (m > 0)
		spill(to "/run/libvirt/qemu/" (names ? name : stand_in(name ".scope", "guest")) ".xml", m)
	else
		print "skipped a guest of libvirt"
}

# Mounts of cgroup hierarchies; field 4 is the part of the hierarchy that is mounted.
$1 == "mounts" {
	n = slurp(from "/proc/self/mountinfo")
	m = 0
	for (i = 1; i <= n; i++) {
		if (text[i] !~ / - cgroup2? /)
			continue
		split(text[i], field, " ")
		at = length(field[1] " " field[2] " " field[3] " ")
		text[++m] = substr(text[i], 1, at) group_path(field[4]) substr(text[i], at + length(field[4]) + 1)
	}
	if (m > 0)
		spill(to "/proc/self/mountinfo", m)
}
