# shellcheck shell=bash disable=SC2154,SC2034 # the parts share their variables
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a test says while it runs, how it ended, and what its variants measured.

# Everything goes to the log; to the terminal what the scenario says with its library's words.
relay() {
        local line
        while IFS= read -r line; do
                printf '%s\n' "$line" >>"$1"
                case $line in
                '# '* | 'ok - '* | 'not ok - '* | 'skip: '*) printf '    %s\n' "$line" ;;
                '= '*) ;;
                *) ((!verbose)) || printf '    > %s\n' "$line" ;;
                esac
        done
}

# Says how a test ended and counts it.
judge() {
        local why
        count=$((count + 1))
        case $job_status in
        0)
                passed=$((passed + 1))
                printf 'ok %d - %s (%d s)\n' "$count" "$1" "$3"
                return
                ;;
        77)
                skipped=$((skipped + 1))
                why=$(sed -n 's/^skip: //p' "$2.output" | tail -n 1)
                printf 'ok %d - %s # SKIP %s\n' "$count" "$1" "$why"
                return
                ;;
        '') why=$machine_fault ;;
        *) why="exit status $job_status" ;;
        esac
        failed=$((failed + 1))
        printf 'not ok %d - %s (%d s): %s\n' "$count" "$1" "$3" "$why"
        printf '#   the last of its output (%s):\n' "$2.output"
        tail -n 40 "$2.output" | sed 's/^/#   /'
        if [[ -z $job_status ]]; then
                printf '#   the last of the console (%s):\n' "$2.console"
                tail -n 15 "$2.console" | sed 's/^/#   /'
        fi
}

# What the variants of a scenario measured, side by side.
print_results() {
        local file=$run_dir/$1.results
        [[ -s $file ]] || return 0
        awk -F '\t' '
                !($1 in column) { column[$1] = ++columns; head[columns] = $1 }
                !($2 in row) { row[$2] = ++rows; label[rows] = $2 }
                { cell[row[$2], column[$1]] = $3 }
                function wider(width, text) { return length(text) > width ? length(text) : width }
                END {
                        for (r = 1; r <= rows; r++) width[0] = wider(width[0], label[r])
                        for (c = 1; c <= columns; c++) {
                                width[c] = length(head[c])
                                for (r = 1; r <= rows; r++) width[c] = wider(width[c], cell[r, c])
                        }
                        printf "#\n# %-*s", width[0], scenario
                        for (c = 1; c <= columns; c++) printf "  %*s", width[c], head[c]
                        printf "\n"
                        for (r = 1; r <= rows; r++) {
                                printf "# %-*s", width[0], label[r]
                                for (c = 1; c <= columns; c++) printf "  %*s", width[c], cell[r, c]
                                printf "\n"
                        }
                        printf "#\n"
                }' scenario="$1" "$file"
}
