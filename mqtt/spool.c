/* SPDX-License-Identifier: MIT */
/* spool: places in the stream of spool_store, from the oldest:
 *
 *     done ≤ taken ≤ end      what is confirmed, what the caller has, what there is
 *     written ≤ end           what the files have; the rest is in "writing", then in "tail"
 *
 * One job at a time runs in a worker; it alone touches the store, and the loop alone touches
 * everything else but "writing", which neither changes meanwhile. An event that is confirmed before
 * a job took it never reaches the disk. */
#include "mqtt/spool.h"

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "mqtt/spool_store.h"

#include <errno.h>

struct ticket {
    struct list link;
    uint64_t end; /* of the record, and the ticket */
    bool done;
};

/* What a worker is asked to do, and what came of it. */
struct job {
    bool write, sync, forget, read;
    bool skip; /* what stands at read_at is damaged: read what comes behind it */
    uint64_t write_at, forget_until, read_at;
    struct error err; /* of writing, syncing, forgetting */
    struct error read_err;
};

struct spool {
    struct loop *loop;
    struct spool_callbacks callbacks;
    void *user;
    struct spool_store *store; /* NULL: the directory cannot be used */

    uint64_t done, taken, written, end;
    size_t count;        /* records from done to end */
    struct list tickets; /* from done to taken */
    struct buf writing;  /* from written on */
    struct buf tail;     /* behind it */
    struct buf chunk;    /* read from the disk, from chunk_at on */
    uint64_t chunk_at;
    uint64_t forgotten; /* as the store knows it */
    size_t lost;

    struct job job;
    bool working, dead, wants_read, skips;
    bool synced; /* nothing of what is written waits for it */
    struct timer *sync_timer, *retry_timer;
    bool told;            /* of the trouble with the disk */
    struct error trouble; /* to be told by the loop */
    struct timer *trouble_timer;
};

static void work_on(struct spool *spool);

/* --- trouble --- */

static void on_trouble(void *user)
{
    struct spool *spool = user;

    spool->callbacks.on_problem(&spool->trouble, spool->user);
}

static void tell_trouble(struct spool *spool, const char *what, const struct error *err)
{
    if (spool->told)
        return;
    spool->told = true;
    error_set(&spool->trouble, err->code, "%s: %s", what, err->text);
    timer_start(spool->trouble_timer, 0);
}

static void note_write_trouble(struct spool *spool, const struct error *err)
{
    timer_start(spool->retry_timer, SPOOL_RETRY_MS);
    tell_trouble(spool, "events wait for the broker in memory only, and a crash would lose them",
                 err);
}

static void note_read_trouble(struct spool *spool, const struct error *err)
{
    tell_trouble(spool, "some events that waited for the broker are lost", err);
}

static void on_retry(void *user)
{
    work_on(user);
}

static void on_sync(void *user)
{
    work_on(user);
}

/* --- the job --- */

static void run_job(void *user)
{
    struct spool *spool = user;
    struct job *job = &spool->job;
    int rc = 0;

    if (job->write)
        rc = spool_store_append(spool->store, job->write_at, spool->writing.data,
                                spool->writing.len, &job->err);
    if (rc == 0 && job->forget)
        rc = spool_store_forget(spool->store, job->forget_until, &job->err);
    if (rc == 0 && job->sync)
        rc = spool_store_sync(spool->store, &job->err);
    if (job->read)
        rc = spool_store_read(spool->store, job->read_at, job->skip, &spool->chunk,
                              &spool->chunk_at, &job->read_err);
    (void)rc; /* the errors are in the job */
}

/* What was confirmed meanwhile need not be written. */
static void drop_confirmed(struct spool *spool)
{
    size_t confirmed, part;

    if (spool->done <= spool->written)
        return;
    confirmed = (size_t)(spool->done - spool->written);
    part = MIN(confirmed, spool->writing.len);
    buf_consume(&spool->writing, part);
    buf_consume(&spool->tail, confirmed - part);
    spool->written = spool->done;
}

static void fill_writing(struct spool *spool)
{
    struct buf empty = BUF_INIT(SPOOL_MEMORY_MAX_BYTES);

    drop_confirmed(spool);
    if (spool->writing.len > 0 || spool->tail.len == 0)
        return;
    buf_done(&spool->writing);
    spool->writing = spool->tail;
    spool->tail = empty;
}

static struct job next_job(const struct spool *spool)
{
    bool may_write = !timer_active(spool->retry_timer);

    return (struct job){
        .write = may_write && spool->writing.len > 0,
        .write_at = spool->written,
        .sync = may_write && !spool->synced && !timer_active(spool->sync_timer),
        .forget = may_write && spool->done > spool->forgotten,
        .forget_until = spool->done,
        .read = spool->wants_read,
        .skip = spool->skips,
        .read_at = spool->taken,
    };
}

static void plan_sync(struct spool *spool, const struct job *job)
{
    if (job->sync || spool->done >= spool->written)
        spool->synced = true;
    else if (job->write)
        spool->synced = false;
    if (spool->synced)
        timer_stop(spool->sync_timer);
    else if (!timer_active(spool->sync_timer))
        timer_start(spool->sync_timer, SPOOL_SYNC_AFTER_MS);
}

static void after_writing(struct spool *spool, const struct job *job)
{
    if (job->err.code < 0) {
        note_write_trouble(spool, &job->err);
        return;
    }
    if (job->write) {
        spool->written += spool->writing.len;
        buf_done(&spool->writing);
        spool->told = false;
    }
    if (job->forget)
        spool->forgotten = job->forget_until;
    plan_sync(spool, job);
}

/* Damage, or a hole: what is there goes on behind it. */
static void skip_to(struct spool *spool, uint64_t place)
{
    if (place <= spool->taken)
        return;
    spool->taken = place;
    if (list_empty(&spool->tickets))
        spool->done = MAX(spool->done, place);
}

/* A segment that cannot be read, or in which nothing sound follows, is left behind for the next. */
static void after_reading(struct spool *spool, const struct job *job)
{
    struct spool_record record;
    bool failed = job->read_err.code < 0;

    if (failed)
        note_read_trouble(spool, &job->read_err);
    if (failed || spool->chunk.len > 0) {
        skip_to(spool, spool->chunk_at);
        spool->skips =
            failed || spool_record_get(spool->chunk.data, spool->chunk.len, &record) <= 0;
    } else { /* there is none */
        skip_to(spool, spool->written);
        spool->skips = false;
    }
    spool->wants_read = spool->skips;
    if (!spool->wants_read)
        spool->callbacks.on_ready(spool->user);
}

static void destroy(struct spool *spool);

static void on_job_done(void *user)
{
    struct spool *spool = user;
    struct job job = spool->job;

    spool->working = false;
    if (spool->dead) {
        destroy(spool);
        return;
    }
    after_writing(spool, &job);
    if (job.read)
        after_reading(spool, &job);
    work_on(spool);
}

static void work_on(struct spool *spool)
{
    struct job *job = &spool->job;

    if (spool->working)
        return;
    fill_writing(spool);
    if (!spool->store)
        return;
    *job = next_job(spool);
    if (!job->write && !job->sync && !job->forget && !job->read)
        return;
    spool->working = true;
    loop_work(spool->loop, run_job, on_job_done, spool);
}

/* --- birth and death --- */

struct spool *spool_new(struct loop *loop, const char *dir, const struct spool_callbacks *callbacks,
                        void *user)
{
    struct spool *spool = xcalloc(1, sizeof(*spool));
    struct spool_extent extent = {0};
    struct error err = {0};

    spool->loop = loop;
    spool->callbacks = *callbacks;
    spool->user = user;
    list_init(&spool->tickets);
    buf_init(&spool->writing, SPOOL_MEMORY_MAX_BYTES);
    buf_init(&spool->tail, SPOOL_MEMORY_MAX_BYTES);
    buf_init(&spool->chunk, SPOOL_RECORD_MAX_BYTES);
    spool->sync_timer = timer_new(loop, on_sync, spool);
    spool->retry_timer = timer_new(loop, on_retry, spool);
    spool->trouble_timer = timer_new(loop, on_trouble, spool);
    spool->synced = true;
    if (spool_store_open(dir, &spool->store, &extent, &err) < 0)
        note_write_trouble(spool, &err);
    spool->done = spool->taken = spool->forgotten = extent.begin;
    spool->written = spool->end = extent.end;
    spool->count = extent.records;
    return spool;
}

static void free_tickets(struct spool *spool)
{
    struct ticket *ticket;

    LIST_FOR_EACH(&spool->tickets, ticket, struct ticket, link)
    {
        list_remove(&ticket->link);
        free_p(&ticket);
    }
}

/* No worker runs. The last words: none is lost to a power cut either, if there is anything. */
static void destroy(struct spool *spool)
{
    struct error err;

    if (spool->job.write && spool->job.err.code == 0) { /* the job that has just ended */
        spool->written += spool->writing.len;
        buf_clear(&spool->writing);
    }
    for (fill_writing(spool); spool->store && spool->writing.len > 0; fill_writing(spool)) {
        if (spool_store_append(spool->store, spool->written, spool->writing.data,
                               spool->writing.len, &err) < 0)
            break; /* told before, or the disk is full since a moment ago */
        spool->written += spool->writing.len;
        buf_clear(&spool->writing);
    }
    if (spool->store && (spool_store_forget(spool->store, spool->done, &err) < 0 ||
                         spool_store_sync(spool->store, &err) < 0))
        error_clear(&err); /* at worst some are sent twice */
    spool_store_close(spool->store);
    buf_done(&spool->writing);
    buf_done(&spool->tail);
    buf_done(&spool->chunk);
    free_tickets(spool);
    free_p(&spool);
}

void spool_free(struct spool *spool)
{
    if (!spool)
        return;
    timer_free(spool->sync_timer);
    timer_free(spool->retry_timer);
    timer_free(spool->trouble_timer);
    spool->dead = true;
    if (spool->working)
        return; /* on_job_done() goes on here */
    spool->job = (struct job){0};
    destroy(spool);
}

/* --- in --- */

bool spool_add(struct spool *spool, const struct spool_record *record)
{
    size_t before = spool->tail.len;

    if (spool->writing.len + before > SPOOL_MEMORY_MAX_BYTES ||
        spool_record_put(&spool->tail, record) < 0)
        return false;
    spool->end += spool->tail.len - before;
    spool->count++;
    work_on(spool);
    return true;
}

/* --- out --- */

/* Where the next record stands: in memory, or in what was read; NULL: it must be read first. */
static const uint8_t *bytes_at(const struct spool *spool, uint64_t place, size_t *ret_len)
{
    const struct buf *const bufs[] = {&spool->chunk, &spool->writing, &spool->tail};
    uint64_t begins[] = {spool->chunk_at, spool->written, spool->written + spool->writing.len};

    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        if (place >= begins[i] && place < begins[i] + bufs[i]->len) {
            *ret_len = (size_t)(begins[i] + bufs[i]->len - place);
            return bufs[i]->data + (place - begins[i]);
        }
    return NULL;
}

static void read_on(struct spool *spool)
{
    spool->wants_read = true;
    work_on(spool);
}

static void ticket_add(struct spool *spool, uint64_t end)
{
    struct ticket *ticket = xcalloc(1, sizeof(*ticket));

    ticket->end = end;
    list_append(&spool->tickets, &ticket->link);
}

bool spool_take(struct spool *spool, struct spool_record *ret_record, uint64_t *ret_ticket)
{
    const uint8_t *data;
    size_t len = 0;
    int size;

    if (spool->taken >= spool->end || spool->wants_read)
        return false;
    data = bytes_at(spool, spool->taken, &len);
    size = data ? spool_record_get(data, len, ret_record) : 0;
    if (size <= 0) { /* not in memory, or cut at the end of what was read */
        read_on(spool);
        return false;
    }
    if (spool->taken >= spool->written)
        buf_done(&spool->chunk);
    spool->taken += (size_t)size;
    ticket_add(spool, spool->taken);
    *ret_ticket = spool->taken;
    return true;
}

static void move_done(struct spool *spool)
{
    struct ticket *ticket;

    LIST_FOR_EACH(&spool->tickets, ticket, struct ticket, link)
    {
        if (!ticket->done)
            return;
        spool->done = ticket->end;
        list_remove(&ticket->link);
        free_p(&ticket);
    }
    spool->done = spool->taken;
    if (spool->taken == spool->end) {
        spool->lost += spool->count;
        spool->count = 0;
    }
}

void spool_done(struct spool *spool, uint64_t ticket_end)
{
    struct ticket *ticket;

    LIST_FOR_EACH(&spool->tickets, ticket, struct ticket, link)
    if (ticket->end == ticket_end && !ticket->done) {
        ticket->done = true;
        spool->count--;
        break;
    }
    move_done(spool);
    work_on(spool);
}

size_t spool_count(const struct spool *spool)
{
    return spool->count;
}

size_t spool_bytes(const struct spool *spool)
{
    return (size_t)(spool->end - spool->done);
}

size_t spool_lost(const struct spool *spool)
{
    return spool->lost;
}
