#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The matrix of scenarios by agents, with a lab that only says it ran: what is judged how, what is run
again and what is not.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys
import tempfile

sys.dont_write_bytecode = True
import tap  # noqa: E402

_MATRIX = os.path.join(tap.SOURCE, "tests", "bench", "survive", "matrix")

_FACTS = """@ begin 1000000 9
@ danger 3000000 99
@ died 3500000 job
@ relief 3600000 400
@ lowest 9000000 85
@ late 9000000 4000
@ end 9000000 0
@ agent-lives yes
@ cpu-usec 16000
@ cpu-span-usec 8000000
@ major-faults 0
@ rss-kib 2048
@ workers 2
@ workers-kib 1024
@ gap 9000000 30000
@ damaged 0
@ kernel 6.1
@ complete yes
"""


def load():
    loader = importlib.machinery.SourceFileLoader("matrix", _MATRIX)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("matrix", loader))
    loader.exec_module(module)
    return module


def row_of(matrix, scenario, text):
    facts = [line.split()[1:] for line in text.splitlines()]
    return matrix.result_of(scenario, "oomwarden", "x", facts)


def check_judging(matrix, checks):
    leak, calm = matrix.Scenario("hog-slow"), matrix.Scenario("throttled")
    cases = (
        ("a victim that is named", leak, _FACTS, "yes"),
        ("another one", leak, _FACTS.replace(" job", " store"), "wrong"),
        ("both", leak, _FACTS.replace(" job", " job\n@ died 4000000 store"), "wrong"),
        ("where nobody had to", calm, _FACTS, "needless"),
        ("nobody, where nobody had to", calm, _FACTS.replace("@ died 3500000 job\n", ""), "yes"),
        ("the agent did not live", leak, _FACTS.replace("lives yes", "lives no"), "agent-died"),
        ("nobody died, and no memory", leak,
         _FACTS.replace("@ died 3500000 job\n", "").replace("9000000 85", "9000000 0"), "stuck"),
        ("memory of others was damaged", leak, _FACTS.replace("damaged 0", "damaged 7"), "damaged"),
    )
    for name, scenario, text, wanted in cases:
        got = matrix.verdict(scenario, row_of(matrix, scenario, text))
        checks.result(got == wanted, f"{name}: {wanted}", [f"got {got}"])


def check_reaction(matrix, checks):
    leak = matrix.Scenario("hog-slow")
    cases = (
        ("a death after danger", _FACTS, "500"),
        ("a step before it", _FACTS + "@ step 2900000 limit\n", "-100"),
        ("a step before all does not count", _FACTS + "@ step 900000 limit\n", "500"),
        ("no danger", _FACTS.replace("@ danger 3000000 99\n", ""), "before"),
        ("nothing", "".join(line + "\n" for line in _FACTS.splitlines()
                            if "died" not in line and "relief" not in line), "-"),
    )
    for name, text, wanted in cases:
        got = matrix.reaction([row_of(matrix, leak, text)])
        checks.result(got == wanted, f"reaction, {name}: {wanted}", [f"got {got}"])


def check_targets(matrix, checks):
    leak = matrix.Scenario("hog-slow")
    ours = row_of(matrix, leak, _FACTS)

    def missed(ours_gap, peers_gap, **changes):
        by_agent = {"earlyoom": [dict(ours, gap=str(peers_gap))],
                    "oomwarden": [dict(ours, gap=str(ours_gap), **changes)]}
        return [text for text, reached in matrix.targets(leak, by_agent) if not reached]

    checks.result(not missed(30000, 30000), "as good as a peer")
    checks.result(not missed(49000, 30000), "20 ms longer is the same")
    checks.result(not missed(1240000, 1000000), "a quarter longer is the same")
    checks.finds("longer by more than both", missed(140000, 100000), "gap", "1.40")
    checks.finds("a kernel OOM kill", missed(30000, 30000, kills="1"), "kernel")
    checks.finds("a major fault", missed(30000, 30000, faults="2"), "major faults: 2")
    checks.finds("a wrong victim", missed(30000, 30000, died="store"), "store")


def run(matrix, directory, lab, *arguments, program="one"):
    """Exit status and output of the matrix, with that lab and that agent."""
    matrix.LAB = os.path.join(directory, "lab")
    tap.write_tree(directory, {"lab": lab, "agent/daemon/oomwardend": program})
    os.chmod(matrix.LAB, 0o755)
    sys.argv = ["matrix", "--build", directory, "--results", os.path.join(directory, "results"),
                "--only", "hog-slow,throttled", "--agents", "none,oomwarden", *arguments]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = matrix.main()
    return status, output.getvalue()


def starts(directory):
    """How many machines were started so far."""
    return len(tap.read(os.path.join(directory, "starts")).split())


def check_resuming(matrix, checks):
    with tempfile.TemporaryDirectory(prefix="oomwarden-check-") as directory:
        lab = f"#!/bin/sh\necho x >>{directory}/starts\ncat <<END\n{_FACTS}END\n"
        status, output = run(matrix, directory, lab, "--runs", "1")
        checks.result(status == 0 and starts(directory) == 4, "each is run once", output.splitlines())
        checks.result("hog-slow: a leak" in output and "NOT reached  killed where nobody had to be: job" in output,
                      "and told, with what is not reached", output.splitlines())
        run(matrix, directory, lab, "--runs", "2")
        checks.result(starts(directory) == 8, "what there is is not run again")
        run(matrix, directory, lab, "--runs", "2", program="two")
        checks.result(starts(directory) == 12, "another program: its rows, and no others")
        status, output = run(matrix, directory, lab, "--tap", "--print", program="two")
        checks.result(status == 1 and "not ok" in output and "1.." in output, "as a test it can fail")
        status, output = run(matrix, directory, lab, "--short", "--print", program="two")
        checks.result("throttled  needless 30" in output and "right 30" in output, "in short",
                      output.splitlines())


def check_broken(matrix, checks):
    with tempfile.TemporaryDirectory(prefix="oomwarden-check-") as directory:
        lab = (f"#!/bin/sh\necho x >>{directory}/starts\n[ $(wc -l <{directory}/starts) -ne 2 ] || exit 125\n"
               f"cat <<END\n{_FACTS}END\n")
        status, output = run(matrix, directory, lab, "--runs", "1")
        checks.result(status == 0 and starts(directory) == 5, "one that breaks is repeated", output.splitlines())
    with tempfile.TemporaryDirectory(prefix="oomwarden-check-") as directory:
        facts = _FACTS.replace("@ complete yes\n", "")
        lab = f"#!/bin/sh\necho x >>{directory}/starts\ncat <<END\n{facts}END\n"
        status, output = run(matrix, directory, lab, "--runs", "1")
        checks.result(status == 1 and starts(directory) == 12 and "4 could not be run" in output,
                      "one that says nothing at its end is broken", output.splitlines())


def main():
    matrix, checks = load(), tap.Tap()
    check_judging(matrix, checks)
    check_reaction(matrix, checks)
    check_targets(matrix, checks)
    check_resuming(matrix, checks)
    check_broken(matrix, checks)
    checks.done()


main()
