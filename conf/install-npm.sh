#!/bin/sh
# SPDX-License-Identifier: MIT
# npm packages, just as FROM/package-lock.json names them, into TO/node_modules:
# sh conf/install-npm.sh FROM TO. Does nothing when just these are there already.
set -eu
from=$1 to=$2

mkdir -p "$to"
cmp -s "$from/package-lock.json" "$to/installed.json" && exit 0
command -v npm >/dev/null || {
    echo "install-npm: npm is missing; run sh conf/install-packages.sh page" >&2
    exit 1
}
cp "$from/package.json" "$from/package-lock.json" "$to/"
(cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --silent)
cp "$from/package-lock.json" "$to/installed.json"
