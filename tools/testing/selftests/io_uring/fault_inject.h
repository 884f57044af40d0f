/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults in the system calls of the calling thread, on demand: the n-th place
 * that can fail, the n-th copy from or to user space, or all allocations from
 * certain slab caches.
 *
 * Between fi_nth() or the like and fi_off() there must be the one system call
 * and nothing else: all that the thread does counts.
 */
#ifndef FAULT_INJECT_H
#define FAULT_INJECT_H

#include <stdbool.h>

/*
 * For the whole program: make everything eligible for faults that can be, and
 * have the kernel not print a trace for each. Returns NULL, or what is missing.
 */
const char *fi_setup(void);
/* Set back what fi_setup() has changed. */
void fi_restore(void);

/* Each thread, before it loses the privileges that this takes. */
int fi_open(void);

/*
 * Fail the @n-th place that can fail, from 1: allocations from slab, of pages,
 * copies from and to user space.
 */
void fi_nth(unsigned int n);
/* Fail the @n-th copy from or to user space. */
void fi_nth_copy(unsigned int n);
/*
 * Fail all allocations from the slab @caches, a list that ends with NULL.
 * Returns a negative errno if there is no such cache, or it cannot be told from
 * others.
 */
int fi_caches(const char *const *caches);

/*
 * End it. Whether a fault was injected since, which is not known of
 * fi_caches(): true then.
 */
bool fi_off(void);

#endif /* FAULT_INJECT_H */
