#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fills the catalogues into a manual page: what the program itself lists, and what the rules that are
shipped say, so that the page cannot say anything else. Usage: generate.py PAGE PROGRAM RULE..., prints
the page."""

import json
import os
import subprocess
import sys


def listed(program, verb, *options):
    """The rows that `PROGRAM VERB --json` prints; keys in lower case, as versions of the table
    library differ in that."""
    command = [program, verb, *options, "--json"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    rows = json.loads(text)[verb]
    return [{key.lower(): value or "" for key, value in row.items()} for row in rows]


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def metrics(program):
    scope = None
    for row in listed(program, "metrics", "--catalogue"):
        if row["scope"] != scope:
            scope = row["scope"]
            yield f".SS Of a {scope}"
        yield ".TP"
        whole = row["percent of"]
        of = f", % of {escape(whole)}" if whole not in ("", "-") else ""
        yield f"\\fB{escape(row['metric'])}\\fR ({escape(row['type'])}{of})"
        yield escape(row["meaning"])
        yield f"Source: {escape(row['source'])}."


def actions(program):
    for row in listed(program, "actions"):
        yield ".TP"
        yield f"\\fB{escape(row['action'])}\\fR {escape(row['arguments'])}".rstrip()
        yield escape(row["meaning"])
        scopes = row["rules on"]
        if scopes.startswith("none"):
            traits = [f"In no rule: {scopes.partition(': ')[2]} ask for it"]
        else:
            traits = [f"In rules on: {', '.join(scopes.split())}"]
        traits.append("reversible" if row["reversible"] == "yes" else "not reversible")
        if row["destructive"] == "yes":
            traits.append("destructive")
        yield f"{escape('; '.join(traits))}."


def sections(path):
    """The keys of each section of a file of rules, in their order; a comment is a whole line."""
    with open(path, encoding="utf-8") as stream:
        for line in map(str.strip, stream):
            if line.startswith("["):
                found = {"name": line.strip("[]").removeprefix("Rule ")}
                yield found
            elif "=" in line and not line.startswith(("#", ";")):
                key, value = line.split("=", 1)
                found.setdefault(key, []).append(value)


def rules(_program):
    for path in sorted(sys.argv[3:]):
        for rule in list(sections(path)):
            yield ".TP"
            yield f"\\fB{escape(rule['name'])}\\fR ({escape(os.path.basename(path))}, on {rule['On'][0]})"
            yield f"{escape(rule['Description'][0])}."
            steps = "; ".join(f"\\fB{escape(step)}\\fR" for step in rule["Do"])
            yield f"Steps: {steps}."


CATALOGUES = {'.\\" @METRICS@': metrics, '.\\" @ACTIONS@': actions, '.\\" @RULES@': rules}


def main():
    page, program = sys.argv[1:3]
    with open(page, encoding="utf-8") as stream:
        for line in stream.read().splitlines():
            if line in CATALOGUES:
                print("\n".join(CATALOGUES[line](program)))
            else:
                print(line)


if __name__ == "__main__":
    main()
