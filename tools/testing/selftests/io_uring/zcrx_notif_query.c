// SPDX-License-Identifier: GPL-2.0
/* The ABI of zcrx notifications: the headers and the kernel's query agree. */
#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

/* Offsets without a gap and the size of the whole give every member's size. */
#define LAYOUT(type, member, off) \
	static_assert(offsetof(type, member) == (off), #type)

static_assert(ZCRX_FEATURE_NOTIFICATION == 2, "feature bit");
static_assert(ZCRX_NOTIF_NO_BUFFERS == 1, "type");
static_assert(ZCRX_NOTIF_COPY == 2, "type");
static_assert(ZCRX_NOTIF_DESC_FLAG_STATS == 1, "descriptor flag");
static_assert(ZCRX_CTRL_ARM_NOTIFICATION == 2, "ctrl op");
static_assert(IO_URING_QUERY_ZCRX_NOTIF == 3, "query op");

static_assert(sizeof(struct zcrx_notification_desc) == 96, "size");
LAYOUT(struct zcrx_notification_desc, user_data, 0);
LAYOUT(struct zcrx_notification_desc, type_mask, 8);
LAYOUT(struct zcrx_notification_desc, flags, 12);
LAYOUT(struct zcrx_notification_desc, stats_offset, 16);
LAYOUT(struct zcrx_notification_desc, stats_size, 24);
LAYOUT(struct zcrx_notification_desc, __resv1, 28);
LAYOUT(struct zcrx_notification_desc, __resv2, 32);

static_assert(sizeof(struct io_uring_zcrx_ifq_reg) == 96, "size");
LAYOUT(struct io_uring_zcrx_ifq_reg, rx_buf_len, 68);
LAYOUT(struct io_uring_zcrx_ifq_reg, notif_desc, 72);
LAYOUT(struct io_uring_zcrx_ifq_reg, __resv, 80);

static_assert(sizeof(struct zcrx_ctrl_arm_notif) == 48, "size");
LAYOUT(struct zcrx_ctrl_arm_notif, type_mask, 0);
LAYOUT(struct zcrx_ctrl_arm_notif, __resv, 4);

static_assert(sizeof(struct zcrx_ctrl) == 72, "size");
LAYOUT(struct zcrx_ctrl, zc_arm_notif, 24);

static_assert(sizeof(struct io_uring_zcrx_notif_stats) == 24, "size");
static_assert(__alignof__(struct io_uring_zcrx_notif_stats) == 8, "align");
LAYOUT(struct io_uring_zcrx_notif_stats, copy_count, 0);
LAYOUT(struct io_uring_zcrx_notif_stats, copy_bytes, 8);
LAYOUT(struct io_uring_zcrx_notif_stats, no_buffers_count, 16);

static_assert(sizeof(struct io_uring_query_zcrx_notif) == 96, "size");
LAYOUT(struct io_uring_query_zcrx_notif, notif_flags, 0);
LAYOUT(struct io_uring_query_zcrx_notif, notif_stats_size, 4);
LAYOUT(struct io_uring_query_zcrx_notif, notif_stats_off_alignment, 8);
LAYOUT(struct io_uring_query_zcrx_notif, __resv1, 12);
LAYOUT(struct io_uring_query_zcrx_notif, __resv2, 16);

#define NOTIF_SIZE	sizeof(struct io_uring_query_zcrx_notif)

/* What a whole answer looks like, byte by byte. */
static const struct io_uring_query_zcrx_notif answer = {
	.notif_flags = ZN_ALL_TYPES,
	.notif_stats_size = 24,
	.notif_stats_off_alignment = 8,
};

TEST(zcrx_query_reports_the_feature_bit)
{
	struct io_uring_query_zcrx q = {};

	ASSERT_EQ(0, zn_query(IO_URING_QUERY_ZCRX, &q, sizeof(q), NULL));
	EXPECT_NE(0, q.features & ZCRX_FEATURE_NOTIFICATION);
	/* What was there before still is. */
	EXPECT_NE(0, q.features & ZCRX_FEATURE_RX_PAGE_SIZE);
}

TEST(zcrx_query_counts_the_arm_operation)
{
	struct io_uring_query_zcrx q = {};

	ASSERT_EQ(0, zn_query(IO_URING_QUERY_ZCRX, &q, sizeof(q), NULL));
	EXPECT_LT(ZCRX_CTRL_ARM_NOTIFICATION, q.nr_ctrl_opcodes);
}

TEST(opcode_query_counts_the_notification_query)
{
	struct io_uring_query_opcode q = {};
	char buf[8] = {};

	ASSERT_EQ(0, zn_query(IO_URING_QUERY_OPCODES, &q, sizeof(q), NULL));
	EXPECT_LT(IO_URING_QUERY_ZCRX_NOTIF, q.nr_query_opcodes);
	EXPECT_EQ(-EOPNOTSUPP,
		  zn_query(q.nr_query_opcodes, buf, sizeof(buf), NULL));
}

FIXTURE(query)
{
	unsigned char buf[256];
};

FIXTURE_VARIANT(query)
{
	__u32 size;
	unsigned char fill;
};

FIXTURE_VARIANT_ADD(query, whole) { .size = 96 };
FIXTURE_VARIANT_ADD(query, whole_dirty) { .size = 96, .fill = 0xff };
FIXTURE_VARIANT_ADD(query, one_byte) { .size = 1, .fill = 0xff };
FIXTURE_VARIANT_ADD(query, flags_only) { .size = 4, .fill = 0xff };
FIXTURE_VARIANT_ADD(query, named_fields) { .size = 12, .fill = 0xff };
FIXTURE_VARIANT_ADD(query, one_less) { .size = 95, .fill = 0xff };
FIXTURE_VARIANT_ADD(query, one_more) { .size = 97, .fill = 0xff };
FIXTURE_VARIANT_ADD(query, much_larger) { .size = 200, .fill = 0xff };

FIXTURE_SETUP(query)
{
	memset(self->buf, variant->fill, variant->size);
	memset(self->buf + variant->size, 0xa5,
	       sizeof(self->buf) - variant->size);
}

FIXTURE_TEARDOWN(query)
{
}

/* An extensible struct: cut for a small buffer, zeroed behind in a large one */
TEST_F(query, answer_fits_the_given_size)
{
	__u32 known = variant->size < NOTIF_SIZE ? variant->size : NOTIF_SIZE;
	__u32 ret_size = 0;

	ASSERT_EQ(0, zn_query(IO_URING_QUERY_ZCRX_NOTIF, self->buf,
			      variant->size, &ret_size));
	EXPECT_EQ(known, ret_size);
	EXPECT_EQ(0, memcmp(self->buf, &answer, known));
	for (__u32 i = known; i < variant->size; i++)
		ASSERT_EQ(0, self->buf[i]);
	for (__u32 i = variant->size; i < sizeof(self->buf); i++)
		ASSERT_EQ(0xa5, self->buf[i]);
}

TEST(size_zero_is_refused)
{
	EXPECT_EQ(-EINVAL, zn_query(IO_URING_QUERY_ZCRX_NOTIF, NULL, 0, NULL));
}

TEST(unwritable_buffer_is_refused)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, zn_query(IO_URING_QUERY_ZCRX_NOTIF, p, NOTIF_SIZE, NULL));
	ASSERT_EQ(0, mprotect(p, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, zn_query(IO_URING_QUERY_ZCRX_NOTIF, p, NOTIF_SIZE,
				    NULL));
	munmap(p, 4096);
}

/* Several entries of one call share a kernel buffer: nothing shines through. */
TEST(answer_is_whole_after_other_entries)
{
	struct io_uring_query_opcode ops = {};
	struct io_uring_query_zcrx_notif nq;
	struct io_uring_query_hdr hdr[2] = {
		{
			.next_entry = (unsigned long)&hdr[1],
			.query_data = (unsigned long)&ops,
			.query_op = IO_URING_QUERY_OPCODES,
			.size = sizeof(ops),
		}, {
			.query_data = (unsigned long)&nq,
			.query_op = IO_URING_QUERY_ZCRX_NOTIF,
			.size = sizeof(nq),
		},
	};

	memset(&nq, 0xff, sizeof(nq));
	ASSERT_EQ(0, syscall(__NR_io_uring_register, -1,
			     IORING_REGISTER_QUERY, hdr, 0));
	ASSERT_EQ(0, hdr[1].result);
	EXPECT_EQ(0, memcmp(&nq, &answer, sizeof(nq)));
}

TEST_HARNESS_MAIN
