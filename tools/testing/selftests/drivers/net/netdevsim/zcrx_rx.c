// SPDX-License-Identifier: GPL-2.0
/*
 * A receiver on io_uring zero-copy receive that a script drives: it reads
 * commands from its standard input and writes events to its standard output,
 * one a line, the events as JSON.
 *
 * commands
 *	hold		keep the buffers that arrive from now on
 *	give [N]	give N (or all) of the kept buffers back
 *	refill		give all back, and those that arrive from now on, too
 *	flush		ZCRX_CTRL_FLUSH_RQ
 *	arm MASK	ZCRX_CTRL_ARM_NOTIFICATION
 *	recv CONN	receive again on a connection whose receive has ended
 *	visit		let other rings import the instance, arm, and go away
 *	leave		no more of them
 *	stats		show the state
 *	exit		close the ring, then the rest, and end
 *
 * events
 *	paused		the registration waits for a line, with the queue open
 *	ready		registered and listening, "ports" says where
 *	faults		registered with faults, one by one: "ENOMEM", "absorbed" and
 *			the "copies" that failed say what came of it; or what is
 *			"missing" for that
 *	problem		after fault number "n", "what" was wrong
 *	failed		could not start, "what" and "errno" say why
 *	accept		a connection, receiving
 *	notif		a notification of "types", a mask; "slept" if we slept for
 *			it, "alone" if nothing else was there when we woke up
 *	end		a receive has ended, "res" says why
 *	corrupt		the data are not what was sent, or not where they may be
 *	reply		a command was carried out, "ret" is its result
 *	stats		the state, in reply to that command
 *
 * The main loop always sleeps in io_uring_enter() until one completion is
 * there, without a timeout. The commands arrive as completions, too.
 *
 * The bytes of a connection depend on the position in its stream and on the
 * port of the sender, so that lost, doubled or mixed up data never look right.
 * The program checks buffers when they arrive and again when it gives them
 * back: nobody else may have written to them in between.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "zcrx_rx.h"

#define MAX_LISTENERS	2
#define MAX_CONNS	16

#define PATTERN_STRIDE	4099	/* between the streams of two ports */

/* The upper half of user_data; the lower half is an index. */
enum what {
	W_STDIN = 1,
	W_ACCEPT,
	W_RECV,
};

struct conn {
	int			fd;
	struct zn_ifq		*ifq;
	unsigned int		seed;
	unsigned long long	bytes;
	bool			corrupt;
};

/* A piece of a buffer that we have. */
struct piece {
	struct zn_ifq		*ifq;
	__u64			off;
	__u32			len;
	unsigned int		conn;
	unsigned long long	pos;
};

static struct zn_ifq q;
static struct zn_ifq second;	/* on the ring of the first */
static int second_queue = -1;
static struct zcrx_notification_desc desc = { .user_data = ZN_USER_DATA };
static bool auto_refill;
static bool flush_always;

static int listen_fds[MAX_LISTENERS];
static struct conn conns[MAX_CONNS];
static unsigned int nr_conns;

static struct piece *pieces;
static unsigned int nr_pieces, max_pieces;

static unsigned int nr_notifs, nr_corrupt;
static unsigned long long nr_cqes, nr_given;

static char input[4096];
static size_t input_len;
static bool stop;

void fail(const char *what, int error)
{
	printf("{\"ev\": \"failed\", \"what\": \"%s\", \"errno\": %d}\n",
	       what, -error);
	exit(1);
}

/* A kernel that lacks this is a reason to skip a test. */
static void need_query(__u32 op, const char *what)
{
	__u64 answer[16];
	int ret = zn_query(op, answer, sizeof(answer), NULL);

	if (ret)
		fail(what, ret);
}

static struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&q.ring);

	if (!sqe)
		fail("submission queue", -ENOSPC);
	return sqe;
}

static void tag(struct io_uring_sqe *sqe, enum what what, unsigned int index)
{
	io_uring_sqe_set_data64(sqe, (__u64)what << 32 | index);
}

static void read_stdin(void)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_read(sqe, STDIN_FILENO, input + input_len,
			   sizeof(input) - input_len, -1);
	tag(sqe, W_STDIN, 0);
}

static void accept_on(unsigned int i)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_accept(sqe, listen_fds[i], NULL, NULL, 0);
	tag(sqe, W_ACCEPT, i);
}

static void receive(unsigned int i)
{
	struct io_uring_sqe *sqe = get_sqe();

	zn_prep_recv(sqe, conns[i].ifq, conns[i].fd, 0);
	tag(sqe, W_RECV, i);
}

static unsigned int port_of(const struct sockaddr_in6 *sin6)
{
	return ntohs(sin6->sin6_port);
}

static unsigned int local_port(int fd)
{
	struct sockaddr_in6 sin6 = {};
	socklen_t len = sizeof(sin6);

	getsockname(fd, (void *)&sin6, &len);
	return port_of(&sin6);
}

/*
 * Packets that arrived out of order keep their buffers until the missing ones
 * have come. If they took all buffers, the missing ones would get none. The
 * kernel doubles the size.
 */
static int listen_somewhere(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	int size = q.area_size / MAX_LISTENERS / 2;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) ||
	    bind(fd, (void *)&any, sizeof(any)) || listen(fd, 8))
		fail("listening", -errno);
	return fd;
}

static void accepted(unsigned int listener, int fd)
{
	struct sockaddr_in6 peer = {};
	socklen_t len = sizeof(peer);
	int rto_max = 1000;
	struct conn *c;

	if (fd < 0 || nr_conns == MAX_CONNS)
		fail("accepting", fd < 0 ? fd : -ENOSPC);
	/*
	 * A closed socket keeps out-of-order packets, and their buffers, until
	 * it gives up, which takes minutes when the device is gone.
	 */
	if (setsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &rto_max,
		       sizeof(rto_max)))
		fail("TCP_RTO_MAX_MS", -errno);
	c = &conns[nr_conns];
	c->fd = fd;
	c->ifq = &q;
	if (getpeername(fd, (void *)&peer, &len))
		fail("peer", -errno);
	c->seed = port_of(&peer);
	printf("{\"ev\": \"accept\", \"conn\": %u, \"port\": %u, \"peer\": %u}\n",
	       nr_conns, local_port(fd), c->seed);
	receive(nr_conns++);
	accept_on(listener);
}

static void report_corrupt(struct piece *p, const char *when)
{
	struct conn *c = &conns[p->conn];

	nr_corrupt++;
	if (c->corrupt)
		return;
	c->corrupt = true;
	printf("{\"ev\": \"corrupt\", \"conn\": %u, \"when\": \"%s\", ",
	       p->conn, when);
	printf("\"pos\": %llu, \"off\": %llu, \"len\": %u}\n",
	       p->pos, (unsigned long long)p->off, p->len);
}

static bool is_right(const struct piece *p)
{
	return zn_is_payload(p->ifq->area + p->off, p->len,
			     conns[p->conn].seed * PATTERN_STRIDE + p->pos);
}

static void received(unsigned int i, const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *rcqe = (const void *)(cqe + 1);
	struct conn *c = &conns[i];
	struct piece p = {
		.ifq = c->ifq,
		.off = rcqe->off & ~IORING_ZCRX_AREA_MASK,
		.len = cqe->res,
		.conn = i,
		.pos = c->bytes,
	};

	c->bytes += p.len;
	if (!zn_is_in_a_buffer(c->ifq, rcqe->off, p.len)) {
		report_corrupt(&p, "bounds");
		return;
	}
	if (!is_right(&p))
		report_corrupt(&p, "arrival");

	if (nr_pieces == max_pieces) {
		max_pieces = max_pieces ? 2 * max_pieces : 1024;
		pieces = realloc(pieces, max_pieces * sizeof(*pieces));
		if (!pieces)
			fail("memory", -ENOMEM);
	}
	pieces[nr_pieces++] = p;
}

static int give(unsigned int n)
{
	unsigned int i;
	int ret = 0;

	if (n > nr_pieces)
		n = nr_pieces;
	for (i = 0; i < n && !ret; i++) {
		if (!is_right(&pieces[i]))
			report_corrupt(&pieces[i], "return");
		ret = zn_give_back(pieces[i].ifq, pieces[i].off |
				   pieces[i].ifq->area_token, pieces[i].len);
	}
	nr_given += i;
	nr_pieces -= i;
	memmove(pieces, pieces + i, nr_pieces * sizeof(*pieces));
	if (!ret && i && flush_always)
		ret = zn_flush_rq(&q);
	return ret;
}

static unsigned long long load(const __u64 *counter)
{
	return q.stats ? zn_load(counter) : 0;
}

static void show_stats(void)
{
	struct visits visits = visits_get();
	unsigned int i;

	printf("{\"ev\": \"stats\", ");
	printf("\"copy_count\": %llu, ", load(&q.stats->copy_count));
	printf("\"copy_bytes\": %llu, ", load(&q.stats->copy_bytes));
	printf("\"no_buffers_count\": %llu, ",
	       load(&q.stats->no_buffers_count));
	printf("\"held\": %u, \"given\": %llu, ", nr_pieces, nr_given);
	printf("\"cqes\": %llu, \"notifs\": %u, \"corrupt\": %u, ",
	       nr_cqes, nr_notifs, nr_corrupt);
	printf("\"visits\": %u, \"visit_error\": %d, \"visits_armed\": [%u, %u], ",
	       visits.nr, visits.error, visits.armed[0], visits.armed[1]);
	printf("\"bytes\": [");
	for (i = 0; i < nr_conns; i++)
		printf("%s%llu", i ? ", " : "", conns[i].bytes);
	printf("]}\n");
}

static void command(const char *line)
{
	unsigned int n;
	int ret = 0;

	if (!strcmp(line, "stats")) {
		show_stats();
		return;
	}
	if (!strcmp(line, "exit")) {
		stop = true;
		return;
	}
	if (!strcmp(line, "hold")) {
		auto_refill = false;
	} else if (!strcmp(line, "give")) {
		ret = give(-1);
	} else if (sscanf(line, "give %u", &n) == 1) {
		ret = give(n);
	} else if (!strcmp(line, "refill")) {
		auto_refill = true;
		ret = give(-1);
	} else if (!strcmp(line, "flush")) {
		ret = zn_flush_rq(&q);
	} else if (!strcmp(line, "visit")) {
		ret = visits_start(&q);
	} else if (!strcmp(line, "leave")) {
		visits_stop();
	} else if (sscanf(line, "arm %u", &n) == 1) {
		ret = zn_arm(&q, n);
	} else if (sscanf(line, "recv %u", &n) == 1 && n < nr_conns) {
		receive(n);
	} else if (sscanf(line, "move %u", &n) == 1 && n < nr_conns &&
		   second.area) {
		conns[n].ifq = &second;
		receive(n);
	} else {
		ret = -EOPNOTSUPP;
	}
	printf("{\"ev\": \"reply\", \"to\": \"%s\", \"ret\": %d}\n", line, ret);
}

static void commands(int res)
{
	char *line = input, *end;

	if (res <= 0) {
		stop = true;
		return;
	}
	input_len += res;
	while ((end = memchr(line, '\n', input + input_len - line))) {
		*end = '\0';
		command(line);
		line = end + 1;
	}
	input_len -= line - input;
	memmove(input, line, input_len);
	read_stdin();
}

static void handle(const struct io_uring_cqe *cqe, unsigned int ready,
		   bool slept)
{
	unsigned int i = (__u32)cqe->user_data;

	nr_cqes++;
	if (cqe->user_data == ZN_USER_DATA) {
		nr_notifs++;
		printf("{\"ev\": \"notif\", \"types\": %u, \"flags\": %u, ",
		       zn_types_of(cqe), cqe->flags);
		printf("\"slept\": %s, \"alone\": %s}\n",
		       slept ? "true" : "false", ready == 1 ? "true" : "false");
		return;
	}
	switch (cqe->user_data >> 32) {
	case W_STDIN:
		commands(cqe->res);
		break;
	case W_ACCEPT:
		accepted(i, cqe->res);
		break;
	case W_RECV:
		if (cqe->flags & IORING_CQE_F_MORE) {
			received(i, cqe);
			break;
		}
		printf("{\"ev\": \"end\", \"conn\": %u, \"res\": %d, \"bytes\": %llu}\n",
		       i, cqe->res, conns[i].bytes);
		break;
	default:
		fail("unknown completion", -EINVAL);
	}
}

/* How often this program had to wait for something. */
static long nr_sleeps(void)
{
	struct rusage usage = {};

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

static void loop(void)
{
	while (!stop) {
		struct io_uring_cqe *cqe;
		unsigned int head, ready;
		long sleeps;
		bool slept;
		int ret;

		sleeps = nr_sleeps();
		ret = io_uring_submit_and_wait(&q.ring, 1);
		slept = nr_sleeps() != sleeps;
		if (ret < 0 && ret != -EINTR)
			fail("waiting", ret);
		ready = io_uring_cq_ready(&q.ring);
		begin_read(&q);
		io_uring_for_each_cqe(&q.ring, head, cqe)
			handle(cqe, ready, slept);
		io_uring_cq_advance(&q.ring, ready);
		if (auto_refill && !stop) {
			ret = give(-1);
			if (ret)
				fail("refilling", ret);
		}
		end_read(&q);
	}
}

static void show_help(void)
{
	fprintf(stderr,
		"usage: zcrx_rx [options]\n"
		"  -i, --interface NAME	without it: no device, all is copied\n"
		"  -q, --queue N\n"
		"  -2, --second N	another instance, on this queue\n"
		"  -a, --area BYTES	size of the area\n"
		"  -k, --kind KIND	of area: normal, huge, udmabuf\n"
		"  -b, --buf-len BYTES	size of a buffer, default a page\n"
		"  -r, --rq-entries N	of the refill queue, default 4096\n"
		"  -m, --mask N		types to be notified of\n"
		"  -s, --stats		count\n"
		"  -l, --listeners N	ports to listen on, default 1\n"
		"  -H, --hold		keep buffers from the beginning\n"
		"  -f, --flush		flush after giving back\n"
		"  -F, --faults		register first with each possible fault\n"
		"  -C, --fail-cache NAME	register first without memory of a slab cache\n"
		"  -p, --pause		in the middle of the registration, for a line\n");
	exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "interface",	required_argument,	NULL, 'i' },
		{ "queue",	required_argument,	NULL, 'q' },
		{ "second",	required_argument,	NULL, '2' },
		{ "area",	required_argument,	NULL, 'a' },
		{ "kind",	required_argument,	NULL, 'k' },
		{ "buf-len",	required_argument,	NULL, 'b' },
		{ "rq-entries",	required_argument,	NULL, 'r' },
		{ "mask",	required_argument,	NULL, 'm' },
		{ "stats",	no_argument,		NULL, 's' },
		{ "listeners",	required_argument,	NULL, 'l' },
		{ "hold",	no_argument,		NULL, 'H' },
		{ "flush",	no_argument,		NULL, 'f' },
		{ "faults",	no_argument,		NULL, 'F' },
		{ "fail-cache",	required_argument,	NULL, 'C' },
		{ "pause",	no_argument,		NULL, 'p' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "i:q:2:a:k:b:r:m:sl:HfFC:p", longs,
				NULL)) != -1) {
		switch (c) {
		case 'i':
			o->ifq.interface = optarg;
			break;
		case 'q':
			o->ifq.queue = strtoul(optarg, NULL, 0);
			break;
		case '2':
			second_queue = strtol(optarg, NULL, 0);
			break;
		case 'a':
			o->ifq.area_pages = strtoul(optarg, NULL, 0) /
					    sysconf(_SC_PAGESIZE);
			break;
		case 'k':
			if (!strcmp(optarg, "huge"))
				o->area_kind = AREA_HUGE;
			else if (!strcmp(optarg, "udmabuf"))
				o->area_kind = AREA_UDMABUF;
			else if (strcmp(optarg, "normal"))
				show_help();
			break;
		case 'b':
			o->ifq.rx_buf_len = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			o->ifq.rq_entries = strtoul(optarg, NULL, 0);
			break;
		case 'm':
			desc.type_mask = strtoul(optarg, NULL, 0);
			break;
		case 's':
			o->ifq.stats = true;
			break;
		case 'l':
			o->listeners = strtoul(optarg, NULL, 0);
			break;
		case 'H':
			o->hold = true;
			break;
		case 'f':
			o->flush = true;
			break;
		case 'F':
			o->faults = true;
			break;
		case 'C':
			o->fail_cache = optarg;
			break;
		case 'p':
			o->ifq.do_register = register_paused;
			break;
		default:
			show_help();
		}
	}
	if (optind != argc || !o->listeners || o->listeners > MAX_LISTENERS)
		show_help();
}

int main(int argc, char **argv)
{
	struct options o = {
		.ifq = {
			.area_pages	= (4 << 20) / sysconf(_SC_PAGESIZE),
			.rq_entries	= 4096,
			.sq_entries	= 64,
			/*
			 * A receive ends when it finds no room for a completion.
			 * There are several per buffer when packets are small.
			 */
			.cq_entries	= 16384,
			.desc		= &desc,
		},
		.listeners = 1,
	};
	const char *what;
	unsigned int i;
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv, &o);
	auto_refill = !o.hold;
	flush_always = o.flush;

	need_query(IO_URING_QUERY_ZCRX, "query");
	need_query(IO_URING_QUERY_ZCRX_NOTIF, "query of notifications");
	if (o.faults || o.fail_cache)
		register_with_faults(&o);
	ret = open_ifq(&q, &o, &what);
	if (!ret && second_queue >= 0) {
		o.ifq.queue = second_queue;
		o.ifq.ring = &q.ring;
		ret = open_ifq(&second, &o, &what);
	}
	if (ret)
		fail(what, ret);
	printf("{\"ev\": \"ready\", \"buf_len\": %u, \"buffers\": %zu, \"ports\": [",
	       q.buf_len, q.area_size / q.buf_len);
	for (i = 0; i < o.listeners; i++) {
		listen_fds[i] = listen_somewhere();
		accept_on(i);
		printf("%s%u", i ? ", " : "", local_port(listen_fds[i]));
	}
	printf("]}\n");
	read_stdin();
	loop();
	visits_stop();
	zn_close(&q);
	return 0;
}
