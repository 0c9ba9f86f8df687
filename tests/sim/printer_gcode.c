/* SPDX-License-Identifier: MIT */
/* printer_gcode: what the commands do. A row per command; a handler is called again after every
 * event until it says that it is done, and remembers where it is in printer->stage. */
#include "agent/base/str.h"
#include "tests/sim/printer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WAIT = false, DONE = true };

static void say_error(struct printer *p, struct buf *reply, const char *text)
{
    (void)!buf_printf(reply, "Error: %c%d: %s", p->code.letter, p->code.number, text);
}

/* --- moving --- */

static bool move(struct printer *p, struct buf *reply)
{
    static const char letters[] = {'X', 'Y', 'Z'};
    double target_mm[MACHINE_AXES], value;

    (void)reply;
    if (gcode_number(&p->code, 'F', &value))
        p->modal.feed_mm_s = value / 60;
    machine_target(&p->machine, target_mm);
    for (int axis = 0; axis < MACHINE_AXES; axis++) {
        if (gcode_number(&p->code, letters[axis], &value))
            target_mm[axis] = p->modal.relative ? target_mm[axis] + value : value;
    }
    return machine_move(&p->machine, target_mm, p->modal.feed_mm_s) != -ENOSPC;
}

static bool dwell(struct printer *p, struct buf *reply)
{
    double value = 0;

    (void)reply;
    if (p->stage == 0) {
        if (gcode_number(&p->code, 'S', &value))
            value *= 1000;
        else if (!gcode_number(&p->code, 'P', &value))
            return DONE;
        p->dwell_until_us = p->machine.at_us + (int64_t)(value * 1000);
        p->stage = 1;
    }
    return p->machine.at_us >= p->dwell_until_us;
}

static bool set_absolute(struct printer *p, struct buf *reply)
{
    (void)reply;
    p->modal.relative = p->code.number == 91;
    return DONE;
}

static bool home(struct printer *p, struct buf *reply)
{
    const double origin_mm[MACHINE_AXES] = {0, 0, 5};

    (void)reply;
    if (p->stage == 0 && machine_move(&p->machine, origin_mm, 100) < 0)
        return WAIT;
    p->stage = 1;
    return !machine_moves_pending(&p->machine);
}

/* Between two moves of a job the channel gets its standstill after what is in the queue. */
static bool wait_for_moves(struct printer *p, struct buf *reply)
{
    (void)reply;
    if (p->machine.phase == PHASE_PRINTING && p->stage == 0) {
        machine_note(&p->machine, "m400_while_printing");
        p->dwell_until_us = p->machine.at_us + p->machine.config.lookahead_us;
        p->stage = 1;
    }
    if (p->stage == 1)
        return p->machine.at_us >= p->dwell_until_us;
    return machine_stands(&p->machine);
}

static bool push(struct printer *p, struct buf *reply)
{
    if (p->depth == PRINTER_STACK_MAX)
        say_error(p, reply, "Push(): stack overflow");
    else
        p->stack[p->depth++] = p->modal;
    return DONE;
}

static bool pop(struct printer *p, struct buf *reply)
{
    if (p->depth == 0)
        say_error(p, reply, "Pop(): stack underflow");
    else
        p->modal = p->stack[--p->depth];
    return DONE;
}

/* --- the job --- */

static void say_position(struct printer *p, struct buf *reply, const char *what)
{
    const double *mm = p->machine.restore_mm;

    (void)!buf_printf(reply, "%s at X%.1f Y%.1f Z%.1f", what, mm[0], mm[1], mm[2]);
}

static bool pause_job(struct printer *p, struct buf *reply)
{
    if (p->stage == 1) {
        if (p->machine.phase == PHASE_PAUSING)
            return WAIT;
        if (p->machine.phase == PHASE_PAUSED)
            say_position(p, reply, "Printing paused");
        return DONE;
    }
    switch (machine_pause(&p->machine, BY_HTTP)) {
    case 0:
        p->stage = 1;
        return WAIT;
    case -EINPROGRESS: /* asked again after the macro it finds the printer pausing */
        return WAIT;
    case -EALREADY:
        say_error(p, reply, "Printing is already paused!");
        return DONE;
    case -ENOENT:
        say_error(p, reply, "Cannot pause print, because no file is being printed!");
        return DONE;
    default:
        return DONE;
    }
}

static void start_selected(struct printer *p, struct buf *reply)
{
    struct machine_job job = p->machine.last_job;

    if (!p->machine.selected[0]) {
        say_error(p, reply, "Cannot print, because no file is selected!");
        return;
    }
    snprintf(job.name, sizeof(job.name), "%s", p->machine.selected);
    if (machine_start_job(&p->machine, &job) < 0)
        return;
    machine_select_file(&p->machine, "");
    machine_note(&p->machine, "m24_started_file");
}

static bool resume_job(struct printer *p, struct buf *reply)
{
    if (p->stage == 1) {
        if (p->machine.phase == PHASE_RESUMING)
            return WAIT;
        if (p->machine.phase == PHASE_PRINTING)
            (void)!buf_printf(reply, "Printing resumed");
        return DONE;
    }
    if (p->machine.phase == PHASE_PAUSED && machine_moves_pending(&p->machine))
        return WAIT;
    switch (machine_resume(&p->machine, BY_HTTP)) {
    case 0:
        p->stage = 1;
        return WAIT;
    case -EINVAL:
        start_selected(p, reply);
        return DONE;
    default:
        return DONE; /* ignored, without a word */
    }
}

static bool pause_in_file(struct printer *p, struct buf *reply)
{
    if (p->machine.config.firmware < 35)
        return pause_job(p, reply);
    if (p->code.number == 600)
        say_error(p, reply, "use M600 only within a file being printed");
    else
        say_error(p, reply, "use M226 and M601 only within a file being printed");
    return DONE;
}

static bool cancel_job(struct printer *p, struct buf *reply)
{
    if (p->stage == 1)
        return p->machine.phase != PHASE_CANCELLING;
    if (!p->machine.has_job)
        return DONE;
    if (p->machine.phase != PHASE_PAUSED) {
        say_error(p, reply, "Pause the print before attempting to cancel it");
        return DONE;
    }
    p->stage = 1;
    return machine_cancel(&p->machine, BY_HTTP) < 0;
}

static void read_job_name(const struct printer *p, char *ret_name, size_t size)
{
    char name[GCODE_LINE_MAX];

    gcode_file_name(&p->code, name, sizeof(name));
    snprintf(ret_name, size, "%s%.100s", strchr(name, ':') ? "" : "0:/gcodes/", name);
}

static bool select_file(struct printer *p, struct buf *reply)
{
    char name[sizeof(p->machine.selected)];

    read_job_name(p, name, sizeof(name));
    if (p->machine.has_job) {
        say_error(p, reply, "Cannot set file to print, because a file is already being printed");
        return DONE;
    }
    machine_select_file(&p->machine, name);
    if (p->code.number == 32)
        start_selected(p, reply);
    else
        (void)!buf_printf(reply, "File %s selected for printing", name);
    return DONE;
}

static bool reboot(struct printer *p, struct buf *reply)
{
    (void)reply;
    machine_reboot(&p->machine);
    return DONE;
}

/* --- talking --- */

static bool send_message(struct printer *p, struct buf *reply)
{
    char text[128] = "";
    double port = 0;

    (void)gcode_number(&p->code, 'P', &port);
    (void)gcode_string(&p->code, 'S', text, sizeof(text));
    if (port == 0 || port == 3)
        (void)!buf_printf(reply, "%s\n", text);
    else
        p->config.on_event(
            &(struct printer_event){.kind = PRINTER_M118, .at_us = p->machine.at_us, .text = text},
            p->config.user);
    return DONE;
}

static bool show_message(struct printer *p, struct buf *reply)
{
    char text[128];

    (void)reply;
    gcode_file_name(&p->code, text, sizeof(text));
    machine_set_display(&p->machine, text);
    return DONE;
}

/* A blocking box keeps its channel until it is answered; the answer must come by another channel,
 * so the simulator lets it pass. */
static bool open_box(struct printer *p, struct buf *reply)
{
    char title[64] = "", message[128] = "";
    double mode = 1, timeout_s = 10;

    (void)reply;
    (void)gcode_string(&p->code, 'R', title, sizeof(title));
    (void)gcode_string(&p->code, 'P', message, sizeof(message));
    (void)gcode_number(&p->code, 'S', &mode);
    (void)gcode_number(&p->code, 'T', &timeout_s);
    machine_open_box(&p->machine, title, message, (int)mode,
                     mode < 2 && timeout_s > 0 ? (int64_t)(timeout_s * 1e6) : MACHINE_NEVER_US);
    return DONE;
}

static bool answer_box(struct printer *p, struct buf *reply)
{
    double seq = p->machine.box.seq;

    (void)reply;
    (void)gcode_number(&p->code, 'S', &seq);
    if (p->machine.box.open && (int)seq == p->machine.box.seq)
        machine_close_box(&p->machine);
    return DONE;
}

static bool tell_temperatures(struct printer *p, struct buf *reply)
{
    (void)!buf_printf(reply, "T0:%.1f /%.1f B:%.1f /%.1f", p->machine.has_job ? 210.0 : 21.0, 0.0,
                      p->machine.has_job ? 60.0 : 20.0, 0.0);
    return DONE;
}

static bool tell_firmware(struct printer *p, struct buf *reply)
{
    int version = p->machine.config.firmware;

    (void)!buf_printf(reply,
                      "FIRMWARE_NAME: RepRapFirmware for lapsed-sim FIRMWARE_VERSION: %d.%d.0",
                      version / 10, version % 10);
    return DONE;
}

static bool tell_position(struct printer *p, struct buf *reply)
{
    double mm[MACHINE_AXES];

    machine_head(&p->machine, mm);
    (void)!buf_printf(reply, "X:%.3f Y:%.3f Z:%.3f E:0.000", mm[0], mm[1], mm[2]);
    return DONE;
}

static bool accept(struct printer *p, struct buf *reply)
{
    (void)p;
    (void)reply;
    return DONE;
}

/* --- the table --- */

struct command {
    char letter;
    int number;
    bool when_halted;
    bool (*run)(struct printer *printer, struct buf *reply);
};

static const struct command commands[] = {
    {'G', 0, false, move},
    {'G', 1, false, move},
    {'G', 4, false, dwell},
    {'G', 28, false, home},
    {'G', 60, false, accept},
    {'G', 90, false, set_absolute},
    {'G', 91, false, set_absolute},
    {'M', 0, false, cancel_job},
    {'M', 1, false, cancel_job},
    {'M', 23, false, select_file},
    {'M', 24, false, resume_job},
    {'M', 25, false, pause_job},
    {'M', 32, false, select_file},
    {'M', 42, false, accept},
    {'M', 82, false, accept},
    {'M', 83, false, accept},
    {'M', 105, true, tell_temperatures},
    {'M', 112, true, accept},
    {'M', 114, false, tell_position},
    {'M', 115, true, tell_firmware},
    {'M', 117, false, show_message},
    {'M', 118, false, send_message},
    {'M', 120, false, push},
    {'M', 121, false, pop},
    {'M', 122, true, accept},
    {'M', 226, false, pause_in_file},
    {'M', 291, false, open_box},
    {'M', 292, false, answer_box},
    {'M', 400, false, wait_for_moves},
    {'M', 408, true, accept},
    {'M', 409, true, accept},
    {'M', 600, false, pause_in_file},
    {'M', 601, false, pause_in_file},
    {'M', 999, true, reboot},
};

static const struct command *find_command(const struct gcode *code)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].letter == code->letter && commands[i].number == code->number)
            return &commands[i];
    }
    return NULL;
}

bool printer_try_gcode(struct printer *p, struct buf *reply)
{
    const struct command *command = find_command(&p->code);

    if (p->machine.phase == PHASE_HALTED && (!command || !command->when_halted)) {
        say_error(p, reply, "Machine is halted");
        return DONE;
    }
    if (!command) {
        machine_note(&p->machine, "unknown_gcode");
        return DONE;
    }
    return command->run(p, reply);
}
