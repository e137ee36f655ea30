#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts what a run of meson's tests came to, by the single results within each program.

Usage: tally.py [-v] LOG, the JSON log that meson writes. Prints a line for each program, all output of
those that failed (with -v: of all), and at last "tally PASSED FAILED SKIPPED".
"""

import json
import re
import sys

_RESULT = re.compile(r"^(not )?ok\b(?:.*?#\s*(skip)\b)?", re.IGNORECASE)


def count(test):
    """(passed, failed, skipped) of one program."""
    passed = failed = skipped = 0
    for line in (test.get("stdout") or "").splitlines():
        match = _RESULT.match(line)
        if match:
            failed += bool(match.group(1))
            skipped += not match.group(1) and bool(match.group(2))
            passed += not match.group(1) and not match.group(2)
    broke = test["result"] in ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")
    if test["result"] == "SKIP" and not (passed or failed or skipped):
        skipped = 1
    # It crashed, hung, or ended early with all that it did say well.
    if broke and not failed:
        failed = 1
    if not (passed or failed or skipped):
        failed = 1
    return passed, failed, skipped


def reasons(test):
    """Why parts of a program were skipped, each reason once."""
    text = test.get("stdout") or ""
    return sorted(set(re.findall(r"^ok\b.*?#\s*skip\S*\s*(.+)$", text, re.IGNORECASE | re.MULTILINE)))


def main():
    verbose = "-v" in sys.argv[1:]
    totals = [0, 0, 0]
    with open(sys.argv[-1], encoding="utf-8", errors="replace") as log:
        tests = [json.loads(line) for line in log if line.strip()]
    for test in tests:
        passed, failed, skipped = counts = count(test)
        totals = [a + b for a, b in zip(totals, counts)]
        name = test["name"].rpartition(" / ")[2]
        more = f", {failed} FAILED" if failed else ""
        more += f", {skipped} skipped" if skipped else ""
        print(f"  {name}: {passed} ok{more} ({test.get('duration', 0):.1f} s, {test['result']})")
        for reason in reasons(test):
            print(f"    skipped: {reason}")
        if failed or verbose:
            for part in ("stdout", "stderr"):
                for line in (test.get(part) or "").splitlines():
                    print(f"    {line}")
    print("tally", *totals)


if __name__ == "__main__":
    main()
