// SPDX-License-Identifier: GPL-2.0
/*
 * Programs and their text form: an operation a line, its name and then
 * name=value of arguments other than 0. Values are decimal or hexadecimal.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define ARGS(...)	{ __VA_ARGS__ }

/*
 * via: the ring to use, 0 for the one on which the slot was registered.
 * bad: the number of a reserved field to set. fault: the bad pointer.
 */
const struct op_desc op_descs[NR_OPS] = {
	[OP_ring] = { "ring", 6, ARGS({ "r", K_RING }, { "flags", K_SETUP },
		{ "sq", K_ENTRIES }, { "cq", K_ENTRIES }) },
	[OP_enable] = { "enable", 2, ARGS({ "r", K_RING }) },
	/* lazy: the mappings stay */
	[OP_close_ring] = { "close_ring", 4, ARGS({ "r", K_RING },
		{ "lazy", K_BOOL }) },
	[OP_register] = { "register", 16, ARGS({ "r", K_RING }, { "q", K_IFQ },
		{ "dev", K_DEV }, { "rxq", K_RXQ }, { "entries", K_RQ_ENTRIES },
		{ "flags", K_RARE }, { "buf_len", K_BUF_LEN },
		{ "region", K_PAGES }, { "rdelta", K_DELTA },
		{ "kernel", K_BOOL }, { "area", K_AREA }, { "adelta", K_DELTA },
		{ "aoff", K_DELTA }, { "aflags", K_RARE }, { "bad", K_RARE },
		{ "fault", K_RARE }, { "desc", K_DESC }, { "types", K_TYPES },
		{ "low", K_LOW }, { "dflags", K_DFLAGS }, { "soff", K_DELTA }, { "sabs", K_RARE },
		{ "ssize", K_SSIZE }, { "raw_ssize", K_RAW_SSIZE },
		{ "dbad", K_RARE }) },
	[OP_import] = { "import", 5, ARGS({ "r", K_RING }, { "q", K_IFQ },
		{ "f", K_FD }, { "what", K_MODE6 }, { "desc", K_RARE },
		{ "flags", K_RARE }, { "fault", K_RARE }) },
	[OP_flush] = { "flush", 5, ARGS({ "q", K_IFQ }, { "via", K_VIA },
		{ "bad", K_RARE }) },
	[OP_export] = { "export", 5, ARGS({ "q", K_IFQ }, { "via", K_VIA },
		{ "f", K_FD }, { "bad", K_RARE }, { "fault", K_RARE }) },
	[OP_arm] = { "arm", 12, ARGS({ "q", K_IFQ }, { "via", K_VIA },
		{ "types", K_TYPES }, { "bad", K_RARE }) },
	[OP_ctrl] = { "ctrl", 2, ARGS({ "r", K_RING }, { "id", K_U32 },
		{ "op", K_CTRL_OP }, { "word", K_U32 }, { "resv", K_RARE },
		{ "nr", K_RARE }, { "fault", K_RARE }) },
	[OP_close_fd] = { "close_fd", 3, ARGS({ "f", K_FD }) },
	[OP_map] = { "map", 2, ARGS({ "q", K_IFQ }, { "delta", K_DELTA },
		{ "off", K_RARE }) },
	[OP_unmap] = { "unmap", 2, ARGS({ "q", K_IFQ }) },
	/* what: head, tail, an entry, statistics, all of the region */
	[OP_scribble] = { "scribble", 4, ARGS({ "q", K_IFQ },
		{ "what", K_MODE6 }, { "value", K_U64 }) },
	/* how: right, any offset, twice, padding, area, length */
	[OP_refill] = { "refill", 10, ARGS({ "q", K_IFQ }, { "n", K_COUNT },
		{ "how", K_MODE8 }, { "value", K_U64 }) },
	[OP_connect] = { "connect", 6, ARGS({ "s", K_SOCK }, { "dev", K_DEV },
		{ "lowat", K_RARE }) },
	[OP_send] = { "send", 14, ARGS({ "s", K_SOCK }, { "len", K_LEN },
		{ "more", K_BOOL }, { "oob", K_BOOL }) },
	[OP_recv] = { "recv", 12, ARGS({ "q", K_IFQ }, { "via", K_VIA },
		{ "s", K_SOCK }, { "len", K_LEN }, { "id", K_RARE },
		{ "ioprio", K_RARE }, { "bad", K_RARE }, { "fd", K_RARE },
		{ "flag", K_MODE8 }) },
	/* end: our socket, the other side's, shutdown of either */
	[OP_close_sock] = { "close_sock", 3, ARGS({ "s", K_SOCK },
		{ "end", K_MODE4 }) },
	[OP_cancel] = { "cancel", 2, ARGS({ "r", K_RING }, { "any", K_BOOL },
		{ "q", K_IFQ }, { "s", K_SOCK }) },
	[OP_nop] = { "nop", 3, ARGS({ "r", K_RING }, { "n", K_COUNT }) },
	[OP_reap] = { "reap", 20, ARGS({ "r", K_RING }, { "wait", K_COUNT },
		{ "ms", K_MS }, { "max", K_COUNT }) },
	[OP_lossless] = { "lossless", 6, ARGS({ "q", K_IFQ }, { "s", K_SOCK },
		{ "via", K_VIA }) },
	[OP_query] = { "query", 3, ARGS({ "op", K_QUERY_OP }, { "size", K_LEN },
		{ "n", K_COUNT }, { "chain", K_MODE4 }, { "bad", K_RARE },
		{ "fault", K_RARE }) },
	[OP_fdinfo] = { "fdinfo", 3, ARGS({ "r", K_RING }) },
	[OP_eventfd] = { "eventfd", 1, ARGS({ "r", K_RING }) },
	[OP_reset] = { "reset", 1, ARGS({ "mode", K_MODE4 }) },
	/* The next ones happen in another process, at the same time. */
	[OP_spawn] = { "spawn", 2, ARGS({ "n", K_COUNT }, { "kill", K_BOOL }) },
	/* The next ones happen in a thread, which ends then. */
	[OP_thread] = { "thread", 2, ARGS({ "n", K_COUNT }) },
	[OP_resize] = { "resize", 2, ARGS({ "r", K_RING }, { "sq", K_ENTRIES },
		{ "cq", K_ENTRIES }) },
	/* forbid: registration, control, receiving, as bits */
	[OP_restrict] = { "restrict", 2, ARGS({ "r", K_RING },
		{ "forbid", K_MODE8 }, { "bad", K_RARE }) },
	[OP_sleep] = { "sleep", 1, ARGS({ "ms", K_MS }) },
	/* executes a program that waits for the other processes */
	[OP_exec] = { "exec", 1, ARGS() },
	[OP_die] = { "die", 1, ARGS({ "how", K_BOOL }) },
};

unsigned int op_nr_args(enum op_nr nr)
{
	unsigned int n = 0;

	while (op_descs[nr].args[n].name)
		n++;
	return n;
}

size_t prog_print(const struct prog *p, char *buf)
{
	size_t len = 0;

	for (unsigned int i = 0; i < p->nr_ops; i++) {
		const struct op_desc *d = &op_descs[p->ops[i].nr];

		len += snprintf(buf + len, MAX_TEXT - len, "%s", d->name);
		for (unsigned int j = 0; d->args[j].name; j++) {
			uint64_t v = p->ops[i].arg[j];
			const char *fmt = " %s=%llu";

			if (!v)
				continue;
			if (d->args[j].kind == K_DELTA)
				fmt = " %s=%lld";
			else if (v > 4096 || d->args[j].kind == K_SETUP)
				fmt = " %s=0x%llx";
			len += snprintf(buf + len, MAX_TEXT - len, fmt,
					d->args[j].name, v);
		}
		len += snprintf(buf + len, MAX_TEXT - len, "\n");
	}
	return len < MAX_TEXT ? len : MAX_TEXT - 1;
}

static const char *parse_arg(struct op *op, char *word)
{
	const struct op_desc *d = &op_descs[op->nr];
	char *value = strchr(word, '=');
	static char error[160];
	char *end;

	if (value) {
		*value++ = '\0';
		for (unsigned int i = 0; d->args[i].name; i++) {
			if (strcmp(d->args[i].name, word))
				continue;
			op->arg[i] = strtoull(value, &end, 0);
			if (end == value || *end)
				break;
			return NULL;
		}
	}
	snprintf(error, sizeof(error), "%s: what is '%.60s%s%.40s'?", d->name,
		 word, value ? "=" : "", value ?: "");
	return error;
}

static const char *parse_line(struct prog *p, char *line)
{
	static char error[100];
	char *save, *word = strtok_r(line, " \t\r", &save);
	const char *what;
	struct op *op;
	unsigned int nr;

	if (!word || *word == '#')
		return NULL;
	if (p->nr_ops == MAX_OPS)
		return "too many operations";
	for (nr = 0; nr < NR_OPS; nr++)
		if (!strcmp(op_descs[nr].name, word))
			break;
	if (nr == NR_OPS) {
		snprintf(error, sizeof(error), "no operation '%.60s'", word);
		return error;
	}
	op = &p->ops[p->nr_ops++];
	memset(op, 0, sizeof(*op));
	op->nr = nr;
	while ((word = strtok_r(NULL, " \t\r", &save))) {
		what = parse_arg(op, word);
		if (what)
			return what;
	}
	return NULL;
}

const char *prog_parse(struct prog *p, const char **text)
{
	char line[1024];

	memset(p, 0, sizeof(*p));
	while (**text) {
		size_t len = strcspn(*text, "\n");
		const char *what;

		if (len >= sizeof(line))
			return "a line is too long";
		memcpy(line, *text, len);
		line[len] = '\0';
		*text += len + ((*text)[len] == '\n');
		if (!strncmp(line, "---", 3))
			return NULL;
		what = parse_line(p, line);
		if (what)
			return what;
	}
	return NULL;
}
