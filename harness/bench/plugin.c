// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU TCG plugin that counts the instructions the guest executes, its kernel
 * included, between two marks, and within that between certain addresses.
 *
 *	-plugin plugin.so,out=FILE[,spans=FILE]
 *
 * A mark is a long no-op with a number in it, see bench.h; it costs the guest
 * one instruction. Begin and end of a window write one line at the end:
 *
 *	window INSTRUCTIONS
 *	span NAME STEPS:INSTRUCTIONS*TIMES ...	for each span that was passed
 *
 * A line "NAME START[,START...] END[,END...] [STEP]" of the file of spans counts
 * from the instruction at START, included, to the one at END, not included; END
 * can be "mark", the end of the window. The number of times that the instruction
 * at STEP is executed within a span distinguishes spans with more work. A span
 * within itself belongs to the outer one. Idle time is no instruction. There must
 * be one virtual CPU.
 *
 * Not every system has QEMU's header of the plugin functions, so they are
 * declared here (version 1 of the interface, QEMU 4.2 to 8.2).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*exec_cb)(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id,
						      struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
		exec_cb cb, int regs, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
		int op, void *ptr, uint64_t imm);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
		size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;

#define MAX_SPANS	32
#define MAX_ADDRS	512
#define MAX_VALUES	256

struct value {
	uint64_t	steps, instructions, times;
};

struct span {
	char		name[64];
	uint64_t	starts[MAX_ADDRS], ends[MAX_ADDRS];
	uint64_t	step;
	unsigned int	nr_starts, nr_ends, depth;
	bool		to_mark;
	uint64_t	since, steps;
	struct value	values[MAX_VALUES + 1];
	unsigned int	nr_values;
};

/* The instructions executed so far, without the current one. */
static uint64_t count;
static uint64_t window;
static bool in_window;
static struct span spans[MAX_SPANS];
static unsigned int nr_spans;
static bool dropped;
static FILE *out;

/* Values beyond the room are dropped, with a message. */
static void close_span(struct span *s)
{
	uint64_t instructions = count - s->since;
	struct value *v = s->values;

	s->depth = 0;
	while (v < s->values + s->nr_values &&
	       (v->steps != s->steps || v->instructions != instructions))
		v++;
	if (v == s->values + s->nr_values) {
		if (s->nr_values < MAX_VALUES)
			s->nr_values++;
		else
			dropped = true;
		v->steps = s->steps;
		v->instructions = instructions;
		v->times = 0;
	}
	v->times++;
}

static void at_begin(unsigned int vcpu, void *data)
{
	unsigned int i;

	for (i = 0; i < nr_spans; i++) {
		spans[i].depth = 0;
		spans[i].nr_values = 0;
	}
	in_window = true;
	window = count;
}

static void at_end(unsigned int vcpu, void *data)
{
	unsigned int i, j;

	if (!in_window)
		return;
	fprintf(out, "window %" PRIu64 "\n", count - window);
	for (i = 0; i < nr_spans; i++) {
		struct span *s = &spans[i];

		if (s->to_mark && s->depth)
			close_span(s);
		if (!s->nr_values)
			continue;
		fprintf(out, "span %s", s->name);
		for (j = 0; j < s->nr_values; j++)
			fprintf(out, " %" PRIu64 ":%" PRIu64 "*%" PRIu64,
				s->values[j].steps, s->values[j].instructions,
				s->values[j].times);
		fprintf(out, "\n");
	}
	if (dropped)
		fprintf(out, "dropped\n");
	fflush(out);
	in_window = false;
}

static void at_span_start(unsigned int vcpu, void *data)
{
	struct span *s = data;

	if (!in_window || (s->to_mark && s->depth))
		return;
	if (!s->depth++) {
		s->since = count;
		s->steps = 0;
	}
}

static void at_span_end(unsigned int vcpu, void *data)
{
	struct span *s = data;

	if (in_window && s->depth && !--s->depth)
		close_span(s);
}

static void at_step(unsigned int vcpu, void *data)
{
	struct span *s = data;

	s->steps++;
}

static bool has(const uint64_t *addrs, unsigned int nr, uint64_t addr)
{
	while (nr--)
		if (addrs[nr] == addr)
			return true;
	return false;
}

static void instrument(struct qemu_plugin_insn *insn)
{
	/* nopl 0x5a4352nn(%rax,%rax,1) */
	static const unsigned char mark[] = { 0x0f, 0x1f, 0x84, 0x00 };
	static const unsigned char magic[] = { 0x52, 0x43, 0x5a };
	const unsigned char *bytes = qemu_plugin_insn_data(insn);
	uint64_t addr = qemu_plugin_insn_vaddr(insn);
	unsigned int i;

	if (qemu_plugin_insn_size(insn) == 8 && !memcmp(bytes, mark, 4) &&
	    !memcmp(bytes + 5, magic, 3))
		qemu_plugin_register_vcpu_insn_exec_cb(insn,
				bytes[4] ? at_end : at_begin, 0, NULL);
	for (i = 0; i < nr_spans; i++) {
		struct span *s = &spans[i];

		if (has(s->ends, s->nr_ends, addr))
			qemu_plugin_register_vcpu_insn_exec_cb(insn,
					at_span_end, 0, s);
		if (has(s->starts, s->nr_starts, addr))
			qemu_plugin_register_vcpu_insn_exec_cb(insn,
					at_span_start, 0, s);
		if (s->step == addr)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_step,
					0, s);
	}
	qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &count, 1);
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	for (i = 0; i < n; i++)
		instrument(qemu_plugin_tb_get_insn(tb, i));
}

static unsigned int parse_addrs(char *text, uint64_t *addrs)
{
	unsigned int n = 0;
	char *save, *one;

	for (one = strtok_r(text, ",", &save); one && n < MAX_ADDRS;
	     one = strtok_r(NULL, ",", &save))
		addrs[n++] = strtoull(one, NULL, 16);
	return n;
}

static bool read_spans(const char *path)
{
	static char line[1 << 16];
	FILE *f = fopen(path, "r");

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f) && nr_spans < MAX_SPANS) {
		struct span *s = &spans[nr_spans++];
		char *save, *name = strtok_r(line, " \n", &save);
		char *starts = strtok_r(NULL, " \n", &save);
		char *ends = strtok_r(NULL, " \n", &save);
		char *step = strtok_r(NULL, " \n", &save);

		if (!ends)
			return false;
		snprintf(s->name, sizeof(s->name), "%s", name);
		s->to_mark = !strcmp(ends, "mark");
		s->nr_starts = parse_addrs(starts, s->starts);
		if (!s->to_mark)
			s->nr_ends = parse_addrs(ends, s->ends);
		s->step = step ? strtoull(step, NULL, 16) : UINT64_MAX;
	}
	fclose(f);
	return true;
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc,
			       char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "spans=", 6) &&
			 !read_spans(argv[i] + 6))
			return -1;
	}
	if (!out) {
		fprintf(stderr, "plugin: out=FILE is missing or can't be written\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
