// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in exporting, importing, arming, flushing and a query: the call fails
 * with an error or copes, and leaves nothing behind and nothing undone. After
 * each fault the same call succeeds, and notifications still come.
 */
#include "zcrx_notif_fault.h"

/* The calls that take an ifq: its creator, with a connection. */
FIXTURE(call)
{
	struct reg_call call;
};

enum op { EXPORT, IMPORT, ARM, FLUSH };

FIXTURE_VARIANT(call)
{
	enum op		op;
	struct attempt	a;
	unsigned int	copies;
	bool		allocates;
};

FIXTURE_VARIANT_ADD(call, export)
{
	.op = EXPORT, .copies = 2, .allocates = true,
};

FIXTURE_VARIANT_ADD(call, export_copies)
{
	.op = EXPORT, .copies = 2, .a.what = COPIES,
};

FIXTURE_VARIANT_ADD(call, export_no_file)
{
	.op = EXPORT, .a = { .what = CACHES, .caches = { "filp" } },
};

FIXTURE_VARIANT_ADD(call, import) { .op = IMPORT, .copies = 2 };

FIXTURE_VARIANT_ADD(call, import_to_ring_that_has_one)
{
	.op = IMPORT, .copies = 2, .a.crowded = true,
};

FIXTURE_VARIANT_ADD(call, import_copies)
{
	.op = IMPORT, .copies = 2, .a.what = COPIES,
};

FIXTURE_VARIANT_ADD(call, import_no_xarray_node)
{
	.op = IMPORT,
	.a = { .what = CACHES, .caches = { "radix_tree_node" } },
};

FIXTURE_VARIANT_ADD(call, arm) { .op = ARM, .copies = 1 };

FIXTURE_VARIANT_ADD(call, arm_copies)
{
	.op = ARM, .copies = 1, .a.what = COPIES,
};

FIXTURE_VARIANT_ADD(call, flush) { .op = FLUSH, .copies = 1 };

FIXTURE_VARIANT_ADD(call, flush_copies)
{
	.op = FLUSH, .copies = 1, .a.what = COPIES,
};

FIXTURE_SETUP(call)
{
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, fi_open());
	self->call._metadata = _metadata;
	self->call.a = variant->a;
	self->call.a.n = 1;
	self->call.other_area = map(AREA_SIZE);
	ASSERT_NE(NULL, self->call.other_area);
}

FIXTURE_TEARDOWN(call)
{
	if (self->call.other_area)
		munmap(self->call.other_area, AREA_SIZE);
}

static void try_export(struct __test_metadata *_metadata, struct attempt *a,
		       struct zn_ifq *q)
{
	const struct zn_opts o = {};
	int fd, fds = open_fds(), next = next_fd();
	struct zn_ifq imp;

	if (start_faults(a))
		return;
	fd = zn_export(q);
	a->injected = fi_off();
	check_result(_metadata, a, fd);
	if (fd < 0) {
		EXPECT_EQ(fds, open_fds());
		fd = zn_export(q);
		ASSERT_LE(0, fd);
	}
	/* A number that is taken without a file is seen in the next one. */
	EXPECT_EQ(next, fd);
	EXPECT_EQ(fds + 1, open_fds());
	ASSERT_EQ(0, zn_import(&imp, q, fd, &o));
	ASSERT_EQ(0, zn_connect(&imp));
	check_notifies(_metadata, q, &imp);
	zn_close(&imp);
	close(fd);
	EXPECT_EQ(fds, open_fds());
}

static void try_import(struct __test_metadata *_metadata,
		       struct reg_call *call, struct zn_ifq *q)
{
	const struct zn_opts o = {
		.do_register = attempt_register,
		.do_register_arg = call,
	};
	struct zn_ifq imp;
	int ret, fd = zn_export(q);

	ASSERT_LE(0, fd);
	ret = zn_import(&imp, q, fd, &o);
	if (call->a.unavailable)
		return;
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, zn_connect(&imp));
	check_notifies(_metadata, q, &imp);
	zn_close(&imp);
	close(fd);
}

/* COPY has fired. */
static void try_arm(struct __test_metadata *_metadata, struct attempt *a,
		    struct zn_ifq *q)
{
	struct zn_events ev = {};
	int ret;

	ASSERT_EQ(0, zn_make_copy(q, &ev));
	ASSERT_LE(0, zn_reap(q, &ev, 0, 0));
	ASSERT_EQ(1, ev.notifs);
	start_faults(a);
	ret = zn_arm(q, ZCRX_NOTIF_COPY);
	a->injected = fi_off();
	check_result(_metadata, a, ret);
	if (ret) {
		ASSERT_EQ(0, zn_make_copy(q, &ev));
		ASSERT_LE(0, zn_reap(q, &ev, 0, 0));
		EXPECT_EQ(1, ev.notifs);
		EXPECT_EQ(0, zn_arm(q, ZCRX_NOTIF_COPY));
	}
	EXPECT_EQ(-EINVAL, zn_arm(q, ZCRX_NOTIF_COPY));
	ASSERT_EQ(0, zn_make_copy(q, &ev));
	ASSERT_LE(0, zn_reap(q, &ev, 0, 0));
	EXPECT_EQ(2, ev.notifs);
	EXPECT_EQ(0, zn_arm(q, ZCRX_NOTIF_COPY));
	zn_refill(q, ~0U);
}

/* One buffer of the area is in the refill queue. */
static void try_flush(struct __test_metadata *_metadata, struct attempt *a,
		      struct zn_ifq *q)
{
	struct zn_rq *rq = &q->rq;
	__u32 tail = *rq->ktail;
	struct zn_events ev = {};
	int ret;

	while (q->nr_held < AREA_PAGES)
		ASSERT_EQ(0, zn_make_copy(q, &ev));
	q->nr_held--;
	rq->rqes[tail & (rq->entries - 1)] = (struct io_uring_zcrx_rqe){
		.off = q->held[q->nr_held].off,
		.len = q->held[q->nr_held].len,
	};
	__atomic_store_n(rq->ktail, tail + 1, __ATOMIC_RELEASE);

	start_faults(a);
	ret = zn_flush_rq(q);
	a->injected = fi_off();
	check_result(_metadata, a, ret);
	if (ret) {
		/* It is still there. */
		EXPECT_EQ(tail, __atomic_load_n(rq->khead, __ATOMIC_ACQUIRE));
		EXPECT_EQ(0, zn_flush_rq(q));
	}
	EXPECT_EQ(tail + 1, __atomic_load_n(rq->khead, __ATOMIC_ACQUIRE));
	/* One buffer came back, and one alone. */
	ASSERT_EQ(0, zn_make_copy(q, &ev));
	EXPECT_EQ(0, zn_make_no_buffers(q, &ev));
	ASSERT_LE(0, zn_reap(q, &ev, 0, 0));
	EXPECT_EQ(ZN_ALL_TYPES, ev.notif_mask);
	EXPECT_EQ(0, zn_arm(q, ZN_ALL_TYPES));
	zn_refill(q, ~0U);
	ASSERT_EQ(0, zn_make_copy(q, &ev));
	ASSERT_LE(0, zn_reap(q, &ev, 0, 0));
	EXPECT_EQ(0, zn_arm(q, ZCRX_NOTIF_COPY));
	zn_refill(q, ~0U);
}

TEST_F_TIMEOUT(call, is_done_or_undone, SWEEP_TIME)
{
	struct attempt *a = &self->call.a;
	const struct zn_opts o = {
		.area_pages = AREA_PAGES,
		.types = ZN_ALL_TYPES,
		.stats = true,
		.kernel_region = true,
	};
	struct before before;

	do {
		struct zn_ifq q;

		look(&before);
		ASSERT_EQ(0, zn_open_connected(&q, &o));
		if (variant->op == EXPORT)
			try_export(_metadata, a, &q);
		else if (variant->op == IMPORT)
			try_import(_metadata, &self->call, &q);
		else if (variant->op == ARM)
			try_arm(_metadata, a, &q);
		else
			try_flush(_metadata, a, &q);
		if (a->unavailable)
			SKIP(return, "cannot fail %s alone", a->caches[0]);
		check_notifies(_metadata, &q, &q);
		zn_close(&q);
		check_gone(_metadata, &before);
	} while (next(_metadata, a));
	check_sweep(_metadata, a, variant->copies, variant->allocates);
}

FIXTURE(query)
{
	struct attempt a;
};

FIXTURE_VARIANT(query)
{
	struct attempt	a;
	__u32		op;
	__u32		size;
};

FIXTURE_VARIANT_ADD(query, zcrx)
{
	.op = IO_URING_QUERY_ZCRX,
	.size = sizeof(struct io_uring_query_zcrx),
};

FIXTURE_VARIANT_ADD(query, zcrx_copies)
{
	.op = IO_URING_QUERY_ZCRX,
	.size = sizeof(struct io_uring_query_zcrx),
	.a.what = COPIES,
};

FIXTURE_VARIANT_ADD(query, zcrx_notif)
{
	.op = IO_URING_QUERY_ZCRX_NOTIF,
	.size = sizeof(struct io_uring_query_zcrx_notif),
};

FIXTURE_VARIANT_ADD(query, zcrx_notif_copies)
{
	.op = IO_URING_QUERY_ZCRX_NOTIF,
	.size = sizeof(struct io_uring_query_zcrx_notif),
	.a.what = COPIES,
};

FIXTURE_SETUP(query)
{
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, fi_open());
	self->a = variant->a;
	self->a.n = 1;
}

FIXTURE_TEARDOWN(query)
{
}

TEST_F_TIMEOUT(query, is_answered_or_refused, SWEEP_TIME)
{
	struct attempt *a = &self->a;
	char right[128] = "", data[128];

	ASSERT_EQ(0, zn_query(variant->op, right, variant->size, NULL));
	do {
		__u32 size = 0;
		int ret;

		memset(data, 0, sizeof(data));
		start_faults(a);
		ret = zn_query(variant->op, data, variant->size, NULL);
		a->injected = fi_off();
		check_result(_metadata, a, ret);
		if (!ret)
			EXPECT_EQ(0, memcmp(right, data, sizeof(data)));
		memset(data, 0, sizeof(data));
		EXPECT_EQ(0, zn_query(variant->op, data, variant->size, &size));
		EXPECT_EQ(variant->size, size);
		EXPECT_EQ(0, memcmp(right, data, sizeof(data)));
	} while (next(_metadata, a));
	/* The header and the answer, both ways. */
	check_sweep(_metadata, a, 4, false);
}

int main(int argc, char **argv)
{
	return run_with_faults(argc, argv);
}
