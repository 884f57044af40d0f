// SPDX-License-Identifier: GPL-2.0
/* Workloads of zcrx_bench that are about events. */
#include "bench.h"

const struct workload event_workloads[] = {
	{}
};
