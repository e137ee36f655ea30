#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The floors by what the compiler made of them.

An include check sees what a file names; this one sees what its code calls. From the static libraries
of a build: no library needs a symbol that is defined in a library it may not see, and what decides
(core, model, the plan halves, the engine) calls nothing of libc that opens, writes, forks, waits or
reads a clock. rule/ loads files and is held to the clock alone.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import floors  # noqa: E402
import tap  # noqa: E402

BUILD = os.environ.get("OOMWARDEN_BUILD", os.path.join(tap.SOURCE, "build"))

_CLOCK = r"clock_gettime|clock_nanosleep|gettimeofday|time|times|nanosleep|u?sleep|localtime(_r)?|gmtime(_r)?"
_EFFECT = (
    r"open(at|dir)?(64)?|creat(64)?|fd?open(64)?|freopen(64)?|p?(read|write)v?(64)?|readdir(64)?(_r)?"
    r"|readlink(at)?|f?(stat|statat|statx)(64)?|access|socket(pair)?|connect|bind|sendto|sendmsg|send|recv(from|msg)?"
    r"|v?fork|clone|exec[lv]p?e?|posix_spawnp?|system|popen|waitpid|wait|kill|raise|signal|sigaction"
    r"|syscall|ioctl|fcntl(64)?|poll|ppoll|select|epoll_\w+|mmap(64)?|munmap|mlock(all|2)?|pthread_create"
    r"|(secure_)?getenv|__printf_chk|__v?fprintf_chk|v?f?printf|puts|putchar|fputs|fputc|fwrite|perror"
    r"|v?syslog|exit|_exit|sd_\w+|numa_\w+|move_pages|migrate_pages|cgroup_\w+"
)
_FORBIDDEN = {
    **{unit: re.compile(rf"^(?:{_CLOCK}|{_EFFECT})$") for unit in floors.PURE},
    "rule": re.compile(rf"^(?:{_CLOCK})$"),
}


def _libraries(build):
    """Unit name -> archive, for every static library of the product."""
    found = {}
    for directory, _, names in os.walk(os.path.join(build, "agent")):
        for name in names:
            match = re.match(r"^lib(.+)\.a$", name)
            if match:
                found[match.group(1)] = os.path.join(directory, name)
    return found


def _symbols(archive):
    """(defined, needed from outside) of an archive."""
    listing = subprocess.run(
        ["nm", "--extern-only", "--format=posix", archive],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    defined, needed = set(), set()
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) >= 2 and len(fields[1]) == 1:
            (needed if fields[1] in "Uvw" else defined).add(fields[0].partition("@")[0])
    return defined, needed - defined


def violations(build):
    tables = {unit: _symbols(archive) for unit, archive in _libraries(build).items()}
    found = []
    for unit, (defined, needed) in sorted(tables.items()):
        if unit not in floors.SEES:
            found.append(f"lib{unit}.a is no unit that the table of floors knows")
            continue
        if not defined:
            found.append(f"lib{unit}.a defines nothing: it cannot be judged")
        for other, (provided, _) in sorted(tables.items()):
            if other in floors.SEES and not floors.may_see(unit, other):
                for symbol in sorted(needed & provided):
                    found.append(f"lib{unit}.a reaches {symbol} of lib{other}.a")
        forbidden = _FORBIDDEN.get(unit)
        for symbol in sorted(needed) if forbidden else ():
            if forbidden.match(symbol):
                found.append(f"lib{unit}.a calls {symbol}, which is no business of what decides")
    return found


_KERNEL = {"sys": "int kernel_read(void); int kernel_read(void) { return 1; }"}
_CALLS_KERNEL = "int kernel_read(void); int decide(void); int decide(void) { return kernel_read(); }"
_CLOCK_CALL = "#include <time.h>\nlong decide(void); long decide(void) { return (long)time(0); }"
_OPEN_CALL = (
    "#include <fcntl.h>\nint decide(void); int decide(void) { return open(\"x\", O_RDONLY); }"
)
_PRINT_CALL = '#include <stdio.h>\nvoid decide(int); void decide(int i) { printf("%d", i); }'
_PURE_CALL = "#include <string.h>\nint decide(char *); int decide(char *s) { return !strcmp(s, s + 1); }"

# Sources by unit, and what must be said of the libraries made of them; None: nothing.
SEEDS = [
    ("the engine calls sys", {**_KERNEL, "engine": _CALLS_KERNEL},
     "libengine.a reaches kernel_read of libsys.a"),
    ("a plan half calls sys", {**_KERNEL, "act-plan": _CALLS_KERNEL},
     "libact-plan.a reaches kernel_read of libsys.a"),
    ("an apply half calls sys", {**_KERNEL, "act-apply": _CALLS_KERNEL}, None),
    ("the engine reads a clock", {"engine": _CLOCK_CALL}, "libengine.a calls time"),
    ("a rule reads a clock", {"rule": _CLOCK_CALL}, "librule.a calls time"),
    ("a rule opens a file", {"rule": _OPEN_CALL}, None),
    ("a formula opens a file", {"model": _OPEN_CALL}, "libmodel.a calls open"),
    ("a plan half prints", {"act-plan": _PRINT_CALL}, "libact-plan.a calls "),
    ("the engine compares strings", {"engine": _PURE_CALL}, None),
    ("a library of no floor", {"attic": _PURE_CALL}, "libattic.a is no unit"),
    ("an empty library", {"engine": "typedef int nothing;"}, "libengine.a defines nothing"),
]  # fmt: skip


def _seed(compiler, sources):
    with tempfile.TemporaryDirectory(prefix="oomwarden-check-") as build:
        for unit, text in sources.items():
            tap.write_tree(build, {f"agent/{unit}/a.c": text})
            base = os.path.join(build, "agent", unit)
            subprocess.run([*compiler, "-c", "-o", f"{base}/a.o", f"{base}/a.c"], check=True)
            subprocess.run(["ar", "rc", f"{base}/lib{unit}.a", f"{base}/a.o"], check=True)
        return violations(build)


def main():
    out = tap.Tap()
    if not shutil.which("nm") or not shutil.which("ar"):
        out.skip("symbols", "nm and ar (binutils) are missing")
        out.done()
    missing = {"util", "sys", "core", "model", "act-plan", "rule", "engine"} - set(
        _libraries(BUILD)
    )
    out.result(not missing, "the libraries are there", [f"{BUILD} lacks {sorted(missing)}"])
    out.clean("nothing is called upwards, and what decides calls nothing", violations(BUILD))
    compiler = os.environ.get("CC", "cc").split()
    for name, sources, expected in SEEDS:
        seeded = _seed(compiler, sources)
        if expected is None:
            out.clean(f"allowed: {name}", seeded)
        else:
            out.finds(f"found: {name}", seeded, expected)
    out.done()


if __name__ == "__main__":
    main()
