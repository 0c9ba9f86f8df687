#!/bin/sh
# SPDX-License-Identifier: MIT
# Cuts the power of the agent's machine again and again: sh tests/device/power_cut.sh [ROUNDS]
# A round is five cuts in three prints and takes about two minutes. Stops at the first broken promise.
set -eu
cd "$(dirname "$0")/../.."

cmake --preset dev >/dev/null
cmake --build --preset dev --target test_power_cut
sh tests/device/guest/build.sh build/dev/tests/device/guest
for round in $(seq "${1:-1}"); do
    echo "round $round"
    build/dev/bin/test_power_cut all
done
