// SPDX-License-Identifier: GPL-2.0
/* A creator in a process of its own, see the header. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "zcrx_notif_remote.h"

/* argv[1] of the program that the creator executes; argv[2] is the socket */
#define WAIT_ARG	"zcrx_notif_remote-wait"

enum command {
	EXIT = 'x',
	EXEC = 'e',
};

static int send_file(int sock, int fd, int number)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} c = {};
	struct iovec iov = { .iov_base = &number, .iov_len = sizeof(number) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &c,
		.msg_controllen = sizeof(c),
	};

	c.hdr.cmsg_level = SOL_SOCKET;
	c.hdr.cmsg_type = SCM_RIGHTS;
	c.hdr.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&c.hdr), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) < 0 ? -errno : 0;
}

static int recv_file(int sock, int *number)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} c = {};
	struct iovec iov = { .iov_base = number, .iov_len = sizeof(*number) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &c,
		.msg_controllen = sizeof(c),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != sizeof(*number) ||
	    c.hdr.cmsg_type != SCM_RIGHTS)
		return -EIO;
	memcpy(&fd, CMSG_DATA(&c.hdr), sizeof(fd));
	return fd;
}

static int wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ZN_TIMEOUT) == 1 ? 0 : -ETIME;
}

static struct io_uring polled, other;

/*
 * Poll the file of a ring by another one: exec cancels any request, exit only
 * those of the files of rings.
 */
static int keep_busy(void)
{
	int ret = io_uring_queue_init(1, &polled, 0);

	ret = ret ?: io_uring_queue_init(1, &other, 0);
	if (ret)
		return ret;
	io_uring_prep_poll_add(io_uring_get_sqe(&other), polled.ring_fd,
			       POLLIN);
	return io_uring_submit(&other) == 1 ? 0 : -EIO;
}

/*
 * Send more than the other end has room for. What waits in the socket refers to
 * the memory, and so to the request: it ends when the connection does.
 */
static int keep_waiting(int fd)
{
	size_t len = 8UL << 20;
	void *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	io_uring_prep_send_zc(io_uring_get_sqe(&other), fd, p, len,
			      MSG_DONTWAIT, 0);
	return io_uring_submit(&other) == 1 ? 0 : -EIO;
}

static void be_creator(const struct zn_remote *r, int sock, unsigned int flags)
{
	static struct zn_ifq c;
	const struct zn_opts o = {
		.types = ZN_ALL_TYPES,
		.stats = true,
		.ring_flags = flags,
	};
	char byte, number[16];

	/* only the test can end the connection */
	close(r->c.server_fd);
	if (zn_open(&c, &o) || (r->busy && keep_busy()) ||
	    send_file(sock, zn_export(&c), c.ring.ring_fd) ||
	    read(sock, &byte, 1) != 1)
		_exit(1);
	if (byte == EXEC) {
		if (r->busy && keep_waiting(r->c.client_fd))
			_exit(1);
		snprintf(number, sizeof(number), "%d", sock);
		fcntl(sock, F_SETFD, 0);
		if (write(sock, "", 1) != 1)
			_exit(1);
		execl("/proc/self/exe", "remote", WAIT_ARG, number, NULL);
		_exit(1);
	}
	_exit(0);
}

/*
 * The other program: this one, which ends here before it looks at any test. glibc
 * gives constructors what main() gets.
 */
static void __attribute__((constructor)) wait_if_executed(int argc, char **argv)
{
	char byte;
	int sock;

	if (argc != 3 || strcmp(argv[1], WAIT_ARG))
		return;
	sock = atoi(argv[2]);
	if (write(sock, "", 1) != 1 || read(sock, &byte, 1) != 1)
		_exit(1);
	_exit(0);
}

int zn_remote_start(struct zn_remote *r, struct zn_ifq *i, unsigned int flags,
		    bool busy)
{
	const struct zn_opts o = {};
	int sv[2], fd, ret, room = 4096;

	memset(r, 0, sizeof(*r));
	r->busy = busy;
	r->sock = -1;
	ret = zn_connect(&r->c);
	if (ret)
		return ret;
	setsockopt(r->c.server_fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -errno;
	r->sock = sv[0];
	r->pid = fork();
	if (!r->pid) {
		close(sv[0]);
		be_creator(r, sv[1], flags);
	}
	close(sv[1]);
	close(r->c.client_fd);
	r->c.client_fd = -1;
	if (r->pid < 0)
		return -EAGAIN;
	fd = recv_file(r->sock, &r->ring_fd);
	if (fd < 0)
		return fd;

	/* The area of the other process is out of reach, but as large. */
	r->c.buf_len = page_size();
	r->c.area_size = 16 * r->c.buf_len;
	r->c.area = calloc(1, r->c.area_size);
	r->c.user_data = ZN_USER_DATA;
	if (!r->c.area)
		return -ENOMEM;
	ret = zn_import(i, &r->c, fd, &o);
	close(fd);
	return ret ?: zn_connect(i);
}

int zn_remote_ring(const struct zn_remote *r)
{
	int pidfd = syscall(__NR_pidfd_open, r->pid, 0);
	int fd;

	if (pidfd < 0)
		return -errno;
	fd = syscall(__NR_pidfd_getfd, pidfd, r->ring_fd, 0);
	if (fd < 0)
		fd = -errno;
	close(pidfd);
	return fd;
}

static int read_byte(int sock)
{
	int ret = wait_readable(sock);
	char byte;

	return ret ?: read(sock, &byte, 1) == 1 ? 0 : -EIO;
}

static int command(struct zn_remote *r, enum command what)
{
	char byte = what;

	return write(r->sock, &byte, 1) == 1 ? 0 : -EIO;
}

int zn_remote_exit(struct zn_remote *r)
{
	int ret = command(r, EXIT);
	int status;

	/* its end closes the socket, after it has cancelled its requests */
	ret = ret ?: wait_readable(r->sock);
	if (ret)
		return ret;
	if (waitpid(r->pid, &status, 0) != r->pid)
		return -errno;
	r->pid = 0;
	return status;
}

/* The time that the creator was on a CPU, in ms. */
static long cpu_ms(const struct zn_remote *r)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(r->pid, &clock) || clock_gettime(clock, &ts))
		return -1;
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int zn_remote_exec(struct zn_remote *r)
{
	__u64 end = zn_now_ms() + ZN_TIMEOUT;
	int ret = command(r, EXEC);
	long before, after;
	bool waits;

	/* one byte right before the exec, one of the other program */
	ret = ret ?: read_byte(r->sock);
	if (ret)
		return ret;
	waits = !r->busy;
	while (!waits && zn_now_ms() < end) {
		usleep(200000);
		before = cpu_ms(r);
		usleep(200000);
		after = cpu_ms(r);
		waits = before >= 0 && after >= before && after - before < 20;
	}
	zn_disconnect(&r->c);
	ret = read_byte(r->sock);
	return ret ?: waits ? 0 : -EBUSY;
}

void zn_remote_close(struct zn_remote *r, struct zn_ifq *i)
{
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	zn_close(i);
	zn_disconnect(&r->c);
	free(r->c.area);
	close(r->sock);
}
