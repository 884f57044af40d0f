/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the state, one by one. */
#ifndef IOU_ZCRX_NOTIF_KUNIT_H
#define IOU_ZCRX_NOTIF_KUNIT_H

#include "../zcrx_notif.h"

static inline u32 armed(const struct zcrx_notif *n)
{
	return atomic_read(&n->state) & 0xff;
}

static inline u32 pending(const struct zcrx_notif *n)
{
	return atomic_read(&n->state) >> 8 & 0xff;
}

static inline u32 fired(const struct zcrx_notif *n)
{
	return atomic_read(&n->state) >> 16 & 0xff;
}

static inline bool in_flight(const struct zcrx_notif *n)
{
	return atomic_read(&n->state) & ZCRX_NOTIF_IN_FLIGHT;
}

#endif
