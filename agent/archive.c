/* SPDX-License-Identifier: MIT */
/* archive: a deletion is one struct that walks through three callbacks: marked, files gone, row
 * gone. A deletion that fails in the middle stays marked and is tried again at the next start. */
#include "agent/archive.h"

#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct archive {
    struct loop *loop;
    struct journal *journal;
    struct frame_store *store;
    struct list deletions;
};

struct deletion {
    struct list link;
    struct archive *archive; /* NULL: freed while a worker has this deletion in hand */
    char *session;           /* its id; NULL: a video */
    char *path;              /* directory or file */
    bool on_worker;
    struct error err;
    archive_done_fn done;
    void *user;
};

static void deletion_free(struct deletion *deletion)
{
    list_remove(&deletion->link);
    free(deletion->session);
    free(deletion->path);
    free(deletion);
}

/* The end of the deletion. */
static void deletion_over(struct deletion *deletion, int result, const struct error *err)
{
    if (result < 0)
        log_error("archive.delete_failed", "path=\"%s\" error=\"%s\"", deletion->path, err->text);
    else
        log_info("archive.deleted", "path=\"%s\"", deletion->path);
    if (deletion->done)
        deletion->done(result, err, deletion->user);
    deletion_free(deletion);
}

static void on_row_gone(int result, const struct error *err, void *user)
{
    deletion_over(user, result, err);
}

static void on_files_gone(int result, const struct error *err, void *user)
{
    struct deletion *deletion = user;
    struct journal *journal = deletion->archive->journal;

    if (result < 0)
        deletion_over(deletion, result, err);
    else if (deletion->session)
        journal_delete_session(journal, deletion->session, on_row_gone, deletion);
    else
        journal_delete_video(journal, deletion->path, on_row_gone, deletion);
}

/* The ledger of the growing file goes first: alone it would describe a video that is not there. */
static void run_unlink(void *user)
{
    struct deletion *deletion = user;
    size_t stem_len = strlen(deletion->path) - strlen(".mp4");
    CLEANUP(free_p) char *ledger = xasprintf("%.*s.idx", (int)stem_len, deletion->path);

    if ((unlink(ledger) < 0 && errno != ENOENT) || (unlink(deletion->path) < 0 && errno != ENOENT))
        error_set(&deletion->err, -errno, "cannot delete %s: %s", deletion->path, strerror(errno));
}

static void on_unlinked(void *user)
{
    struct deletion *deletion = user;

    deletion->on_worker = false;
    if (deletion->archive)
        on_files_gone(deletion->err.code, &deletion->err, deletion);
    else
        deletion_free(deletion);
}

static int delete_video_files(struct deletion *deletion, struct error *err)
{
    if (!frame_store_holds(deletion->archive->store, deletion->path) ||
        !str_ends_with(deletion->path, ".mp4"))
        return error_set(err, -EPERM, "%s is no video below media_dir", deletion->path);
    deletion->on_worker = true;
    loop_work(deletion->archive->loop, run_unlink, on_unlinked, deletion);
    return 0;
}

static void on_marked(int result, const struct error *why, void *user)
{
    struct deletion *deletion = user;
    struct error err = {0};

    if (result < 0) {
        deletion_over(deletion, result, why);
        return;
    }
    if (deletion->session)
        result = frame_store_delete_session(deletion->archive->store, deletion->path, on_files_gone,
                                            deletion, &err);
    else
        result = delete_video_files(deletion, &err);
    if (result < 0)
        deletion_over(deletion, result, &err);
}

static struct deletion *deletion_new(struct archive *archive, const char *session, const char *path,
                                     archive_done_fn done, void *user)
{
    struct deletion *deletion = xcalloc(1, sizeof(*deletion));

    deletion->archive = archive;
    replace_str(&deletion->session, session);
    deletion->path = xstrdup(path);
    deletion->done = done;
    deletion->user = user;
    list_append(&archive->deletions, &deletion->link);
    return deletion;
}

void archive_delete_session(struct archive *archive, const struct journal_session *session,
                            archive_done_fn done, void *user)
{
    struct deletion *deletion = deletion_new(archive, session->id, session->dir, done, user);
    struct journal_session marked = *session;
    char deleting[] = "deleting";

    marked.state = deleting;
    journal_put_session(archive->journal, &marked, on_marked, deletion);
}

void archive_delete_video(struct archive *archive, const char *path, archive_done_fn done,
                          void *user)
{
    struct deletion *deletion = deletion_new(archive, NULL, path, done, user);

    journal_mark_video(archive->journal, path, "deleting", on_marked, deletion);
}

bool archive_deletes_session(const struct archive *archive, const char *session)
{
    struct deletion *deletion;

    LIST_FOR_EACH(&archive->deletions, deletion, struct deletion, link)
    if (str_equal(deletion->session, session))
        return true;
    return false;
}

/* --- taking up what was under way --- */

static void take_up_session(const struct journal_session *session, void *user)
{
    archive_delete_session(user, session, NULL, NULL);
}

static void take_up_video(const struct journal_video *video, void *user)
{
    archive_delete_video(user, video->path, NULL, NULL);
}

static void take_up(struct archive *archive)
{
    static const struct journal_range all = {.limit = INT64_MAX};
    static const struct journal_video_filter deleting = {.kind = "deleting"};
    struct error err = {0};
    int rc = journal_list_sessions(archive->journal, NULL, "deleting", &all, take_up_session,
                                   archive, &err);

    if (rc == 0)
        rc = journal_list_videos(archive->journal, &deleting, &all, take_up_video, archive, &err);
    if (rc < 0)
        log_error("archive.failed", "error=\"%s\"", err.text);
}

struct archive *archive_new(struct loop *loop, struct journal *journal, struct frame_store *store)
{
    struct archive *archive = xcalloc(1, sizeof(*archive));

    archive->loop = loop;
    archive->journal = journal;
    archive->store = store;
    list_init(&archive->deletions);
    take_up(archive);
    return archive;
}

void archive_free(struct archive *archive)
{
    struct deletion *deletion;
    struct error err;

    if (!archive)
        return;
    error_set(&err, -ECANCELED, "the agent stops; it goes on when it is started again");
    LIST_FOR_EACH(&archive->deletions, deletion, struct deletion, link)
    {
        if (deletion->done)
            deletion->done(-ECANCELED, &err, deletion->user);
        deletion->archive = NULL;
        if (deletion->on_worker)
            list_remove(&deletion->link);
        else
            deletion_free(deletion);
    }
    free(archive);
}
