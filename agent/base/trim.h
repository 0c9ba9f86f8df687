/* SPDX-License-Identifier: MIT */
/* trim: keeps little memory resident. Linux and glibc. */
#ifndef BASE_TRIM_H
#define BASE_TRIM_H

/* Once, first of all in main(), before any thread is there: the allocator has one arena, and gives
 * large blocks back to the system when they are freed. */
void trim_allocator(void);

/* Gives back what the process holds without using it: free memory of the allocator, and the pages
 * of code and constants that only the start needed. Any time, any thread; well below a millisecond.
 * What is needed again comes back by itself, from the page cache. */
void trim_pages(void);

#endif
