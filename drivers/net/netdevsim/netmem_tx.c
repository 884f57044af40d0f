// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit from memory that the stack can't read.
 *
 * Imitates a NIC that fetches the payload of a packet (devmem TCP) from memory
 * of its own choice, by DMA addresses. The packet that arrives at the peer has
 * the payload in ordinary pages. So the memory is free as soon as TCP has no
 * more use for it.
 */

#include <linux/dma-mapping.h>
#include <linux/platform_device.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "netdevsim.h"

/**
 * nsim_netmem_fetch() - fetch the payload of a packet, as a NIC does to send it
 * @ns: transmitting device
 * @skb: the packet, with fragments that can't be read
 *
 * Context: transmit.
 * Return: the same packet with fragments that can be read, NULL if there is no
 * memory for it, or if the payload is in memory without struct page. @skb is
 * consumed only on success.
 */
struct sk_buff *nsim_netmem_fetch(struct netdevsim *ns, struct sk_buff *skb)
{
	struct device *dev = &ns->nsim_bus_dev->dma->dev;
	int offset = skb_headlen(skb);
	struct sk_buff *nskb;
	int i, err;

	/* The same headroom, as offsets of headers are relative to the head. */
	nskb = alloc_skb_with_frags(skb_headroom(skb) + offset, skb->data_len,
				    0, &err, GFP_ATOMIC | __GFP_NOWARN);
	if (!nskb)
		return NULL;

	skb_reserve(nskb, skb_headroom(skb));
	skb_put(nskb, offset);
	skb_copy_from_linear_data(skb, nskb->data, offset);
	nskb->len += skb->data_len;
	nskb->data_len = skb->data_len;
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		dma_addr_t dma = skb_frag_dma_map(dev, frag);

		if (!nsim_dma_read(dma, nskb, offset, skb_frag_size(frag))) {
			kfree_skb(nskb);
			return NULL;
		}
		offset += skb_frag_size(frag);
	}

	skb_copy_header(nskb, skb);
	nskb->unreadable = 0;
	if (skb->sk)
		skb_set_owner_w(nskb, skb->sk);
	consume_skb(skb);
	return nskb;
}
