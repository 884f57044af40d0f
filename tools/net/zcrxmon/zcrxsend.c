// SPDX-License-Identifier: GPL-2.0
/*
 * zcrxsend: send a stream of known content over TCP, and print its checksum to
 * compare with that of zcrxmon --checksum.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "number.h"
#include "stream_sum.h"

#define BLOCK	(1024 * 1024)
/* The first word of each piece occurs once in the stream */
#define PIECE	4096

static const char help[] =
"NAME\n"
"  zcrxsend - send a TCP stream of known content\n"
"\n"
"SYNOPSIS\n"
"  zcrxsend --host ADDRESS --port N --bytes SIZE [--seed N] [--wait SEC] [--json]\n"
"\n"
"OPTIONS\n"
"  --host ADDRESS  IPv4 or IPv6 address to send to\n"
"  --port N        TCP port\n"
"  --bytes SIZE    how much, with K, M or G\n"
"  --seed N        seed of the content: the same seed, the same bytes (default 1)\n"
"  --wait SEC      time to try while the connection is refused (default 10)\n"
"  --json          print the result as a JSON object\n"
"  --help          this text\n"
"\n"
"EXIT STATUS\n"
"  0 sent, 1 could not send, 2 an option is wrong\n";

static void usage_err(const char *error)
{
	fprintf(stderr, "zcrxsend: %s\nTry 'zcrxsend --help'.\n", error);
	exit(2);
}

static unsigned long long parse(const char *arg, const char *error)
{
	unsigned long long value;

	if (!parse_number(arg, "KMG", &value))
		usage_err(error);
	return value;
}

static double monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static socklen_t parse_address(struct sockaddr_storage *addr, const char *host,
			       unsigned int port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)addr;

	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return sizeof(*in6);
	}
	usage_err("--host wants an IPv4 or IPv6 address");
	return 0;
}

/* Refused: no program listens there yet. Try again until the time is over. */
static int connect_host(const char *host, unsigned int port,
			unsigned long long wait)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	struct sockaddr_storage addr = {};
	double end = monotonic() + wait;
	socklen_t len;
	int fd, err;

	len = parse_address(&addr, host, port);
	for (;;) {
		fd = socket(addr.ss_family, SOCK_STREAM, 0);
		if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, len))
			return fd;
		err = errno;
		if (fd >= 0)
			close(fd);
		if (err != ECONNREFUSED || monotonic() >= end)
			break;
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "zcrxsend: cannot connect to %s port %u: %s\n", host,
		port, strerror(err));
	return -1;
}

/* splitmix64: any seed will do, zero too */
static unsigned long long next_random(unsigned long long *state)
{
	unsigned long long z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static bool send_all(int fd, const unsigned char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static bool send_stream(int fd, unsigned long long bytes,
			unsigned long long seed, struct stream_sum *sum)
{
	static unsigned long long block[BLOCK / 8];
	unsigned long long i, n, piece = 0;

	/* Made once, to be fast on an emulated machine, too */
	for (i = 0; i < BLOCK / 8; i++)
		block[i] = htole64(next_random(&seed));

	for (; bytes; bytes -= n) {
		for (i = 0; i < BLOCK / 8; i += PIECE / 8)
			block[i] = htole64(seed ^ piece++);
		n = bytes < BLOCK ? bytes : BLOCK;
		stream_sum_add(sum, block, n);
		if (!send_all(fd, (unsigned char *)block, n))
			return false;
	}
	return true;
}

/*
 * The receiver closes the connection when it has read all data. Wait for that,
 * to notice a reset.
 */
static bool finish(int fd)
{
	char c;

	if (shutdown(fd, SHUT_WR))
		return false;
	return !recv(fd, &c, 1, 0);
}

enum { OPT_BYTES, OPT_HELP, OPT_HOST, OPT_JSON, OPT_PORT, OPT_SEED, OPT_WAIT };

static const struct option long_options[] = {
	{ "bytes", required_argument, NULL, OPT_BYTES },
	{ "help",  no_argument,	      NULL, OPT_HELP },
	{ "host",  required_argument, NULL, OPT_HOST },
	{ "json",  no_argument,	      NULL, OPT_JSON },
	{ "port",  required_argument, NULL, OPT_PORT },
	{ "seed",  required_argument, NULL, OPT_SEED },
	{ "wait",  required_argument, NULL, OPT_WAIT },
	{}
};

int main(int argc, char **argv)
{
	unsigned long long bytes = 0, seed = 1, wait = 10, port = 0;
	const char *host = NULL;
	struct stream_sum sum = {};
	bool json = false;
	double start;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_BYTES:
			bytes = parse(optarg, "--bytes wants a size: 65536, 64K, 16M or 1G");
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 0;
		case OPT_HOST:
			host = optarg;
			break;
		case OPT_JSON:
			json = true;
			break;
		case OPT_PORT:
			port = parse(optarg, "--port wants a number");
			break;
		case OPT_SEED:
			seed = parse(optarg, "--seed wants a number");
			break;
		case OPT_WAIT:
			wait = parse(optarg, "--wait wants a number of seconds");
			break;
		default:
			fputs("Try 'zcrxsend --help'.\n", stderr);
			return 2;
		}
	}
	if (optind < argc || !host || !bytes || !port || port > 65535)
		usage_err("wanted: --host ADDRESS --port 1..65535 --bytes SIZE");

	fd = connect_host(host, port, wait);
	if (fd < 0)
		return 1;
	start = monotonic();
	if (!send_stream(fd, bytes, seed, &sum) || !finish(fd)) {
		fprintf(stderr, "zcrxsend: sending to %s port %llu failed: %s\n",
			host, port, strerror(errno));
		return 1;
	}
	printf(json ? "{\"sent\": %llu, \"checksum\": \"0x%016llx\", \"seconds\": %.3f}\n" :
		      "sent %llu bytes, checksum 0x%016llx, %.2f s\n",
	       sum.len, stream_sum_result(&sum), monotonic() - start);
	return 0;
}
