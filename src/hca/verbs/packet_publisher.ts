/** The publishers of packets: they compose headers, and pass packets with these to the observers of a port. */

import type { PortAttributes } from "../port_attributes.ts";
import type { PostResult } from "../post_result.ts";
import type { ObservedPacket } from "../observed.ts";
import type { PacketObservers } from "../packet_observers.ts";
import { UD_HEADERS_LENGTH } from "../ud_headers.ts";

export abstract class PacketPublisher {
  protected readonly observers: PacketObservers;
  protected readonly port: { readonly attributes: PortAttributes };
  /** The headers of the current packet. */
  protected readonly headers = new DataView(new ArrayBuffer(UD_HEADERS_LENGTH));

  constructor(
    observers: PacketObservers,
    port: { readonly attributes: PortAttributes },
  ) {
    this.observers = observers;
    this.port = port;
  }

  /** True if the port has observers; otherwise no packet need be passed. */
  get active(): boolean {
    return this.observers.active;
  }

  protected deliver(
    direction: ObservedPacket["direction"],
    status: PostResult,
    qpn: number,
    udQpn: number,
  ): void {
    this.observers.setHeaders(this.headers, 0);
    this.observers.deliver(direction, status, qpn, udQpn);
  }
}
