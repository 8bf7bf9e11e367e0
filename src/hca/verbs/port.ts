/**
 * A port of a real HCA, through libibverbs, behind the {@linkcode HcaPort} interface.
 *
 * A packet's way out: the network device is read into a registered slot (`send_memory.ts`), `UdQp.post` fills in the slot's work request and
 * appends it to the queue pair's chain (`send_queue.ts`), `flush` posts the chain at the end of the turn. In:
 * `receive_queue.ts`. MADs go through libibumad in a thread of its own (`mad_channel.ts`, `umad_port.ts`); on Ethernet, where there is
 * no fabric, they are answered here (`roce/`).
 *
 * The device verifies checksums, if it can, and does nothing to what is sent: the network device must be opened without offloads.
 */

import { bytesAt } from "../../../ffi/libc.ts";
import { IbvCompChannel } from "../../../ffi/verbs_layout.ts";
import { Listeners } from "../../base/listeners.ts";
import { setNonBlocking } from "../../system/fd.ts";
import type { Reactor, Sleeper, Watch } from "../../system/reactor.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
  HcaPort,
  MadAgent,
  PortAttributes,
  PortEvent,
  QueuePairOptions,
  TappedPacket,
  UdQp,
} from "../hca.ts";
import { AddressHandles } from "./address_handle.ts";
import { AsyncEvents } from "./async_events.ts";
import { Count, VerbsCounters } from "./counters.ts";
import { SocketMadChannel } from "./mad_channel.ts";
import { PortResources } from "./port_resources.ts";
import type { RoceMadChannel } from "./roce/mad_channel.ts";
import { overEthernet } from "./roce/roce.ts";
import type { VerbsSendMemory } from "./send_memory.ts";
import { VerbsUdQp } from "./ud_qp.ts";

/** How to open a port. */
export interface VerbsPortOptions {
  reactor: Reactor;
  device: string;
  /** From 1. */
  port: number;
  /**
   * The port's end of the socket pair to the thread with libibumad; from then on the port's. On an Ethernet port, which must be
   * asked for, there is no such thread.
   */
  mads: number | "roce";
}

/** See {@linkcode HcaPort}. */
export class VerbsPort implements HcaPort, Sleeper {
  readonly #counted = new VerbsCounters();
  readonly #resources: PortResources;
  readonly #owned: DisposableStack;
  readonly #mads: SocketMadChannel | RoceMadChannel;
  readonly #handles: AddressHandles;
  readonly #channelWatch: Watch;
  readonly #qps: VerbsUdQp[] = [];
  readonly #events = new Listeners<[PortEvent]>();
  readonly #credit = new Listeners<[]>();
  readonly #eventCq = new BigUint64Array(1);
  readonly #eventCqBytes = new Uint8Array(this.#eventCq.buffer);
  readonly #eventContext = new Uint8Array(new ArrayBuffer(8));
  #armed = false;
  #closed = false;

  /** Throws as {@linkcode PortResources} does. */
  constructor({ reactor, device, port, mads }: VerbsPortOptions) {
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    const counted = this.#counted;
    const fabric = mads === "roce"
      ? undefined
      : owned(new SocketMadChannel(reactor, mads, counted));
    const roce = mads === "roce";
    const resources = owned(
      new PortResources({ reactor, device, port, roce }, counted),
    );
    this.#resources = resources;
    this.#mads = fabric ?? resources.roce!.mads;
    const { pd, channel } = resources;
    resources.send.collect = () => this.#collect();
    this.#handles = owned(
      new AddressHandles(resources.device, pd, port, () => this.#post()),
    );
    owned(
      new AsyncEvents(
        reactor,
        resources.device,
        port,
        (event) => this.#on(event),
      ),
    );
    const fd = new DataView(bytesAt(channel, IbvCompChannel.Fd + 4))
      .getInt32(IbvCompChannel.Fd, true);
    setNonBlocking(fd);
    this.#channelWatch = owned(
      reactor.watch(fd, () => this.#onCompletions(), { fast: true }),
    );
    reactor.addSleeper(this);
    reactor.onTurnEnd(() => this.flush());
    this.#owned = parts.move();
  }

  get attributes(): PortAttributes {
    return this.#resources.attributes;
  }

  get send(): VerbsSendMemory {
    return this.#resources.send;
  }

  /** The same memory for all interfaces of the port: peers see no memory of a real HCA. */
  openSendMemory(): VerbsSendMemory {
    return this.send;
  }

  closeSendMemory(): void {}

  createUdQp(options: QueuePairOptions): UdQp {
    return new VerbsUdQp(this.#resources, this.#qps, options);
  }

  /** Throws `E_VERBS`. */
  createAddressHandle(attributes: AddressHandleAttributes): AddressHandle {
    const { roce } = this.#resources;
    return this.#handles.create(
      roce ? overEthernet(attributes, roce.gidIndex) : attributes,
    );
  }

  openMadAgent(mgmtClass: number): MadAgent {
    return this.#mads.openAgent(mgmtClass);
  }

  /** Posts every chain; then tells of free slots if somebody asked in vain. */
  flush(): void {
    if (this.#closed) return;
    this.#post();
    this.#collect();
    this.send.supply();
    if (this.send.starved && !this.#armed) this.#armSends();
    this.#giveCredit();
  }

  onCredit(listener: () => void): () => void {
    return this.#credit.add(listener);
  }

  onEvent(listener: (event: PortEvent) => void): () => void {
    return this.#events.add(listener);
  }

  tap(listener: (packet: TappedPacket) => void): () => void {
    return this.#resources.taps.add(listener);
  }

  counters(): Record<string, number> {
    let outstanding = 0;
    let received = 0;
    for (const qp of this.#qps) {
      outstanding += qp.outstanding;
      received += qp.receivesOutstanding;
    }
    return {
      ...this.#counted.snapshot(),
      outstanding,
      rcv_outstanding: received,
    };
  }

  close(): void {
    if (this.#closed) return;
    for (const qp of [...this.#qps]) qp.close();
    this.#closed = true;
    this.#owned.dispose();
  }

  beforeSleep(): boolean {
    for (let i = 0; i < this.#qps.length; i++) {
      if (this.#qps[i]!.busy) return true;
    }
    return this.send.starved && this.send.ready;
  }

  afterSleep(): void {
    if (this.#closed) return;
    for (let i = this.#qps.length - 1; i >= 0; i--) {
      const qp = this.#qps[i]!;
      qp.repost();
      if (qp.recover()) this.#counted.add("recoveries");
      if (qp.more) qp.receive();
    }
  }

  #post(): void {
    for (let i = 0; i < this.#qps.length; i++) this.#qps[i]!.flush();
  }

  #collect(): void {
    for (let i = 0; i < this.#qps.length; i++) this.#qps[i]!.collect();
  }

  /** Nobody may have a slot until a completion comes, so that must wake the loop; what came before is looked for again. */
  #armSends(): void {
    this.#armed = true;
    for (let i = 0; i < this.#qps.length; i++) this.#qps[i]!.armSends();
    this.#collect();
    this.send.supply();
  }

  #giveCredit(): void {
    if (!this.send.starved || !this.send.ready) return;
    this.send.starved = false;
    this.#credit.call();
  }

  #onCompletions(): void {
    const { device: { library }, channel } = this.#resources;
    while (
      library.ibv_get_cq_event(
        channel,
        this.#eventCqBytes,
        this.#eventContext,
      ) === 0
    ) {
      this.#counted.values[Count.CqEvents]!++;
      library.ibv_ack_cq_events(this.#eventCq[0]!, 1);
    }
    this.#armed = false;
    for (let i = this.#qps.length - 1; i >= 0; i--) this.#qps[i]!.receive();
  }

  #on(event: PortEvent): void {
    if (event.type === "device_fatal") this.#channelWatch.enable(false);
    else this.#resources.refresh();
    this.#events.call(event);
  }
}
