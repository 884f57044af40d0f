// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "explain.h"

void zcrxmon_err(const char *fmt, ...)
{
	va_list ap;

	/* Keep the order if both go to the same place */
	fflush(stdout);
	fputs("zcrxmon: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void explain_io_uring(const char *what, int ret)
{
	if (ret == -EPERM)
		zcrxmon_err("io_uring is not permitted to this user. See sysctl kernel.io_uring_disabled (1: only its group kernel.io_uring_group, 2: nobody) and the container's seccomp filter.");
	else
		zcrxmon_err("%s: %s. Look whether this kernel has CONFIG_IO_URING=y, and at the container's seccomp filter.",
			    what, strerror(-ret));
}

void explain_query(int ret)
{
	if (ret == -EINVAL)
		zcrxmon_err("this kernel's io_uring has no IO_URING_QUERY (Linux 6.18 brought it), so it has no zcrx notifications either. Boot a newer kernel.");
	else
		explain_io_uring("the io_uring query failed", ret);
}

void explain_ring(int ret)
{
	if (ret == -ENOMEM)
		zcrxmon_err("no memory for the io_uring ring. Its completion queue has one entry for each buffer: try a smaller --area, or raise the memlock limit (ulimit -l).");
	else
		explain_io_uring("cannot set up an io_uring ring", ret);
}

static void explain_memlock(size_t area_size, const char *option)
{
	struct rlimit lim = {};

	getrlimit(RLIMIT_MEMLOCK, &lim);
	if (lim.rlim_cur == RLIM_INFINITY)
		zcrxmon_err("the kernel could not lock %zu bytes for the area: out of memory. Try a smaller %s.",
			    area_size, option);
	else
		zcrxmon_err("the kernel could not lock %zu bytes for the area; this process may lock %llu. Raise the limit (ulimit -l, LimitMEMLOCK= in a systemd unit), give it CAP_IPC_LOCK, or try a smaller %s. Memory in a huge page is charged as the whole page, 2 MiB on x86 also for an area of 64 KiB.",
			    area_size, (unsigned long long)lim.rlim_cur, option);
}

void explain_register(int ret, const struct zcrx_config *config)
{
	const char *dev = config->interface;
	unsigned int queue = config->queue;

	switch (-ret) {
	case EPERM:
		zcrxmon_err("zcrx needs CAP_NET_ADMIN in the initial user namespace, because a queue shows other programs' data, too. Run as root or: setcap cap_net_admin+ep zcrxmon");
		return;
	case ENOMEM:
		explain_memlock(config->area_size, "--area");
		return;
	case EFAULT:
		if (config->area_size <= 1 << 30)
			break;
		zcrxmon_err("an area can have up to 1 GiB. Try a smaller --area.");
		return;
	case EOPNOTSUPP:
		if (!dev)
			zcrxmon_err("this kernel was built without zero-copy receive. It needs CONFIG_IO_URING_ZCRX=y, which comes with CONFIG_PAGE_POOL, CONFIG_INET and CONFIG_NET_RX_BUSY_POLL.");
		else
			zcrxmon_err("%s cannot do zero-copy receive: its driver does not hand out receive queues (virtual devices mostly do not), or it has no device that does DMA, or the kernel lacks CONFIG_IO_URING_ZCRX. Use --nodev without such a NIC.",
				    dev);
		return;
	}
	if (dev) {
		switch (-ret) {
		case ENODEV:
			zcrxmon_err("there is no network device '%s' in this network namespace. See: ip link",
				    dev);
			return;
		case EEXIST:
			zcrxmon_err("queue %u of %s is taken by another zcrx or devmem user, or an XDP program is attached to the device. A program that ended a moment ago, also zcrxmon, can still have it: a forked child, an exported file or a socket with unread data keeps the queue. Take another --queue, or see: ip link show %s; ynl netdev queue-get",
				    queue, dev, dev);
			return;
		case EBUSY:
			zcrxmon_err("queue %u of %s is used by AF_XDP or leased to another device. Take another --queue.",
				    queue, dev);
			return;
		case ERANGE:
			zcrxmon_err("%s has no receive queue %u. See: ethtool -l %s",
				    dev, queue, dev);
			return;
		case ENETDOWN:
			zcrxmon_err("%s is down. Try: ip link set %s up", dev, dev);
			return;
		case EINVAL:
			zcrxmon_err("%s refused: zcrx needs packet headers split from payload. Try: ethtool -G %s tcp-data-split on hds-thresh 0",
				    dev, dev);
			return;
		}
	}
	if (ret == -EINVAL)
		zcrxmon_err("the kernel refused the registration as invalid (EINVAL), so it does not agree with the headers zcrxmon was built with. Compare 'zcrxmon --probe' with the kernel's version.");
	else
		zcrxmon_err("cannot register for zero-copy receive: %s",
			    strerror(-ret));
}

void explain_listen(int ret, unsigned int port)
{
	switch (-ret) {
	case EADDRINUSE:
		zcrxmon_err("another program listens on TCP port %u. Take another --port, or see: ss -ltnp",
			    port);
		break;
	case EACCES:
		zcrxmon_err("ports below 1024 need CAP_NET_BIND_SERVICE. Take a --port above.");
		break;
	default:
		zcrxmon_err("cannot listen on TCP port %u: %s", port,
			    strerror(-ret));
	}
}

void explain_starving(unsigned int held, unsigned int nr_bufs)
{
	static bool said;

	if (said)
		return;
	said = true;
	zcrxmon_err("receiving fails for lack of buffers although %u of %u are free: the kernel has to copy data, and the page pool of the queue keeps the free buffers. Look for the reason of the copies (ethtool -n, ethtool -g), or make the area larger than 1.25 MiB (--area). Trying again, up to once a second.",
		    nr_bufs - held, nr_bufs);
}

void explain_recv(int ret)
{
	switch (-ret) {
	case EFAULT:
		zcrxmon_err("the connection's data lies in buffers of another zcrx instance: its flow is steered to the queue of another program. See: ethtool -n, ethtool -x");
		break;
	case EPROTONOSUPPORT:
		zcrxmon_err("zero-copy receive takes plain TCP sockets only (no MPTCP, no kernel TLS)");
		break;
	case ECONNRESET:
		zcrxmon_err("the sender reset the connection");
		break;
	default:
		zcrxmon_err("receiving failed: %s", strerror(-ret));
	}
}

void explain_losses(const struct probe *p)
{
	if (!losses_of(p)->name)
		return;
	zcrxmon_err("this kernel can lose notifications; 'zcrxmon --probe' explains these losses:");
	fputs("  ", stderr);
	losses_print(stderr, p, ", ");
	fputc('\n', stderr);
}

void explain_grow(int ret, const struct zcrx_config *config, unsigned int areas)
{
	if (ret == -ENOMEM)
		explain_memlock(config->grow, "--grow");
	else if (ret != -ENOSPC)
		zcrxmon_err("the kernel refused to add an area: %s",
			    strerror(-ret));
	zcrxmon_err("going on with %u areas: %s.", areas,
		    ret == -ENOSPC ? "--max-areas allows no more" :
				     "no more are added");
}

bool explain_missing(const struct probe *p, const struct zcrx_config *config)
{
	if (p->error)
		explain_query(p->error);
	else if (!p->has_zcrx)
		zcrxmon_err("this kernel's io_uring does not answer the query about zero-copy receive (zcrx), so it is too old for zcrxmon. Boot Linux 7.1 or later.");
	else if (!config->interface && !(p->zcrx.register_flags & ZCRX_REG_NODEV))
		zcrxmon_err("this kernel cannot receive without a device (Linux 7.1 can). Use --interface and --queue on a NIC that supports zcrx.");
	else if (config->notify && p->form == NOTIF_NO)
		zcrxmon_err("this kernel's zcrx has no notifications. Boot one with the zcrx notification series, or go on without them: --no-notify.");
	else if (config->notify && p->form == NOTIF_UNKNOWN)
		zcrxmon_err("this kernel notifies in a form that zcrxmon does not know (its query has %u bytes, not %zu). Go on without notifications: --no-notify.",
			    p->notif_query_size, sizeof(p->notif));
	else if (config->grow && !probe_adds_areas(p))
		zcrxmon_err("this kernel cannot add an area to an instance that runs (ZCRX_CTRL_ADD_AREA; mainline can since Linux 7.3). Leave --grow out, or take a larger --area.");
	else
		return false;
	return true;
}
