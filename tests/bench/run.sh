#!/bin/sh
# SPDX-License-Identifier: MIT
# Measures lapsed beside its peers and prints one table: sh tests/bench/run.sh [--quick | --full]
#
# Everything in the table is of this run on this machine, but what is marked "published". Without an
# option it takes about half an hour, --quick (few samples: a look, no proof) 11 minutes; --full adds the
# peers' encodes of 1,200 and 6,000 frames, which take half an hour and more.
set -eu
cd "$(dirname "$0")/../.."
here=tests/bench

mode=default
case ${1-} in
'') ;;
--quick | --full) mode=${1#--} ;;
*)
    echo "Usage: sh tests/bench/run.sh [--quick | --full]" >&2
    exit 64
    ;;
esac

say() { echo "bench: $*" >&2; }

# LAPSED_BENCH_BUILD: a build that is there already.
build=${LAPSED_BENCH_BUILD-}
if [ -z "$build" ]; then
    build=build/release
    sh conf/install-packages.sh build run test bench
    cmake --preset release -DLAPSED_TESTS=ON >/dev/null
    cmake --build --preset release --target bench_agent bench_encode >/dev/null
    [ "$(uname -m)" != x86_64 ] || cmake --build --preset release --target bench_v4l2 >/dev/null
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/lapsed-bench.XXXXXX")
figures=$work/figures
echo "mode=$mode" >"$figures"
children=
clean_up() {
    trap - EXIT INT TERM
    for child in $children; do
        kill "$child" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'clean_up; exit 130' INT TERM

# agent PHASE: the figures keep their names.
agent() {
    say "the agent: $1"
    # shellcheck disable=SC2086 # an option or none
    "$build/bin/bench_agent" $quick "$1" >>"$figures" || say "$1 failed: its figures are missing"
}

# The guest has the cameras, and only x86-64 has the guest.
usb() {
    [ -x "$build/bin/bench_v4l2" ] || return 0
    say "a USB camera, in the virtual machine"
    guest=$(cd "$build" && pwd)/tests/device/guest
    if ! { sh tests/device/guest/build.sh "$guest" >&2 &&
        PROGRAM_LIMIT_S=250 sh tests/device/guest/run.sh "$guest" \
            "$(cd "$build" && pwd)/bin/bench_v4l2" >>"$figures"; }; then
        say "the USB camera failed: its figures are missing"
    fi
}

# encode WAY FRAMES [OPTION…]: its figures, each behind the other as key=value.
encode() {
    say "encoding: $*"
    way=$1 frames=$2
    shift 2
    "$build/bin/bench_encode" --what "$way" --frames "$frames" --dir "$work" "$@" >"$work/$way.$frames" ||
        say "$way of $frames frames failed: its figures are missing"
}

# take FILE KEY NAME: one figure of an encode under a name of the table.
take() {
    sed -n "s/^$2=/$3=/p" "$work/$1" >>"$figures"
}

peer() {
    encode "$1" "$2" $3
    take "$1.$2" ready_s "$1_$2"
    take "$1.$2" cpu_s "$1_$2_cpu_s"
    take "$1.$2" peak_mib "$1_$2_peak_mib"
    take "$1.$2" psnr_db "$1_psnr_db"
    take "$1.$2" ssim "$1_ssim"
}

quick=
[ $mode != quick ] || quick=--quick
cpu_frames=1200
[ $mode != quick ] || cpu_frames=300
likeness=--likeness
[ $mode != quick ] || likeness=

header() {
    cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    ffmpeg=$(ffmpeg -version | sed -n '1s/^ffmpeg version \([^ ]*\).*/\1/p')
    echo "$(nproc) cores of ${cpu:-$(uname -m)}, ffmpeg $ffmpeg, $("$build/bin/lapsed" --version)," \
        "load $load_before before and $(cut -d' ' -f1 /proc/loadavg) after, mode $mode"
}
load_before=$(cut -d' ' -f1 /proc/loadavg)
case $load_before in
0.*) ;;
*) say "the machine is busy (load $load_before): times will be worse than they are" ;;
esac

sh tests/capture/nikon/build.sh "$build/nikon" || say "no virtual Nikon: the DSLR's figures will be missing"
for phase in idle layers triggers parks memory shots cameras dslr streams payload flood storm; do
    agent $phase
done

usb

encode ours 300 --left 60
take ours.300 ready_s ready_300_60
encode ours 300 --left 10 $likeness
take ours.300 ready_s ready_300_10
take ours.300 cpu_s ours_300_cpu_s
take ours.300 peak_mib ours_peak_mib
take ours.300 psnr_db ours_psnr_db
take ours.300 ssim ours_ssim
peer oneshot 300 "$likeness"
peer moonraker 300 "$likeness"
peer duetlapse 300 ""
if [ $mode != quick ]; then
    encode ours 1200
    take ours.1200 ready_s ready_1200_10
fi
take ours.$cpu_frames cpu_s ours_cpu_s
take ours.$cpu_frames mbytes ours_mbytes
echo "cpu_frames=$cpu_frames" >>"$figures"

# These have one thread each and only their CPU time counts: on another core, they do not disturb
# the longest run, whose end comes long after theirs.
if [ $mode != quick ]; then
    say "encoding: ours 6000, meanwhile:"
    "$build/bin/bench_encode" --what ours --frames 6000 --dir "$work" >"$work/ours.6000" &
    children=$!
fi
encode oneshot1 $cpu_frames
encode strict1 $cpu_frames
take oneshot1.$cpu_frames cpu_s oneshot1_cpu_s
take oneshot1.$cpu_frames check_cpu_s oneshot1_check_cpu_s
take oneshot1.$cpu_frames mbytes oneshot1_mbytes
take strict1.$cpu_frames cpu_s strict1_cpu_s
if [ $mode != quick ]; then
    wait "$children" || say "ours of 6000 frames failed: its figures are missing"
    children=
    take ours.6000 ready_s ready_6000_10
fi
if [ $mode = full ]; then
    for frames in 1200 6000; do
        peer duetlapse $frames ""
        peer moonraker $frames ""
    done
fi

header
echo
awk -f $here/table.awk "$figures" $here/figures.txt
