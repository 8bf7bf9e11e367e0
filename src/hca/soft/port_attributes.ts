/** The attributes of a port of the embedded HCA, before and after its configuration by the subnet manager. */

import { ibMtuBytes, type IbMtuCode } from "../../base/units.ts";
import type { Welcome } from "../../subnet/messages.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../wire/gid.ts";
import type { PortAttributes, PortCapabilities } from "../port_attributes.ts";

const MAX_MTU_CODE = 5 as IbMtuCode;
const FIRMWARE = "1.0.0";
/** A slot carries the virtio header, so the receiver's kernel gets the checksum and segmentation state as sent. */
const CAPABILITIES: PortCapabilities = {
  transmitChecksum: true,
  receiveChecksum: true,
  segmentation: "deferred",
  connectionManagement: true,
  // Rings lose nothing. After an injected fault or with a full receive queue, a repetition takes less time than a new
  // connection.
  connectionRetries: 7,
  sharedReceiveQueue: true,
};

type PortState = Pick<PortAttributes, "state" | "physState">;

/** State of a port that an operation has set down. */
export const DOWN: PortState = { state: "down", physState: "Polling" };
/** State of a port that the manager has configured. */
export const ACTIVE: PortState = { state: "active", physState: "LinkUp" };

/** Returns the attributes of a port that waits for a subnet manager. */
export function unconfigured(subnet: string, guid: bigint): PortAttributes {
  return {
    device: `soft:${subnet}`,
    port: 1,
    linkLayer: "infiniband",
    state: "init",
    physState: "LinkUp",
    lid: 0,
    lmc: 0,
    smLid: 0,
    smSl: 0,
    portGuid: guid,
    gid: gidFrom(DEFAULT_SUBNET_PREFIX, guid),
    maxMtu: ibMtuBytes(MAX_MTU_CODE)!,
    activeMtu: ibMtuBytes(MAX_MTU_CODE)!,
    grhRequired: false,
    activeWidth: 4,
    laneMbps: 25000,
    pkeys: [],
    firmware: FIRMWARE,
    busInfo: `subnet/${subnet}`,
    capabilities: CAPABILITIES,
  };
}

/** Returns the attributes of `port` as configured by the manager's welcome. */
export function configured(
  port: PortAttributes,
  welcome: Welcome,
): PortAttributes {
  const guid = BigInt(welcome.guid);
  const prefix = BigInt(welcome.subnetPrefix);
  const code = welcome.mtuCode as IbMtuCode;
  return {
    ...port,
    ...(welcome.down ? DOWN : ACTIVE),
    lid: welcome.lid,
    smLid: welcome.smLid,
    smSl: welcome.smSl,
    portGuid: guid,
    gid: gidFrom(prefix, guid),
    activeMtu: ibMtuBytes(code)!,
    maxMtu: ibMtuBytes(code)!,
    activeWidth: welcome.width,
    laneMbps: welcome.laneMbps,
    pkeys: welcome.pkeys,
  };
}
