#!/bin/sh
# SPDX-License-Identifier: MIT
# Watch a print turn into a video: sh conf/quickstart.sh [--keep]
#
# Installs what is missing, builds, starts a private broker with the dashboard, a simulated printer
# with a camera, and lapsed; shows the print live and ends with the video. With --keep everything goes
# on running (the printer begins the next print) until Ctrl-C. Without npm there is no dashboard.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"

keep=false
case ${1-} in
--keep) keep=true ;;
'') ;;
*)
    echo "Usage: sh conf/quickstart.sh [--keep]" >&2
    exit 64
    ;;
esac

bold= plain=
if [ -t 1 ]; then
    bold=$(printf '\033[1m')
    plain=$(printf '\033[0m')
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

say "1. Packages and build"
sh conf/install-packages.sh build run
dashboard=OFF
sh conf/install-packages.sh page && dashboard=ON
cmake --preset release -DLAPSED_TESTS=OFF -DLAPSED_SIM=ON -DLAPSED_DASHBOARD=$dashboard >/dev/null
cmake --build --preset release --target lapsed lapsectl lapsed-sim
bin=$top/build/release/bin
if [ $dashboard = ON ]; then
    cmake --build --preset release --target dashboard || dashboard=OFF
fi
[ $dashboard = ON ] || echo "No dashboard this time: npm is not there or reached no registry. All else works."

work=$(mktemp -d "${TMPDIR:-/tmp}/lapsed-quickstart.XXXXXX")
if [ $dashboard = ON ]; then
    # A broker that root starts becomes another user, and that one reads the page.
    chmod 711 "$work"
    cp -R build/release/dashboard "$work/page"
    chmod -R a+rX "$work/page"
fi
pids=
stop_all() {
    trap - EXIT INT TERM
    # The last started goes first, and lapsed may say goodbye to the broker.
    for pid in $pids; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    return 0
}
trap stop_all EXIT
trap 'stop_all; exit 130' INT TERM

# wait_for SECONDS WHAT COMMAND…: until the command succeeds.
wait_for() {
    limit=$(($(date +%s) + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$(date +%s)" -ge "$limit" ]; then
            echo "quickstart: $what did not come up; see the logs in $work" >&2
            exit 1
        fi
        sleep 0.1
    done
}

say "2. A private broker, a simulated printer, lapsed"
mosquitto=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v mosquitto)
for mqtt_port in $(seq 18830 18879); do
    page_port=$((mqtt_port + 100))
    printf 'listener %s 127.0.0.1\nallow_anonymous true\nlog_type all\n' "$mqtt_port" >"$work/mosquitto.conf"
    [ $dashboard = OFF ] ||
        printf 'listener %s 127.0.0.1\nprotocol websockets\nhttp_dir %s\n' "$page_port" "$work/page" \
            >>"$work/mosquitto.conf"
    "$mosquitto" -c "$work/mosquitto.conf" >"$work/mosquitto.log" 2>&1 &
    broker=$!
    wait_for 10 "the broker" grep -qE ' running|Error:' "$work/mosquitto.log"
    grep -q 'Error:' "$work/mosquitto.log" || break
    wait "$broker" || true
    broker=
done
[ -n "$broker" ] || {
    echo "quickstart: no free port for the broker; see $work/mosquitto.log" >&2
    exit 1
}
pids=$broker

again=
if $keep; then again="--loop --gap-ms 15000"; fi
# shellcheck disable=SC2086 # options
"$bin/lapsed-sim" --listen 127.0.0.1:0 --port-file "$work/sim.port" --log "$work/sim.log" \
    --job benchy.gcode --layers 12 --layer-ms 1200 --start-delay-ms 1500 --heat-ms 3000 \
    --pause-ms 150 --resume-ms 150 --move-mm-s 400 --camera-size 1280x720 --camera-fps 15 $again \
    >"$work/sim.out" 2>&1 &
pids="$! $pids"
wait_for 10 "the simulated printer" test -s "$work/sim.port"
sim=127.0.0.1:$(cat "$work/sim.port")

cat >"$work/lapsed.conf" <<CONF
agent = { id = "quickstart"; data_dir = "$work/data"; reserve_mb = 50.0; };
mqtt = { host = "127.0.0.1"; port = $mqtt_port; };
printers = ( { id = "sim"; kind = "duet"; url = "http://$sim"; } );
cameras = ( { id = "front"; kind = "mjpeg"; url = "http://$sim/stream"; } );
units = ( {
    id = "sim"; printer = "sim"; cameras = [ "front" ];
    trigger = "layer"; pause = true;
    park = true; park_x_mm = 10.0; park_y_mm = 190.0; park_feed_mm_min = 24000.0;
    fps = 5.0; hold_last_s = 1.0;
} );
CONF
chmod 600 "$work/lapsed.conf"
"$bin/lapsed" --config "$work/lapsed.conf" 2>"$work/lapsed.log" &
pids="$! $pids"
ctl="$bin/lapsectl --port $mqtt_port --agent quickstart"
wait_for 10 "lapsed" $ctl ping

[ $dashboard = OFF ] || echo "dashboard  ${bold}http://127.0.0.1:$page_port/${plain}"
echo "broker     127.0.0.1:$mqtt_port"
echo "printer    http://$sim  (camera: /stream, /camera.jpg)"
echo "logs       $work"

say "3. The print"
$ctl watch &
watch=$!
video=$(mosquitto_sub -p "$mqtt_port" -t timelapse/v1/quickstart/unit/sim/video -C 1 -W 120) || {
    kill "$watch" 2>/dev/null || true
    echo "quickstart: no video came; see $work/lapsed.log" >&2
    exit 1
}
kill "$watch" 2>/dev/null && wait "$watch" 2>/dev/null || true

field() { printf '%s' "$video" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
file=$(field file)
decoded=$(ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames \
    -of csv=p=0 "$file")

say "4. The video"
echo "file       $file"
echo "frames     $(field frames) (decoded by ffprobe: $decoded), $(field duration_s) s"
echo "ready      $(field ready_ms_after_end) ms after the print's end"

say "Try it yourself"
[ $dashboard = OFF ] || echo "http://127.0.0.1:$page_port/ in a browser: the dashboard"
echo "mosquitto_sub -p $mqtt_port -v -t 'timelapse/#' -T 'timelapse/v1/+/image/#'"
echo "mosquitto_pub -p $mqtt_port -t timelapse/v1/quickstart/unit/sim/cmd/snapshot -m ''"
echo "mosquitto_pub -p $mqtt_port -t timelapse/v1/quickstart/unit/sim/set/fps -m 25"
echo "$ctl status"
if $keep; then
    say "Running until Ctrl-C; the next print begins in 15 s"
    wait
else
    echo
    echo "(These need the broker: run sh conf/quickstart.sh --keep.)"
fi
