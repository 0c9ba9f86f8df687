/* SPDX-License-Identifier: MIT */
#include "agent/devices.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdlib.h>

enum { RELEASE_LIMIT_MS = 20000 };

struct printer_slot {
    struct devices *devices;
    struct printer *printer;
    enum printer_state told;
    struct printer_settings settings; /* of one made at run time */
    size_t users;                     /* 0: of the configuration, or leaving */
    bool made, leaving;
};

struct camera_slot {
    struct camera *camera;
    struct camera_settings settings; /* of one made at run time */
    size_t users;
    bool made;
};

struct devices {
    struct devices_config config;
    struct printer_slot **printers;
    size_t printer_count;
    struct camera_slot **cameras;
    size_t camera_count;
    size_t stopping; /* printers that still have to be seen running, and one for the caller */
    void (*on_stopped)(void *user);
    void *stopped_user;
};

/* --- printers --- */

static struct printer_slot *find_printer(const struct devices *devices, const char *id)
{
    for (size_t i = 0; id && i < devices->printer_count; i++)
        if (str_equal(printer_id(devices->printers[i]->printer), id))
            return devices->printers[i];
    return NULL;
}

/* settings live as long as the slot. */
static void open_printer(struct printer_slot *slot, const struct printer_settings *settings)
{
    const struct devices_config *config = &slot->devices->config;
    struct pause_record pause;
    struct error err = {0};
    int rc = journal_get_pause(config->journal, settings->id, &pause, &err);

    if (rc == 0)
        log_warn("printer.pause_found", "printer=%s job=\"%s\"", settings->id, pause.job_file);
    slot->printer = printer_new(config->loop, config->http, settings, config->ledger,
                                rc == 0 ? &pause : NULL, config->on_printer, config->user);
}

static struct printer_slot *add_printer_slot(struct devices *devices)
{
    struct printer_slot *slot = xcalloc(1, sizeof(*slot));
    size_t size = (devices->printer_count + 1) * sizeof(*devices->printers);

    slot->devices = devices;
    devices->printers = xrealloc(devices->printers, size);
    devices->printers[devices->printer_count++] = slot;
    return slot;
}

static void printer_slot_free(struct printer_slot *slot)
{
    printer_free(slot->printer);
    if (slot->made)
        conf_values_done(&printer_table, &slot->settings);
    free(slot);
}

void devices_hold_printer(struct devices *devices, struct printer_settings *settings)
{
    struct printer_slot *slot = find_printer(devices, settings->id);

    if (slot) {
        slot->users++;
        conf_values_done(&printer_table, settings);
        return;
    }
    slot = add_printer_slot(devices);
    slot->made = true;
    slot->users = 1;
    slot->settings = *settings;
    *settings = (struct printer_settings){0};
    open_printer(slot, &slot->settings);
    log_info("printer.made", "printer=%s", slot->settings.id);
}

static void remove_printer(struct printer_slot *slot)
{
    struct devices *devices = slot->devices;
    size_t at = 0;

    while (devices->printers[at] != slot)
        at++;
    for (devices->printer_count--; at < devices->printer_count; at++)
        devices->printers[at] = devices->printers[at + 1];
    log_info("printer.gone", "printer=%s", printer_id(slot->printer));
    devices->config.on_printer_gone(printer_id(slot->printer), devices->config.user);
    printer_slot_free(slot);
}

static void note_stopped(struct devices *devices)
{
    if (devices->stopping > 0 && --devices->stopping == 0)
        devices->on_stopped(devices->stopped_user);
}

static void on_printer_stopped(void *user)
{
    struct printer_slot *slot = user;
    struct devices *devices = slot->devices;

    if (devices->stopping == 0)
        remove_printer(slot);
    else
        note_stopped(devices);
}

void devices_release_printer(struct devices *devices, const char *id)
{
    struct printer_slot *slot = find_printer(devices, id);

    if (!slot || slot->users == 0 || --slot->users > 0)
        return;
    slot->leaving = true;
    if (devices->stopping == 0)
        printer_stop(slot->printer, RELEASE_LIMIT_MS, on_printer_stopped, slot);
}

bool devices_printer_leaves(const struct devices *devices, const char *id)
{
    const struct printer_slot *slot = find_printer(devices, id);

    return slot && slot->leaving;
}

size_t devices_printer_count(const struct devices *devices)
{
    return devices->printer_count;
}

struct printer *devices_printer(const struct devices *devices, size_t index)
{
    return devices->printers[index]->printer;
}

struct printer *devices_find_printer(const struct devices *devices, const char *id)
{
    const struct printer_slot *slot = find_printer(devices, id);

    return slot ? slot->printer : NULL;
}

bool devices_note_state(struct devices *devices, const struct printer *printer)
{
    struct printer_slot *slot = find_printer(devices, printer_id(printer));
    enum printer_state state = printer_get_view(printer)->state;
    bool news = slot->told != state;

    slot->told = state;
    return news;
}

/* --- cameras --- */

static struct camera_slot *find_camera(const struct devices *devices, const char *id)
{
    for (size_t i = 0; id && i < devices->camera_count; i++)
        if (str_equal(camera_id(devices->cameras[i]->camera), id))
            return devices->cameras[i];
    return NULL;
}

static struct camera_slot *add_camera_slot(struct devices *devices)
{
    struct camera_slot *slot = xcalloc(1, sizeof(*slot));
    size_t size = (devices->camera_count + 1) * sizeof(*devices->cameras);

    devices->cameras = xrealloc(devices->cameras, size);
    devices->cameras[devices->camera_count++] = slot;
    return slot;
}

static void open_camera(struct devices *devices, struct camera_slot *slot,
                        const struct camera_settings *settings)
{
    const struct devices_config *config = &devices->config;

    slot->camera =
        camera_new(config->loop, config->http, settings, config->on_camera, config->user);
}

static void camera_slot_free(struct camera_slot *slot)
{
    camera_free(slot->camera);
    if (slot->made)
        conf_values_done(&camera_table, &slot->settings);
    free(slot);
}

void devices_hold_camera(struct devices *devices, struct camera_settings *settings)
{
    struct camera_slot *slot = find_camera(devices, settings->id);

    if (slot) {
        slot->users++;
        conf_values_done(&camera_table, settings);
        return;
    }
    slot = add_camera_slot(devices);
    slot->made = true;
    slot->users = 1;
    slot->settings = *settings;
    *settings = (struct camera_settings){0};
    open_camera(devices, slot, &slot->settings);
    log_info("camera.made", "camera=%s", slot->settings.id);
}

void devices_release_camera(struct devices *devices, const char *id)
{
    struct camera_slot *slot = find_camera(devices, id);
    size_t at = 0;

    if (!slot || slot->users == 0 || --slot->users > 0)
        return;
    while (devices->cameras[at] != slot)
        at++;
    for (devices->camera_count--; at < devices->camera_count; at++)
        devices->cameras[at] = devices->cameras[at + 1];
    log_info("camera.gone", "camera=%s", id);
    devices->config.on_camera_gone(camera_id(slot->camera), devices->config.user);
    camera_slot_free(slot);
}

size_t devices_camera_count(const struct devices *devices)
{
    return devices->camera_count;
}

struct camera *devices_camera(const struct devices *devices, size_t index)
{
    return devices->cameras[index]->camera;
}

struct camera *devices_find_camera(const struct devices *devices, const char *id)
{
    const struct camera_slot *slot = find_camera(devices, id);

    return slot ? slot->camera : NULL;
}

/* --- birth and death --- */

struct devices *devices_new(const struct devices_config *config)
{
    struct devices *devices = xcalloc(1, sizeof(*devices));
    const struct config *all = config->config;

    devices->config = *config;
    for (size_t i = 0; i < all->printer_count; i++)
        open_printer(add_printer_slot(devices), &all->printers[i]);
    for (size_t i = 0; i < all->camera_count; i++)
        open_camera(devices, add_camera_slot(devices), &all->cameras[i]);
    return devices;
}

void devices_stop(struct devices *devices, int64_t limit_ms, void (*done)(void *user), void *user)
{
    devices->on_stopped = done;
    devices->stopped_user = user;
    devices->stopping = devices->printer_count + 1;
    for (size_t i = 0; i < devices->printer_count; i++)
        printer_stop(devices->printers[i]->printer, limit_ms, on_printer_stopped,
                     devices->printers[i]);
    note_stopped(devices);
}

void devices_free(struct devices *devices)
{
    if (!devices)
        return;
    for (size_t i = 0; i < devices->camera_count; i++)
        camera_slot_free(devices->cameras[i]);
    for (size_t i = 0; i < devices->printer_count; i++)
        printer_slot_free(devices->printers[i]);
    free(devices->cameras);
    free(devices->printers);
    free(devices);
}
