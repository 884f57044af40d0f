// SPDX-License-Identifier: GPL-2.0
/*
 * Registration of zcrx instances with faults. Each registration has its own
 * ring. It runs with a fault and, if that made it fail, again without, which
 * must succeed. Then the ring is closed, and all memory must come back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../../io_uring/fault_inject.h"
#include "../../../io_uring/leaks.h"
#include "zcrx_rx.h"

#define MAX_FAULTS	5000
/* How long it may take until all is freed, in ms. */
#define FREE_TIME	20000

static struct {
	unsigned int	n;
	bool		copies;		/* from and to user space, and no others */
	const char	*caches[2];
	bool		injected;
	int		ret;
	unsigned int	nr_problems;
	unsigned int	nr_nomem;	/* errors */
	unsigned int	nr_copies;	/* errors of those alone */
	unsigned int	nr_absorbed;	/* no errors */
} fault;

static void wrong(const char *what, long long was, long long is)
{
	fault.nr_problems++;
	printf("{\"ev\": \"problem\", \"n\": %u, \"what\": \"%s\", ",
	       fault.n, what);
	printf("\"was\": %lld, \"is\": %lld, \"ret\": %d}\n",
	       was, is, fault.ret);
}

static int register_faulty(int ring_fd, struct io_uring_zcrx_ifq_reg *reg,
			   void *unused)
{
	struct io_uring_region_desc *rd = (void *)(unsigned long)reg->region_ptr;
	struct io_uring_zcrx_area_reg *area = (void *)(unsigned long)reg->area_ptr;
	struct io_uring_zcrx_area_reg area_before = *area;
	struct io_uring_zcrx_ifq_reg reg_before = *reg;
	struct io_uring_region_desc rd_before = *rd;
	int fds = open_fds();
	int ret;

	if (fault.caches[0])
		fi_caches(fault.caches);
	else if (fault.copies)
		fi_nth_copy(fault.n);
	else
		fi_nth(fault.n);
	ret = zn_raw_register(ring_fd, reg);
	fault.injected = fi_off();
	fault.ret = ret;
	if (!ret)
		return 0;

	if (!fault.injected || (ret != -ENOMEM && ret != -EFAULT))
		wrong("error", 0, ret);
	if (open_fds() != fds)
		wrong("open files", fds, open_fds());
	*reg = reg_before;
	*rd = rd_before;
	*area = area_before;
	ret = zn_raw_register(ring_fd, reg);
	if (ret)
		wrong("error when tried again", 0, ret);
	else if (reg->zcrx_id)
		wrong("id", 0, reg->zcrx_id);
	return ret;
}

static void wait_pinned(long kb)
{
	unsigned int i;

	for (i = 0; i < FREE_TIME && vmpin_kb() != kb; i++)
		usleep(1000);
	if (vmpin_kb() != kb)
		wrong("pinned memory in kB", kb, vmpin_kb());
}

/* Register with each fault, until there are no more. */
static void sweep(const struct options *o)
{
	const char *what;

	for (fault.n = 1; fault.n < MAX_FAULTS; fault.n++) {
		struct zn_ifq q = {};
		long kb = vmpin_kb();
		int fds = open_fds();
		int ret;

		ret = open_ifq(&q, o, &what);
		if (ret && !fault.nr_problems) {
			printf("{\"ev\": \"failed\", \"what\": \"%s\", \"errno\": %d}\n",
			       what, -ret);
			exit(1);
		}
		zn_close(&q);
		wait_pinned(kb);
		if (open_fds() != fds)
			wrong("open files after all", fds, open_fds());
		if (fault.copies) {
			fault.nr_copies += fault.ret == -EFAULT;
		} else {
			fault.nr_nomem += fault.ret == -ENOMEM;
			fault.nr_absorbed += fault.injected && !fault.ret;
		}
		if (!fault.injected || fault.nr_problems || o->fail_cache)
			break;
	}
	if (fault.n == MAX_FAULTS)
		wrong("number of faults", 0, fault.n);
}

void register_with_faults(const struct options *opts)
{
	struct options o = *opts;
	const char *missing;

	missing = fi_setup();
	atexit(fi_restore);
	fault.caches[0] = o.fail_cache;
	if (!missing && fi_open())
		missing = "needs fail-nth";
	if (!missing && o.fail_cache) {
		if (fi_caches(fault.caches))
			missing = "needs a slab cache that can fail alone";
		fi_off();
	}
	if (missing) {
		printf("{\"ev\": \"faults\", \"missing\": \"%s\"}\n", missing);
		return;
	}
	o.ifq.do_register = register_faulty;

	sweep(&o);
	/*
	 * What a debug kernel allocates for itself differs from time to time,
	 * which moves the other places.
	 */
	fault.copies = true;
	if (!o.fail_cache)
		sweep(&o);
	fi_restore();
	printf("{\"ev\": \"faults\", \"problems\": %u, \"ENOMEM\": %u, ",
	       fault.nr_problems, fault.nr_nomem);
	printf("\"copies\": %u, \"absorbed\": %u}\n", fault.nr_copies,
	       fault.nr_absorbed);
}
