/* SPDX-License-Identifier: MIT */
/* The spool against a real directory: what is lost, and what comes twice, when the process ends
 * anywhere. A crash is played by copying the directory and opening the copy. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "mqtt/spool.h"
#include "mqtt/spool_store.h"
#include "tests/mqtt/rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct rig rig;
    char dir[40];
    char *spool_dir;
    struct spool *spool;
    int readies, problems;
    struct error problem;
};

static void on_ready(void *user)
{
    struct fixture *f = user;

    f->readies++;
}

static void on_problem(const struct error *problem, void *user)
{
    struct fixture *f = user;

    f->problems++;
    f->problem = *problem;
}

static void open_spool(struct fixture *f, const char *dir)
{
    static const struct spool_callbacks callbacks = {on_ready, on_problem};

    f->spool = spool_new(f->rig.loop, dir, &callbacks, f);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    rig_init(&f->rig);
    snprintf(f->dir, sizeof(f->dir), "/tmp/lapsed-spool-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->spool_dir = path_join(f->dir, "spool");
    open_spool(f, f->spool_dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    spool_free(f->spool);
    rig_done(&f->rig);
    if (path_remove_tree(f->dir, NULL) < 0)
        perror(f->dir);
    free_p(&f->spool_dir);
    free_p(&f);
    return 0;
}

/* --- steps --- */

static void add(struct fixture *f, int number)
{
    CLEANUP(free_p) char *text = xasprintf("{\"n\":%d}", number);
    const struct spool_record record = {"t/event", (const uint8_t *)text, strlen(text)};

    assert_true(spool_add(f->spool, &record));
}

static void add_many(struct fixture *f, int from, int to)
{
    for (int i = from; i < to; i++)
        add(f, i);
}

static bool try_take(struct fixture *f, int *ret_number, uint64_t *ret_ticket)
{
    struct spool_record record;
    CLEANUP(free_p) char *text = NULL;

    if (!spool_take(f->spool, &record, ret_ticket))
        return false;
    assert_string_equal(record.topic, "t/event");
    text = xstrndup((const char *)record.payload, record.len);
    assert_int_equal(sscanf(text, "{\"n\":%d}", ret_number), 1);
    return true;
}

static uint64_t take(struct fixture *f, int expected)
{
    uint64_t ticket;
    int number;

    RIG_WAIT(&f->rig, try_take(f, &number, &ticket));
    assert_int_equal(number, expected);
    return ticket;
}

static void take_done(struct fixture *f, int from, int to)
{
    for (int i = from; i < to; i++)
        spool_done(f->spool, take(f, i));
}

static void expect_empty(struct fixture *f)
{
    struct spool_record record;
    uint64_t ticket;

    assert_int_equal(spool_count(f->spool), 0);
    assert_int_equal(spool_bytes(f->spool), 0);
    assert_false(spool_take(f->spool, &record, &ticket));
}

static int64_t bytes_on_disk(const char *dir)
{
    DIR *handle = opendir(dir);
    int64_t total = 0;
    struct dirent *entry;

    assert_non_null(handle);
    while ((entry = readdir(handle))) {
        struct stat st;

        if (str_ends_with(entry->d_name, ".spool") &&
            fstatat(dirfd(handle), entry->d_name, &st, 0) == 0)
            total += st.st_size;
    }
    closedir(handle);
    return total;
}

static int count_files(const char *dir)
{
    DIR *handle = opendir(dir);
    int count = 0;
    struct dirent *entry;

    assert_non_null(handle);
    while ((entry = readdir(handle)))
        count += str_ends_with(entry->d_name, ".spool");
    closedir(handle);
    return count;
}

static void copy_file(const char *from, const char *to)
{
    char *data;
    size_t len;
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(path_read_file(from, 64 * 1024 * 1024, &data, &len, NULL), 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
    free(data);
}

/* As a kill would leave it: what was written is there, what is in memory is not. */
static void crash(struct fixture *f)
{
    CLEANUP(free_p) char *copy = xasprintf("%s/copy%u", f->dir, (unsigned)rand());
    DIR *handle = opendir(f->spool_dir);
    struct dirent *entry;

    assert_int_equal(mkdir(copy, 0700), 0);
    while ((entry = readdir(handle))) {
        CLEANUP(free_p) char *from = path_join(f->spool_dir, entry->d_name);
        CLEANUP(free_p) char *to = path_join(copy, entry->d_name);

        if (entry->d_name[0] != '.')
            copy_file(from, to);
    }
    closedir(handle);
    spool_free(f->spool);
    replace_str(&f->spool_dir, copy);
    open_spool(f, copy);
}

static void wait_on_disk(struct fixture *f)
{
    int64_t before = -1;

    RIG_WAIT(&f->rig, bytes_on_disk(f->spool_dir) >= (int64_t)spool_bytes(f->spool));
    while (before != bytes_on_disk(f->spool_dir)) {
        before = bytes_on_disk(f->spool_dir);
        loop_run_once(f->rig.loop);
    }
}

/* --- the tests --- */

static void events_come_out_in_order_and_once(void **state)
{
    struct fixture *f = *state;

    add_many(f, 0, 100);
    take_done(f, 0, 50);
    add_many(f, 100, 110);
    take_done(f, 50, 110);
    expect_empty(f);
}

static void what_was_not_confirmed_survives_a_crash_in_order(void **state)
{
    struct fixture *f = *state;

    add_many(f, 0, 1000);
    take_done(f, 0, 300);
    (void)take(f, 300); /* under way */
    wait_on_disk(f);
    crash(f);
    assert_int_equal(spool_count(f->spool), 700);
    add_many(f, 1000, 1010);
    take_done(f, 300, 1010);
    expect_empty(f);
}

static void what_was_confirmed_does_not_come_again_after_a_crash(void **state)
{
    struct fixture *f = *state;

    for (int round = 0; round < 5; round++) {
        add_many(f, round * 10, round * 10 + 10);
        wait_on_disk(f);
        take_done(f, round * 10, round * 10 + 10);
        RIG_WAIT(&f->rig, bytes_on_disk(f->spool_dir) == 0);
        crash(f);
        expect_empty(f);
    }
}

static void a_clean_stop_loses_nothing(void **state)
{
    struct fixture *f = *state;

    add_many(f, 0, 10);
    take_done(f, 0, 3);
    (void)take(f, 3);
    spool_free(f->spool);
    rig_done(&f->rig); /* waits for the worker that may still have it */
    rig_init(&f->rig);
    open_spool(f, f->spool_dir);
    assert_int_equal(spool_count(f->spool), 7);
    take_done(f, 3, 10);
    expect_empty(f);
}

static void confirmations_out_of_order_forget_nothing_that_is_open(void **state)
{
    struct fixture *f = *state;
    uint64_t tickets[3];

    add_many(f, 0, 3);
    for (int i = 0; i < 3; i++)
        tickets[i] = take(f, i);
    spool_done(f->spool, tickets[2]);
    spool_done(f->spool, tickets[1]);
    wait_on_disk(f);
    crash(f);
    assert_int_equal(spool_count(f->spool), 3);
    take_done(f, 0, 3);
}

/* Cut at every byte: the whole records before the cut are there, and it can be added to. */
static void a_torn_tail_costs_only_the_torn_event(void **state)
{
    struct fixture *f = *state;
    int64_t size;

    add_many(f, 0, 3);
    wait_on_disk(f);
    size = bytes_on_disk(f->spool_dir);
    for (int64_t cut = 0; cut < size; cut++) {
        CLEANUP(free_p) char *before = xstrdup(f->spool_dir);
        struct spool *alive = f->spool;
        CLEANUP(free_p) char *file = NULL;
        CLEANUP(free_p) char *torn = xasprintf("%s/torn%d", f->dir, (int)cut);
        CLEANUP(free_p) char *from = path_join(before, "00000001.spool");
        size_t whole;

        assert_int_equal(mkdir(torn, 0700), 0);
        file = path_join(torn, "00000001.spool");
        copy_file(from, file);
        assert_int_equal(truncate(file, cut), 0);
        open_spool(f, torn);
        whole = spool_count(f->spool);
        assert_in_range(whole, 0, 2);
        take_done(f, 0, (int)whole);
        add(f, 77);
        spool_done(f->spool, take(f, 77));
        expect_empty(f);
        spool_free(f->spool);
        f->spool = alive;
    }
}

static void a_damaged_byte_never_becomes_an_event(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *path = NULL;
    int fd;

    add_many(f, 0, 3);
    wait_on_disk(f);
    path = path_join(f->spool_dir, "00000001.spool");
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "X", 1, bytes_on_disk(f->spool_dir) - 3), 1);
    close(fd);
    crash(f);
    assert_int_equal(spool_count(f->spool), 2);
    take_done(f, 0, 2);
    expect_empty(f);
}

/* An hour without a broker at ten events a second. */
static void thirty_six_thousand_events_go_through_a_little_memory(void **state)
{
    struct fixture *f = *state;
    enum { HOUR = 36000 };

    for (int i = 0; i < HOUR; i += 1000) {
        add_many(f, i, i + 1000);
        loop_run_once(f->rig.loop);
    }
    wait_on_disk(f);
    crash(f);
    assert_int_equal(spool_count(f->spool), HOUR);
    assert_in_range(count_files(f->spool_dir), 1, 3);
    take_done(f, 0, HOUR);
    expect_empty(f);
    RIG_WAIT(&f->rig, bytes_on_disk(f->spool_dir) == 0);
    assert_int_equal(spool_lost(f->spool), 0);
}

static void what_rots_on_the_disk_is_skipped_and_counted(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *path = NULL;
    uint64_t ticket;
    int fd, number = 0;
    size_t taken = 0;

    add_many(f, 0, 36000);
    wait_on_disk(f);
    crash(f);
    path = path_join(f->spool_dir, "00000001.spool");
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "XXXXXXXXXXXX", 12, 500), 12);
    close(fd);
    add(f, 36000);
    while (number != 36000) {
        RIG_WAIT(&f->rig, try_take(f, &number, &ticket));
        spool_done(f->spool, ticket);
        taken++;
    }
    expect_empty(f);
    assert_int_equal(taken + spool_lost(f->spool), 36001);
}

/* What was written behind it is still told. */
static void a_segment_that_cannot_be_read_costs_itself_only(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *new_path = NULL;

    for (int run = 0; run < 3; run++) { /* each has a segment of its own */
        add_many(f, run * 10, run * 10 + 10);
        wait_on_disk(f);
        crash(f);
    }
    path = path_join(f->spool_dir, "00000001.spool");
    new_path = path_join(f->spool_dir, "00000004.spool");
    assert_int_equal(unlink(path), 0);
    add(f, 30);
    RIG_WAIT(&f->rig, access(new_path, F_OK) == 0);
    take_done(f, 10, 31);
    expect_empty(f);
    assert_int_equal(f->problems, 1);
    assert_int_equal(spool_lost(f->spool), 10);
}

static void a_directory_that_cannot_be_made_is_said_once_and_memory_does(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *file = path_join(f->dir, "file");
    CLEANUP(free_p) char *below = path_join(file, "spool");
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    close(fd);
    spool_free(f->spool);
    open_spool(f, below);
    add_many(f, 0, 100);
    RIG_WAIT(&f->rig, f->problems == 1);
    assert_non_null(strstr(f->problem.text, file));
    take_done(f, 0, 100);
    expect_empty(f);
    assert_int_equal(f->problems, 1);
}

static void memory_is_bounded_when_the_disk_takes_nothing(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *large = xcalloc(1, 100 * 1000);
    CLEANUP(free_p) char *file = path_join(f->dir, "file");
    CLEANUP(free_p) char *below = path_join(file, "spool");
    const struct spool_record record = {"t", (const uint8_t *)large, 100 * 1000};
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), added = 0;

    close(fd);
    spool_free(f->spool);
    open_spool(f, below);
    while (added < 1000 && spool_add(f->spool, &record))
        added++;
    assert_in_range(added, 10, 2 * SPOOL_MEMORY_MAX_BYTES / 100000);
}

/* Writing beyond the limit fails, as on a full disk. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = MIN(bytes, limit.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_gets_full_is_said_once_and_costs_no_event(void **state)
{
    struct fixture *f = *state;

    add_many(f, 0, 10);
    wait_on_disk(f);
    limit_files((rlim_t)bytes_on_disk(f->spool_dir) + 10); /* the next one fits by half */
    add_many(f, 10, 500);
    RIG_WAIT(&f->rig, f->problems == 1);
    assert_non_null(strstr(f->problem.text, "wait for the broker in memory only"));
    take_done(f, 0, 300);
    add_many(f, 500, 600);
    take_done(f, 300, 500);
    limit_files(RLIM_INFINITY);
    spool_free(f->spool); /* room again: the rest is written */
    rig_done(&f->rig);
    rig_init(&f->rig);
    open_spool(f, f->spool_dir);
    assert_int_equal(spool_count(f->spool), 100);
    take_done(f, 500, 600);
    expect_empty(f);
    assert_int_equal(f->problems, 1);
}

static void an_event_that_is_too_large_is_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *large = xcalloc(1, SPOOL_RECORD_MAX_BYTES);
    const struct spool_record record = {"t", (const uint8_t *)large, SPOOL_RECORD_MAX_BYTES};

    assert_false(spool_add(f->spool, &record));
    expect_empty(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_come_out_in_order_and_once),
        TEST(what_was_not_confirmed_survives_a_crash_in_order),
        TEST(what_was_confirmed_does_not_come_again_after_a_crash),
        TEST(a_clean_stop_loses_nothing),
        TEST(confirmations_out_of_order_forget_nothing_that_is_open),
        TEST(a_torn_tail_costs_only_the_torn_event),
        TEST(a_damaged_byte_never_becomes_an_event),
        TEST(thirty_six_thousand_events_go_through_a_little_memory),
        TEST(what_rots_on_the_disk_is_skipped_and_counted),
        TEST(a_segment_that_cannot_be_read_costs_itself_only),
        TEST(a_directory_that_cannot_be_made_is_said_once_and_memory_does),
        TEST(memory_is_bounded_when_the_disk_takes_nothing),
        TEST(a_disk_that_gets_full_is_said_once_and_costs_no_event),
        TEST(an_event_that_is_too_large_is_refused),
    };

    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
