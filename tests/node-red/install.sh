#!/bin/sh
# SPDX-License-Identifier: MIT
# Node-RED as package-lock.json names it, below a build directory: sh install.sh DIRECTORY
# Does nothing when just that is there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=$1

mkdir -p "$to"
cmp -s "$here/package-lock.json" "$to/installed.json" && exit 0
command -v npm >/dev/null || {
    echo "node-red: npm is missing; run sh conf/install-packages.sh test" >&2
    exit 1
}
cp "$here/package.json" "$here/package-lock.json" "$to/"
(cd "$to" && npm ci --ignore-scripts --no-audit --no-fund)
cp "$here/package-lock.json" "$to/installed.json"
