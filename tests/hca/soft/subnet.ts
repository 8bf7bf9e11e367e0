/** Ports of the embedded HCA and their manager in one process and one reactor, over real memory and sockets. */

import { formatGuid } from "../../../src/base/hex.ts";
import { assert } from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { ManagerHost } from "../../../src/daemon/manager/host.ts";
import type { PortEvent } from "../../../src/hca/hca.ts";
import type { UdQp } from "../../../src/hca/ud_qp.ts";
import { SoftPort, type SoftPortOptions } from "../../../src/hca/soft/port.ts";
import {
  decodeLinkMessage,
  encodeLinkMessage,
  LINK_VERSION,
  LinkAcceptSchema,
  type LinkHello,
} from "../../../src/hca/soft/link_hello.ts";
import { RING_BYTES } from "../../../src/hca/soft/ring.ts";
import { STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import type { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import { newLinkSecret } from "../../../src/subnet/link_token.ts";
import {
  PROTOCOL_VERSION,
  type Welcome,
} from "../../../src/subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
} from "../../../src/subnet/protocol.ts";
import type { SubnetManagerOptions } from "../../../src/subnet/manager.ts";
import { createEventFd } from "../../../src/system/event_fd.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { createMemory, Mapping } from "../../../src/system/memory.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import type { ReactorBase } from "../../../src/system/reactor_base.ts";
import { connect, receive, send } from "../../../src/system/unix_socket.ts";
import { closeReactor } from "../close_reactor.ts";

const DEADLINE_MS = 5000;

/** A port, its events, and the times at which it reported a missing manager. */
export interface TestPort {
  readonly port: SoftPort;
  readonly events: PortEvent[];
  readonly missing: number[];
}

const memories = new WeakMap<SoftPort, SlotPool>();

/** Returns the send memory that the tests share at a port. */
export function memoryOf(port: SoftPort): SlotPool {
  const memory = memories.get(port) ?? port.openSendMemory();
  memories.set(port, memory);
  return memory;
}

/** A copy of a packet that a queue pair of {@linkcode Subnet.receiver} has polled. */
export interface Taken {
  readonly payload: Uint8Array;
  readonly encap: number;
  readonly sourceQpn: number;
  readonly sourceLid: number;
  readonly flags: number;
}

/** A subnet in a temporary directory. */
export class Subnet implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "ipoib-test-" });
  readonly reactor: ReactorBase;
  readonly ports: TestPort[] = [];
  host: ManagerHost | undefined;

  constructor(
    manager: Partial<SubnetManagerOptions> | false = {},
    reactor: ReactorBase = new PollReactor(),
  ) {
    this.reactor = reactor;
    if (manager !== false) this.startManager(manager);
  }

  get socket(): string {
    return `${this.directory}/sm.sock`;
  }

  startManager(options: Partial<SubnetManagerOptions> = {}): void {
    this.host = new ManagerHost(this.reactor, this.socket, {
      manager: { guid: 1n, pid: Deno.pid, host: "test", name: "test" },
      now: this.reactor.clock.now(),
      ...options,
    });
  }

  /** Ends the manager but leaves its socket file, as a killed process does. */
  killManager(): void {
    this.host?.close();
    this.host = undefined;
  }

  open(guid: bigint, options: Partial<SoftPortOptions> = {}): TestPort {
    const events: PortEvent[] = [];
    const missing: number[] = [];
    const port = new SoftPort({
      reactor: this.reactor,
      directory: this.directory,
      subnet: "test",
      guid,
      guidFixed: false,
      name: `port ${this.ports.length}`,
      onManagerMissing: () => missing.push(this.reactor.clock.now()),
      ...options,
    });
    port.onEvent((event) => events.push(event));
    const opened = { port, events, missing };
    this.ports.push(opened);
    return opened;
  }

  /** Opens ports and waits until they are active. */
  openAll(...guids: bigint[]): SoftPort[] {
    const opened = guids.map((guid) => this.open(guid).port);
    this.until(() => opened.every((p) => p.attributes.state === "active"));
    return opened;
  }

  /** Creates a queue pair that polls and copies its packets. */
  receiver(port: SoftPort, qkey = 1): { qp: UdQp; taken: Taken[] } {
    const qp = port.createUdQp({
      memory: memoryOf(port),
      pkeyIndex: 0,
      recvQueueSize: 256,
    });
    qp.setQkey(qkey);
    const taken: Taken[] = [];
    const batch = qp.createBatch();
    qp.onReceive = () => {
      while (qp.poll(batch) > 0) {
        for (let i = 0; i < batch.count; i++) {
          const at = batch.payload[i]!;
          taken.push({
            payload: new Uint8Array(batch.view[i]!.buffer)
              .slice(at, at + batch.length[i]!),
            encap: batch.encap[i]!,
            sourceQpn: batch.sourceQpn[i]!,
            sourceLid: batch.sourceLid[i]!,
            flags: batch.flags[i]!,
          });
        }
        qp.release(batch);
      }
    };
    return { qp, taken };
  }

  /** Runs the reactor until `done`. Fails after {@linkcode DEADLINE_MS}, scaled by the slowness of the machine. */
  until(done: () => boolean, what = "it"): void {
    const end = performance.now() + patient(DEADLINE_MS);
    while (!done()) {
      assert(performance.now() < end, `${what} takes too long`);
      this.reactor.turn(5);
    }
  }

  /** Runs the reactor for `ms` milliseconds. */
  settle(ms = 20): void {
    const end = performance.now() + ms;
    while (performance.now() < end) this.reactor.turn(2);
  }

  /** Registers a {@linkcode Rogue} and opens a link from it to a port. */
  rogue(to: SoftPort, hello: Partial<LinkHello> = {}, slots = 4): Rogue {
    return new Rogue(this, to, hello, slots);
  }

  /** Opens a {@linkcode Rogue} whose link the port has accepted. */
  linkedRogue(to: SoftPort): Rogue {
    const rogue = this.rogue(to);
    this.until(() => {
      rogue.look();
      return rogue.accepted;
    }, "the link of the rogue");
    return rogue;
  }

  [Symbol.dispose](): void {
    for (const { port } of this.ports) port.close();
    this.host?.close();
    closeReactor(this.reactor);
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** A registered peer whose link is operated by the test, for protocol violations. */
export class Rogue implements Disposable {
  /** LID of the peer. */
  readonly lid: number;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** True after the receiver has hung up. */
  ended = false;
  /** True after the receiver has accepted the link. */
  accepted = false;
  readonly #subnet: Subnet;
  readonly #manager: Fd;
  readonly #connection: Fd;
  /** Number of calls of {@linkcode exchange}. */
  #exchanged = 0;
  readonly #bell = createEventFd();
  readonly #mappings: Mapping[] = [];

  constructor(
    subnet: Subnet,
    to: SoftPort,
    hello: Partial<LinkHello>,
    slots: number,
  ) {
    const { manager, lid, links } = registerByHand(subnet, ROGUE_GUID);
    this.#subnet = subnet;
    this.#manager = manager;
    this.lid = lid;
    const guid = formatGuid(to.attributes.portGuid);
    this.#connection = connect(
      `${subnet.directory}/port-${guid.slice(2)}.sock`,
    )!;
    using slotMemory = createMemory("rogue-slots", slots * STRIDE);
    using ringMemory = createMemory("rogue-ring", RING_BYTES);
    const slotMap = new Mapping(slotMemory.number, slots * STRIDE, "write");
    const ringMap = new Mapping(ringMemory.number, RING_BYTES, "write");
    this.#mappings.push(slotMap, ringMap);
    this.bytes = slotMap.bytes;
    this.view = new DataView(slotMap.buffer);
    this.words = new Int32Array(ringMap.buffer);
    send(
      this.#connection.number,
      encodeLinkMessage({
        version: LINK_VERSION,
        guid: ROGUE_GUID,
        token: links.get(guid)!,
        pkey: 0xffff,
        pool: 0,
        slots,
        stride: STRIDE,
        ...hello,
      } as LinkHello),
      [slotMemory.number, ringMemory.number, this.#bell.number],
    );
  }

  /** Reads one message of the receiver and updates {@linkcode accepted} and {@linkcode ended}. */
  look(): void {
    const received = receive(this.#connection.number);
    if (received.type === "closed") this.ended = true;
    if (received.type !== "message" || this.accepted) return;
    for (const fd of received.fds) fd.close();
    this.accepted =
      decodeLinkMessage(received.bytes, LinkAcceptSchema) !== undefined;
  }

  /** Sends a message with a descriptor on the connection. Returns false if it is not sent. */
  say(bytes: Uint8Array<ArrayBuffer>): boolean {
    return send(this.#connection.number, bytes, [this.#bell.number]);
  }

  /** Writes descriptors from the beginning of the ring, then the head. */
  describe(head: number, ...descriptors: [slot: number, length: number][]) {
    descriptors.forEach(([slot, length], i) => {
      this.words[64 + 2 * i] = slot;
      this.words[64 + 2 * i + 1] = length;
    });
    Atomics.store(this.words, 0, head);
  }

  /**
   * Sends the packet in the first slot, waits until the receiver returns the slot, and returns the entry of the return
   * ring. Not to be mixed with {@linkcode describe}.
   */
  exchange(length: number): number {
    const { words } = this;
    const at = this.#exchanged++;
    words[64 + 2 * at] = 0;
    words[64 + 2 * at + 1] = length;
    Atomics.store(words, 0, this.#exchanged);
    this.#subnet.until(
      () => Atomics.load(words, 16) === this.#exchanged,
      `the return of packet ${at}`,
    );
    return words[576 + at]!;
  }

  [Symbol.dispose](): void {
    this.#manager.close();
    this.#connection.close();
    this.#bell.close();
    for (const mapping of this.#mappings) mapping.unmap();
  }
}

/** GUID of a {@linkcode Rogue}. */
export const ROGUE_GUID = "0x00000000000000ff";

/** Registers a port with the manager; returns the connection, the port's LID and the tokens of links by GUID. */
export function registerByHand(
  subnet: Subnet,
  guid: string,
): { manager: Fd; lid: number; links: Map<string, string> } {
  const manager = connect(subnet.socket)!;
  send(
    manager.number,
    encodeControl({
      type: "hello",
      version: PROTOCOL_VERSION,
      guid,
      name: "by hand",
      pid: 1,
      secret: newLinkSecret(),
    }) as Uint8Array<ArrayBuffer>,
  );
  let welcome: Welcome | undefined;
  subnet.until(() => {
    const received = receive(manager.number);
    if (received.type !== "message") return false;
    const frame = decodeManagerFrame(received.bytes);
    if (frame?.kind === "control" && frame.message.type === "welcome") {
      welcome = frame.message;
    }
    return welcome !== undefined;
  }, "the welcome");
  const { lid, fabric } = welcome!;
  const links = new Map(fabric.ports.map(({ guid, token }) => [guid, token]));
  return { manager, lid, links };
}
