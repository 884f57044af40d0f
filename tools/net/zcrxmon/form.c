// SPDX-License-Identifier: GPL-2.0
#include "form.h"

const char * const notif_names[NR_NOTIF] = {
	[__builtin_ctz(ZCRX_NOTIF_NO_BUFFERS)]	= "NO_BUFFERS",
	[__builtin_ctz(ZCRX_NOTIF_COPY)]	= "COPY",
};

struct size_text size_text(double bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int i = 0;
	struct size_text t;

	while (bytes >= 1024 && i < 4) {
		bytes /= 1024;
		i++;
	}
	snprintf(t.s, sizeof(t.s), i ? "%.1f %s" : "%.0f %s", bytes, units[i]);
	return t;
}

void print_types(FILE *f, __u32 types, const char *separator)
{
	const char *before = "";
	int i;

	for (i = 0; i < NR_NOTIF; i++) {
		if (!(types >> i & 1))
			continue;
		fprintf(f, "%s%s", before, notif_names[i]);
		before = separator;
	}
}
