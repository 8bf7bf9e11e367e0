/* SPDX-License-Identifier: GPL-2.0 */
/* Functions and constants for the edited sources of the driver. */

#ifndef RXEIB_H
#define RXEIB_H

/*
 * struct rxe_av is shared with the library in user space and does not change:
 * its dmac contains the local part of the address.
 */
enum {
	RXEIB_AV_DLID	= 0,	/* 2 bytes, big-endian */
	RXEIB_AV_SL	= 2,
	RXEIB_AV_FLAGS	= 3,
	RXEIB_AV_PATH	= 4,
	RXEIB_AV_RATE	= 5,
};

#define RXEIB_AV_GRH	0x01	/* flag: there is a GRH */

static inline u16 rxeib_av_dlid(struct rxe_av *av)
{
	return av->dmac[RXEIB_AV_DLID] << 8 | av->dmac[RXEIB_AV_DLID + 1];
}

/* Both are valid after rxe_prepare() and for received packets. */
static inline struct rxeib_lrh *rxeib_lrh(struct rxe_pkt_info *pkt)
{
	int grh = (pkt->mask & RXE_GRH_MASK) ? IB_GRH_BYTES : 0;

	return (struct rxeib_lrh *)(pkt->hdr - IB_LRH_BYTES - grh);
}

static inline struct ib_grh *rxeib_grh(struct rxe_pkt_info *pkt)
{
	return (struct ib_grh *)(pkt->hdr - IB_GRH_BYTES);
}

static inline u16 rxeib_pkey(struct rxe_dev *rxe, u16 index)
{
	return index < RXE_PORT_PKEY_TBL_LEN ?
		READ_ONCE(rxe->port.pkeys[index]) : 0;
}

/* rxeib_port.c */
u32 rxeib_port_caps(void);
void rxeib_init_port(struct rxe_dev *rxe);
int rxe_query_pkey(struct ib_device *dev, u32 port_num, u16 index, u16 *pkey);
int rxe_query_gid(struct ib_device *dev, u32 port_num, int index,
		  union ib_gid *gid);

/* rxeib_sysfs.c */
extern struct device_attribute dev_attr_lid, dev_attr_sm_lid,
	dev_attr_pkey_table, dev_attr_event, dev_attr_mcast;

#define RXEIB_ATTRIBUTES						\
	&dev_attr_lid.attr, &dev_attr_sm_lid.attr,			\
	&dev_attr_pkey_table.attr, &dev_attr_event.attr,		\
	&dev_attr_mcast.attr

/* rxeib_wire.c */
void rxeib_wire_init(void);
void rxeib_wire_exit(void);
bool rxeib_may_send(struct sk_buff *skb, struct rxe_pkt_info *pkt);
int rxeib_xmit(struct sk_buff *skb, struct rxe_pkt_info *pkt);

/* rxeib_send.c */
u16 rxeib_send_pkey(struct rxe_qp *qp, struct rxe_send_wr *wr);
u32 rxeib_send_qkey(struct rxe_qp *qp, struct rxe_send_wr *wr);

/* rxeib_receive.c */
bool rxeib_to_us(struct rxe_dev *rxe, struct rxe_pkt_info *pkt);
bool rxeib_from_peer(struct rxe_qp *qp, struct rxe_pkt_info *pkt);
bool rxeib_match_pkey(struct rxe_dev *rxe, struct rxe_pkt_info *pkt,
		      struct rxe_qp *qp, u32 qpn, u16 pkey);
void rxeib_copy_grh(struct rxe_pkt_info *pkt, void *grh);
void rxeib_user_completion(struct ib_uverbs_wc *wc, struct rxe_pkt_info *pkt);
void rxeib_kernel_completion(struct ib_wc *wc, struct rxe_pkt_info *pkt);
void rxeib_last_wqe(struct rxe_qp *qp);

/* rxeib_multicast.c */
void rxeib_learn_joins(struct rxe_dev *rxe, struct rxe_pkt_info *pkt);
bool rxeib_accepts_group(struct rxe_dev *rxe, struct rxe_pkt_info *pkt,
			 struct rxe_mcg *mcg);

/* rxeib_icrc.c */
bool rxeib_icrc_is_off(void);
bool rxeib_icrc_left_out(struct rxe_pkt_info *pkt);
__be32 rxe_icrc_hdr(struct sk_buff *skb, struct rxe_pkt_info *pkt);

/* Static in the kernel's driver */
__be32 rxe_crc32(struct rxe_dev *rxe, __be32 crc, void *next, size_t len);
int rxe_loopback(struct sk_buff *skb, struct rxe_pkt_info *pkt);
void rxe_port_event(struct rxe_dev *rxe, enum ib_event_type event);

#endif
