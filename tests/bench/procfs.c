/* SPDX-License-Identifier: MIT */
/* procfs: CPU time comes from schedstat, because utime in /proc/PID/stat counts ticks of 10 ms: a
 * third of the whole budget of an idle half minute. */
#include "tests/bench/procfs.h"

#include "agent/base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static FILE *open_of(pid_t pid, const char *name)
{
    CLEANUP(free_p) char *path = xasprintf("/proc/%d/%s", (int)pid, name);

    return fopen(path, "re");
}

/* A line "Key:   123 kB" of a file, in MiB. */
static double read_mib(pid_t pid, const char *name, const char *key)
{
    FILE *file = open_of(pid, name);
    size_t len = strlen(key);
    double kib = 0;
    char line[256];

    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, key, len) == 0 && line[len] == ':')
            kib = strtod(line + len + 1, NULL);
    fclose(file);
    return kib / 1024;
}

double procfs_resident_mib(pid_t pid)
{
    return read_mib(pid, "status", "VmRSS");
}

struct process_memory procfs_memory(pid_t pid)
{
    return (struct process_memory){
        .resident_mib = procfs_resident_mib(pid),
        .own_mib = read_mib(pid, "status", "RssAnon"),
        .share_mib = read_mib(pid, "smaps_rollup", "Pss"),
    };
}

double procfs_peak_mib(pid_t pid)
{
    return read_mib(pid, "status", "VmHWM");
}

void procfs_forget_peak(pid_t pid)
{
    CLEANUP(free_p) char *path = xasprintf("/proc/%d/clear_refs", (int)pid);
    FILE *file = fopen(path, "we");

    if (!file)
        return;
    fputs("5", file);
    fclose(file);
}

static double thread_cpu_s(pid_t pid, const char *thread)
{
    CLEANUP(free_p) char *name = xasprintf("task/%s/schedstat", thread);
    FILE *file = open_of(pid, name);
    unsigned long long ran_ns = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%llu", &ran_ns) != 1)
        ran_ns = 0;
    fclose(file);
    return (double)ran_ns / 1e9;
}

double procfs_cpu_s(pid_t pid)
{
    CLEANUP(free_p) char *path = xasprintf("/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    struct dirent *entry;
    double sum_s = 0;

    if (!dir)
        return 0;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            sum_s += thread_cpu_s(pid, entry->d_name);
    closedir(dir);
    return sum_s;
}

static double vm_rss_mib(pid_t pid)
{
    return read_mib(pid, "status", "VmRSS");
}

static double sum_of_thread(pid_t pid, const char *thread, double (*value)(pid_t child))
{
    CLEANUP(free_p) char *name = xasprintf("task/%s/children", thread);
    FILE *file = open_of(pid, name);
    double sum = 0;
    int child;

    if (!file)
        return 0;
    while (fscanf(file, "%d", &child) == 1)
        sum += value(child);
    fclose(file);
    return sum;
}

static double sum_of_children(pid_t pid, double (*value)(pid_t child))
{
    CLEANUP(free_p) char *path = xasprintf("/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    struct dirent *entry;
    double sum = 0;

    if (!dir)
        return 0;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            sum += sum_of_thread(pid, entry->d_name, value);
    closedir(dir);
    return sum;
}

double procfs_children_mib(pid_t pid)
{
    return sum_of_children(pid, vm_rss_mib);
}

double procfs_children_cpu_s(pid_t pid)
{
    return sum_of_children(pid, procfs_cpu_s);
}

double procfs_ended_cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}
