#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the repository holds: licence heads, header guards, and nothing of the machine it was made on.

A path of somebody's machine, or the host of somebody's package mirror, works nowhere else. Paths are
recognised by the directory that this checkout lies in and by home directories; hosts by not being
among those that the project refers to.
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import tap  # noqa: E402

_LICENCE = "SPDX-License-Identifier: LGPL-2.1-or-later"
_SOURCES = (".c", ".h", ".py", ".bt", ".ini", ".service")

# Domains that the project may name, with all below them.
_PUBLIC = (
    "debian.org", "fedoraproject.org", "freedesktop.org", "github.com", "gnu.org",
    "kernel.org", "libvirt.org", "man7.org", "qemu.org", "redhat.com", "spdx.org", "systemd.io",
    "ubuntu.com", "www.w3.org",
)  # fmt: skip
_URL = re.compile(r"\b(?:https?|ftp|git|ssh)://(?:[^/\s@]+@)?([A-Za-z0-9.-]+)")
_HOME = re.compile(r"/home/[a-z_][a-z0-9_-]*/")

# Where many things lie: no sign that a path in a text is this checkout's.
_SHARED = {"/", "/tmp", "/var/tmp", "/home", "/root", "/opt", "/srv", "/mnt", "/usr/src", "/usr/local/src"}


def files(root):
    """What git knows and does not ignore; every file where there is no git to ask."""
    try:
        listing = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True,
        ).stdout.decode("utf-8", "surrogateescape")  # fmt: skip
        names = [name for name in listing.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for directory, folders, found in os.walk(root):
            folders[:] = [f for f in folders if f != ".git" and not f.startswith("build")]
            names += [os.path.relpath(os.path.join(directory, name), root) for name in found]
    return sorted(n for n in names if os.path.isfile(os.path.join(root, n)))


def _is_captured(path):
    return re.match(r"tests/golden/[^/]+/machine/", path) is not None


def _head_faults(path, text):
    script = text.startswith("#!")
    if (path.endswith(_SOURCES) or script) and _LICENCE not in "\n".join(text.split("\n", 3)[:3]):
        yield f"{path}:1: no licence line ({_LICENCE}) in the first three"
    if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield f"{path}:1: a header without #pragma once"


def _line_faults(path, text, above):
    for number, line in enumerate(text.split("\n"), 1):
        if (above and above in line) or _HOME.search(line):
            yield f"{path}:{number}: a path of somebody's machine"
        for host in _URL.findall(line):
            host = host.lower().rstrip(".")
            if "." in host and not any(host == p or host.endswith(f".{p}") for p in _PUBLIC):
                yield f"{path}:{number}: the host {host} is none that the project refers to"


def violations(root, above=None):
    if above is None:
        above = os.path.dirname(os.path.abspath(root))
        above = None if above in _SHARED else f"{above}/"
    found = []
    for path in files(root):
        text = tap.read(os.path.join(root, path))
        if path == "LICENSE":
            continue
        if not _is_captured(path):
            found += _head_faults(path, text)
        found += _line_faults(path, text, above)
    return found


_HEAD = f"/* {_LICENCE} */\n"
SEEDS = [
    ("a.c", "int a;\n", "a.c:1: no licence line"),
    ("run", "#!/bin/sh\nexit 0\n", "run:1: no licence line"),
    ("a.h", _HEAD, "a.h:1: a header without #pragma once"),
    ("a.h", _HEAD + "#pragma once\n", None),
    ("a.c", _HEAD + "/* see /nowhere/at/all/notes */\n", "a.c:2: a path of somebody's machine"),
    ("README.md", "unpack it in /ho" + "me/jane/src\n", "README.md:1: a path of somebody's machine"),
    ("README.md", "get it from ht" + "tps://mirror.corp.invalid/x\n", "the host mirror.corp.invalid"),
    ("README.md", "get it from https://www.kernel.org/x\n", None),
    ("tests/golden/x/machine/proc/1/stat", "1 (#!/bin) S\n", None),
]  # fmt: skip


def main():
    out = tap.Tap()
    out.result(len(files(tap.SOURCE)) > 40, "there is a repository to look at", [tap.SOURCE])
    out.clean("licence heads, header guards, nobody's paths or hosts", violations(tap.SOURCE))
    for path, text, expected in SEEDS:
        seeded = tap.with_tree({path: text}, lambda root: violations(root, "/nowhere/at/"))
        name = f"{path}: {text.splitlines()[-1]}"
        if expected is None:
            out.clean(f"allowed: {name}", seeded)
        else:
            out.finds(f"found: {name}", seeded, expected)
    out.done()


if __name__ == "__main__":
    main()
