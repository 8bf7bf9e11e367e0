/** AF_PACKET sockets on a host's interface, for ARP packets that do not come from the kernel. */

import { libc } from "../../../ffi/libc.ts";
import { unwrap } from "../../../src/system/errno.ts";
import { type Fd, openSocket } from "../../../src/system/fd.ts";
import { openNamespace, withNamespace } from "../../../src/system/namespace.ts";
import {
  DEVICE_ARP_LENGTH,
  type DeviceArp,
  emitDeviceArp,
  parseDeviceArp,
} from "../../../src/wire/device_arp.ts";
import { EtherType } from "../../../src/wire/encap.ts";
import {
  ETHERNET_HEADER_LENGTH,
  EthernetField,
} from "../../../src/wire/ethernet.ts";
import type { Host } from "./host.ts";

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const ETH_P_ARP = 0x0806;
const MSG_DONTWAIT = 0x40;

/** A socket for ARP packets in the format of the device: hardware address length 0. */
export class ArpSocket implements Disposable {
  readonly #fd: Fd;
  readonly #address: Uint8Array<ArrayBuffer>;
  readonly #frame = new Uint8Array(ETHERNET_HEADER_LENGTH + DEVICE_ARP_LENGTH);
  readonly #view = new DataView(this.#frame.buffer);

  static async open(host: Host, device = "ib0"): Promise<ArpSocket> {
    const [{ ifindex }] = JSON.parse(
      await host.ip("-j", "link", "show", device),
    );
    using netns = openNamespace(host.namespace);
    const protocol = ETH_P_ARP << 8 & 0xff00 | ETH_P_ARP >> 8;
    const fd = withNamespace(
      netns.number,
      () => openSocket(AF_PACKET, SOCK_RAW_CLOEXEC, protocol),
    );
    return new ArpSocket(fd, ifindex);
  }

  private constructor(fd: Fd, ifindex: number) {
    this.#fd = fd;
    // struct sockaddr_ll: family, protocol, ifindex, hardware type, packet type, length and bytes of an address.
    this.#address = new Uint8Array(20);
    const view = new DataView(this.#address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, ETH_P_ARP);
    view.setInt32(4, ifindex, true);
    unwrap(
      libc().bind(fd.number, this.#address, this.#address.length),
      "E_TEST",
      "bind a packet socket",
    );
    this.#frame.fill(0xff, 0, EthernetField.Type);
    this.#view.setUint16(EthernetField.Type, EtherType.Arp);
  }

  /** Broadcasts a packet. Returns false if the queue of the device is full. */
  send(arp: DeviceArp): boolean {
    emitDeviceArp(arp, this.#view, ETHERNET_HEADER_LENGTH);
    return libc().send(this.#fd.number, this.#frame, this.#frame.length, 0) > 0;
  }

  /** Returns the ARP packets that the interface has sent and received since the last call. */
  receive(): DeviceArp[] {
    const received: DeviceArp[] = [];
    const bytes = new Uint8Array(256);
    const view = new DataView(bytes.buffer);
    for (;;) {
      const length = libc().recv(
        ...[this.#fd.number, bytes, bytes.length, MSG_DONTWAIT] as const,
      );
      if (length < 0) return received;
      const arp = parseDeviceArp(
        view,
        ETHERNET_HEADER_LENGTH,
        length - ETHERNET_HEADER_LENGTH,
      );
      if (arp) received.push(arp);
    }
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}
