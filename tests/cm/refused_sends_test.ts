/** Messages that the device refuses to send. */

import { assertEquals } from "@std/assert";
import { type Host, pair, type Transfer } from "./rig.ts";

const EIO = 5;

/** Lets the device of a host refuse a message. */
function refuse({ agent }: Host, { mad }: Transfer): [] {
  agent.onSendFailed(new DataView(mad.buffer).getUint32(12), EIO);
  return [];
}

Deno.test("a REQ that the device refuses ends with send_failed", () => {
  const { rig, a, b } = pair();
  rig.fate = (transfer) => refuse(a, transfer);
  const { ends } = a.connect(b);
  rig.advance(5000);
  assertEquals(ends, [{ why: "send_failed" }]);
});

Deno.test("a REP that the device refuses ends with send_failed, and one to another port that is lost with timeout", () => {
  const { rig, a, b, accepted } = pair();
  const other = rig.host();
  let refused = 0;
  rig.fate = (transfer) => {
    const { to, message } = transfer;
    // The REJ of the remote end, which ends the connection too, is lost.
    if (message?.kind === "rej") return [];
    if (message?.kind !== "rep") return [1];
    if (to === other.lid) return [];
    refused++;
    return refuse(b, transfer);
  };
  a.connect(b);
  other.connect(b);
  rig.advance(60_000);
  assertEquals(accepted.map(({ ends }) => ends), [
    [{ why: "send_failed" }],
    [{ why: "timeout" }],
  ]);
  const { send_failed, rep_sent } = b.manager.counters();
  assertEquals([send_failed, rep_sent, refused > 1], [refused, 2, true]);
});

Deno.test("a REJ without a connection that the device refuses is counted", () => {
  const { rig, a, b } = pair();
  rig.fate = (transfer) => transfer.from === b.lid ? refuse(b, transfer) : [1];
  a.connect(b, { serviceId: 7n, timeout: 100 });
  rig.advance(5);
  assertEquals(b.manager.counters().send_failed, 1);
});
