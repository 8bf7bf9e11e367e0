/**
 * A TAP of link type InfiniBand. Each read or write transfers one frame: virtio header, Ethernet header, packet.
 *
 * The device has the flags BROADCAST and MULTICAST, and link-layer addresses of length 0. The kernel runs ARP and
 * neighbour discovery on it, but does not write the next hop into its frames. The device exists as long as the
 * descriptor is open. It stays in the namespace in which it was created unless it is moved.
 */

import { errnoCell, libc } from "../../../ffi/libc.ts";
import { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import { OFFLOAD_SETS, Request, USO_SET } from "./constants.ts";
import { interfaceRequest, requestName } from "./name.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;

/** The current namespace and index of a TAP. Disposing it closes the namespace descriptor. */
export class TapLocation implements Disposable {
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

/** Facts about a TAP that another process has created. */
export interface AdoptedTap {
  /** What `takesUdpFrames()` returned before the device was set up. */
  readonly takesUdpFrames: boolean;
  /** See {@linkcode Tap.label}. */
  readonly label?: string;
}

/** An open TAP, created by `openTap()` or taken over by `adoptTap()`. */
export class Tap implements Disposable {
  readonly #fd: Fd;
  readonly #libc = libc();
  readonly #errno = errnoCell();
  readonly #word = new Int32Array(1);
  readonly #wordBytes = new Uint8Array(this.#word.buffer);
  #offload: number;
  /** The name when this object was created. */
  readonly name: string;
  /** The index when this object was created. */
  readonly ifindex: number;
  /** Undefined if this process has created the device. */
  readonly adopted: AdoptedTap | undefined;

  /** @param offload the enabled TUN_F_ bits, or -1 if they are not known */
  constructor(
    fd: Fd,
    name: string,
    ifindex: number,
    offload: number,
    adopted?: AdoptedTap,
  ) {
    this.#fd = fd;
    this.name = name;
    this.ifindex = ifindex;
    this.#offload = offload;
    this.adopted = adopted;
  }

  /**
   * Text that identifies the descriptor of the device among those that processes pass on to each other. It survives
   * renames, and has no ":" (sd_notify(3), FDNAME).
   */
  get label(): string {
    return this.adopted?.label ?? `${this.name}.${this.ifindex}`;
  }

  /** The descriptor, non-blocking, or -1 after `close()`. */
  get fd(): number {
    return this.#fd.number;
  }

  /** The enabled TUN_F_ bits. */
  get offload(): number {
    return this.#offload;
  }

  /** Writes a frame from a JavaScript buffer. Returns the bytes written or a negative errno. */
  writeBytes(frame: Uint8Array): number {
    const taken = this.#libc.write(
      this.#fd.number,
      frame as Uint8Array<ArrayBuffer>,
      frame.length,
    );
    return taken >= 0 ? taken : -this.#errno[0]!;
  }

  /** Sets the carrier state. Has no effect before Linux 5.0, where a TAP always has carrier. */
  setCarrier(on: boolean): void {
    this.#word[0] = on ? 1 : 0;
    this.#libc.ioctl(this.#fd.number, Request.TUNSETCARRIER, this.#wordBytes);
  }

  /** Enables those of the given TUN_F_ bits that the kernel supports, and no others. Returns the enabled bits. */
  setOffloads(bits: number): number {
    if (bits === this.#offload) return bits;
    const set = OFFLOAD_SETS.find((each) => this.#setOffload(bits & each));
    if (set !== undefined) this.#offload = bits & set;
    return this.#offload;
  }

  /** Enables exactly the given TUN_F_ bits. Returns false if the kernel refuses. */
  #setOffload(bits: number): boolean {
    return this.#libc.ioctlValue(
      this.#fd.number,
      Request.TUNSETOFFLOAD,
      BigInt(bits),
    ) === 0;
  }

  /**
   * True if the kernel takes written frames of several UDP packets (GsoType.UdpL4): Linux 6.2 and later. Enables the
   * offload of UDP segmentation for a moment, so the device must be down.
   */
  takesUdpFrames(): boolean {
    const taken = this.#setOffload(USO_SET);
    this.#setOffload(this.#offload);
    return taken;
  }

  /** Returns the length in bytes of the virtio header that the kernel uses. */
  vnetHeaderLength(): number {
    this.#libc.ioctl(this.#fd.number, Request.TUNGETVNETHDRSZ, this.#wordBytes);
    return this.#word[0]!;
  }

  /**
   * Returns the current location, which `ip link set IF netns NS` changes, or undefined if the device was deleted.
   */
  locate(): TapLocation | undefined {
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
    return new TapLocation(namespace, ifindex);
  }

  /**
   * Sets whether the kernel keeps the device when its last descriptor is closed, as the end of the process does. Returns
   * false if the kernel refuses.
   */
  setPersistent(on: boolean): boolean {
    return this.#libc.ioctlValue(
      this.#fd.number,
      Request.TUNSETPERSIST,
      on ? 1n : 0n,
    ) === 0;
  }

  /** Returns the descriptor and transfers its ownership to the caller. */
  release(): number {
    return this.#fd.release();
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a socket for ioctls on interfaces of this thread's namespace. If socket(2) fails, all ioctls on it fail. */
export function interfaceSocket(): Fd {
  return new Fd(libc().socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0));
}

/** Returns the index of an interface in this thread's namespace, or undefined if there is none. */
export function interfaceIndex(name: string): number | undefined {
  using socket = interfaceSocket();
  const request = interfaceRequest(name);
  if (libc().ioctl(socket.number, Request.SIOCGIFINDEX, request) < 0) {
    return undefined;
  }
  return new DataView(request.buffer).getInt32(16, true);
}
