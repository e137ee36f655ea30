#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Includes point down: every #include "floor/file.h" of the product against the table of floors."""

import os
import re
import sys

sys.dont_write_bytecode = True
import floors  # noqa: E402
import tap  # noqa: E402

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.MULTILINE)


def _complaint(root, house, path, quote, name):
    """Why this file may not include that, or None."""
    unit = house.unit_of(path)
    if unit is None:
        return "is in no folder that the table of floors knows"
    if quote == "<":
        for prefix, homes in floors.LIBRARY_HOMES.items():
            if name.startswith(prefix) and unit not in homes:
                return f"<{name}> belongs to {', '.join(homes)} alone"
        return None
    if not os.path.isfile(os.path.join(root, "agent", name)):
        return f'"{name}" is not a header by its floor, "floor/file.h"'
    other = house.unit_of(name)
    if other is None or not floors.may_see(unit, other):
        return f'{unit} may not see {other} ("{name}")'
    return None


def violations(root):
    house = floors.House(root)
    found = []
    for path in tap.find(root, ".c", ".h"):
        text = tap.read(os.path.join(root, path))
        for match in _INCLUDE.finditer(text):
            why = _complaint(root, house, path.partition("/")[2], *match.groups())
            if why:
                found.append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {why}")
    return found


_MESON = {
    "agent/act/meson.build": "static_library('act-plan', 'x_plan.c')\n"
    "static_library('act-apply',\n  'x_apply.c',\n  'remedy.c')\n",
    "agent/engine/meson.build": "static_library('executor', 'worker.c')\n",
}

# The includes and what must be said of them; None: nothing.
SEEDS = [
    ("util/a.h", '#include "core/b.h"', "core/b.h", "util may not see core"),
    ("core/a.c", '#include "sys/b.h"', "sys/b.h", "core may not see sys"),
    ("model/a.c", '  #  include\t"core/b.h"', "core/b.h", "model may not see core"),
    ("sys/a.c", '#include "model/b.h"', "model/b.h", "sys may not see model"),
    ("sense/a.c", '#include "act/action.h"', "act/action.h", "sense may not see act-plan"),
    ("act/x_apply.c", '#include "sense/b.h"', "sense/b.h", "act-apply may not see sense"),
    ("act/x_plan.c", '#include "sys/b.h"', "sys/b.h", "act-plan may not see sys"),
    ("act/action.h", '#include "act/remedy.h"', "act/remedy.h", "act-plan may not see act-apply"),
    ("act/x.c", '#include "sys/b.h"', "sys/b.h", "act-plan may not see sys"),
    ("act/remedies.h", '#include "sys/b.h"', "sys/b.h", None),
    ("act/x_apply.c", '#include "act/action.h"', "act/action.h", None),
    ("rule/a.c", '#include "sense/b.h"', "sense/b.h", "rule may not see sense"),
    ("engine/engine.c", '#include "sys/b.h"', "sys/b.h", "engine may not see sys"),
    ("engine/ladder.c", '#include "engine/worker.h"', "engine/worker.h",
     "engine may not see executor"),
    ("engine/worker.c", '#include "sys/b.h"', "sys/b.h", None),
    ("engine/a.c", '#include "host/b.h"', "host/b.h", "engine may not see host"),
    ("host/a.c", '#include "daemon/b.h"', "daemon/b.h", "host may not see daemon"),
    ("cli/a.c", '#include "daemon/b.h"', "daemon/b.h", "cli may not see daemon"),
    ("cli/a.c", '#include "host/b.h"', "host/b.h", None),
    ("core/a.c", "#include <numaif.h>", "core/b.h", "<numaif.h> belongs to sys alone"),
    ("sys/a.c", "#include <numaif.h>", "sys/b.h", None),
    ("core/a.c", '#include "b.h"', "core/b.h", "is not a header by its floor"),
    ("attic/a.c", '#include "util/b.h"', "util/b.h", "no folder that the table of floors knows"),
]  # fmt: skip


def main():
    out = tap.Tap()
    out.result(
        len(tap.find(tap.SOURCE, ".c", ".h")) > 20, "there is a product to look at", [tap.SOURCE]
    )
    out.clean("includes point down", violations(tap.SOURCE))
    for path, line, header, expected in SEEDS:
        seeded = tap.with_tree(
            {**_MESON, f"agent/{header}": "", f"agent/{path}": f"/* first */\n{line}\n"},
            violations,
        )
        name = f"{path}: {line}"
        if expected is None:
            out.clean(f"allowed: {name}", seeded)
        else:
            out.finds(f"found: {name}", seeded, f"agent/{path}:2: ", expected)
    out.done()


if __name__ == "__main__":
    main()
