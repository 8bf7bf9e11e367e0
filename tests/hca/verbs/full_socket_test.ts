/** What the libibumad worker cannot pass to a port that does not read for a while is counted. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { FakeClock } from "../../../src/base/clock.ts";
import { Errno } from "../../../src/base/errno.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../../src/hca/verbs/mad_channel.ts";
import { UmadPort } from "../../../src/hca/verbs/umad_port.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import {
  CM_MESSAGE_LENGTH,
  CmAttribute,
  CmMad,
} from "../../../src/wire/cm/cm_mad.ts";
import { gsiAddress, Method, MgmtClass } from "../../../src/wire/mad.ts";
import { SaAttribute, SaMad } from "../../../src/wire/sa/sa_mad.ts";
import { closeReactor } from "../close_reactor.ts";
import { FakeUmad } from "./fake_umad.ts";

/** More than the socket takes. */
const MADS = 4000;
/** Longer than the interval at which the worker tries to pass the counts. */
const COUNTS_MS = 1000;

/** The worker, and a port in a thread of its own, which reads the socket only when the test lets it. */
class Rig implements Disposable {
  readonly clock = new FakeClock();
  readonly worker = new PollReactor(this.clock);
  readonly port = new FakeReactor();
  readonly counted = new VerbsCounters();
  readonly umad = new FakeUmad();
  readonly umadPort: UmadPort;
  readonly channel: SocketMadChannel;

  constructor() {
    const [ours, theirs] = socketPair();
    this.umadPort = new UmadPort({
      ...{ reactor: this.worker, device: "fake", port: 1 },
      ...{ library: this.umad.library, socket: theirs.release() },
    });
    this.channel = new SocketMadChannel(
      ...[this.port, ours.release(), true, this.counted] as const,
    );
  }

  /** Lets the port read what the worker has passed. */
  read(): void {
    this.port.watches[0]!.trigger();
  }

  /** Lets the worker pass what it has counted meanwhile, and the port read it. */
  readCounts(): void {
    this.read();
    this.clock.advance(COUNTS_MS);
    this.worker.turn(0);
    this.read();
  }

  [Symbol.dispose](): void {
    this.umadPort.close();
    this.channel.close();
    closeReactor(this.worker);
    this.umad[Symbol.dispose]();
  }
}

/** A CM message without content. */
function message(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(CmMad.emit({
    transactionId: 1n,
    attributeId: CmAttribute.Req,
    message: new Uint8Array(CM_MESSAGE_LENGTH),
  }));
}

/** An SA MAD without content. */
function saMad(method: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(SaMad.emit(SaMad.of({
    ...{ method, transactionId: 1n, attributeId: SaAttribute.PathRecord },
    data: new Uint8Array(0),
  })));
}

Deno.test("received MADs for which the socket has no space count as mads_dropped", () => {
  using rig = new Rig();
  rig.channel.openAgent(MgmtClass.CommunicationManagement);
  for (let i = 0; i < MADS; i++) rig.umad.arrive(message());
  while (rig.umad.receives < MADS) rig.worker.turn(0);
  rig.readCounts();
  const received = rig.counted.get("mads_received");
  assertLess(received, MADS);
  assertEquals(rig.counted.get("mads_dropped"), MADS - received);
  rig.umad.arrive(message());
  rig.worker.turn(0);
  rig.readCounts();
  assertEquals(rig.counted.get("mads_received"), received + 1);
  assertEquals(rig.counted.get("mads_dropped"), MADS - received);
});

Deno.test("the counts are passed as soon as the port reads again", () => {
  using rig = new Rig();
  for (let i = 0; i < MADS; i++) rig.umad.arrive(message());
  while (rig.umad.receives < MADS) rig.worker.turn(0);
  // The socket is still full.
  rig.clock.advance(COUNTS_MS);
  rig.worker.turn(0);
  rig.readCounts();
  const { counted } = rig;
  const received = counted.get("mads_received");
  assertEquals(counted.get("mads_dropped"), MADS - received);
});

Deno.test("each sent and each refused MAD is counted, although the results of some find no space in the socket", () => {
  using rig = new Rig();
  const agent = rig.channel.openAgent(MgmtClass.SubnAdm);
  const failures: number[] = [];
  agent.onSendFailed = (_id, errno) => failures.push(errno);
  const mad = saMad(Method.Get);
  for (let i = 0; i < 2 * MADS; i++) {
    rig.umad.sendErrno = i % 2 === 0 ? 0 : Errno.EIO;
    agent.send(mad, gsiAddress(1));
    rig.worker.turn(0);
  }
  rig.readCounts();
  const { counted } = rig;
  assertEquals(
    ["mads_sent", "mads_send_failed", "mads_lost"].map((name) =>
      counted.get(name as "mads_lost")
    ),
    [MADS, MADS, 0],
  );
  assertLess(failures.length, MADS);
  assert(failures.every((errno) => errno === Errno.EIO));
});

Deno.test("a response to no request counts as mads_dropped", () => {
  using rig = new Rig();
  rig.channel.openAgent(MgmtClass.SubnAdm);
  const mad = saMad(Method.GetResp);
  rig.umad.arrive(mad);
  rig.worker.turn(0);
  rig.readCounts();
  assertEquals(rig.counted.get("mads_received"), 0);
  assertEquals(rig.counted.get("mads_dropped"), 1);
});
