// SPDX-License-Identifier: GPL-2.0
#include "losses.h"

static const struct loss losses[] = {
	{ "no-counter",
	  "failed allocations are not counted: those before a type is armed stay unknown" },
	{ "copy-without-buffer",
	  "a copy that finds no buffer does not notify of NO_BUFFERS" },
	{ "linear-part",
	  "copies of the linear part of a packet do not count or notify, and look like zero-copy" },
	{ "no-memory",
	  "an event is dropped if the kernel has no memory for it" },
	{ "lost-completion",
	  "a type whose completion finds no memory is silent from then on" },
	{ "registration",
	  "events before the end of the registration are dropped" },
	{ "shared-counters",
	  "counters lose updates when rings share an instance, which zcrxmon does not do" },
	{}
};

const struct loss *losses_of(const struct probe *p)
{
	static const struct loss none;

	return p->form == NOTIF_EVENT && !probe_counts_all(p) ? losses : &none;
}

void losses_print(FILE *f, const struct probe *p, const char *separator)
{
	const struct loss *loss;
	const char *before = "";

	for (loss = losses_of(p); loss->name; loss++) {
		fprintf(f, "%s%s", before, loss->name);
		before = separator;
	}
}
