// SPDX-License-Identifier: GPL-2.0
/*
 * The ethtool operations of ntuple rules. What a packet does with them is in
 * steer.c.
 *
 * A rule matches TCP over IPv4 or over IPv6 by destination port and nothing
 * else, and names an RX queue or an RSS context. There is no dropping and no
 * waking up. User space chooses the location.
 */

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/string.h>

#include "netdevsim.h"
#include "steer.h"

static u32 nsim_rules_count(const struct nsim_steer *steer)
{
	return bitmap_weight(steer->used, NSIM_RULES_MAX);
}

static int nsim_rule_get(const struct nsim_steer *steer,
			 struct ethtool_rxnfc *info)
{
	struct ethtool_rx_flow_spec *fs = &info->fs;
	u32 loc = fs->location;
	const struct nsim_rule *rule;

	if (loc >= NSIM_RULES_MAX)
		return -EINVAL;
	if (!test_bit(loc, steer->used))
		return -ENOENT;

	rule = &steer->rules[loc];
	memset(fs, 0, sizeof(*fs));
	fs->location = loc;
	if (rule->n_proto == htons(ETH_P_IP)) {
		fs->flow_type = TCP_V4_FLOW;
		fs->h_u.tcp_ip4_spec.pdst = rule->port;
		fs->m_u.tcp_ip4_spec.pdst = htons(U16_MAX);
	} else {
		fs->flow_type = TCP_V6_FLOW;
		fs->h_u.tcp_ip6_spec.pdst = rule->port;
		fs->m_u.tcp_ip6_spec.pdst = htons(U16_MAX);
	}
	if (rule->is_ctx) {
		fs->flow_type |= FLOW_RSS;
		info->rss_context = rule->dest;
	} else {
		fs->ring_cookie = rule->dest;
	}

	return 0;
}

static int nsim_rules_list(const struct nsim_steer *steer,
			   struct ethtool_rxnfc *info, u32 *rule_locs)
{
	unsigned int loc, n = 0;

	if (info->rule_cnt < nsim_rules_count(steer))
		return -EMSGSIZE;

	for_each_set_bit(loc, steer->used, NSIM_RULES_MAX)
		rule_locs[n++] = loc;
	info->rule_cnt = n;
	info->data = NSIM_RULES_MAX;

	return 0;
}

int nsim_get_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info,
		   u32 *rule_locs)
{
	struct netdevsim *ns = netdev_priv(dev);
	const struct nsim_steer *steer;

	steer = rtnl_dereference(ns->steer);
	if (!steer)
		return -EOPNOTSUPP;

	switch (info->cmd) {
	case ETHTOOL_GRXCLSRLCNT:
		info->rule_cnt = nsim_rules_count(steer);
		info->data = NSIM_RULES_MAX;
		return 0;
	case ETHTOOL_GRXCLSRULE:
		return nsim_rule_get(steer, info);
	case ETHTOOL_GRXCLSRLALL:
		return nsim_rules_list(steer, info, rule_locs);
	default:
		return -EOPNOTSUPP;
	}
}

/* Only the whole destination port may be asked for, all else is refused */
static int nsim_rule_parse(const struct net_device *dev,
			   const struct ethtool_rxnfc *info,
			   struct nsim_rule *rule)
{
	const struct ethtool_rx_flow_spec *fs = &info->fs;
	union ethtool_flow_union mask = fs->m_u;
	__be16 port_mask;

	switch (fs->flow_type & ~FLOW_RSS) {
	case TCP_V4_FLOW:
		rule->n_proto = htons(ETH_P_IP);
		rule->port = fs->h_u.tcp_ip4_spec.pdst;
		port_mask = mask.tcp_ip4_spec.pdst;
		mask.tcp_ip4_spec.pdst = 0;
		break;
	case TCP_V6_FLOW:
		rule->n_proto = htons(ETH_P_IPV6);
		rule->port = fs->h_u.tcp_ip6_spec.pdst;
		port_mask = mask.tcp_ip6_spec.pdst;
		mask.tcp_ip6_spec.pdst = 0;
		break;
	default:
		return -EOPNOTSUPP;
	}

	if (port_mask != htons(U16_MAX) || memchr_inv(&mask, 0, sizeof(mask)))
		return -EOPNOTSUPP;

	rule->is_ctx = fs->flow_type & FLOW_RSS;
	if (rule->is_ctx) {
		/* The core has seen to it that the context exists */
		rule->dest = info->rss_context;
		return fs->ring_cookie ? -EINVAL : 0;
	}

	if (fs->ring_cookie == RX_CLS_FLOW_DISC ||
	    fs->ring_cookie == RX_CLS_FLOW_WAKE)
		return -EOPNOTSUPP;
	/* The cookie of a queue of a VF is larger than any queue */
	if (fs->ring_cookie >= dev->real_num_rx_queues)
		return -EINVAL;
	rule->dest = fs->ring_cookie;

	return 0;
}

static int nsim_rule_insert(struct net_device *dev,
			    const struct ethtool_rxnfc *info)
{
	struct netdevsim *ns = netdev_priv(dev);
	struct nsim_steer *steer;
	struct nsim_rule rule;
	int err;

	if (info->fs.location >= NSIM_RULES_MAX)
		return -EINVAL;

	err = nsim_rule_parse(dev, info, &rule);
	if (err)
		return err;

	steer = nsim_steer_copy(ns);
	if (!steer)
		return -ENOMEM;

	steer->rules[info->fs.location] = rule;
	__set_bit(info->fs.location, steer->used);
	nsim_steer_publish(ns, steer);

	return 0;
}

static int nsim_rule_delete(struct netdevsim *ns, u32 loc)
{
	struct nsim_steer *steer;

	if (loc >= NSIM_RULES_MAX)
		return -EINVAL;
	if (!test_bit(loc, rtnl_dereference(ns->steer)->used))
		return -ENOENT;

	steer = nsim_steer_copy(ns);
	if (!steer)
		return -ENOMEM;

	__clear_bit(loc, steer->used);
	nsim_steer_publish(ns, steer);

	return 0;
}

int nsim_set_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info)
{
	struct netdevsim *ns = netdev_priv(dev);

	if (!rcu_access_pointer(ns->steer))
		return -EOPNOTSUPP;

	switch (info->cmd) {
	case ETHTOOL_SRXCLSRLINS:
		return nsim_rule_insert(dev, info);
	case ETHTOOL_SRXCLSRLDEL:
		return nsim_rule_delete(ns, info->fs.location);
	default:
		return -EOPNOTSUPP;
	}
}
