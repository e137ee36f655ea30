#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs ask of their libraries nothing newer than the oldest system they are to run on.

Each symbol of a versioned library carries the version that brought it. The limits are those of
RHEL 9 (glibc 2.34, json-c 0.14, util-linux 2.37) and Ubuntu 22.04 (systemd 249, libcgroup 2.0).
Usage: versions.py PROGRAM...
"""

import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import tap  # noqa: E402

_LIMITS = {
    "GLIBC": (2, 34),
    "LIBSYSTEMD": (249,),
    "JSONC": (0, 14),
    "SMARTCOLS": (2, 37),
    "CGROUP": (2, 0),
}
_VERSION = re.compile(r"^([A-Z]+)_([0-9.]+)$")

# Newer C libraries give these names to old functions when compiling for C23; not a newer function.
_RENAMED = re.compile(r"^__isoc23_")


def violations(listing):
    """From the output of nm --dynamic: "U name@VERSION" or "U name@@VERSION"."""
    found = []
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) < 2 or fields[-2] not in ("U", "w", "v"):
            continue
        symbol, _, version = fields[-1].replace("@@", "@").partition("@")
        match = _VERSION.match(version)
        limit = _LIMITS.get(match.group(1)) if match else None
        if limit and not _RENAMED.match(symbol):
            if tuple(int(part) for part in match.group(2).split(".") if part) > limit:
                found.append(f"{symbol} is of {version}")
    return found


def _listing(program):
    return subprocess.run(
        ["nm", "--dynamic", "--with-symbol-versions", program],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


SEEDS = [
    ("                 U pidfd_open@GLIBC_2.36", "pidfd_open is of GLIBC_2.36"),
    ("                 U sd_pidfd_get_unit@LIBSYSTEMD_253", "sd_pidfd_get_unit is of LIBSYSTEMD_253"),
    ("                 w scols_new@SMARTCOLS_2.40", "scols_new is of SMARTCOLS_2.40"),
    ("                 U read@GLIBC_2.2.5", None),
    ("                 U __isoc23_strtoull@GLIBC_2.38", None),
    ("                 U __asan_init", None),
    ("0000000000001139 T pidfd_open@@GLIBC_2.36", None),
]  # fmt: skip


def main():
    out = tap.Tap()
    if not shutil.which("nm"):
        out.skip("symbol versions", "nm (binutils) is missing")
        out.done()
    for program in sys.argv[1:]:
        listing = _listing(program)
        name = program.rpartition("/")[2]
        out.result("GLIBC_" in listing, f"{name} has versioned symbols", [listing[:200]])
        out.clean(f"{name} runs on the oldest systems named", violations(listing))
    for line, expected in SEEDS:
        if expected is None:
            out.clean(f"allowed: {line.strip()}", violations(line))
        else:
            out.finds(f"found: {line.strip()}", violations(line), expected)
    out.done()


if __name__ == "__main__":
    main()
