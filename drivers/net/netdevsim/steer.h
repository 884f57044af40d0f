/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files on receive steering share these: the tables of RSS, and the parsing
 * of a packet.
 */

#ifndef _NSIM_STEER_H
#define _NSIM_STEER_H

#include <linux/ethtool.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#define NSIM_RSS_KEY_SIZE	40
#define NSIM_RSS_INDIR_SIZE	128
#define NSIM_RSS_FLOW_TYPES	(IPV6_FLOW + 1)

struct flow_keys;
struct net_device;
struct netdevsim;
struct sk_buff;

/**
 * struct nsim_steer - the RSS tables of one device
 * @rcu: to free it, kfree_rcu() wants it near the start
 * @key: Toeplitz key, all RSS contexts share it
 * @indir_set: user space has set the table of the device, it's in force
 * @fields: header fields that are hashed (RXH_*), by RSS context ID and by
 *	    ethtool's flow type
 * @indir: indirection tables by RSS context ID, RX queues
 *
 * Packets are looked up under RCU, so the tables don't change once they are
 * published. To change them publish a changed copy, under the instance lock of
 * the device, which ethtool operations hold. They may run without RTNL.
 */
struct nsim_steer {
	struct rcu_head rcu;
	u8 key[NSIM_RSS_KEY_SIZE];
	bool indir_set;
	u32 fields[NSIM_RSS_CTX_MAX][NSIM_RSS_FLOW_TYPES];
	u16 indir[NSIM_RSS_CTX_MAX][NSIM_RSS_INDIR_SIZE];
};

struct nsim_steer *nsim_steer_copy(struct netdevsim *ns);
void nsim_steer_publish(struct netdevsim *ns, struct nsim_steer *steer);
void nsim_flow_dissect(const struct net_device *dev, const struct sk_buff *skb,
		       struct flow_keys *keys);
void nsim_rss_fill_default(struct nsim_steer *steer, u32 queues);
void nsim_rss_fill_fields(struct nsim_steer *steer, u32 ctx);
struct nsim_steer *nsim_rss_set_queues(struct netdevsim *ns, u32 queues);

#endif
