/** A TAP of link type InfiniBand on which a test plays the peers of the kernel. */

import { cString, libc } from "../../ffi/libc.ts";
import { Fd } from "../../src/system/fd.ts";
import { unwrap } from "../../src/system/errno.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import { setLink } from "../../src/netdev/rtnetlink/link_set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { isInstalled } from "../../scripts/test/packages.ts";
import {
  indexOf,
  ip,
  kernelTest,
  type TestNamespace,
  udpSocket,
} from "./support.ts";
import { socketAddress } from "../system/socket_address.ts";

const O_RDWR_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;
const TUNSETIFF = 0x400454can;
const TUNSETLINK = 0x400454cdn;
const TUNSETCARRIER = 0x400454e2n;
const SIOCSIFHWADDR = 0x8924n;
const IFF_TAP_NO_PI = 0x1002;
const ARPHRD_ETHER = 1;
const ARPHRD_INFINIBAND = 32n;
const OWN = [2, 0, 0, 0, 0, 1];
const PEER = [2, 0, 0, 0, 0, 2];
const BROADCAST = [255, 255, 255, 255, 255, 255];

function openTap(name: string): Fd {
  const fd = new Fd(
    unwrap(
      libc().open(cString("/dev/net/tun"), O_RDWR_NONBLOCK_CLOEXEC, 0),
      "E_TEST",
      "open /dev/net/tun",
    ),
  );
  // struct ifreq: name, then flags or a struct sockaddr.
  const request = new Uint8Array(40);
  request.set(cString(name));
  const view = new DataView(request.buffer);
  view.setUint16(16, IFF_TAP_NO_PI, true);
  unwrap(libc().ioctl(fd.number, TUNSETIFF, request), "E_TEST", "make a TAP");
  view.setUint16(16, ARPHRD_ETHER, true);
  request.set(OWN, 18);
  unwrap(
    libc().ioctl(fd.number, SIOCSIFHWADDR, request),
    "E_TEST",
    "set the TAP's address",
  );
  unwrap(
    libc().ioctlValue(fd.number, TUNSETLINK, ARPHRD_INFINIBAND),
    "E_TEST",
    "set the TAP's link type",
  );
  return fd;
}

/** An ARP packet sent by the kernel. */
export interface ReceivedArp {
  readonly operation: number;
  readonly hardwareLength: number;
  readonly sender: number;
  readonly target: number;
  readonly broadcast: boolean;
}

/** A TAP of link type 32 in a namespace. It is up. */
export class Tap implements Disposable {
  readonly ifindex: number;
  readonly requests: RequestSocket;
  readonly #fd: Fd;
  readonly #frame = new Uint8Array(65536);

  constructor(readonly netns: TestNamespace, readonly name: string) {
    this.#fd = withNamespace(netns.fd, () => openTap(name));
    this.requests = new RequestSocket(netns.fd);
    this.ifindex = indexOf(this.requests, name);
    setLink(this.requests, this.ifindex, { up: true });
  }

  /** Reads the next frame, starting with the Ethernet header, or returns undefined if there is none. */
  read(): Uint8Array | undefined {
    const length = libc().read(
      this.#fd.number,
      this.#frame,
      this.#frame.length,
    );
    return length > 0 ? this.#frame.slice(0, length) : undefined;
  }

  /** Reads all queued frames and returns the ARP packets among them. */
  arps(): ReceivedArp[] {
    const found: ReceivedArp[] = [];
    for (let frame = this.read(); frame; frame = this.read()) {
      const view = new DataView(frame.buffer);
      if (view.getUint16(12) !== 0x806) continue;
      found.push({
        operation: view.getUint16(20),
        hardwareLength: frame[18]!,
        sender: view.getInt32(22),
        target: view.getInt32(26),
        broadcast: frame.subarray(0, 6).every((byte) => byte === 255),
      });
    }
    return found;
  }

  /** Sends the kernel an ARP packet with hardware length 0: a reply by default, a request if `operation` is 1. */
  arp(sender: string, target: string, operation = 2): void {
    const frame = new Uint8Array(30);
    const view = new DataView(frame.buffer);
    frame.set(operation === 1 ? BROADCAST : OWN);
    frame.set(PEER, 6);
    [0x0806, 32, 0x0800, 0x0004, operation].forEach((word, i) =>
      view.setUint16(12 + 2 * i, word)
    );
    view.setInt32(22, ip(sender));
    view.setInt32(26, ip(target));
    unwrap(
      libc().write(this.#fd.number, frame, frame.length),
      "E_TEST",
      "write a frame",
    );
  }

  setCarrier(on: boolean): void {
    const value = new Uint8Array(new Int32Array([Number(on)]).buffer);
    unwrap(
      libc().ioctl(this.#fd.number, TUNSETCARRIER, value),
      "E_TEST",
      "set the carrier",
    );
  }

  [Symbol.dispose](): void {
    this.requests.close();
    this.#fd.close();
  }
}

/** Sends a UDP packet from a namespace. Ignores errors. */
export function sendPacket(netns: TestNamespace, destination: string): void {
  using socket = udpSocket(netns.fd);
  const to = socketAddress(destination, 9);
  libc().sendto(
    socket.number,
    new Uint8Array([1]),
    1,
    0,
    to,
    to.length,
  );
}

/** Registers a test like {@linkcode kernelTest} that also needs {@linkcode configure}. */
export function ipTest(name: string, fn: () => void): void {
  if (isInstalled("ip")) kernelTest(name, fn);
  else Deno.test({ name: `${name} (skipped: needs ip)`, ignore: true, fn });
}

/** Runs ip(8) in a namespace, once per line. Throws its error message if it fails. */
export function configure(netns: TestNamespace, lines: string): void {
  for (const line of lines.split("\n").map((one) => one.trim())) {
    if (line === "") continue;
    const { success, stderr } = withNamespace(
      netns.fd,
      () => new Deno.Command("ip", { args: line.split(/\s+/) }).outputSync(),
    );
    if (!success) {
      throw new Error(`ip ${line}: ${new TextDecoder().decode(stderr)}`);
    }
  }
}

/** Sets a file below /proc/sys/net in a namespace. */
export function setKernel(
  netns: TestNamespace,
  path: string,
  value: number,
): void {
  withNamespace(
    netns.fd,
    () => Deno.writeTextFileSync(`/proc/sys/net/${path}`, `${value}`),
  );
}
