// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "leaks.h"

long vmpin_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	if (!f)
		return -errno;
	while (kb < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPin: %ld kB", &kb) != 1)
			kb = -1;
	fclose(f);
	return kb;
}

bool vmpin_is(void *kb)
{
	return vmpin_kb() == *(long *)kb;
}

int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		n++;
	closedir(dir);
	/* not "." and ".." */
	return n - 2;
}

int next_fd(void)
{
	int fd = dup(STDIN_FILENO);

	if (fd < 0)
		return -errno;
	close(fd);
	return fd;
}

int iou_exit_workers(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	int n = 0;

	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		char path[300], comm[64] = "";
		FILE *f;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		/* "+": works for iou_exit now; "-": did when last busy. */
		if (fgets(comm, sizeof(comm), f) && strstr(comm, "+iou_exit"))
			n++;
		fclose(f);
	}
	closedir(dir);
	return n;
}

int read_setting(const char *file, char *value, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*value = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, value, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

int write_setting(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int write_number(const char *file, unsigned long n)
{
	char value[24];

	snprintf(value, sizeof(value), "%lu", n);
	return write_setting(file, value);
}
