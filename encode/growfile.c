/* SPDX-License-Identifier: MIT */
/* growfile: how a file can grow and be whole all the time.
 *
 *   ftyp | free "front" | slot A | slot B | mdat: header, samples … to the end of the file
 *
 * The two slots hold a moov box each, and the front box decides which one a reader meets. When it
 * is 8 bytes long, slot A follows, whose moov is padded to cover slot B, too. When it is one slot
 * longer it covers slot A, and the reader meets the moov of slot B. So a new table is written where
 * nobody looks, made durable, and brought to light by rewriting the four bytes of the front's size,
 * which lie in one sector: a reader sees the old table or the new one, never a half.
 *
 * While the file grows its last mdat has size 0, "to the end of the file", so samples may be
 * appended without touching the header; what a crash leaves behind the last sample is not in any
 * table. The header has room for the 64-bit size that it gets at the end.
 *
 * A slot has room for some 15,000 frames. When the table does not fit any more, a reserve with
 * slots four times as large is made at the end of the file, the mdat before it gets its size and
 * the old front covers both of its slots. In each state in between a reader meets a whole table
 * first. */
#include "encode/growfile.h"

#include "encode/box.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    FTYP_BYTES = 32,
    BOX_HEAD_BYTES = 8,
    MDAT_HEAD_BYTES = 16,
    FIRST_SLOT_BYTES = 64 * 1024,
    SLOT_GROWTH = 4,
    SECTOR_BYTES = 512,
};

int growfile_write(int fd, const void *data, size_t len, int64_t offset)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t done = pwrite(fd, at, len, offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        at += done;
        offset += done;
        len -= (size_t)done;
    }
    return 0;
}

int growfile_sync(int fd)
{
    return fdatasync(fd) < 0 ? -errno : 0;
}

/* --- places --- */

static const struct growfile_reserve *last_reserve(const struct growfile *file)
{
    return &file->reserves[file->reserve_count - 1];
}

static int64_t slot_at(const struct growfile_reserve *reserve, enum growfile_slot slot)
{
    return reserve->at + BOX_HEAD_BYTES + (slot == GROWFILE_SLOT_B ? reserve->slot_bytes : 0);
}

static int64_t media_at(const struct growfile_reserve *reserve)
{
    return reserve->at + BOX_HEAD_BYTES + 2 * (int64_t)reserve->slot_bytes;
}

/* --- front, mdat headers and slots --- */

static int write_front(int fd, const struct growfile_reserve *reserve, enum growfile_slot active)
{
    int64_t next = active == GROWFILE_NONE ? media_at(reserve) : slot_at(reserve, active);
    uint8_t head[BOX_HEAD_BYTES] = {0, 0, 0, 0, 'f', 'r', 'e', 'e'};

    box_set_u32(head, (uint32_t)(next - reserve->at));
    return growfile_write(fd, head, sizeof(head), reserve->at);
}

/* end 0: to the end of the file. */
static int write_media_head(int fd, const struct growfile_reserve *reserve, int64_t end)
{
    uint8_t head[MDAT_HEAD_BYTES] = {0, 0, 0, 0, 'm', 'd', 'a', 't'};

    if (end > 0) {
        box_set_u32(head, 1);
        box_set_u64(head + 8, (uint64_t)(end - media_at(reserve)));
    }
    return growfile_write(fd, head, sizeof(head), media_at(reserve));
}

int growfile_close_media(struct growfile *file)
{
    int rc = write_media_head(file->fd, last_reserve(file), file->data_end);

    file->media_closed = true;
    return rc;
}

int growfile_open_media(struct growfile *file)
{
    int rc = file->media_closed ? write_media_head(file->fd, last_reserve(file), 0) : 0;

    if (rc == 0)
        file->media_closed = false;
    return rc;
}

/* The new reserve's table shows first only when those before it are covered. */
static int retire_reserves(struct growfile *file)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i + 1 < file->reserve_count; i++)
        rc = write_front(file->fd, &file->reserves[i], GROWFILE_NONE);
    return rc;
}

static int close_earlier_media(struct growfile *file)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i + 1 < file->reserve_count; i++)
        rc = write_media_head(file->fd, &file->reserves[i], file->reserves[i + 1].at);
    return rc;
}

/* Makes room for tables at the end of the file; nothing refers to it yet. */
static int add_reserve(struct growfile *file, int64_t at, uint32_t slot_bytes)
{
    struct growfile_reserve reserve = {.at = at, .slot_bytes = slot_bytes};
    int rc;

    if (file->reserve_count == GROWFILE_RESERVES_MAX)
        return -EFBIG;
    /* Real blocks: a full disk must not keep the last table from being written. */
    rc = -posix_fallocate(file->fd, at, media_at(&reserve) + MDAT_HEAD_BYTES - at);
    if (rc == 0)
        rc = write_front(file->fd, &reserve, GROWFILE_NONE);
    if (rc == 0)
        rc = write_media_head(file->fd, &reserve, 0);
    if (rc == 0)
        rc = growfile_sync(file->fd);
    if (rc < 0)
        return rc;
    file->reserves[file->reserve_count++] = reserve;
    file->active = GROWFILE_NONE;
    file->media_closed = false;
    file->data_end = media_at(&reserve) + MDAT_HEAD_BYTES;
    return 0;
}

static int grow_reserve(struct growfile *file)
{
    /* The same place in a sector as the first one, so that no header crosses into the next. */
    int64_t at = (file->data_end + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES + FTYP_BYTES;
    int rc = add_reserve(file, at, last_reserve(file)->slot_bytes * SLOT_GROWTH);

    return rc < 0 ? rc : close_earlier_media(file);
}

/* Gives the box the size of its slot: what is left over is a free box inside of it. */
static void pad_moov(struct buf *moov, uint32_t total)
{
    uint32_t left = total - (uint32_t)moov->len;

    box_set_u32(moov->data, total);
    box_put_u32(moov, left);
    box_put_bytes(moov, "free", 4);
}

int growfile_publish(struct growfile *file, struct buf *moov)
{
    const struct growfile_reserve *reserve;
    enum growfile_slot slot;
    int rc = 0;

    while (rc == 0 && moov->len + BOX_HEAD_BYTES > last_reserve(file)->slot_bytes)
        rc = grow_reserve(file);
    if (rc < 0)
        return rc;
    reserve = last_reserve(file);
    slot = file->active == GROWFILE_SLOT_A ? GROWFILE_SLOT_B : GROWFILE_SLOT_A;
    pad_moov(moov, slot == GROWFILE_SLOT_A ? 2 * reserve->slot_bytes : reserve->slot_bytes);
    rc = growfile_write(file->fd, moov->data, moov->len, slot_at(reserve, slot));
    if (rc == 0)
        rc = growfile_sync(file->fd);
    if (rc == 0)
        rc = write_front(file->fd, reserve, slot);
    if (rc < 0)
        return rc;
    file->active = slot;
    rc = retire_reserves(file);
    return rc < 0 ? rc : growfile_sync(file->fd);
}

static void write_ftyp(struct buf *out)
{
    size_t ftyp = box_begin(out, "ftyp");

    box_put_bytes(out, "isom", 4);
    box_put_u32(out, 0x200);
    box_put_bytes(out, "isomiso2avc1mp41", 16);
    box_end(out, ftyp);
    assert(out->len == FTYP_BYTES);
}

int growfile_create(struct growfile *file)
{
    CLEANUP(buf_done) struct buf ftyp = BUF_INIT(FTYP_BYTES);
    int rc;

    write_ftyp(&ftyp);
    rc = growfile_write(file->fd, ftyp.data, ftyp.len, 0);
    return rc < 0 ? rc : add_reserve(file, FTYP_BYTES, FIRST_SLOT_BYTES);
}

static enum growfile_slot read_active(const struct growfile *file)
{
    const struct growfile_reserve *reserve = last_reserve(file);
    uint8_t size[4];

    if (pread(file->fd, size, sizeof(size), reserve->at) != (ssize_t)sizeof(size))
        return GROWFILE_NONE;
    for (enum growfile_slot slot = GROWFILE_SLOT_A; slot <= GROWFILE_SLOT_B; slot++)
        if (box_get_u32(size) == slot_at(reserve, slot) - reserve->at)
            return slot;
    return GROWFILE_NONE;
}

int growfile_adopt(struct growfile *file, const struct growfile_reserve *reserve)
{
    int64_t media_begin = media_at(reserve) + MDAT_HEAD_BYTES;

    if (file->reserve_count == GROWFILE_RESERVES_MAX || reserve->at < file->data_end ||
        reserve->slot_bytes < FIRST_SLOT_BYTES || reserve->slot_bytes > (1u << 30))
        return -EBADMSG;
    file->reserves[file->reserve_count++] = *reserve;
    file->data_end = media_begin;
    file->active = read_active(file);
    return 0;
}

int growfile_recover(struct growfile *file)
{
    int rc = close_earlier_media(file);

    if (rc == 0)
        rc = write_media_head(file->fd, last_reserve(file), 0);
    file->media_closed = false;
    return rc;
}
