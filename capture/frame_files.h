/* SPDX-License-Identifier: MIT */
/* frame_files: the frames of one session as files. Everything here blocks on the disk: frame_store
 * calls it on a worker. safe_camera is a path_safe_name(). */
#ifndef CAPTURE_FRAME_FILES_H
#define CAPTURE_FRAME_FILES_H

#include "agent/base/error.h"
#include "capture/frame_store.h"
#include "capture/raw.h"

#define FRAMES_DIR "frames" /* in the session's directory */

/* "front_00000001.jpg"; the caller frees. */
char *frame_files_name(const char *safe_camera, int64_t seq) MUST_CHECK;

/* Writes the picture, stamped (NULL: as it is), so that it is durable when this returns 0, and
 * absent otherwise; *ret_file: what the file has (its path is not set). -ENOSPC when it would leave
 * less than reserve_bytes free, -EEXIST, -ENOENT (the session's directory is gone), … */
int frame_files_write(const char *session_dir, const char *safe_camera, int64_t seq,
                      const struct picture *picture, const struct exif_stamp *stamp,
                      int64_t reserve_bytes, struct frame_file *ret_file,
                      struct error *err) MUST_CHECK;

/* The same for the RAW file of frame seq, beside it by the name "front_00000001.nef". */
int frame_files_write_raw(const char *session_dir, const char *safe_camera, int64_t seq,
                          const struct raw *raw, int64_t reserve_bytes,
                          struct error *err) MUST_CHECK;
/* Its name; the caller frees. */
char *frame_files_raw_name(const char *safe_camera, int64_t seq, const struct raw *raw) MUST_CHECK;

/* Syncs the session's directory and those above it, up to and with the one that holds root_dir. */
int frame_files_sync_parents(const char *session_dir, const char *root_dir,
                             struct error *err) MUST_CHECK;

/* Deletes at most max files: frames first..last of the camera, or every file of frames/ when
 * safe_camera is NULL. Whether there may be more. */
bool frame_files_delete(const char *session_dir, const char *safe_camera, int64_t first_seq,
                        int64_t last_seq, int max) MUST_CHECK;

#endif
