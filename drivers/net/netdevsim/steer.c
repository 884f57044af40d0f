// SPDX-License-Identifier: GPL-2.0
/*
 * Receive side scaling: which RX queue a packet is put on.
 *
 * This imitates a NIC: packets are hashed, and the hash picks an entry of an
 * indirection table. The hash is Toeplitz over the addresses and, for TCP and
 * UDP, the ports, as far as user space wants them. Packets other than IP hash
 * to zero.
 *
 * Unlike a NIC it lets the sender choose at first: until user space sets the
 * indirection table of the device, the index of the TX queue is the index of
 * the RX queue. Tests can thus address a queue with mqprio, or skbedit on the
 * peer. It also sees GSO packets whole, never looks into tunnels, and costs CPU
 * time of the sender.
 */

#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <net/flow_dissector.h>
#include <net/netdev_lock.h>

#include "netdevsim.h"
#include "steer.h"

/* Addresses and ports, as they are on the wire */
#define NSIM_HASH_INPUT_MAX	(2 * sizeof(struct in6_addr) + sizeof(__be32))

/* Each bit of the input takes four bytes of the key from its own position on */
static_assert(NSIM_HASH_INPUT_MAX + sizeof(u32) <= NSIM_RSS_KEY_SIZE);

/**
 * nsim_steer_copy() - begin a change of the RSS tables
 * @ns: device, with tables
 *
 * Context: Process context with the device's instance lock held.
 * Return: A copy to change and then publish or kfree(), NULL without memory.
 */
struct nsim_steer *nsim_steer_copy(struct netdevsim *ns)
{
	return kmemdup(netdev_lock_dereference(ns->steer, ns->netdev),
		       sizeof(struct nsim_steer), GFP_KERNEL_ACCOUNT);
}

/**
 * nsim_steer_publish() - have packets looked up in changed RSS tables
 * @ns: device, with tables
 * @steer: what nsim_steer_copy() returned; the device owns it now
 *
 * Packets that are being looked up may still be put on a queue by the
 * previous tables.
 *
 * Context: Process context with the device's instance lock held since the copy
 *	    was made.
 */
void nsim_steer_publish(struct netdevsim *ns, struct nsim_steer *steer)
{
	steer = rcu_replace_pointer(ns->steer, steer,
				    lockdep_is_held(&ns->netdev->lock));
	kfree_rcu(steer, rcu);
}

/**
 * nsim_flow_dissect() - find addresses and ports of a packet
 * @dev: receiving device
 * @skb: the packet as it's sent, data at the Ethernet header
 * @keys: where to put them, all zero if there are none
 *
 * Context: Any, under rcu_read_lock().
 */
void nsim_flow_dissect(const struct net_device *dev, const struct sk_buff *skb,
		       struct flow_keys *keys)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;

	memset(keys, 0, sizeof(*keys));
	if (skb_headlen(skb) < ETH_HLEN)
		return;

	/* From the Ethernet header on: VLAN tags are part of the data here and
	 * the network header of the skb can be anywhere.
	 */
	if (!__skb_flow_dissect(dev_net_rcu(dev), skb, &flow_keys_dissector,
				keys, skb->data, eth->h_proto, ETH_HLEN,
				skb_headlen(skb),
				FLOW_DISSECTOR_F_STOP_AT_ENCAP))
		memset(keys, 0, sizeof(*keys));
}

static u32 nsim_flow_type(const struct flow_keys *keys)
{
	bool v4 = keys->control.addr_type == FLOW_DISSECTOR_KEY_IPV4_ADDRS;

	/* Only the first fragment has ports, and all go to one queue */
	if (keys->control.flags & FLOW_DIS_IS_FRAGMENT)
		return v4 ? IPV4_FLOW : IPV6_FLOW;

	switch (keys->basic.ip_proto) {
	case IPPROTO_TCP:
		return v4 ? TCP_V4_FLOW : TCP_V6_FLOW;
	case IPPROTO_UDP:
		return v4 ? UDP_V4_FLOW : UDP_V6_FLOW;
	default:
		return v4 ? IPV4_FLOW : IPV6_FLOW;
	}
}

static u32 nsim_toeplitz(const u8 *key, const u8 *input, size_t len)
{
	u32 window = get_unaligned_be32(key);
	u32 hash = 0;
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		for (bit = 7; bit >= 0; bit--) {
			if (input[i] & BIT(bit))
				hash ^= window;
			window <<= 1;
			window |= (key[i + sizeof(u32)] >> bit) & 1;
		}
	}

	return hash;
}

/* The selected fields, one behind the other without gaps */
static size_t nsim_hash_input(u8 *input, const struct flow_keys *keys,
			      size_t addr_len, u32 fields)
{
	const u8 *addrs = (const u8 *)&keys->addrs;
	const struct {
		u32 field;
		const void *data;
		size_t len;
	} parts[] = {
		{ RXH_IP_SRC, addrs, addr_len },
		{ RXH_IP_DST, addrs + addr_len, addr_len },
		{ RXH_L4_B_0_1, &keys->ports.src, sizeof(keys->ports.src) },
		{ RXH_L4_B_2_3, &keys->ports.dst, sizeof(keys->ports.dst) },
	};
	unsigned int i;
	size_t len = 0;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!(fields & parts[i].field))
			continue;
		memcpy(input + len, parts[i].data, parts[i].len);
		len += parts[i].len;
	}

	return len;
}

static u32 nsim_flow_hash(const struct nsim_steer *steer, u32 ctx,
			  const struct flow_keys *keys,
			  enum pkt_hash_types *type)
{
	u8 input[NSIM_HASH_INPUT_MAX];
	size_t len;
	u32 fields;

	fields = steer->fields[ctx][nsim_flow_type(keys)];

	switch (keys->control.addr_type) {
	case FLOW_DISSECTOR_KEY_IPV4_ADDRS:
		len = nsim_hash_input(input, keys, sizeof(struct in_addr),
				      fields);
		break;
	case FLOW_DISSECTOR_KEY_IPV6_ADDRS:
		len = nsim_hash_input(input, keys, sizeof(struct in6_addr),
				      fields);
		break;
	default:
		*type = PKT_HASH_TYPE_NONE;
		return 0;
	}
	*type = fields & (RXH_L4_B_0_1 | RXH_L4_B_2_3) ? PKT_HASH_TYPE_L4 :
							 PKT_HASH_TYPE_L3;

	return nsim_toeplitz(steer->key, input, len);
}

/**
 * nsim_rss_rxq() - choose the RX queue of a packet by RSS
 * @ns: receiving device
 * @skb: the packet as it's sent, data at the Ethernet header; gets the hash
 *	 if receive hashing (NETIF_F_RXHASH) is on
 * @ctx: RSS context whose fields and table decide, 0 is the device's own
 *
 * Context: Any, under rcu_read_lock().
 * Return: Index of an RX queue, which may be gone if the number of queues is
 *	   being changed, or -ENOENT if the sender chooses.
 */
int nsim_rss_rxq(struct netdevsim *ns, struct sk_buff *skb, u32 ctx)
{
	const struct net_device *dev = ns->netdev;
	const struct nsim_steer *steer;
	enum pkt_hash_types type;
	struct flow_keys keys;
	bool rss, report;
	u32 hash;

	steer = rcu_dereference(ns->steer);
	if (!steer)
		return -ENOENT;

	rss = steer->indir_set || ctx;
	report = READ_ONCE(dev->features) & NETIF_F_RXHASH;
	if (!rss && !report)
		return -ENOENT;

	nsim_flow_dissect(dev, skb, &keys);
	hash = nsim_flow_hash(steer, ctx, &keys, &type);
	if (report)
		skb_set_hash(skb, hash, type);

	return rss ? steer->indir[ctx][hash % NSIM_RSS_INDIR_SIZE] : -ENOENT;
}

/**
 * nsim_steer_init() - give a device its RSS tables
 * @ns: device that isn't registered yet
 *
 * Devices for which this isn't called refuse the ethtool operations, and
 * their senders choose the RX queue.
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int nsim_steer_init(struct netdevsim *ns)
{
	struct nsim_steer *steer;

	steer = kzalloc_obj(*steer, GFP_KERNEL_ACCOUNT);
	if (!steer)
		return -ENOMEM;

	netdev_rss_key_fill(steer->key, sizeof(steer->key));
	nsim_rss_fill_default(steer, ns->netdev->real_num_rx_queues);
	nsim_rss_fill_fields(steer, 0);
	rcu_assign_pointer(ns->steer, steer);

	ns->netdev->features |= NETIF_F_RXHASH;
	ns->netdev->hw_features |= NETIF_F_RXHASH;

	return 0;
}

/**
 * nsim_steer_uninit() - free the RSS tables
 * @ns: device that isn't registered, and that nobody can send to any more
 *
 * Context: Process context.
 */
void nsim_steer_uninit(struct netdevsim *ns)
{
	kfree(rcu_replace_pointer(ns->steer, NULL, true));
}
