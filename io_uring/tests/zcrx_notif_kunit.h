/* SPDX-License-Identifier: GPL-2.0 */
/* Set up the notifications of a test in memory that stands for the region. */
#ifndef IOU_ZCRX_NOTIF_KUNIT_H
#define IOU_ZCRX_NOTIF_KUNIT_H

#include "../zcrx_notif.h"
#include "../memmap.h"

/* The statistics may begin with the first byte: there is no refill queue. */
static inline int setup_in(struct zcrx_notif *n,
			   const struct zcrx_notification_desc *desc, void *mem)
{
	struct io_mapped_region region = { .ptr = mem, .nr_pages = 1 };

	return zcrx_notif_setup(n, desc, &region, 0);
}

#endif
