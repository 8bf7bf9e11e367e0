/**
 * NodeRecord, PortInfoRecord and P_KeyTableRecord queries, as sent by diagnostic tools. As in OpenSM, a requester gets
 * its own records and those of the ports with which it shares a partition.
 *
 * Each port is the only port of a channel adapter; node GUID and port GUID are equal. The manager is port 0 of a
 * switch. The switch's external ports have no records.
 */

import { componentsMatch } from "../wire/sa/components.ts";
import { NodeRecord, NodeType } from "../wire/sa/node_record.ts";
import { PACKET_LIFETIME_EXPONENT } from "../wire/sa/path_record.ts";
import {
  PKEYS_PER_BLOCK,
  PkeyTableRecord,
} from "../wire/sa/pkey_table_record.ts";
import { PortCapability, PortInfoRecord } from "../wire/sa/port_info_record.ts";
import { sharePartition } from "./join.ts";
import { MAX_PKEYS } from "./partitions.ts";
import { type EndPoint, SM_LID } from "./ports.ts";
import { RESP_TIME_EXPONENT } from "./constants.ts";
import type { Subnet } from "./subnet.ts";

/** LinkWidth 4X; LinkSpeed 2.5, 5 and 10 Gb/s; LinkSpeedExt 25 Gb/s (EDR). */
const LINK_WIDTH = 2;
const LINK_SPEED = 7;
const LINK_SPEED_EXT = 2;
/** Bit of the attribute modifier: CapabilityMask matches if it has the requested bits, and need not be equal. */
const ENHANCED = 0x80000000;

/** A query: the bytes of the record, the component mask and the attribute modifier. */
export interface RecordQuery {
  data: Uint8Array;
  mask: bigint;
  modifier: number;
}

/** Returns the NodeRecords that match the query. */
export function nodeRecords(
  subnet: Subnet,
  requester: EndPoint,
  query: RecordQuery,
): Uint8Array[] {
  return visible(subnet, requester)
    .map((port) => NodeRecord.emit(nodeOf(subnet, port)))
    .filter((record) =>
      componentsMatch(NodeRecord.COMPONENTS, record, query.data, query.mask)
    );
}

/** Returns the PortInfoRecords that match the query. */
export function portInfoRecords(
  subnet: Subnet,
  requester: EndPoint,
  { data, mask, modifier }: RecordQuery,
): Uint8Array[] {
  const { COMPONENTS, CAPABILITY_BIT, CAPABILITY_OFFSET } = PortInfoRecord;
  const enhanced = (modifier & ENHANCED) !== 0 &&
    (mask & CAPABILITY_BIT) !== 0n;
  const exact = enhanced ? mask & ~CAPABILITY_BIT : mask;
  const capabilities = (bytes: Uint8Array) =>
    new DataView(bytes.buffer, bytes.byteOffset)
      .getUint32(CAPABILITY_OFFSET);
  return visible(subnet, requester)
    .map((port) => portInfoOf(subnet, port))
    .filter((record) =>
      componentsMatch(COMPONENTS, record, data, exact) &&
      (!enhanced || (capabilities(data) & ~capabilities(record)) === 0)
    );
}

/**
 * Returns the P_KeyTableRecords that match the query. PortNum is not compared for a channel adapter, which has one
 * port.
 */
export function pkeyTableRecords(
  subnet: Subnet,
  requester: EndPoint,
  query: RecordQuery,
): Uint8Array[] {
  const { COMPONENTS } = PkeyTableRecord;
  return visible(subnet, requester).flatMap((port) => {
    const layout = port.lid === SM_LID ? COMPONENTS : COMPONENTS.slice(0, 2);
    const blocks = Math.max(1, Math.ceil(port.pkeys.length / PKEYS_PER_BLOCK));
    return Array.from({ length: blocks }, (_, block) =>
      PkeyTableRecord.emit({
        lid: port.lid,
        block,
        portNumber: portNumber(port),
        pkeys: port.pkeys.slice(
          block * PKEYS_PER_BLOCK,
          (block + 1) * PKEYS_PER_BLOCK,
        ),
      })).filter((record) =>
        componentsMatch(layout, record, query.data, query.mask)
      );
  });
}

function visible(subnet: Subnet, requester: EndPoint): EndPoint[] {
  return subnet.endPoints
    .filter((port) =>
      port.guid === requester.guid || sharePartition(port, requester)
    );
}

function nodeOf(subnet: Subnet, port: EndPoint): NodeRecord {
  const manager = port.lid === SM_LID;
  return {
    lid: port.lid,
    nodeType: manager ? NodeType.Switch : NodeType.ChannelAdapter,
    numPorts: 1,
    systemGuid: port.guid,
    nodeGuid: port.guid,
    portGuid: port.guid,
    partitionCap: MAX_PKEYS,
    deviceId: 0,
    revision: 0,
    localPort: portNumber(port),
    vendorId: 0,
    description: manager
      ? "subnet manager"
      : subnet.ports.byLid(port.lid)?.name ?? "",
  };
}

function portInfoOf(subnet: Subnet, port: EndPoint): Uint8Array {
  const { ExtendedSpeeds, IsSm, ClientReregister } = PortCapability;
  return PortInfoRecord.emit({
    lid: port.lid,
    portNumber: portNumber(port),
    gidPrefix: subnet.prefix,
    smLid: SM_LID,
    capabilityMask: ExtendedSpeeds |
      (port.lid === SM_LID ? IsSm : ClientReregister),
    linkWidth: LINK_WIDTH,
    linkSpeed: LINK_SPEED,
    linkSpeedExt: LINK_SPEED_EXT,
    mtu: subnet.mtuCode,
    subnetTimeout: PACKET_LIFETIME_EXPONENT,
    respTimeValue: RESP_TIME_EXPONENT,
  });
}

function portNumber(port: EndPoint): number {
  return port.lid === SM_LID ? 0 : 1;
}
