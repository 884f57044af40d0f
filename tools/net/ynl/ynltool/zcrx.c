// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <time.h>
#include <unistd.h>

#include <ynl.h>
#include "netdev-user.h"

#include "main.h"

struct snapshot {
	struct netdev_queue_get_list *queues;
	struct timespec when;
};

/* Events per second */
struct rates {
	double copy_count, copy_bytes, no_buffers_count;
};

static bool has_counters(const struct netdev_io_uring_provider_info *i)
{
	return i->_present.copy_count && i->_present.copy_bytes &&
	       i->_present.no_buffers_count;
}

static bool
get_rates(const struct snapshot *last, const struct snapshot *now,
	  const struct netdev_queue_get_rsp *q, struct rates *rates)
{
	const struct netdev_io_uring_provider_info *new = &q->io_uring, *old;
	double secs;

	secs = now->when.tv_sec - last->when.tv_sec +
	       (now->when.tv_nsec - last->when.tv_nsec) / 1e9;

	ynl_dump_foreach(last->queues, l) {
		if (l->ifindex != q->ifindex || l->type != q->type ||
		    l->id != q->id)
			continue;

		old = &l->io_uring;
		if (!has_counters(old) || !has_counters(new))
			return false;
		/*
		 * The kernel's counters only grow, so this is another
		 * instance, or an application wrote to its own.
		 */
		if (new->copy_count < old->copy_count ||
		    new->copy_bytes < old->copy_bytes ||
		    new->no_buffers_count < old->no_buffers_count)
			return false;

		rates->copy_count = (new->copy_count - old->copy_count) / secs;
		rates->copy_bytes = (new->copy_bytes - old->copy_bytes) / secs;
		rates->no_buffers_count =
			(new->no_buffers_count - old->no_buffers_count) / secs;
		return true;
	}

	return false;
}

static void print_json_uint(bool present, const char *name, __u64 val)
{
	if (present)
		jsonw_uint_field(json_wtr, name, val);
}

static void
print_json_queue(const struct netdev_queue_get_rsp *q, const char *name,
		 const struct rates *rates)
{
	const struct netdev_io_uring_provider_info *i = &q->io_uring;

	jsonw_start_object(json_wtr);

	if (name)
		jsonw_string_field(json_wtr, "ifname", name);
	jsonw_uint_field(json_wtr, "ifindex", q->ifindex);
	jsonw_uint_field(json_wtr, "queue-id", q->id);

	print_json_uint(i->_present.nr_buffers, "nr-buffers", i->nr_buffers);
	print_json_uint(i->_present.free_buffers, "free-buffers",
			i->free_buffers);
	print_json_uint(i->_present.copy_count, "copy-count", i->copy_count);
	print_json_uint(i->_present.copy_bytes, "copy-bytes", i->copy_bytes);
	print_json_uint(i->_present.no_buffers_count, "no-buffers-count",
			i->no_buffers_count);

	if (rates) {
		jsonw_name(json_wtr, "per-second");
		jsonw_start_object(json_wtr);
		jsonw_float_field_fmt(json_wtr, "copy-count", "%.1f",
				      rates->copy_count);
		jsonw_float_field_fmt(json_wtr, "copy-bytes", "%.1f",
				      rates->copy_bytes);
		jsonw_float_field_fmt(json_wtr, "no-buffers-count", "%.1f",
				      rates->no_buffers_count);
		jsonw_end_object(json_wtr);
	}

	jsonw_end_object(json_wtr);
}

static void print_plain_uint(bool present, const char *name, __u64 val)
{
	if (present)
		printf("  %s: %llu", name, val);
	else
		printf("  %s: -", name);
}

static void
print_plain_queue(const struct netdev_queue_get_rsp *q, const char *name,
		  bool want_rates, const struct rates *rates)
{
	const struct netdev_io_uring_provider_info *i = &q->io_uring;

	printf("dev: %s[%u]  queue: %u", name ?: "", q->ifindex, q->id);
	print_plain_uint(i->_present.nr_buffers, "buffers", i->nr_buffers);
	print_plain_uint(i->_present.free_buffers, "free", i->free_buffers);

	if (!want_rates) {
		print_plain_uint(i->_present.copy_count, "copies",
				 i->copy_count);
		print_plain_uint(i->_present.copy_bytes, "copied-bytes",
				 i->copy_bytes);
		print_plain_uint(i->_present.no_buffers_count, "failed",
				 i->no_buffers_count);
	} else if (rates) {
		printf("  copies/s: %.1f  copied-bytes/s: %.1f  failed/s: %.1f",
		       rates->copy_count, rates->copy_bytes,
		       rates->no_buffers_count);
	} else {
		printf("  copies/s: -  copied-bytes/s: -  failed/s: -");
	}

	printf("\n");
}

/* With rates if there is a last time */
static void
print_queues(const struct snapshot *last, const struct snapshot *now)
{
	if (json_output)
		jsonw_start_array(json_wtr);

	ynl_dump_foreach(now->queues, q) {
		const struct rates *rates = NULL;
		char ifname[IF_NAMESIZE];
		struct rates buf;
		const char *name;

		if (!q->_present.io_uring)
			continue;

		name = if_indextoname(q->ifindex, ifname);
		if (last && get_rates(last, now, q, &buf))
			rates = &buf;

		if (json_output)
			print_json_queue(q, name, rates);
		else
			print_plain_queue(q, name, last, rates);
	}

	if (json_output)
		jsonw_end_array(json_wtr);
}

static int
take_snapshot(struct ynl_sock *ys, unsigned int ifindex, struct snapshot *s)
{
	struct netdev_queue_get_req_dump *req;

	req = netdev_queue_get_req_dump_alloc();
	if (!req) {
		p_err("failed to allocate queue request");
		return -1;
	}

	if (ifindex)
		netdev_queue_get_req_dump_set_ifindex(req, ifindex);

	clock_gettime(CLOCK_MONOTONIC, &s->when);
	s->queues = netdev_queue_get_dump(ys, req);
	netdev_queue_get_req_dump_free(req);
	if (!s->queues) {
		p_err("failed to get queues: %s", ys->err.msg);
		return -1;
	}

	return 0;
}

static int show_once(struct ynl_sock *ys, unsigned int ifindex)
{
	struct snapshot now;

	if (take_snapshot(ys, ifindex, &now))
		return -1;

	print_queues(NULL, &now);
	netdev_queue_get_list_free(now.queues);
	return 0;
}

static int
show_rates(struct ynl_sock *ys, unsigned int ifindex, unsigned int interval)
{
	struct snapshot last, now;
	int ret;

	if (take_snapshot(ys, ifindex, &last))
		return -1;

	while (true) {
		sleep(interval);

		ret = take_snapshot(ys, ifindex, &now);
		if (ret)
			break;
		print_queues(&last, &now);
		netdev_queue_get_list_free(last.queues);
		last = now;

		/* One line a round, for whoever reads it as it comes */
		if (json_output) {
			printf("\n");
			jsonw_reset(json_wtr);
		}
		/* A line that was lost before leaves nothing to flush. */
		if (fflush(stdout) || ferror(stdout)) {
			p_err("failed to write to standard output");
			ret = -1;
			break;
		}
	}

	netdev_queue_get_list_free(last.queues);
	return ret;
}

static int parse_interval(const char *arg, unsigned int *interval)
{
	unsigned long val;
	char *end;

	errno = 0;
	val = strtoul(arg, &end, 10);
	if (!isdigit(*arg) || *end || errno || !val || val > UINT_MAX) {
		p_err("invalid interval '%s', a number of seconds is needed",
		      arg);
		return -1;
	}

	*interval = val;
	return 0;
}

static int do_show(int argc, char **argv)
{
	unsigned int ifindex = 0, interval = 0;
	struct ynl_error yerr;
	struct ynl_sock *ys;
	int ret;

	/* Parse options */
	while (argc > 0) {
		if (is_prefix(*argv, "dev")) {
			NEXT_ARG();

			if (!REQ_ARGS(1))
				return -1;

			ifindex = if_nametoindex(*argv);
			if (!ifindex) {
				p_err("no device '%s'", *argv);
				return -1;
			}
			NEXT_ARG();
		} else if (is_prefix(*argv, "interval")) {
			NEXT_ARG();

			if (!REQ_ARGS(1))
				return -1;

			if (parse_interval(*argv, &interval))
				return -1;
			NEXT_ARG();
		} else {
			p_err("unknown option '%s'", *argv);
			return -1;
		}
	}

	ys = ynl_sock_create(&ynl_netdev_family, &yerr);
	if (!ys) {
		p_err("YNL: %s", yerr.msg);
		return -1;
	}

	if (interval)
		ret = show_rates(ys, ifindex, interval);
	else
		ret = show_once(ys, ifindex);

	ynl_sock_destroy(ys);
	return ret;
}

static int do_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;

	if (json_output) {
		jsonw_null(json_wtr);
		return 0;
	}

	fprintf(stderr,
		"Usage: %1$s zcrx { COMMAND | help }\n"
		"       %1$s zcrx [ show [ OPTIONS ] ]\n"
		"\n"
		"       OPTIONS := { dev NAME | interval SECONDS }\n"
		"\n"
		"       show                  - Display the queues that receive zero-copy into memory\n"
		"                               of io_uring (default):\n"
		"                               - buffers - all of the instance, and the free ones\n"
		"                               - copies - pieces of payload that were copied\n"
		"                                 instead, and their bytes\n"
		"                               - failed - attempts to get a buffer\n"
		"                               A figure that the kernel does not tell is '-', and\n"
		"                               left out of JSON.\n"
		"       show dev NAME         - Only those of a network device\n"
		"       show interval SECONDS - Display copies, bytes and failed attempts per second,\n"
		"                               in each interval, until interrupted. JSON has both,\n"
		"                               an array and a line for each interval.\n"
		"",
		bin_name);

	return 0;
}

static const struct cmd zcrx_cmds[] = {
	{ "show",	do_show },
	{ "help",	do_help },
	{ 0 }
};

int do_zcrx(int argc, char **argv)
{
	return cmd_select(zcrx_cmds, argc, argv, do_help);
}
