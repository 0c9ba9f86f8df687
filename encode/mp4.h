/* SPDX-License-Identifier: MIT */
/* mp4: the one growing file of a video, "<name>.growing.mp4", with its ledger "<name>.idx".
 *
 * A segment enters in two steps, so that it can be decoded from the file itself before it counts:
 * mp4_append() makes it durable and playable, mp4_commit() enters it into the ledger,
 * mp4_rollback() takes it out again. A process that dies between the two has not committed it. At
 * any moment, also after a power cut, the file plays up to a checkpoint.
 *
 * Everything here blocks on the disk: worker threads only, one call at a time. A file has one
 * holder: mp4_open() of one that is held fails with -EBUSY. */
#ifndef ENCODE_MP4_H
#define ENCODE_MP4_H

#include "encode/h264.h"
#include "encode/movie.h"

#include <stdatomic.h>

struct mp4;

struct mp4_state {
    int64_t frames;   /* committed */
    int64_t dropped;  /* frames that were committed as not being in the file */
    int64_t last_seq; /* every frame up to here is committed; INT64_MIN when none is */
    int64_t bytes;
    int width, height; /* 0 before the first segment */
};

/* Opens dir/name: cuts off what the ledger does not know and writes the tables anew. A finished
 * "<name>.mp4" whose ledger is still there becomes the growing file again; a growing file without
 * a ledger is set aside as "<name>.lost-N.mp4". timing: for the tables until the next append. */
int mp4_open(const char *dir, const char *name, const struct movie_timing *timing,
             struct mp4 **ret_mp4, struct error *err) MUST_CHECK;
void mp4_close(struct mp4 *mp4);

void mp4_get_state(const struct mp4 *mp4, struct mp4_state *ret_state);
const char *mp4_path(const struct mp4 *mp4);

/* Adds the stream as one segment. width and height count for the first one. After a failure
 * mp4_rollback() has to follow. -ENOSPC, -EIO …. */
int mp4_append(struct mp4 *mp4, const struct h264_stream *stream, int width, int height,
               const struct movie_timing *timing, struct error *err) MUST_CHECK;

/* Enters the appended segment (or, without one, a stretch of dropped frames only). */
int mp4_commit(struct mp4 *mp4, int64_t first_seq, int64_t last_seq, int64_t dropped,
               struct error *err) MUST_CHECK;

/* Back to the last commit; the file's tables as well as can be. */
void mp4_rollback(struct mp4 *mp4, const struct movie_timing *timing);

/* Frames before the appended segment: where a check of it has to start. */
int64_t mp4_appended_at(const struct mp4 *mp4);

/* Writes the final tables, checks the file with movie_check(), renames it to "<name>.mp4". The
 * ledger stays, so that a repetition after a crash finds everything. */
int mp4_finish(struct mp4 *mp4, const struct movie_timing *timing, struct error *err) MUST_CHECK;

/* A finished copy of the committed frames at dest_path, temporary name and rename. Gives up with
 * -ECANCELED soon after *cancel became true. */
int mp4_copy(struct mp4 *mp4, const struct movie_timing *timing, const char *dest_path,
             const atomic_bool *cancel, struct error *err) MUST_CHECK;

#endif
