/** The answers of a connection to each message that a peer can write: PSN, P_Key, LIDs, length, QPN. */

import { assertEquals } from "@std/assert";
import { BTH, LRH, PAYLOAD } from "../../../src/hca/soft/slot_layout.ts";
import { Nak, NAK_SHIFT } from "../../../src/hca/soft/ring.ts";
import { RC_SEND_ONLY } from "../../../src/wire/transport_headers.ts";
import {
  connectEnd,
  createEnd,
  type End,
  marks,
  openInterface,
} from "./connection.ts";
import { type Rogue, Subnet } from "./subnet.ts";

/** PSN of the first message; the next one wraps. */
const PSN = 0xffffff;

/** Sends messages from the first slot of a rogue. */
class RogueSender {
  readonly #rogue: Rogue;
  readonly #to: End;

  constructor(rogue: Rogue, to: End) {
    this.#rogue = rogue;
    this.#to = to;
  }

  /** Sends a message, and returns the answer of the receiver. */
  send(
    mark: number,
    psn: number,
    {
      length = 64,
      pkey = 0xffff,
      slid = this.#rogue.lid,
      dlid = this.#to.port.attributes.lid,
      qpn = this.#to.qp.qpn,
    } = {},
  ): number {
    const { view } = this.#rogue;
    view.setUint8(LRH + 1, 2);
    view.setUint16(LRH + 2, dlid);
    view.setUint16(LRH + 6, slid);
    view.setUint8(BTH, RC_SEND_ONLY);
    view.setUint16(BTH + 2, pkey);
    view.setUint32(BTH + 4, qpn);
    view.setUint32(BTH + 8, psn);
    view.setUint32(PAYLOAD, mark);
    return this.#rogue.exchange(length) >>> NAK_SHIFT;
  }
}

function scene(
  subnet: Subnet,
): { end: End; sender: RogueSender; rogue: Rogue } {
  const [port] = subnet.openAll(0x11n);
  const end = createEnd(openInterface(subnet, port!));
  const rogue = subnet.linkedRogue(port!);
  const to = { dlid: rogue.lid, qpn: 0x48 };
  connectEnd(end, to, { sendPsn: 0, receivePsn: PSN });
  return { end, sender: new RogueSender(rogue, end), rogue };
}

Deno.test("a connection takes each PSN once, in order, and drops and counts the others", () => {
  using subnet = new Subnet();
  const { end, sender, rogue } = scene(subnet);
  using _ = rogue;
  assertEquals(sender.send(1, PSN), Nak.None);
  assertEquals(sender.send(2, PSN), Nak.None, "a duplicate is acknowledged");
  assertEquals(sender.send(3, 1), Nak.Sequence);
  assertEquals(sender.send(4, 0), Nak.None);
  assertEquals(sender.send(5, 1), Nak.None);
  assertEquals(sender.send(6, PSN), Nak.None, "an old duplicate");
  assertEquals(sender.send(7, 2 + 0x7fffff), Nak.Sequence);
  assertEquals(marks(end.taken), [1, 4, 5]);
  assertEquals(end.qp.received, 3);
  const { rc_duplicates, rc_out_of_sequence } = end.port.counters();
  assertEquals([rc_duplicates, rc_out_of_sequence], [2, 2]);
  assertEquals(end.failures, []);
});

Deno.test("a message that fails a check is refused, and the connection goes on", () => {
  using subnet = new Subnet();
  const { end, sender, rogue } = scene(subnet);
  using _ = rogue;
  const own = end.port.attributes.lid;
  const wrong = [
    ["bad_length", { length: 65_521 }],
    ["bad_length", { length: 0 }],
    ["bad_lid", { slid: own }],
    ["bad_lid", { dlid: rogue.lid }],
    ["bad_lid", { dlid: 0xc001 }],
    ["rcv_constraint_errors", { pkey: 0x8001 }],
    ["bad_qpn", { qpn: end.ud.qpn }],
    ["bad_qpn", { qpn: 1 }],
  ] as const;
  for (const [counter, fields] of wrong) {
    const before = end.port.counters()[counter]!;
    assertEquals(sender.send(9, PSN, fields), Nak.Refused, counter);
    assertEquals(end.port.counters()[counter], before + 1, counter);
  }
  assertEquals(sender.send(1, PSN, { length: 65_520 }), Nak.None);
  assertEquals(marks(end.taken), [1]);
  assertEquals(end.failures, []);
  rogue.describe(-1);
  subnet.until(() => end.failures.length === 1, "the end of the link");
  assertEquals(end.failures, ["retry_exceeded"]);
});
