// SPDX-License-Identifier: GPL-2.0
/*
 * The code that KCOV saw, and the programs that reached new code; all processes
 * share both. KCOV sees the system calls of the program's own task, but not
 * softirqs, kworkers and the processes that it starts.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "fuzz.h"

#define TRACE_WORDS	(128 << 10)
#define NR_PCS		(64 << 10)	/* a power of two; a few thousand are used */

static struct shared {
	unsigned int	nr_pcs;
	unsigned int	nr_progs;
	uint32_t	pcs[NR_PCS];	/* the lower halves, by hash */
	struct prog	corpus[CORPUS_SIZE];
	bool		whole[CORPUS_SIZE];
} *shared;

static int kcov = -1;
static uint64_t *trace;

bool cover_init(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared != MAP_FAILED && !access("/sys/kernel/debug/kcov", W_OK);
}

bool cover_open(void)
{
	kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov < 0 || ioctl(kcov, KCOV_INIT_TRACE, TRACE_WORDS))
		return false;
	trace = mmap(NULL, TRACE_WORDS * sizeof(*trace), PROT_READ | PROT_WRITE,
		     MAP_SHARED, kcov, 0);
	return trace != MAP_FAILED;
}

void cover_start(void)
{
	if (kcov < 0)
		return;
	__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
	if (ioctl(kcov, KCOV_ENABLE, KCOV_TRACE_PC))
		finding("KCOV cannot be enabled");
}

static bool add_pc(uint32_t pc)
{
	uint32_t i = pc * 2654435761U / (UINT32_MAX / NR_PCS + 1U) % NR_PCS;

	for (unsigned int n = 0; n < NR_PCS; n++, i = (i + 1) % NR_PCS) {
		uint32_t old = __atomic_load_n(&shared->pcs[i], __ATOMIC_RELAXED);

		if (old == pc)
			return false;
		if (!old && __atomic_compare_exchange_n(&shared->pcs[i], &old, pc,
							false, __ATOMIC_RELAXED,
							__ATOMIC_RELAXED)) {
			__atomic_fetch_add(&shared->nr_pcs, 1, __ATOMIC_RELAXED);
			return true;
		}
		if (old == pc)
			return false;
	}
	return false;
}

unsigned int cover_merge(void)
{
	uint32_t recent[64] = {};
	unsigned int new = 0;
	uint64_t n;

	if (kcov < 0)
		return 0;
	n = trace[0] < TRACE_WORDS - 1 ? trace[0] : TRACE_WORDS - 1;
	for (uint64_t i = 1; i <= n; i++) {
		uint32_t pc = trace[i], *slot = &recent[pc / 4 % 64];

		/* loops */
		if (*slot == pc)
			continue;
		*slot = pc;
		new += add_pc(pc);
	}
	return new;
}

unsigned int cover_total(void)
{
	return shared->nr_pcs;
}

void cover_save(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return;
	for (unsigned int i = 0; i < NR_PCS; i++)
		if (shared->pcs[i])
			fprintf(f, "ffffffff%08x\n", shared->pcs[i]);
	fclose(f);
}

/* When the corpus is full, new programs replace the oldest. */
void corpus_add(const struct prog *p)
{
	unsigned int i = __atomic_fetch_add(&shared->nr_progs, 1,
					    __ATOMIC_SEQ_CST) % CORPUS_SIZE;

	__atomic_store_n(&shared->whole[i], false, __ATOMIC_SEQ_CST);
	shared->corpus[i] = *p;
	__atomic_store_n(&shared->whole[i], true, __ATOMIC_SEQ_CST);
}

unsigned int corpus_size(void)
{
	unsigned int n = __atomic_load_n(&shared->nr_progs, __ATOMIC_SEQ_CST);

	return n < CORPUS_SIZE ? n : CORPUS_SIZE;
}

const struct prog *corpus_get(unsigned int i)
{
	return __atomic_load_n(&shared->whole[i], __ATOMIC_SEQ_CST) ?
	       &shared->corpus[i] : NULL;
}

void corpus_save(const char *path)
{
	FILE *f = fopen(path, "w");
	char text[MAX_TEXT];

	if (!f)
		return;
	for (unsigned int i = 0; i < corpus_size(); i++) {
		prog_print(&shared->corpus[i], text);
		fprintf(f, "%s---\n", text);
	}
	fclose(f);
}
