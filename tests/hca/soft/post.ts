/** Sends packets from a port's send memory. */

import { memoryOf } from "./subnet.ts";
import type { PostResult } from "../../../src/hca/post_result.ts";
import type { UdQp } from "../../../src/hca/ud_qp.ts";
import type { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { PAYLOAD, STRIDE } from "../../../src/hca/soft/slot_layout.ts";

export const QKEY = 1;

/** Posts a packet with this payload. Returns undefined if no slot is free. */
export function post(
  from: { port: SoftPort; qp: UdQp; memory?: SlotPool },
  to: { dlid: number; qpn: number; qkey?: number; mgid?: Uint8Array },
  payload: Uint8Array,
): PostResult | undefined {
  const { port, qp, memory = memoryOf(port) } = from;
  const slot = memory.reserve();
  if (slot < 0) return undefined;
  memory.bytes.fill(0, slot * STRIDE, slot * STRIDE + PAYLOAD);
  memory.bytes.set(payload, slot * STRIDE + PAYLOAD);
  const ah = port.createAddressHandle({
    dlid: to.dlid,
    sl: 0,
    staticRate: 0,
    ...(to.mgid
      ? {
        grh: {
          dgid: to.mgid,
          flowLabel: 0,
          hopLimit: 0,
          trafficClass: 0,
          sgidIndex: 0,
        },
      }
      : {}),
  });
  return qp.post(slot, payload.length, ah, to.qpn, to.qkey ?? QKEY);
}
