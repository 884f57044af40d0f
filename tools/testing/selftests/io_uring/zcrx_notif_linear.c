// SPDX-License-Identifier: GPL-2.0
/*
 * Payload in the linear part of packets is counted and notified like payload in
 * page fragments. A device without scatter-gather, here one end of a veth pair
 * whose other end lies in another network namespace, is only given packets that
 * are linear; loopback, and veth as it comes, pass fragments on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define SENDER		"zn-sender"
#define RECEIVER	"zn-receiver"
#define SENDER_ADDR	"192.0.2.1"
#define RECEIVER_ADDR	"192.0.2.2"
/* A packet is to hold more than a page. */
#define MTU		16000
/* Less than the payload of one packet, and of what TCP fills it from. */
#define MAX_SEND	15000
#define AREA_PAGES	16

struct attrs {
	struct nlmsghdr nlh;
	struct ifinfomsg ifi;
	char buf[512];
};

static void *attrs_end(struct attrs *a)
{
	return (char *)a + NLMSG_ALIGN(a->nlh.nlmsg_len);
}

static void put(struct attrs *a, int type, const void *data, size_t len)
{
	struct rtattr *rta = attrs_end(a);

	rta->rta_type = type;
	rta->rta_len = RTA_LENGTH(len);
	memcpy(RTA_DATA(rta), data, len);
	a->nlh.nlmsg_len = NLMSG_ALIGN(a->nlh.nlmsg_len) +
			   RTA_ALIGN(rta->rta_len);
}

static struct rtattr *nest(struct attrs *a, int type)
{
	struct rtattr *rta = attrs_end(a);

	put(a, type, "", 0);
	return rta;
}

static void nest_end(struct attrs *a, struct rtattr *rta)
{
	rta->rta_len = (char *)attrs_end(a) - (char *)rta;
}

/* Create SENDER here and RECEIVER in the namespace @peer_ns. */
static int create_veth(int peer_ns)
{
	static const struct ifinfomsg none;
	struct attrs a = {
		.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(a.ifi)),
		.nlh.nlmsg_type = RTM_NEWLINK,
		.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL |
				   NLM_F_ACK,
	};
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr err;
		char buf[1024];
	} reply;
	struct rtattr *info, *data, *peer;
	int fd, ret;

	put(&a, IFLA_IFNAME, SENDER, sizeof(SENDER));
	info = nest(&a, IFLA_LINKINFO);
	put(&a, IFLA_INFO_KIND, "veth", 4);
	data = nest(&a, IFLA_INFO_DATA);
	peer = nest(&a, VETH_INFO_PEER);
	memcpy(attrs_end(&a), &none, sizeof(none));
	a.nlh.nlmsg_len += sizeof(none);
	put(&a, IFLA_IFNAME, RECEIVER, sizeof(RECEIVER));
	put(&a, IFLA_NET_NS_FD, &peer_ns, sizeof(peer_ns));
	nest_end(&a, peer);
	nest_end(&a, data);
	nest_end(&a, info);

	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	ret = -EIO;
	if (send(fd, &a, a.nlh.nlmsg_len, 0) == a.nlh.nlmsg_len &&
	    recv(fd, &reply, sizeof(reply), 0) >= NLMSG_LENGTH(sizeof(int)) &&
	    reply.nlh.nlmsg_type == NLMSG_ERROR)
		ret = reply.err.error;
	close(fd);
	return ret;
}

/* Give the device of this namespace its MTU and address, and start it. */
static int start_device(const char *name, const char *addr)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq ifr = {};
	int ret;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_mtu = MTU;
	ret = ioctl(fd, SIOCSIFMTU, &ifr);
	inet_pton(AF_INET, addr, &in.sin_addr);
	memcpy(&ifr.ifr_addr, &in, sizeof(in));
	ret = ret ?: ioctl(fd, SIOCSIFADDR, &ifr);
	inet_pton(AF_INET, "255.255.255.0", &in.sin_addr);
	memcpy(&ifr.ifr_netmask, &in, sizeof(in));
	ret = ret ?: ioctl(fd, SIOCSIFNETMASK, &ifr);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	ret = ret ?: ioctl(fd, SIOCSIFFLAGS, &ifr);
	ret = ret ? -errno : 0;
	close(fd);
	return ret;
}

static int ethtool(const char *name, __u32 cmd, __u32 *value)
{
	struct ethtool_value ev = { .cmd = cmd, .data = *value };
	struct ifreq ifr = { .ifr_data = (void *)&ev };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int ret;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ret = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	*value = ev.data;
	close(fd);
	return ret;
}

static int this_ns(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Sockets belong to the namespace that they were made in. */
static int connect_between(struct zn_ifq *q, int receiver_ns, int sender_ns)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int one = 1;

	if (setns(receiver_ns, CLONE_NEWNET))
		return -errno;
	q->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, RECEIVER_ADDR, &in.sin_addr);
	if (q->listen_fd < 0 ||
	    bind(q->listen_fd, (void *)&in, sizeof(in)) ||
	    listen(q->listen_fd, 1) ||
	    getsockname(q->listen_fd, (void *)&in, &len))
		return -errno;

	if (setns(sender_ns, CLONE_NEWNET))
		return -errno;
	q->client_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (q->client_fd < 0 ||
	    setsockopt(q->client_fd, IPPROTO_TCP, TCP_NODELAY, &one,
		       sizeof(one)) ||
	    connect(q->client_fd, (void *)&in, sizeof(in)))
		return -errno;
	q->server_fd = accept(q->listen_fd, NULL, NULL);
	return q->server_fd < 0 ? -errno : 0;
}

FIXTURE(linear)
{
	struct zn_ifq q;
	struct zn_events ev;
	int receiver_ns;
	int sender_ns;
};

FIXTURE_VARIANT(linear)
{
	bool veth;
	bool fragments;
};

FIXTURE_VARIANT_ADD(linear, veth_without_sg)
{
	.veth = true,
	.fragments = false,
};

FIXTURE_VARIANT_ADD(linear, veth_with_sg)
{
	.veth = true,
	.fragments = true,
};

FIXTURE_VARIANT_ADD(linear, loopback)
{
	.veth = false,
	.fragments = true,
};

FIXTURE_SETUP(linear)
{
	const struct zn_opts o = {
		.area_pages = AREA_PAGES,
		.types = ZN_ALL_TYPES,
		.stats = true,
	};
	__u32 sg = variant->fragments;
	int ret;

	self->receiver_ns = -1;
	self->sender_ns = -1;
	ASSERT_EQ(0, zn_open(&self->q, &o));
	if (!variant->veth) {
		ASSERT_EQ(0, zn_connect(&self->q));
		return;
	}

	/* The namespaces, and the devices with them, go with the process. */
	if (unshare(CLONE_NEWNET))
		SKIP(return, "no network namespace: %s", strerror(errno));
	self->receiver_ns = this_ns();
	ASSERT_LE(0, self->receiver_ns);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	self->sender_ns = this_ns();
	ASSERT_LE(0, self->sender_ns);

	ret = create_veth(self->receiver_ns);
	if (ret)
		SKIP(return, "no veth device: %s", strerror(-ret));
	ASSERT_EQ(0, ethtool(SENDER, ETHTOOL_SSG, &sg));
	ASSERT_EQ(0, start_device(SENDER, SENDER_ADDR));
	ASSERT_EQ(0, setns(self->receiver_ns, CLONE_NEWNET));
	ASSERT_EQ(0, start_device(RECEIVER, RECEIVER_ADDR));
	ASSERT_EQ(0, connect_between(&self->q, self->receiver_ns,
				     self->sender_ns));

	/* Or only fragments would be tested, and nobody would notice. */
	ASSERT_EQ(0, ethtool(SENDER, ETHTOOL_GSG, &sg));
	ASSERT_EQ(variant->fragments, sg);
}

FIXTURE_TEARDOWN(linear)
{
	EXPECT_EQ(0, self->ev.bad);
	EXPECT_EQ(0, self->ev.others);
	zn_close(&self->q);
	if (self->receiver_ns >= 0)
		close(self->receiver_ns);
	if (self->sender_ns >= 0)
		close(self->sender_ns);
}

TEST_F(linear, part_counts_once)
{
	const size_t sizes[] = { 1, 100, 1448, 4096, 4097, 10000, MAX_SEND };
	const size_t page = page_size();
	const struct io_uring_zcrx_notif_stats *st = self->q.stats;
	__u64 bytes = 0, cqes = 0;

	zn_recv(&self->q, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(sizes[i], zn_send(&self->q, sizes[i]));
		ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, sizes[i]));
		ASSERT_FALSE(self->ev.recv_ended);
		bytes += sizes[i];
		cqes += zn_div_up(sizes[i], page);
		EXPECT_EQ(bytes, zn_load(&st->copy_bytes));
		/* A fragment may end where TCP's page for payload does. */
		if (!variant->fragments) {
			EXPECT_EQ(i + 1, zn_load(&st->copy_count));
			EXPECT_EQ(cqes, self->ev.data_cqes);
		}
		zn_refill(&self->q, self->q.nr_held);
	}
	EXPECT_EQ(bytes, self->ev.bytes);
	EXPECT_LE(ARRAY_SIZE(sizes), zn_load(&st->copy_count));
	EXPECT_EQ(0, zn_load(&st->no_buffers_count));
}

TEST_F(linear, part_fires)
{
	zn_recv(&self->q, 0);
	ASSERT_EQ(1000, zn_send(&self->q, 1000));
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 1000));
	zn_reap(&self->q, &self->ev, !self->ev.notifs, ZN_TIMEOUT);
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(ZCRX_NOTIF_COPY, self->ev.notif_mask);

	/* Once until armed. */
	ASSERT_EQ(1000, zn_send(&self->q, 1000));
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 1000));
	EXPECT_EQ(-ETIME, zn_reap(&self->q, &self->ev, 1, ZN_SILENCE));
	EXPECT_EQ(1, self->ev.notifs);
	ASSERT_EQ(0, zn_arm(&self->q, ZCRX_NOTIF_COPY));
	ASSERT_EQ(1000, zn_send(&self->q, 1000));
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 1000));
	zn_reap(&self->q, &self->ev, self->ev.notifs == 1, ZN_TIMEOUT);
	EXPECT_EQ(2, self->ev.notifs);
	EXPECT_EQ(3, zn_load(&self->q.stats->copy_count));
	EXPECT_EQ(3000, zn_load(&self->q.stats->copy_bytes));
}

TEST_F(linear, part_copied_in_two_goes)
{
	const size_t page = page_size();
	const size_t n = page + page / 2;
	const struct io_uring_zcrx_notif_stats *st = self->q.stats;
	const __u64 before = AREA_PAGES - 1;
	__u64 failed;

	if (n > MAX_SEND)
		SKIP(return, "pages are too large for one packet");
	/* All buffers but one are held. */
	for (unsigned int i = 0; i < before; i++)
		ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	self->ev.bytes = 0;
	self->ev.recv_ended = false;

	zn_recv(&self->q, 0);
	ASSERT_EQ(n, zn_send(&self->q, n));
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, n));
	ASSERT_TRUE(self->ev.recv_ended);
	EXPECT_EQ(-ENOMEM, self->ev.recv_end_res);
	EXPECT_EQ(page, self->ev.bytes);
	EXPECT_EQ(before + 1, zn_load(&st->copy_count));
	EXPECT_EQ(before + page, zn_load(&st->copy_bytes));
	failed = zn_load(&st->no_buffers_count);
	EXPECT_LE(1, failed);

	ASSERT_EQ(1, zn_refill(&self->q, 1));
	self->ev.recv_ended = false;
	zn_recv(&self->q, 0);
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, n - page));
	EXPECT_FALSE(self->ev.recv_ended);
	EXPECT_EQ(before + 2, zn_load(&st->copy_count));
	EXPECT_EQ(before + n, zn_load(&st->copy_bytes));
	EXPECT_EQ(failed, zn_load(&st->no_buffers_count));
	zn_reap(&self->q, &self->ev, 0, 0);
	EXPECT_EQ(ZN_ALL_TYPES, self->ev.notif_mask);
}

TEST_F(linear, stream)
{
	const size_t total = 512 * 1024;
	const struct io_uring_zcrx_notif_stats *st = self->q.stats;
	__u64 end = zn_now_ms() + ZN_TIMEOUT;

	zn_recv(&self->q, 0);
	while (self->ev.bytes < total) {
		ssize_t sent = zn_send(&self->q, total - self->q.sent);

		ASSERT_LE(0, sent);
		ASSERT_LT(zn_now_ms(), end);
		zn_reap(&self->q, &self->ev, 1, 10);
		zn_refill(&self->q, self->q.nr_held);
		if (self->ev.recv_ended) {
			ASSERT_EQ(-ENOMEM, self->ev.recv_end_res);
			self->ev.recv_ended = false;
			zn_recv(&self->q, 0);
		}
	}
	EXPECT_EQ(total, self->ev.bytes);
	EXPECT_EQ(total, zn_load(&st->copy_bytes));
	EXPECT_GE(self->ev.data_cqes, zn_load(&st->copy_count));
	EXPECT_LT(0, zn_load(&st->copy_count));
}

TEST_HARNESS_MAIN
