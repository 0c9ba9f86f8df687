#!/bin/sh
# SPDX-License-Identifier: MIT
# What run.sh says of programs that fail, hang, and take the guest down with them: sh test_run.sh DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)

code=0
said=$(PROGRAM_LIMIT_S=2 sh "$here/run.sh" "$1" sh -c 'echo said; exit 3' -- sleep 1000 -- \
    sh -c 'echo c >/proc/sysrq-trigger; sleep 1000' -- true) || code=$?
printf '%s\n' "$said"
[ "$code" -eq 70 ]
for text in '^said$' 'sh failed with 3 ' 'sleep failed with 124 ' 'not come to the end of sh ' \
    'Kernel panic - not syncing: sysrq triggered crash'; do
    printf '%s\n' "$said" | grep -q "$text" || {
        echo "test_run: this is missing: $text"
        exit 1
    }
done
