// SPDX-License-Identifier: GPL-2.0
/*
 * A program in its own process. Before it begins, it is recorded in a file that
 * survives a crash of the guest: a ring of slots, where the newest program
 * replaces the oldest. A slot is a line that names the process, the text, and a
 * zero.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define SLOT_SIZE	MAX_TEXT
#define NR_SLOTS	2048

#define TIMEOUT		40	/* seconds for a program; KASAN without KVM is slow */
#define GRACE		30	/* seconds for a killed one to be gone */

static int record = -1;
static unsigned int nr_recorded;

void run_init(const char *dir, unsigned int process)
{
	char path[256];
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/record.%u", dir, process);
	record = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (record < 0) {
		perror(path);
		exit(2);
	}
}

static void write_record(const struct prog *p, const char *name)
{
	char text[SLOT_SIZE + 64];
	size_t len = snprintf(text, 64, "# %s\n", name);

	if (record < 0)
		return;
	len += prog_print(p, text + len);
	len = len < SLOT_SIZE ? len : SLOT_SIZE - 1;
	text[len] = '\0';
	if (pwrite(record, text, len + 1,
		   (off_t)(nr_recorded++ % NR_SLOTS) * SLOT_SIZE) < 0)
		finding("the record cannot be written: errno %d", errno);
}

/* Returns false if the process does not end. */
static bool wait_for(pid_t pid, unsigned int seconds, int *status)
{
	const struct timespec second = { .tv_sec = 1 };
	unsigned long end = now_ms() + seconds * 1000UL;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, status, WNOHANG) != pid) {
		if (now_ms() > end)
			return false;
		sigtimedwait(&child, NULL, &second);
	}
	return true;
}

enum ending run_prog(const struct prog *p, const char *name)
{
	bool timeout;
	int status;
	pid_t pid;

	write_record(p, name);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid) {
		prctl(PR_SET_NAME, name);
		cover_start();
		exec_prog(p);
	}
	timeout = !wait_for(pid, TIMEOUT, &status);
	if (timeout) {
		kill(pid, SIGKILL);
		if (!wait_for(pid, GRACE, &status))
			return UNKILLABLE;
		return TIMED_OUT;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FINDING)
		return FOUND;
	/* A program kills itself, too. */
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		return CRASHED;
	return ENDED;
}

void run_save(const char *dir, const char *file, const char *name,
	      const struct prog *p)
{
	char path[256], text[MAX_TEXT];
	FILE *f;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "a");
	if (!f)
		return;
	prog_print(p, text);
	fprintf(f, "# %s\n%s---\n", name, text);
	fclose(f);
}
