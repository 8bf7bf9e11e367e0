// SPDX-License-Identifier: GPL-2.0
/* The port: LID, P_Keys, GID and MTU. */

#include <linux/module.h>

#include "rxe.h"

static ushort lid;
module_param(lid, ushort, 0444);
MODULE_PARM_DESC(lid, "LID of the port (default: last byte of the MAC address)");

static ushort sm_lid = 1;
module_param(sm_lid, ushort, 0444);
MODULE_PARM_DESC(sm_lid, "LID of the subnet manager");

static ushort pkeys[RXE_PORT_PKEY_TBL_LEN] = { 0xffff };
static int pkey_count = 1;
module_param_array(pkeys, ushort, &pkey_count, 0444);
MODULE_PARM_DESC(pkeys, "first P_Keys of the table");

static int mtu = 2048;
module_param(mtu, int, 0444);
MODULE_PARM_DESC(mtu, "upper bound of the InfiniBand MTU (256 to 4096)");

static bool grh_required;
module_param(grh_required, bool, 0444);
MODULE_PARM_DESC(grh_required, "refuse address handles without a GRH");

/* An InfiniBand port with MADs on QP1, but without QP0 */
u32 rxeib_port_caps(void)
{
	return RDMA_CORE_CAP_PROT_IB | RDMA_CORE_CAP_IB_MAD |
	       RDMA_CORE_CAP_IB_CM | RDMA_CORE_CAP_IB_SA |
	       RDMA_CORE_CAP_AF_IB |
	       (grh_required ? RDMA_CORE_CAP_IB_GRH_REQUIRED : 0);
}

void rxeib_init_port(struct rxe_dev *rxe)
{
	struct rxe_port *port = &rxe->port;

	port->attr.subnet_prefix = RXE_PORT_SUBNET_PREFIX;
	memcpy(port->pkeys, pkeys, pkey_count * sizeof(port->pkeys[0]));
	port->attr.lid = lid ? lid : rxe->ndev->dev_addr[ETH_ALEN - 1];
	port->attr.sm_lid = sm_lid;
}

/* The largest MTU that the network device, the parameter and IBTA allow */
void rxe_set_mtu(struct rxe_dev *rxe, unsigned int ndev_mtu)
{
	struct rxe_port *port = &rxe->port;
	enum ib_mtu ib_mtu = min_t(enum ib_mtu, eth_mtu_int_to_enum(ndev_mtu),
				   rxe_mtu_int_to_enum(mtu));

	if (!ib_mtu)
		ib_mtu = IB_MTU_256;
	port->attr.max_mtu = ib_mtu;
	port->attr.active_mtu = ib_mtu;
	port->mtu_cap = ib_mtu_enum_to_int(ib_mtu);
}

int rxe_query_pkey(struct ib_device *dev, u32 port_num, u16 index, u16 *pkey)
{
	if (index >= RXE_PORT_PKEY_TBL_LEN)
		return -EINVAL;
	*pkey = rxeib_pkey(to_rdev(dev), index);
	return 0;
}

int rxe_query_gid(struct ib_device *dev, u32 port_num, int index,
		  union ib_gid *gid)
{
	struct rxe_port *port = &to_rdev(dev)->port;

	if (index < 0 || index >= RXE_PORT_GID_TBL_LEN)
		return -EINVAL;
	memset(gid, 0, sizeof(*gid));
	if (index == 0) {
		gid->global.subnet_prefix = port->subnet_prefix;
		gid->global.interface_id = port->port_guid;
	}
	return 0;
}
