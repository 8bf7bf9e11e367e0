// SPDX-License-Identifier: GPL-2.0
/* The ICRC, which is expensive in an emulated machine and off by default. */

#include <linux/module.h>

#include "rxe.h"

static bool icrc;
module_param(icrc, bool, 0644);
MODULE_PARM_DESC(icrc, "compute and check the ICRC");

bool rxeib_icrc_is_off(void)
{
	return !icrc;
}

/* The field is zero if the ICRC is off. */
bool rxeib_icrc_left_out(struct rxe_pkt_info *pkt)
{
	if (icrc)
		return false;
	memset(pkt->hdr + pkt->paylen - RXE_ICRC_SIZE, 0, RXE_ICRC_SIZE);
	return true;
}

/* The CRC of the headers, with ones in the fields that switches change (IBA 7.8.1) */
__be32 rxe_icrc_hdr(struct sk_buff *skb, struct rxe_pkt_info *pkt)
{
	u8 headers[IB_LRH_BYTES + IB_GRH_BYTES + RXE_BTH_BYTES];
	u8 *lrh = (u8 *)rxeib_lrh(pkt);
	u8 *grh = headers + IB_LRH_BYTES;
	int before = pkt->hdr - lrh;
	struct rxe_bth *bth = (struct rxe_bth *)(headers + before);
	__be32 crc = (__force __be32)0xffffffff;

	memcpy(headers, lrh, before + RXE_BTH_BYTES);
	headers[0] |= 0xf0;		/* VL */
	if (before > IB_LRH_BYTES) {
		grh[0] |= 0x0f;		/* TClass, flow label */
		memset(grh + 1, 0xff, 3);
		grh[7] = 0xff;		/* hop limit */
	}
	bth->qpn |= cpu_to_be32(~BTH_QPN_MASK);		/* Resv8a */

	crc = rxe_crc32(pkt->rxe, crc, headers, before + RXE_BTH_BYTES);
	return rxe_crc32(pkt->rxe, crc, pkt->hdr + RXE_BTH_BYTES,
			 rxe_opcode[pkt->opcode].length - RXE_BTH_BYTES);
}
