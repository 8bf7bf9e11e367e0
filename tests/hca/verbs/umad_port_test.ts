import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../../src/hca/verbs/mad_channel.ts";
import {
  fillUserMad,
  sourceOf,
  UmadPort,
} from "../../../src/hca/verbs/umad_port.ts";
import { SaClient } from "../../../src/sa/client.ts";
import { Errno } from "../../../src/base/errno.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { receive } from "../../../src/system/unix_socket.ts";
import { Method, MgmtClass, responseMethod } from "../../../src/wire/mad.ts";
import { InformInfo } from "../../../src/wire/sa/inform_info.ts";
import { Notice, TrapNumber } from "../../../src/wire/sa/notice.ts";
import { gidOf, Rig } from "../../subnet/rig.ts";
import { FakeUmad } from "./fake_umad.ts";

const address = {
  lid: 0x0102,
  qpn: 0x030405,
  qkey: 0x80010000,
  sl: 6,
  pkeyIndex: 7,
};
const TRANSACTION = 8;
/** The method Report, as the set of methods that are not answers has it. */
const REPORTS = "40" + "00".repeat(15);
const TIMED_OUT = 110;

Deno.test("fillUserMad() writes the golden bytes over what was there", () => {
  const bytes = new Uint8Array(320).fill(0xee);
  fillUserMad(bytes, new Uint8Array(256).fill(0xaa), address);
  const golden = new Uint8Array(320).fill(0xaa, 64);
  golden.set([0, 3, 4, 5, 0x80, 1, 0, 0, 1, 2, 6], 20);
  golden[56] = 7;
  assertEquals(bytes, golden);
});

Deno.test("sourceOf() reads the address", () => {
  const bytes = new Uint8Array(320);
  fillUserMad(bytes, new Uint8Array(256), address);
  assertEquals(sourceOf(new DataView(bytes.buffer)), address);
});

Deno.test("fillUserMad() and sourceOf() have the GRH where libibumad has it", () => {
  const gid = gidOf(3);
  const grh = {
    gid,
    sgidIndex: 1,
    flowLabel: 0x12345,
    hopLimit: 63,
    trafficClass: 9,
  };
  const bytes = new Uint8Array(320);
  fillUserMad(bytes, new Uint8Array(256), { ...address, grh });
  assertEquals(
    Array.from(bytes.subarray(32, 56)),
    [1, 1, 63, 9, ...gid, 0, 1, 0x23, 0x45],
  );
  assertEquals(sourceOf(new DataView(bytes.buffer)), { ...address, grh });
});

/** A client, its channel, and libibumad's end over a library in memory. */
class Way implements Disposable {
  readonly reactor = new PollReactor();
  readonly umad: FakeUmad;
  readonly port: UmadPort;
  readonly client: SaClient;
  readonly notices: Notice[] = [];
  readonly #channel: SocketMadChannel;

  constructor(umad = new FakeUmad()) {
    const { reactor } = this;
    const [ours, theirs] = socketPair();
    this.umad = umad;
    this.port = new UmadPort({
      reactor,
      device: "fake",
      port: 1,
      socket: theirs.release(),
      library: umad.library,
    });
    const counted = new VerbsCounters();
    const channel = new SocketMadChannel(reactor, ours.release(), counted);
    this.#channel = channel;
    const agent = channel.openAgent(MgmtClass.SubnAdm);
    this.client = new SaClient({
      agent,
      location: () => ({ smLid: 1, smSl: 4, pkeyIndex: 0 }),
      onReport: (notice) => this.notices.push(notice),
    });
    agent.onMad = (mad, from) =>
      this.client.onMad(mad, from, reactor.clock.now());
  }

  /** Subscribes to everything; told of the answer. */
  subscribe(answered: (ok: boolean) => void = () => {}): void {
    const info = InformInfo.trap(TrapNumber.McGroupCreated);
    const now = this.reactor.clock.now();
    this.client.inform(info, now, ({ ok }) => answered(ok));
    this.turn();
  }

  turn(): void {
    for (let i = 0; i < 3; i++) this.reactor.turn(0);
  }

  [Symbol.dispose](): void {
    this.port.close();
    this.#channel.close();
    this.reactor.stop();
    this.umad[Symbol.dispose]();
  }
}

/** The answer to a MAD that was sent. */
function answerTo({ mad }: { mad: Uint8Array }): Uint8Array {
  const answer = mad.slice();
  answer[3] = responseMethod(answer[3]!);
  // The kernel's MAD layer writes its agent's number over the high half.
  answer.fill(9, TRANSACTION, TRANSACTION + 4);
  return answer;
}

Deno.test("a request goes to the administrator, and its answer to the client", () => {
  using way = new Way();
  const answers: boolean[] = [];
  way.subscribe((ok) => answers.push(ok));
  const [sent] = way.umad.sent;
  assertEquals([sent!.lid, sent!.sl, sent!.agent], [1, 4, 7]);
  assert(sent!.timeout > 0);
  way.umad.arrive(answerTo(sent!));
  way.turn();
  assertEquals(answers, [true]);
});

Deno.test("a request that is repeated has an ID of its own, and either answer will do", () => {
  using way = new Way();
  const answers: boolean[] = [];
  way.subscribe((ok) => answers.push(ok));
  way.client.tick(way.client.deadline);
  way.turn();
  const [first, second] = way.umad.sent;
  const id = ({ mad }: { mad: Uint8Array }) =>
    mad.slice(TRANSACTION, TRANSACTION + 8).toHex();
  assert(id(first!) !== id(second!));
  way.umad.arrive(answerTo(second!));
  way.umad.arrive(answerTo(first!));
  way.turn();
  assertEquals(answers, [true]);
});

Deno.test("what the kernel hands back unanswered is nobody's answer", () => {
  using way = new Way();
  const answers: boolean[] = [];
  way.subscribe((ok) => answers.push(ok));
  const [sent] = way.umad.sent;
  way.umad.arrive(sent!.mad, { status: TIMED_OUT });
  way.umad.arrive(answerTo(sent!), { status: TIMED_OUT });
  way.umad.arrive(answerTo(sent!));
  way.turn();
  // The kernel had given the request up: its answer comes too late.
  assertEquals(answers, []);
  assertEquals(way.client.pending, 1);
});

/** A Report as the embedded subnet's administrator sends it. */
function report(): { mad: Uint8Array; gid: Uint8Array } {
  const rig = new Rig();
  const port = rig.join(1);
  port.ask((now, done) =>
    port.client.inform(InformInfo.trap(TrapNumber.GidInService), now, done)
  );
  const before = port.mads.length;
  rig.join(2);
  return { mad: port.mads[before]!.mad, gid: gidOf(2) };
}

Deno.test("a Report comes through libibumad and is answered", () => {
  using way = new Way();
  assertEquals(way.umad.registered, [REPORTS]);
  const { mad, gid } = report();
  way.umad.arrive(mad, { lid: 5 });
  way.turn();
  const [notice] = way.notices;
  assertEquals(notice!.trapNumber, TrapNumber.GidInService);
  assertEquals(Notice.gid(notice!), gid);
  way.turn();
  const [sent] = way.umad.sent;
  assertEquals([sent!.lid, sent!.timeout], [5, 0]);
  const expected = mad.slice();
  expected[3] = Method.ReportResp;
  assertEquals(sent!.mad.toHex(), expected.toHex());
});

Deno.test("where another program has the Reports there are answers", () => {
  const umad = new FakeUmad();
  umad.refused = "reports";
  using way = new Way(umad);
  assertEquals(umad.registered, [null]);
  const answers: boolean[] = [];
  way.subscribe((ok) => answers.push(ok));
  umad.arrive(answerTo(umad.sent[0]!));
  way.turn();
  assertEquals(answers, [true]);
});

Deno.test("a descriptor that cannot be waited for is looked at again and again", () => {
  using way = new Way(new FakeUmad(false));
  const answers: boolean[] = [];
  way.subscribe((ok) => answers.push(ok));
  way.umad.arrive(answerTo(way.umad.sent[0]!));
  const end = performance.now() + 5000;
  while (answers.length === 0 && performance.now() < end) way.reactor.turn(20);
  assertEquals(answers, [true]);
});

Deno.test("a device that is gone does not keep the thread busy", () => {
  using way = new Way();
  way.umad.idle = -Errno.EIO;
  way.umad.wake();
  way.turn();
  const { receives } = way.umad;
  way.turn();
  assertEquals(way.umad.receives, receives);
});

Deno.test("the last words of the port are sent before the end", () => {
  const way = new Way();
  way.client.classPortInfo(way.reactor.clock.now(), () => {});
  assertEquals(way.umad.sent.length, 0);
  way[Symbol.dispose]();
  assertEquals(way.umad.sent.length, 1);
  assertEquals(way.umad.ended, ["unregister 7", "close"]);
});

for (
  const [what, trouble, code, ended] of [
    ["opened", { openFailure: -Errno.EIO }, "E_DEVICE_FILE", []],
    ["registered", { refused: "all" }, "E_UMAD", ["close"]],
  ] as const
) {
  Deno.test(`what cannot be ${what} is an error that leaves nothing open`, () => {
    using umad = new FakeUmad();
    Object.assign(umad, trouble);
    const [ours, theirs] = socketPair();
    using other = ours;
    const reactor = new PollReactor();
    const options = { reactor, device: "fake", port: 1 };
    const { library } = umad;
    const socket = theirs.release();
    const error = assertThrows(
      () => new UmadPort({ ...options, socket, library }),
      IpoibError,
    );
    assertEquals(error.code, code);
    assertEquals(umad.ended, [...ended]);
    assertEquals(receive(other.number).type, "closed");
    reactor.stop();
  });
}
