// SPDX-License-Identifier: GPL-2.0
/*
 * No fault loses a notification, neither while the kernel posts it nor while it
 * receives the payload. If the CQE neither fits in the CQ nor can go on the
 * overflow list, the type stays armed and the next event notifies. The test
 * makes the first place that can fail do so, then the second, up to the last.
 */
#include "zcrx_notif_fault.h"

#define CQ_ENTRIES	8

/* The creator @q has a small CQ, the importer @imp makes the events. */
FIXTURE(post)
{
	struct zn_ifq q;
	struct zn_ifq imp;
	struct zn_events ev;
	struct zn_events imp_ev;
};

FIXTURE_VARIANT(post)
{
	__u32		ring_flags;
	unsigned int	nops;	/* CQEs that are there already */
	__u32		type;
};

FIXTURE_VARIANT_ADD(post, full_cq)
{
	.ring_flags = IORING_SETUP_CQE32,
	.nops = CQ_ENTRIES,
	.type = ZCRX_NOTIF_COPY,
};

FIXTURE_VARIANT_ADD(post, full_cq_mixed)
{
	.ring_flags = IORING_SETUP_CQE_MIXED,
	.nops = CQ_ENTRIES,
	.type = ZCRX_NOTIF_COPY,
};

FIXTURE_VARIANT_ADD(post, full_cq_no_buffers)
{
	.ring_flags = IORING_SETUP_CQE32,
	.nops = CQ_ENTRIES,
	.type = ZCRX_NOTIF_NO_BUFFERS,
};

FIXTURE_VARIANT_ADD(post, room_in_cq)
{
	.ring_flags = IORING_SETUP_CQE32,
	.nops = 0,
	.type = ZCRX_NOTIF_COPY,
};

FIXTURE_SETUP(post)
{
	const struct zn_opts o = {
		.area_pages = 1,
		.ring_flags = variant->ring_flags,
		.cq_entries = CQ_ENTRIES,
		.types = ZN_ALL_TYPES,
		.stats = true,
	};

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, fi_open());
	ASSERT_EQ(0, zn_open_imported(&self->q, &self->imp, &o));
}

FIXTURE_TEARDOWN(post)
{
	EXPECT_EQ(0, self->imp_ev.notifs + self->imp_ev.others);
	zn_close(&self->imp);
	zn_close(&self->q);
}

/* Reap all CQEs. The kernel reports once that it dropped a CQE. */
static int reap_all(struct zn_ifq *q, struct zn_events *ev)
{
	int ret = zn_reap(q, ev, 0, 0);

	if (ret == -EBADR)
		ret = zn_reap(q, ev, 0, 0);
	/* What was on the overflow list. */
	return ret < 0 ? ret : zn_reap(q, ev, 0, 0);
}

TEST_F_TIMEOUT(post, loses_nothing, SWEEP_TIME)
{
	unsigned int n, refused = 0, posted = 0;
	struct zn_events *ev = &self->ev;
	struct zn_ifq *q = &self->q;
	bool injected = true;

	/* The type is armed at the begin and end of each round. */
	if (variant->type == ZCRX_NOTIF_NO_BUFFERS) {
		ASSERT_EQ(0, zn_make_copy(&self->imp, &self->imp_ev));
		ASSERT_LE(0, reap_all(q, ev));
	}
	for (n = 1; injected && n < MAX_FAULTS; n++) {
		unsigned int dropped = *q->ring.cq.koverflow;
		int ret;

		memset(ev, 0, sizeof(*ev));
		ASSERT_EQ(0, zn_fill_cq(q, variant->nops));
		ASSERT_EQ(0, zn_make_event(&self->imp, &self->imp_ev,
					   variant->type));
		fi_nth(n);
		ret = io_uring_get_events(&q->ring);
		injected = fi_off();
		EXPECT_TRUE(ret >= 0 || ret == -EBADR || ret == -ENOMEM ||
			    ret == -EFAULT)
			TH_LOG("errno %d", -ret);

		ASSERT_LE(0, reap_all(q, ev));
		dropped = *q->ring.cq.koverflow - dropped;
		EXPECT_EQ(variant->nops, ev->others);
		EXPECT_EQ(1, ev->notifs + dropped);
		if (!ev->notifs) {
			/* It has not fired. */
			refused++;
			EXPECT_EQ(-EINVAL, zn_arm(q, variant->type));
			ASSERT_EQ(0, zn_make_event(&self->imp, &self->imp_ev,
						   variant->type));
			ASSERT_LE(0, reap_all(q, ev));
		} else {
			posted += injected;
		}
		ASSERT_EQ(1, ev->notifs)
			TH_LOG("with fault %u", n);
		EXPECT_EQ(variant->type, ev->notif_mask);

		/* That was it. */
		ASSERT_EQ(0, zn_make_event(&self->imp, &self->imp_ev,
					   variant->type));
		ASSERT_LE(0, reap_all(q, ev));
		EXPECT_EQ(1, ev->notifs);
		ASSERT_EQ(0, zn_arm(q, variant->type))
			TH_LOG("with fault %u", n);
	}
	TH_LOG("%u faults: %u times no CQE", refused + posted, refused);
	EXPECT_LT(n, MAX_FAULTS);
	/* The allocation for the overflow list has failed, if there is one. */
	EXPECT_EQ(variant->nops > 0, refused > 0);
}

FIXTURE(receive)
{
};

FIXTURE_SETUP(receive)
{
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, fi_open());
}

FIXTURE_TEARDOWN(receive)
{
}

/*
 * The ring that receives also gets the notification. This is its first request:
 * later requests would have nothing left to allocate.
 */
TEST_F_TIMEOUT(receive, loses_nothing, SWEEP_TIME)
{
	const struct zn_opts o = {
		.area_pages = 1,
		.types = ZCRX_NOTIF_COPY,
		.stats = true,
	};
	unsigned int n, failed = 0;
	bool injected = true;

	for (n = 1; injected && n < MAX_FAULTS; n++) {
		struct zn_events ev = {};
		struct before before;
		struct zn_ifq q;
		int ret;

		look(&before);
		ASSERT_EQ(0, zn_open_connected(&q, &o));
		ASSERT_EQ(1, zn_send(&q, 1));
		zn_recv_sqe(&q, q.server_fd, 1);
		fi_nth(n);
		ret = io_uring_submit_and_get_events(&q.ring);
		injected = fi_off();
		/* What was not submitted is now. */
		ASSERT_EQ(0, zn_reap_end(&q, &ev))
			TH_LOG("with fault %u, errno %d", n, -ret);
		ASSERT_LE(0, zn_reap(&q, &ev, 0, 0));
		failed += ret < 0 || ev.recv_end_res;
		EXPECT_EQ(zn_load(&q.stats->copy_count), ev.notifs);
		/* The receive may have failed before it copied. */
		if (!ev.notifs) {
			EXPECT_NE(0, ev.recv_end_res);
			ASSERT_EQ(0, zn_make_copy(&q, &ev));
			ASSERT_LE(0, zn_reap(&q, &ev, 0, 0));
		}
		ASSERT_EQ(1, ev.notifs)
			TH_LOG("with fault %u", n);
		EXPECT_EQ(0, ev.bad + ev.others);
		EXPECT_EQ(1, zn_refill(&q, ~0U));
		EXPECT_EQ(0, zn_arm(&q, ZCRX_NOTIF_COPY));
		ASSERT_EQ(0, zn_make_copy(&q, &ev));
		ASSERT_LE(0, zn_reap(&q, &ev, 0, 0));
		EXPECT_EQ(2, ev.notifs);
		zn_close(&q);
		check_gone(_metadata, &before);
	}
	TH_LOG("%u faults: %u times it failed", n - 2, failed);
	EXPECT_LT(n, MAX_FAULTS);
	/* Most have another way, but there are some. */
	EXPECT_LT(2, n);
}

int main(int argc, char **argv)
{
	return run_with_faults(argc, argv);
}
