#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds with sanitizers and runs every test: sh tests/run.sh [ctest option…]
set -eu
cd "$(dirname "$0")/.."

sh conf/install-packages.sh build run test
cmake --preset dev >/dev/null
cmake --build --preset dev
exec ctest --preset dev --parallel "$(nproc)" --no-tests=error "$@"
