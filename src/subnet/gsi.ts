/**
 * The switch between the ports' QP1s: what may pass, and with which addresses (IBTA vol. 1 10.9.4, 13.5.3).
 */

import { pkeysMatch } from "../base/units.ts";
import { GSI_QKEY, GSI_QPN, gsiAddress, type MadAddress } from "../wire/mad.ts";
import { DEFAULT_PARTITION } from "./partitions.ts";
import { SM_LID, type SubnetPort } from "./ports.ts";
import { encodeMad, type MadFrame } from "./protocol.ts";
import type { Subnet } from "./subnet.ts";

/** The manager's own P_Key: a full member of the default partition. */
const MANAGER_PKEY = 0x8000 | DEFAULT_PARTITION;

/** Why a MAD that a port sent goes nowhere; undefined if it may pass. */
export function dropReason(
  source: SubnetPort | undefined,
  address: MadAddress,
): string | undefined {
  if (source === undefined) return "the port is not registered";
  if (!source.active) return "the port is down";
  if (address.qpn !== GSI_QPN) return `it is for QP ${address.qpn}, not QP1`;
  if (address.qkey !== GSI_QKEY) return "its Q_Key is not that of QP1";
  const pkey = source.pkeys[address.pkeyIndex];
  if (pkey === undefined) {
    return `P_Key index ${address.pkeyIndex} is not in the port's table`;
  }
  return address.lid === SM_LID && !pkeysMatch(pkey, MANAGER_PKEY)
    ? "the manager is in the default partition only"
    : undefined;
}

/** Where a MAD of the manager to this port comes from, as the port sees it. */
export function managerAddress(port: SubnetPort): MadAddress {
  return gsiAddress(
    SM_LID,
    port.pkeys.findIndex((pkey) => pkeysMatch(pkey, MANAGER_PKEY)),
  );
}

/** True if a MAD of the manager reaches the port. */
export function isReached(port: SubnetPort): boolean {
  return port.active &&
    port.pkeys.some((pkey) => pkeysMatch(pkey, MANAGER_PKEY));
}

/** The frame for the port that a MAD of another port is for, and that port; undefined if none gets it. */
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
