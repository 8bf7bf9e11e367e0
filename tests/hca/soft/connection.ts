/** Connections between ports of the embedded HCA. */

import type { PostResult } from "../../../src/hca/post_result.ts";
import type { RcFailure, RcQp } from "../../../src/hca/rc_qp.ts";
import type { UdQp } from "../../../src/hca/ud_qp.ts";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import {
  ENCAP,
  PAYLOAD,
  STRIDE,
  VNET,
} from "../../../src/hca/soft/slot_layout.ts";
import type { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import type { IbMtu } from "../../../src/base/units.ts";
import { memoryOf, type Subnet, type Taken } from "./subnet.ts";

const ENCAP_WORD = 0x08000000;

/** One end: the RC queue pair, the UD queue pair that delivers its messages, and what both have reported. */
export interface End {
  readonly port: SoftPort;
  readonly memory: SlotPool;
  readonly ud: UdQp;
  readonly taken: Taken[];
  readonly qp: RcQp;
  readonly failures: RcFailure[];
}

export interface ConnectionOptions {
  retryCount?: number;
  rnrRetryCount?: number;
  ackTimeout?: number;
}

/** The UD queue pair of a port, with the memory of both kinds. */
export interface Interface {
  readonly port: SoftPort;
  readonly memory: SlotPool;
  readonly qp: UdQp;
  readonly taken: Taken[];
}

/** Opens the port's interface: the shared memory and a UD queue pair. */
export function openInterface(subnet: Subnet, port: SoftPort): Interface {
  return { port, memory: memoryOf(port), ...subnet.receiver(port) };
}

/** Opens ports with these GUIDs, and the interface of each. */
export function openInterfaces(
  subnet: Subnet,
  ...guids: bigint[]
): Interface[] {
  return subnet.openAll(...guids).map((port) => openInterface(subnet, port));
}

/** Creates an RC queue pair in the state INIT. */
export function createEnd(of: Interface): End {
  const qp = of.port.createRcQp({
    pkeyIndex: 0,
    receiver: of.qp,
  });
  const failures: RcFailure[] = [];
  qp.onFailure = (failure) => failures.push(failure);
  const { port, memory, taken } = of;
  return { port, memory, ud: of.qp, taken, qp, failures };
}

/** Connects an end to the queue pair `qpn` of the port with this LID. */
export function connectEnd(
  end: End,
  to: { dlid: number; qpn: number },
  psns: { sendPsn: number; receivePsn: number },
  options: ConnectionOptions = {},
): void {
  end.qp.connect({
    path: { dlid: to.dlid, sl: 0, staticRate: 0 },
    pathMtu: 2048 as IbMtu,
    destQpn: to.qpn,
    ...psns,
    ackTimeout: options.ackTimeout ?? 14,
    retryCount: options.retryCount ?? 0,
    rnrRetryCount: options.rnrRetryCount ?? 0,
  });
}

/** Creates two connected queue pairs. The first PSNs wrap soon. */
export function connection(
  a: Interface,
  b: Interface,
  options: ConnectionOptions = {},
): [End, End] {
  const ends: [End, End] = [createEnd(a), createEnd(b)];
  const [x, y] = ends;
  const [to, from] = [0xfffffe, 7];
  connectEnd(
    x,
    { dlid: b.port.attributes.lid, qpn: y.qp.qpn },
    { sendPsn: to, receivePsn: from },
    options,
  );
  connectEnd(
    y,
    { dlid: a.port.attributes.lid, qpn: x.qp.qpn },
    { sendPsn: from, receivePsn: to },
    options,
  );
  return ends;
}

/** Returns a payload of `length` bytes that begins with `mark` in 32 bits, big-endian. */
export function marked(mark: number, length = 64): Uint8Array {
  const payload = new Uint8Array(length).fill(mark);
  new DataView(payload.buffer).setUint32(0, mark);
  return payload;
}

/** Returns the marks of received payloads. */
export function marks(taken: readonly Taken[]): number[] {
  return taken.map(({ payload }) =>
    new DataView(payload.buffer, payload.byteOffset).getUint32(0)
  );
}

/** Posts a message. Returns undefined if no slot is free. */
export function send(
  from: Pick<End, "memory" | "qp">,
  payload: Uint8Array,
  vnet: Uint8Array = new Uint8Array(12),
): PostResult | undefined {
  const slot = from.memory.reserve();
  if (slot < 0) return undefined;
  const base = slot * STRIDE;
  from.memory.bytes.set(vnet, base + VNET);
  from.memory.bytes.set(payload, base + PAYLOAD);
  from.memory.view.setUint32(base + ENCAP, ENCAP_WORD);
  return from.qp.post(slot, payload.length);
}

/** Sends messages with the marks `first` to `last`, running the reactor while there is no credit or no slot. */
export function sendAll(
  subnet: Subnet,
  from: Pick<End, "memory" | "qp">,
  first: number,
  last: number,
  length = 64,
): void {
  for (let mark = first; mark <= last; mark++) {
    subnet.until(
      () => send(from, marked(mark, length)) === 0,
      `message ${mark}`,
    );
  }
}

/** Returns the integers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
