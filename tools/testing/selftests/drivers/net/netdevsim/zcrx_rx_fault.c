// SPDX-License-Identifier: GPL-2.0
/*
 * Registration of zcrx instances while things fail. Each registration is on a
 * ring of its own: with a fault and, if that made it fail, again without, which
 * must succeed. Then it is closed, and all memory must come back.
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
	const char	*caches[2];
	bool		injected;
	int		ret;
	unsigned int	nr_problems;
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

void register_with_faults(const struct options *opts)
{
	unsigned int nr_nomem = 0, nr_fault = 0, nr_absorbed = 0;
	struct options o = *opts;
	const char *what;
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

	for (fault.n = 1; fault.n < MAX_FAULTS; fault.n++) {
		struct zn_ifq q = {};
		long kb = vmpin_kb();
		int fds = open_fds();
		int ret;

		ret = open_ifq(&q, &o, &what);
		if (ret && !fault.nr_problems) {
			printf("{\"ev\": \"failed\", \"what\": \"%s\", \"errno\": %d}\n",
			       what, -ret);
			exit(1);
		}
		zn_close(&q);
		wait_pinned(kb);
		if (open_fds() != fds)
			wrong("open files after all", fds, open_fds());
		nr_nomem += fault.ret == -ENOMEM;
		nr_fault += fault.ret == -EFAULT;
		nr_absorbed += fault.injected && !fault.ret;
		if (!fault.injected || fault.nr_problems || o.fail_cache)
			break;
	}
	if (fault.n == MAX_FAULTS)
		wrong("number of faults", 0, fault.n);
	fi_restore();
	printf("{\"ev\": \"faults\", \"places\": %u, \"problems\": %u, ",
	       nr_nomem + nr_fault + nr_absorbed, fault.nr_problems);
	printf("\"ENOMEM\": %u, \"EFAULT\": %u, \"absorbed\": %u}\n",
	       nr_nomem, nr_fault, nr_absorbed);
}
