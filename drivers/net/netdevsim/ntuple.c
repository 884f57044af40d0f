// SPDX-License-Identifier: GPL-2.0
/*
 * Ntuple rules: the ethtool operations, and what a packet does with them.
 *
 * A rule matches TCP or UDP, over IPv4 or IPv6, by addresses and ports under any
 * masks, and names an RX queue or an RSS context. There is no dropping and no
 * waking up. User space chooses the location.
 */

#include <linux/bitmap.h>
#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/flow_dissector.h>
#include <net/netdev_lock.h>

#include "netdevsim.h"
#include "steer.h"

#define NSIM_RULES_MAX		64

/**
 * struct nsim_rule - where the packets of some flows go
 * @flow_type: TCP_V4_FLOW, UDP_V4_FLOW, TCP_V6_FLOW or UDP_V6_FLOW
 * @value: addresses and ports, as in struct ethtool_rx_flow_spec
 * @mask: the bits of @value that have to be the same in the packet
 * @is_ctx: @dest is an RSS context, not an RX queue
 * @dest: RX queue or RSS context
 */
struct nsim_rule {
	u32 flow_type;
	union ethtool_flow_union value;
	union ethtool_flow_union mask;
	bool is_ctx;
	u16 dest;
};

/**
 * struct nsim_rules - the ntuple rules of one device
 * @rcu: to free it, kfree_rcu() wants it near the start
 * @used: which of @rule are in use
 * @rule: by location, the lowest one that matches wins
 *
 * Lookups run under RCU; a change replaces the whole table, under the instance
 * lock, as with struct nsim_steer.
 */
struct nsim_rules {
	struct rcu_head rcu;
	DECLARE_BITMAP(used, NSIM_RULES_MAX);
	struct nsim_rule rule[NSIM_RULES_MAX];
};

/* The type of a packet's flow, and the flow as ethtool describes it. The type
 * is 0 if rules don't know it.
 */
static u32 nsim_flow_spec(const struct flow_keys *keys,
			  union ethtool_flow_union *flow)
{
	bool tcp = keys->basic.ip_proto == IPPROTO_TCP;

	if (!tcp && keys->basic.ip_proto != IPPROTO_UDP)
		return 0;
	/* Only the first fragment has ports, and all have to take one way */
	if (keys->control.flags & FLOW_DIS_IS_FRAGMENT)
		return 0;

	memset(flow, 0, sizeof(*flow));
	/* The layouts for TCP and UDP are the same */
	switch (keys->control.addr_type) {
	case FLOW_DISSECTOR_KEY_IPV4_ADDRS:
		flow->tcp_ip4_spec.ip4src = keys->addrs.v4addrs.src;
		flow->tcp_ip4_spec.ip4dst = keys->addrs.v4addrs.dst;
		flow->tcp_ip4_spec.psrc = keys->ports.src;
		flow->tcp_ip4_spec.pdst = keys->ports.dst;
		return tcp ? TCP_V4_FLOW : UDP_V4_FLOW;
	case FLOW_DISSECTOR_KEY_IPV6_ADDRS:
		memcpy(flow->tcp_ip6_spec.ip6src, &keys->addrs.v6addrs.src,
		       sizeof(flow->tcp_ip6_spec.ip6src));
		memcpy(flow->tcp_ip6_spec.ip6dst, &keys->addrs.v6addrs.dst,
		       sizeof(flow->tcp_ip6_spec.ip6dst));
		flow->tcp_ip6_spec.psrc = keys->ports.src;
		flow->tcp_ip6_spec.pdst = keys->ports.dst;
		return tcp ? TCP_V6_FLOW : UDP_V6_FLOW;
	default:
		return 0;
	}
}

static bool nsim_flow_matches(const union ethtool_flow_union *flow,
			      const struct nsim_rule *rule)
{
	unsigned int i;

	for (i = 0; i < sizeof(flow->hdata); i++)
		if ((flow->hdata[i] ^ rule->value.hdata[i]) &
		    rule->mask.hdata[i])
			return false;

	return true;
}

static const struct nsim_rule *nsim_rule_match(const struct netdevsim *ns,
					       const struct sk_buff *skb)
{
	const struct nsim_rules *rules = rcu_dereference(ns->rules);
	union ethtool_flow_union flow;
	struct flow_keys keys;
	unsigned int loc;
	u32 flow_type;

	if (!rules || bitmap_empty(rules->used, NSIM_RULES_MAX))
		return NULL;

	nsim_flow_dissect(ns->netdev, skb, &keys);
	flow_type = nsim_flow_spec(&keys, &flow);
	if (!flow_type)
		return NULL;

	for_each_set_bit(loc, rules->used, NSIM_RULES_MAX) {
		const struct nsim_rule *rule = &rules->rule[loc];

		if (rule->flow_type == flow_type &&
		    nsim_flow_matches(&flow, rule))
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
	return kmemdup(netdev_lock_dereference(ns->rules, ns->netdev),
		       sizeof(struct nsim_rules), GFP_KERNEL_ACCOUNT);
}

static void nsim_rules_publish(struct netdevsim *ns, struct nsim_rules *rules)
{
	rules = rcu_replace_pointer(ns->rules, rules,
				    lockdep_is_held(&ns->netdev->lock));
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
	fs->flow_type = rule->flow_type;
	fs->h_u = rule->value;
	fs->m_u = rule->mask;
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

	/* VFs have no rules, and no instance lock in ethtool operations */
	if (!rcu_access_pointer(ns->rules))
		return -EOPNOTSUPP;
	rules = netdev_lock_dereference(ns->rules, dev);

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

/* A rule may match bits of the addresses and ports, and nothing else */
static int nsim_rule_parse(const struct net_device *dev,
			   const struct ethtool_rxnfc *info,
			   struct nsim_rule *rule)
{
	const struct ethtool_rx_flow_spec *fs = &info->fs;
	size_t len;

	rule->flow_type = fs->flow_type & ~FLOW_RSS;
	switch (rule->flow_type) {
	case TCP_V4_FLOW:
	case UDP_V4_FLOW:
		len = offsetof(struct ethtool_tcpip4_spec, tos);
		break;
	case TCP_V6_FLOW:
	case UDP_V6_FLOW:
		len = offsetof(struct ethtool_tcpip6_spec, tclass);
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (memchr_inv(fs->m_u.hdata + len, 0, sizeof(fs->m_u.hdata) - len))
		return -EOPNOTSUPP;

	rule->value = fs->h_u;
	rule->mask = fs->m_u;
	rule->is_ctx = fs->flow_type & FLOW_RSS;
	if (rule->is_ctx) {
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
	rules = netdev_lock_dereference(ns->rules, ns->netdev);
	if (!test_bit(loc, rules->used))
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
 * Context: Process context.
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
 * @ns: device that isn't registered, and that nobody can send to any more
 *
 * Context: Process context.
 */
void nsim_ntuple_uninit(struct netdevsim *ns)
{
	kfree(rcu_replace_pointer(ns->rules, NULL, true));
}
