/**
 * A TAP of link type InfiniBand: one read or write is one frame, a virtio header, an Ethernet header and a packet.
 *
 * The kernel sees BROADCAST and MULTICAST and link-layer addresses without bytes: it runs ARP and neighbour discovery, and
 * its packets do not name their next hop. The device lives as long as the descriptor, and stays in the namespace that it
 * was opened in unless somebody moves it.
 */

import { errnoCell, libc } from "../../../ffi/libc.ts";
import { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import { Request } from "./constants.ts";
import { interfaceRequest, requestName } from "./name.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;

/** Where a TAP is now; closing it closes the namespace. */
class TapPlace implements Disposable {
  readonly #namespace: Fd;
  readonly ifindex: number;

  constructor(namespace: Fd, ifindex: number) {
    this.#namespace = namespace;
    this.ifindex = ifindex;
  }

  get netns(): number {
    return this.#namespace.number;
  }

  [Symbol.dispose](): void {
    this.#namespace.close();
  }
}

/** An open TAP. Made by `openTap()`. */
export class Tap implements Disposable {
  readonly #fd: Fd;
  readonly #libc = libc();
  readonly #errno = errnoCell();
  readonly #word = new Int32Array(1);
  readonly #wordBytes = new Uint8Array(this.#word.buffer);
  #offload: number;
  /** As made. */
  readonly name: string;
  /** As made. */
  readonly ifindex: number;

  constructor(fd: Fd, name: string, ifindex: number, offload: number) {
    this.#fd = fd;
    this.name = name;
    this.ifindex = ifindex;
    this.#offload = offload;
  }

  /** The descriptor, non-blocking; -1 once closed. */
  get fd(): number {
    return this.#fd.number;
  }

  /** The TUN_F_ bits that are on. */
  get offload(): number {
    return this.#offload;
  }

  /** Writes one frame from a buffer of this isolate. */
  writeBytes(frame: Uint8Array): number {
    const taken = this.#libc.write(
      this.#fd.number,
      frame as Uint8Array<ArrayBuffer>,
      frame.length,
    );
    return taken >= 0 ? taken : -this.#errno[0]!;
  }

  /** Tells the kernel whether the link has carrier; does nothing on a kernel before 5.0, where it always has. */
  setCarrier(on: boolean): void {
    this.#word[0] = on ? 1 : 0;
    this.#libc.ioctl(this.#fd.number, Request.TUNSETCARRIER, this.#wordBytes);
  }

  /** Turns TUN_F_ bits on and all others off; false if the kernel refuses the set. */
  setOffload(bits: number): boolean {
    const set = this.#libc.ioctlValue(
      this.#fd.number,
      Request.TUNSETOFFLOAD,
      BigInt(bits),
    ) === 0;
    if (set) this.#offload = bits;
    return set;
  }

  /** Bytes of the virtio header that the kernel uses. */
  vnetHeaderLength(): number {
    this.#libc.ioctl(this.#fd.number, Request.TUNGETVNETHDRSZ, this.#wordBytes);
    return this.#word[0]!;
  }

  /** Where the device is now, which is another place after `ip link set IF netns NS`; undefined if it was deleted. */
  locate(): TapPlace | undefined {
    const raw = this.#libc.ioctlValue(
      this.#fd.number,
      Request.TUNGETDEVNETNS,
      0n,
    );
    if (raw < 0) return undefined;
    const namespace = new Fd(raw);
    const request = interfaceRequest("");
    const named =
      this.#libc.ioctl(this.#fd.number, Request.TUNGETIFF, request) === 0;
    const ifindex = named
      ? withNamespace(raw, () => interfaceIndex(requestName(request)))
      : undefined;
    if (ifindex === undefined) {
      namespace.close();
      return undefined;
    }
    return new TapPlace(namespace, ifindex);
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A socket for ioctls on interfaces of this thread's namespace; without descriptors one on which all fail. */
export function interfaceSocket(): Fd {
  return new Fd(libc().socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0));
}

/** The index of an interface in this thread's namespace, or undefined. */
export function interfaceIndex(name: string): number | undefined {
  using socket = interfaceSocket();
  const request = interfaceRequest(name);
  if (libc().ioctl(socket.number, Request.SIOCGIFINDEX, request) < 0) {
    return undefined;
  }
  return new DataView(request.buffer).getInt32(16, true);
}
