/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_shell.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "capture/camera/gphoto2_room.h"
#include "capture/camera/gphoto2_words.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    SAID_MAX = 64 * 1024,
    LEAVE_MS = 3000, /* the camera is told that the session ends */
    NOTES_BYTES = 4096,
};

struct gphoto2_shell {
    struct loop *loop;
    const struct gphoto2_shell_events *events;
    void *user;
    struct gphoto2_room room;
    struct process *process;
    int notes_fd; /* inotify */
    struct watch *notes_watch;
    struct timer *leave_timer;
    struct buf said;
    bool asked;    /* an answer is due */
    bool had_line; /* it comes after the echo of a line */
};

/* --- what it makes and says --- */

static void tell_file(struct gphoto2_shell *shell, const struct inotify_event *note)
{
    CLEANUP(free_p) char *path = NULL;

    if (!(note->mask & IN_MOVED_TO) || note->len == 0)
        return;
    path = path_join(shell->room.files, note->name);
    shell->events->on_file(path, shell->user);
}

static void take_notes(struct gphoto2_shell *shell)
{
    uint8_t notes[NOTES_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t len;

    while ((len = read(shell->notes_fd, notes, sizeof(notes))) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *note = (const void *)(notes + at);

            at += (ssize_t)(sizeof(*note) + note->len);
            tell_file(shell, note);
        }
    }
}

static void on_notes(int events, void *user)
{
    (void)events;
    take_notes(user);
}

static void on_said(const uint8_t *data, size_t len, void *user)
{
    struct gphoto2_shell *shell = user;
    CLEANUP(free_p) char *answer = NULL;
    size_t answer_len;

    if (buf_append(&shell->said, data, len) < 0) {
        process_kill(shell->process);
        return;
    }
    if (!shell->asked || !gphoto2_find_prompt(buf_text(&shell->said), shell->had_line, &answer_len))
        return;
    answer = xstrndup(buf_text(&shell->said), answer_len);
    buf_clear(&shell->said);
    shell->asked = false;
    take_notes(shell);
    shell->events->on_answer(answer, shell->user);
}

static void shell_free(struct gphoto2_shell *shell)
{
    watch_free(shell->notes_watch);
    if (shell->notes_fd >= 0)
        close(shell->notes_fd);
    timer_free(shell->leave_timer);
    gphoto2_room_leave(&shell->room, shell->loop);
    buf_done(&shell->said);
    free(shell);
}

static void on_ended(const struct process_result *result, void *user)
{
    struct gphoto2_shell *shell = user;

    shell->process = NULL;
    take_notes(shell);
    shell->events->on_end(result, buf_text(&shell->said), shell->user);
    shell_free(shell);
}

/* --- what it is told --- */

static void on_written(int result, void *user)
{
    (void)result; /* an end is told by on_ended() */
    (void)user;
}

void gphoto2_shell_say(struct gphoto2_shell *shell, const char *line)
{
    char *text = xasprintf("%s\n", line);

    assert(!shell->asked);
    shell->asked = true;
    shell->had_line = true;
    process_write(shell->process, (uint8_t *)text, strlen(text), on_written, shell);
}

static void on_leave_timer(void *user)
{
    gphoto2_shell_kill(user);
}

void gphoto2_shell_leave(struct gphoto2_shell *shell)
{
    gphoto2_shell_say(shell, "exit");
    process_close_stdin(shell->process);
    timer_start(shell->leave_timer, LEAVE_MS);
}

void gphoto2_shell_kill(struct gphoto2_shell *shell)
{
    process_kill(shell->process);
}

void gphoto2_shell_free(struct gphoto2_shell *shell)
{
    if (!shell)
        return;
    process_free(TAKE(shell->process));
    shell_free(shell);
}

/* --- starting --- */

static int watch_files(struct gphoto2_shell *shell, struct error *err)
{
    shell->notes_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (shell->notes_fd < 0 ||
        inotify_add_watch(shell->notes_fd, shell->room.files, IN_MOVED_TO) < 0)
        return error_set(err, -errno, "cannot watch %s: %s", shell->room.files, strerror(errno));
    shell->notes_watch = watch_new(shell->loop, shell->notes_fd, on_notes, shell);
    watch_start(shell->notes_watch, WATCH_READ);
    return 0;
}

/* --keep: what is deleted from the camera is our decision. */
static int start_child(struct gphoto2_shell *shell, struct gphoto2_device *device,
                       struct error *err)
{
    static const char *const words[] = {"--keep", "--filename", "%n.%C", "--shell", NULL};
    const char *argv[GPHOTO2_PREFIX_MAX + ARRAY_LEN(words)];
    const char *env[] = {shell->room.home_setting, NULL};
    struct process_config config = {
        .argv = argv,
        .env = env,
        .dir = shell->room.files,
        .stdin_pipe = true,
        .merge_stderr = true,
        .on_stdout = on_said,
    };
    size_t count = 0;

    gphoto2_device_prefix(device, argv);
    while (argv[count])
        count++;
    memcpy(argv + count, words, sizeof(words));
    return process_start(shell->loop, &config, on_ended, shell, &shell->process, err);
}

int gphoto2_shell_start(struct gphoto2_device *device, const struct gphoto2_shell_events *events,
                        void *user, struct gphoto2_shell **ret_shell, struct error *err)
{
    struct gphoto2_shell *shell = xcalloc(1, sizeof(*shell));
    int rc;

    shell->loop = gphoto2_device_loop(device);
    shell->events = events;
    shell->user = user;
    shell->notes_fd = -1;
    shell->asked = true;
    buf_init(&shell->said, SAID_MAX);
    shell->leave_timer = timer_new(shell->loop, on_leave_timer, shell);
    rc = gphoto2_room_make(&shell->room, err);
    if (rc == 0)
        rc = watch_files(shell, err);
    if (rc == 0)
        rc = start_child(shell, device, err);
    if (rc < 0) {
        shell_free(shell);
        return rc;
    }
    *ret_shell = shell;
    return 0;
}
