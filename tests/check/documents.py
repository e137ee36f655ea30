#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What README and the manual pages say of the programs: verbs, options, fields of the journal, and
output as it is printed.

Arguments: oomwarden, oomwardend and oomwarden-canary, as they were built.
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import tap  # noqa: E402

_OPTION = re.compile(r"--[a-z][a-z-]*")
_FIELD = re.compile(r"OOMWARDEN_[A-Z_]*[A-Z]")
_SAMPLE = re.compile(r"^\$ oomwarden plan --root (tests/golden/[^/\s]+)/machine\n(.*?)^```$", re.M | re.S)


def verbs_of(text):
    """Of the list that `oomwarden --help` prints."""
    listed = re.search(r"^Verbs:\n(.*?)\n\n", text, re.M | re.S)
    return re.findall(r"^  ([a-z]+) ", listed.group(1), re.M) if listed else []


def page_text(page):
    """As it is read, up to its examples, which may name other programs."""
    return page.split("\n.SH EXAMPLES")[0].replace("\\-", "-")


def option_faults(name, help_text, page):
    said, documented = set(_OPTION.findall(help_text)), set(_OPTION.findall(page_text(page)))
    faults = [f"{name}: {option} is not in its manual page" for option in sorted(said - documented)]
    return faults + [f"{name}: it has no {option}, as its manual page says" for option in sorted(documented - said)]


def field_faults(root, page):
    """Fields of the journal's records: those that the daemon adds, and those that its page names."""
    said, documented = set(), set(_FIELD.findall(page_text(page)))
    for path in tap.find(root, ".c"):
        if path.startswith("agent/daemon/"):
            said |= {quoted[1:] for quoted in re.findall('"' + _FIELD.pattern, tap.read(os.path.join(root, path)))}
    faults = [f"oomwardend.8: {field} is not in it" for field in sorted(said - documented)]
    return faults + [f"oomwardend.8: there is no {field}" for field in sorted(documented - said)]


def verb_faults(verbs, page, readme):
    text = page_text(page)
    for verb in verbs:
        if not re.search(rf'^\.B "?oomwarden {verb}"?$', text, re.M):
            yield f"oomwarden.1: {verb} is not in the synopsis"
        if not re.search(rf"^\.TP\n\.B {verb}$", text, re.M):
            yield f"oomwarden.1: {verb} is not among the verbs"
    for verb in sorted(set(re.findall(r"(?:`|^\$ |; )oomwarden ([a-z]+)", readme, re.M)) - set(verbs)):
        yield f"README.md: there is no oomwarden {verb}"


def sample_faults(root, readme):
    """What README shows of a machine of tests/golden, but for the title, is what is printed of it."""
    for place, shown in _SAMPLE.findall(readme):
        printed = tap.read(os.path.join(root, place, "plan.txt")).split("\n", 2)[2]
        if shown != printed:
            yield f"README.md: {place}/plan.txt is otherwise"


def ask(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=False).stdout


PAGE = '.SH SYNOPSIS\n.B oomwarden plan\n.SH VERBS\n.TP\n.B plan\nTells.\n.SH OPTIONS\n.BI \\-\\-root\\  DIR\n'


def seeds(out):
    out.clean("allowed: what is in both", option_faults("x", "  --root DIR", PAGE))
    out.finds("found: an option that the page lacks", option_faults("x", "--root --new", PAGE), "--new is not in")
    out.finds("found: an option that is no more", option_faults("x", "", PAGE), "no --root")
    out.clean("allowed: a verb in both", list(verb_faults(["plan"], PAGE, "`oomwarden plan`")))
    out.finds("found: a verb without synopsis", list(verb_faults(["plan"], PAGE.replace("oomwarden plan", ""), "")), "synopsis")
    out.finds("found: a verb that is not described", list(verb_faults(["plan"], PAGE.replace(".TP\n", ""), "")), "among")
    out.finds("found: a verb that is not there", list(verb_faults(["plan"], PAGE, "$ oomwarden fly\n")), "oomwarden fly")
    source = {"agent/daemon/x.c": 'add("OOMWARDEN_A_B", 1);'}
    for page, faults in (("OOMWARDEN_A_B=1", 0), ("", 1), ("OOMWARDEN_A_B, OOMWARDEN_A", 1)):
        found = tap.with_tree(source, lambda root, page=page: field_faults(root, page))
        out.result(len(found) == faults, f"fields with {faults} faults: {page}", found)
    readme = "```\n$ oomwarden plan --root tests/golden/x/machine\nHOST\n```\n"
    for printed, faults in (("title\n\nHOST\n", 0), ("title\n\nHOST\n\nPLAN\n", 1)):
        found = tap.with_tree({"tests/golden/x/plan.txt": printed}, lambda root: list(sample_faults(root, readme)))
        out.result(len(found) == faults, f"a sample with {faults} faults", found)


def main():
    agent_cli, daemon, canary = sys.argv[1:4]
    man = os.path.join(tap.SOURCE, "packaging", "man")
    readme = tap.read(os.path.join(tap.SOURCE, "README.md"))
    page = tap.read(os.path.join(man, "oomwarden.1"))
    top = ask(agent_cli)
    verbs = verbs_of(top)
    out = tap.Tap()
    out.result(len(verbs) > 5 and len(_SAMPLE.findall(readme)) > 0, "there is something to compare", [top])
    out.clean("verbs", list(verb_faults(verbs, page, readme)))
    said = "\n".join([top, *(ask(agent_cli, verb) for verb in verbs)])
    out.clean("options of oomwarden", option_faults("oomwarden", said, page))
    for program, path in (("oomwardend", daemon), ("oomwarden-canary", canary)):
        page = tap.read(os.path.join(man, program + ".8"))
        out.clean(f"options of {program}", option_faults(program, ask(path), page))
    page = tap.read(os.path.join(man, "oomwardend.8"))
    out.clean("fields of the journal's records", field_faults(tap.SOURCE, page))
    out.clean("what README shows is what is printed", list(sample_faults(tap.SOURCE, readme)))
    seeds(out)
    out.done()


if __name__ == "__main__":
    main()
