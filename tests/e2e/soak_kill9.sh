#!/bin/sh
# SPDX-License-Identifier: MIT
# Kills the agent at random moments of prints for as long as wished:
#     sh tests/e2e/soak_kill9.sh [KILLS [SEED]]
# The seed is printed; the same one repeats the moments.
set -eu
cd "$(dirname "$0")/../.."

LAPSED_KILLS=${1:-1000}
export LAPSED_KILLS
if [ $# -ge 2 ]; then
    LAPSED_SEED=$2
    export LAPSED_SEED
fi
cmake --preset dev >/dev/null
cmake --build --preset dev --target test_kill9
exec build/dev/bin/test_kill9
