// SPDX-License-Identifier: GPL-2.0
/* Operations on a registered ifq: control, refill, scribbling; queries. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static struct ifq *get_ifq(uint64_t nr)
{
	return &ifqs[nr % NR_IFQS];
}

bool ring_suits(const struct ring *r)
{
	return r->fd >= 0 && !r->foreign && r->tid == gettid() && !r->restricted &&
	       r->flags & IORING_SETUP_DEFER_TASKRUN &&
	       r->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED);
}

struct ring *ifq_ring(const struct ifq *q, uint64_t via)
{
	return &rings[via ? (via - 1) % NR_RINGS : q->ring];
}

/* Is it still the ring on which the slot was registered? */
static bool same_ring(const struct ifq *q, const struct ring *r)
{
	return q->used && ring_suits(r) && r->gen == q->ring_gen;
}

static int ctrl(struct ring *r, struct zcrx_ctrl *c)
{
	int ret = sys_register(r->fd, IORING_REGISTER_ZCRX_CTRL, c, 0);

	if (!ret && ring_forbids(r, FORBID_CTRL))
		finding("a control succeeded that is forbidden");
	return ret;
}

int ifq_flush(struct ifq *q, struct ring *r)
{
	struct zcrx_ctrl c = { .zcrx_id = q->id, .op = ZCRX_CTRL_FLUSH_RQ };

	return ctrl(r, &c);
}

int do_flush(const uint64_t *a)
{
	struct ifq *q = get_ifq(a[0]);
	struct ring *r = ifq_ring(q, a[1]);
	struct zcrx_ctrl c = { .zcrx_id = q->id, .op = ZCRX_CTRL_FLUSH_RQ };
	int ret;

	c.zc_flush.__resv[a[2] % 6] = a[2];
	ret = ctrl(r, &c);
	if (same_ring(q, r) && ret != (a[2] ? -EINVAL : 0))
		finding("flushing returned %d", ret);
	return ret;
}

/* The slot whose ifq has this id on this ring. */
static struct ifq *ifq_of(const struct ring *r, uint32_t id)
{
	for (unsigned int i = 0; i < NR_IFQS; i++)
		if (same_ring(&ifqs[i], r) && ifqs[i].id == id)
			return &ifqs[i];
	return NULL;
}

/* The number that the next file would get. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

int do_export(const uint64_t *a)
{
	struct ifq *q = get_ifq(a[0]);
	struct ring *r = ifq_ring(q, a[1]);
	struct exported *e = &exported[a[2] % NR_FDS];
	struct zcrx_ctrl c = { .zcrx_id = q->id, .op = ZCRX_CTRL_EXPORT };
	void *arg = &c;
	int ret, fd;

	if (a[3])
		c.zc_export.__resv1[a[3] % 11] = a[3];
	if (a[4])
		arg = read_only(&c, sizeof(c));
	do_close_fd(&a[2]);
	fd = next_fd();
	ret = ctrl(r, arg);
	if (ret) {
		if (fd != next_fd())
			finding("an export returned %d and left a file", ret);
		if (same_ring(q, r) && !a[3] && !a[4])
			finding("an export returned %d", ret);
		return ret;
	}
	if (a[3] || a[4])
		finding("an export succeeded that must fail");
	/* On another ring the id means another ifq. */
	q = ifq_of(r, q->id);
	if (q) {
		e->fd = c.zc_export.zcrx_fd;
		e->ifq = *q;
	} else {
		close(c.zc_export.zcrx_fd);
	}
	return 0;
}

int do_close_fd(const uint64_t *a)
{
	struct exported *e = &exported[a[0] % NR_FDS];

	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
	return 0;
}

int ifq_arm(struct ifq *q, struct ring *r, uint32_t types, unsigned int bad)
{
	struct zcrx_ctrl c = {
		.zcrx_id = q->id,
		.op = ZCRX_CTRL_ARM_NOTIFICATION,
		.zc_arm_notif.type_mask = types,
	};
	bool known = same_ring(q, r);
	int ret, expect = 1;

	if (bad)
		c.zc_arm_notif.__resv[bad % 11] = bad;
	/* Count it before the call: the CQE can come at once. */
	if (known) {
		expect = model_expect_arm(q->m, types, bad);
		for (unsigned int i = 0; i < NR_TYPES; i++)
			__atomic_fetch_add(&q->m->arms[i], types >> i & 1,
					   __ATOMIC_SEQ_CST);
	}
	ret = ctrl(r, &c);
	if (known && ret)
		for (unsigned int i = 0; i < NR_TYPES; i++)
			__atomic_fetch_sub(&q->m->arms[i], types >> i & 1,
					   __ATOMIC_SEQ_CST);
	else if (known)
		model_armed(q->m, types);
	if (expect <= 0 && ret != expect)
		finding("arming 0x%x returned %d that must return %d", types,
			ret, expect);
	return ret;
}

int do_arm(const uint64_t *a)
{
	struct ifq *q = get_ifq(a[0]);
	struct ring *r = ifq_ring(q, a[1]);

	/* Another ring would mean an ifq that the model has under another name. */
	if (!same_ring(q, r) && r->fd >= 0)
		return 0;
	return ifq_arm(q, r, a[2], a[3]);
}

/* Any control, except calls that the model would have to follow. */
int do_ctrl(const uint64_t *a)
{
	struct ring *r = &rings[a[0] % NR_RINGS];
	struct zcrx_ctrl c = {
		.zcrx_id = a[1],
		.op = a[2],
		.zc_flush.__resv[0] = a[3],
	};
	void *arg = &c;
	int ret;

	if (c.op == ZCRX_CTRL_ARM_NOTIFICATION)
		c.zc_arm_notif.__resv[0] = 1;
	if (a[4])
		c.__resv[a[4] & 1] = a[4];
	if (a[6])
		arg = a[6] & 1 ? no_access() : (void *)8;
	ret = sys_register(r->fd, IORING_REGISTER_ZCRX_CTRL, arg, a[5]);
	if (!ret && (a[4] || a[5] || a[6] || c.op > ZCRX_CTRL_EXPORT ||
		     ring_forbids(r, FORBID_CTRL)))
		finding("a control succeeded that must fail");
	if (!ret && c.op == ZCRX_CTRL_EXPORT)
		close(c.zc_export.zcrx_fd);
	return ret;
}

int do_scribble(const uint64_t *a)
{
	struct ifq *q = get_ifq(a[0]);
	uint64_t value = a[2];
	struct model *m = q->m;

	if (!q->used || !q->region)
		return 0;
	switch (a[1] % 6) {
	case 0:
		*(uint32_t *)(q->region + q->off.head) = value;
		break;
	case 1:
		*(uint32_t *)(q->region + q->off.tail) = value;
		break;
	case 2:
		memset(q->region + q->off.rqes + value % q->entries * 16, value,
		       16);
		break;
	case 3:
		m->scribbled = true;
		if (m->stats_size >= 16)
			memcpy(q->region + m->stats_off + (value & 8), &value, 8);
		break;
	case 4:
		m->scribbled = true;
		memset(q->region, value, q->region_size);
		break;
	case 5:
		*(uint32_t *)(q->region + q->off.tail) += value;
		break;
	}
	return 0;
}

static bool give(struct ifq *q, uint64_t off, uint32_t len, uint32_t pad)
{
	uint32_t *head = (void *)(q->region + q->off.head);
	uint32_t *tail = (void *)(q->region + q->off.tail);
	struct io_uring_zcrx_rqe *rqes = (void *)(q->region + q->off.rqes);
	uint32_t t = *tail;

	if (t - __atomic_load_n(head, __ATOMIC_ACQUIRE) >= q->entries)
		return false;
	rqes[t & (q->entries - 1)] = (struct io_uring_zcrx_rqe){
		.off = off, .len = len, .__pad = pad,
	};
	__atomic_store_n(tail, t + 1, __ATOMIC_RELEASE);
	return true;
}

unsigned int ifq_refill(struct ifq *q, unsigned int n)
{
	unsigned int done = 0;

	if (!q->used || !q->region)
		return 0;
	while (done < n && q->nr_held) {
		struct held *h = &q->held[q->nr_held - 1];

		if (!give(q, h->off, h->len, 0))
			break;
		q->nr_held--;
		done++;
	}
	return done;
}

int do_refill(const uint64_t *a)
{
	struct ifq *q = get_ifq(a[0]);
	unsigned int how = a[2] % 8, n = a[1];
	struct held h = {};

	if (!q->used || !q->region)
		return 0;
	if (how < 2)
		return ifq_refill(q, n), 0;
	if (q->nr_held)
		h = q->held[q->nr_held - 1];
	for (unsigned int i = 0; i < n % 128; i++) {
		switch (how) {
		case 2:
			h.off = a[3];
			break;
		case 3:
			h.off = i * 4096 + a[3] % 4096;
			break;
		case 4:	/* the same again */
			break;
		case 5:
			give(q, h.off, h.len, a[3] ?: 1);
			continue;
		case 6:
			h.off |= (a[3] | 1) << IORING_ZCRX_AREA_SHIFT;
			break;
		case 7:
			h.len = a[3];
			break;
		}
		give(q, h.off, h.len, 0);
	}
	return 0;
}

int do_query(const uint64_t *a)
{
	uint32_t op = a[0], size = a[1] % 4096, n = a[2] % 1200 + 1;
	unsigned int chain = a[3] % 4;
	struct io_uring_query_hdr *h = guarded(n * sizeof(*h));
	char *data = guarded(size);
	int ret;

	for (uint32_t i = 0; i < n; i++) {
		h[i].query_data = (unsigned long)data;
		h[i].query_op = op;
		h[i].size = size;
		h[i].next_entry = i + 1 < n ? (unsigned long)&h[i + 1] : 0;
	}
	if (chain == 1)		/* a circle; it ends where the result isn't 0 */
		h[n - 1].next_entry = (unsigned long)h;
	else if (chain == 2)
		h[n - 1].next_entry = (unsigned long)no_access();
	if (a[4] % 5)
		h[0].__resv[a[4] % 3] = a[4];
	else if (a[4])
		h[0].result = a[4];
	if (a[5])
		h[n - 1].query_data = a[5] & 1 ? 8 : (unsigned long)no_access() - size / 2;
	ret = sys_register(-1, IORING_REGISTER_QUERY, h, 0);
	if (!ret && (chain == 1 || chain == 2))
		finding("a query of a bad chain succeeded");
	if (!ret && !a[4] && !a[5] &&
	    h[0].result != (op > 3 ? -EOPNOTSUPP : size ? 0 : -EINVAL))
		finding("a query's result was %d", h[0].result);
	if (!ret && !h[0].result && h[0].size > size)
		finding("a query filled %u of %u bytes", h[0].size, size);
	return ret;
}
