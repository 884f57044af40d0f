// SPDX-License-Identifier: GPL-2.0
/*
 * The ethtool operations of receive side scaling: hash key, hashed header
 * fields, indirection table and RSS contexts. What a packet does with them is in
 * steer.c.
 *
 * As in some NICs there is one key for all contexts, and no choice of hash
 * function.
 */

#include <linux/err.h>
#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/string.h>
#include <linux/xarray.h>
#include <net/netdev_lock.h>

#include "netdevsim.h"
#include "steer.h"

/**
 * nsim_rss_fill_default() - spread the device's own table over the queues
 * @steer: tables that are not published yet
 * @queues: number of RX queues
 */
void nsim_rss_fill_default(struct nsim_steer *steer, u32 queues)
{
	unsigned int i;

	for (i = 0; i < NSIM_RSS_INDIR_SIZE; i++)
		steer->indir[0][i] = ethtool_rxfh_indir_default(i, queues);
}

/**
 * nsim_rss_set_queues() - begin to change the number of queues
 * @ns: device
 * @queues: number of RX queues that it is to have
 *
 * Context: Process context with the device's instance lock held.
 * Return: Tables to publish when it has them, or to kfree(); NULL if it has no
 * tables or user space has set the indirection table; ERR_PTR(-ENOMEM).
 */
struct nsim_steer *nsim_rss_set_queues(struct netdevsim *ns, u32 queues)
{
	struct nsim_steer *steer;

	if (!rcu_access_pointer(ns->steer) ||
	    netif_is_rxfh_configured(ns->netdev))
		return NULL;

	steer = nsim_steer_copy(ns);
	if (!steer)
		return ERR_PTR(-ENOMEM);
	nsim_rss_fill_default(steer, queues);
	return steer;
}

u32 nsim_get_rx_ring_count(struct net_device *dev)
{
	return dev->real_num_rx_queues;
}

u32 nsim_get_rxfh_key_size(struct net_device *dev)
{
	struct netdevsim *ns = netdev_priv(dev);

	return rcu_access_pointer(ns->steer) ? NSIM_RSS_KEY_SIZE : 0;
}

u32 nsim_get_rxfh_indir_size(struct net_device *dev)
{
	struct netdevsim *ns = netdev_priv(dev);

	return rcu_access_pointer(ns->steer) ? NSIM_RSS_INDIR_SIZE : 0;
}

int nsim_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *rxfh)
{
	struct netdevsim *ns = netdev_priv(dev);
	const struct nsim_steer *steer;
	unsigned int i;

	/* VFs have no tables, and no instance lock in ethtool operations */
	if (!rcu_access_pointer(ns->steer))
		return -EOPNOTSUPP;
	steer = netdev_lock_dereference(ns->steer, dev);

	rxfh->hfunc = ETH_RSS_HASH_TOP;
	if (rxfh->key)
		memcpy(rxfh->key, steer->key, sizeof(steer->key));
	if (rxfh->indir)
		for (i = 0; i < NSIM_RSS_INDIR_SIZE; i++)
			rxfh->indir[i] = steer->indir[0][i];

	return 0;
}

/* Begin a change of the RSS settings, publish the copy or free it */
static struct nsim_steer *nsim_rss_begin(struct net_device *dev, u8 hfunc)
{
	struct netdevsim *ns = netdev_priv(dev);
	struct nsim_steer *steer;

	if (!rcu_access_pointer(ns->steer))
		return ERR_PTR(-EOPNOTSUPP);
	if (hfunc != ETH_RSS_HASH_NO_CHANGE && hfunc != ETH_RSS_HASH_TOP)
		return ERR_PTR(-EOPNOTSUPP);

	steer = nsim_steer_copy(ns);
	return steer ?: ERR_PTR(-ENOMEM);
}

static void nsim_rss_set_indir(struct nsim_steer *steer, u32 ctx,
			       const u32 *indir)
{
	unsigned int i;

	for (i = 0; i < NSIM_RSS_INDIR_SIZE; i++)
		steer->indir[ctx][i] = indir[i];
}

int nsim_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *rxfh,
		  struct netlink_ext_ack *extack)
{
	struct nsim_steer *steer;

	steer = nsim_rss_begin(dev, rxfh->hfunc);
	if (IS_ERR(steer))
		return PTR_ERR(steer);

	if (rxfh->key)
		memcpy(steer->key, rxfh->key, sizeof(steer->key));
	if (rxfh->indir) {
		nsim_rss_set_indir(steer, 0, rxfh->indir);
		/* From now on, also if it's the default one again */
		steer->indir_set = true;
	}
	nsim_steer_publish(netdev_priv(dev), steer);

	return 0;
}

/* The header fields that can be hashed, none if the flow type isn't known */
static u32 nsim_rss_all_fields(u32 flow_type)
{
	switch (flow_type) {
	case TCP_V4_FLOW:
	case UDP_V4_FLOW:
	case TCP_V6_FLOW:
	case UDP_V6_FLOW:
		return RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3;
	case IPV4_FLOW:
	case IPV6_FLOW:
		return RXH_IP_SRC | RXH_IP_DST;
	default:
		return 0;
	}
}

/**
 * nsim_rss_fill_fields() - have all header fields hashed
 * @steer: tables that are not published yet
 * @ctx: RSS context, 0 is the device's own
 */
void nsim_rss_fill_fields(struct nsim_steer *steer, u32 ctx)
{
	u32 type;

	for (type = 0; type < NSIM_RSS_FLOW_TYPES; type++)
		steer->fields[ctx][type] = nsim_rss_all_fields(type);
}

/* The core leaves it to the driver to refuse unknown flow types and contexts */
static int nsim_rss_check_fields(struct net_device *dev,
				 const struct ethtool_rxfh_fields *fields)
{
	struct netdevsim *ns = netdev_priv(dev);

	if (!rcu_access_pointer(ns->steer) ||
	    !nsim_rss_all_fields(fields->flow_type))
		return -EOPNOTSUPP;
	if (fields->rss_context &&
	    !xa_load(&dev->ethtool->rss_ctx, fields->rss_context))
		return -ENOENT;

	return 0;
}

int nsim_get_rxfh_fields(struct net_device *dev,
			 struct ethtool_rxfh_fields *fields)
{
	struct netdevsim *ns = netdev_priv(dev);
	const struct nsim_steer *steer;
	int err;

	err = nsim_rss_check_fields(dev, fields);
	if (err)
		return err;

	steer = netdev_lock_dereference(ns->steer, dev);
	fields->data = steer->fields[fields->rss_context][fields->flow_type];

	return 0;
}

int nsim_set_rxfh_fields(struct net_device *dev,
			 const struct ethtool_rxfh_fields *fields,
			 struct netlink_ext_ack *extack)
{
	struct nsim_steer *steer;
	int err;

	err = nsim_rss_check_fields(dev, fields);
	if (err)
		return err;
	if (fields->data & ~nsim_rss_all_fields(fields->flow_type))
		return -EOPNOTSUPP;

	steer = nsim_rss_begin(dev, ETH_RSS_HASH_NO_CHANGE);
	if (IS_ERR(steer))
		return PTR_ERR(steer);

	steer->fields[fields->rss_context][fields->flow_type] = fields->data;
	nsim_steer_publish(netdev_priv(dev), steer);

	return 0;
}

int nsim_create_rxfh_context(struct net_device *dev,
			     struct ethtool_rxfh_context *ctx,
			     const struct ethtool_rxfh_param *rxfh,
			     struct netlink_ext_ack *extack)
{
	u32 queues = dev->real_num_rx_queues;
	u32 *indir = rxfh->indir;
	struct nsim_steer *steer;
	unsigned int i;

	/* Without tables the context has no room for one */
	steer = nsim_rss_begin(dev, rxfh->hfunc);
	if (IS_ERR(steer))
		return PTR_ERR(steer);

	if (!indir) {
		indir = ethtool_rxfh_context_indir(ctx);
		for (i = 0; i < NSIM_RSS_INDIR_SIZE; i++)
			indir[i] = ethtool_rxfh_indir_default(i, queues);
	}
	ctx->hfunc = ETH_RSS_HASH_TOP;

	nsim_rss_set_indir(steer, rxfh->rss_context, indir);
	nsim_rss_fill_fields(steer, rxfh->rss_context);
	nsim_steer_publish(netdev_priv(dev), steer);

	return 0;
}

int nsim_modify_rxfh_context(struct net_device *dev,
			     struct ethtool_rxfh_context *ctx,
			     const struct ethtool_rxfh_param *rxfh,
			     struct netlink_ext_ack *extack)
{
	struct nsim_steer *steer;

	steer = nsim_rss_begin(dev, rxfh->hfunc);
	if (IS_ERR(steer))
		return PTR_ERR(steer);

	if (rxfh->indir)
		nsim_rss_set_indir(steer, rxfh->rss_context, rxfh->indir);
	nsim_steer_publish(netdev_priv(dev), steer);

	return 0;
}

int nsim_remove_rxfh_context(struct net_device *dev,
			     struct ethtool_rxfh_context *ctx, u32 rss_context,
			     struct netlink_ext_ack *extack)
{
	/* The core has checked that no rule refers to it, and creating it
	 * again writes table and fields.
	 */
	return 0;
}
