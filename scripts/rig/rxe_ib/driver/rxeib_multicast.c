// SPDX-License-Identifier: GPL-2.0
/*
 * Multicast: a switch forwards the packets of a group to the ports that joined
 * it.  Here every port receives them, learns its memberships from the answers
 * of the subnet administrator, and drops the packets of other groups.
 */

#include <linux/module.h>

#include "rxe.h"

static bool mcast_enforce = true;
module_param(mcast_enforce, bool, 0644);
MODULE_PARM_DESC(mcast_enforce, "drop packets of groups that the port did not join");

/* Join states that receive: full member and non-member */
#define RXEIB_RECEIVES		0x3

/* Offsets in a MAD of the SA, and in its MCMemberRecord */
enum {
	MAD_CLASS	= 1,
	MAD_VERSION	= 2,
	MAD_METHOD	= 3,
	MAD_STATUS	= 4,
	MAD_ATTRIBUTE	= 16,
	MAD_RECORD	= 56,
	MAD_BYTES	= 256,
	RECORD_PREFIX	= 16,
	RECORD_GUID	= 24,
	RECORD_MLID	= 36,
	RECORD_JOIN	= 48,
};

#define SA_CLASS		3
#define SA_VERSION		2
#define SA_GET_RESP		0x81
#define SA_DELETE_RESP		0x95
#define SA_MC_MEMBER_RECORD	0x38

static u16 word(u8 *bytes)
{
	return bytes[0] << 8 | bytes[1];
}

/* True for an answer of status 0 about a membership of this port */
static bool is_membership(struct rxe_dev *rxe, struct rxe_pkt_info *pkt)
{
	u8 *mad = payload_addr(pkt);
	u8 *record = mad + MAD_RECORD;

	return payload_size(pkt) >= MAD_BYTES && mad[MAD_CLASS] == SA_CLASS &&
	       mad[MAD_VERSION] == SA_VERSION && !word(mad + MAD_STATUS) &&
	       word(mad + MAD_ATTRIBUTE) == SA_MC_MEMBER_RECORD &&
	       !memcmp(record + RECORD_PREFIX, &rxe->port.subnet_prefix, 8) &&
	       !memcmp(record + RECORD_GUID, &rxe->port.port_guid, 8);
}

void rxeib_learn_joins(struct rxe_dev *rxe, struct rxe_pkt_info *pkt)
{
	u8 *mad = payload_addr(pkt);
	u8 *record = mad + MAD_RECORD;
	u16 index;
	u8 state;

	if (likely(bth_qpn(pkt) != 1) || !is_membership(rxe, pkt))
		return;
	index = word(record + RECORD_MLID) - RXEIB_FIRST_MLID;
	state = record[RECORD_JOIN] & 0xf;
	if (index >= RXEIB_MLIDS)
		return;
	if (mad[MAD_METHOD] == SA_GET_RESP)
		rxe->link.joined[index] |= state;
	else if (mad[MAD_METHOD] == SA_DELETE_RESP)
		rxe->link.joined[index] &= ~state;
}

/* True if the port has joined the group of a packet for an attached QP */
bool rxeib_accepts_group(struct rxe_dev *rxe, struct rxe_pkt_info *pkt,
			 struct rxe_mcg *mcg)
{
	u16 mlid = be16_to_cpu(rxeib_lrh(pkt)->dlid);
	u16 index = mlid - RXEIB_FIRST_MLID;

	if (mcast_enforce && !(pkt->mask & RXE_LOOPBACK_MASK) &&
	    (index >= RXEIB_MLIDS ||
	     !(rxe->link.joined[index] & RXEIB_RECEIVES))) {
		atomic_inc(&rxe->link.not_joined);
		return false;
	}
	if (mlid != mcg->mlid)
		pr_warn_ratelimited("%s: MGID %pI6 sent to LID %#x, attached with %#x\n",
				    dev_name(&rxe->ib_dev.dev), mcg->mgid.raw,
				    mlid, mcg->mlid);
	return true;
}
