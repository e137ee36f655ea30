# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may see whom.

The product is a house: each folder of agent/ is a floor or half a floor, and knowledge points down
only. Two folders have a wall inside. In act/, what a remedy would do (the plan half) is decided
without the kernel in reach; what carries it out is the apply half. In engine/, the decision is pure;
the executor and its workers are not. Which side a source is on is what its meson.build says by the
library it goes into; a header is on the side of the source of its name, and one without a source on
the pure side, so that nothing gets at the kernel by not being mentioned.

The units are named as the static libraries are: one table serves the includes and the symbols.
"""

import os
import re

# Folders with a wall: the pure side, and the other one with the headers that have no source.
WALLS = {
    "act": ("act-plan", "act-apply", ("remedies",)),
    "engine": ("engine", "executor", ()),
}

_EVERYTHING_BELOW_HOST = (
    "util", "sys", "core", "model", "sense", "act-plan", "act-apply", "rule", "engine", "executor",
    "record", "explain",
)  # fmt: skip

# What each unit may name besides itself.
SEES = {
    "util": (),
    "sys": ("util",),
    "core": ("util",),
    "model": ("util",),
    "sense": ("util", "sys", "core", "model"),
    "act-plan": ("util", "core", "model"),
    "act-apply": ("util", "sys", "core", "model", "act-plan"),
    "rule": ("util", "core", "model", "act-plan"),
    "engine": ("util", "core", "model", "act-plan", "rule"),
    "executor": ("util", "sys", "core", "model", "sense", "act-plan", "act-apply", "rule"),
    "record": ("util", "sys", "core", "model", "sense", "act-plan", "rule"),
    "explain": ("util", "core", "model", "act-plan", "rule"),
    "host": _EVERYTHING_BELOW_HOST,
    "daemon": (*_EVERYTHING_BELOW_HOST, "host"),
    "cli": (*_EVERYTHING_BELOW_HOST, "host"),
    "canary": ("util", "sys"),
}

# What decides: no kernel, no files, no clock, no output.
PURE = ("core", "model", "act-plan", "engine")

# Each library has one home; the rest of the house goes through it. The headers of a library, by how
# their names begin.
LIBRARY_HOMES = {
    "ini.h": ("util",),
    "numa": ("sys",),
    "libcgroup": ("sys",),
    "systemd/": ("sys", "host", "daemon", "cli", "canary"),
    "libsmartcols": ("cli",),
    "json": ("cli",),
}


_LIBRARY = re.compile(r"static_library\(\s*'([^']+)'(.*?)\)", re.DOTALL)


def _beyond_the_wall(root, folder):
    """Stems of the files of a walled folder that are on its other side."""
    _, other, headers = WALLS[folder]
    stems = set(headers)
    try:
        with open(os.path.join(root, "agent", folder, "meson.build"), encoding="utf-8") as stream:
            libraries = dict(_LIBRARY.findall(stream.read()))
    except FileNotFoundError:
        libraries = {}
    return stems | set(re.findall(r"'([^']+)\.c'", libraries.get(other, "")))


class House:
    def __init__(self, root):
        self._beyond = {folder: _beyond_the_wall(root, folder) for folder in WALLS}

    def unit_of(self, path):
        """The unit of FOLDER/FILE, by its path below agent/; None for an unknown folder."""
        folder, _, name = path.partition("/")
        if folder in WALLS:
            stem = os.path.splitext(os.path.basename(name))[0]
            return WALLS[folder][stem in self._beyond[folder]]
        return folder if folder in SEES else None


def may_see(unit, other):
    return unit == other or other in SEES[unit]
