/* SPDX-License-Identifier: MIT */
/* path: joining, safe names, and writing files so that they are whole or absent. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include "agent/base/error.h"

#define PATH_SAFE_NAME_MAX 96

/* dir/name; the caller frees. */
char *path_join(const char *dir, const char *name) MUST_CHECK;

/* Makes one harmless file name of text from outside (a job name): letters, digits and "._-" stay,
 * a space becomes '_', every other byte '-'; no leading dot or dash, at most PATH_SAFE_NAME_MAX
 * bytes, "unnamed" when nothing is left. Never "." or "..", never with a slash. The caller frees. */
char *path_safe_name(const char *text) MUST_CHECK;

/* The last component of a path without its directory and, when it ends so, without suffix. */
char *path_base_name(const char *path, const char *suffix) MUST_CHECK;

/* mkdir -p with mode 0750. -EACCES, -ENOSPC, -ENOTDIR …; err names the path. */
int path_make_dirs(const char *dir, struct error *err) MUST_CHECK;

/* Writes dir/name as dir/.name.tmp + fdatasync + rename + fsync(dir): after a power cut the file
 * is whole or absent. Blocks on the disk: worker threads only. */
int path_write_durable(const char *dir, const char *name, const void *data, size_t len,
                       struct error *err) MUST_CHECK;

/* fsync() of a directory, after a rename or an unlink in it. Blocks. */
int path_sync_dir(const char *dir, struct error *err) MUST_CHECK;

/* Reads a whole file of at most max_bytes; the caller frees the NUL-terminated bytes. -EFBIG. */
int path_read_file(const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
                   struct error *err) MUST_CHECK;

/* Removes dir and what is in it, never following a symbolic link nor leaving its file system.
 * Blocks. An absent dir is fine. */
int path_remove_tree(const char *dir, struct error *err) MUST_CHECK;

/* Bytes free for us on the file system that holds path. */
int path_free_bytes(const char *path, int64_t *ret_free_bytes, struct error *err) MUST_CHECK;

#endif
