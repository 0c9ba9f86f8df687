/* SPDX-License-Identifier: MIT */
/* machine: killed, QEMU leaves on the image what the guest has written to its disk, and nothing of
 * the guest's page cache. */
#include "tests/device/machine.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BOOT_MS = 120000, DISK_BYTES = 256 * 1024 * 1024, FSCK_REPAIRED = 1 };

/* To its end, which has to be one of the codes up to worst. */
static void run(struct machine *machine, const char *const *argv, int worst)
{
    struct rig_output output = rig_run(machine->rig, argv);

    if (output.exit_code < 0 || output.exit_code > worst)
        fail_msg("%s: exit code %d\n%s%s", argv[0], output.exit_code, output.out, output.err);
    rig_output_done(&output);
}

static void make_disk(struct machine *machine)
{
    const char *const argv[] = {"/sbin/mke2fs", "-q", "-F", "-t", "ext4", machine->disk, NULL};
    int fd = open(machine->disk, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
    close(fd);
    run(machine, argv, 0);
}

void machine_init(struct machine *machine, struct rig *rig)
{
    *machine = (struct machine){
        .rig = rig,
        .dir = path_join(rig_dir(rig), "guest"),
        .disk = path_join(rig_dir(rig), "disk.img"),
        .data = path_join(rig_dir(rig), "data"),
    };
    machine->drive = xasprintf("-drive file=%s,format=raw,if=virtio -netdev user,id=net "
                               "-device virtio-net-pci,netdev=net,romfile=",
                               machine->disk);
    assert_int_equal(mkdir(machine->data, 0700), 0);
    make_disk(machine);
}

/* --- power --- */

static bool agent_is_online(struct rig *rig, void *user)
{
    const size_t *from = user;

    return said_since(rig, *from, "availability", "online");
}

void machine_boot(struct machine *machine)
{
    CLEANUP(free_p) char *conf = path_join(rig_dir(machine->rig), "lapsed.conf");
    CLEANUP(free_p) char *log = path_join(rig_dir(machine->rig), "lapsed.txt");
    const char *const argv[] = {
        "sh",           GUEST_RUN_SCRIPT, GUEST_DIR,  "sh", AGENT_SCRIPT, machine->data,
        LAPSED_PROGRAM, "--verbose",      "--config", conf, NULL};
    size_t from = rig_message_count(machine->rig);

    assert_int_equal(setenv("GUEST_RUN", machine->dir, 1), 0);
    assert_int_equal(setenv("QEMU_MORE", machine->drive, 1), 0);
    child_start(&machine->guest, argv, log);
    if (!rig_wait(machine->rig, agent_is_online, &from, BOOT_MS))
        fail_msg("the agent is not online %d s after its machine was switched on", BOOT_MS / 1000);
}

/* false: there is none. */
static bool kill_qemu(struct machine *machine)
{
    CLEANUP(free_p) char *path = path_join(machine->dir, "qemu.pid");
    CLEANUP(free_p) char *text = NULL;
    struct error err;
    int64_t pid;

    if (path_read_file(path, 32, &text, NULL, &err) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    return str_to_int(text, &pid) == 0 && pid > 1 && kill((pid_t)pid, SIGKILL) == 0;
}

/* A file that nobody synced is there in name only when others were synced after it. */
static void assert_something_was_lost(const struct machine *machine)
{
    CLEANUP(free_p) char *pattern = path_join(machine->data, "witness/*");
    glob_t witnesses = {0};
    size_t lost = 0;

    assert_int_equal(glob(pattern, 0, NULL, &witnesses), 0);
    for (size_t i = 0; i < witnesses.gl_pathc; i++) {
        struct stat status;

        assert_int_equal(stat(witnesses.gl_pathv[i], &status), 0);
        lost += status.st_size == 0;
    }
    globfree(&witnesses);
    if (lost == 0)
        fail_msg("nothing was lost: this was no power cut");
}

static void copy_disk(struct machine *machine)
{
    CLEANUP(free_p) char *request = xasprintf("rdump / %s", machine->data);
    const char *const repair[] = {"/sbin/e2fsck", "-f", "-y", machine->disk, NULL};
    const char *const copy[] = {"/sbin/debugfs", "-R", request, machine->disk, NULL};
    struct error err;

    assert_int_equal(path_remove_tree(machine->data, &err), 0);
    assert_int_equal(mkdir(machine->data, 0700), 0);
    run(machine, repair, FSCK_REPAIRED);
    run(machine, copy, 0);
}

void machine_cut(struct machine *machine)
{
    assert_true(kill_qemu(machine));
    RIG_WAIT(machine->rig, child_ended(&machine->guest));
    copy_disk(machine);
    assert_something_was_lost(machine);
}

void machine_done(struct machine *machine)
{
    if (!child_ended(&machine->guest))
        kill_qemu(machine);
    child_signal(&machine->guest, SIGKILL);
    free(machine->dir);
    free(machine->disk);
    free(machine->data);
    free(machine->drive);
}
