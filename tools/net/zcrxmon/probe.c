// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "probe.h"

/* Mainline 7.2 answers the same query number with a structure of this size. */
#define EVENT_QUERY_SIZE	48

/*
 * One query. Returns the number of bytes that the kernel filled, or a negative
 * error. The kernel cuts a longer structure to our size. Of a shorter one it
 * returns the size, and the rest stays zero.
 */
static int query(unsigned int op, void *data, unsigned int size)
{
	struct io_uring_query_hdr hdr = {
		.query_data	= uring_ptr_to_u64(data),
		.query_op	= op,
		.size		= size,
	};
	int ret;

	memset(data, 0, size);
	ret = io_uring_register_query(&hdr);
	if (ret < 0)
		return ret;
	return hdr.result < 0 ? hdr.result : (int)hdr.size;
}

static enum notif_form notif_form(struct probe *p)
{
	int size;

	if (!(p->zcrx.features & ZCRX_FEATURE_NOTIFICATION))
		return NOTIF_NO;
	size = query(IO_URING_QUERY_ZCRX_NOTIF, &p->notif, sizeof(p->notif));
	p->notif_query_size = size < 0 ? 0 : size;
	if (size == sizeof(p->notif))
		return NOTIF_MASK;
	return size == EVENT_QUERY_SIZE ? NOTIF_EVENT : NOTIF_UNKNOWN;
}

void probe_kernel(struct probe *p)
{
	int ret;

	memset(p, 0, sizeof(*p));
	ret = io_uring_zcrx_query(&p->zcrx);
	/* The query works, but the kernel does not know this one */
	if (ret == -EOPNOTSUPP)
		return;
	if (ret) {
		p->error = ret;
		return;
	}
	p->has_zcrx = true;
	p->form = notif_form(p);
}
