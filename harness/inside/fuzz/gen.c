// SPDX-License-Identifier: GPL-2.0
/*
 * Random programs. Nearly all arguments are valid most of the time, so that
 * programs reach deep code; some arguments are at an edge, or wild.
 */
#include <string.h>

#include "fuzz.h"

#define F(name)	IORING_SETUP_##name

uint64_t rng_mix(uint64_t a, uint64_t b)
{
	struct rng r = { a * 0x9e3779b97f4a7c15ULL + b };

	return rng_next(&r);
}

/* splitmix64 */
uint64_t rng_next(struct rng *r)
{
	uint64_t x = r->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static bool one_in(struct rng *r, unsigned int n)
{
	return !rng_below(r, n);
}

#define PICK(r, ...) pick(r, (const uint64_t[]){ __VA_ARGS__ }, \
	sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static uint64_t pick(struct rng *r, const uint64_t *v, unsigned int n)
{
	return v[rng_below(r, n)];
}

static uint64_t wild(struct rng *r, unsigned int bits)
{
	uint64_t v = 1ULL << rng_below(r, bits);

	switch (rng_below(r, 5)) {
	case 0:
		v -= 1;
		break;
	case 1:
		v = -v;
		break;
	case 2:
		v = rng_next(r);
		break;
	case 3:
		v += PICK(r, 1, 8, -8, 4096);
		break;
	}
	return bits < 64 ? v & ((1ULL << bits) - 1) : v;
}

static uint64_t setup_flags(struct rng *r, bool odd)
{
	uint64_t v = F(SINGLE_ISSUER) | F(DEFER_TASKRUN) | F(CQSIZE);

	v |= one_in(r, 2) ? F(CQE32) : F(CQE_MIXED);
	if (one_in(r, 4))
		v |= PICK(r, F(CLAMP), F(SUBMIT_ALL), F(TASKRUN_FLAG),
			  F(NO_SQARRAY), F(R_DISABLED), F(SQE128), F(SQE_MIXED));
	if (odd)
		v ^= PICK(r, F(SINGLE_ISSUER), F(DEFER_TASKRUN), F(CQSIZE),
			  F(CQE32), F(CQE_MIXED), F(COOP_TASKRUN));
	return v;
}

static uint64_t common_arg(struct rng *r, enum kind kind)
{
	switch (kind) {
	case K_RING:
	case K_IFQ:
		return PICK(r, 0, 0, 0, 1, 1, 2);
	case K_FD:
		return rng_below(r, NR_FDS);
	case K_SOCK:
		return PICK(r, 0, 0, 1);
	case K_BOOL:
		return one_in(r, 4);
	case K_U32:
		return rng_below(r, 4);
	case K_U64:
		return rng_below(r, 64);
	case K_SETUP:
		return setup_flags(r, false);
	case K_ENTRIES:
		return PICK(r, 1, 2, 4, 8, 8, 16, 32, 128, 512);
	case K_RQ_ENTRIES:
		return PICK(r, 1, 2, 3, 8, 16, 33, 64, 64, 127, 128, 256);
	case K_PAGES:
		return PICK(r, 0, 0, 0, 1, 2);
	case K_AREA:
		return PICK(r, 1, 2, 3, 4, 4, 8, 16, 64);
	case K_TYPES:
		return PICK(r, 3, 3, 3, 2, 1, 0);
	case K_LOW:
		return PICK(r, 0, 0, 1, 2, 8);
	case K_DFLAGS:
		return PICK(r, 1, 1, 1, 0);
	case K_SSIZE:
		return PICK(r, 24, 24, 24, 0, 16, 32, 64, 128, 1024);
	case K_DESC:
		return PICK(r, 1, 1, 1, 1, 1, 4, 7, 0);
	case K_DEV:
		return one_in(r, 3);
	case K_LEN:
		return PICK(r, 0, 1, 1, 24, 64, 100, 4096, 5000, 16384, 65536,
			    300000);
	case K_COUNT:
		return PICK(r, 0, 1, 1, 2, 3, 4, 8, 16, 64, 1000);
	case K_MS:
		return PICK(r, 0, 0, 0, 1, 5, 20);
	case K_CTRL_OP:
		return rng_below(r, 4);
	case K_QUERY_OP:
		return rng_below(r, 5);
	case K_VIA:
	case K_RARE:
	case K_DELTA:
	case K_BUF_LEN:
	case K_RAW_SSIZE:
	case K_RXQ:
	case K_MODE4:
	case K_MODE6:
	case K_MODE8:
		return 0;
	}
	return 0;
}

/* At an edge, one off, or wild. */
static uint64_t odd_arg(struct rng *r, enum kind kind)
{
	switch (kind) {
	case K_VIA:
		return 1 + rng_below(r, NR_RINGS);
	case K_RARE:
		return one_in(r, 5) ? wild(r, 32) : 1 + rng_below(r, 9);
	case K_DELTA:
		return one_in(r, 4) ? wild(r, 64) :
			PICK(r, 1, -1, 4, 8, -8, 16, -16, 24, 64, -64, 2048,
			     4072, 4080, 4088, 4096, -4096, 1ULL << 32,
			     1ULL << 63, -4096ULL << 20);
	case K_SETUP:
		return setup_flags(r, true);
	case K_ENTRIES:
		return wild(r, 16);
	case K_BUF_LEN:
		return PICK(r, 1, 2048, 4096, 4097, 8192, 16384, 1 << 21,
			    1U << 31);
	case K_AREA:
		return wild(r, 20);
	case K_SSIZE:
		return PICK(r, 1, 7, 8, 12, 15, 17, 20, 23);
	case K_DESC:
		return PICK(r, 2, 3, 5, 6);
	case K_RXQ:
		return PICK(r, 1, 2, 7, 8, 100, -1U, 1U << 31);
	case K_LEN:
		return wild(r, 24);
	case K_MODE4:
		return rng_below(r, 4);
	case K_MODE6:
		return rng_below(r, 6);
	case K_MODE8:
		return rng_below(r, 8);
	case K_RQ_ENTRIES:
	case K_U32:
	case K_TYPES:
	case K_LOW:
	case K_DFLAGS:
	case K_RAW_SSIZE:
	case K_CTRL_OP:
	case K_QUERY_OP:
		return wild(r, 32);
	case K_U64:
		return wild(r, 64);
	default:
		return common_arg(r, kind);
	}
}

/* The used slots, as bits. */
struct used {
	unsigned int rings, ifqs, fds, socks;
};

static void use(struct used *u, const struct op *op)
{
	switch (op->nr) {
	case OP_ring:
		u->rings |= 1U << op->arg[0] % NR_RINGS;
		break;
	case OP_register:
	case OP_import:
		u->ifqs |= 1U << op->arg[1] % NR_IFQS;
		break;
	case OP_export:
		u->fds |= 1U << op->arg[2] % NR_FDS;
		break;
	case OP_connect:
		u->socks |= 1U << op->arg[0] % NR_SOCKS;
		break;
	}
}

static uint64_t used_slot(struct rng *r, const struct op *op, enum kind kind,
			  const struct used *u)
{
	unsigned int bits = 0, slot;

	if (kind == K_RING && op->nr != OP_ring)
		bits = u->rings;
	else if (kind == K_IFQ && op->nr != OP_register && op->nr != OP_import)
		bits = u->ifqs;
	else if (kind == K_FD && op->nr != OP_export)
		bits = u->fds;
	else if (kind == K_SOCK && op->nr != OP_connect)
		bits = u->socks;
	do {
		slot = common_arg(r, kind);
	} while (bits && !(bits >> slot & 1));
	return slot;
}

static uint64_t gen_arg(struct rng *r, const struct op *op, enum kind kind,
			const struct used *u, bool odd)
{
	if (odd)
		return odd_arg(r, kind);
	if (kind <= K_SOCK)
		return used_slot(r, op, kind, u);
	return common_arg(r, kind);
}

/* All arguments are usual, or one or several are odd. */
static void gen_op_of(struct rng *r, struct op *op, enum op_nr nr,
		      const struct used *u)
{
	unsigned int n = op_nr_args(nr), how = rng_below(r, 20);
	unsigned int odd = how < 12 ? n : rng_below(r, n);

	memset(op, 0, sizeof(*op));
	op->nr = nr;
	for (unsigned int i = 0; i < n; i++)
		op->arg[i] = gen_arg(r, op, op_descs[nr].args[i].kind, u,
				     i == odd || (how > 17 && one_in(r, 6)));
}

/* Make an operation that follows the first @at of the program. */
static void gen_op(struct rng *r, const struct prog *p, unsigned int at,
		   struct op *op)
{
	unsigned int total = 0, nr, n;
	struct used u = {};

	for (nr = 0; nr < NR_OPS; nr++)
		total += op_descs[nr].weight;
	n = rng_below(r, total);
	for (nr = 0; n >= op_descs[nr].weight; nr++)
		n -= op_descs[nr].weight;
	for (unsigned int i = 0; i < at && i < p->nr_ops; i++)
		use(&u, &p->ops[i]);
	gen_op_of(r, op, nr, &u);
}

static void add(struct rng *r, struct prog *p, enum op_nr nr, unsigned int args,
		const uint64_t *v)
{
	struct op *op = &p->ops[p->nr_ops++];
	const struct used u = {};

	gen_op_of(r, op, nr, &u);
	for (unsigned int i = 0; i < args; i++)
		op->arg[i] = v[i];
}

#define ADD(r, p, op, ...) add(r, p, OP_##op, \
	sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), \
	(const uint64_t[]){ __VA_ARGS__ })

/* Most programs first set up something for the other operations. */
static void gen_start(struct rng *r, struct prog *p)
{
	uint64_t dev = one_in(r, 3), late = one_in(r, 6);

	/* the ring is made by a task that is gone, or not enabled yet, or both */
	if (one_in(r, 8))
		ADD(r, p, thread, 2 + rng_below(r, 3));
	if (late)
		ADD(r, p, ring, 0, setup_flags(r, false) | F(R_DISABLED));
	else
		ADD(r, p, ring, 0);
	if (one_in(r, 2))
		ADD(r, p, connect, 0, dev);
	ADD(r, p, register, 0, 0, dev);
	if (one_in(r, 3)) {
		ADD(r, p, ring, 1);
		ADD(r, p, export, 0, 0, 0);
		ADD(r, p, import, 1, 1, 0);
		if (late || one_in(r, 4)) {
			ADD(r, p, connect, 0, dev);
			ADD(r, p, send, 0);
			ADD(r, p, recv, 1, 0, 0);
			ADD(r, p, reap, 1);
		}
	}
	if (late && one_in(r, 4))
		ADD(r, p, restrict, 0, rng_below(r, 8));
	if (late && one_in(r, 2))
		ADD(r, p, enable, 0);
	if (one_in(r, 2)) {
		ADD(r, p, connect, 0, dev);
		ADD(r, p, send, 0);
		ADD(r, p, recv, 0, 0, 0);
		ADD(r, p, reap, 0);
	}
}

void gen_prog(struct rng *r, struct prog *p)
{
	unsigned int n = 2 + rng_below(r, 16);

	memset(p, 0, sizeof(*p));
	if (!one_in(r, 6))
		gen_start(r, p);
	for (; n && p->nr_ops < MAX_OPS; n--, p->nr_ops++)
		gen_op(r, p, p->nr_ops, &p->ops[p->nr_ops]);
}

static void insert(struct prog *p, unsigned int at, const struct op *op)
{
	if (p->nr_ops == MAX_OPS)
		p->nr_ops--;
	if (at > p->nr_ops)
		at = p->nr_ops;
	memmove(&p->ops[at + 1], &p->ops[at], (p->nr_ops - at) * sizeof(*op));
	p->ops[at] = *op;
	p->nr_ops++;
}

static void mutate_arg(struct rng *r, struct op *op)
{
	unsigned int n = op_nr_args(op->nr), i = rng_below(r, n);

	if (n)
		op->arg[i] = gen_arg(r, op, op_descs[op->nr].args[i].kind,
				     &(const struct used){}, one_in(r, 2));
}

static void mutate_once(struct rng *r, struct prog *p, const struct prog *other)
{
	unsigned int at = rng_below(r, p->nr_ops + 1), from, n;
	struct op op;

	switch (rng_below(r, 6)) {
	case 0:
	case 1:
		gen_op(r, p, at, &op);
		insert(p, at, &op);
		return;
	case 2:
		if (at < p->nr_ops) {
			mutate_arg(r, &p->ops[at]);
			mutate_arg(r, &p->ops[at]);
		}
		return;
	case 3:
		if (at == p->nr_ops)
			return;
		p->nr_ops--;
		memmove(&p->ops[at], &p->ops[at + 1],
			(p->nr_ops - at) * sizeof(op));
		return;
	case 4:
		if (at == p->nr_ops)
			return;
		op = p->ops[at];
		insert(p, rng_below(r, p->nr_ops + 1), &op);
		return;
	case 5:
		if (!other || !other->nr_ops)
			return;
		from = rng_below(r, other->nr_ops);
		n = 1 + rng_below(r, other->nr_ops - from);
		while (n-- && p->nr_ops < MAX_OPS)
			insert(p, at, &other->ops[from + n]);
		return;
	}
}

void gen_mutate(struct rng *r, struct prog *p, const struct prog *other)
{
	unsigned int n = 1 + rng_below(r, 4);

	while (n--)
		mutate_once(r, p, other);
}
