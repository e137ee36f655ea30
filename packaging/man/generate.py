#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fills the catalogues into a manual page: what the program itself lists, so that the page cannot
say anything else. Usage: generate.py PAGE PROGRAM, prints the page."""

import json
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
        yield f"\\fB{escape(row['action'])}\\fR {escape(row['defaults'])}".rstrip()
        yield escape(row["meaning"])
        traits = [f"In rules on: {', '.join(row['rules on'].split())}"]
        traits.append("reversible" if row["reversible"] == "yes" else "not reversible")
        if row["destructive"] == "yes":
            traits.append("destructive")
        yield f"{escape('; '.join(traits))}."


CATALOGUES = {'.\\" @METRICS@': metrics, '.\\" @ACTIONS@': actions}


def main():
    page, program = sys.argv[1:]
    with open(page, encoding="utf-8") as stream:
        for line in stream.read().splitlines():
            if line in CATALOGUES:
                print("\n".join(CATALOGUES[line](program)))
            else:
                print(line)


if __name__ == "__main__":
    main()
