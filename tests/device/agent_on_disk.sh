#!/bin/sh
# SPDX-License-Identifier: MIT
# In the guest: lapsed with its data on the disk /dev/vda: sh agent_on_disk.sh DATA_DIR PROGRAM [ARG…]
#
# The kernel writes hardly anything of its own accord, so that a power cut loses all that was not synced.
# That it does is seen from the witnesses: files beside the agent's that nobody syncs.
set -eu
data=$1
shift
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
mount -t ext4 -o noauto_da_alloc /dev/vda "$data"
busybox ip address add 10.0.2.15/24 dev eth0 # 10.0.2.2 is the loopback of the machine outside
busybox ip link set eth0 up

rm -rf "$data/witness"
mkdir "$data/witness"
while :; do
    witness=$((${witness:-0} + 1))
    echo "written, never synced" >"$data/witness/$witness"
    sleep 0.2
done &
exec "$@"
