#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds with sanitizers and runs every test: sh tests/run.sh [ctest option…]
set -eu
cd "$(dirname "$0")/.."

sh conf/install-packages.sh build run test
cmake --preset dev >/dev/null
cmake --build --preset dev
# Most of the time of an end-to-end test is the printer's: four at once keep two cores busy.
exec ctest --preset dev --parallel $((2 * $(nproc))) --no-tests=error "$@"
