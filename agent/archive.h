/* SPDX-License-Identifier: MIT */
/* archive: deletes ended sessions and videos so that the journal and the disk agree whenever we
 * die: the row is marked first, then the files go, then the row. What was under way is finished at
 * the next start. Loop thread only. */
#ifndef AGENT_ARCHIVE_H
#define AGENT_ARCHIVE_H

#include "agent/journal/journal.h"
#include "capture/frame_store.h"

struct archive;

/* Takes up the deletions that were under way. Borrows its arguments; free it after the store and
 * before the journal. */
struct archive *archive_new(struct loop *loop, struct journal *journal,
                            struct frame_store *store) MUST_CHECK;
void archive_free(struct archive *archive); /* NULL is fine */

/* result 0: nothing of it is there any more. -EPERM: it lies outside of media_dir. -ECANCELED, from
 * archive_free(): it is finished at the next start. */
typedef void (*archive_done_fn)(int result, const struct error *err, void *user);
/* The session with its frames, its videos and its directory; the row is copied. done (NULL is fine)
 * comes once, later. */
void archive_delete_session(struct archive *archive, const struct journal_session *session,
                            archive_done_fn done, void *user);
/* Whether this is under way. */
bool archive_deletes_session(const struct archive *archive, const char *session);
/* One video file of the journal. */
void archive_delete_video(struct archive *archive, const char *path, archive_done_fn done,
                          void *user);

#endif
