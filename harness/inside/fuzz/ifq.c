// SPDX-License-Identifier: GPL-2.0
/* Registration and import of an ifq, mapping of its region. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define PAGE		4096UL
#define MAX_AREA	256

/* Applications get it from the registration of a kernel-made region. */
#define MAP_OFF		0x30000000ULL
#define MAP_OFF_SHIFT	16

struct ifq ifqs[NR_IFQS];
struct exported exported[NR_FDS] = {
	[0 ... NR_FDS - 1] = { .fd = -1 },
};

static struct io_uring_query_zcrx zcrx;

void ifq_init(void)
{
	struct io_uring_query_hdr hdr = {
		.query_data = (unsigned long)&zcrx,
		.query_op = IO_URING_QUERY_ZCRX,
		.size = sizeof(zcrx),
	};

	if (sys_register(-1, IORING_REGISTER_QUERY, &hdr, 0) || hdr.result)
		finding("the kernel cannot be asked about zcrx");
}

static uint64_t align(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

void *guarded(size_t size)
{
	char *p;

	size = align(size ?: 1, PAGE);
	p = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS,
		 -1, 0);
	if (p == MAP_FAILED || mprotect(p + PAGE, size, PROT_READ | PROT_WRITE))
		finding("no memory for %zu bytes", size);
	return p + PAGE;
}

void *read_only(const void *p, size_t size)
{
	void *copy = guarded(size);

	memcpy(copy, p, size);
	mprotect(copy, PAGE, PROT_READ);
	return copy;
}

void *no_access(void)
{
	return (char *)guarded(PAGE) + PAGE;
}

/* The arguments of the operation, in their order in the table. */
struct reg_args {
	uint64_t r, q, dev, rxq, entries, flags, buf_len, region, rdelta,
		 kernel, area, adelta, aoff, aflags, bad, fault, desc, types,
		 low, dflags, soff, sabs, ssize, raw_ssize, dbad;
};

static uint64_t round_up_pow2(uint64_t n)
{
	uint64_t r = 1;

	while (r < n)
		r *= 2;
	return r;
}

/* The expected result of a registration that is valid but for this descriptor. */
static int expect_desc(const struct zcrx_notification_desc *d, uint64_t how,
		       uint64_t rq_end, uint64_t region_size, uint64_t buffers)
{
	unsigned __int128 end = d->stats_offset;
	bool low = d->type_mask & ZCRX_NOTIF_LOW_BUFFERS;
	uint64_t bits = 0;

	if (!how)
		return 0;
	if (how == 2 || how == 3 || how == 5 || how == 6)
		return -EFAULT;
	for (unsigned int i = 0; i < ARRAY_SIZE(d->__resv2); i++)
		bits |= d->__resv2[i];
	if (bits || d->type_mask & ~7U || d->flags & ~1U || low != !!d->low_buffers)
		return -EINVAL;
	if (!d->flags)
		return d->stats_offset || d->stats_size ||
		       d->low_buffers >= buffers ? -EINVAL : 0;
	if (d->stats_offset % 8 || d->stats_size % 8 || d->stats_size == 8)
		return -EINVAL;
	end += d->stats_size ?: 16;
	if (d->stats_offset < rq_end || end > region_size)
		return -ERANGE;
	return d->low_buffers >= buffers ? -EINVAL : 0;
}

/* Put the descriptor where the kernel reads it; returns the address. */
static uint64_t place_desc(const struct zcrx_notification_desc *d, uint64_t how)
{
	char *page;

	switch (how) {
	case 0:
		return 0;
	case 2:
		return 8;
	case 3:
		return (unsigned long)no_access();
	case 4:
		page = guarded(PAGE);
		return (unsigned long)memcpy(page + PAGE - sizeof(*d), d, sizeof(*d));
	case 5:
		page = guarded(PAGE);
		return (unsigned long)memcpy(page + PAGE - sizeof(*d) / 2, d,
					     sizeof(*d) / 2);
	case 6:
		return 0xffff888000000000ULL;
	default:
		return (unsigned long)read_only(d, sizeof(*d));
	}
}

static void fill_desc(struct zcrx_notification_desc *d, const struct reg_args *a,
		      uint64_t rq_end, const struct model *m)
{
	d->user_data = UD_NOTIF | model_nr(m);
	d->type_mask = a->types ^ (a->low ? ZCRX_NOTIF_LOW_BUFFERS : 0);
	d->low_buffers = a->low;
	d->flags = a->dflags;
	d->stats_offset = a->soff;
	d->stats_size = a->raw_ssize;
	if (a->dflags & ZCRX_NOTIF_DESC_FLAG_STATS) {
		d->stats_offset += a->sabs ? 0 : rq_end;
		d->stats_size = a->raw_ssize ?: a->ssize;
	}
	if (a->dbad % 9)
		d->__resv2[a->dbad % 9 - 1] = 1ULL << (a->dbad & 63);
}

static void spoil(const struct reg_args *a, struct io_uring_zcrx_ifq_reg *reg,
		  struct io_uring_zcrx_area_reg *area,
		  struct io_uring_region_desc *rd)
{
	switch (a->bad % 9) {
	case 1:
		reg->__resv[0] = a->bad;
		break;
	case 2:
		reg->__resv[1] = a->bad;
		break;
	case 3:
		reg->zcrx_id = a->bad;
		break;
	case 4:
		area->rq_area_token = a->bad;
		break;
	case 5:
		area->__resv2[1] = a->bad;
		break;
	case 6:
		rd->__resv[a->bad % 4] = a->bad;
		break;
	case 7:
		rd->id = a->bad;
		break;
	case 8:
		area->dmabuf_fd = a->bad;
		break;
	}
}

/*
 * The kernel grants a region of a few GiB of its own, and an array for the pages
 * of a user's region of nearly 1 TiB; both use up the memory of the guest.
 */
static uint64_t bearable(uint64_t size, bool kernel)
{
	if (kernel && size >> 12 <= INT32_MAX && !(size % PAGE))
		return size % (32UL << 20);
	if (!kernel && size < 1UL << 40)
		return size % (16UL << 30);
	return size;
}

static int call_register(const struct reg_args *a, struct ring *r,
			 struct io_uring_zcrx_ifq_reg *reg,
			 struct io_uring_zcrx_area_reg *area,
			 struct io_uring_region_desc *rd)
{
	unsigned int fault = a->fault % 8;
	void *arg = reg;

	reg->area_ptr = (unsigned long)area;
	reg->region_ptr = (unsigned long)rd;
	if (fault == 3)
		reg->region_ptr = (unsigned long)no_access();
	else if (fault == 4)
		reg->region_ptr = (unsigned long)read_only(rd, sizeof(*rd));
	else if (fault == 5)
		reg->area_ptr = (unsigned long)no_access();
	else if (fault == 6)
		reg->area_ptr = (unsigned long)read_only(area, sizeof(*area));
	if (fault == 1)
		arg = no_access();
	else if (fault == 2)
		arg = read_only(reg, sizeof(*reg));
	return sys_register(r->fd, IORING_REGISTER_ZCRX_IFQ, arg,
			    fault == 7 ? 2 : 1);
}

static void map_region(struct ifq *q, uint64_t off)
{
	struct ring *r = &rings[q->ring];
	void *p = mmap(NULL, q->region_size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, off);

	if (p == MAP_FAILED)
		return;
	q->region = p;
	if (q->m->region)	/* an earlier mapping stays */
		return;
	q->m->mapper = getpid();
	q->m->region = p;
}

int do_register(const uint64_t *args)
{
	struct reg_args a;
	struct ring *r;
	struct ifq *q;
	struct model *m = model_new();
	struct zcrx_notification_desc desc = {};
	struct io_uring_region_desc rd = {};
	struct io_uring_zcrx_area_reg area = {};
	struct io_uring_zcrx_ifq_reg reg = {};
	uint64_t rq_end, region_size, area_pages;
	unsigned char *region = NULL;
	int ret, expect;
	bool plain;

	memcpy(&a, args, sizeof(a));
	r = &rings[a.r % NR_RINGS];
	q = &ifqs[a.q % NR_IFQS];
	a.desc %= 8;

	rq_end = round_up_pow2(a.entries < 32768 ? a.entries : 32768) *
		 sizeof(struct io_uring_zcrx_rqe) +
		 align(zcrx.rq_hdr_size, zcrx.rq_hdr_alignment ?: 1);
	region_size = align(rq_end + a.ssize % 65536, PAGE) + a.region % 16 * PAGE;
	area_pages = a.area < MAX_AREA ? a.area : MAX_AREA;

	fill_desc(&desc, &a, rq_end, m);
	rd.size = bearable(region_size + a.rdelta, a.kernel);
	if (!a.kernel) {
		region = guarded(region_size);
		memset(region, GUARD, region_size);
		rd.user_addr = (unsigned long)region;
		rd.flags = IORING_MEM_REGION_TYPE_USER;
	}
	area.addr = (unsigned long)guarded(area_pages * PAGE) + a.aoff;
	area.len = a.area * PAGE + a.adelta;
	area.flags = a.aflags;
	reg.rq_entries = a.entries;
	reg.rx_buf_len = a.buf_len;
	reg.flags = a.flags ^ (a.dev ? 0 : ZCRX_REG_NODEV);
	reg.notif_desc = place_desc(&desc, a.desc);
	if (a.dev) {
		reg.if_idx = net_ifindex();
		reg.if_rxq = a.rxq ?: net_queue();
	} else {
		reg.if_rxq = a.rxq;
	}
	spoil(&a, &reg, &area, &rd);

	m->ring_gen = r->gen;
	m->types = a.desc ? desc.type_mask : 0;
	m->shared = in_child;
	m->own_memory = !a.kernel;
	m->mapper = getpid();
	m->region = region;
	m->region_size = region_size;
	m->rq_end = rq_end;
	if (a.desc && desc.flags & ZCRX_NOTIF_DESC_FLAG_STATS) {
		m->stats_off = desc.stats_offset;
		m->stats_size = desc.stats_size ?: 16;
	}

	ret = call_register(&a, r, &reg, &area, &rd);

	expect = ring_forbids(r, FORBID_REGISTER) ? -EACCES :
		 expect_desc(&desc, a.desc, rq_end, rd.size, area_pages);
	plain = ring_suits(r) && !a.fault && !(a.bad % 9) && !a.flags &&
		!a.buf_len && !a.rdelta && !a.adelta && !a.aoff && !a.aflags &&
		a.entries && a.entries <= 32768 && area_pages == a.area &&
		a.area && (a.dev || !a.rxq) && (uint32_t)a.rxq != -1U;
	if (!ret && expect)
		finding("a registration succeeded that must return %d", expect);
	if (plain && !a.dev && ret != expect)
		finding("a registration returned %d that must return %d", ret,
			expect);
	if (plain && a.dev && expect && ret != expect)
		finding("a registration on a device returned %d that must return %d",
			ret, expect);
	if (ret)
		return ret;

	*q = (struct ifq){
		.used = true,
		.ring = a.r % NR_RINGS,
		.ring_gen = r->gen,
		.id = reg.zcrx_id,
		.m = m,
		.area_size = area.len,
		.region = region,
		.region_size = rd.size,
		.off = reg.offsets,
		.entries = reg.rq_entries,
		.buf_len = reg.rx_buf_len,
		.map_off = a.kernel ? rd.mmap_offset : 0,
	};
	m->region_size = rd.size;
	if (a.kernel)
		map_region(q, rd.mmap_offset);
	model_live(m);
	return 0;
}

static int import_fd(unsigned int what, const struct exported *e)
{
	switch (what) {
	case 0:
		return e->fd;
	case 1:
		return -1;
	case 2:
		return 999;
	case 3:
		return rings[0].fd;
	case 4:
		return net_server(0);
	default:
		return 0;
	}
}

int do_import(const uint64_t *a)
{
	struct ring *r = &rings[a[0] % NR_RINGS];
	struct ifq *q = &ifqs[a[1] % NR_IFQS];
	struct exported *e = &exported[a[2] % NR_FDS];
	unsigned int what = a[3] % 6, fault = a[6] % 4;
	struct zcrx_notification_desc desc = { .type_mask = 3 };
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx = import_fd(what, e),
		.flags = ZCRX_REG_IMPORT ^ (uint32_t)a[5],
		.notif_desc = a[4] ? (unsigned long)&desc : 0,
	};
	void *arg = &reg;
	int ret;

	if (fault == 1)
		arg = no_access();
	else if (fault == 2)
		arg = read_only(&reg, sizeof(reg));
	else if (fault == 3)
		reg.rq_entries = 1;
	ret = sys_register(r->fd, IORING_REGISTER_ZCRX_IFQ, arg, 1);

	if (!ret && (fault || a[4] || what || e->fd < 0 ||
		     ring_forbids(r, FORBID_REGISTER)))
		finding("an import succeeded that must fail");
	if (ring_suits(r) && !fault && !a[5]) {
		int expect = a[4] ? -EINVAL : what || e->fd < 0 ? -EBADF : 0;

		if (ret != expect)
			finding("an import returned %d that must return %d",
				ret, expect);
	}
	if (ret)
		return ret;
	*q = e->ifq;
	q->nr_held = 0;
	q->imported = true;
	q->ring = a[0] % NR_RINGS;
	q->ring_gen = r->gen;
	q->id = reg.zcrx_id;
	return 0;
}

int do_map(const uint64_t *a)
{
	struct ifq *q = &ifqs[a[0] % NR_IFQS];
	struct ring *r = &rings[q->ring];
	uint64_t off = (q->map_off ?: MAP_OFF | (uint64_t)q->id << MAP_OFF_SHIFT) +
		       a[2] * PAGE;
	size_t size = q->region_size + a[1];
	void *p;

	if (!q->used || in_child || r->fd < 0)
		return 0;
	if (!a[1] && !a[2] && !q->region && q->map_off && !q->imported &&
	    q->ring_gen == r->gen) {
		map_region(q, off);
		return 0;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		 r->fd, off);
	if (p == MAP_FAILED)
		return -errno;
	munmap(p, size);
	return 0;
}

static void unmap_region(unsigned char *region, size_t size)
{
	munmap(region, size);
	model_unmapped(region);
	for (unsigned int i = 0; i < NR_IFQS; i++)
		if (ifqs[i].region == region)
			ifqs[i].region = NULL;
	for (unsigned int i = 0; i < NR_FDS; i++)
		if (exported[i].ifq.region == region)
			exported[i].ifq.region = NULL;
}

int do_unmap(const uint64_t *a)
{
	struct ifq *q = &ifqs[a[0] % NR_IFQS];

	if (q->used && q->region && !in_child)
		unmap_region(q->region, q->region_size);
	return 0;
}

void ifq_unmap_all(void)
{
	struct model *m;

	for (unsigned int i = 0; (m = model_get(i)); i++)
		if (model_mapped(m) && m->live && !m->own_memory)
			unmap_region(m->region, m->region_size);
}
