/**
 * Answers pings on RC connections, for the scenario connections.ts: a program of a guest, without a network device.
 *
 * As ib_ipoib does, it receives on the connection that the peer has opened, and sends on one that it opens itself. With
 * the peer's first REQ it also sends a REQ for a service that does not exist, which the peer must reject.
 *
 * usage: ping_responder.ts DEVICE SIZES SECONDS. Ends after pings of so many sizes, or that time. Prints
 * `{"qpn", "gid"}`, and at the end a {@linkcode Result}.
 */

import { patient } from "../../../scripts/machine.ts";
import { UmadPort } from "../../../src/hca/verbs/umad_port.ts";
import type { RcConnection, RcQp } from "../../../src/hca/rc_qp.ts";
import type { RxBatch } from "../../../src/hca/rx_batch.ts";
import { CONNECTED_MESSAGE } from "../../../src/base/units.ts";
import { VerbsPort } from "../../../src/hca/verbs/port.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { type CmKind, CmMessage } from "../../../src/wire/cm/cm_message.ts";
import type { CommIds } from "../../../src/wire/cm/comm_ids.ts";
import { Rep } from "../../../src/wire/cm/rep.ts";
import { Req, ReqPath } from "../../../src/wire/cm/req.ts";
import { linuxServiceId } from "../../../src/wire/cm/service_id.ts";
import { ConnectionData } from "../../../src/wire/connection_data.ts";
import { gidGuid } from "../../../src/wire/gid.ts";
import {
  gsiAddress,
  type MadAddress,
  MgmtClass,
} from "../../../src/wire/mad.ts";

/** What has happened. */
export interface Result {
  connections: true | string;
  /** Lengths of the answered pings, in bytes of the IP packet. */
  answered: number[];
  /** Messages received on the peer's connections. */
  received: number;
  /** Reasons of received REJs, and whether each had the TransactionID of its REQ (low half). */
  rejected: [reason: number, sameTransaction: boolean][];
  /** Kinds of the received messages. */
  messages: (CmKind | "unknown")[];
  failures: string[];
  counters: Record<string, number>;
}

const NO_QPN = 0xabcdef;
const PSN = 0x123;
/** Response timeouts of the CM in a REQ, 4.096 us times 2 to this power. */
const CM_TIMEOUT = 20;
const NO_DATA = new Uint8Array(0);
/** Longest wait for replies and completions at the end, at normal machine speed. */
const END_MS = 5000;
const [device, sizes, seconds] = Deno.args as [string, string, string];

class Responder {
  readonly reactor = new PollReactor();
  readonly #umad: UmadPort;
  readonly #port: VerbsPort;
  readonly #agent;
  readonly #ud;
  readonly #batch: RxBatch;
  readonly #passive: RcQp[] = [];
  /** Local and remote communication IDs, and the remote QPN, of all connections. */
  readonly #ids: [local: number, remote: number, qpn: number][] = [];
  #active: RcQp | undefined;
  #ready = false;
  #peer: MadAddress = gsiAddress(0);
  #nextId = Math.floor(Math.random() * 2 ** 31);
  readonly #transaction = 0x5eed0001n;
  readonly result: Result;

  constructor() {
    const { reactor } = this;
    const [ours, theirs] = socketPair();
    const at = { reactor, device, port: 1 };
    this.#umad = new UmadPort({ ...at, socket: theirs.release() });
    const { connections } = this.#umad;
    const mads = ours.release();
    this.#port = new VerbsPort({ ...at, mads, connections });
    this.#ud = this.#port.createUdQp({ pkeyIndex: 0, recvQueueSize: 64 });
    this.result = {
      ...{ connections, answered: [], received: 0, rejected: [], messages: [] },
      ...{ failures: [], counters: {} },
    };
    this.#batch = this.#ud.createBatch();
    this.#ud.onReceive = () => {
      while (this.#ud.poll(this.#batch) > 0) this.#take();
    };
    this.#agent = this.#port.openMadAgent(MgmtClass.CommunicationManagement);
    this.#agent.onMad = (mad, from) => this.#onMessage(mad, from);
    this.#agent.onSendFailed = (_id, errno) =>
      this.result.failures.push(`send ${errno}`);
  }

  get end(): { qpn: number; gid: number[] } {
    const { gid } = this.#port.attributes;
    return { qpn: this.#ud.qpn, gid: Array.from(gid) };
  }

  finish(): Result {
    for (const [localCommId, remoteCommId, remoteQpn] of this.#ids) {
      this.#send({
        kind: "dreq",
        transactionId: this.#transaction + BigInt(localCommId),
        body: { localCommId, remoteCommId, remoteQpn, privateData: NO_DATA },
      });
    }
    const { messages } = this.result;
    const replies = () => messages.filter((kind) => kind === "drep").length;
    this.#turns(10, () => replies() >= this.#ids.length);
    this.result.received = this.#passive
      .reduce((sum, { received }) => sum + received, 0);
    for (const qp of this.#passive) qp.close();
    this.#active?.close();
    const counters = () => this.result.counters = this.#port.counters();
    this.#turns(30, () => {
      const { posted, completed, abandoned } = counters();
      return posted === completed! + abandoned!;
    });
    counters();
    this.#port.close();
    this.#umad.close();
    return this.result;
  }

  /** Runs at least `count` turns, and more until `done` returns true, for a limited time. */
  #turns(count: number, done: () => boolean): void {
    const end = performance.now() + patient(END_MS);
    for (let i = 0; i < count || !done(); i++) {
      if (i >= count && performance.now() > end) return;
      this.reactor.turn(50);
    }
  }

  #onMessage(mad: Uint8Array, from: MadAddress): void {
    const message = CmMessage.parse(mad);
    if (!message) return;
    this.result.messages.push(message.kind);
    const { transactionId } = message;
    switch (message.kind) {
      case "req":
        return this.#accept(transactionId, message.body, from);
      case "rep":
        return this.#connected(transactionId, message.body);
      case "rej": {
        const same = (transactionId & 0xffffffffn) === this.#transaction;
        this.result.rejected.push([message.body.reason, same]);
        return;
      }
      case "dreq": {
        const body = idsFor(message.body);
        return this.#send({ kind: "drep", transactionId, body });
      }
    }
  }

  #create(): RcQp {
    const qp = this.#port.createRcQp({ pkeyIndex: 0, receiver: this.#ud });
    qp.onFailure = (failure) => this.result.failures.push(failure);
    return qp;
  }

  /** Returns the attributes of a connection to a queue pair of the peer. */
  #to(destQpn: number, sendPsn: number): RcConnection {
    return {
      path: { dlid: this.#peer.lid, sl: 0, staticRate: 0 },
      pathMtu: this.#port.attributes.activeMtu,
      ...{ destQpn, sendPsn, receivePsn: PSN },
      ...{ ackTimeout: 16, retryCount: 7, rnrRetryCount: 7 },
    };
  }

  #accept(transactionId: bigint, req: Req, from: MadAddress): void {
    this.#peer = gsiAddress(from.lid);
    const qp = this.#create();
    const to = this.#to(req.localQpn, req.startingPsn);
    qp.connect(to);
    this.#passive.push(qp);
    const localCommId = this.#nextId++;
    const remoteCommId = req.localCommId;
    this.#ids.push([localCommId, remoteCommId, to.destQpn]);
    this.#send({
      ...{ kind: "rep", transactionId },
      body: Rep.of({
        ...{ localCommId, remoteCommId, localQpn: qp.qpn, startingPsn: PSN },
        ...{ rnrRetryCount: 7, srq: true, ...this.#identity() },
      }),
    });
    if (this.#active) return;
    this.#request(this.#transaction, NO_QPN, req, NO_QPN);
    const active = this.#active = this.#create();
    const service = ConnectionData.parse(req.privateData)!.qpn;
    this.#request(this.#transaction + 1n, service, req, active.qpn);
  }

  /** Sends a REQ for the service of a UD queue pair of the peer, with the addresses of the peer's REQ. */
  #request(
    transactionId: bigint,
    service: number,
    { pathMtu, primary }: Req,
    localQpn: number,
  ): void {
    const { lid, gid } = this.#port.attributes;
    this.#send({
      ...{ kind: "req", transactionId },
      body: Req.of({
        ...{ localCommId: this.#nextId++, serviceId: linuxServiceId(service) },
        ...{ localQpn, startingPsn: PSN, pkey: 0xffff, pathMtu, srq: true },
        ...{ retryCount: 7, rnrRetryCount: 7, maxCmRetries: 15 },
        remoteResponseTimeout: CM_TIMEOUT,
        localResponseTimeout: CM_TIMEOUT,
        primary: ReqPath.of({
          ...{ localLid: lid, remoteLid: this.#peer.lid },
          ...{ localGid: gid, remoteGid: primary.localGid },
          ...{ rate: 3, subnetLocal: true, ackTimeout: 18 },
        }),
        ...this.#identity(),
      }),
    });
  }

  /** Returns the fields of a REQ or REP that tell the peer who sends it. */
  #identity(): Pick<Req & Rep, "localCaGuid" | "privateData"> {
    return {
      localCaGuid: gidGuid(this.#port.attributes.gid),
      privateData: ConnectionData.emit({
        qpn: this.#ud.qpn,
        mtu: CONNECTED_MESSAGE,
      }),
    };
  }

  #connected(transactionId: bigint, rep: Rep): void {
    if (this.#ready) return;
    const to = this.#to(rep.localQpn, rep.startingPsn);
    this.#active!.connect(to);
    this.#ready = true;
    this.#ids.push([rep.remoteCommId, rep.localCommId, to.destQpn]);
    this.#send({ kind: "rtu", transactionId, body: idsFor(rep) });
  }

  #send(message: CmMessage): void {
    this.#agent.send(CmMessage.emit(message), this.#peer);
  }

  /** Answers the pings of the batch. */
  #take(): void {
    const batch = this.#batch;
    const { send } = this.#port;
    for (let i = 0; i < batch.count; i++) {
      const length = batch.length[i]!;
      const from = new Uint8Array(
        batch.view[i]!.buffer,
        batch.payload[i]!,
        length,
      );
      if (!this.#ready || from[9] !== 1 || from[20] !== 8) continue;
      const slot = send.reserve();
      const base = slot * send.stride;
      send.view.setInt32(base + send.layout.encap, 0x08000000);
      const at = base + send.layout.payload;
      send.bytes.set(from, at);
      send.bytes.copyWithin(at + 16, at + 12, at + 16);
      send.bytes.set(from.subarray(16, 20), at + 12);
      send.view.setUint8(at + 20, 0);
      // The sum of the message is less by the type of the request (RFC 1624).
      const sum = send.view.getUint16(at + 22) + 0x0800;
      send.view.setUint16(at + 22, (sum & 0xffff) + (sum >> 16));
      this.#active!.post(slot, length);
      this.result.answered.push(length);
    }
    this.#ud.release(batch);
  }
}

/** Returns the body of the answer to a message. */
function idsFor({ localCommId, remoteCommId }: CommIds): CommIds {
  return {
    localCommId: remoteCommId,
    remoteCommId: localCommId,
    privateData: NO_DATA,
  };
}

function print(value: unknown): void {
  const line = `${JSON.stringify(value)}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}

const responder = new Responder();
print(responder.end);
const end = performance.now() + 1000 * Number(seconds);
const { answered, failures } = responder.result;
while (
  new Set(answered).size < Number(sizes) && failures.length === 0 &&
  performance.now() < end
) responder.reactor.turn(20);
print(responder.finish());
