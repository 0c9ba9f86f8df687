#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the guest of the device tests into a folder: sh build.sh DIR
#
# Debian's own kernel as it is, v4l2loopback from Debian's source, and an initial root file system that
# holds busybox, the modules and guest/init: everything else the guest takes from this machine's / (9p).
# Needs no root. Does nothing when DIR has the guest of the installed kernel headers already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)

# What init loads, and ext4's checksum, which no module names as a dependency.
modules="virtio_pci virtio_console virtio_blk virtio_net 9p 9pnet_virtio ext4 crc32c_generic
    vivid v4l2loopback gpio-amdpt"

fail() {
    echo "device guest: $*" >&2
    exit 1
}

for need in iasl:acpica-tools cpio:cpio make:make gcc:gcc depmod:kmod busybox:busybox-static; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${need%%:*}" >/dev/null ||
        fail "needs ${need%%:*}: install ${need#*:} (sh conf/install-packages.sh test)"
done
PATH=$PATH:/usr/sbin:/sbin
# The kernel whose headers are here: a module fits no other.
version=$(dpkg-query -W -f '${Depends}' linux-headers-amd64 2>/dev/null |
    sed -n 's/^linux-headers-\([^ ]*\).*/\1/p')
[ -n "$version" ] || fail "needs linux-headers-amd64 (sh conf/install-packages.sh test)"

stamp="$version $(cat "$here"/* | cksum)"
[ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ] || exit 0
rm -rf "$dir/stamp" "$dir/work"
mkdir -p "$dir/work/kernel" "$dir/work/loopback" "$dir/work/root/bin"
cd "$dir/work"

apt-get download "linux-image-$version" v4l2loopback-dkms >download.log 2>&1 || {
    cat download.log >&2
    fail "cannot download linux-image-$version: apt-get update, then upgrade linux-headers-amd64"
}
echo "device guest: unpacking Linux $version"
dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x -C kernel --exclude=./usr \
    --exclude='*/drivers/gpu' --exclude='*/sound'
dpkg-deb --fsys-tarfile v4l2loopback-dkms_*.deb | tar -x -C loopback --strip-components=4 \
    --wildcards './usr/src/v4l2loopback-*/*'
make -s -C "/usr/src/linux-headers-$version" M="$PWD/loopback" modules >make.log 2>&1 || {
    cat make.log >&2
    fail "v4l2loopback does not build against Linux $version"
}
cp loopback/v4l2loopback.ko "kernel/lib/modules/$version/"
depmod -b kernel "$version"

# Those modules and what they depend on, with the lists modprobe goes by.
for module in $modules; do
    modprobe -d kernel -S "$version" --show-depends "$module" || fail "Linux $version has no $module"
done >depends
{
    sed -n 's,^insmod .*/\(lib/modules/[^ ]*\).*,\1,p' depends | sort -u
    echo "lib/modules/$version/modules.order"
    echo "lib/modules/$version/modules.builtin"
    echo "lib/modules/$version/modules.builtin.modinfo"
} >needed
(cd kernel && cpio -pdm --quiet ../root <../needed)
depmod -b root "$version"

cp "$(command -v busybox)" root/bin/busybox
cp "$here/init" root/init
chmod 755 root/init
(cd root && find . | cpio -o -H newc --quiet | gzip -1) >"$dir/initrd"
cp "kernel/boot/vmlinuz-$version" "$dir/kernel"
iasl -p "$dir/gpio" "$here/gpio.asl" >iasl.log 2>&1 || {
    cat iasl.log >&2
    fail "gpio.asl does not compile"
}
cd "$dir"
rm -rf work
echo "$stamp" >stamp
