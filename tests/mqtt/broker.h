/* SPDX-License-Identifier: MIT */
/* broker: a real mosquitto on a free loopback port, with its files in a directory of its own. */
#ifndef TESTS_MQTT_BROKER_H
#define TESTS_MQTT_BROKER_H

#include "agent/base/common.h"

struct broker;

/* A port that nobody listened on a moment ago. */
int broker_free_port(void);

/* A temporary directory and a configuration, not started. settings: lines added to the
 * configuration, where "%dir" stands for the directory; NULL = anybody may do anything. */
struct broker *broker_new(int port, const char *settings);
/* A temporary directory, in which the caller writes mosquitto.conf. */
struct broker *broker_new_bare(int port);
/* Writes dir/name, for settings that name files. */
void broker_write_file(struct broker *broker, const char *name, const char *text);
/* Adds a user to a password file that is there. */
void broker_add_user(const char *file, const char *user, const char *password);
const char *broker_dir(const struct broker *broker);
/* Starts it and waits until it accepts connections. */
void broker_start(struct broker *broker);
void broker_signal(struct broker *broker, int signum); /* while it runs */
void broker_kill(struct broker *broker); /* SIGKILL; broker_start() again is fine */
void broker_free(struct broker *broker);

#endif
