import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { errnoCell } from "../../../ffi/errno.ts";
import { configureLog } from "../../../src/base/log.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { openError, UmadPort } from "../../../src/hca/verbs/umad_port.ts";
import { emitUserMad } from "../../../src/hca/verbs/user_mad.ts";
import { openSaClient } from "../../../src/ipoib/open_sa_client.ts";
import type { SaClient } from "../../../src/sa/client.ts";
import { RETRIES } from "../../../src/sa/transactions.ts";
import type { SaCallback, SaFailure } from "../../../src/sa/result.ts";
import { broadcastJoin } from "../../../src/sa/requests.ts";
import { Errno } from "../../../src/base/errno.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { receive, send } from "../../../src/system/unix_socket.ts";
import {
  gsiAddress,
  MAD_LENGTH,
  MadView,
  Method,
  MgmtClass,
} from "../../../src/wire/mad.ts";
import { parseGid } from "../../../src/wire/gid.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { INFORM_ANY } from "../../../src/wire/sa/inform_info.ts";
import { SaMad } from "../../../src/wire/sa/sa_mad.ts";
import { informTrap } from "../../wire/sa/subscriber.ts";
import { gidOf, Rig } from "../../subnet/rig.ts";
import { closeReactor } from "../close_reactor.ts";
import { FakeUmad } from "./fake_umad.ts";
import { WorkerRig } from "./worker_rig.ts";

/** Longer than the client's interval before its first retransmission. */
const RETRANSMIT_MS = 1000;
/** Longer than the interval at which the worker polls a descriptor that is not pollable. */
const POLL_MS = 10;
/** Total time after which the client gives up a join. */
const JOIN_TIMEOUT_MS = 3000;

const JOIN = broadcastJoin(broadcastMgid(0xffff), gidOf(1), 0xffff);

/** The libibumad worker and the port's channel, with an SA client. */
class UmadRig extends WorkerRig {
  readonly client: SaClient;

  constructor(umad = new FakeUmad()) {
    super(umad);
    const { reactor, channel } = this;
    this.client = openSaClient(reactor, {
      attributes: {
        linkLayer: "infiniband",
        state: "active",
        smLid: 1,
        smSl: 4,
        pkeys: [0x8001, 0xffff],
        gid: gidOf(1),
        grhRequired: umad.grhRequired,
      },
      openMadAgent: (mgmtClass) => channel.openAgent(mgmtClass),
    }).sa;
  }

  /** Requests to join the broadcast group, and returns the list that receives the result. */
  join(): boolean[] {
    const results: boolean[] = [];
    this.#ask((result) => results.push(result.ok));
    return results;
  }

  /** As {@linkcode join}, but the list receives the failures. */
  joinFailures(): SaFailure[] {
    const results: SaFailure[] = [];
    this.#ask((result) => {
      assert(!result.ok);
      const { ok: _, ...failure } = result;
      results.push(failure);
    });
    return results;
  }

  /** Returns the counters of sent, refused and lost MADs. */
  counts(): number[] {
    return (["mads_sent", "mads_send_failed", "mads_lost"] as const)
      .map((name) => this.counted.get(name));
  }

  #ask(callback: SaCallback<unknown>): void {
    this.client.join(JOIN, this.reactor.clock.now(), callback);
    this.turn();
  }
}

/** Returns the response to a sent request. */
function responseTo({ mad }: { mad: Uint8Array }): Uint8Array {
  const request = SaMad.parse(mad)!;
  const { data } = request;
  // The kernel's MAD layer writes the agent's ID into the high 32 bits.
  const transactionId = request.transactionId | 0x0909_0909_0000_0000n;
  return SaMad.emit(SaMad.answer(request, { data, transactionId }));
}

Deno.test("a request is sent to the administrator, and the response is delivered to the client", () => {
  using rig = new UmadRig();
  const results = rig.join();
  const [sent] = rig.umad.sent;
  assertEquals([sent!.lid, sent!.sl, sent!.pkeyIndex, sent!.agent], [
    1,
    4,
    1,
    7,
  ]);
  assert(sent!.timeout > JOIN_TIMEOUT_MS);
  rig.umad.arrive(responseTo(sent!));
  rig.turn();
  assertEquals(results, [true]);
});

Deno.test("on a port that requires a GRH, a request has the GRH of the kernel's requests", () => {
  const umad = new FakeUmad();
  umad.grhRequired = true;
  using rig = new UmadRig(umad);
  const results = rig.join();
  const [sent] = rig.umad.sent;
  assertEquals(sent!.grh, {
    gid: parseGid("fe80::200:0:0:2")!,
    ...{ sgidIndex: 0, flowLabel: 0, hopLimit: 0, trafficClass: 0 },
  });
  assertEquals([sent!.lid, sent!.sl], [1, 4]);
  rig.umad.arrive(responseTo(sent!));
  rig.turn();
  assertEquals(results, [true]);
});

Deno.test("a retransmission has a TransactionID of its own, and either response completes the request", () => {
  using rig = new UmadRig();
  const results = rig.join();
  rig.clock.advance(RETRANSMIT_MS);
  rig.turn();
  assertEquals(rig.umad.sent.length, 2);
  const [first, second] = rig.umad.sent;
  const id = ({ mad }: { mad: Uint8Array }) => SaMad.parse(mad)!.transactionId;
  assertNotEquals(id(first!), id(second!));
  rig.umad.arrive(responseTo(second!));
  rig.umad.arrive(responseTo(first!));
  rig.turn();
  assertEquals(results, [true]);
});

Deno.test("a request that the kernel returns unanswered is not delivered, nor is a response after it", () => {
  using rig = new UmadRig();
  const results = rig.join();
  const [sent] = rig.umad.sent;
  rig.umad.arrive(sent!.mad, { status: Errno.ETIMEDOUT });
  rig.umad.arrive(responseTo(sent!), { status: Errno.ETIMEDOUT });
  rig.umad.arrive(responseTo(sent!));
  rig.turn();
  // The TransactionID is no longer valid after the kernel has returned the request.
  assertEquals(results, []);
});

/** Returns a Report that the administrator of the embedded subnet has sent. */
function report(): Uint8Array {
  const subnet = new Rig();
  const port = subnet.join(1);
  port.queries.inform(informTrap(INFORM_ANY), () => {});
  subnet.pump();
  const before = port.mads.length;
  subnet.join(2);
  return port.mads[before]!.mad;
}

Deno.test("a send that fails is counted and logged with its errno, and the request is sent again by its schedule", () => {
  const lines: string[] = [];
  configureLog("info", { write: (line) => lines.push(line) });
  using rig = new UmadRig();
  rig.umad.sendErrno = Errno.ENODEV;
  const results = rig.join();
  assertEquals(rig.counts(), [0, 1, 0]);
  assertEquals(lines, [
    "fake/1: warning: Cannot send a MAD: No such device\n",
  ]);
  rig.umad.sendErrno = 0;
  rig.clock.advance(RETRANSMIT_MS);
  rig.turn();
  assertEquals(rig.counts(), [1, 1, 0]);
  rig.umad.arrive(responseTo(rig.umad.sent[0]!));
  rig.turn();
  assertEquals(results, [true]);
  configureLog("silent");
});

Deno.test("a request fails with the errno of its last send, or with ETIMEDOUT if that was sent", () => {
  for (const refused of [Errno.ENODEV, 0]) {
    using rig = new UmadRig();
    rig.umad.sendErrno = Errno.EIO;
    const results = rig.joinFailures();
    for (let waited = 0; results.length === 0; waited += RETRANSMIT_MS) {
      assert(waited <= RETRIES * RETRANSMIT_MS);
      rig.umad.sendErrno = refused;
      rig.clock.advance(RETRANSMIT_MS);
      rig.turn();
    }
    assertEquals(results, [
      refused === 0
        ? { status: 0, errno: Errno.ETIMEDOUT }
        : { status: 0, errno: refused, unsent: true },
    ]);
  }
});

Deno.test("openError() has the errno of open(2) with the result -EIO, otherwise that of the result", () => {
  errnoCell()[0] = Errno.EMFILE;
  const failed = openError(-Errno.EIO, "fake/1");
  assertEquals([failed.errno, failed.message], [
    Errno.EMFILE,
    "Cannot open fake/1 for MADs: Too many open files",
  ]);
  errnoCell()[0] = 0;
  for (const result of [Errno.EIO, Errno.EINVAL, Errno.ENODEV]) {
    assertEquals(openError(-result, "fake/1").errno, result);
  }
  errnoCell()[0] = Errno.EMFILE;
  assertEquals(openError(-Errno.EINVAL, "fake/1").errno, Errno.EINVAL);
});

Deno.test("a Report is not delivered, because no method is registered", () => {
  using rig = new UmadRig();
  assertEquals(rig.umad.registered[0], [MgmtClass.SubnAdm, null]);
  const results = rig.join();
  const [sent] = rig.umad.sent;
  const mad = report();
  assertEquals(MadView.of(mad).method, Method.Report);
  rig.umad.arrive(mad);
  // A Report with the TransactionID of the pending request.
  MadView.of(mad).transactionIdLow = MadView.of(sent!.mad).transactionIdLow;
  rig.umad.arrive(mad);
  rig.turn();
  assertEquals(rig.counted.get("mads_received"), 0);
  rig.umad.arrive(responseTo(sent!));
  rig.turn();
  assertEquals(results, [true]);
  assertEquals(rig.umad.sent.length, 1);
});

Deno.test("the library is polled at intervals if its descriptor is not pollable", () => {
  using rig = new UmadRig(new FakeUmad(false));
  const results = rig.join();
  for (let i = 0; i < 3; i++) {
    const { receives } = rig.umad;
    rig.turn();
    assertEquals(rig.umad.receives, receives);
    rig.clock.advance(POLL_MS);
    rig.turn();
    assertEquals(rig.umad.receives, receives + 1);
  }
  rig.umad.arrive(responseTo(rig.umad.sent[0]!));
  rig.clock.advance(POLL_MS);
  rig.turn();
  assertEquals(results, [true]);
});

for (const errno of [Errno.EIO, Errno.ENODEV]) {
  Deno.test(`the worker of a lost device (${errno}) closes the library's port and the socket`, () => {
    using rig = new UmadRig();
    let ended = 0;
    rig.channel.onEnded = () => ended++;
    rig.umad.idle = -errno;
    rig.umad.wake();
    rig.turn();
    const { receives } = rig.umad;
    assertEquals(ended, 1);
    assertEquals(rig.umad.ended, ["unregister 8", "unregister 7", "close"]);
    rig.turn();
    assertEquals(rig.umad.receives, receives);
  });
}

Deno.test("the worker of a port that gives up a lost device sends its last requests, and closes the library's port", () => {
  using rig = new UmadRig();
  rig.client.leave(JOIN, rig.reactor.clock.now(), () => {});
  rig.channel.close();
  rig.turn();
  assertEquals(rig.umad.sent.length, 1);
  assertEquals(rig.umad.ended, ["unregister 8", "unregister 7", "close"]);
});

Deno.test("close() sends the port's last requests first", () => {
  const rig = new UmadRig();
  rig.client.leave(JOIN, rig.reactor.clock.now(), () => {});
  assertEquals(rig.umad.sent.length, 0);
  rig[Symbol.dispose]();
  assertEquals(rig.umad.sent.length, 1);
  assertEquals(rig.umad.ended, ["unregister 8", "unregister 7", "close"]);
});

Deno.test("the requests of a port that has closed without reading the results of earlier ones are sent", () => {
  using umad = new FakeUmad();
  const [ours, theirs] = socketPair();
  const reactor = new PollReactor();
  const port = new UmadPort({
    ...{ reactor, device: "fake", port: 1, library: umad.library },
    socket: theirs.release(),
  });
  const request = emitUserMad(new Uint8Array(MAD_LENGTH), gsiAddress(1));
  send(ours.number, request);
  reactor.turn(0);
  assertEquals(umad.sent.length, 1);
  for (let i = 0; i < 2; i++) send(ours.number, request);
  ours.close();
  port.close();
  assertEquals(umad.sent.length, 3);
  closeReactor(reactor);
});

for (
  const [step, fault, code, ended] of [
    ["opened", { openFailure: -Errno.EIO }, "E_DEVICE_FILE", []],
    ["registered", { refused: [MgmtClass.SubnAdm] }, "E_UMAD", ["close"]],
  ] as const
) {
  Deno.test(`a port that cannot be ${step} throws ${code} and is closed`, () => {
    using umad = new FakeUmad();
    Object.assign(umad, fault);
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
    closeReactor(reactor);
  });
}
