// SPDX-License-Identifier: GPL-2.0
/* The keys of a packet to send. */

#include "rxe.h"

/* A Q_Key with this bit means the one of the QP (IBA 10.2.5). */
#define RXEIB_PRIVILEGED_QKEY	0x80000000

u16 rxeib_send_pkey(struct rxe_qp *qp, struct rxe_send_wr *wr)
{
	u16 index = qp_type(qp) == IB_QPT_GSI ? wr->wr.ud.pkey_index :
						qp->attr.pkey_index;

	return rxeib_pkey(to_rdev(qp->ibqp.device), index);
}

u32 rxeib_send_qkey(struct rxe_qp *qp, struct rxe_send_wr *wr)
{
	u32 qkey = wr->wr.ud.remote_qkey;

	return (qkey & RXEIB_PRIVILEGED_QKEY) ? qp->attr.qkey : qkey;
}
