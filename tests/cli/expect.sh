# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One word for the tests of this directory. They make a directory $scratch of their own before.

: "${scratch:?}"
number=0 failures=0

# NAME STATUS STDOUT-PATTERN STDERR-PATTERN COMMAND...; a pattern of - wants nothing at all.
expect() {
        local name=$1 status=$2 out=$3 err=$4 got
        shift 4
        "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
        got=$?
        number=$((number + 1))
        if [ "$got" -eq "$status" ] && said "$out" "$scratch/out" && said "$err" "$scratch/err"; then
                echo "ok $number - $name"
        else
                failures=$((failures + 1))
                echo "not ok $number - $name"
                echo "# status $got, wanted $status"
                sed 's/^/# out: /' "$scratch/out" | head -n 5
                sed 's/^/# err: /' "$scratch/err" | head -n 5
        fi
}

said() { # PATTERN FILE
        if [ "$1" = - ]; then
                [ ! -s "$2" ]
        else
                grep -qE -- "$1" "$2"
        fi
}
