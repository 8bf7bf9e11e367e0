// SPDX-License-Identifier: GPL-2.0
/*
 * Files in /sys/class/infiniband/<device>/: the attributes that a subnet manager
 * would set by SubnSet(PortInfo) and SubnSet(P_KeyTable), and port events.
 */

#include "rxe.h"

static struct rxe_dev *device_of(struct device *device)
{
	return rdma_device_to_drv_device(device, struct rxe_dev, ib_dev);
}

static void forget_joins(struct rxe_dev *rxe)
{
	memset(rxe->link.joined, 0, sizeof(rxe->link.joined));
}

static ssize_t lid_show(struct device *device, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "0x%x\n", device_of(device)->port.attr.lid);
}

static ssize_t lid_store(struct device *device, struct device_attribute *attr,
			 const char *buf, size_t count)
{
	struct rxe_dev *rxe = device_of(device);
	u16 lid;
	int err = kstrtou16(buf, 0, &lid);

	if (err)
		return err;
	rxe->port.attr.lid = lid;
	forget_joins(rxe);
	rxe_port_event(rxe, IB_EVENT_LID_CHANGE);
	return count;
}
DEVICE_ATTR_RW(lid);

static ssize_t sm_lid_show(struct device *device,
			   struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0x%x\n", device_of(device)->port.attr.sm_lid);
}

static ssize_t sm_lid_store(struct device *device,
			    struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct rxe_dev *rxe = device_of(device);
	u16 lid;
	int err = kstrtou16(buf, 0, &lid);

	if (err)
		return err;
	rxe->port.attr.sm_lid = lid;
	rxe_port_event(rxe, IB_EVENT_SM_CHANGE);
	return count;
}
DEVICE_ATTR_RW(sm_lid);

static ssize_t pkey_table_show(struct device *device,
			       struct device_attribute *attr, char *buf)
{
	struct rxe_dev *rxe = device_of(device);
	int i, n = 0;

	for (i = 0; i < RXE_PORT_PKEY_TBL_LEN; i++)
		n += sysfs_emit_at(buf, n, "%d:0x%04x\n", i,
				   rxe->port.pkeys[i]);
	return n;
}

/* "<index>:<P_Key>" */
static ssize_t pkey_table_store(struct device *device,
				struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct rxe_dev *rxe = device_of(device);
	int index, pkey;

	if (sscanf(buf, "%i:%i", &index, &pkey) != 2 || index < 0 ||
	    index >= RXE_PORT_PKEY_TBL_LEN)
		return -EINVAL;
	WRITE_ONCE(rxe->port.pkeys[index], pkey);
	rxe_port_event(rxe, IB_EVENT_PKEY_CHANGE);
	return count;
}
DEVICE_ATTR_RW(pkey_table);

/* A number of enum ib_event_type */
static ssize_t event_store(struct device *device,
			   struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct rxe_dev *rxe = device_of(device);
	int event, err = kstrtoint(buf, 0, &event);

	if (err)
		return err;
	if (event == IB_EVENT_PORT_ACTIVE)
		rxe->port.attr.state = IB_PORT_ACTIVE;
	if (event == IB_EVENT_PORT_ERR)
		rxe->port.attr.state = IB_PORT_DOWN;
	if (event == IB_EVENT_PORT_ERR || event == IB_EVENT_CLIENT_REREGISTER)
		forget_joins(rxe);
	rxe_port_event(rxe, event);
	return count;
}
DEVICE_ATTR_WO(event);

/* The multicast LIDs that the port has joined, and its drops */
static ssize_t mcast_show(struct device *device,
			  struct device_attribute *attr, char *buf)
{
	struct rxeib_link *link = &device_of(device)->link;
	int i, n;

	n = sysfs_emit(buf, "dropped_not_joined %d\n",
		       atomic_read(&link->not_joined));
	for (i = 0; i < RXEIB_MLIDS; i++)
		if (link->joined[i])
			n += sysfs_emit_at(buf, n, "0x%x state 0x%x\n",
					   RXEIB_FIRST_MLID + i,
					   link->joined[i]);
	return n;
}
DEVICE_ATTR_RO(mcast);
