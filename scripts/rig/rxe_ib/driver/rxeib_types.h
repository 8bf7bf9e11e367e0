/* SPDX-License-Identifier: GPL-2.0 */
/* The InfiniBand link layer: its header and the state of a device. */

#ifndef RXEIB_TYPES_H
#define RXEIB_TYPES_H

#include <linux/types.h>

/* Local Route Header (IBTA vol. 1 7.7) */
struct rxeib_lrh {
	u8	vl_lver;	/* VL, link version */
	u8	sl_lnh;		/* SL, link next header */
	__be16	dlid;
	__be16	len;		/* 11 bits, in units of 4 bytes, LRH to ICRC */
	__be16	slid;
};

#define RXEIB_GID_BYTES		16

#define RXEIB_FIRST_MLID	0xc000
#define RXEIB_MLIDS		1024	/* number of stored memberships */
#define RXEIB_PERMISSIVE_LID	0xffff

/* State of a port that a switch and a subnet manager would have */
struct rxeib_link {
	/* by the last byte of the LID: LID << 48 | MAC address */
	u64		macs[256];
	/* join state of the port by MLID, from the answers of the SA */
	u8		joined[RXEIB_MLIDS];
	/* packets of groups that a QP is attached to and the port did not join */
	atomic_t	not_joined;
};

static inline bool rxeib_is_mlid(u16 lid)
{
	return lid >= RXEIB_FIRST_MLID && lid != RXEIB_PERMISSIVE_LID;
}

#endif
