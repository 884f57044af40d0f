/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between kernels in the UAPI of notifications. */
#ifndef ZCRX_ABI_H
#define ZCRX_ABI_H

int zn_ctrl(int ring_fd, struct zcrx_ctrl *c);

/* Types share CQEs, and arming several of them is all or nothing. */
#define ZN_TYPES_SHARE	true

/* Registration allocates the request that posts notifications. */
#define ZN_ALLOCATES_REQUEST	true

/* CQEs of @types that happened before task work ran */
static inline unsigned int zn_nr_cqes(__u32 types)
{
	return !!types;
}

/* The types that a CQE notifies of, as a mask. */
static inline __u32 zn_types_of(const struct io_uring_cqe *cqe)
{
	return cqe->res;
}

/* The control that arms @types. */
static inline struct zcrx_ctrl zn_arm_ctrl(__u32 zcrx_id, __u32 types)
{
	return (struct zcrx_ctrl) {
		.zcrx_id = zcrx_id,
		.op = ZCRX_CTRL_ARM_NOTIFICATION,
		.zc_arm_notif.type_mask = types,
	};
}

static inline int zn_arm_types(int ring_fd, __u32 zcrx_id, __u32 types)
{
	struct zcrx_ctrl c = zn_arm_ctrl(zcrx_id, types);

	return zn_ctrl(ring_fd, &c);
}

#endif
