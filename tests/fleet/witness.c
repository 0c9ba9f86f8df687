/* SPDX-License-Identifier: MIT */
#include "tests/fleet/witness.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/child.h"
#include "tests/fleet/swarm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct witness {
    struct child child;
    FILE *log;
    bool listens;
    size_t agents;
    int64_t *heard; /* by agent */
    int64_t twice, jumped;
};

struct witness *witness_new(int port, size_t agents, const char *log_path)
{
    struct witness *witness = xcalloc(1, sizeof(*witness));
    CLEANUP(free_p) char *port_text = xasprintf("%d", port);
    const char *argv[] = {"stdbuf",  "-oL",        "mosquitto_sub",
                          "-h",      "127.0.0.1",  "-p",
                          port_text, "-V",         "311",
                          "-q",      "0",          "-c",
                          "-i",      "witness",    "-d",
                          "-t",      SWARM_EVENTS, "-F",
                          "%t %p",   NULL};

    child_start(&witness->child, argv, log_path);
    while (!witness->log && !child_ended(&witness->child))
        witness->log = fopen(log_path, "re");
    if (!witness->log) {
        fprintf(stderr, "witness: mosquitto_sub does not start\n");
        exit(1);
    }
    witness->agents = agents;
    witness->heard = xcalloc(agents, sizeof(*witness->heard));
    return witness;
}

void witness_free(struct witness *witness)
{
    if (!witness)
        return;
    child_signal(&witness->child, SIGKILL);
    fclose(witness->log);
    free(witness->heard);
    free(witness);
}

static void note_event(struct witness *witness, size_t agent, int64_t number)
{
    if (number <= witness->heard[agent])
        witness->twice++;
    else if (number == witness->heard[agent] + 1)
        witness->heard[agent] = number;
    else
        witness->jumped++;
}

static void note_line(struct witness *witness, const char *line)
{
    long long number;
    size_t agent;

    if (str_starts_with(line, "Subscribed"))
        witness->listens = true;
    if (sscanf(line, "timelapse/v1/a%zu/unit/u/event {\"n\":%lld,", &agent, &number) == 2 &&
        agent < witness->agents)
        note_event(witness, agent, number);
}

/* A line that is not whole yet is left for the next time. */
static void read_on(struct witness *witness)
{
    char line[512];
    long at = ftell(witness->log);

    clearerr(witness->log);
    while (fgets(line, sizeof(line), witness->log) && str_ends_with(line, "\n")) {
        note_line(witness, line);
        at = ftell(witness->log);
    }
    fseek(witness->log, at, SEEK_SET);
}

bool witness_listens(struct witness *witness)
{
    read_on(witness);
    return witness->listens;
}

int64_t witness_heard(struct witness *witness, size_t agent)
{
    read_on(witness);
    return witness->heard[agent];
}

int64_t witness_twice(const struct witness *witness)
{
    return witness->twice;
}

int64_t witness_jumped(const struct witness *witness)
{
    return witness->jumped;
}
