import { assertEquals } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import {
  CM_MESSAGE_LENGTH,
  CmAttribute,
  CmMad,
} from "../../../src/wire/cm/cm_mad.ts";
import { gsiAddress, Method, MgmtClass } from "../../../src/wire/mad.ts";
import { FakeUmad } from "./fake_umad.ts";
import { WorkerRig } from "./worker_rig.ts";

const CLASS = MgmtClass.CommunicationManagement;
const TRANSACTION = 0x0123_4567_89ab_cdefn;

/** A CM message without content. */
function message(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(CmMad.emit({
    transactionId: TRANSACTION,
    attributeId: CmAttribute.Req,
    message: new Uint8Array(CM_MESSAGE_LENGTH),
  }));
}

Deno.test("the worker registers for CM messages, which are Sends, beside the responses of the administrator", () => {
  using rig = new WorkerRig();
  const mask = new Uint8Array(16);
  mask[0] = 1 << Method.Send;
  assertEquals(rig.umad.registered, [
    [MgmtClass.SubnAdm, null],
    [CLASS, mask],
  ]);
  assertEquals(rig.port.connections, true);
});

Deno.test("a CM message is sent unchanged, by its own agent and without a time-out", () => {
  using rig = new WorkerRig();
  const agent = rig.channel.openAgent(CLASS);
  agent.send(message(), gsiAddress(9, 3, 2));
  rig.turn();
  assertEquals(rig.umad.sent, [{
    mad: message(),
    lid: 9,
    sl: 2,
    pkeyIndex: 3,
    agent: 8,
    timeout: 0,
  }]);
  assertEquals(rig.counted.get("mads_sent"), 1);
});

Deno.test("a received CM message is delivered unchanged with its source", () => {
  using rig = new WorkerRig();
  const agent = rig.channel.openAgent(CLASS);
  const received: unknown[] = [];
  agent.onMad = (mad, { lid }) => received.push([mad.slice(), lid]);
  rig.umad.arrive(message(), { lid: 5 });
  rig.turn();
  assertEquals(received, [[message(), 5]]);
});

Deno.test("a CM message that the kernel refuses with EINVAL is sent again after the one before it", () => {
  using rig = new WorkerRig();
  const agent = rig.channel.openAgent(CLASS);
  const failures: number[][] = [];
  agent.onSendFailed = (...failure) => failures.push(failure);
  rig.umad.sendErrno = Errno.EINVAL;
  agent.send(message(), gsiAddress(9));
  rig.turn();
  rig.umad.sendErrno = 0;
  rig.clock.advance(2);
  rig.turn();
  assertEquals(rig.umad.sent.length, 1);
  rig.umad.sendErrno = Errno.EINVAL;
  agent.send(message(), gsiAddress(9));
  rig.turn();
  assertEquals(failures, []);
  for (let waited = 0; waited < 20; waited += 2) {
    rig.clock.advance(2);
    rig.turn();
  }
  assertEquals(failures, [[0x89abcdef, Errno.EINVAL]]);
  assertEquals(rig.umad.sent.length, 1);
});

Deno.test("a port whose CM class another program has works without it, and has the reason", () => {
  const umad = new FakeUmad();
  umad.refused = [CLASS];
  using rig = new WorkerRig(umad);
  assertEquals(
    rig.port.connections,
    "another program manages the connections of fake/1",
  );
  assertEquals(rig.umad.registered, [[MgmtClass.SubnAdm, null]]);
});
