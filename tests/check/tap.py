# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test Anything Protocol for the structure checks, and the place of the tree they look at."""

import os
import sys
import tempfile

SOURCE = os.environ.get("OOMWARDEN_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)


class Tap:
    def __init__(self):
        self.number = 0
        self.failed = 0

    def result(self, holds, name, details=()):
        self.number += 1
        self.failed += not holds
        print(f"{'ok' if holds else 'not ok'} {self.number} - {name}")
        for line in () if holds else details:
            print(f"# {line}")

    def skip(self, name, reason):
        self.number += 1
        print(f"ok {self.number} - {name} # SKIP {reason}")

    def clean(self, name, violations):
        """Holds when nothing was found; shows what was found otherwise."""
        self.result(not violations, name, violations)

    def finds(self, name, violations, *expected):
        """A seeded fault: holds when exactly one violation is reported, and it says all that."""
        holds = len(violations) == 1 and all(part in violations[0] for part in expected)
        self.result(holds, name, [f"expected one line with {expected}", *violations])

    def done(self):
        print(f"1..{self.number}")
        sys.exit(1 if self.failed else 0)


def write_tree(directory, files):
    for path, text in files.items():
        full = os.path.join(directory, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as stream:
            stream.write(text)


def with_tree(files, look):
    """What `look` says of a throw-away tree that holds just these files."""
    with tempfile.TemporaryDirectory(prefix="oomwarden-check-") as directory:
        write_tree(directory, files)
        return look(directory)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def find(root, *suffixes):
    """Files below root/agent with these endings, by path relative to root."""
    found = []
    for directory, _, names in os.walk(os.path.join(root, "agent")):
        for name in names:
            if name.endswith(suffixes):
                found.append(os.path.relpath(os.path.join(directory, name), root))
    return sorted(found)
