// SPDX-License-Identifier: GPL-2.0
/* Checks of a received packet, and its fields in the completion. */

#include "rxe.h"

/* The first 40 bytes of a receive buffer of a packet without GRH */
#define NO_GRH	0xa5

/* True if the packet is for the LID of this port, or for a group. */
bool rxeib_to_us(struct rxe_dev *rxe, struct rxe_pkt_info *pkt)
{
	struct ib_port_attr *port = &rxe->port.attr;
	u16 dlid = be16_to_cpu(rxeib_lrh(pkt)->dlid);

	if (port->state != IB_PORT_ACTIVE)
		return false;
	return rxeib_is_mlid(dlid) ||
	       (dlid & ~((1 << port->lmc) - 1)) == port->lid;
}

/* True if the packet is from the port that the QP is connected to. */
bool rxeib_from_peer(struct rxe_qp *qp, struct rxe_pkt_info *pkt)
{
	return be16_to_cpu(rxeib_lrh(pkt)->slid) == rxeib_av_dlid(&qp->pri_av);
}

/* QP1 accepts every P_Key of the table, another QP its own; stores the index. */
bool rxeib_match_pkey(struct rxe_dev *rxe, struct rxe_pkt_info *pkt,
		      struct rxe_qp *qp, u32 qpn, u16 pkey)
{
	u16 index = qp->attr.pkey_index;

	if (qpn == 1)
		for (index = 0; index < RXE_PORT_PKEY_TBL_LEN; index++)
			if (pkey_match(pkey, rxeib_pkey(rxe, index)))
				break;
	if (!pkey_match(pkey, rxeib_pkey(rxe, index)))
		return false;
	pkt->pkey_index = index;
	return true;
}

/* The 40 bytes before the payload in the receive buffer of a datagram */
void rxeib_copy_grh(struct rxe_pkt_info *pkt, void *grh)
{
	if (pkt->mask & RXE_GRH_MASK)
		memcpy(grh, rxeib_grh(pkt), IB_GRH_BYTES);
	else
		memset(grh, NO_GRH, IB_GRH_BYTES);
}

void rxeib_user_completion(struct ib_uverbs_wc *wc, struct rxe_pkt_info *pkt)
{
	struct rxeib_lrh *lrh = rxeib_lrh(pkt);

	wc->wc_flags = (pkt->mask & RXE_GRH_MASK) ? IB_WC_GRH : 0;
	wc->slid = be16_to_cpu(lrh->slid);
	wc->sl = lrh->sl_lnh >> 4;
	wc->pkey_index = pkt->pkey_index;
	wc->dlid_path_bits = 0;
}

void rxeib_kernel_completion(struct ib_wc *wc, struct rxe_pkt_info *pkt)
{
	struct rxeib_lrh *lrh = rxeib_lrh(pkt);

	wc->wc_flags = (pkt->mask & RXE_GRH_MASK) ? IB_WC_GRH : 0;
	wc->slid = be16_to_cpu(lrh->slid);
	wc->sl = lrh->sl_lnh >> 4;
	wc->pkey_index = pkt->pkey_index;
	wc->dlid_path_bits = 0;
}

/*
 * Raises once the event of a QP with a shared receive queue that is in error and
 * takes no more work requests: ib_ipoib then frees its connections.
 */
void rxeib_last_wqe(struct rxe_qp *qp)
{
	struct ib_event event = {
		.device = qp->ibqp.device,
		.element.qp = &qp->ibqp,
		.event = IB_EVENT_QP_LAST_WQE_REACHED,
	};

	if (qp->resp.state != QP_STATE_ERROR || qp->resp.wqe || !qp->srq ||
	    qp->last_wqe_reported)
		return;
	qp->last_wqe_reported = true;
	if (qp->ibqp.event_handler)
		qp->ibqp.event_handler(&event, qp->ibqp.qp_context);
}
