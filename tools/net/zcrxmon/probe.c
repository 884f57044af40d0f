// SPDX-License-Identifier: GPL-2.0
/*
 * What can this kernel do? IO_URING_QUERY answers without a ring and without
 * privileges.
 */
#include <string.h>

#include "explain.h"
#include "probe.h"

/* Mainline 7.2 answers the same query number with a structure of this size. */
#define MAINLINE_EVENT_QUERY_SIZE	48

/*
 * One query. Returns how many bytes the kernel filled, or a negative error. A
 * kernel that knows a longer structure than ours cuts it to our size, one that
 * knows a shorter one tells its size: what it does not know stays zero.
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
		return NOTIF_YES;
	return size == MAINLINE_EVENT_QUERY_SIZE ? NOTIF_MAINLINE :
						   NOTIF_UNKNOWN;
}

void probe_kernel(struct probe *p)
{
	int ret;

	memset(p, 0, sizeof(*p));
	ret = query(IO_URING_QUERY_ZCRX, &p->zcrx, sizeof(p->zcrx));
	/* The query works, only the question is unknown to the kernel */
	if (ret == -EOPNOTSUPP)
		return;
	if (ret < 0) {
		p->error = ret;
		return;
	}
	p->has_zcrx = true;
	p->form = notif_form(p);
}

void probe_print(const struct probe *p, FILE *f)
{
	static const char * const forms[] = {
		[NOTIF_NO]	 = "no",
		[NOTIF_YES]	 = "yes",
		[NOTIF_MAINLINE] = "in the form of mainline 7.2, which zcrxmon does not speak",
		[NOTIF_UNKNOWN]	 = "in a form that zcrxmon does not know",
	};

	if (p->error) {
		explain_query(p->error);
		return;
	}
	if (!p->has_zcrx) {
		fprintf(f, "zero-copy receive:      unknown (too old to answer)\n");
		return;
	}
	fprintf(f, "zero-copy receive:      yes\n");
	fprintf(f, "without a device:       %s\n",
		p->zcrx.register_flags & ZCRX_REG_NODEV ? "yes" : "no");
	fprintf(f, "large buffers:          %s\n",
		p->zcrx.features & ZCRX_FEATURE_RX_PAGE_SIZE ? "yes" : "no");
	fprintf(f, "notifications:          %s\n", forms[p->form]);
	if (p->form != NOTIF_YES)
		return;
	fprintf(f, "types:                 %s%s (mask %#x)\n",
		p->notif.notif_flags & ZCRX_NOTIF_NO_BUFFERS ?
			" NO_BUFFERS" : "",
		p->notif.notif_flags & ZCRX_NOTIF_COPY ? " COPY" : "",
		p->notif.notif_flags);
	fprintf(f, "statistics:             %u bytes, aligned to %u\n",
		p->notif.notif_stats_size, p->notif.notif_stats_off_alignment);
}

bool probe_suffices(const struct probe *p, bool nodev, bool notify)
{
	if (p->error) {
		explain_query(p->error);
		return false;
	}
	if (!p->has_zcrx) {
		zcrxmon_err("this kernel's io_uring does not answer the query about zero-copy receive (zcrx), so it is older than what zcrxmon needs. Boot a newer one, Linux 7.1 or later.");
		return false;
	}
	if (nodev && !(p->zcrx.register_flags & ZCRX_REG_NODEV)) {
		zcrxmon_err("this kernel cannot receive without a device (Linux 7.1 can). Use --interface and --queue on a NIC that supports zcrx.");
		return false;
	}
	if (!notify)
		return true;
	switch (p->form) {
	case NOTIF_YES:
		return true;
	case NOTIF_NO:
		zcrxmon_err("this kernel's zcrx has no notifications. Boot one with the zcrx notification series, or go on without them: --no-notify.");
		return false;
	case NOTIF_MAINLINE:
		zcrxmon_err("this kernel notifies in the form of mainline Linux 7.2 (its query has %u bytes, not %zu), where a completion carries one type's number and not a mask. zcrxmon does not speak it; go on without notifications: --no-notify.",
			    p->notif_query_size, sizeof(p->notif));
		return false;
	default:
		zcrxmon_err("this kernel notifies in a form that zcrxmon does not know (its query has %u bytes, not %zu). Go on without notifications: --no-notify.",
			    p->notif_query_size, sizeof(p->notif));
		return false;
	}
}
