/** The attributes of a port of the embedded HCA, before and after the subnet manager has configured it. */

import { ibMtuBytes, type IbMtuCode } from "../../base/units.ts";
import type { Welcome } from "../../subnet/messages.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../wire/gid.ts";
import type { PortAttributes, PortCapabilities } from "../hca.ts";

const MAX_MTU_CODE = 5 as IbMtuCode;
const FIRMWARE = "1.0.0";
/** The virtio header lies in the slot, so the receiver's kernel has what the sender's kernel said of the packet. */
const CAPABILITIES: PortCapabilities = {
  transmitChecksum: true,
  receiveChecksum: true,
  segmentation: "deferred",
  connectionManagement: "the embedded HCA has no connected queue pairs",
};

/** A port that waits for a subnet manager. */
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
    activeWidth: 4,
    laneMbps: 25000,
    pkeys: [],
    firmware: FIRMWARE,
    busInfo: `subnet/${subnet}`,
    capabilities: CAPABILITIES,
  };
}

/** The same port as the manager configured it. */
export function configured(
  port: PortAttributes,
  welcome: Welcome,
): PortAttributes {
  const guid = BigInt(welcome.guid);
  const prefix = BigInt(welcome.subnetPrefix);
  const code = welcome.mtuCode as IbMtuCode;
  return {
    ...port,
    state: "active",
    physState: "LinkUp",
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
