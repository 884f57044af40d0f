/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls with a fault, for sweeps over all faults that a call can have: a sweep
 * makes the first place that can fail do so, then the second, up to the last.
 */
#ifndef ZCRX_NOTIF_FAULT_H
#define ZCRX_NOTIF_FAULT_H

#include <errno.h>

#include "fault_inject.h"
#include "kselftest_harness.h"
#include "leaks.h"
#include "zcrx_notif_request.h"

/* More than there are places in any of the calls. */
#define MAX_FAULTS	5000
/* How long it may take until all is freed, in ms. */
#define FREE_TIME	20000
/* In s; a debug kernel on an emulated machine is slow. */
#define SWEEP_TIME	170

/* Why there are no faults to be had. */
static const char *missing;

/* A call that fails, or could. */
struct attempt {
	enum { PLACES, COPIES, CACHES } what;
	const char	*caches[2];	/* of CACHES */
	bool		crowded;	/* the ring has an ifq already */
	bool		unpopulated;	/* memory is not there before */
	unsigned int	n;
	bool		unavailable;	/* there is no such fault */
	bool		injected;
	int		ret;
	unsigned int	nr_nomem;
	unsigned int	nr_fault;
	unsigned int	nr_absorbed;
};

static inline int start_faults(struct attempt *a)
{
	int ret = 0;

	if (a->what == CACHES)
		ret = fi_caches(a->caches);
	else if (a->what == PLACES)
		fi_nth(a->n);
	else
		fi_nth_copy(a->n);
	a->unavailable = ret < 0;
	return ret;
}

/* How the call may end. */
static inline void check_result(struct __test_metadata *_metadata,
				struct attempt *a, int ret)
{
	a->ret = ret;
	if (!a->injected) {
		EXPECT_LE(0, ret);
		return;
	}
	if (a->what == COPIES) {
		EXPECT_EQ(-EFAULT, ret);
	} else if (a->what == CACHES) {
		EXPECT_EQ(-ENOMEM, ret);
	} else if (ret < 0) {
		EXPECT_TRUE(ret == -ENOMEM || ret == -EFAULT)
			TH_LOG("errno %d", -ret);
	}
	a->nr_nomem += ret == -ENOMEM;
	a->nr_fault += ret == -EFAULT;
	a->nr_absorbed += ret >= 0;
}

/* Values that must be back when everything is closed. */
struct before {
	long	vmpin;
	int	fds;
};

static inline void look(struct before *b)
{
	b->vmpin = vmpin_kb();
	b->fds = open_fds();
}

static inline bool as_before(void *arg)
{
	struct before *b = arg;

	return vmpin_kb() == b->vmpin && open_fds() == b->fds &&
	       iou_exit_workers() == 0;
}

static inline void check_gone(struct __test_metadata *_metadata,
			      struct before *b)
{
	EXPECT_TRUE(zn_wait_until(as_before, b, FREE_TIME))
		TH_LOG("VmPin %ld and %ld kB, fds %d and %d, %d exit workers",
		       b->vmpin, vmpin_kb(), b->fds, open_fds(),
		       iou_exit_workers());
}

/* Whether to go on with the next fault. */
static inline bool next(struct __test_metadata *_metadata, struct attempt *a)
{
	if (!__test_passed(_metadata)) {
		TH_LOG("with fault %u, the call returned %d", a->n, a->ret);
		return false;
	}
	if (a->what == CACHES || !a->injected)
		return false;
	a->n++;
	return a->n < MAX_FAULTS;
}

/*
 * At least @copies to and from user space failed, and allocations if any. What
 * a debug kernel allocates for itself differs from time to time, which moves
 * the other places, so only a sweep over copies alone is sure to meet each.
 */
static inline void check_sweep(struct __test_metadata *_metadata,
			       struct attempt *a, unsigned int copies,
			       bool allocates)
{
	if (!__test_passed(_metadata))
		return;
	TH_LOG("%u faults: %u ENOMEM, %u EFAULT, %u without effect",
	       a->nr_nomem + a->nr_fault + a->nr_absorbed, a->nr_nomem,
	       a->nr_fault, a->nr_absorbed);
	EXPECT_LT(a->n, MAX_FAULTS);
	if (a->what == COPIES)
		EXPECT_LE(copies, a->nr_fault);
	if (a->what == PLACES)
		EXPECT_EQ(copies > 0, a->nr_fault > 0);
	if (a->what == PLACES && allocates)
		EXPECT_LT(0, a->nr_nomem);
}

/* Each type notifies once, then is silent until it is armed. */
static inline void check_notifies(struct __test_metadata *_metadata,
				  struct zn_ifq *q, struct zn_ifq *receiver)
{
	unsigned int had = receiver->nr_held;
	struct zn_events ev = {}, receiver_ev = {};
	__u64 copies = q->stats ? zn_load(&q->stats->copy_count) : 0;

	ASSERT_LE(0, zn_reap(q, &ev, 0, 0));
	ASSERT_EQ(0, ev.notifs);
	EXPECT_EQ(-EINVAL, zn_arm(q, ZCRX_NOTIF_COPY));

	for (unsigned int i = 1; i <= 2; i++) {
		ASSERT_EQ(0, zn_make_copy(receiver, &receiver_ev));
		ASSERT_LE(0, zn_reap(q, q == receiver ? &receiver_ev : &ev,
				     0, 0));
		EXPECT_EQ(1, ev.notifs + receiver_ev.notifs);
	}
	EXPECT_EQ(0, zn_arm(q, ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(q, ZCRX_NOTIF_COPY));
	ASSERT_EQ(0, zn_make_copy(receiver, &receiver_ev));
	ASSERT_LE(0, zn_reap(q, q == receiver ? &receiver_ev : &ev, 0, 0));
	EXPECT_EQ(2, ev.notifs + receiver_ev.notifs);
	EXPECT_EQ(ZCRX_NOTIF_COPY, ev.notif_mask | receiver_ev.notif_mask);
	EXPECT_EQ(0, ev.bad + ev.others + receiver_ev.bad + receiver_ev.others);
	if (q->stats)
		EXPECT_EQ(copies + 3, zn_load(&q->stats->copy_count));
	EXPECT_EQ(3, receiver->nr_held - had);
	EXPECT_EQ(3, zn_refill(receiver, ~0U));
	EXPECT_EQ(0, zn_arm(q, ZCRX_NOTIF_COPY));
}

/*
 * Registration and import, within zn_open() and zn_import(): the attempt, then
 * the same again if that failed.
 */
struct reg_call {
	struct __test_metadata *_metadata;
	struct attempt a;
	void *other_area;	/* of the ifq that crowds the ring */
};

static inline void *user_ptr(__u64 addr)
{
	return (void *)(unsigned long)addr;
}

/* Have the kernel find no page where it wants to pin some. */
static inline void unpopulate(struct io_uring_zcrx_area_reg *area,
			      struct io_uring_region_desc *rd)
{
	madvise(user_ptr(area->addr), area->len, MADV_DONTNEED);
	if (rd->user_addr)
		madvise(user_ptr(rd->user_addr), rd->size, MADV_DONTNEED);
}

static inline int attempt_register(int ring_fd,
				   struct io_uring_zcrx_ifq_reg *reg, void *arg)
{
	struct reg_call *c = arg;
	struct __test_metadata *_metadata = c->_metadata;
	struct attempt *a = &c->a;
	struct io_uring_zcrx_area_reg none = {}, *area;
	struct io_uring_region_desc no_rd = {}, *rd;
	struct before before;
	struct request req;
	__u32 id = 0;
	int ret;

	area = user_ptr(reg->area_ptr) ?: &none;
	rd = user_ptr(reg->region_ptr) ?: &no_rd;
	if (a->crowded) {
		struct request other;

		make_request(&other, &good_case, c->other_area, NULL);
		ret = zn_raw_register(ring_fd, &other.reg);
		if (ret)
			return ret;
		id = 1;
	}
	if (a->unpopulated)
		unpopulate(area, rd);
	req.reg = *reg;
	req.area = *area;
	req.rd = *rd;
	look(&before);

	ret = start_faults(a);
	if (ret)
		return ret;
	ret = zn_raw_register(ring_fd, reg);
	a->injected = fi_off();
	check_result(_metadata, a, ret);
	if (ret < 0) {
		EXPECT_EQ(before.vmpin, vmpin_kb());
		EXPECT_EQ(before.fds, open_fds());
		EXPECT_EQ(-ENXIO, flush_id(ring_fd, id));
		*reg = req.reg;
		*area = req.area;
		*rd = req.rd;
		ret = zn_raw_register(ring_fd, reg);
		EXPECT_EQ(0, ret);
	}
	EXPECT_EQ(id, reg->zcrx_id);
	return ret;
}

static inline int run_with_faults(int argc, char **argv)
{
	int ret;

	missing = fi_setup();
	ret = test_harness_run(argc, argv);
	fi_restore();
	return ret;
}

#endif /* ZCRX_NOTIF_FAULT_H */
