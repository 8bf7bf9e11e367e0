/**
 * A port of a device of libibverbs, as an {@linkcode HcaPort}.
 *
 * To send a packet, the frame is read from the network device into a registered slot (`send_memory.ts`), `UdQp.post`
 * completes a work request, or one for each segment of a large send, and appends it to the queue pair's chain
 * (`send_queue.ts`), and `flush` posts the chain at the end of the turn. Packets are received in `receive_queue.ts`.
 * MADs are passed to libibumad in a thread of its own (`mad_channel.ts`, `umad_port.ts`). On Ethernet, which has no
 * subnet administrator, the port answers them itself (`roce/`).
 *
 * If supported, the device verifies checksums. It neither computes nor segments: IBV_SEND_IP_CSUM is ignored on ordinary
 * UD queue pairs by devices that announce it (rdma-core's mlx5 accepts it on its underlay queue pairs only), and
 * IBV_WR_TSO is for raw packets only (`tso_caps.supported_qpts` of mlx4 and mlx5).
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
  RcQp,
  RcQpOptions,
  TappedPacket,
  UdQp,
} from "../hca.ts";
import { noConnections } from "../no_connections.ts";
import { AddressHandles } from "./address_handle.ts";
import { AsyncEvents } from "./async_events.ts";
import { Count, VerbsCounters } from "./counters.ts";
import { SocketMadChannel } from "./mad_channel.ts";
import { PortResources } from "./port_resources.ts";
import type { RoceMadChannel } from "./roce/mad_channel.ts";
import { overEthernet } from "./roce/roce.ts";
import type { VerbsSendMemory } from "./send_memory.ts";
import { SendTurns } from "./send_turns.ts";
import { VerbsUdQp } from "./ud_qp.ts";

/** Options of a {@linkcode VerbsPort}. */
export interface VerbsPortOptions {
  reactor: Reactor;
  device: string;
  /** From 1. */
  port: number;
  /**
   * The port's end of the socket pair to the libibumad worker, which the port owns from now on; or "roce" for an
   * Ethernet port, which has no such worker.
   */
  mads: number | "roce";
  /** True if that worker has registered for connection management; otherwise the reason why it has not. */
  connections: true | string;
}

/** See {@linkcode HcaPort}. */
export class VerbsPort implements HcaPort, Sleeper {
  readonly #counted = new VerbsCounters();
  readonly #resources: PortResources;
  readonly #owned: DisposableStack;
  readonly #mads: SocketMadChannel | RoceMadChannel;
  readonly #turns: SendTurns;
  readonly #handles: AddressHandles;
  readonly #channelWatch: Watch;
  readonly #qps: VerbsUdQp[] = [];
  readonly #events = new Listeners<[PortEvent]>();
  readonly #credit = new Listeners<[]>();
  readonly #eventCq = new BigUint64Array(1);
  readonly #eventCqBytes = new Uint8Array(this.#eventCq.buffer);
  readonly #eventContext = new Uint8Array(new ArrayBuffer(8));
  #closed = false;

  /** Throws the errors of {@linkcode PortResources}, or `E_FCNTL`. */
  constructor(
    { reactor, device, port, mads, connections }: VerbsPortOptions,
  ) {
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    const counted = this.#counted;
    const fabric = mads === "roce"
      ? undefined
      : owned(new SocketMadChannel(reactor, mads, connections, counted));
    const roce = mads === "roce";
    const resources = owned(
      new PortResources(
        { reactor, device, port, roce, connections },
        counted,
      ),
    );
    this.#resources = resources;
    this.#mads = fabric ?? resources.roce!.mads;
    const { pd, channel } = resources;
    this.#turns = new SendTurns(
      resources.send,
      this.#qps,
      () => this.#credit.call(),
    );
    this.#handles = owned(
      new AddressHandles(resources.device, pd, port, () => this.#turns.post()),
    );
    owned(
      new AsyncEvents(
        reactor,
        resources.device,
        port,
        {
          onEvent: (event) => this.#on(event),
          onObjectEvent: (type, element) => {
            for (const qp of this.#qps) qp.connections.onEvent(type, element);
          },
        },
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

  /** Returns the same memory for all interfaces of the port, because peers have no access to it. */
  openSendMemory(): VerbsSendMemory {
    return this.send;
  }

  closeSendMemory(): void {}

  createUdQp(options: QueuePairOptions): UdQp {
    return new VerbsUdQp(this.#resources, this.#qps, options);
  }

  createRcQp({ pkeyIndex, receiver }: RcQpOptions): RcQp {
    if (this.attributes.capabilities.connectionManagement !== true) {
      throw noConnections(this.attributes);
    }
    return (receiver as VerbsUdQp).connections.create(pkeyIndex);
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

  /** Posts the chains and frees completed slots, then calls the credit listeners if slots are free after starvation. */
  flush(): void {
    if (!this.#closed) this.#turns.flush();
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
    let receivesOutstanding = 0;
    for (const qp of this.#qps) {
      outstanding += qp.outstanding;
      receivesOutstanding += qp.receivesOutstanding;
    }
    return {
      ...this.#counted.snapshot(),
      outstanding,
      rcv_outstanding: receivesOutstanding,
    };
  }

  close(): void {
    if (this.#closed) return;
    for (const qp of [...this.#qps]) qp.close();
    this.#closed = true;
    this.#owned.dispose();
  }

  /** Returns true if there is work after the wait, so that the loop must not sleep. */
  beforeSleep(): boolean {
    for (let i = 0; i < this.#qps.length; i++) {
      if (this.#qps[i]!.busy) return true;
    }
    return this.send.starved && this.send.ready;
  }

  /** Posts released buffers, reports failed connections, recovers failed queue pairs, and continues receiving. */
  afterSleep(): void {
    if (this.#closed) return;
    for (let i = this.#qps.length - 1; i >= 0; i--) {
      const qp = this.#qps[i]!;
      qp.repost();
      qp.reportFailures();
      if (qp.recover()) this.#counted.add("recoveries");
      if (qp.more) qp.receive();
    }
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
    this.#turns.onEvent();
    for (let i = this.#qps.length - 1; i >= 0; i--) this.#qps[i]!.receive();
  }

  #on(event: PortEvent): void {
    if (event.type === "device_fatal") this.#channelWatch.enable(false);
    else this.#resources.refresh(event);
    this.#events.call(event);
  }
}
