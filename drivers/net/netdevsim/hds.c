// SPDX-License-Identifier: GPL-2.0
/*
 * Header-data split into the buffers of a memory provider.
 *
 * Imitates the receive side of a NIC that takes headers and payload apart: on
 * a queue whose page pool hands out unreadable memory (io_uring zero-copy
 * receive, devmem TCP) the payload of a TCP packet is written to buffers of
 * that pool, through their DMA addresses as a device would do it, and the
 * stack gets the headers in the linear part and the buffers as fragments.
 * A packet that is not TCP, is an IP fragment, is tunnelled, carries no payload
 * or has a bad checksum stays in kernel memory, whole.
 *
 * A packet never shares a buffer with another one unless both are small
 * compared to it; then they are packed, as a striding receive queue does.
 *
 * There is no ring of posted buffers. A packet takes a buffer when it needs
 * one, so that an empty pool drops at once, and drops one packet for each
 * failed allocation.
 */

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/flow_dissector.h>
#include <net/ip6_checksum.h>
#include <net/page_pool/helpers.h>
#include <net/tcp.h>

#include "netdevsim.h"

/* The stack cannot read the payload, so the device must have checked it. */
static bool nsim_hds_csum_good(const struct sk_buff *skb,
			       const struct flow_keys *keys)
{
	int thoff = keys->control.thoff;
	int len = skb->len - thoff;
	__wsum csum;

	if (skb_csum_unnecessary(skb))
		return true;

	csum = skb_checksum(skb, thoff, len, 0);
	switch (keys->control.addr_type) {
	case FLOW_DISSECTOR_KEY_IPV4_ADDRS:
		return !csum_tcpudp_magic(keys->addrs.v4addrs.src,
					  keys->addrs.v4addrs.dst,
					  len, IPPROTO_TCP, csum);
	case FLOW_DISSECTOR_KEY_IPV6_ADDRS:
		return !csum_ipv6_magic(&keys->addrs.v6addrs.src,
					&keys->addrs.v6addrs.dst,
					len, IPPROTO_TCP, csum);
	}
	return false;
}

/* Length from skb->data to the payload, 0 for a packet that stays whole. */
static int nsim_hds_header_len(struct sk_buff *skb)
{
	const struct tcphdr *th;
	struct flow_keys keys;
	struct tcphdr _th;
	int len;

	skb_reset_network_header(skb);
	if (!skb_flow_dissect_flow_keys(skb, &keys,
					FLOW_DISSECTOR_F_STOP_AT_ENCAP))
		return 0;
	if (keys.basic.ip_proto != IPPROTO_TCP ||
	    keys.control.flags & FLOW_DIS_IS_FRAGMENT)
		return 0;

	th = skb_header_pointer(skb, keys.control.thoff, sizeof(_th), &_th);
	if (!th || th->doff * 4 < sizeof(*th))
		return 0;

	len = keys.control.thoff + th->doff * 4;
	if (len >= skb->len || !nsim_hds_csum_good(skb, &keys))
		return 0;
	return len;
}

/* The headers alone. skb->data - skb->head must not change, because the
 * offsets of the headers are relative to skb->head.
 */
static struct sk_buff *nsim_hds_headers(const struct sk_buff *skb, int len)
{
	int mac = skb_mac_offset(skb);
	struct sk_buff *nskb;

	nskb = alloc_skb(skb_headroom(skb) + len, GFP_ATOMIC | __GFP_NOWARN);
	if (!nskb)
		return NULL;

	skb_reserve(nskb, skb_headroom(skb));
	skb_put(nskb, len);
	if (skb_copy_bits(skb, mac, nskb->data + mac, len - mac)) {
		kfree_skb(nskb);
		return NULL;
	}
	skb_copy_header(nskb, skb);
	skb_mark_for_recycle(nskb);
	nskb->ip_summed = CHECKSUM_UNNECESSARY;
	nskb->csum_level = 0;
	return nskb;
}

/* Move the payload of @skb, which begins at @offset, to buffers of @rq. */
static bool nsim_hds_payload(struct nsim_rq *rq, struct sk_buff *nskb,
			     const struct sk_buff *skb, int offset)
{
	struct nsim_qstats *qstats = nsim_rq_stats(rq);
	struct page_pool *pool = rq->page_pool;
	unsigned int size = PAGE_SIZE << pool->p.order;
	int i;

	for (i = 0; offset < skb->len; i++) {
		unsigned int len = min(skb->len - offset, size);
		unsigned int truesize = len, buf_offset;
		netmem_ref netmem;
		dma_addr_t dma;

		if (i >= MAX_SKB_FRAGS)
			return false;

		netmem = page_pool_dev_alloc_netmem(pool, &buf_offset,
						    &truesize);
		if (!netmem) {
			u64_stats_update_begin(&qstats->rx_syncp);
			u64_stats_inc(&qstats->rx_alloc_fail);
			u64_stats_update_end(&qstats->rx_syncp);
			return false;
		}
		/* From here on the buffer is freed with the skb. */
		skb_add_rx_frag_netmem(nskb, i, netmem, buf_offset, len,
				       truesize);

		dma = page_pool_get_dma_addr_netmem(netmem) + buf_offset;
		if (!nsim_dma_write(dma, skb, offset, len))
			return false;
		page_pool_dma_sync_netmem_for_cpu(pool, netmem, buf_offset,
						  len);
		offset += len;
	}
	return true;
}

/**
 * nsim_hds_receive() - put a packet where a queue's memory provider wants it
 * @rq: queue that received the packet, its page pool is unreadable
 * @skb: the packet as the peer sent it, skb->data behind the MAC header
 *
 * Consumes @skb if it does not return it. A packet that finds no memory is
 * dropped and counted, a failed allocation of a buffer also in the queue's
 * rx-alloc-fail.
 *
 * Context: NAPI poll of @rq.
 * Return: the packet for the stack, NULL if it was dropped.
 */
struct sk_buff *nsim_hds_receive(struct nsim_rq *rq, struct sk_buff *skb)
{
	int len = nsim_hds_header_len(skb);
	struct sk_buff *nskb;

	if (!len)
		return skb;

	nskb = nsim_hds_headers(skb, len);
	if (!nskb)
		goto drop;
	if (!nsim_hds_payload(rq, nskb, skb, len)) {
		kfree_skb_reason(nskb, SKB_DROP_REASON_NOMEM);
		goto drop;
	}
	consume_skb(skb);
	return nskb;

drop:
	dev_dstats_rx_dropped(skb->dev);
	kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
	return NULL;
}
