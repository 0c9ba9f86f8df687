/* SPDX-License-Identifier: MIT */
/* node_red: a real Node-RED beside a rig, headless, spoken to by its admin interface. What cannot
 * be set up fails the test. */
#ifndef TESTS_NODE_RED_NODE_RED_H
#define TESTS_NODE_RED_NODE_RED_H

#include "tests/e2e/harness.h"

struct node_red;

/* Starts it on a port of its own, with the rig's broker in its environment; returns when it
 * answers. */
struct node_red *node_red_new(struct rig *rig) MUST_CHECK;
void node_red_free(struct node_red *red); /* NULL is fine */

/* GET of the admin interface; the caller owns the JSON. */
cJSON *node_red_get(struct node_red *red, const char *path) MUST_CHECK;
/* Replaces all flows by these nodes. */
void node_red_deploy(struct node_red *red, const cJSON *nodes);
/* Presses the button of an inject node. */
void node_red_press(struct node_red *red, const char *node);

#endif
