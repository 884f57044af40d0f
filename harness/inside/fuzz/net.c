// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connections over loopback, and over the pair that harness/inside/pair
 * makes. Each process has a queue, and the port that is steered to it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#define PORT	7000	/* is steered to queue 0, the next one to queue 1 */

static struct { int server, client; } socks[NR_SOCKS] = {
	[0 ... NR_SOCKS - 1] = { -1, -1 },
};
static int here = -1, peer = -1;
static unsigned int ifindex, process;
static char resets[256];

void net_init(void)
{
	const char *name = getenv("FUZZ_NETIF");
	const char *reset = getenv("FUZZ_RESET");

	signal(SIGPIPE, SIG_IGN);
	if (!name || !*name)
		return;
	ifindex = if_nametoindex(name);
	here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	peer = open("/run/netns/peer", O_RDONLY | O_CLOEXEC);
	if (!ifindex || here < 0 || peer < 0) {
		fprintf(stderr, "fuzz: no pair of devices: %s\n", name);
		exit(2);
	}
	if (reset)
		snprintf(resets, sizeof(resets), "%s", reset);
}

void net_process(unsigned int nr)
{
	process = nr;
}

unsigned int net_ifindex(void)
{
	return ifindex;
}

unsigned int net_queue(void)
{
	return 1 + process;
}

int net_server(unsigned int slot)
{
	return socks[slot % NR_SOCKS].server;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int tcp_socket(void)
{
	const struct linger none = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* No part of the connection may outlive the program. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	return fd;
}

static bool ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 2000) == 1;
}

int do_connect(const uint64_t *a)
{
	unsigned int s = a[0] % NR_SOCKS;
	bool dev = a[1] && ifindex;
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int listener, ret = -EIO;

	close_fd(&socks[s].server);
	close_fd(&socks[s].client);
	if (dev) {
		inet_pton(AF_INET, "192.0.2.1", &addr.sin_addr);
		addr.sin_port = htons(PORT + net_queue());
	}
	listener = tcp_socket();
	if (dev)
		setns(peer, CLONE_NEWNET);
	socks[s].client = tcp_socket();
	if (dev)
		setns(here, CLONE_NEWNET);

	if (!bind(listener, (void *)&addr, len) && !listen(listener, 1) &&
	    !getsockname(listener, (void *)&addr, &len)) {
		connect(socks[s].client, (void *)&addr, len);
		if (ready(listener, POLLIN))
			socks[s].server = accept4(listener, NULL, NULL,
						  SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	if (socks[s].server >= 0) {
		const struct linger none = { .l_onoff = 1 };
		const int lowat = a[2] % 65536;

		setsockopt(socks[s].server, SOL_SOCKET, SO_LINGER, &none,
			   sizeof(none));
		if (lowat)
			setsockopt(socks[s].server, SOL_SOCKET, SO_RCVLOWAT,
				   &lowat, sizeof(lowat));
		ret = 0;
	} else {
		close_fd(&socks[s].client);
	}
	close_fd(&listener);
	return ret;
}

int do_send(const uint64_t *a)
{
	static char data[65536];
	unsigned int s = a[0] % NR_SOCKS;
	size_t n = a[1] % (1 << 20);

	while (n) {
		size_t len = n < sizeof(data) ? n : sizeof(data);
		ssize_t ret = send(socks[s].client, data, len, MSG_DONTWAIT |
				   MSG_NOSIGNAL | (a[2] ? MSG_MORE : 0) |
				   (a[3] ? MSG_OOB : 0));

		if (ret < 0)
			return -errno;
		n -= ret;
	}
	return 0;
}

int do_close_sock(const uint64_t *a)
{
	unsigned int s = a[0] % NR_SOCKS;

	switch (a[1] % 4) {
	case 0:
		close_fd(&socks[s].server);
		break;
	case 1:
		close_fd(&socks[s].client);
		break;
	case 2:
		shutdown(socks[s].client, SHUT_WR);
		break;
	case 3:
		shutdown(socks[s].server, SHUT_RDWR);
		break;
	}
	return 0;
}

int do_reset(const uint64_t *a)
{
	char text[32];
	int fd, n;

	if (!*resets)
		return 0;
	fd = open(resets, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof(text), "%u %u", net_queue(),
		     (unsigned int)a[0] % 4);
	n = write(fd, text, n) < 0 ? -errno : 0;
	close(fd);
	return n;
}

void net_close_all(void)
{
	for (unsigned int i = 0; i < NR_SOCKS; i++) {
		close_fd(&socks[i].client);
		close_fd(&socks[i].server);
	}
}
