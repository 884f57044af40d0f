/* SPDX-License-Identifier: GPL-2.0 */
/* Standard output, in the form that the options chose, and --report's file. */
#ifndef ZCRXMON_OUTPUT_H
#define ZCRXMON_OUTPUT_H

#include "monitor.h"

void output_probe(const struct probe *p, enum output_mode mode);
void output_start(const struct monitor *m);
void output_conn(const struct monitor *m, const struct conn *conn);
void output_notif(const struct monitor *m, __u32 types, bool by_counter,
		  const struct reaction *did);
void output_interval(struct monitor *m);

/* Returns false when --report's file cannot be written. */
bool output_summary(struct monitor *m);

#endif /* ZCRXMON_OUTPUT_H */
