/* SPDX-License-Identifier: MIT */
/*
 * Receive TCP without copying, hear that buffers ran out, and mend it.
 *
 *	zcrx-event				without a NIC, from a child
 *	zcrx-event PORT INTERFACE QUEUE		from a peer, on a queue of a NIC
 *	zcrx-event send ADDRESS PORT		is the peer
 *
 * It holds all buffers until the kernel has none. A real application gives a
 * buffer back as soon as it is done with it. See io_uring_zcrx(7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <liburing.h>

#define TOTAL		(16 << 20)	/* bytes, and then 8 of their checksum */
#define AREA_SIZE	(4 << 20)
#define AREAS		2
#define ENTRIES		32768		/* small pieces share a buffer */
enum { RECV = 1, EVENT };		/* user_data */

static struct io_uring ring;
static struct io_uring_zcrx_rq rq;
static struct io_uring_zcrx_area_reg areas[AREAS];
static struct zcrx_event_desc desc = {
	.user_data = EVENT,
	.type_mask = 1 << ZCRX_EVENT_ALLOC_FAIL | 1 << ZCRX_EVENT_COPY,
};
static const struct zcrx_stats *stats;
static __u64 held[ENTRIES], sum, trailer;
static unsigned nr_areas, nr_held, received, nr_events[__ZCRX_EVENT_TYPE_LAST];
static __u32 zcrx_id;
static bool can_add, ended;
static int sock;

static void check(long ret, const char *what)
{
	if (ret < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-ret));
		exit(1);
	}
}

static __u64 map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p == MAP_FAILED ? -errno : 0, "mmap");
	return (uintptr_t) p;
}

static struct io_uring_zcrx_area_reg *new_area(void)
{
	areas[nr_areas].addr = map(AREA_SIZE);
	areas[nr_areas].len = AREA_SIZE;
	return &areas[nr_areas++];
}

static void set_up(unsigned if_idx, unsigned if_rxq)
{
	struct io_uring_query_zcrx query;
	struct io_uring_region_desc region = {
		.flags = IORING_MEM_REGION_TYPE_USER,
	};
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx = if_idx,
		.if_rxq = if_rxq,
		.rq_entries = ENTRIES,
		.flags = if_idx ? 0 : ZCRX_REG_NODEV,
		.region_ptr = (uintptr_t) &region,
		.event_desc = (uintptr_t) &desc,
	};
	ssize_t size;

	check(io_uring_zcrx_query(&query), "zero copy receive");
	can_add = query.nr_ctrl_opcodes > ZCRX_CTRL_ADD_AREA;
	size = io_uring_zcrx_region_size_stats(ENTRIES, &desc);
	check(size, "statistics");
	region.size = size;
	region.user_addr = map(size);
	reg.area_ptr = (uintptr_t) new_area();
	check(io_uring_queue_init(256, &ring, IORING_SETUP_SINGLE_ISSUER |
			IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32), "ring");
	check(io_uring_register_ifq(&ring, &reg), "registration");
	zcrx_id = reg.zcrx_id;
	check(io_uring_zcrx_rq_init(&rq, (void *) (uintptr_t) region.user_addr,
				    &reg), "refill queue");
	stats = io_uring_zcrx_stats(rq.ring_ptr, &desc);
}

static void receive(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_recv_zc(sqe, sock, 0, zcrx_id);
	sqe->user_data = RECV;
	ended = false;
}

static void look_at(struct io_uring_cqe *cqe)
{
	const unsigned char *data;
	__u64 off;
	int i;

	if (cqe->user_data == EVENT) {
		if ((unsigned) cqe->res < __ZCRX_EVENT_TYPE_LAST)
			nr_events[cqe->res]++;
	} else if (cqe->flags & IORING_CQE_F_MORE) {
		off = io_uring_zcrx_cqe_off(cqe);
		i = io_uring_zcrx_find_area(areas, nr_areas, off);
		check(i, "area");
		data = io_uring_zcrx_area_ptr(&areas[i], off);
		for (i = 0; i < cqe->res; i++) {
			if (received++ < TOTAL)
				sum = sum * 31 + data[i];
			else
				trailer = trailer << 8 | data[i];
		}
		check(nr_held < ENTRIES ? 0 : -ENOBUFS, "pieces");
		held[nr_held++] = off;
	} else if (cqe->res == -ENOSPC) {
		receive();		/* the CQ was full */
	} else {
		ended = true;
		check(cqe->res == -ENOMEM ? 0 : cqe->res ? cqe->res : -EPIPE,
		      "receive");
	}
}

static void look(void)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&ring, &cqe)) {
		look_at(cqe);
		io_uring_cqe_seen(&ring, cqe);
	}
}

/* The kernel gets a new area, or the buffers that are held. */
static void handle(void)
{
	look();
	if (can_add && nr_areas < AREAS) {
		check(io_uring_zcrx_add_area(&ring, zcrx_id, new_area()), "area");
	} else {
		/* there is room: the queue is as large as held[], and flushed */
		while (nr_held)
			check(io_uring_zcrx_rq_add(&rq, held[--nr_held]), "room");
		io_uring_zcrx_rq_advance(&rq);
		check(io_uring_zcrx_flush_rq(&ring, zcrx_id), "flush");
	}
	if (ended)
		receive();
}

static void arm(void)
{
	check(io_uring_zcrx_arm_event(&ring, zcrx_id, ZCRX_EVENT_ALLOC_FAIL), "arm");
}

static void handle_alloc_fail(void)
{
	unsigned long seen = io_uring_zcrx_read_counter(&stats->alloc_fail_count);

	if (!desc.stats_size) {		/* Linux 7.2 and 7.3 don't count */
		arm();
		handle();
		return;
	}
	handle();
	arm();
	if (io_uring_zcrx_read_counter(&stats->alloc_fail_count) != seen)
		handle();
}

static int send_all(const char *address, in_port_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = port };
	int i, fd = socket(AF_INET, SOCK_STREAM, 0);
	static unsigned char data[TOTAL + 8];
	unsigned x = 1;

	for (i = 0; i < TOTAL; i++) {
		data[i] = (x = x * 1103515245 + 12345) >> 16;
		sum = sum * 31 + data[i];
	}
	for (; i < TOTAL + 8; i++)
		data[i] = sum >> 8 * (TOTAL + 7 - i);
	inet_pton(AF_INET, address, &a.sin_addr);
	return connect(fd, (struct sockaddr *) &a, sizeof(a)) ||
	       send(fd, data, sizeof(data), 0) != sizeof(data) ||
	       recv(fd, data, 1, 0);		/* the receiver closes first */
}

int main(int argc, char *argv[])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);
	pid_t pid;
	unsigned if_idx, handled = 0;

	if (argc == 4 && !strcmp(argv[1], "send"))
		return send_all(argv[2], htons(atoi(argv[3])));
	if (argc == 4) {
		a.sin_port = htons(atoi(argv[1]));
		if_idx = if_nametoindex(argv[2]);
		check(if_idx ? 0 : -errno, argv[2]);
		set_up(if_idx, atoi(argv[3]));
	} else {
		set_up(0, 0);
	}
	if (bind(listener, (struct sockaddr *) &a, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *) &a, &len))
		check(-errno, "listen");
	if (argc != 4) {
		pid = fork();
		check(pid < 0 ? -errno : 0, "fork");
		if (!pid)
			_exit(send_all("127.0.0.1", a.sin_port));
	}
	sock = accept(listener, NULL, NULL);
	check(sock < 0 ? -errno : 0, "accept");

	receive();
	while (received < TOTAL + 8) {
		if (handled != nr_events[ZCRX_EVENT_ALLOC_FAIL]) {
			handled = nr_events[ZCRX_EVENT_ALLOC_FAIL];
			handle_alloc_fail();
		} else if (ended) {
			handle();	/* Linux 7.2 and 7.3 don't tell */
		} else {
			check(io_uring_submit_and_wait(&ring, 1), "wait");
			look();
		}
	}
	printf("%u bytes, %lu copied, %u areas, checksum %s\n", received,
	       io_uring_zcrx_read_counter(&stats->copy_bytes), nr_areas,
	       sum == trailer ? "right" : "wrong");
	printf("events: ALLOC_FAIL %u, COPY %u\n",
	       nr_events[ZCRX_EVENT_ALLOC_FAIL], nr_events[ZCRX_EVENT_COPY]);
	return sum != trailer;
}
