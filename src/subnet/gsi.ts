/**
 * Forwards MADs between the QP1s of ports and the manager: checks and address translation (IBTA vol. 1 10.9.4, 13.5.3).
 */

import { hex } from "../base/hex.ts";
import { pkeysMatch } from "../base/units.ts";
import {
  GSI_QKEY,
  GSI_QPN,
  gsiAddress,
  type MadAddress,
  MadView,
  MgmtClass,
} from "../wire/mad.ts";
import type { Drop } from "./frame_drops.ts";
import { DEFAULT_PARTITION } from "./partitions.ts";
import { SM_LID, type SubnetPort } from "./ports.ts";
import { encodeMad, type MadFrame } from "./protocol.ts";
import type { Subnet } from "./subnet.ts";

/** P_Key of the manager: full member of the default partition. */
const MANAGER_PKEY = 0x8000 | DEFAULT_PARTITION;

/**
 * Returns the reason to drop a MAD that a port sent; undefined if the MAD is valid. The only administrator is that of the
 * manager, so ports exchange no MADs of its class.
 */
export function dropReason(
  source: SubnetPort | undefined,
  { address, mad }: MadFrame,
): Drop | undefined {
  if (source === undefined) {
    return { reason: "not_registered", text: "the port is not registered" };
  }
  if (!source.active) return { reason: "port_down", text: "the port is down" };
  if (address.qpn !== GSI_QPN) {
    const text = `the destination is QP ${address.qpn}, not QP1`;
    return { reason: "wrong_qpn", text };
  }
  if (address.qkey !== GSI_QKEY) {
    return { reason: "wrong_qkey", text: "the Q_Key is not that of QP1" };
  }
  const pkey = source.pkeys[address.pkeyIndex];
  if (pkey === undefined) {
    const text = `P_Key index ${address.pkeyIndex} is not in the port's table`;
    return { reason: "wrong_pkey", text };
  }
  if (address.lid !== SM_LID) return administrative(address, mad);
  if (pkeysMatch(pkey, MANAGER_PKEY)) return undefined;
  const text = "the manager is a member of the default partition only";
  return { reason: "wrong_pkey", text };
}

function administrative(
  { lid }: MadAddress,
  mad: Uint8Array,
): Drop | undefined {
  const { mgmtClass } = MadView.of(mad);
  if (mgmtClass !== MgmtClass.SubnAdm) return undefined;
  const text = `management class ${hex(mgmtClass, 2)} is for LID ${
    hex(SM_LID)
  } only, not for LID ${hex(lid)}`;
  return { reason: "mad_class", text };
}

/** Returns the source address of a MAD from the manager, with the P_Key index of the receiving port. */
export function managerAddress(port: SubnetPort): MadAddress {
  return gsiAddress(
    SM_LID,
    port.pkeys.findIndex((pkey) => pkeysMatch(pkey, MANAGER_PKEY)),
  );
}

/** True if MADs of the manager can reach the port: it is active and a member of the default partition. */
export function isReached(port: SubnetPort): boolean {
  return port.active &&
    port.pkeys.some((pkey) => pkeysMatch(pkey, MANAGER_PKEY));
}

/** Returns the destination port and the frame of a MAD between two ports; undefined if no port can receive the MAD. */
export function relay(
  subnet: Subnet,
  source: SubnetPort,
  { address, mad }: MadFrame,
): { port: SubnetPort; frame: Uint8Array } | undefined {
  const port = subnet.ports.byLid(address.lid);
  if (port === undefined || !port.active) return undefined;
  const pkey = source.pkeys[address.pkeyIndex]!;
  const pkeyIndex = port.pkeys.findIndex((own) => pkeysMatch(own, pkey));
  if (pkeyIndex < 0) return undefined;
  const from = { ...address, lid: source.lid, pkeyIndex };
  return { port, frame: encodeMad(mad, from) };
}
