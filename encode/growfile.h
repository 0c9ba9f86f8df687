/* SPDX-License-Identifier: MIT */
/* growfile: an MP4 file that grows and is whole all the time: where tables and samples lie in it
 * and how one table takes the place of another. What the tables say is movie's matter.
 *
 * Functions return 0 or -errno and block on the disk. */
#ifndef ENCODE_GROWFILE_H
#define ENCODE_GROWFILE_H

#include "agent/base/buf.h"

#define GROWFILE_RESERVES_MAX 8

enum growfile_slot { GROWFILE_NONE = -1, GROWFILE_SLOT_A = 0, GROWFILE_SLOT_B = 1 };

/* Room for two tables. */
struct growfile_reserve {
    int64_t at;
    uint32_t slot_bytes;
};

struct growfile {
    int fd;
    int64_t data_end;                                        /* samples are written here */
    struct growfile_reserve reserves[GROWFILE_RESERVES_MAX]; /* the last one is in use */
    size_t reserve_count;
    enum growfile_slot active; /* of the last reserve: what a reader meets */
    bool media_closed;         /* the last mdat has its final size */
};

/* Writes what comes before the first sample. */
int growfile_create(struct growfile *file) MUST_CHECK;

/* Takes over a reserve that a file on disk has, in the order in which they were made, after
 * data_end was moved behind the samples in front of it. -EBADMSG. */
int growfile_adopt(struct growfile *file, const struct growfile_reserve *reserve) MUST_CHECK;
/* After the last of them: makes the headers as they are while it grows. A table is to be published
 * next, and the file to be cut at data_end. */
int growfile_recover(struct growfile *file) MUST_CHECK;

/* Brings the moov box to light, also after a power cut. The bytes in moov are changed. May make a
 * new reserve and so move data_end. */
int growfile_publish(struct growfile *file, struct buf *moov) MUST_CHECK;

/* Gives the last mdat its size; opens it again for more samples (nothing to do is fine). */
int growfile_close_media(struct growfile *file) MUST_CHECK;
int growfile_open_media(struct growfile *file) MUST_CHECK;

/* All of the bytes, or an error. Also for other files. */
int growfile_write(int fd, const void *data, size_t len, int64_t offset) MUST_CHECK;
int growfile_sync(int fd) MUST_CHECK;

#endif
