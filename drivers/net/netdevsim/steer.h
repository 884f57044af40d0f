/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the receive steering of netdevsim shares between the packet's path
 * (steer.c) and the ethtool operations (rss.c, ntuple.c).
 */

#ifndef _NSIM_STEER_H
#define _NSIM_STEER_H

#include <linux/bitmap.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#define NSIM_RSS_KEY_SIZE	40
#define NSIM_RSS_INDIR_SIZE	128
#define NSIM_RULES_MAX		64

struct netdevsim;

/**
 * struct nsim_rule - where TCP packets to one port go
 * @n_proto: ETH_P_IP or ETH_P_IPV6, network byte order
 * @port: TCP destination port, network byte order
 * @is_ctx: @dest is an RSS context, not an RX queue
 * @dest: RX queue or RSS context
 */
struct nsim_rule {
	__be16 n_proto;
	__be16 port;
	bool is_ctx;
	u16 dest;
};

/**
 * struct nsim_steer - the steering tables of one device
 * @rcu: to free it, kfree_rcu() wants it near the start
 * @key: Toeplitz key, all RSS contexts share it
 * @indir: indirection tables by RSS context ID, RX queues
 * @used: which of @rules are in use
 * @rules: by location, the lowest one that matches wins
 *
 * Packets are looked up under RCU, so the tables don't change once they are
 * published. To change them publish a changed copy, under RTNL.
 */
struct nsim_steer {
	struct rcu_head rcu;
	u8 key[NSIM_RSS_KEY_SIZE];
	u16 indir[NSIM_RSS_CTX_MAX][NSIM_RSS_INDIR_SIZE];
	DECLARE_BITMAP(used, NSIM_RULES_MAX);
	struct nsim_rule rules[NSIM_RULES_MAX];
};

struct nsim_steer *nsim_steer_copy(struct netdevsim *ns);
void nsim_steer_publish(struct netdevsim *ns, struct nsim_steer *steer);
void nsim_rss_fill_default(struct nsim_steer *steer, u32 queues);
struct nsim_steer *nsim_rss_set_queues(struct netdevsim *ns, u32 queues);

#endif
