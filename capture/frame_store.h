/* SPDX-License-Identifier: MIT */
/* frame_store: where the frames of a session live on disk.
 *
 *   <root>/<agent>/<printer>/<session>/frames/<camera>_00000001.jpg
 *                                             <camera>_00000001.nef   when the camera makes a RAW,
 * too
 *
 * A frame is written under a temporary name, synced and renamed, so a reader never sees half a
 * picture and an announced one survives a power cut. Loop thread; the disk work runs on a worker,
 * one write at a time in the order asked. */
#ifndef CAPTURE_FRAME_STORE_H
#define CAPTURE_FRAME_STORE_H

#include "agent/base/loop.h"
#include "capture/exif.h"
#include "capture/picture.h"

struct frame_store;

struct frame_store_config {
    const char *root_dir;  /* made when absent */
    int64_t reserve_bytes; /* a write that would leave less free than this is refused (-ENOSPC) */
    /* The RAW of a frame is durable at path, too, or was lost (result < 0). NULL is fine. */
    void (*on_raw)(int result, const char *path, const struct error *err, void *user);
    void *user;
};

int frame_store_open(struct loop *loop, const struct frame_store_config *config,
                     struct frame_store **ret_store, struct error *err) MUST_CHECK;
/* Waits for the write under way and drops those that wait behind it; no done function is called any
 * more. NULL is fine. */
void frame_store_free(struct frame_store *store);

/* Makes the directory of a new session; agent, printer and session are made safe. When it exists
 * already "-2", "-3" … is appended. The caller frees *ret_dir (absolute); ret_id is its last
 * component, the session's id. */
int frame_store_make_session(struct frame_store *store, const char *agent, const char *printer,
                             const char *session, char **ret_dir, char **ret_id,
                             struct error *err) MUST_CHECK;

/* "frames/<camera>_00000001.jpg" below the session's dir; the caller frees. */
char *frame_store_path(const char *session_dir, const char *camera, int64_t seq) MUST_CHECK;

struct frame_file {
    const char *path; /* valid during the call */
    int64_t bytes;
    uint32_t crc32; /* of its bytes */
};
/* result 0: the frame is durable. -ENOSPC, -EEXIST, -EIO …: nothing is there but its path. */
typedef void (*frame_stored_fn)(int result, const struct frame_file *file, const struct error *err,
                                void *user);
/* Stores the picture (ref'd meanwhile) as frame seq of the camera, stamped (head.h; taken over;
 * NULL: as it is). done comes once, later. At most 64 writes may wait; more are refused with -EBUSY
 * through done. The picture's RAW follows by itself when it comes; it goes with the session, not
 * with the frame. */
void frame_store_add(struct frame_store *store, const char *session_dir, const char *camera,
                     int64_t seq, struct picture *picture, struct exif_stamp *stamp,
                     frame_stored_fn done, void *user);

/* What lies in a session's frames directory, for recovery after a crash: valid JPEGs of camera with
 * seq ≥ first_seq, ascending; temporary files are removed. Blocks: start-up only. */
struct stored_frame {
    int64_t seq;
    size_t bytes;
    int width, height;
    int64_t modified_at; /* wall ms */
};
int frame_store_scan(const char *session_dir, const char *camera, int64_t first_seq,
                     struct stored_frame **ret_frames, size_t *ret_count,
                     struct error *err) MUST_CHECK;

/* Deletes frames first..last of the camera, on a worker, without a word (deletepics). */
void frame_store_delete(struct frame_store *store, const char *session_dir, const char *camera,
                        int64_t first_seq, int64_t last_seq);
/* Whether the path is one below root_dir. */
bool frame_store_holds(const struct frame_store *store, const char *path);

/* result 0: nothing of it is there any more. */
typedef void (*frame_deleted_fn)(int result, const struct error *err, void *user);
/* Deletes all of a session's files, on a worker. done (NULL is fine) comes once, later. -EPERM: not
 * below root_dir. */
int frame_store_delete_session(struct frame_store *store, const char *session_dir,
                               frame_deleted_fn done, void *user, struct error *err) MUST_CHECK;

int frame_store_free_bytes(const struct frame_store *store, int64_t *ret_free_bytes,
                           struct error *err) MUST_CHECK;

#endif
