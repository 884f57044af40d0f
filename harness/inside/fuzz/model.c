// SPDX-License-Identifier: GPL-2.0
/*
 * The expected behaviour of an ifq, from its documentation: counters only grow,
 * a type fires once and is silent until armed, and no event of an armed type is
 * lost.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_MODELS	128
#define TYPES		((1U << NR_TYPES) - 1)

bool in_child;

static struct {
	unsigned int	nr;
	struct model	models[MAX_MODELS];
} *shared;

/* A counter that moves with every event of the type; LOW_BUFFERS has none. */
static const unsigned int counter_of[NR_TYPES] = { 2, 0, NR_COUNTERS };
static const char *const type_names[NR_TYPES] = {
	"NO_BUFFERS", "COPY", "LOW_BUFFERS",
};

void model_init(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

struct model *model_new(void)
{
	unsigned int nr = __atomic_fetch_add(&shared->nr, 1, __ATOMIC_SEQ_CST);

	/* A shared entry mixes ifqs up, but no program is that long. */
	if (nr >= MAX_MODELS)
		return &shared->models[MAX_MODELS - 1];
	return &shared->models[nr];
}

struct model *model_get(unsigned int nr)
{
	return nr < MAX_MODELS && nr < shared->nr ? &shared->models[nr] : NULL;
}

unsigned int model_nr(const struct model *m)
{
	return m - shared->models;
}

bool model_mapped(const struct model *m)
{
	return m->region && m->mapper == getpid();
}

static bool counted(const struct model *m, unsigned int counter)
{
	return counter < NR_COUNTERS && m->live && model_mapped(m) && !m->scribbled &&
	       m->stats_size >= (counter + 1) * sizeof(uint64_t);
}

static uint64_t counter(const struct model *m, unsigned int counter)
{
	const uint64_t *stats = (void *)(m->region + m->stats_off);

	return __atomic_load_n(&stats[counter], __ATOMIC_SEQ_CST);
}

static void check_growth(struct model *m)
{
	for (unsigned int i = 0; i < NR_COUNTERS; i++) {
		uint64_t now;

		if (!counted(m, i))
			continue;
		now = counter(m, i);
		if (now < m->last[i] && !m->scribbled)
			finding("counter %u went from %llu to %llu", i,
				(unsigned long long)m->last[i],
				(unsigned long long)now);
		m->last[i] = now;
	}
}

static bool filled(const unsigned char *p, size_t n, unsigned char value)
{
	while (n && *p == value) {
		p++;
		n--;
	}
	return !n;
}

static void check_memory(struct model *m)
{
	size_t end = m->stats_off + m->stats_size;
	size_t known = NR_COUNTERS * sizeof(uint64_t);

	if (!m->live || !model_mapped(m) || m->scribbled)
		return;
	if (m->stats_size > known &&
	    !filled(m->region + m->stats_off + known, m->stats_size - known, 0))
		finding("the rest of the statistics is not 0");
	if (!m->own_memory)
		return;
	if (!m->stats_size)
		end = m->stats_off = m->rq_end;
	if (!filled(m->region + m->rq_end, m->stats_off - m->rq_end, GUARD))
		finding("memory before the statistics was written to");
	if (!filled(m->region + end, m->region_size - end, GUARD))
		finding("memory behind the statistics was written to");
}

void model_live(struct model *m)
{
	m->live = true;
	/* Only this process receives, and it has not yet. */
	if (counted(m, 0) && counter(m, 0))
		finding("the statistics were not zeroed");
	check_memory(m);
}

void model_notif(struct model *m, const struct ring *r,
		 const struct io_uring_cqe *cqe)
{
	uint32_t res = cqe->res;

	if (!m)
		finding("a CQE of no ifq: user_data 0x%llx",
			(unsigned long long)cqe->user_data);
	if (!m->live)
		finding("a notification after a registration that failed");
	if (r->gen != m->ring_gen)
		finding("a notification on a ring that isn't the creator");
	if (cqe->flags || !res || res & ~m->types)
		finding("a notification with res 0x%x, flags 0x%x, asked for 0x%x",
			res, cqe->flags, m->types);
	for (unsigned int i = 0; i < NR_TYPES; i++) {
		if (!(res >> i & 1))
			continue;
		m->fired[i]++;
		if (m->fired[i] > 1 + __atomic_load_n(&m->arms[i],
						      __ATOMIC_SEQ_CST))
			finding("%s fired %u times, armed again %u times",
				type_names[i], m->fired[i], m->arms[i]);
	}
}

int model_expect_arm(const struct model *m, uint32_t types, bool bad)
{
	if (types & ~TYPES || bad)
		return -EINVAL;
	if (!types)
		return 0;
	if (types & ~m->types)
		return -EINVAL;
	if (m->shared)
		return 1;
	if (m->closed)
		return -EINVAL;
	for (unsigned int i = 0; i < NR_TYPES; i++)
		if (types >> i & 1 && m->fired[i] <= m->arms[i])
			return 1; /* fired if there is a CQE that we don't know */
	return 0;
}

void model_armed(struct model *m, uint32_t types)
{
	for (unsigned int i = 0; i < NR_TYPES; i++)
		if (types >> i & 1 && counted(m, counter_of[i]))
			m->at_arm[counter_of[i]] = counter(m, counter_of[i]);
}

#define FOR_EACH(m) \
	for (struct model *m = shared->models; \
	     m < shared->models + MAX_MODELS && m < shared->models + shared->nr; m++)

void model_ring_closed(const struct ring *r)
{
	bool kept = false;

	/* A mapping of a kernel-made region keeps the ring open, for all of its ifqs. */
	FOR_EACH(m)
		kept |= m->ring_gen == r->gen && m->region && !m->own_memory;
	FOR_EACH(m) {
		if (m->ring_gen != r->gen)
			continue;
		if (kept)
			m->shared = true;
		else
			m->closed = true;
	}
}

void model_unmapped(unsigned char *region)
{
	FOR_EACH(m)
		if (m->region == region && model_mapped(m))
			m->region = NULL;
}

void model_share_all(void)
{
	FOR_EACH(m)
		m->shared = true;
}

void model_check_all(void)
{
	if (in_child)
		return;
	FOR_EACH(m)
		check_growth(m);
}

void model_look(void)
{
	FOR_EACH(m)
		for (unsigned int i = 0; i < NR_COUNTERS; i++)
			m->at_end[i] = counted(m, i) ? counter(m, i) : 0;
}

const char *model_lost(void)
{
	static char text[160];

	FOR_EACH(m) {
		for (unsigned int i = 0; i < NR_TYPES; i++) {
			unsigned int c = counter_of[i];

			if (!m->live || m->shared || m->closed ||
			    !(m->types >> i & 1))
				continue;
			if (m->fired[i] < m->arms[i]) {
				snprintf(text, sizeof(text),
					 "%s was armed %u times, fired %u times",
					 type_names[i], m->arms[i], m->fired[i]);
				return text;
			}
			if (m->fired[i] == m->arms[i] && counted(m, c) &&
			    m->at_end[c] > m->at_arm[c]) {
				snprintf(text, sizeof(text),
					 "%s is armed, its counter went from %llu to %llu, and there is no CQE",
					 type_names[i],
					 (unsigned long long)m->at_arm[c],
					 (unsigned long long)m->at_end[c]);
				return text;
			}
		}
	}
	return NULL;
}

void model_check_memory(void)
{
	FOR_EACH(m)
		check_memory(m);
}
