#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's files are named in sys/ alone.

Looked at are string literals that begin as a path into proc or sys, with or without the first slash
and after any leading conversion ("%s/proc"). Comments may name the files they explain. The metric
catalogue tells people where a number comes from ("proc/meminfo MemAvailable"); that is text, so core/metric.c may
spell a source without the leading slash, which opens nothing.
"""

import os
import re
import sys

sys.dont_write_bytecode = True
import tap  # noqa: E402

# Comments and literals in one pass, so that neither is taken for the other.
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|'(?:\\.|[^\\'\n])*'|"(?:\\.|[^\\"\n])*"|^[ \t]*#[ \t]*include[^\n]*""",
    re.DOTALL | re.MULTILINE,
)
_KERNEL_PATH = re.compile(r'^"(?:%[-+ #0-9.*]*[a-z]+)?(/?)(?:proc|sys)(?:/|"$)')
_CATALOGUE = "agent/core/metric.c"


def violations(root):
    found = []
    for path in tap.find(root, ".c", ".h"):
        if path.startswith("agent/sys/"):
            continue
        text = tap.read(os.path.join(root, path))
        for token in _TOKEN.finditer(text):
            match = _KERNEL_PATH.match(token.group())
            if match and (match.group(1) or path != _CATALOGUE):
                line = text.count("\n", 0, token.start()) + 1
                found.append(f"{path}:{line}: {token.group()} is spelled outside agent/sys/")
    return found


SEEDS = [
    ("sense/a.c", 'int f(void) { return g("/proc/meminfo"); }', True),
    ("sense/a.c", 'int f(void) { return g("proc/meminfo"); }', True),
    ("sense/a.c", 'const char *p = "/sys";', True),
    ("act/a_plan.c", 'const char *p = "%s/sys/fs/cgroup";', True),
    ("cli/a.c", 'const char *q = "/* no comment"; const char *p = "/proc/" "x";', True),
    ("core/metric.c", 'const char *p = "/proc/meminfo MemFree";', True),
    ("core/metric.c", 'const char *p = "proc/meminfo MemFree";', False),
    ("sys/a.c", 'const char *p = "/proc/meminfo";', False),
    ("sense/a.c", '#include "sys/proc.h"', False),
    ("sense/a.c", "/* reads \"/proc/meminfo\" */", False),
    ("sense/a.c", "// \"/proc/meminfo\"", False),
    ("sense/a.c", "char c = '\"'; /* \"/proc\" */ char d = '\"';", False),
    ("sense/a.c", 'const char *p = "system.slice", *q = "process", *r = "/sysroot";', False),
]  # fmt: skip


def main():
    out = tap.Tap()
    out.clean("kernel files are spelled in sys/ only", violations(tap.SOURCE))
    for path, text, bad in SEEDS:
        seeded = tap.with_tree({f"agent/{path}": f"{text}\n"}, violations)
        if bad:
            out.finds(f"found: {path}: {text}", seeded, f"agent/{path}:1: ")
        else:
            out.clean(f"allowed: {path}: {text}", seeded)
    out.done()


if __name__ == "__main__":
    main()
