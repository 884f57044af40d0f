// SPDX-License-Identifier: GPL-2.0
/* The kinds of areas of zcrx_rx. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/udmabuf.h>

#include "zcrx_rx.h"

static int map(struct zn_opts *o, size_t size, int flags, int fd)
{
	o->area = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (o->area != MAP_FAILED)
		return 0;
	o->area = NULL;
	return -errno;
}

/* A dma-buf on top of memory that we map, too. */
static int make_udmabuf(struct zn_opts *o, size_t size)
{
	struct udmabuf_create create = { .size = size };
	int memfd, dev, ret = 0;

	memfd = memfd_create("zcrx_rx", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -errno;
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0 || ftruncate(memfd, size) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		ret = -errno;
		goto out;
	}
	create.memfd = memfd;
	ret = ioctl(dev, UDMABUF_CREATE, &create);
	if (ret < 0) {
		ret = -errno;
		goto out;
	}
	o->dmabuf_fd = ret;
	ret = map(o, size, MAP_SHARED, memfd);
out:
	if (dev >= 0)
		close(dev);
	close(memfd);
	return ret;
}

int open_ifq(struct zn_ifq *q, const struct options *opts, const char **what)
{
	size_t size = opts->ifq.area_pages * sysconf(_SC_PAGESIZE);
	struct zn_opts o = opts->ifq;
	int ret = 0;

	*what = "area";
	if (opts->area_kind == AREA_UDMABUF)
		ret = make_udmabuf(&o, size);
	else if (opts->area_kind == AREA_HUGE)
		ret = map(&o, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
			  -1);
	if (ret)
		return ret;
	*what = "registration";
	return zn_open(q, &o);
}

static void sync_dmabuf(struct zn_ifq *q, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_READ };

	if (q->dmabuf_fd)
		ioctl(q->dmabuf_fd, DMA_BUF_IOCTL_SYNC, &sync);
}

void begin_read(struct zn_ifq *q)
{
	sync_dmabuf(q, DMA_BUF_SYNC_START);
}

void end_read(struct zn_ifq *q)
{
	sync_dmabuf(q, DMA_BUF_SYNC_END);
}
