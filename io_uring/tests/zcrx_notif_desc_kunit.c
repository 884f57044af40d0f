// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the notification descriptor: its checks, the places that the
 * statistics may have, and the counters that the kernel keeps there. These
 * tests need no ring.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "zcrx_notif_kunit.h"

#define ALL_TYPES	(ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY)
#define STATS		ZCRX_NOTIF_DESC_FLAG_STATS

struct desc_row {
	const char			*name;
	struct zcrx_notification_desc	desc;
	int				ret;
};

static const struct desc_row desc_rows[] = {
	{ "asks for nothing", { } },
	{ "any user_data", { .user_data = U64_MAX } },
	{ "no buffers", { .type_mask = ZCRX_NOTIF_NO_BUFFERS } },
	{ "copy", { .type_mask = ZCRX_NOTIF_COPY } },
	{ "both types", { .type_mask = ALL_TYPES } },
	{ "first undefined type", { .type_mask = ALL_TYPES | BIT(2) }, -EINVAL },
	{ "last undefined type", { .type_mask = BIT(31) }, -EINVAL },
	{ "statistics alone", { .flags = STATS } },
	{ "statistics and types", { .type_mask = ALL_TYPES, .flags = STATS } },
	{ "first undefined flag", { .flags = STATS | BIT(1) }, -EINVAL },
	{ "last undefined flag", { .flags = BIT(31) }, -EINVAL },
	{ "reserved u32", { .__resv1 = 1 }, -EINVAL },
	{ "reserved u64 0", { .__resv2[0] = 1 }, -EINVAL },
	{ "reserved u64 1", { .__resv2[1] = 1 }, -EINVAL },
	{ "reserved u64 2", { .__resv2[2] = 1 }, -EINVAL },
	{ "reserved u64 3", { .__resv2[3] = 1 }, -EINVAL },
	{ "reserved u64 4", { .__resv2[4] = 1 }, -EINVAL },
	{ "reserved u64 5", { .__resv2[5] = 1 }, -EINVAL },
	{ "reserved u64 6", { .__resv2[6] = 1 }, -EINVAL },
	{ "reserved u64 7", { .__resv2[7] = 1ULL << 63 }, -EINVAL },
	{ "reserved with statistics", { .flags = STATS, .__resv1 = 1 }, -EINVAL },
	{ "offset without flag", { .stats_offset = 64 }, -EINVAL },
	{ "size without flag", { .stats_size = 16 }, -EINVAL },
	{ "offset 1", { .flags = STATS, .stats_offset = 1 }, -EINVAL },
	{ "offset 4", { .flags = STATS, .stats_offset = 4 }, -EINVAL },
	{ "offset 7", { .flags = STATS, .stats_offset = 7 }, -EINVAL },
	{ "offset 8", { .flags = STATS, .stats_offset = 8 } },
	{ "offset 2^32 + 4", { .flags = STATS, .stats_offset = BIT_ULL(32) + 4 },
	  -EINVAL },
	{ "offset 2^64 - 8", { .flags = STATS, .stats_offset = -8ULL } },
	{ "offset 2^64 - 1", { .flags = STATS, .stats_offset = U64_MAX },
	  -EINVAL },
	{ "size 1", { .flags = STATS, .stats_size = 1 }, -EINVAL },
	{ "size 8", { .flags = STATS, .stats_size = 8 }, -EINVAL },
	{ "size 15", { .flags = STATS, .stats_size = 15 }, -EINVAL },
	{ "size 16", { .flags = STATS, .stats_size = 16 } },
	{ "size 17", { .flags = STATS, .stats_size = 17 }, -EINVAL },
	{ "size 20", { .flags = STATS, .stats_size = 20 }, -EINVAL },
	{ "size 24", { .flags = STATS, .stats_size = 24 } },
	{ "size 32, more than is known", { .flags = STATS, .stats_size = 32 } },
	{ "size 2^32 - 8", { .flags = STATS, .stats_size = U32_MAX - 7 } },
	{ "size 2^32 - 1", { .flags = STATS, .stats_size = U32_MAX }, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(desc, desc_rows, name);

static void desc_is_checked(struct kunit *test)
{
	const struct desc_row *row = test->param_value;

	KUNIT_EXPECT_EQ(test, zcrx_notif_check_desc(&row->desc), row->ret);
}

struct bounds_row {
	const char	*name;
	u64		offset;
	u32		size;
	u64		rq_end;
	u64		region;
	int		ret;
};

/* 576: e.g. a header of 64 bytes and 32 entries of 16 bytes */
static const struct bounds_row bounds_rows[] = {
	{ "on the header", 0, 16, 576, 4096, -ERANGE },
	{ "no entries, at 0", 0, 16, 0, 4096, 0 },
	{ "an empty region", 0, 16, 0, 0, -ERANGE },
	{ "a region of 15 bytes", 0, 16, 0, 15, -ERANGE },
	{ "a region of 16 bytes", 0, 16, 0, 16, 0 },
	{ "on the last entry", 568, 16, 576, 4096, -ERANGE },
	{ "right behind the entries", 576, 16, 576, 4096, 0 },
	{ "behind the entries", 640, 16, 576, 4096, 0 },
	{ "up to the end", 4080, 16, 576, 4096, 0 },
	{ "one word past the end", 4088, 16, 576, 4096, -ERANGE },
	{ "up to the end, not of a page", 4080, 16, 576, 4095, -ERANGE },
	{ "size 0 is 16, up to the end", 4080, 0, 576, 4096, 0 },
	{ "size 0 is 16, past the end", 4088, 0, 576, 4096, -ERANGE },
	{ "24 bytes up to the end", 4072, 24, 576, 4096, 0 },
	{ "24 bytes past the end", 4080, 24, 576, 4096, -ERANGE },
	{ "starts at the end", 4096, 16, 576, 4096, -ERANGE },
	{ "starts past the end", 8192, 16, 576, 4096, -ERANGE },
	{ "all there is", 576, 3520, 576, 4096, 0 },
	{ "more than there is", 576, 3528, 576, 4096, -ERANGE },
	{ "no room behind the entries", 4096, 16, 4096, 4096, -ERANGE },
	{ "size up to 2^32", 576, U32_MAX - 7, 576, 4096, -ERANGE },
	{ "end wraps in 32 bits", BIT_ULL(32) - 16, 32, 576, 4096, -ERANGE },
	{ "offset 2^32", BIT_ULL(32), 16, 576, 4096, -ERANGE },
	{ "offset 0 in 32 bits, behind entries", BIT_ULL(32), 16, 576,
	  BIT_ULL(32) + 16, 0 },
	{ "offset fits in 32 bits only", BIT_ULL(32) + 576, 16, 576, 4096,
	  -ERANGE },
	{ "up to 2^32", BIT_ULL(32) - 16, 16, 576, BIT_ULL(32), 0 },
	{ "past 2^32", BIT_ULL(32) - 8, 16, 576, BIT_ULL(32), -ERANGE },
	{ "across 2^32", BIT_ULL(32) - 8, 16, 576, BIT_ULL(32) + 8, 0 },
	{ "entries end past 2^32", 576, 16, BIT_ULL(32) + 576,
	  BIT_ULL(33), -ERANGE },
	{ "largest size, largest region", 576, U32_MAX - 7, 576, U64_MAX, 0 },
	{ "up to 2^64 - 8", -24ULL, 16, 576, -8ULL, 0 },
	{ "past 2^64 - 8", -16ULL, 16, 576, -8ULL, -ERANGE },
	{ "end wraps to 0", -16ULL, 16, 576, U64_MAX, -ERANGE },
	{ "end wraps past 0", -8ULL, 16, 576, U64_MAX, -ERANGE },
	{ "size 0 is 16, end wraps to 0", -16ULL, 0, 576, U64_MAX, -ERANGE },
	{ "end wraps into the region", -8ULL, 1024, 576, 4096, -ERANGE },
	{ "largest size up to 2^64 - 8", -BIT_ULL(32), U32_MAX - 7, 576,
	  U64_MAX, 0 },
	{ "largest size, end wraps to 0", 8 - BIT_ULL(32), U32_MAX - 7, 576,
	  U64_MAX, -ERANGE },
	{ "entries end at 2^64 - 8", 576, 16, -8ULL, U64_MAX, -ERANGE },
};

KUNIT_ARRAY_PARAM_DESC(bounds, bounds_rows, name);

static void stats_bounds_are_checked(struct kunit *test)
{
	const struct bounds_row *row = test->param_value;
	struct zcrx_notification_desc desc = {
		.flags = STATS,
		.stats_offset = row->offset,
		.stats_size = row->size,
	};

	KUNIT_EXPECT_EQ(test,
			zcrx_notif_check_stats(&desc, row->rq_end, row->region),
			row->ret);
}

static void no_stats_need_no_room(struct kunit *test)
{
	struct zcrx_notification_desc desc = { .type_mask = ALL_TYPES };

	KUNIT_EXPECT_EQ(test, zcrx_notif_check_stats(&desc, 4096, 4096), 0);
	KUNIT_EXPECT_EQ(test, zcrx_notif_check_stats(&desc, U64_MAX, 0), 0);
}

/* a region of 16 words, all bits set, with the statistics from word 4 */
#define REGION_WORDS	16
#define STATS_WORD	4

struct stats_test {
	struct zcrx_notif	notif;
	u64			region[REGION_WORDS];
};

static int stats_test_init(struct kunit *test)
{
	struct stats_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	memset(t->region, 0xff, sizeof(t->region));
	zcrx_notif_init(&t->notif);
	test->priv = t;
	return 0;
}

static void stats_test_exit(struct kunit *test)
{
	struct stats_test *t = test->priv;

	if (t)
		zcrx_notif_free(&t->notif);
}

static void set_up_stats(struct kunit *test, u32 size)
{
	struct stats_test *t = test->priv;
	struct zcrx_notification_desc desc = {
		.flags = STATS,
		.stats_offset = STATS_WORD * sizeof(u64),
		.stats_size = size,
	};

	KUNIT_ASSERT_EQ(test, zcrx_notif_check_desc(&desc), 0);
	KUNIT_ASSERT_EQ(test, setup_in(&t->notif, &desc, t->region), 0);
}

static void stats_past_the_region_are_refused(struct kunit *test)
{
	struct stats_test *t = test->priv;
	struct zcrx_notification_desc desc = {
		.flags = STATS,
		.stats_offset = PAGE_SIZE - sizeof(u64),
	};

	KUNIT_EXPECT_EQ(test, setup_in(&t->notif, &desc, t->region), -ERANGE);
	KUNIT_EXPECT_NULL(test, t->notif.stats);
}

struct room_row {
	const char	*name;
	u32		size;
	/* words that are zeroed */
	u32		words;
	bool		no_buffers;
};

static const struct room_row room_rows[] = {
	{ "size 0", 0, 2, false },
	{ "size 16", 16, 2, false },
	{ "size 24", 24, 3, true },
	{ "size 32", 32, 4, true },
	{ "size 64", 64, 8, true },
};

KUNIT_ARRAY_PARAM_DESC(room, room_rows, name);

static void setup_zeroes_the_room_alone(struct kunit *test)
{
	const struct room_row *row = test->param_value;
	struct stats_test *t = test->priv;
	u32 i;

	set_up_stats(test, row->size);

	for (i = 0; i < REGION_WORDS; i++) {
		bool room = i >= STATS_WORD && i < STATS_WORD + row->words;

		KUNIT_EXPECT_EQ_MSG(test, t->region[i], room ? 0 : U64_MAX,
				    "word %u", i);
	}
}

static void counters_in_the_room_are_kept(struct kunit *test)
{
	const struct room_row *row = test->param_value;
	struct stats_test *t = test->priv;
	u64 *stats = &t->region[STATS_WORD];
	u32 i;

	set_up_stats(test, row->size);
	zcrx_notif_copied(&t->notif, 1);
	zcrx_notif_copied(&t->notif, 4096);
	zcrx_notif_copied(&t->notif, 65536);
	zcrx_notif_no_buffers(&t->notif);
	zcrx_notif_no_buffers(&t->notif);

	KUNIT_EXPECT_EQ(test, stats[0], 3);
	KUNIT_EXPECT_EQ(test, stats[1], 1 + 4096 + 65536);
	KUNIT_EXPECT_EQ(test, stats[2], row->no_buffers ? 2 : U64_MAX);
	for (i = 3; i < REGION_WORDS - STATS_WORD; i++)
		KUNIT_EXPECT_EQ_MSG(test, stats[i],
				    i < row->words ? 0 : U64_MAX, "word %u", i);
	for (i = 0; i < STATS_WORD; i++)
		KUNIT_EXPECT_EQ_MSG(test, t->region[i], U64_MAX, "word %u", i);
}

struct count_row {
	const char	*name;
	u64		before;
	size_t		bytes;
	/* values of the counters that go up by one, and of copy_bytes */
	u64		after_one;
	u64		after_bytes;
};

static const struct count_row count_rows[] = {
	{ "from 0", 0, 1, 1, 1 },
	{ "from 0, most bytes", 0, SIZE_MAX, 1, SIZE_MAX },
	{ "to 2^32 - 1", U32_MAX - 1, 1, U32_MAX, U32_MAX },
	{ "across 2^32", U32_MAX, 2, BIT_ULL(32), BIT_ULL(32) + 1 },
	{ "behind 2^32", BIT_ULL(32), 4096, BIT_ULL(32) + 1,
	  BIT_ULL(32) + 4096 },
	{ "across 2^63", S64_MAX, 65536, BIT_ULL(63), BIT_ULL(63) + 65535 },
	{ "to 2^64 - 1", U64_MAX - 1, 1, U64_MAX, U64_MAX },
	{ "across 2^64", U64_MAX, 4096, 0, 4095 },
};

KUNIT_ARRAY_PARAM_DESC(count, count_rows, name);

static void counters_have_64_bits(struct kunit *test)
{
	const struct count_row *row = test->param_value;
	struct stats_test *t = test->priv;
	u64 *stats = &t->region[STATS_WORD];

	set_up_stats(test, 24);
	stats[0] = row->before;
	stats[1] = row->before;
	stats[2] = row->before;
	zcrx_notif_copied(&t->notif, row->bytes);
	zcrx_notif_no_buffers(&t->notif);

	KUNIT_EXPECT_EQ(test, stats[0], row->after_one);
	KUNIT_EXPECT_EQ(test, stats[1], row->after_bytes);
	KUNIT_EXPECT_EQ(test, stats[2], row->after_one);
	KUNIT_EXPECT_EQ(test, stats[3], U64_MAX);
}

/* An application that writes to the statistics only spoils its own view. */
static void scribbled_counters_do_no_harm(struct kunit *test)
{
	struct stats_test *t = test->priv;
	u64 *stats = &t->region[STATS_WORD];

	set_up_stats(test, 24);
	memset(stats, 0xff, 24);
	zcrx_notif_copied(&t->notif, 4096);
	zcrx_notif_no_buffers(&t->notif);

	KUNIT_EXPECT_EQ(test, stats[0], 0);
	KUNIT_EXPECT_EQ(test, stats[1], 4095);
	KUNIT_EXPECT_EQ(test, stats[2], 0);
	KUNIT_EXPECT_EQ(test, stats[3], U64_MAX);
	KUNIT_EXPECT_EQ(test, stats[-1], U64_MAX);
}

static void without_descriptor_nothing_is_kept(struct kunit *test)
{
	struct zcrx_notification_desc desc = {};
	struct stats_test *t = test->priv;
	u32 i;

	KUNIT_ASSERT_EQ(test, setup_in(&t->notif, &desc, t->region), 0);
	zcrx_notif_copied(&t->notif, 4096);
	zcrx_notif_no_buffers(&t->notif);

	KUNIT_EXPECT_NULL(test, t->notif.stats);
	KUNIT_EXPECT_NULL(test, t->notif.req);
	KUNIT_EXPECT_EQ(test, t->notif.armed, 0);
	KUNIT_EXPECT_EQ(test, t->notif.pending, 0);
	for (i = 0; i < REGION_WORDS; i++)
		KUNIT_EXPECT_EQ_MSG(test, t->region[i], U64_MAX, "word %u", i);
}

static void types_without_stats_count_nothing(struct kunit *test)
{
	struct zcrx_notification_desc desc = { .type_mask = ALL_TYPES };
	struct stats_test *t = test->priv;
	u32 i;

	KUNIT_ASSERT_EQ(test, setup_in(&t->notif, &desc, t->region), 0);
	KUNIT_EXPECT_EQ(test, t->notif.armed, ALL_TYPES);
	zcrx_notif_copied(&t->notif, 4096);
	zcrx_notif_no_buffers(&t->notif);

	KUNIT_EXPECT_EQ(test, t->notif.pending, ALL_TYPES);
	for (i = 0; i < REGION_WORDS; i++)
		KUNIT_EXPECT_EQ_MSG(test, t->region[i], U64_MAX, "word %u", i);
}

/* An event counts once, and raises its own type. */
static void events_raise_their_type(struct kunit *test)
{
	struct zcrx_notification_desc desc = { .type_mask = ALL_TYPES };
	struct stats_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, setup_in(&t->notif, &desc, t->region), 0);
	zcrx_notif_copied(&t->notif, 1);
	KUNIT_EXPECT_EQ(test, t->notif.pending, ZCRX_NOTIF_COPY);
	zcrx_notif_no_buffers(&t->notif);
	KUNIT_EXPECT_EQ(test, t->notif.pending, ALL_TYPES);
}

static struct kunit_case zcrx_notif_desc_cases[] = {
	KUNIT_CASE_PARAM(desc_is_checked, desc_gen_params),
	KUNIT_CASE_PARAM(stats_bounds_are_checked, bounds_gen_params),
	KUNIT_CASE(no_stats_need_no_room),
	{}
};

static struct kunit_suite zcrx_notif_desc_suite = {
	.name = "io_uring_zcrx_notif_desc",
	.test_cases = zcrx_notif_desc_cases,
};

static struct kunit_case zcrx_notif_stats_cases[] = {
	KUNIT_CASE(stats_past_the_region_are_refused),
	KUNIT_CASE_PARAM(setup_zeroes_the_room_alone, room_gen_params),
	KUNIT_CASE_PARAM(counters_in_the_room_are_kept, room_gen_params),
	KUNIT_CASE_PARAM(counters_have_64_bits, count_gen_params),
	KUNIT_CASE(scribbled_counters_do_no_harm),
	KUNIT_CASE(without_descriptor_nothing_is_kept),
	KUNIT_CASE(types_without_stats_count_nothing),
	KUNIT_CASE(events_raise_their_type),
	{}
};

static struct kunit_suite zcrx_notif_stats_suite = {
	.name = "io_uring_zcrx_notif_stats",
	.test_cases = zcrx_notif_stats_cases,
	.init = stats_test_init,
	.exit = stats_test_exit,
};

kunit_test_suites(&zcrx_notif_desc_suite, &zcrx_notif_stats_suite);

MODULE_DESCRIPTION("KUnit tests of descriptors of zcrx notifications");
MODULE_LICENSE("GPL");
