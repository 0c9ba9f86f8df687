#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a virtual Nikon D750 that Debian's own gphoto2 can photograph with:
#   sh build.sh DIR    DIR/gphoto2 is then the program to run instead of gphoto2
# The camera is the port driver "vusb" of libgphoto2 (libgphoto2_port/vusb), which Debian does not
# build; here it is built from Debian's source package of the version that is installed. Needs no
# root and changes nothing of the machine; nothing is done when it is there already.
set -eu

out=$1
fail() {
    echo "virtual Nikon: $*" >&2
    exit 1
}

for tool in gphoto2 gcc pkg-config xz ffmpeg apt-get; do
    command -v "$tool" >/dev/null || fail "$tool is missing: sh conf/install-packages.sh run test"
done
pkg-config --exists libgphoto2_port libexif ||
    fail "libgphoto2-dev or libexif-dev is missing: sh conf/install-packages.sh test"
version=$(dpkg-query -W -f '${source:Version}' libgphoto2-dev)
recipe=$(cksum "$0" | cut -d ' ' -f 1)
[ "$(cat "$out/version" 2>/dev/null)" = "$version $recipe" ] && exit 0

# One at a time, and whole or absent.
mkdir -p "$out"
exec 9>"$out/lock"
flock 9
[ "$(cat "$out/version" 2>/dev/null)" = "$version $recipe" ] && exit 0
cd "$out"
out=$(pwd)
rm -rf version work io camera
mkdir -p work/lists/partial work/cache/archives/partial io camera/DCIM/100NIKON

# The machine's own mirror, asked for sources; lists and cache of our own.
if [ -f /etc/apt/sources.list.d/debian.sources ]; then
    sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >work/src.sources
    list=$out/work/src.sources
else
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    echo "deb-src http://deb.debian.org/debian $codename main" >work/src.list
    list=$out/work/src.list
fi
get() {
    (cd work && apt-get -qq -o Dir::Etc::SourceList="$list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::lists="$out/work/lists" -o Dir::Cache="$out/work/cache" "$@") >work/apt.log 2>&1 ||
        fail "apt-get $* failed: $(tail -n 3 work/apt.log)"
}
get update
get source --download-only "libgphoto2=$version"
tar -xJf work/libgphoto2_*.orig.tar.xz -C work
port=$(echo work/libgphoto2-*/libgphoto2_port)

# FUZZ_PTP: the camera is there without a file that describes it.
sed -i 's/#undef FUZZ_PTP/#define FUZZ_PTP 1/' "$port/vusb/vcamera.h"
cat >"$port/config.h" <<'END'
#define _GNU_SOURCE 1
#define GETTEXT_PACKAGE_LIBGPHOTO2_PORT "vusb"
#define HAVE_DIRENT_H 1
#define HAVE_LIBEXIF 1
#define HAVE_LIBINTL_H 1
#define HAVE_LIMITS_H 1
#define HAVE_SYS_PARAM_H 1
#define HAVE_SYS_SELECT_H 1
#define HAVE_UNISTD_H 1
END
# shellcheck disable=SC2046 # a list of flags
gcc -O2 -w -fPIC -shared -DHAVE_CONFIG_H -D_GPHOTO2_INTERNAL_CODE -DFUZZ_PTP=1 \
    -DVCAMERADIR="\"$out/camera\"" -DLOCALEDIR='""' -DIOLIBS='""' -I "$port" \
    "$port/vusb/vusb.c" "$port/vusb/vcamera.c" -o io/vusb.so \
    $(pkg-config --cflags --libs libgphoto2_port libexif)

# Without a JPEG to copy it could not take any.
ffmpeg -loglevel error -f lavfi -i testsrc=size=640x424 -frames:v 1 -y camera/DCIM/100NIKON/DSC_0001.JPG
cat >gphoto2 <<END
#!/bin/sh
export IOLIBS=$out/io
exec $(command -v gphoto2) "\$@"
END
chmod +x gphoto2
rm -rf work
echo "$version $recipe" >version
