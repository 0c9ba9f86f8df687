/* SPDX-License-Identifier: MIT */
#include "agent/handlers/handlers.h"

const handler_fn handlers[VERB_COUNT] = {
    [VERB_UNIT_START] = handle_unit_start,
    [VERB_UNIT_STANDBY] = handle_unit_event,
    [VERB_UNIT_PAUSE] = handle_unit_event,
    [VERB_UNIT_RESUME] = handle_unit_event,
    [VERB_UNIT_FINISH] = handle_unit_end,
    [VERB_UNIT_ABORT] = handle_unit_end,
    [VERB_UNIT_RESTART] = handle_unit_event,
    [VERB_UNIT_SNAPSHOT] = handle_unit_event,
    [VERB_UNIT_PREVIEW] = handle_unit_event,
    [VERB_UNIT_REBUILD] = handle_unit_rebuild,
    [VERB_UNIT_SET] = handle_unit_set,
    [VERB_UNIT_LIST] = handle_unit_list,
    [VERB_UNIT_STATUS] = handle_unit_status,
    [VERB_CAMERA_LIST] = handle_camera_list,
    [VERB_CAMERA_PROBE] = handle_camera_probe,
    [VERB_LIGHT_ON] = handle_light_switch,
    [VERB_LIGHT_OFF] = handle_light_switch,
    [VERB_LIGHT_LIST] = handle_light_list,
    [VERB_PRINTER_LIST] = handle_printer_list,
    [VERB_PRINTER_STATUS] = handle_printer_status,
    [VERB_UNIT_CREATE] = handle_unit_create,
    [VERB_AGENT_FINISH] = handle_agent_finish,
    [VERB_CAMERA_SNAPSHOT] = handle_camera_snapshot,
    [VERB_CAMERA_GPHOTO2] = handle_camera_gphoto2,
    [VERB_AGENT_PING] = handle_agent_ping,
    [VERB_AGENT_SHUTDOWN] = handle_agent_shutdown,
    [VERB_AGENT_PURGE_RETAINED] = handle_agent_purge_retained,
    [VERB_AGENT_INFO] = handle_agent_info,
    [VERB_AGENT_STATUS] = handle_agent_status,
    [VERB_AGENT_RELOAD] = handle_agent_reload,
    [VERB_RPC_DISCOVER] = handle_rpc_discover,
    [VERB_SESSION_LIST] = handle_session_list,
    [VERB_SESSION_GET] = handle_session_get,
    [VERB_SESSION_DELETE] = handle_session_delete,
    [VERB_VIDEO_BUILD] = handle_job_add,
    [VERB_VIDEO_LIST] = handle_video_list,
    [VERB_VIDEO_DELETE] = handle_video_delete,
    [VERB_JOB_LIST] = handle_job_list,
    [VERB_JOB_GET] = handle_job_get,
    [VERB_JOB_ADD] = handle_job_add,
    [VERB_JOB_CANCEL] = handle_job_command,
    [VERB_JOB_PAUSE] = handle_job_command,
    [VERB_JOB_RESUME] = handle_job_command,
    [VERB_JOB_MOVE] = handle_job_move,
};

void call_start(struct call *call)
{
    handlers[call->verb](call);
}

void call_cancel(struct call *call)
{
    if (call->cancel)
        call->cancel(call);
}

void call_answer(struct call *call, enum ack_code code, const char *message, const cJSON *result)
{
    call->answer(code, message, result, call->user);
}

void call_succeed(struct call *call, cJSON *result)
{
    call_answer(call, ACK_OK, NULL, result);
    json_free(result);
}
