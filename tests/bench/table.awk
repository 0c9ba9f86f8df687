# SPDX-License-Identifier: MIT
# Makes the table of figures.txt: run.sh gives it the measured "key=value" lines first.
#
# A row is "figure | goal | ours | baseline | key op limit": {key} and {key:format} stand for
# measured values, "-" for what was not measured; the last part is what is judged.

FNR == 1 { file++ }

file == 1 {
    cut = index($0, "=")
    if (cut > 1)
        value[substr($0, 1, cut - 1)] = substr($0, cut + 1) + 0
    next
}

file == 2 && !derived {
    derived = 1
    derive()
}

/^[ \t]*(#|$)/ { next }

{
    count = split($0, part, /[ \t]*\|[ \t]*/)
    if (count == 1) {
        title[++rows] = fill($0)
        next
    }
    rows++
    for (i = 1; i <= 4; i++) {
        cell[rows, i] = fill(part[i])
        width[i] = max(width[i], length(cell[rows, i]))
    }
    cell[rows, 5] = judge(part[5])
}

END {
    head[1] = "figure"; head[2] = "goal"; head[3] = "ours"; head[4] = "baseline"; head[5] = ""
    for (i = 1; i <= 4; i++)
        width[i] = max(width[i], length(head[i]))
    line = sprintf("%-*s  %-*s  %-*s  %-*s  %s", width[1], head[1], width[2], head[2], width[3], \
        head[3], width[4], head[4], head[5])
    print line
    gsub(/./, "-", line)
    print line
    for (row = 1; row <= rows; row++) {
        if (row in title)
            printf "\n%s\n", title[row]
        else
            printf "%-*s  %-*s  %-*s  %-*s  %s\n", width[1], cell[row, 1], width[2], \
                cell[row, 2], width[3], cell[row, 3], width[4], cell[row, 4], cell[row, 5]
    }
    printf "\n%d figures with a goal: %d met, %d missed, %d not measured\n", met + missed + absent, \
        met, missed, absent
}

function max(a, b) {
    return a > b ? a : b
}

function ratio(name, above, below) {
    if ((above in value) && (below in value) && value[below] > 0)
        value[name] = value[above] / value[below]
}

function scaled(name, from, factor) {
    if (from in value)
        value[name] = value[from] * factor
}

function derive() {
    scaled("live_ready_s", "live_ready_ms", 1 / 1000)
    scaled("idle_kb_per_min", "idle_bytes_per_min", 1 / 1000)
    scaled("printing_kb_per_min", "printing_bytes_per_min", 1 / 1000)
    scaled("peak_together_mb", "peak_together_mib", 1.048576)
    scaled("peak_agent_mb", "peak_agent_mib", 1.048576)
    scaled("peak_encoder_mb", "peak_encoder_mib", 1.048576)
    scaled("duetlapse_300_peak_mb", "duetlapse_300_peak_mib", 1.048576)
    scaled("moonraker_300_peak_mb", "moonraker_300_peak_mib", 1.048576)
    if (("quiet_lost" in value) && ("encoding_lost" in value)) {
        value["wishes_lost"] = value["quiet_lost"] + value["encoding_lost"]
        value["trigger_wishes"] = value["quiet_lost"] + value["quiet_durable_ms_count"]
    }
    if (("oneshot1_cpu_s" in value) && ("oneshot1_check_cpu_s" in value))
        value["oneshot1_checked_cpu_s"] = value["oneshot1_cpu_s"] + value["oneshot1_check_cpu_s"]
    ratio("cpu_checked_ratio", "ours_cpu_s", "oneshot1_checked_cpu_s")
    ratio("cpu_duetlapse_ratio", "ours_300_cpu_s", "duetlapse_300_cpu_s")
    ratio("cpu_moonraker_ratio", "ours_300_cpu_s", "moonraker_300_cpu_s")
    ratio("cpu_ratio", "ours_cpu_s", "oneshot1_cpu_s")
    ratio("cpu_strict_ratio", "ours_cpu_s", "strict1_cpu_s")
    ratio("usb_fswebcam_ratio", "usb_fswebcam_ms_p50", "usb_durable_ms_p50")
    ratio("usb_ffmpeg_ratio", "usb_ffmpeg_ms_p50", "usb_durable_ms_p50")
    ratio("size_ratio", "ours_mbytes", "oneshot1_mbytes")
}

function fill(text,    at, len, inner, colon, format, key) {
    while (match(text, /\{[^}]*\}/)) {
        at = RSTART
        len = RLENGTH
        inner = substr(text, at + 1, len - 2)
        colon = index(inner, ":")
        key = colon ? substr(inner, 1, colon - 1) : inner
        format = colon ? substr(inner, colon + 1) : "%.1f"
        text = substr(text, 1, at - 1) ((key in value) ? sprintf(format, value[key]) : "-") \
            substr(text, at + len)
    }
    return text
}

function judge(rule,    word) {
    if (split(rule, word, " ") != 3)
        return ""
    if (!(word[1] in value)) {
        absent++
        return "not measured"
    }
    if (word[2] == "<=" ? value[word[1]] <= word[3] + 0 : value[word[1]] >= word[3] + 0) {
        met++
        return "met"
    }
    missed++
    return "MISSED"
}
