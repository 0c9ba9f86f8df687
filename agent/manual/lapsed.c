/* SPDX-License-Identifier: MIT */
#include "agent/manual/main.h"

#include "agent/lapsed_options.h"
#include "agent/manual/roff.h"

static void write_options(FILE *out)
{
    roff_list_begin(out);
    for (size_t i = 0; i < lapsed_option_count; i++) {
        const struct lapsed_option_row *row = &lapsed_option_rows[i];

        roff_option(out, row->id < 256 ? (char)row->id : 0, row->name, row->value);
        roff_more(out, row->help);
    }
    roff_list_end(out);
}

static void write_files(FILE *out)
{
    roff_section(out, "FILES");
    roff_list_begin(out);
    roff_word(out, LAPSED_DEFAULT_CONFIG, "");
    roff_more(out, "The configuration; see lapsed.conf(5).");
    roff_word(out, "data_dir", "");
    roff_more(out, "The journal and the lock of the one agent that may use it.");
    roff_word(out, "media_dir", "");
    roff_more(out, "Frames and videos.");
    roff_list_end(out);
}

static void write_exits(FILE *out)
{
    roff_section(out, "EXIT STATUS");
    roff_list_begin(out);
    for (size_t i = 0; i < lapsed_exit_count; i++) {
        char code[16];

        snprintf(code, sizeof(code), "%d", lapsed_exits[i].code);
        roff_word(out, code, "");
        roff_more(out, lapsed_exits[i].help);
    }
    roff_list_end(out);
}

void manual_lapsed(const char *date, FILE *out)
{
    static const char *const see_also[] = {"lapsectl",  "1", "lapsed.conf", "5",
                                           "mosquitto", "8", NULL};

    roff_begin(out, "lapsed", "8", date, "timelapse agent for printers and cameras on MQTT");
    roff_section(out, "SYNOPSIS");
    fputs(".Nm\n.Op Ar OPTION ...\n", out);
    roff_section(out, "DESCRIPTION");
    fputs(".Nm\n", out);
    roff_more(out, "watches 3D printers, takes frames from cameras and grows a video while a print "
                   "runs. It tells everything to an MQTT broker and is commanded through it, by "
                   "lapsectl(1) or by any other MQTT client. One agent runs on a machine; it stays "
                   "in the foreground, as a service manager expects, and logs to stderr.");
    write_options(out);
    roff_section(out, "SIGNALS");
    roff_list_begin(out);
    roff_word(out, "SIGTERM, SIGINT", "");
    roff_more(out, "Stop: printers that the agent paused go on, the last words are sent. Open "
                   "sessions go on when the agent is started again.");
    roff_word(out, "SIGHUP", "");
    roff_more(out, "Read the configuration again. A wrong one changes nothing and is logged; what "
                   "needs a restart is named.");
    roff_list_end(out);
    write_files(out);
    write_exits(out);
    roff_section(out, "EXAMPLES");
    roff_more(out, "See whether a configuration is right, then run with it:");
    roff_example(out, "lapsed --check-config /etc/lapsed/lapsed.conf\n"
                      "lapsed --config /etc/lapsed/lapsed.conf\n");
    roff_see_also(out, see_also);
}
