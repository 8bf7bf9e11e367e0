// SPDX-License-Identifier: GPL-2.0
/*
 * The wire: an InfiniBand packet from LRH to ICRC, without VCRC, in an Ethernet
 * frame of an EtherType for experiments.
 *
 * The Ethernet segment stands for the subnet. A frame to a unicast LID goes to
 * the MAC address that was learned for it, other frames are broadcast; the
 * receiving port checks the LID.
 */

#include <linux/etherdevice.h>
#include <linux/module.h>
#include <rdma/ib_hdrs.h>

#include "rxe.h"

#define RXEIB_ETHERTYPE	0x88b5
#define MAC_MASK	0xffffffffffffULL

static bool flood;
module_param(flood, bool, 0644);
MODULE_PARM_DESC(flood, "broadcast every frame");

static void learn_mac(struct rxe_dev *rxe, u16 lid, const u8 *mac)
{
	u64 *entry = &rxe->link.macs[lid & 0xff];
	u64 value = (u64)lid << 48 | ether_addr_to_u64(mac);

	if (READ_ONCE(*entry) != value)
		WRITE_ONCE(*entry, value);
}

static void find_mac(struct rxe_dev *rxe, u16 lid, u8 *mac)
{
	u64 value = READ_ONCE(rxe->link.macs[lid & 0xff]);

	if (flood || lid >= RXEIB_FIRST_MLID || value >> 48 != lid)
		eth_broadcast_addr(mac);
	else
		u64_to_ether_addr(value & MAC_MASK, mac);
}

/* Headers before the BTH, 0 if there is neither BTH nor GRH */
static unsigned int header_bytes(struct rxeib_lrh *lrh)
{
	switch (lrh->sl_lnh & 3) {
	case IB_LNH_IBA_LOCAL:
		return IB_LRH_BYTES;
	case IB_LNH_IBA_GLOBAL:
		return IB_LRH_BYTES + IB_GRH_BYTES;
	default:
		return 0;
	}
}

/* Fills in the packet information; false if the frame has no whole packet. */
static bool parse(struct sk_buff *skb, struct rxe_dev *rxe)
{
	struct rxe_pkt_info *pkt = SKB_TO_PKT(skb);
	struct rxeib_lrh *lrh = (struct rxeib_lrh *)skb->data;
	unsigned int headers, len;

	if (skb->len < IB_LRH_BYTES + RXE_BTH_BYTES)
		return false;
	headers = header_bytes(lrh);
	len = (be16_to_cpu(lrh->len) & 0x7ff) * 4;
	if (!headers || len > skb->len ||
	    len < headers + RXE_BTH_BYTES + RXE_ICRC_SIZE ||
	    pskb_trim(skb, len))
		return false;

	memset(pkt, 0, sizeof(*pkt));
	pkt->rxe = rxe;
	pkt->port_num = 1;
	pkt->hdr = skb->data + headers;
	pkt->mask = headers > IB_LRH_BYTES ? RXE_GRH_MASK : 0;
	pkt->paylen = len - headers;
	return true;
}

static int receive(struct sk_buff *skb, struct net_device *ndev,
		   struct packet_type *type, struct net_device *orig_dev)
{
	struct rxe_dev *rxe = NULL;

	if (skb->pkt_type == PACKET_OTHERHOST ||
	    skb->pkt_type == PACKET_LOOPBACK)
		goto drop;
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return NET_RX_DROP;

	/* the reference on the device goes with the packet */
	rxe = rxe_get_dev_from_net(ndev);
	if (!rxe || skb_linearize(skb) || !parse(skb, rxe))
		goto drop;

	learn_mac(rxe, be16_to_cpu(((struct rxeib_lrh *)skb->data)->slid),
		  eth_hdr(skb)->h_source);
	skb_pull(skb, SKB_TO_PKT(skb)->hdr - skb->data);
	rxe_rcv(skb);
	return NET_RX_SUCCESS;
drop:
	if (rxe)
		ib_device_put(&rxe->ib_dev);
	kfree_skb(skb);
	return NET_RX_DROP;
}

static struct packet_type packet_type = {
	.type = cpu_to_be16(RXEIB_ETHERTYPE),
	.func = receive,
};

void rxeib_wire_init(void)
{
	dev_add_pack(&packet_type);
}

void rxeib_wire_exit(void)
{
	dev_remove_pack(&packet_type);
}

struct sk_buff *rxe_init_packet(struct rxe_dev *rxe, struct rxe_av *av,
				int paylen, struct rxe_pkt_info *pkt)
{
	unsigned int headroom = IB_LRH_BYTES + IB_GRH_BYTES +
				LL_RESERVED_SPACE(rxe->ndev);
	struct sk_buff *skb = alloc_skb(paylen + headroom, GFP_ATOMIC);

	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, headroom);
	skb->dev = rxe->ndev;
	skb->protocol = htons(RXEIB_ETHERTYPE);
	pkt->rxe = rxe;
	pkt->port_num = 1;
	pkt->hdr = skb_put(skb, paylen);
	return skb;
}

static void push_grh(struct rxe_av *av, struct rxe_pkt_info *pkt,
		     struct sk_buff *skb)
{
	struct rxe_port *port = &pkt->rxe->port;
	struct ib_grh *grh = __skb_push(skb, IB_GRH_BYTES);

	grh->version_tclass_flow =
		cpu_to_be32(IB_GRH_VERSION << IB_GRH_VERSION_SHIFT |
			    av->grh.traffic_class << IB_GRH_TCLASS_SHIFT |
			    (av->grh.flow_label & IB_GRH_FLOW_MASK));
	grh->paylen = cpu_to_be16(pkt->paylen);
	grh->next_hdr = IB_GRH_NEXT_HDR;
	grh->hop_limit = av->grh.hop_limit;
	grh->sgid.global.subnet_prefix = port->subnet_prefix;
	grh->sgid.global.interface_id = port->port_guid;
	memcpy(grh->dgid.raw, av->grh.dgid.raw, RXEIB_GID_BYTES);
	pkt->mask |= RXE_GRH_MASK;
}

/* Writes GRH and LRH before the BTH. */
int rxe_prepare(struct rxe_av *av, struct rxe_pkt_info *pkt,
		struct sk_buff *skb)
{
	u16 slid = pkt->rxe->port.attr.lid;
	u16 dlid = rxeib_av_dlid(av);
	u8 lnh = IB_LNH_IBA_LOCAL;
	struct rxeib_lrh *lrh;

	pkt->mask &= ~RXE_GRH_MASK;
	if (av->dmac[RXEIB_AV_FLAGS] & RXEIB_AV_GRH) {
		push_grh(av, pkt, skb);
		lnh = IB_LNH_IBA_GLOBAL;
	}
	lrh = __skb_push(skb, IB_LRH_BYTES);
	skb_reset_network_header(skb);
	lrh->vl_lver = 0;
	lrh->sl_lnh = av->dmac[RXEIB_AV_SL] << 4 | lnh;
	lrh->dlid = cpu_to_be16(dlid);
	lrh->len = cpu_to_be16(skb->len >> 2);
	lrh->slid = cpu_to_be16(slid | av->dmac[RXEIB_AV_PATH]);
	if (dlid == slid)
		pkt->mask |= RXE_LOOPBACK_MASK;
	return 0;
}

/* An HCA also delivers a multicast packet to its own QPs. */
static void replicate(struct sk_buff *skb, struct rxe_pkt_info *pkt)
{
	struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC);
	struct rxe_pkt_info own = *pkt;

	if (!copy)
		return;
	own.hdr = copy->data + (pkt->hdr - skb->data);
	own.mask |= RXE_LOOPBACK_MASK;
	rxe_loopback(copy, &own);
}

/* Frees the packet and returns false if the port is not active. */
bool rxeib_may_send(struct sk_buff *skb, struct rxe_pkt_info *pkt)
{
	struct rxeib_lrh *lrh = (struct rxeib_lrh *)skb_network_header(skb);

	if (pkt->rxe->port.attr.state != IB_PORT_ACTIVE) {
		kfree_skb(skb);
		return false;
	}
	if (rxeib_is_mlid(be16_to_cpu(lrh->dlid)))
		replicate(skb, pkt);
	return true;
}

/* A NET_XMIT code */
int rxeib_xmit(struct sk_buff *skb, struct rxe_pkt_info *pkt)
{
	struct rxeib_lrh *lrh = (struct rxeib_lrh *)skb_network_header(skb);
	u8 mac[ETH_ALEN];

	find_mac(pkt->rxe, be16_to_cpu(lrh->dlid), mac);
	if (dev_hard_header(skb, skb->dev, RXEIB_ETHERTYPE, mac,
			    skb->dev->dev_addr, skb->len) < 0) {
		kfree_skb(skb);
		return NET_XMIT_SUCCESS;
	}
	skb->priority = 0;
	return dev_queue_xmit(skb);
}
