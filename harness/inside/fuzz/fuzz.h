/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer of the zcrx interface. It runs in the guest; harness/fuzz/run builds and
 * starts it. A program is a list of operations on a few slots for rings, ifqs,
 * exported files and connections.
 *
 *	prog.c	programs and their text form
 *	gen.c	random programs, and variations of interesting ones
 *	ring.c	rings, without liburing: it refuses calls that we want to try
 *	model.c	the expected behaviour of an ifq
 *	ifq.c	registration and import
 *	ctrl.c	operations on a registered ifq
 *	net.c	connections
 *	exec.c	the other operations, and a whole program
 *	cover.c	the reached code, and the programs that reached more
 *	run.c	a program in its own process, and the record of it
 *	main.c	several processes, the kernel's log, the end
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <stdio.h>

#include <linux/io_uring.h>
#include <linux/io_uring/query.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define NR_RINGS	3
#define NR_IFQS		3
#define NR_FDS		3
#define NR_SOCKS	2

/* prog.c */

#define MAX_ARGS	25
#define MAX_OPS		32
#define MAX_TEXT	8192

enum kind {
	K_RING, K_IFQ, K_FD, K_SOCK,	/* slots */
	K_VIA, K_BOOL, K_DELTA, K_U32, K_U64, K_RARE,
	K_SETUP, K_ENTRIES, K_RQ_ENTRIES, K_BUF_LEN, K_PAGES, K_AREA,
	K_TYPES, K_LOW, K_DFLAGS, K_SSIZE, K_RAW_SSIZE, K_DESC, K_DEV, K_RXQ, K_LEN,
	K_COUNT, K_MS, K_MODE4, K_MODE6, K_MODE8, K_CTRL_OP, K_QUERY_OP,
};

struct arg_desc {
	const char	*name;
	enum kind	kind;
};

struct op_desc {
	const char		*name;
	unsigned int		weight;
	const struct arg_desc	args[MAX_ARGS + 1];
};

#define OPS(X) \
	X(ring) X(enable) X(close_ring) X(register) X(import) X(flush) \
	X(export) X(arm) X(ctrl) X(close_fd) X(map) X(unmap) X(scribble) \
	X(refill) X(connect) X(send) X(recv) X(close_sock) X(cancel) X(nop) \
	X(reap) X(lossless) X(query) X(fdinfo) X(eventfd) X(reset) X(spawn) X(thread) \
	X(resize) X(restrict) X(sleep) X(exec) X(die)

#define OP_ENUM(name)	OP_##name,
enum op_nr { OPS(OP_ENUM) NR_OPS };

struct op {
	uint32_t	nr;
	uint64_t	arg[MAX_ARGS];
};

struct prog {
	uint32_t	nr_ops;
	struct op	ops[MAX_OPS];
};

extern const struct op_desc op_descs[NR_OPS];

unsigned int op_nr_args(enum op_nr nr);
/* Writes text into @buf, which has MAX_TEXT bytes; returns its length. */
size_t prog_print(const struct prog *p, char *buf);
/* Returns NULL or an error message; parses up to a line of minus signs. */
const char *prog_parse(struct prog *p, const char **text);

/* gen.c */

struct rng { uint64_t state; };

uint64_t rng_mix(uint64_t a, uint64_t b);
uint64_t rng_next(struct rng *r);
/* below @n */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return n ? (rng_next(r) >> 33) % n : 0;
}

void gen_prog(struct rng *r, struct prog *p);
/* It takes some operations from @other. */
void gen_mutate(struct rng *r, struct prog *p, const struct prog *other);

/* ring.c */

struct ring {
	int		fd;		/* -1: closed */
	uint32_t	flags;
	unsigned int	gen;		/* number among all rings */
	void		*map;
	size_t		map_size;
	char		*sqes;
	size_t		sqes_size;
	struct io_sqring_offsets sq;
	struct io_cqring_offsets cq;
	unsigned int	queued;		/* not submitted yet */
	bool		foreign;	/* inherited from another task */
	pid_t		tid;		/* task that made or enabled it */
	bool		restricted;	/* zcrx may be, or by another process */
	unsigned int	forbidden;	/* when it is enabled, FORBID_* */
};

#define FORBID_REGISTER	1
#define FORBID_CTRL	2
#define FORBID_RECV	4

extern struct ring rings[NR_RINGS];

int sys_register(int fd, unsigned int op, void *arg, unsigned int nr);
int ring_setup(struct ring *r, uint32_t flags, uint32_t sq, uint32_t cq);
/* Returns 0 for a slot without a ring of ours. */
int ring_resize(struct ring *r, uint32_t sq, uint32_t cq);
/* The same; @bad: with a wrong opcode. */
int ring_restrict(struct ring *r, unsigned int forbid, uint32_t bad);
bool ring_forbids(const struct ring *r, unsigned int what);
void ring_close(struct ring *r);
/* Before a fork(): either process can restrict and enable what is not enabled. */
void rings_share_all(void);
/* NULL when the queue is full or the ring closed */
struct io_uring_sqe *ring_sqe(struct ring *r);
/* Submit and wait for @nr up to @ms; returns the result of the call. */
int ring_enter(struct ring *r, unsigned int nr, unsigned int ms);
/* Call @fn for up to @max CQEs; returns their number. */
unsigned int ring_reap(struct ring *r, unsigned int max,
		       void (*fn)(struct ring *r, const struct io_uring_cqe *cqe));
bool ring_overflown(const struct ring *r);

/* model.c */

#define NR_TYPES	3
#define NR_COUNTERS	3

/* The known state of an ifq. The processes of a program share it. */
struct model {
	bool		live;		/* the registration succeeded */
	bool		closed;		/* the creator is really closed */
	bool		shared;		/* others may arm, receive, close */
	bool		scribbled;	/* over the statistics */
	uint32_t	ring_gen;	/* of the creator */
	uint32_t	types;
	uint32_t	fired[NR_TYPES];	/* CQEs seen */
	uint32_t	arms[NR_TYPES];		/* arms that succeeded or are tried */
	unsigned char	*region;	/* NULL: not mapped */
	pid_t		mapper;		/* process of that address */
	bool		own_memory;	/* we filled it with GUARD */
	size_t		region_size, rq_end;
	size_t		stats_off, stats_size;
	uint64_t	last[NR_COUNTERS];
	uint64_t	at_arm[NR_COUNTERS];
	uint64_t	at_end[NR_COUNTERS];
};

#define GUARD		0xa5

#define UD_RECV		(0x52ULL << 56)	/* | model << 16 | sock << 8 | slot */
#define UD_NOTIF	(0x4eULL << 56)	/* | model */
#define UD_OTHER	(0x4fULL << 56)

extern bool in_child;	/* of a program */

void model_init(void);
struct model *model_new(void);
struct model *model_get(unsigned int nr);
unsigned int model_nr(const struct model *m);
/* The registration has succeeded; all fields but the counts are set. */
void model_live(struct model *m);
void model_notif(struct model *m, const struct ring *r,
		 const struct io_uring_cqe *cqe);
/* The result that arming must have, or 1 if it is unknown. */
int model_expect_arm(const struct model *m, uint32_t types, bool bad);
void model_armed(struct model *m, uint32_t types);
void model_ring_closed(const struct ring *r);
/* Is its region at an address of this process? */
bool model_mapped(const struct model *m);
void model_unmapped(unsigned char *region);
/* Other processes have the ifqs from now on, so that less can be expected. */
void model_share_all(void);
void model_check_all(void);
/* Read the counters; after all CQEs were seen, check if one is missing. */
void model_look(void);
const char *model_lost(void);
void model_check_memory(void);

/* ifq.c */

void ifq_init(void);
int do_register(const uint64_t *a);
int do_import(const uint64_t *a);
int do_map(const uint64_t *a);
int do_unmap(const uint64_t *a);
void ifq_unmap_all(void);

struct held {
	uint64_t	off;
	uint32_t	len;
};

/* An ifq as one of the slots has it. */
struct ifq {
	bool		used;
	bool		imported;
	unsigned int	ring, ring_gen;
	uint32_t	id;
	struct model	*m;
	size_t		area_size;
	unsigned char	*region;
	size_t		region_size;
	struct io_uring_zcrx_offsets off;
	uint32_t	entries;
	uint32_t	buf_len;
	uint64_t	map_off;	/* of a region that the kernel made */
	struct held	held[64];
	unsigned int	nr_held;
};

struct exported {
	int		fd;
	struct ifq	ifq;
};

extern struct ifq ifqs[NR_IFQS];
extern struct exported exported[NR_FDS];

/* Memory with no mapping before and behind it. */
void *guarded(size_t size);
/* A copy of the object in read-only memory. */
void *read_only(const void *p, size_t size);
void *no_access(void);

/* ctrl.c */

int do_flush(const uint64_t *a);
int do_export(const uint64_t *a);
int do_arm(const uint64_t *a);
int do_ctrl(const uint64_t *a);
int do_scribble(const uint64_t *a);
int do_refill(const uint64_t *a);
int do_close_fd(const uint64_t *a);
int do_query(const uint64_t *a);
int ifq_arm(struct ifq *q, struct ring *r, uint32_t types, unsigned int bad);
int ifq_flush(struct ifq *q, struct ring *r);
unsigned int ifq_refill(struct ifq *q, unsigned int n);
/* The ring that the argument "via" chooses. */
struct ring *ifq_ring(const struct ifq *q, uint64_t via);
/* Is it one of our rings, with what zcrx requires? */
bool ring_suits(const struct ring *r);

/* net.c */

void net_init(void);
void net_process(unsigned int nr);
unsigned int net_ifindex(void);
unsigned int net_queue(void);
int net_server(unsigned int slot);
int do_connect(const uint64_t *a);
int do_send(const uint64_t *a);
int do_close_sock(const uint64_t *a);
int do_reset(const uint64_t *a);
void net_close_all(void);

/* exec.c */

#define EXIT_FINDING	77

/* Counts of all programs, which show that the fuzzer does something. */
struct tally {
	unsigned int	calls[NR_OPS], good[NR_OPS];
	unsigned int	data, notifs;
};

extern struct tally *tally;

/* Reports a violated expectation and ends the program. */
void finding(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));
void exec_prog(const struct prog *p) __attribute__((noreturn));
/* The work of the process that a program executes. */
int wait_after_exec(void);
unsigned long now_ms(void);

/* run.c */

enum ending { ENDED, CRASHED, TIMED_OUT, FOUND, UNKILLABLE };

/* @dir gets the record, a file for each process; NULL: no record. */
void run_init(const char *dir, unsigned int process);
/* Run the program in a process of this name. */
enum ending run_prog(const struct prog *p, const char *name);
void run_save(const char *dir, const char *file, const char *name,
	      const struct prog *p);

/* cover.c */

#define CORPUS_SIZE	512

/* Returns false if there is no KCOV. */
bool cover_init(void);		/* once, before there are processes */
bool cover_open(void);		/* in each process that starts programs */
void cover_start(void);		/* in the program */
unsigned int cover_merge(void);	/* after it: how much of it is new */
unsigned int cover_total(void);
void cover_save(const char *path);
void corpus_add(const struct prog *p);
unsigned int corpus_size(void);
const struct prog *corpus_get(unsigned int i);
void corpus_save(const char *path);

#endif
