/**
 * A port of a device of libibverbs, as an {@linkcode HcaPort}.
 *
 * To send a packet, the frame is read from the network device into a registered slot (`send_memory.ts`), `UdQp.post`
 * completes a work request, or one for each segment of a large send, and appends it to the queue pair's chain
 * (`send_queue.ts`), and `flush` posts the chain at the end of the turn. Packets are received in `receive_queue.ts`.
 * MADs are passed to libibumad in a thread of its own (`mad_channel.ts`, `umad_port.ts`). On Ethernet, which has no
 * subnet administrator, the port answers them itself (`roce/`).
 *
 * If the device is lost (hca.ts), the port closes everything that it has on the device, because the kernel may wait for
 * that before it removes the device; then it waits for the device (`presence.ts`) and opens it again.
 *
 * If supported, the device verifies checksums. It neither computes nor segments: IBV_SEND_IP_CSUM is ignored on ordinary
 * UD queue pairs by devices that announce it (rdma-core's mlx5 accepts it on its underlay queue pairs only), and
 * IBV_WR_TSO is for raw packets only (`tso_caps.supported_qpts` of mlx4 and mlx5).
 */

import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import { IpoibError } from "../../base/errors.ts";
import { Listeners } from "../../base/listeners.ts";
import { getLogger } from "../../base/log.ts";
import { Fd } from "../../system/fd.ts";
import type { Reactor, Sleeper } from "../../system/reactor.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "../address_handle.ts";
import type { HcaPort, MadAgent, PortEvent } from "../hca.ts";
import { deviceLost, lostAttributes, LostDevice } from "../lost_device.ts";
import { noConnections } from "../no_connections.ts";
import type { PortAttributes } from "../port_attributes.ts";
import type { RcQp, RcQpOptions } from "../rc_qp.ts";
import type { ObservedMad, ObservedPacket } from "../observed.ts";
import type { QueuePairOptions, UdQp } from "../ud_qp.ts";
import { VerbsCounters } from "./counters.ts";
import { SocketMadChannel } from "./mad_channel.ts";
import { type DeviceListener, OpenedDevice } from "./opened_device.ts";
import { PortQueuePairs } from "./port_queue_pairs.ts";
import { PortResources } from "./port_resources.ts";
import { DevicePresence, REMOVED } from "./presence.ts";
import type { RoceMadChannel } from "./roce/mad_channel.ts";
import { overEthernet } from "./roce/roce.ts";
import type { VerbsSendMemory } from "./send_memory.ts";
import { SendTurns } from "./send_turns.ts";
import { VerbsUdQp } from "./ud_qp.ts";

/** The connection of a port to its libibumad worker. */
export interface WorkerEnd {
  /** The port's end of the socket pair to the worker, which the port owns from now on. */
  readonly mads: number;
  /** True if the worker has registered for connection management; otherwise the reason why it has not. */
  readonly connections: true | string;
}

/** Starts another libibumad worker, and calls one of its arguments, at once or later. */
export type WorkerRequest = (
  started: (end: WorkerEnd) => void,
  failed: (error: IpoibError) => void,
) => void;

/** Options of a {@linkcode VerbsPort}. */
export interface VerbsPortOptions {
  reactor: Reactor;
  device: string;
  /** From 1. */
  port: number;
  /** As in {@linkcode WorkerEnd}, or "roce" for an Ethernet port, which has no such worker. */
  mads: number | "roce";
  connections: true | string;
  /** Requests another worker when a lost device is back. Without it, an InfiniBand port remains lost. */
  requestWorker?: WorkerRequest;
  /** Number of requests of the UD queue pairs, and of slots for packets. Default: SEND_REQUESTS. */
  sendQueueSize?: number | undefined;
  /** Replace libibverbs, and the directory of the kernel's device classes, in tests. */
  library?: Libibverbs;
  classes?: string;
}

/** See {@linkcode HcaPort}. */
export class VerbsPort implements HcaPort, Sleeper {
  readonly #counted = new VerbsCounters();
  readonly #resources: PortResources;
  readonly #owned: DisposableStack;
  /** The channel to the libibumad worker; undefined on Ethernet. */
  readonly #worker: SocketMadChannel | undefined;
  readonly #mads: SocketMadChannel | RoceMadChannel;
  readonly #options: VerbsPortOptions;
  readonly #turns: SendTurns;
  readonly #presence: DevicePresence;
  readonly #lostDevice: LostDevice;
  /** Undefined while the device is lost. */
  #opened: OpenedDevice | undefined;
  /** Why the device is lost. */
  #lossReason = "";
  readonly #qps = new PortQueuePairs();
  readonly #events = new Listeners<[PortEvent]>();
  readonly #credit = new Listeners<[]>();
  #closed = false;

  /** Throws the errors of {@linkcode PortResources}, or `E_FCNTL`. */
  constructor(options: VerbsPortOptions) {
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    const { reactor, device, port, mads, connections, library } = options;
    const counted = this.#counted;
    const roce = mads === "roce";
    this.#options = options;
    const worker = roce
      ? undefined
      : owned(new SocketMadChannel(reactor, mads, connections, counted));
    const resources = owned(
      new PortResources(
        {
          ...{ reactor, device, port, roce, connections, library },
          sendQueueSize: options.sendQueueSize,
        },
        counted,
      ),
    );
    this.#resources = resources;
    this.#worker = worker;
    this.#mads = worker ?? resources.roce!.mads;
    if (worker) {
      worker.onEnded = () => this.#lose("its MAD device has failed");
    }
    this.#turns = new SendTurns(
      resources.send,
      this.#qps.active,
      () => this.#credit.call(),
    );
    const { classes } = options;
    this.#presence = new DevicePresence({ device, port, roce }, classes);
    this.#opened = this.#openDevice();
    this.#lostDevice = new LostDevice({
      reactor,
      exists: () => this.#presence.exists(),
      onAbsent: () => this.#setRemoved(),
      open: (opened, failed) => this.#reopen(opened, failed),
      onRefused: (refusal) =>
        this.#setLost(
          `${this.#lossReason}, and cannot be opened again: ${refusal}`,
        ),
    });
    parts.defer(reactor.addSleeper(this));
    parts.defer(reactor.onTurnEnd(() => this.flush()));
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
    if (!this.#opened) throw deviceLost(this.#options.device);
    return this.#opened.handles.create(
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

  observe(listener: (packet: ObservedPacket) => void): () => void {
    return this.#resources.observers.add(listener);
  }

  observeMads(listener: (mad: ObservedMad) => void): () => void {
    return this.#worker?.observe(listener) ?? (() => {});
  }

  counters(): Record<string, number> {
    let outstanding = 0;
    let receivesOutstanding = 0;
    for (const qp of this.#qps.all) {
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
    for (const qp of [...this.#qps.all]) qp.close();
    this.#closed = true;
    this.#lostDevice.close();
    this.#opened?.close();
    this.#owned.dispose();
  }

  /** Returns true if there is work after the wait, so that the loop must not sleep. */
  beforeSleep(): boolean {
    const { active } = this.#qps;
    let busy = false;
    for (let i = active.count - 1; i >= 0; i--) {
      const qp = active.at(i);
      if (qp.busy) busy = true;
      else if (qp.idle) active.remove(qp);
    }
    return busy || this.send.starved && this.send.ready;
  }

  /** Posts released buffers, reports failed connections, recovers failed queue pairs, and continues receiving. */
  afterSleep(): void {
    if (this.#closed) return;
    const { active } = this.#qps;
    for (let i = active.count - 1; i >= 0; i--) {
      // The owner of a queue pair that has failed may close it.
      if (i >= active.count) continue;
      const qp = active.at(i);
      qp.repost();
      qp.reportFailures();
      if (qp.recover()) this.#counted.add("recoveries");
      if (qp.more) qp.receive();
    }
  }

  #openDevice(): OpenedDevice {
    const listener: DeviceListener = {
      post: () => {
        this.#turns.post();
        return this.#qps.postedSends();
      },
      onEvent: (event) => {
        this.#resources.refresh(event);
        this.#events.call(event);
      },
      onObjectEvent: (type, element) => {
        for (const { connections } of this.#qps.all) {
          connections.onEvent(type, element);
        }
      },
      onLost: (reason) => this.#lose(reason),
    };
    return new OpenedDevice(
      ...[this.#resources, this.#qps.byCq, this.#presence, listener] as const,
    );
  }

  #setLost(reason: string): void {
    const resources = this.#resources;
    resources.attributes = lostAttributes(resources.attributes, reason);
    this.#events.call({ type: "device_lost" });
  }

  /** The lost device does not exist: it may have failed because it was being removed. */
  #setRemoved(): void {
    if (this.#lossReason.endsWith(REMOVED)) return;
    this.#lossReason += `, and ${REMOVED}`;
    this.#setLost(this.#lossReason);
  }

  /** The device is lost: closes it, and waits for it. */
  #lose(symptom: string): void {
    const opened = this.#opened;
    if (!opened || this.#closed) return;
    const reason = this.#presence.removed ? REMOVED : symptom;
    this.#opened = undefined;
    const { device, port } = this.#options;
    getLogger(`${device}/${port}`).warn(`The device is lost: ${reason}`);
    this.#lossReason = reason;
    this.#setLost(reason);
    for (const qp of [...this.#qps.all]) qp.close();
    opened.close();
    this.#resources.release();
    this.#worker?.close();
    this.#lostDevice.begin();
  }

  /** Opens the lost device, with another libibumad worker. */
  #reopen(opened: () => void, failed: (error: IpoibError) => void): void {
    const { mads, connections, requestWorker } = this.#options;
    const open = (end?: WorkerEnd) => {
      try {
        this.#openAgain(end);
      } catch (error) {
        return failed(IpoibError.from(error));
      }
      opened();
      this.#events.call({ type: "device_returned" });
    };
    if (mads === "roce") open();
    else {
      requestWorker?.((end) => {
        if (this.#closed) new Fd(end.mads).close();
        // An interface that was created without a connection manager gets none.
        else open(connections === true ? end : { ...end, connections });
      }, (error) => {
        if (!this.#closed) failed(error);
      });
    }
  }

  /** @param end the connection to the worker; absent on Ethernet */
  #openAgain(end?: WorkerEnd): void {
    using undo = new DisposableStack();
    const worker = this.#worker;
    if (worker && end) {
      worker.attach(end.mads);
      undo.defer(() => worker.close());
    }
    const { connections } = end ?? this.#options;
    this.#resources.reopen(connections);
    undo.defer(() => this.#resources.release());
    this.#opened = this.#openDevice();
    undo.move();
  }
}
