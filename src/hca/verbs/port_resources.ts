/**
 * The resources that the queue pairs of a port share: the open device with a protection domain, a completion channel
 * and the send memory, the current port attributes, the counters and the taps.
 */

import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import type { Reactor } from "../../system/reactor.ts";
import type { PortAttributes, PortEvent } from "../hca.ts";
import { Taps } from "../taps.ts";
import type { VerbsCounters } from "./counters.ts";
import { VerbsDevice } from "./device.ts";
import { PkeyTable } from "./pkey_table.ts";
import {
  attributesAfterEvent,
  type DeviceAttributes,
  queryDevice,
  queryPort,
} from "./port_attributes.ts";
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
}

/** The shared resources of one port. */
export class PortResources {
  readonly reactor: Reactor;
  readonly device: VerbsDevice;
  /** `struct ibv_pd *` and `struct ibv_comp_channel *`. */
  readonly pd: bigint;
  readonly channel: bigint;
  readonly send: VerbsSendMemory;
  /** Present on an Ethernet port. */
  readonly roce: Roce | undefined;
  readonly counted: VerbsCounters;
  readonly taps = new Taps();
  attributes: PortAttributes;
  readonly #deviceAttributes: DeviceAttributes;
  readonly #pkeys = new PkeyTable();
  readonly #owned: DisposableStack;

  /**
   * Throws `E_LIBRARY`, `E_HCA`, `E_DEVICE_FILE`, `E_PRIVILEGE`, `E_VERBS`, or `E_LINK_LAYER` if the link layer is not
   * the expected one; on Ethernet also `E_ROCE_LINK` or `E_SOCKET`.
   */
  constructor(
    { reactor, device, port, roce, connections }: PortChoice,
    counted: VerbsCounters,
  ) {
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    this.reactor = reactor;
    this.counted = counted;
    this.device = owned(new VerbsDevice(device));
    const { library, context } = this.device;
    this.#deviceAttributes = queryDevice(this.device, connections);
    this.attributes = queryPort(
      this.device,
      port,
      this.#deviceAttributes,
      false,
      this.#pkeys,
    );
    checkLinkLayer(this.attributes, roce);
    this.roce = roce ? owned(new Roce(this, device, port)) : undefined;
    this.pd = library.ibv_alloc_pd(context);
    if (this.pd === 0n) {
      throw lastError("E_VERBS", `allocate a protection domain of ${device}`);
    }
    parts.defer(() => library.ibv_dealloc_pd(this.pd));
    this.channel = library.ibv_create_comp_channel(context);
    if (this.channel === 0n) {
      throw lastError("E_VERBS", `create a completion channel of ${device}`);
    }
    parts.defer(() => library.ibv_destroy_comp_channel(this.channel));
    this.send = owned(this.#openSendMemory(connections === true));
    // With the segmentation, and on Ethernet with the port's own GID, which may have an index other than 0.
    this.attributes = this.#query();
    this.#owned = parts.move();
  }

  /** Maximum number of requests of a shared receive queue of the device; 0 if it has no such queues. */
  get sharedReceives(): number {
    return this.#deviceAttributes.sharedReceives;
  }

  /** Updates the attributes from the device, after an event of the port. */
  refresh(event: PortEvent): void {
    this.#pkeys.onEvent(event);
    this.attributes = attributesAfterEvent(
      () => {
        this.roce?.refresh();
        return this.#query();
      },
      this.attributes,
      this.counted,
    );
  }

  close(): void {
    this.#owned.dispose();
  }

  #query(): PortAttributes {
    return queryPort(
      this.device,
      this.attributes.port,
      this.#deviceAttributes,
      this.send.large,
      this.#pkeys,
      this.roce?.gidIndex,
    );
  }

  /** Opens the send memory; without large sends if only that much can be pinned, and there are no connections. */
  #openSendMemory(connections: boolean): VerbsSendMemory {
    const { library } = this.device;
    try {
      return new VerbsSendMemory(library, this.pd, true);
    } catch (error) {
      if (connections || !(error instanceof IpoibError)) throw error;
      return new VerbsSendMemory(library, this.pd, false);
    }
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
