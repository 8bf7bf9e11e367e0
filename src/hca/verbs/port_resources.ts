/**
 * The resources that the queue pairs of a port share: the open device with a protection domain and a completion channel,
 * the send memory, the current port attributes, the counters and the observers. If the device is lost and opened again,
 * the send memory, the counters and the observers are the same.
 */

import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import type { Reactor } from "../../system/reactor.ts";
import type { PortEvent } from "../hca.ts";
import { deviceLost } from "../lost_device.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { PacketObservers } from "../packet_observers.ts";
import type { VerbsCounters } from "./counters.ts";
import { VerbsDevice, verbsLibrary } from "./device.ts";
import { PkeyTable } from "./pkey_table.ts";
import {
  attributesAfterEvent,
  type DeviceAttributes,
  queryDevice,
  queryPort,
} from "./port_attributes.ts";
import { released } from "./release.ts";
import { Roce } from "./roce/roce.ts";
import { VerbsSendMemory } from "./send_memory.ts";

/** Options of {@linkcode PortResources}. */
export interface PortChoice {
  readonly reactor: Reactor;
  readonly device: string;
  /** From 1. */
  readonly port: number;
  /** True if the link layer of the port is expected to be Ethernet. */
  readonly roce: boolean;
  /** True if connections are supported; otherwise the reason why they are not. */
  readonly connections: true | string;
  /** Number of requests of the UD queue pairs. Default: SEND_REQUESTS. */
  readonly sendQueueSize?: number | undefined;
  /** Replaces libibverbs in tests. */
  readonly library?: Libibverbs | undefined;
}

/** The objects of an open device. */
interface Opened {
  readonly device: VerbsDevice;
  readonly attributes: DeviceAttributes;
  readonly pkeys: PkeyTable;
  /** The first attributes of the port. */
  readonly port: PortAttributes;
  /** `struct ibv_pd *` and `struct ibv_comp_channel *`. */
  readonly pd: bigint;
  readonly channel: bigint;
  close(): void;
}

/** The shared resources of one port. */
export class PortResources {
  readonly reactor: Reactor;
  readonly send: VerbsSendMemory;
  /** Present on an Ethernet port. */
  readonly roce: Roce | undefined;
  readonly counted: VerbsCounters;
  readonly observers = new PacketObservers();
  attributes: PortAttributes;
  readonly #choice: PortChoice;
  /** Undefined while the device is lost. */
  #opened: Opened | undefined;
  readonly #owned: DisposableStack;

  /**
   * Throws `E_LIBRARY`, `E_HCA`, `E_DEVICE_FILE`, `E_PRIVILEGE`, `E_VERBS`, `E_MEMLOCK`, or `E_LINK_LAYER` if the link
   * layer is not the expected one; on Ethernet also `E_ROCE_LINK` or `E_SOCKET`.
   */
  constructor(choice: PortChoice, counted: VerbsCounters) {
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    const { reactor, device, port, roce, connections } = choice;
    this.reactor = reactor;
    this.counted = counted;
    this.#choice = choice;
    const opened = owned(openDevice(choice, connections));
    this.#opened = opened;
    this.attributes = opened.port;
    this.roce = roce ? owned(new Roce(this, device, port)) : undefined;
    const { sendQueueSize } = choice;
    this.send = owned(
      openSendMemory(opened, connections === true, sendQueueSize),
    );
    // With the segmentation, and on Ethernet with the port's own GID, which may have an index other than 0.
    this.attributes = this.#query(opened);
    parts.move();
    this.#owned = new DisposableStack();
    if (this.roce) this.#owned.adopt(this.roce, (each) => each.close());
    this.#owned.adopt(this.send, (each) => each.close());
  }

  /** Throws `E_DEVICE_LOST`, as the other members of the device, while the device is lost. */
  get device(): VerbsDevice {
    return this.#present.device;
  }

  /** `struct ibv_pd *`. */
  get pd(): bigint {
    return this.#present.pd;
  }

  /** `struct ibv_comp_channel *`. */
  get channel(): bigint {
    return this.#present.channel;
  }

  /** Maximum number of requests of a shared receive queue of the device; 0 if it has no such queues. */
  get sharedReceives(): number {
    return this.#present.attributes.sharedReceives;
  }

  /** Updates the attributes from the device, after an event of the port. */
  refresh(event: PortEvent): void {
    const opened = this.#present;
    opened.pkeys.onEvent(event);
    this.attributes = attributesAfterEvent(
      () => {
        this.roce?.refresh();
        return this.#query(opened);
      },
      this.attributes,
      this.counted,
    );
  }

  /** Closes the lost device, on which there are no queue pairs. The send memory and its slots remain. */
  release(): void {
    this.send.detach();
    this.#opened?.close();
    this.#opened = undefined;
  }

  /** Opens the lost device again. Throws as the constructor. */
  reopen(connections: true | string): void {
    using parts = new DisposableStack();
    const opened = parts.adopt(
      openDevice(this.#choice, connections),
      (each) => each.close(),
    );
    this.roce?.find();
    this.send.attach(opened.device.library, opened.pd);
    parts.defer(() => this.send.detach());
    this.attributes = this.#query(opened);
    this.#opened = opened;
    parts.move();
  }

  close(): void {
    this.release();
    this.#owned.dispose();
  }

  get #present(): Opened {
    if (this.#opened) return this.#opened;
    throw deviceLost(this.#choice.device);
  }

  #query({ device, attributes, pkeys }: Opened): PortAttributes {
    return queryPort(
      device,
      this.#choice.port,
      attributes,
      this.send.large,
      pkeys,
      this.roce?.gidIndex,
    );
  }
}

/**
 * Opens a device. Throws `E_LIBRARY`, `E_HCA`, `E_DEVICE_FILE`, `E_PRIVILEGE`, `E_VERBS` or `E_LINK_LAYER`.
 *
 * @param connections true if connections are supported; otherwise the reason why they are not
 */
function openDevice(
  { device: name, port: number, roce, library = verbsLibrary() }: PortChoice,
  connections: true | string,
): Opened {
  using parts = new DisposableStack();
  const device = parts.adopt(
    new VerbsDevice(name, library),
    (each) => each.close(),
  );
  const { context } = device;
  const attributes = queryDevice(device, connections);
  const pkeys = new PkeyTable();
  const port = queryPort(device, number, attributes, false, pkeys);
  checkLinkLayer(port, roce);
  const pd = library.ibv_alloc_pd(context);
  if (pd === 0n) {
    throw lastError("E_VERBS", `allocate a protection domain of ${name}`);
  }
  parts.defer(() =>
    released("a protection domain", library.ibv_dealloc_pd(pd))
  );
  const channel = library.ibv_create_comp_channel(context);
  if (channel === 0n) {
    throw lastError("E_VERBS", `create a completion channel of ${name}`);
  }
  parts.defer(() =>
    released("a completion channel", library.ibv_destroy_comp_channel(channel))
  );
  const owned = parts.move();
  return {
    ...{ device, attributes, pkeys, port, pd, channel },
    close: () => owned.dispose(),
  };
}

/** Opens the send memory; without large sends if only that much can be pinned, and there are no connections. */
function openSendMemory(
  { device: { library }, pd }: Opened,
  connections: boolean,
  queueSize: number | undefined,
): VerbsSendMemory {
  try {
    return new VerbsSendMemory(library, pd, true, queueSize);
  } catch (error) {
    if (connections || !(error instanceof IpoibError)) throw error;
    return new VerbsSendMemory(library, pd, false, queueSize);
  }
}

/** Throws `E_LINK_LAYER` (EPROTONOSUPPORT) if the link layer is not the expected one. */
function checkLinkLayer(
  { linkLayer, device, port }: PortAttributes,
  roce: boolean,
): void {
  if (roce === (linkLayer === "ethernet")) return;
  if (roce) {
    throw new IpoibError(
      "E_LINK_LAYER",
      `${device}/${port} is an InfiniBand port, not an Ethernet port (RoCE)`,
      { errno: Errno.EPROTONOSUPPORT },
    );
  }
  throw new IpoibError(
    "E_LINK_LAYER",
    `${device}/${port} is an Ethernet port (RoCE), which does not support IPoIB`,
    {
      errno: Errno.EPROTONOSUPPORT,
      hint: "use an InfiniBand port, --hca soft, or --roce on all nodes",
    },
  );
}
