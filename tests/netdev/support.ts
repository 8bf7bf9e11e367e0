/** Shared by the tests of netdev: privileged tests, namespaces, sockets and frames. */

import { libc } from "../../ffi/libc.ts";
import { patient } from "../../scripts/machine.ts";
import {
  type NetdevOptions,
  openNetdev,
  type TapNetdev,
} from "../../src/netdev/open_netdev.ts";
import {
  IFLA_IFNAME,
  linkRequest,
  parseLink,
  RTM_GETLINK,
} from "../../src/netdev/rtnetlink/link_message.ts";
import type { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import { createNamespace, withNamespace } from "../../src/system/namespace.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import { Fd } from "../../src/system/fd.ts";
import type { Reactor } from "../../src/system/reactor.ts";
import { EtherType } from "../../src/wire/encap.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { writeEthernetHeader } from "../../src/wire/frame_header.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { VNET_HEADER_LENGTH } from "../../src/wire/vnet.ts";
import { testWhere } from "../test_where.ts";

/** Returns the reason why network devices cannot be created, or undefined. */
function findMissing(): string | undefined {
  try {
    if (Deno.uid() !== 0) return "needs root";
    createNamespace().close();
    Deno.statSync("/dev/net/tun");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const missing = findMissing();

/** Registers a test that creates network devices. If that is impossible, it is skipped with the reason in its name. */
export function kernelTest(
  name: string,
  fn: () => void | Promise<void>,
): void {
  testWhere(missing, name, fn);
}

/** Minimum number of turns of {@linkcode TestNamespace.settle}. */
const SETTLE_TURNS = 3;

/** A new network namespace and a reactor. */
export class TestNamespace implements Disposable {
  readonly #namespace = createNamespace();
  readonly reactor = new PollReactor();

  get fd(): number {
    return this.#namespace.number;
  }

  /** Runs the loop until `done()`, at most 2 s on an idle machine. Returns false after this time. */
  until(done: () => boolean): boolean {
    const end = performance.now() + patient(2000);
    while (!done()) {
      if (performance.now() > end) return false;
      this.reactor.turn(20);
    }
    return true;
  }

  /** Runs the loop for `ms` milliseconds at normal machine speed, and for some turns at least. */
  settle(ms = 30): void {
    const end = performance.now() + patient(ms);
    for (
      let turns = 0;
      turns < SETTLE_TURNS || performance.now() < end;
      turns++
    ) {
      this.reactor.turn(ms / SETTLE_TURNS);
    }
  }

  [Symbol.dispose](): void {
    this.#namespace.close();
  }
}

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;

/** Opens a UDP socket in a namespace. */
export function udpSocket(netns: number): Fd {
  return new Fd(
    withNamespace(netns, () => libc().socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0)),
  );
}

/** Joins or leaves an IPv4 group on an interface (IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP). */
export function setMembership(
  socket: Fd,
  group: number,
  ifindex: number,
  joined: boolean,
): void {
  // struct ip_mreqn: group, local address, index.
  const request = new Uint8Array(12);
  const view = new DataView(request.buffer);
  view.setInt32(0, group, false);
  view.setInt32(8, ifindex, true);
  const name = joined ? 35 : 36;
  if (libc().setsockopt(socket.number, 0, name, request, 12) < 0) {
    throw new Error(`setsockopt ${name} failed`);
  }
}

function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i]! << 8 | (bytes[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Returns a TAP frame: a zero virtio header, an Ethernet header and a UDP packet without UDP checksum. */
export function udpFrame(
  source: number,
  destination: number,
  port: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + 28 + payload.length);
  writeEthernetHeader(
    new DataView(frame.buffer),
    VNET_HEADER_LENGTH,
    EthernetKind.Host,
    EtherType.Ipv4,
  );
  const view = new DataView(frame.buffer, FRAME_HEADER_LENGTH);
  view.setUint8(0, 0x45);
  view.setUint16(2, 28 + payload.length);
  view.setUint8(8, 64);
  view.setUint8(9, 17);
  view.setInt32(12, source);
  view.setInt32(16, destination);
  view.setUint16(10, internetChecksum(frame.subarray(26, 46)));
  view.setUint16(20, 4000);
  view.setUint16(22, port);
  view.setUint16(24, 8 + payload.length);
  frame.set(payload, FRAME_HEADER_LENGTH + 28);
  return frame;
}

/** Returns the index of a link in the namespace of the socket. */
export function indexOf(requests: RequestSocket, name: string): number {
  let found: number | undefined;
  requests.request(
    linkRequest(RTM_GETLINK, 0).attributeString(IFLA_IFNAME, name),
    "E_TEST",
    `find ${name}`,
    (message) => found = parseLink(message)?.ifindex,
  );
  return found!;
}

/** Parses `10.0.0.1` to a signed 32-bit integer. */
export function ip(text: string): number {
  return text.split(".").reduce((sum, byte) => sum << 8 | Number(byte), 0);
}

/** Parses an IPv4 address. */
export function address(text: string): IpAddress {
  return IpAddress.ipv4(ip(text));
}

/** Opens a device `ib0` in a namespace, by default with 8 slots for frames of any length. */
export function openTestNetdev(
  { reactor, fd }: { readonly reactor: Reactor; readonly fd: number },
  options: Partial<NetdevOptions> = {},
): TapNetdev {
  const memory = new FakeFrames(8, 65_536 + FRAME_HEADER_LENGTH);
  return openNetdev(reactor, { name: "ib0", netns: fd, memory, ...options });
}
