/** Connection managers of several ports, a network of MADs between them, and a clock that the test advances. */

import { ConnectionManager } from "../../src/cm/connection_manager.ts";
import type {
  ConnectionEnd,
  ConnectionEvents,
  ConnectionReply,
  ConnectOptions,
} from "../../src/cm/events.ts";
import type { Connection, ConnectionRequest } from "../../src/cm/connection.ts";
import { getLogger } from "../../src/base/log.ts";
import type { IbMtu, Millis } from "../../src/base/units.ts";
import { FakeFabric } from "../../src/hca/fake.ts";
import type { MadAgent } from "../../src/hca/hca.ts";
import type { PortAttributes } from "../../src/hca/port_attributes.ts";
import { FakeReactor } from "../../src/system/fake_reactor.ts";
import type { Timer } from "../../src/system/reactor.ts";
import {
  CmMessage,
  type UnknownCmMessage,
} from "../../src/wire/cm/cm_message.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../src/wire/gid.ts";
import { gsiAddress, type MadAddress } from "../../src/wire/mad.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { random } from "../wire/support.ts";

export const PKEY = 0xffff;
export const SERVICE = 0x1000000000000048n;
/** Time of a MAD between two ports. */
const DELAY_MS: Millis = 1;

/** A MAD on its way, or delivered. */
export interface Transfer {
  readonly from: number;
  readonly to: number;
  readonly mad: Uint8Array;
  readonly message: CmMessage | UnknownCmMessage | undefined;
  readonly at: Millis;
}

/** Returns the delays of the copies of a MAD that arrive; none if it is lost. */
export type Fate = (transfer: Transfer) => readonly Millis[];

class RigAgent implements MadAgent {
  onMad: (mad: Uint8Array, from: MadAddress) => void = () => {};
  onSendFailed: (transactionId: number, errno: number) => void = () => {};
  closed = false;
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;

  constructor(send: (mad: Uint8Array, to: MadAddress) => void) {
    this.#send = send;
  }

  send(mad: Uint8Array, to: MadAddress): void {
    if (!this.closed) this.#send(mad.slice(), to);
  }

  close(): void {
    this.closed = true;
  }
}

/** A port and its manager. */
export class Host {
  readonly lid: number;
  readonly port: { attributes: PortAttributes };
  readonly agent: RigAgent;
  readonly manager: ConnectionManager;
  readonly #rig: CmRig;
  #nextQpn = 0x100;

  constructor(rig: CmRig, lid: number) {
    this.#rig = rig;
    this.lid = lid;
    const portGuid = 0x0002c90300000000n + BigInt(lid);
    this.port = {
      attributes: {
        ...new FakeFabric().addPort().attributes,
        ...{ lid, lmc: 0, portGuid, pkeys: [PKEY], activeMtu: 2048 as IbMtu },
        gid: gidFrom(DEFAULT_SUBNET_PREFIX, portGuid),
      },
    };
    this.agent = new RigAgent((mad, to) => rig.transfer(this, mad, to));
    // A process that starts again at the same LID has other communication IDs.
    const next = random(7919 * (1 + rig.hosts.length));
    this.manager = new ConnectionManager({
      reactor: rig.reactor,
      agent: this.agent,
      port: this.port,
      log: getLogger("cm"),
      random: () => next(0x100000000),
    });
  }

  get guid(): bigint {
    return this.port.attributes.portGuid;
  }

  get gid(): Uint8Array {
    return this.port.attributes.gid;
  }

  newQpn(): number {
    return this.#nextQpn++;
  }

  /** Returns the path to another port. */
  pathTo(host: Host): PathRecord {
    return PathRecord.of({
      dgid: host.gid,
      sgid: this.gid,
      dlid: host.lid,
      slid: this.lid,
      pkey: PKEY,
      mtu: 4,
      rate: 7,
      lifetime: 18,
      sl: 3,
    });
  }

  /** Starts a connection; confirms the reply unless `events` has `onReply`. */
  connect(
    to: Host,
    options: Partial<ConnectOptions> = {},
    events: Partial<ConnectionEvents> = {},
  ): Active {
    const active: Active = { connection: undefined!, replies: [], ends: [] };
    active.connection = this.manager.connect({
      serviceId: SERVICE,
      path: this.pathTo(to),
      pkeyIndex: 0,
      qpn: this.newQpn(),
      startingPsn: 0x111111,
      privateData: new Uint8Array(8),
      timeout: 4000,
      ...options,
    }, {
      onReply: (reply) => {
        active.replies.push(reply);
        if (events.onReply) events.onReply(reply);
        else active.connection.confirm();
      },
      onEnd: (end) => {
        active.ends.push(end);
        events.onEnd?.(end);
      },
    });
    return active;
  }

  /** Accepts all requests for the service. */
  accept(serviceId = SERVICE): Passive[] {
    const accepted: Passive[] = [];
    this.manager.listen(
      serviceId,
      (request) => void accepted.push(this.answer(request)),
    );
    return accepted;
  }

  /** Accepts a request. */
  answer(request: ConnectionRequest): Passive {
    const passive: Passive = {
      request,
      connection: undefined!,
      established: 0,
      ends: [],
    };
    passive.connection = request.accept({
      qpn: this.newQpn(),
      privateData: new Uint8Array(8),
    }, {
      onEstablished: () => void passive.established++,
      onEnd: (end) => void passive.ends.push(end),
    });
    return passive;
  }

  /** Hands a message to the manager as if it came from `from`. */
  receive(message: CmMessage, from: MadAddress): void {
    this.agent.onMad(CmMessage.emit(message), from);
  }

  /** Sends a message of any content. */
  send(to: Host, message: CmMessage): void {
    this.#rig.transfer(this, CmMessage.emit(message), gsiAddress(to.lid));
  }

  /** Number of connections, ended ones included. */
  get remembered(): number {
    const { connections, ended_connections } = this.manager.counters();
    return connections! + ended_connections!;
  }
}

/** A connection of the active side with what it has reported. */
export interface Active {
  connection: Connection;
  replies: ConnectionReply[];
  ends: ConnectionEnd[];
}

/** A connection of the passive side with what it has reported. */
export interface Passive {
  request: ConnectionRequest;
  connection: Connection;
  established: number;
  ends: ConnectionEnd[];
}

export class CmRig {
  readonly reactor = new FakeReactor();
  readonly hosts: Host[] = [];
  /** All MADs that were sent. */
  readonly sent: Transfer[] = [];
  fate: Fate = () => [DELAY_MS];
  readonly #underway: { due: Millis; transfer: Transfer; sl: number }[] = [];
  readonly #timer: Timer = this.reactor.timer((now) => this.#arrive(now));

  /** Adds a port. */
  host(lid = this.hosts.length + 1): Host {
    const host = new Host(this, lid);
    this.hosts.push(host);
    return host;
  }

  get now(): Millis {
    return this.reactor.clock.now();
  }

  advance(ms: Millis): void {
    this.reactor.advance(ms);
  }

  /** The kinds of the sent messages since the last call, as `1 req`. */
  takeKinds(): string[] {
    return this.sent.splice(0).map(({ from, message }) =>
      `${from} ${message?.kind}`
    );
  }

  transfer(from: Host, mad: Uint8Array, to: MadAddress): void {
    const message = CmMessage.parse(mad);
    const transfer = {
      from: from.lid,
      to: to.lid,
      mad,
      message,
      at: this.now,
    };
    this.sent.push(transfer);
    for (const delay of this.fate(transfer)) {
      this.#underway.push({ due: this.now + delay, transfer, sl: to.sl });
    }
    this.#schedule();
  }

  #arrive(now: Millis): void {
    const due = this.#underway.filter((each) => each.due <= now)
      .sort((a, b) => a.due - b.due);
    for (const each of due) {
      this.#underway.splice(this.#underway.indexOf(each), 1);
    }
    for (const { transfer: { from, to, mad }, sl } of due) {
      const host = this.hosts.findLast(({ lid }) => lid === to);
      if (host && !host.agent.closed) {
        host.agent.onMad(mad, gsiAddress(from, 0, sl));
      }
    }
    this.#schedule();
  }

  #schedule(): void {
    this.#timer.at(Math.min(...this.#underway.map(({ due }) => due)));
  }
}

/** Returns two ports, of which the second one accepts all requests. */
export function pair() {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  return { rig, a, b, accepted: b.accept() };
}
