#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that lapsed needs: sh conf/install-packages.sh SET…
#   build  compiler and libraries      run   broker and ffmpeg
#   page   npm, for the dashboard      test  what only the tests need (and page, device)
#   device the virtual machine of tests/device (of x86-64 only)
#   bench  what tests/bench compares with
# Does nothing (and needs no root) when all of them are there.
set -eu

packages() {
    case $1 in
    build) echo gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libcurl4-openssl-dev \
        libconfig-dev libcjson-dev libmosquitto-dev libssl-dev libsqlite3-dev libturbojpeg0-dev libgpiod-dev \
        libexif-dev ;;
    run) echo ca-certificates mosquitto mosquitto-clients ffmpeg ;;
    page) command -v npm >/dev/null || echo nodejs npm ;; # Debian's or another
    test) echo clang mandoc libcmocka-dev libyaml-dev chromium gphoto2 libgphoto2-dev \
        libimage-exiftool-perl xz-utils libgstrtspserver-1.0-dev gstreamer1.0-plugins-base \
        gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly "$(packages page)" "$(packages device)" ;;
    device) [ "$(uname -m)" != x86_64 ] || echo qemu-system-x86 linux-headers-amd64 make busybox-static \
        cpio kmod acpica-tools e2fsprogs ;;
    bench) echo wget fswebcam ;;
    *)
        echo "install-packages: unknown set '$1' (build, run, page, device, test, bench)" >&2
        exit 64
        ;;
    esac
}

missing=
for set in "$@"; do
    for package in $(packages "$set"); do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "install-packages: these packages are missing:$missing" >&2
        echo "install-packages: run this as root, or install sudo" >&2
        exit 77
    }
    as_root=sudo
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of names
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
# Debian starts a broker of its own on port 1883; ours are private ones, so nothing depends on it.
