// SPDX-License-Identifier: GPL-2.0
/* The other operations, and a whole program with the checks after it. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "leaks.h"

#define MAX_CHILDREN	4

struct tally *tally;

/* FUZZ_VERBOSE=1 prints each operation and each CQE, for looking at a replay. */
static bool verbose;
static const struct op *now;
static pid_t children[MAX_CHILDREN];
static unsigned int nr_children;

unsigned long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000UL + ts.tv_nsec / 1000000;
}

void finding(const char *fmt, ...)
{
	char text[400], name[16] = "";
	va_list ap;
	size_t n;
	FILE *f;

	prctl(PR_GET_NAME, name);
	n = snprintf(text, sizeof(text), "in %s: ", name);
	va_start(ap, fmt);
	n += vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	if (now)
		snprintf(text + n, sizeof(text) - n, " (%s)",
			 op_descs[now->nr].name);
	f = fopen("/dev/kmsg", "w");
	if (f) {
		fprintf(f, "<4>fuzz: finding %s\n", text);
		fclose(f);
	}
	fprintf(stderr, "fuzz: finding %s\n", text);
	_exit(EXIT_FINDING);
}

static bool known_errno(int e)
{
	/* ERESTARTSYS, IOU_REQUEUE and similar codes stay in the kernel. */
	return e > 0 && e <= EHWPOISON;
}

static void data_cqe(struct ring *r, const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *z = (const void *)(cqe + 1);
	struct ifq *q = &ifqs[(cqe->user_data & 0xff) % NR_IFQS];
	uint64_t off = z->off & ~IORING_ZCRX_AREA_MASK;

	if (ring_forbids(r, FORBID_RECV))
		finding("data by a receive that is forbidden");
	/* Another ifq may have come into the slot since. */
	if (!q->used || model_nr(q->m) != (cqe->user_data >> 16 & 0xffff))
		return;
	if (r->gen != q->ring_gen || !cqe->res)
		return;
	if (off >= q->area_size || z->off & IORING_ZCRX_AREA_MASK ||
	    (uint32_t)cqe->res > q->buf_len - off % q->buf_len)
		finding("%d bytes at 0x%llx of an area of 0x%zx", cqe->res,
			(unsigned long long)z->off, q->area_size);
	if (q->nr_held < ARRAY_SIZE(q->held))
		q->held[q->nr_held++] = (struct held){ z->off, cqe->res };
}

static void see(struct ring *r, const struct io_uring_cqe *cqe)
{
	uint64_t what = cqe->user_data & (0xffULL << 56);

	if (verbose)
		fprintf(stderr, "  CQE on ring %d: user_data 0x%llx, res %d, flags 0x%x\n",
			(int)(r - rings), (unsigned long long)cqe->user_data,
			cqe->res, cqe->flags);
	if (cqe->res < 0 && !known_errno(-cqe->res))
		finding("a CQE with res %d, user_data 0x%llx", cqe->res,
			(unsigned long long)cqe->user_data);
	tally->notifs += what == UD_NOTIF;
	tally->data += what == UD_RECV && cqe->flags & IORING_CQE_F_MORE;
	if (what == UD_NOTIF)
		model_notif(model_get(cqe->user_data & 0xffffffff), r, cqe);
	else if (what == UD_RECV && cqe->flags & IORING_CQE_F_MORE)
		data_cqe(r, cqe);
	else if (what != UD_RECV && what != UD_OTHER)
		finding("a CQE of nobody: user_data 0x%llx, res %d, flags 0x%x",
			(unsigned long long)cqe->user_data, cqe->res, cqe->flags);
}

static int do_ring(const uint64_t *a)
{
	struct ring *r = &rings[a[0] % NR_RINGS];

	if (r->fd >= 0) {
		model_ring_closed(r);
		ring_close(r);
	}
	return ring_setup(r, a[1], a[2], a[3]);
}

static int do_enable(const uint64_t *a)
{
	struct ring *r = &rings[a[0] % NR_RINGS];
	int ret = sys_register(r->fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

	if (!ret) {
		r->tid = gettid();
		r->flags &= ~IORING_SETUP_R_DISABLED;
	}
	return ret;
}

static int do_close_ring(const uint64_t *a)
{
	struct ring *r = &rings[a[0] % NR_RINGS];

	if (r->fd < 0)
		return 0;
	if (a[1]) {
		/* The mappings keep the ring until the program ends. */
		close(r->fd);
		r->fd = -1;
		r->map = NULL;
		model_share_all();
		return 0;
	}
	model_ring_closed(r);
	ring_close(r);
	return 0;
}

static void queue_recv(struct ifq *q, struct ring *r, const uint64_t *a)
{
	struct io_uring_sqe *sqe = ring_sqe(r);

	if (!sqe)
		return;
	sqe->opcode = IORING_OP_RECV_ZC;
	sqe->fd = a[7] ? (int)a[7] : net_server(a[2]);
	sqe->len = a[3];
	sqe->ioprio = IORING_RECV_MULTISHOT ^ a[5];
	sqe->flags = a[8] % 8 ? 1U << (a[8] % 8 - 1) : 0;
	sqe->zcrx_ifq_idx = a[4] ?: q->id;
	sqe->user_data = UD_RECV | (q - ifqs) | (a[2] & 0xff) << 8 |
			 (q->used && !a[4] ? model_nr(q->m) : 0xffff) << 16;
	switch (a[6] % 5) {
	case 1:
		sqe->addr = a[6];
		break;
	case 2:
		sqe->addr2 = a[6];
		break;
	case 3:
		sqe->addr3 = a[6];
		break;
	case 4:
		sqe->msg_flags = a[6];
		break;
	}
}

static int do_recv(const uint64_t *a)
{
	struct ifq *q = &ifqs[a[0] % NR_IFQS];

	queue_recv(q, ifq_ring(q, a[1]), a);
	return 0;
}

static int do_cancel(const uint64_t *a)
{
	struct io_uring_sqe *sqe = ring_sqe(&rings[a[0] % NR_RINGS]);
	struct ifq *q = &ifqs[a[2] % NR_IFQS];

	if (!sqe)
		return 0;
	sqe->opcode = IORING_OP_ASYNC_CANCEL;
	sqe->fd = -1;
	sqe->addr = UD_RECV | (q - ifqs) | (a[3] & 0xff) << 8 |
		    (q->used ? model_nr(q->m) : 0xffff) << 16;
	sqe->cancel_flags = IORING_ASYNC_CANCEL_ALL;
	if (a[1])
		sqe->cancel_flags |= IORING_ASYNC_CANCEL_ANY;
	sqe->user_data = UD_OTHER;
	return 0;
}

static int do_nop(const uint64_t *a)
{
	struct ring *r = &rings[a[0] % NR_RINGS];
	struct io_uring_sqe *sqe;

	for (unsigned int i = 0; i < a[1] % 256; i++) {
		sqe = ring_sqe(r);
		if (!sqe) {
			ring_enter(r, 0, 0);
			sqe = ring_sqe(r);
		}
		if (!sqe)
			break;
		sqe->opcode = IORING_OP_NOP;
		sqe->user_data = UD_OTHER;
	}
	return 0;
}

static int do_reap(const uint64_t *a)
{
	struct ring *r = &rings[a[0] % NR_RINGS];
	int ret = ring_enter(r, a[1] % 128, a[2] % 100);

	ring_reap(r, a[3] ?: 10000, see);
	return ret;
}

/* Take all CQEs, so that none is on its way. False if that is impossible. */
static bool drain(struct ring *r)
{
	int ret;

	for (unsigned int i = 0; i < 1000; i++) {
		ret = ring_enter(r, 0, 0);
		if (ret < 0 && ret != -EBUSY && ret != -EINTR)
			return false;
		if (!ring_reap(r, 100000, see) && !ring_overflown(r) &&
		    !r->queued)
			return true;
	}
	return false;
}

static bool check_lost(bool all)
{
	const char *what = NULL;
	bool drained = true;

	model_look();
	/* When a softirq has counted, the CQE can come a moment later. */
	for (unsigned int try = 0; try < 20; try++) {
		for (unsigned int i = 0; i < NR_RINGS; i++)
			if (rings[i].fd >= 0 && !rings[i].foreign)
				drained &= drain(&rings[i]);
		if (!drained)
			return false;
		what = model_lost();
		if (!what || !all)
			return !what;
		usleep(50000);
	}
	finding("lost: %s", what);
}

/* With this order of steps, the documentation promises, no event is missed. */
static int do_lossless(const uint64_t *a)
{
	struct ifq *q = &ifqs[a[0] % NR_IFQS];
	const uint64_t one_byte[4] = { a[1], 1 };
	const uint64_t recv[9] = { a[0], 0, a[1], 1 };
	struct ring *r = ifq_ring(q, 0);
	uint32_t types = 0;

	if (!q->used || !ring_suits(r) || r->gen != q->ring_gen)
		return 0;
	for (unsigned int i = 0; i < NR_TYPES; i++)
		if (q->m->fired[i] > q->m->arms[i])
			types |= 1U << i;
	ifq_refill(q, 64);
	ifq_flush(q, r);
	ifq_arm(q, r, types, 0);
	do_send(one_byte);
	queue_recv(q, r, recv);
	ring_enter(r, 1, 20);
	ring_reap(r, 10000, see);
	check_lost(true);
	return 0;
}

static int do_eventfd(const uint64_t *a)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), ret;

	ret = sys_register(rings[a[0] % NR_RINGS].fd, IORING_REGISTER_EVENTFD,
			   &fd, 1);
	close(fd);
	return ret;
}

/* What others do meanwhile can change all figures but these relations. */
static int do_fdinfo(const uint64_t *a)
{
	unsigned int buffers, left, armed, fired;
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", rings[a[0] % NR_RINGS].fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		const char *buf = strstr(line, " buffers="), *types = strstr(line, " armed=");

		if (strncmp(line, "Zcrx:", 5))
			continue;
		if (!buf || sscanf(buf, " buffers=%u free=%u", &buffers, &left) != 2 ||
		    !types || sscanf(types, " armed=0x%x fired=0x%x", &armed, &fired) != 2 ||
		    left > buffers || armed & fired || (armed | fired) >> NR_TYPES)
			finding("fdinfo shows %s", line);
	}
	fclose(f);
	return 0;
}

static int do_sleep(const uint64_t *a)
{
	usleep(a[0] % 100 * 1000);
	return 0;
}

static int do_die(const uint64_t *a)
{
	if (a[0])
		_exit(0);
	kill(getpid(), SIGKILL);
	return 0;
}

static int do_spawn(const uint64_t *a)
{
	(void)a;
	return 0; /* exec_ops() does it */
}

static int do_thread(const uint64_t *a)
{
	(void)a;
	return 0; /* exec_ops() does it */
}

static int do_resize(const uint64_t *a)
{
	return ring_resize(&rings[a[0] % NR_RINGS], a[1], a[2]);
}

static int do_restrict(const uint64_t *a)
{
	return ring_restrict(&rings[a[0] % NR_RINGS], a[1], a[2]);
}

static int do_exec(const uint64_t *a)
{
	(void)a;
	tally->good[OP_exec]++;
	execl("/proc/self/exe", "fuzz", "--wait", NULL);
	return -errno;
}

int wait_after_exec(void)
{
	int status;

	while (wait(&status) > 0)
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FINDING)
			return EXIT_FINDING;
	return 0;
}

#define OP_FN(name)	[OP_##name] = do_##name,
static int (*const fns[NR_OPS])(const uint64_t *a) = { OPS(OP_FN) };

static void exec_op(const struct op *op)
{
	int ret;

	now = op;
	tally->calls[op->nr]++;
	ret = fns[op->nr](op->arg);
	tally->good[op->nr] += ret >= 0;
	if (verbose)
		fprintf(stderr, "%s: %d\n", op_descs[op->nr].name, ret);
	if (ret < 0 && !known_errno(-ret))
		finding("%s returned %d", op_descs[op->nr].name, ret);
	model_check_all();
}

static void exec_child(const struct op *op, const struct op *end)
{
	in_child = true;
	alarm(15);
	for (unsigned int i = 0; i < NR_RINGS; i++)
		rings[i].foreign = rings[i].fd >= 0;
	for (; op < end; op++) {
		/* Slots keep what the parent has there. */
		if (op->nr == OP_ring && rings[op->arg[0] % NR_RINGS].foreign)
			continue;
		if (op->nr != OP_spawn)
			exec_op(op);
	}
	_exit(0);
}

struct ops {
	const struct op *op, *end;
};

static void *exec_thread(void *arg)
{
	const struct ops *ops = arg;

	for (const struct op *op = ops->op; op < ops->end; op++)
		if (op->nr != OP_spawn && op->nr != OP_thread)
			exec_op(op);
	return NULL;
}

/* No concurrency here: the test is about a task that is gone. */
static const struct op *exec_in_thread(const struct op *op, const struct op *end)
{
	unsigned int n = op->arg[0] % 8;
	struct ops ops = { op + 1, op + 1 + (n > end - op - 1 ? end - op - 1 : n) };
	pthread_t thread;

	exec_op(op);
	if (pthread_create(&thread, NULL, exec_thread, &ops))
		return ops.end;
	pthread_join(thread, NULL);
	return ops.end;
}

static void exec_ops(const struct op *op, const struct op *end)
{
	while (op < end) {
		unsigned int n;
		pid_t pid;

		if (op->nr == OP_thread) {
			op = exec_in_thread(op, end);
			continue;
		}
		if (op->nr != OP_spawn || nr_children == MAX_CHILDREN) {
			exec_op(op++);
			continue;
		}
		now = op;
		n = op->arg[0] % 8;
		if (n > end - op - 1)
			n = end - op - 1;
		model_share_all();
		rings_share_all();
		pid = fork();
		if (!pid)
			exec_child(op + 1, op + 1 + n);
		tally->calls[OP_spawn]++;
		tally->good[OP_spawn] += pid > 0;
		if (pid > 0)
			children[nr_children++] = pid;
		if (pid > 0 && op->arg[1])
			kill(pid, SIGKILL);
		op += 1 + n;
	}
}

static void wait_for_children(void)
{
	for (unsigned int i = 0; i < nr_children; i++) {
		int status;

		if (waitpid(children[i], &status, 0) < 0)
			continue;
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FINDING)
			_exit(EXIT_FINDING);
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
			finding("a child got signal %d", WTERMSIG(status));
	}
}

/* The lazily closed ones have no descriptor left, only mappings: exec goes. */
static void close_all(void)
{
	net_close_all();
	ifq_unmap_all();
	for (unsigned int i = 0; i < NR_RINGS; i++)
		ring_close(&rings[i]);
	for (uint64_t i = 0; i < NR_FDS; i++)
		do_close_fd(&i);
}

void exec_prog(const struct prog *p)
{
	bool lazy = false;
	unsigned long end;
	long pinned = vmpin_kb();

	verbose = getenv("FUZZ_VERBOSE");
	model_init();
	ifq_init();
	exec_ops(p->ops, p->ops + p->nr_ops);
	now = NULL;
	wait_for_children();
	check_lost(true);
	model_check_memory();
	model_check_all();

	for (unsigned int i = 0; i < p->nr_ops; i++)
		lazy |= p->ops[i].nr == OP_close_ring && p->ops[i].arg[1];
	close_all();
	if (lazy)
		_exit(0);
	end = now_ms() + 20000;
	while (vmpin_kb() != pinned) {
		if (now_ms() > end)
			finding("VmPin: %ld kB before, %ld kB after all is closed",
				pinned, vmpin_kb());
		usleep(2000);
	}
	_exit(0);
}
