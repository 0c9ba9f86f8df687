/* SPDX-License-Identifier: MIT */
/* pictures: the frames of a made-up print that are as hard for an encoder as real ones: a textured
 * room, an object that grows, a head at a random place, flickering light, and noise that is new in
 * each picture. */
#ifndef TESTS_BENCH_PICTURES_H
#define TESTS_BENCH_PICTURES_H

#include "agent/base/error.h"

/* Names of frames in a directory, numbered from 1, as ffmpeg's image2 reads them. */
#define PICTURES_PATTERN "frame%08d.jpg"

/* Makes frames 1..total of a 4:2:0 JPEG each; width and height even. Only the first distinct ones
 * are drawn; the others are links to them, there and back again, so that no picture is far from the
 * one before. What is there already is kept. */
int pictures_make(const char *dir, int width, int height, int distinct, int total,
                  struct error *err) MUST_CHECK;

/* The caller frees. */
char *pictures_path(const char *dir, int number) MUST_CHECK;

#endif
