/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The checksum of a byte stream, for sender and receiver.
 *
 * The stream is taken as little-endian 64-bit words, the last one filled up
 * with zero bytes. Beginning with sum = 0, for each word:
 *
 *	sum = rotate_left(sum ^ word, 29) * 0x9e3779b97f4a7c15	(modulo 2^64)
 *
 * and at the end once more with the length in bytes for the word. Each step is a
 * bijection of the sum, so one changed word always changes the result. Swapped,
 * lost and doubled words change it but for one chance in 2^64. The checksum is
 * no defence against an attacker.
 */
#ifndef ZCRXMON_STREAM_SUM_H
#define ZCRXMON_STREAM_SUM_H

#include <endian.h>
#include <stddef.h>
#include <string.h>

struct stream_sum {
	unsigned long long	sum;
	unsigned long long	len;
	/* The first len % 8 bytes of an incomplete word */
	unsigned char		part[8];
};

static inline unsigned long long stream_sum_step(unsigned long long sum,
						 unsigned long long word)
{
	sum ^= word;
	return (sum << 29 | sum >> 35) * 0x9e3779b97f4a7c15ULL;
}

static inline unsigned long long stream_sum_load(const void *p)
{
	unsigned long long word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

static inline void stream_sum_add(struct stream_sum *s, const void *data,
				  size_t len)
{
	size_t fill = s->len % 8, n;
	const unsigned char *p = data;

	s->len += len;
	if (fill) {
		n = len < 8 - fill ? len : 8 - fill;
		memcpy(s->part + fill, p, n);
		if (fill + n < 8)
			return;
		s->sum = stream_sum_step(s->sum, stream_sum_load(s->part));
		p += n;
		len -= n;
	}
	for (; len >= 8; p += 8, len -= 8)
		s->sum = stream_sum_step(s->sum, stream_sum_load(p));
	memcpy(s->part, p, len);
}

/* The sum up to now; more data may be added afterwards. */
static inline unsigned long long stream_sum_result(const struct stream_sum *s)
{
	unsigned long long sum = s->sum;
	unsigned char last[8] = {};

	if (s->len % 8) {
		memcpy(last, s->part, s->len % 8);
		sum = stream_sum_step(sum, stream_sum_load(last));
	}
	return stream_sum_step(sum, s->len);
}

#endif /* ZCRXMON_STREAM_SUM_H */
