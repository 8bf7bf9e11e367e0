// SPDX-License-Identifier: GPL-2.0
/* Address handles with LID, SL and, if there is one, a GRH. */

#include "rxe.h"

void rxe_init_av(struct rdma_ah_attr *attr, struct rxe_av *av)
{
	rxe_av_from_attr(rdma_ah_get_port_num(attr), av, attr);
}

int rxe_av_chk_attr(struct rxe_dev *rxe, struct rdma_ah_attr *attr)
{
	if (attr->type != RDMA_AH_ATTR_TYPE_IB) {
		rxe_dbg(rxe, "ah type %d\n", attr->type);
		return -EINVAL;
	}
	if (!rdma_ah_get_dlid(attr) || rdma_ah_get_dlid(attr) > 0xffff)
		return -EINVAL;
	if (rdma_ah_get_ah_flags(attr) & IB_AH_GRH) {
		const struct ib_global_route *grh = rdma_ah_read_grh(attr);

		if (grh->sgid_index >= rxe->port.attr.gid_tbl_len)
			return -EINVAL;
	}
	return 0;
}

void rxe_av_from_attr(u8 port_num, struct rxe_av *av,
		      struct rdma_ah_attr *attr)
{
	u32 dlid = rdma_ah_get_dlid(attr);

	memset(av, 0, sizeof(*av));
	if (rdma_ah_get_ah_flags(attr) & IB_AH_GRH) {
		const struct ib_global_route *grh = rdma_ah_read_grh(attr);

		memcpy(av->grh.dgid.raw, grh->dgid.raw, RXEIB_GID_BYTES);
		av->grh.flow_label = grh->flow_label;
		av->grh.sgid_index = grh->sgid_index;
		av->grh.hop_limit = grh->hop_limit;
		av->grh.traffic_class = grh->traffic_class;
		av->dmac[RXEIB_AV_FLAGS] = RXEIB_AV_GRH;
	}
	av->port_num = port_num;
	av->dmac[RXEIB_AV_DLID] = dlid >> 8;
	av->dmac[RXEIB_AV_DLID + 1] = dlid;
	av->dmac[RXEIB_AV_SL] = rdma_ah_get_sl(attr) & 0xf;
	av->dmac[RXEIB_AV_PATH] = rdma_ah_get_path_bits(attr) & 0x7f;
	av->dmac[RXEIB_AV_RATE] = rdma_ah_get_static_rate(attr);
}

void rxe_av_to_attr(struct rxe_av *av, struct rdma_ah_attr *attr)
{
	attr->type = RDMA_AH_ATTR_TYPE_IB;
	rdma_ah_set_dlid(attr, rxeib_av_dlid(av));
	rdma_ah_set_sl(attr, av->dmac[RXEIB_AV_SL]);
	rdma_ah_set_path_bits(attr, av->dmac[RXEIB_AV_PATH]);
	rdma_ah_set_static_rate(attr, av->dmac[RXEIB_AV_RATE]);
	rdma_ah_set_port_num(attr, av->port_num);
	rdma_ah_set_ah_flags(attr, 0);
	if (av->dmac[RXEIB_AV_FLAGS] & RXEIB_AV_GRH) {
		struct ib_global_route *grh = rdma_ah_retrieve_grh(attr);

		memcpy(grh->dgid.raw, av->grh.dgid.raw, RXEIB_GID_BYTES);
		grh->flow_label = av->grh.flow_label;
		grh->sgid_index = av->grh.sgid_index;
		grh->hop_limit = av->grh.hop_limit;
		grh->traffic_class = av->grh.traffic_class;
		rdma_ah_set_ah_flags(attr, IB_AH_GRH);
	}
}
