/**
 * A subnet in memory: a manager and ports with SA clients, connected by a queue of frames and driven by a fake clock.
 */

import { FakeClock } from "../../src/base/clock.ts";
import { ibMtuBytes, ipoibMtu } from "../../src/base/units.ts";
import { SaClient } from "../../src/sa/client.ts";
import type { SaCallback, SaResult } from "../../src/sa/result.ts";
import {
  SubnetManager,
  type SubnetManagerOptions,
} from "../../src/subnet/manager.ts";
import { NO_FAULTS } from "../../src/subnet/fault_messages.ts";
import {
  type Hello,
  type LastKnown,
  type ManagerMessage,
  type Membership,
  PROTOCOL_VERSION,
  type Refused,
  type SubnetEvent,
  type SubnetSnapshot,
  type Welcome,
} from "../../src/subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
  encodeMad,
  type MadFrame,
} from "../../src/subnet/protocol.ts";
import { isSet, type PortSetting } from "../../src/subnet/port_settings.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { gsiAddress, type MadAddress } from "../../src/wire/mad.ts";
import type { Notice } from "../../src/wire/sa/notice.ts";
import { QueryClient } from "../sa/query_client.ts";

const PREFIX = 0xfe80000000000000n;
/** Returns the GUID that the n-th port of a test requests. */
export const guidOf = (n: number) => `0x0002c9030000000${n}`;
export const gidOf = (n: number) => gidFrom(PREFIX, BigInt(guidOf(n)));

/** Returns the secret of the n-th port. */
export const secretOf = (n: number) => `${n}`.padStart(64, "5");

/** A port, with the messages that it has received and its SA clients. */
export class RigPort {
  readonly messages: ManagerMessage[] = [];
  readonly mads: MadFrame[] = [];
  readonly client: SaClient;
  readonly queries: QueryClient;
  /** The port's forwarding tables: LID to GUID, MLID to LIDs. */
  readonly lids = new Map<number, string>();
  readonly #pkeys = new Map<string, number[]>();
  readonly mlids = new Map<number, number[]>();

  constructor(readonly rig: Rig, readonly connection: number) {
    const send = (mad: Uint8Array, to: MadAddress) => this.sendMad(mad, to);
    const smLid = () => this.welcomed?.smLid ?? 0;
    this.client = new SaClient({
      agent: { send },
      location: () => ({ smLid: smLid(), smSl: 0, pkeyIndex: 0 }),
      active: () => true,
      // Rig.advance() calls tick() in each step of the clock.
      wakeAt: () => {},
    });
    this.queries = new QueryClient(send, () => gsiAddress(smLid()));
  }

  /** The Notices of the Reports that the port has received. */
  get notices(): Notice[] {
    return this.queries.notices;
  }

  get welcomed(): Welcome | undefined {
    return this.messages.findLast((m) => m.type === "welcome");
  }
  get welcome(): Welcome {
    return this.welcomed!;
  }
  get refusal(): Refused | undefined {
    return this.messages.findLast((m) => m.type === "refused");
  }
  get events(): SubnetEvent[] {
    return this.messages.filter((m) => m.type === "event");
  }
  /** The settings of all ports since the last welcome. */
  get settings(): PortSetting[] {
    const since = this.messages.findLastIndex((m) => m.type === "welcome");
    const settings = new Map<string, PortSetting>();
    for (const message of this.messages.slice(since)) {
      if (message.type !== "port_settings") continue;
      for (const each of message.settings) settings.set(each.guid, each);
    }
    return [...settings.values()].filter(isSet);
  }
  get gid(): Uint8Array {
    return gidFrom(PREFIX, BigInt(this.welcome.guid));
  }
  get ipoibMtu(): number {
    return ipoibMtu(ibMtuBytes(this.welcome.mtuCode)!);
  }

  sendMad(mad: Uint8Array, to: MadAddress): void {
    this.rig.toManager(this.connection, encodeMad(mad, to));
  }

  /** Starts an SA request, delivers all frames, and returns the result; undefined if there is none yet. */
  ask<T>(
    question: (now: number, callback: SaCallback<T>) => void,
  ): SaResult<T> | undefined {
    let answer: SaResult<T> | undefined;
    question(this.rig.clock.now(), (result) => answer = result);
    this.rig.pump();
    return answer;
  }

  handle(bytes: Uint8Array): void {
    const frame = decodeManagerFrame(bytes);
    if (frame === undefined) {
      throw new Error("malformed frame from the manager");
    }
    if (frame.kind === "mad") {
      this.mads.push(frame);
      const now = this.rig.clock.now();
      this.client.onMad(frame.mad, frame.address, now);
      this.queries.onMad(frame.mad, frame.address, now);
      return;
    }
    const { message } = frame;
    this.messages.push(message);
    if (message.type === "welcome") this.#learn(message.fabric);
    if (message.type !== "fabric") return;
    for (const lid of message.portsRemoved ?? []) this.lids.delete(lid);
    for (const mlid of message.groupsRemoved ?? []) this.mlids.delete(mlid);
    this.#learn({
      ports: message.portsAdded ?? [],
      groups: message.groupsChanged ?? [],
    });
  }

  /** Returns the state that the port's process passes to a manager that it starts. */
  lastKnown(): LastKnown {
    const faults = this.messages.findLast((m) => m.type === "faults");
    return {
      faults: faults?.settings ?? NO_FAULTS,
      ports: [...this.lids].map(([lid, guid]) => ({
        lid,
        guid,
        pkeys: this.#pkeys.get(guid)!,
      })),
      settings: this.settings,
      groups: [...this.mlids].map(([mlid, lids]) => ({
        mlid,
        mgid: this.#mgids.get(mlid)!,
        lids,
      })),
    };
  }

  readonly #mgids = new Map<number, string>();

  #learn(map: Welcome["fabric"]): void {
    for (const { lid, guid, pkeys } of map.ports) {
      this.lids.set(lid, guid);
      this.#pkeys.set(guid, pkeys);
    }
    for (const { mlid, mgid, lids } of map.groups) {
      this.mlids.set(mlid, lids);
      this.#mgids.set(mlid, mgid);
    }
  }
}

export class Rig {
  readonly clock = new FakeClock(1000);
  readonly ports = new Map<number, RigPort>();
  readonly log: string[] = [];
  manager: SubnetManager;
  /** Frames for which this returns true are lost. */
  lose: (toManager: boolean, frame: Uint8Array) => boolean = () => false;
  readonly #queue: (() => void)[] = [];
  #connections = 0;

  constructor(options: Partial<SubnetManagerOptions> = {}) {
    this.manager = this.makeManager(options);
  }

  makeManager(options: Partial<SubnetManagerOptions> = {}): SubnetManager {
    return new SubnetManager({
      manager: { guid: 0x1n, pid: 42, host: "testhost", name: "ib0" },
      log: (level, text) => this.log.push(`${level}: ${text}`),
      now: this.clock.now(),
      ...options,
      send: (connection, frame) => {
        if (this.lose(false, frame)) return;
        this.#queue.push(() => this.ports.get(connection)?.handle(frame));
      },
    });
  }

  toManager(connection: number, frame: Uint8Array): void {
    if (this.lose(true, frame)) return;
    this.#queue.push(() =>
      this.manager.receive(connection, frame, this.clock.now())
    );
  }

  /** Delivers all queued frames, and those that their delivery causes. */
  pump(): void {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      next();
    }
  }

  /** Advances the clock in steps of 10 ms, with the timers of the manager and of the SA clients. */
  advance(ms: number): void {
    const end = this.clock.now() + ms;
    while (this.clock.now() < end) {
      this.clock.advance(Math.min(10, end - this.clock.now()));
      this.manager.tick(this.clock.now());
      for (const port of this.ports.values()) {
        port.client.tick(this.clock.now());
      }
      this.pump();
    }
  }

  connect(pid = 0): RigPort {
    const port = new RigPort(this, ++this.#connections);
    this.ports.set(port.connection, port);
    this.manager.connect(port.connection, pid);
    return port;
  }

  /** Connects a port and sends its hello. */
  join(
    n: number,
    hello: Partial<Hello> = {},
    memberships: readonly Membership[] = [],
  ): RigPort {
    const port = this.connect(100 + n);
    this.hello(port, n, hello);
    if (memberships.length > 0) this.bring(port, memberships);
    return port;
  }

  /** Sends the memberships of a port under the previous manager. */
  bring(port: RigPort, memberships: readonly Membership[]): void {
    const message = { type: "memberships", memberships: [...memberships] };
    this.toManager(
      port.connection,
      encodeControl(message as Parameters<typeof encodeControl>[0]),
    );
    this.pump();
  }

  hello(port: RigPort, n: number, hello: Partial<Hello> = {}): void {
    this.toManager(
      port.connection,
      encodeControl({
        type: "hello",
        version: PROTOCOL_VERSION,
        secret: secretOf(n),
        guid: guidOf(n),
        name: `ib${n}`,
        pid: n,
        ...hello,
      }),
    );
    this.pump();
  }

  leave(port: RigPort): void {
    this.ports.delete(port.connection);
    this.manager.disconnect(port.connection, this.clock.now());
    this.pump();
  }

  get snapshot(): SubnetSnapshot {
    return this.manager.snapshot();
  }
}
