import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../../src/hca/verbs/mad_channel.ts";
import { UmadPort } from "../../../src/hca/verbs/umad_port.ts";
import { openSaClient } from "../../../src/ipoib/open_sa_client.ts";
import type { SaClient } from "../../../src/sa/client.ts";
import { broadcastJoin } from "../../../src/sa/requests.ts";
import { Errno } from "../../../src/base/errno.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { receive } from "../../../src/system/unix_socket.ts";
import { MadView, Method } from "../../../src/wire/mad.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { INFORM_ANY } from "../../../src/wire/sa/inform_info.ts";
import { SaMad } from "../../../src/wire/sa/sa_mad.ts";
import { informTrap } from "../../wire/sa/subscriber.ts";
import { gidOf, Rig } from "../../subnet/rig.ts";
import { FakeUmad } from "./fake_umad.ts";

/** After a join the first repetition comes within this. */
const REPEATED_MS = 1000;
const TIMED_OUT = 110;

const JOIN = broadcastJoin(broadcastMgid(0xffff), gidOf(1), 0xffff);

/** A client, its channel, and libibumad's end over a library in memory. */
class Way implements Disposable {
  readonly reactor = new PollReactor();
  readonly umad: FakeUmad;
  readonly port: UmadPort;
  readonly client: SaClient;
  readonly counted = new VerbsCounters();
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
    const { counted } = this;
    const channel = new SocketMadChannel(reactor, ours.release(), counted);
    this.#channel = channel;
    this.client = openSaClient(reactor, {
      attributes: {
        linkLayer: "infiniband",
        smLid: 1,
        smSl: 4,
        pkeys: [0x8001, 0xffff],
      },
      openMadAgent: (mgmtClass) => channel.openAgent(mgmtClass),
    }).sa;
  }

  /** Joins the broadcast group; `answered` hears what became of it. */
  join(answered: (ok: boolean) => void = () => {}): void {
    const now = this.reactor.clock.now();
    this.client.join(JOIN, now, ({ ok }) => answered(ok));
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
  const request = SaMad.parse(mad)!;
  const { data } = request;
  // The kernel's MAD layer writes its agent's number over the high half.
  const transactionId = request.transactionId | 0x0909_0909_0000_0000n;
  return SaMad.emit(SaMad.answer(request, { data, transactionId }));
}

Deno.test("a request goes to the administrator, and its answer to the client", () => {
  using way = new Way();
  const answers: boolean[] = [];
  way.join((ok) => answers.push(ok));
  const [sent] = way.umad.sent;
  assertEquals([sent!.lid, sent!.sl, sent!.pkeyIndex, sent!.agent], [
    1,
    4,
    1,
    7,
  ]);
  assert(sent!.timeout > 0);
  way.umad.arrive(answerTo(sent!));
  way.turn();
  assertEquals(answers, [true]);
});

Deno.test("a request that is repeated has an ID of its own, and either answer will do", () => {
  using way = new Way();
  const answers: boolean[] = [];
  way.join((ok) => answers.push(ok));
  way.reactor.turn(REPEATED_MS);
  way.turn();
  const [first, second] = way.umad.sent;
  const id = ({ mad }: { mad: Uint8Array }) => SaMad.parse(mad)!.transactionId;
  assertNotEquals(id(first!), id(second!));
  way.umad.arrive(answerTo(second!));
  way.umad.arrive(answerTo(first!));
  way.turn();
  assertEquals(answers, [true]);
});

Deno.test("what the kernel hands back unanswered is nobody's answer", () => {
  using way = new Way();
  const answers: boolean[] = [];
  way.join((ok) => answers.push(ok));
  const [sent] = way.umad.sent;
  way.umad.arrive(sent!.mad, { status: TIMED_OUT });
  way.umad.arrive(answerTo(sent!), { status: TIMED_OUT });
  way.umad.arrive(answerTo(sent!));
  way.turn();
  // The kernel had given the request up: its answer comes too late.
  assertEquals(answers, []);
});

/** A Report as the embedded subnet's administrator sends it. */
function report(): Uint8Array {
  const rig = new Rig();
  const port = rig.join(1);
  port.queries.inform(informTrap(INFORM_ANY), () => {});
  rig.pump();
  const before = port.mads.length;
  rig.join(2);
  return port.mads[before]!.mad;
}

Deno.test("a Report, for which nothing is registered, goes no further", () => {
  using way = new Way();
  assertEquals(way.umad.registered, [null]);
  const answers: boolean[] = [];
  way.join((ok) => answers.push(ok));
  const [sent] = way.umad.sent;
  const mad = report();
  assertEquals(MadView.of(mad).method, Method.Report);
  way.umad.arrive(mad);
  // With the TransactionID of the request too.
  MadView.of(mad).transactionIdLow = MadView.of(sent!.mad).transactionIdLow;
  way.umad.arrive(mad);
  way.turn();
  assertEquals(way.counted.get("mads_received"), 0);
  way.umad.arrive(answerTo(sent!));
  way.turn();
  assertEquals(answers, [true]);
  assertEquals(way.umad.sent.length, 1);
});

Deno.test("a descriptor that cannot be waited for is looked at again and again", () => {
  using way = new Way(new FakeUmad(false));
  const answers: boolean[] = [];
  way.join((ok) => answers.push(ok));
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
  way.client.leave(JOIN, way.reactor.clock.now(), () => {});
  assertEquals(way.umad.sent.length, 0);
  way[Symbol.dispose]();
  assertEquals(way.umad.sent.length, 1);
  assertEquals(way.umad.ended, ["unregister 7", "close"]);
});

for (
  const [what, trouble, code, ended] of [
    ["opened", { openFailure: -Errno.EIO }, "E_DEVICE_FILE", []],
    ["registered", { refused: true }, "E_UMAD", ["close"]],
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
