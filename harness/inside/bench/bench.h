/* SPDX-License-Identifier: GPL-2.0 */
/*
 * zcrx_bench repeats one workload with one kind of registration, and prints one
 * line of JSON. MARK(BEGIN) and MARK(END) enclose each repetition: plugin.c counts
 * the instructions between them.
 *
 * main.c has the options and the output, rx.c receives, work_*.c have the
 * workloads. The zcrx instance comes from io_uring's selftests, zcrx_ifq.h.
 */
#ifndef BENCH_H
#define BENCH_H

#include "zcrx_ifq.h"

#define BEGIN	0
#define END	1

/* nopl 0x5a4352nn(%rax,%rax,1) */
#define MARK(n)	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long 0x5a435200 + %c0" \
			     : : "i"(n) : "memory")

#define RECV_USER_DATA	0x72656376ULL
#define MAX_RINGS	8
#define SQ_ENTRIES	64
#define CQ_ENTRIES	16384	/* several per buffer */
#define PORT		7000	/* of the flow that arrives on queue 0 */

/* A TCP connection in one process. */
struct conn {
	int	tx;
	int	rx;
};

/* A ring that receives from one connection with the instance of @q. */
struct rx {
	struct zn_ifq		*q;	/* has the refill queue */
	struct zn_ifq		*own;	/* @q, or its import on another ring */
	struct conn		conn;
	unsigned long long	received;
	unsigned int		notifs;
	bool			ended;
	__u64			*held;
	unsigned int		nr_held;
};

struct bench {
	const char		*workload;
	unsigned long		number;	/* at the end of its name */
	const char		*registration;
	const char		*interface;
	struct zn_opts		ifq;
	struct zcrx_notification_desc desc;
	bool			rearm;
	unsigned int		reps;
	unsigned int		scale;	/* longer, for wall-clock time */

	/* filled by the workload */
	unsigned long long	*ns;
	unsigned int		nr_ns;
	unsigned long long	bytes, units;	/* of all repetitions */
	const char		*unit;
};

void __attribute__((noreturn)) fail(const char *what, int error);

/* Begin and end of a repetition; its time is kept as well. */
void begin(struct bench *b);
void end(struct bench *b);

/* Over loopback, or from the namespace "peer" if @b has an interface. */
struct conn conn_open(struct bench *b, unsigned int port);
void conn_send(struct conn *c, size_t total, size_t chunk);

void rx_open(struct rx *r, struct zn_ifq *q, struct conn conn);
/* The same instance on another ring; the file descriptor is used up. */
int rx_export(const struct rx *r);
void rx_import(struct rx *r, struct zn_ifq *of, int fd, struct conn conn);
void rx_start(struct rx *r);
/* Enter the kernel once, waiting for @wait completions, and look at them. */
void rx_enter(struct rx *r, unsigned int wait);
void rx_until(struct rx *r, unsigned long long received, unsigned int wait);
void rx_give_back(struct rx *r);

struct zn_ifq *open_ifq(struct bench *b);
unsigned long long copies(const struct zn_ifq *q);

struct workload {
	const char	*name;	/* prefix of its names */
	void		(*run)(struct bench *b);
};

extern const struct workload receive_workloads[], event_workloads[],
	thread_workloads[];

#endif /* BENCH_H */
