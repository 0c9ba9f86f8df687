#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs programs in the guest, one after the other, as if they ran here:
#   sh run.sh DIR PROGRAM [ARG…] [-- PROGRAM [ARG…]]…
#
# DIR is what build.sh made. The programs see this machine's files, read-only but for DIR/run/share
# ($SHARE) and a /tmp of their own, in which of this one's folders only those are that the words name. Their output comes as it is written. Exit code: the program's, or 1 when one of
# several failed, or 70 with the console's last lines when the guest itself did not come to its end.
# QEMU_MORE: further arguments of QEMU, such as a disk. GUEST_RUN: a folder instead of DIR/run, which is
# made anew. GUEST_LIMIT_S, PROGRAM_LIMIT_S: when to give up.
set -eu
guest=$(cd "$1" && pwd)
shift
: "${GUEST_LIMIT_S:=580}" "${PROGRAM_LIMIT_S:=240}"
run=${GUEST_RUN:-$guest/run}
rm -rf "$run"
mkdir -p "$run/share"
run=$(cd "$run" && pwd)
share=$run/share
console=$run/console.log
mkfifo "$run/stdin"

# What is below /tmp here and named is there, too: the first folder of each such path.
keep=
keep() {
    case $1 in
    /tmp/*)
        top=${1#/tmp/} && top=${top%%/*}
        case ,$keep, in *,"$top",*) ;; *) keep=$keep${keep:+,}$top ;; esac
        ;;
    esac
}
keep "$share"

# One word a line: see guest/init.
count=0
names=
while [ $# -gt 0 ]; do
    count=$((count + 1))
    names="$names ${1##*/}"
    for option in ASAN_OPTIONS UBSAN_OPTIONS; do
        eval "value=\${$option:-}"
        [ -z "$value" ] || echo "$option=$value"
    done >"$share/job.$count"
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        printf '%s\n' "$1" >>"$share/job.$count"
        keep "$1"
        shift
    done
    [ $# -eq 0 ] || shift
done

# The console is a file of its own, so that what the kernel says never stands inside a program's output.
# At the end of its standard input QEMU would close the output too: a FIFO opened both ways has no end.
# shellcheck disable=SC2086 # QEMU_MORE is a list of words
setpriv --pdeathsig TERM timeout -k 5 "$GUEST_LIMIT_S" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 \
    -m 1024 -nodefaults -no-user-config -no-reboot -display none -pidfile "$run/qemu.pid" \
    -kernel "$guest/kernel" -initrd "$guest/initrd" -acpitable file="$guest/gpio.aml" \
    -append "console=ttyS0 quiet mitigations=off panic=-1 oops=panic memmap=64K\$0x20000000 share=$share keep=$keep limit_s=$PROGRAM_LIMIT_S" \
    -serial file:"$console" \
    -device virtio-serial-pci -chardev stdio,id=out,signal=off -device virtserialport,chardev=out \
    -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
    -virtfs local,path="$share",mount_tag=share,security_model=none,multidevs=remap \
    ${QEMU_MORE:-} <>"$run/stdin" 2>"$run/qemu.log" || ended=$?

result=0
for name in $names; do
    number=$((${number:-0} + 1))
    if ! [ -s "$share/result.$number" ]; then
        echo "device guest: it did not come to the end of $name (QEMU: ${ended:-0}, 124 is" \
            "$GUEST_LIMIT_S s over). $console ends:"
        tail -n 80 "$console" "$run/qemu.log"
        exit 70
    fi
    read -r one seconds <"$share/result.$number"
    if [ "$one" -eq 0 ]; then
        echo "device guest: $name passed ($seconds s)"
    else
        echo "device guest: $name failed with $one after $seconds s (124: $PROGRAM_LIMIT_S s over)"
    fi
    [ "$one" -eq 0 ] || result=$one
done
[ "$count" -eq 1 ] || [ "$result" -eq 0 ] || result=1
exit "$result"
