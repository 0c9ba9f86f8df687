/* SPDX-License-Identifier: MIT */
/* camera_probe: asking devices may block for seconds, so a worker does it. */
#include "agent/handlers/handlers.h"

#include "agent/base/mem.h"
#include "capture/camera/v4l2_probe.h"

#include <stdlib.h>

struct probe {
    struct call *call; /* NULL: withdrawn */
    cJSON *found;
};

static void run_probe(void *user)
{
    struct probe *probe = user;

    probe->found = v4l2_probe();
}

static void on_probed(void *user)
{
    struct probe *probe = user;
    struct call *call = probe->call;
    cJSON *found = probe->found;

    free(probe);
    if (!call) {
        json_free(found);
        return;
    }
    call->cancel = NULL;
    call_succeed(call, found);
}

static void cancel_probe(struct call *call)
{
    struct probe *probe = call->work;

    probe->call = NULL;
}

void handle_camera_probe(struct call *call)
{
    struct probe *probe = xcalloc(1, sizeof(*probe));

    probe->call = call;
    call->work = probe;
    call->cancel = cancel_probe;
    loop_work(call->rooms->loop, run_probe, on_probed, probe);
}
