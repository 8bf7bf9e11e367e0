/** A TAP of any link type without virtio header. Each read or write transfers an Ethernet frame. */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { patient } from "../../../scripts/machine.ts";
import { Errno } from "../../../src/base/errno.ts";
import { unwrap } from "../../../src/system/errno.ts";
import { Fd } from "../../../src/system/fd.ts";
import { withNamespace } from "../../../src/system/namespace.ts";

const O_RDWR_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;
const TUNSETIFF = 0x400454can;
const TUNSETLINK = 0x400454cdn;
const SIOCSIFHWADDR = 0x8924n;
const IFF_TAP_NO_PI = 0x0002 | 0x1000;
const ARPHRD_ETHER = 1;
const WAIT_MS = 2000;

/** Link types (`linux/if_arp.h`). */
export const LinkType = { Ethernet: 1, InfiniBand: 32 } as const;

/** The parts of a frame that the tests check. */
export interface Frame {
  /** Destination and EtherType as hexadecimal digits. */
  readonly destination: string;
  readonly type: string;
  /** The first 14 bytes. */
  readonly header: DataView;
  readonly packet: Uint8Array;
}

export class Tap implements Disposable {
  readonly #fd: Fd;

  /** Creates the device in a namespace. It is down. `address` has 6 bytes. */
  constructor(
    netns: number,
    name: string,
    address: Uint8Array,
    linkType: number,
  ) {
    this.#fd = withNamespace(netns, () =>
      new Fd(
        unwrap(
          libc().open(cString("/dev/net/tun"), O_RDWR_NONBLOCK_CLOEXEC, 0),
          "E_TEST",
          "open /dev/net/tun",
        ),
      ));
    const request = new Uint8Array(40);
    const view = new DataView(request.buffer);
    request.set(new TextEncoder().encode(name));
    view.setUint16(16, IFF_TAP_NO_PI, true);
    this.#control(TUNSETIFF, request);
    view.setUint16(16, ARPHRD_ETHER, true);
    request.set(address, 18);
    this.#control(SIOCSIFHWADDR, request);
    unwrap(
      libc().ioctlValue(this.#fd.number, TUNSETLINK, BigInt(linkType)),
      "E_TEST",
      "set the link type",
    );
  }

  #control(request: bigint, argument: Uint8Array<ArrayBuffer>): void {
    unwrap(
      libc().ioctl(this.#fd.number, request, argument),
      "E_TEST",
      `ioctl ${request}`,
    );
  }

  write(frame: Uint8Array<ArrayBuffer>): void {
    unwrap(
      libc().write(this.#fd.number, frame, frame.length),
      "E_TEST",
      "write a frame",
    );
  }

  /** Reads all queued frames. */
  read(): Frame[] {
    const frames: Frame[] = [];
    const buffer = new Uint8Array(65536);
    for (;;) {
      const length = libc().read(this.#fd.number, buffer, buffer.length);
      if (length < 0) {
        if (errno() === Errno.EAGAIN) return frames;
        unwrap(length, "E_TEST", "read a frame");
      }
      frames.push({
        destination: buffer.subarray(0, 6).toHex(),
        type: buffer.subarray(12, 14).toHex(),
        header: new DataView(buffer.slice(0, 14).buffer),
        packet: buffer.slice(14, length),
      });
    }
  }

  /** Reads frames until at least one matches, and returns the matching frames. Discards the others. */
  until(wanted: (frame: Frame) => boolean): Frame[] {
    const end = performance.now() + patient(WAIT_MS);
    for (;;) {
      const found = this.read().filter(wanted);
      if (found.length > 0) return found;
      if (performance.now() > end) {
        throw new Error("No matching frame received");
      }
    }
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
