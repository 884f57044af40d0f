// SPDX-License-Identifier: GPL-2.0
/*
 * Ntuple rules: the ethtool operations, and what a packet does with them.
 *
 * A rule matches TCP over IPv4 or over IPv6 by destination port and nothing
 * else, and names an RX queue or an RSS context. There is no dropping and no
 * waking up. User space chooses the location.
 */

#include <linux/bitmap.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/flow_dissector.h>

#include "netdevsim.h"
#include "steer.h"

#define NSIM_RULES_MAX		64

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
 * struct nsim_rules - the ntuple rules of one device
 * @rcu: to free it, kfree_rcu() wants it near the start
 * @used: which of @rule are in use
 * @rule: by location, the lowest one that matches wins
 *
 * Lookups run under RCU; a change replaces the whole table, as with struct
 * nsim_steer.
 */
struct nsim_rules {
	struct rcu_head rcu;
	DECLARE_BITMAP(used, NSIM_RULES_MAX);
	struct nsim_rule rule[NSIM_RULES_MAX];
};

static const struct nsim_rule *nsim_rule_match(const struct netdevsim *ns,
					       const struct sk_buff *skb)
{
	const struct nsim_rules *rules = rcu_dereference(ns->rules);
	struct flow_keys keys;
	unsigned int loc;

	if (!rules || bitmap_empty(rules->used, NSIM_RULES_MAX))
		return NULL;

	nsim_flow_dissect(ns->netdev, skb, &keys);
	if (keys.basic.ip_proto != IPPROTO_TCP ||
	    keys.control.flags & FLOW_DIS_IS_FRAGMENT)
		return NULL;

	for_each_set_bit(loc, rules->used, NSIM_RULES_MAX) {
		const struct nsim_rule *rule = &rules->rule[loc];

		if (rule->n_proto == keys.basic.n_proto &&
		    rule->port == keys.ports.dst)
			return rule;
	}

	return NULL;
}

/**
 * nsim_ntuple_rxq() - choose the RX queue of a packet by ntuple rules, then RSS
 * @ns: receiving device
 * @skb: the packet as it's sent, data at the Ethernet header; gets the hash
 *	 if receive hashing (NETIF_F_RXHASH) is on
 *
 * Rules and RSS tables are replaced one by one: a packet can meet a new rule and
 * the table that its context had before, as in a NIC.
 *
 * Context: Any, under rcu_read_lock().
 * Return: Index of an RX queue, which may be gone if the number of queues is
 *	   being changed, or -ENOENT if the sender chooses.
 */
int nsim_ntuple_rxq(struct netdevsim *ns, struct sk_buff *skb)
{
	const struct nsim_rule *rule = nsim_rule_match(ns, skb);
	/* Whatever the rule says, the packet gets its hash */
	int rxq = nsim_rss_rxq(ns, skb, rule && rule->is_ctx ? rule->dest : 0);

	return rule && !rule->is_ctx ? rule->dest : rxq;
}

static struct nsim_rules *nsim_rules_copy(struct netdevsim *ns)
{
	return kmemdup(rtnl_dereference(ns->rules), sizeof(struct nsim_rules),
		       GFP_KERNEL_ACCOUNT);
}

static void nsim_rules_publish(struct netdevsim *ns, struct nsim_rules *rules)
{
	rules = rcu_replace_pointer(ns->rules, rules, lockdep_rtnl_is_held());
	kfree_rcu(rules, rcu);
}

static u32 nsim_rules_count(const struct nsim_rules *rules)
{
	return bitmap_weight(rules->used, NSIM_RULES_MAX);
}

static int nsim_rule_get(const struct nsim_rules *rules,
			 struct ethtool_rxnfc *info)
{
	struct ethtool_rx_flow_spec *fs = &info->fs;
	u32 loc = fs->location;
	const struct nsim_rule *rule;

	if (loc >= NSIM_RULES_MAX)
		return -EINVAL;
	if (!test_bit(loc, rules->used))
		return -ENOENT;

	rule = &rules->rule[loc];
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

static int nsim_rules_list(const struct nsim_rules *rules,
			   struct ethtool_rxnfc *info, u32 *rule_locs)
{
	unsigned int loc, n = 0;

	if (info->rule_cnt < nsim_rules_count(rules))
		return -EMSGSIZE;

	for_each_set_bit(loc, rules->used, NSIM_RULES_MAX)
		rule_locs[n++] = loc;
	info->rule_cnt = n;
	info->data = NSIM_RULES_MAX;

	return 0;
}

int nsim_get_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info,
		   u32 *rule_locs)
{
	struct netdevsim *ns = netdev_priv(dev);
	const struct nsim_rules *rules;

	rules = rtnl_dereference(ns->rules);
	if (!rules)
		return -EOPNOTSUPP;

	switch (info->cmd) {
	case ETHTOOL_GRXCLSRLCNT:
		info->rule_cnt = nsim_rules_count(rules);
		info->data = NSIM_RULES_MAX;
		return 0;
	case ETHTOOL_GRXCLSRULE:
		return nsim_rule_get(rules, info);
	case ETHTOOL_GRXCLSRLALL:
		return nsim_rules_list(rules, info, rule_locs);
	default:
		return -EOPNOTSUPP;
	}
}

/* A rule may match the whole destination port and nothing else */
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
		/* The device's own table may not be in force */
		if (!info->rss_context)
			return -EOPNOTSUPP;
		/* The core has checked that the context exists */
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
	struct nsim_rules *rules;
	struct nsim_rule rule;
	int err;

	if (info->fs.location >= NSIM_RULES_MAX)
		return -EINVAL;

	err = nsim_rule_parse(dev, info, &rule);
	if (err)
		return err;

	rules = nsim_rules_copy(ns);
	if (!rules)
		return -ENOMEM;

	rules->rule[info->fs.location] = rule;
	__set_bit(info->fs.location, rules->used);
	nsim_rules_publish(ns, rules);

	return 0;
}

static int nsim_rule_delete(struct netdevsim *ns, u32 loc)
{
	struct nsim_rules *rules;

	if (loc >= NSIM_RULES_MAX)
		return -EINVAL;
	if (!test_bit(loc, rtnl_dereference(ns->rules)->used))
		return -ENOENT;

	rules = nsim_rules_copy(ns);
	if (!rules)
		return -ENOMEM;

	__clear_bit(loc, rules->used);
	nsim_rules_publish(ns, rules);

	return 0;
}

int nsim_set_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info)
{
	struct netdevsim *ns = netdev_priv(dev);

	if (!rcu_access_pointer(ns->rules))
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

/**
 * nsim_ntuple_init() - give a device its table of ntuple rules
 * @ns: device that isn't registered yet
 *
 * Devices for which this isn't called refuse the ethtool operations.
 *
 * Context: Process context with RTNL held.
 * Return: 0 or -ENOMEM.
 */
int nsim_ntuple_init(struct netdevsim *ns)
{
	struct nsim_rules *rules = kzalloc_obj(*rules, GFP_KERNEL_ACCOUNT);

	if (!rules)
		return -ENOMEM;

	rcu_assign_pointer(ns->rules, rules);
	ns->netdev->features |= NETIF_F_NTUPLE;

	return 0;
}

/**
 * nsim_ntuple_uninit() - free the table of ntuple rules
 * @ns: device that nobody can send to any more
 *
 * Context: Process context with RTNL held.
 */
void nsim_ntuple_uninit(struct netdevsim *ns)
{
	kfree(rcu_replace_pointer(ns->rules, NULL, lockdep_rtnl_is_held()));
}
