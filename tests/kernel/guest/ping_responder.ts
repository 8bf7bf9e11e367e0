/**
 * Answers pings on RC connections, for the scenario connections.ts: a program of a guest, without a network device.
 *
 * As ib_ipoib does, it receives on the connection that the peer has opened, and sends on one that it opens itself. With
 * the peer's first REQ it also sends a REQ for a service that does not exist, which the peer must reject.
 *
 * usage: ping_responder.ts DEVICE SIZES SECONDS. Ends after pings of so many sizes, or that time. Prints `{"qpn", "gid"}`, and at the end a {@linkcode Result}.
 */

import { UmadPort } from "../../../src/hca/verbs/umad_port.ts";
import type { RcConnection, RcQp, RxBatch } from "../../../src/hca/hca.ts";
import { VerbsPort } from "../../../src/hca/verbs/port.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import {
  gsiAddress,
  type MadAddress,
  MgmtClass,
} from "../../../src/wire/mad.ts";
import { Cm, CmMessage, cmMessage } from "./cm_messages.ts";

/** What has happened. */
export interface Result {
  connections: true | string;
  /** Lengths of the answered pings, in bytes of the IP packet. */
  answered: number[];
  /** Messages received on the peer's connections. */
  received: number;
  /** Reasons of received REJs, and whether each had the TransactionID of its REQ (low half). */
  rejected: [reason: number, sameTransaction: boolean][];
  /** Attribute IDs of the received messages. */
  messages: number[];
  failures: string[];
  counters: Record<string, number>;
}

const SERVICE_HIGH = 0x10000000;
const NO_QPN = 0xabcdef;
const PSN = 0x123;
const MESSAGE_BYTES = 65524;
/** Timeouts and retries of the REQ. */
const CM_TIMEOUT = 20 << 3;
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
    for (const [local, remote, qpn] of this.#ids) {
      this.#send(Cm.Dreq, this.#transaction + BigInt(local), {
        0: local,
        4: remote,
        8: qpn << 8,
      });
    }
    for (let i = 0; i < 10; i++) this.reactor.turn(50);
    this.result.received = this.#passive
      .reduce((sum, { received }) => sum + received, 0);
    for (const qp of this.#passive) qp.close();
    this.#active?.close();
    for (let i = 0; i < 30; i++) this.reactor.turn(50);
    this.result.counters = this.#port.counters();
    this.#port.close();
    this.#umad.close();
    return this.result;
  }

  #onMessage(mad: Uint8Array, from: MadAddress): void {
    const message = new CmMessage(mad);
    const { attributeId, transactionId } = message.header;
    this.result.messages.push(attributeId);
    switch (attributeId) {
      case Cm.Req:
        return this.#accept(message, from);
      case Cm.Rep:
        return this.#connected(message);
      case Cm.Rej: {
        const same = (transactionId & 0xffffffffn) === this.#transaction;
        this.result.rejected.push([message.word(8) & 0xffff, same]);
        return;
      }
      case Cm.Dreq:
        return this.#send(Cm.Drep, transactionId, {
          0: message.word(4),
          4: message.word(0),
        });
    }
  }

  #create(): RcQp {
    const memory = this.#port.send;
    const options = { pkeyIndex: 0, receiver: this.#ud, memory };
    const qp = this.#port.createRcQp(options);
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

  #accept(req: CmMessage, from: MadAddress): void {
    this.#peer = gsiAddress(from.lid);
    const qp = this.#create();
    const to = this.#to(req.number(32), req.number(44));
    qp.connect(to);
    this.#passive.push(qp);
    const id = this.#nextId++;
    this.#ids.push([id, req.word(0), to.destQpn]);
    this.#send(
      Cm.Rep,
      req.header.transactionId,
      {
        ...{ 0: id, 4: req.word(0), 12: qp.qpn << 8, 20: PSN << 8 },
        ...{ 36: this.#ud.qpn, 40: MESSAGE_BYTES },
      },
      // RNR retries, and the flag of the SRQ.
      { 27: 7 << 5 | 1 << 4 },
      { 28: this.#port.attributes.gid.subarray(8) },
    );
    if (this.#active) return;
    this.#request(this.#transaction, NO_QPN, req, NO_QPN);
    const active = this.#active = this.#create();
    const service = req.word(140) & 0xffffff;
    this.#request(this.#transaction + 1n, service, req, active.qpn);
  }

  /** Sends a REQ for the service of a UD queue pair of the peer, with the addresses of the peer's REQ. */
  #request(
    transaction: bigint,
    service: number,
    req: CmMessage,
    qpn: number,
  ): void {
    const { attributes } = this.#port;
    const gid = Uint8Array.from(
      { length: 16 },
      (_, i) => req.word(56 + (i & 12)) >>> (24 - 8 * (i & 3)),
    );
    this.#send(
      Cm.Req,
      transaction,
      {
        ...{ 0: this.#nextId++, 8: SERVICE_HIGH, 12: service, 32: qpn << 8 },
        40: CM_TIMEOUT,
        44: PSN << 8 | CM_TIMEOUT | 7,
        52: attributes.lid << 16 | this.#peer.lid,
        ...{ 140: this.#ud.qpn, 144: MESSAGE_BYTES },
      },
      {
        ...{ 48: 0xff, 49: 0xff, 50: req.word(48) >>> 8 & 0xf0 | 7 },
        // Retries of the CM and the flag of the SRQ; rate; subnet-local; local ACK timeout.
        ...{ 51: 15 << 4 | 1 << 3, 91: 3, 94: 1 << 3, 95: 18 << 3 },
      },
      { 16: attributes.gid.subarray(8), 56: attributes.gid, 72: gid },
    );
  }

  #connected(rep: CmMessage): void {
    if (this.#ready) return;
    const to = this.#to(rep.number(12), rep.number(20));
    this.#active!.connect(to);
    this.#ready = true;
    this.#ids.push([rep.word(4), rep.word(0), to.destQpn]);
    const { transactionId } = rep.header;
    this.#send(Cm.Rtu, transactionId, { 0: rep.word(4), 4: rep.word(0) });
  }

  #send(
    attributeId: number,
    transaction: bigint,
    words: Record<number, number>,
    bytes: Record<number, number> = {},
    data: Record<number, Uint8Array> = {},
  ): void {
    const mad = cmMessage(attributeId, transaction, { words, bytes, data });
    this.#agent.send(mad, this.#peer);
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
