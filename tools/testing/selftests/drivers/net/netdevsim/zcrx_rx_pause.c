// SPDX-License-Identifier: GPL-2.0
/*
 * A registration that the script can hold between its last step but one and its
 * last one: the queue is open, the ring does not have the instance yet.
 *
 * The kernel writes its answer in between. The memory for that is protected
 * against writing, so that the kernel waits for the thread here.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "zcrx_rx.h"

static struct {
	int			fd;
	struct uffdio_range	page;
} pause_at;

static int protect(bool on)
{
	struct uffdio_writeprotect wp = {
		.range = pause_at.page,
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(pause_at.fd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

static int protect_page(void *page, size_t size)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register reg = {
		.range = { (unsigned long)page, size },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	pause_at.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (pause_at.fd < 0)
		return -errno;
	pause_at.page = reg.range;
	if (ioctl(pause_at.fd, UFFDIO_API, &api) ||
	    ioctl(pause_at.fd, UFFDIO_REGISTER, &reg))
		return -errno;
	return protect(true);
}

/* Wait for the kernel to write, and then for a line from the script. */
static void *hold(void *unused)
{
	struct uffd_msg msg;
	char c;

	if (read(pause_at.fd, &msg, sizeof(msg)) != sizeof(msg))
		return NULL;
	printf("{\"ev\": \"paused\"}\n");
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
	protect(false);
	return NULL;
}

int register_paused(int ring_fd, struct io_uring_zcrx_ifq_reg *reg, void *unused)
{
	size_t size = sysconf(_SC_PAGESIZE);
	struct io_uring_zcrx_ifq_reg *held;
	pthread_t thread;
	int ret;

	held = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (held == MAP_FAILED)
		return -errno;
	*held = *reg;
	ret = protect_page(held, size);
	if (!ret)
		ret = -pthread_create(&thread, NULL, hold, NULL);
	if (ret)
		fail("pause", ret);

	ret = zn_raw_register(ring_fd, held);
	*reg = *held;
	/* If it failed early, nobody writes. */
	if (ret)
		pthread_cancel(thread);
	pthread_join(thread, NULL);
	close(pause_at.fd);
	munmap(held, size);
	return ret;
}
