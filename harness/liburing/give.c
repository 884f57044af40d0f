// SPDX-License-Identifier: GPL-2.0
/* Giving one buffer back and showing it: by the helpers of liburing, and by hand. */
#include <liburing.h>

int by_helper(struct io_uring_zcrx_rq *rq, __u64 off);
int by_hand(struct io_uring_zcrx_rq *rq, __u64 off);

int by_helper(struct io_uring_zcrx_rq *rq, __u64 off)
{
	int ret = io_uring_zcrx_rq_add(rq, off);

	if (!ret)
		io_uring_zcrx_rq_advance(rq);
	return ret;
}

int by_hand(struct io_uring_zcrx_rq *rq, __u64 off)
{
	struct io_uring_zcrx_rqe *rqe;

	if (rq->rq_tail - io_uring_smp_load_acquire(rq->khead) == rq->ring_entries)
		return -EAGAIN;
	rqe = &rq->rqes[rq->rq_tail & (rq->ring_entries - 1)];
	rqe->off = off;
	rqe->len = 0;
	rqe->__pad = 0;
	io_uring_smp_store_release(rq->ktail, ++rq->rq_tail);
	return 0;
}
