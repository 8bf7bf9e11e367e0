/** Shared by the tests of the next-hop program: skip reasons, an interface of link type 32, expected values. */

import { BpfTcx } from "../../../ffi/bpf.ts";
import {
  add,
  assemble,
  callHelper,
  exit,
  move,
  R,
  set,
  storeValue,
  Width,
} from "../../../src/netdev/next_hop_program/assembler.ts";
import { attachAtEgress } from "../../../src/netdev/next_hop_program/attach.ts";
import { loadClassifier } from "../../../src/netdev/next_hop_program/load.ts";
import {
  attachNextHopProgram,
  type NextHopProgram,
} from "../../../src/netdev/next_hop_program/next_hop_program.ts";
import { NEXT_HOP_KNOWN } from "../../../src/wire/kernel_next_hop.ts";
import { indexOf } from "../support.ts";
import { RequestSocket } from "../../../src/netdev/rtnetlink/socket.ts";
import type { Fd } from "../../../src/system/fd.ts";
import {
  createNamespace,
  withNamespace,
} from "../../../src/system/namespace.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { Ipv4Field } from "../../../src/wire/ipv4.ts";
import { parseIpv4 } from "../../../src/wire/ipv4_address.ts";
import { Ipv6Field } from "../../../src/wire/ipv6_header.ts";
import { testWhere } from "../../test_where.ts";
import { type Sending, TestHost } from "./test_host.ts";
import { type Frame, LinkType, Tap } from "./tap.ts";

const LOOPBACK = 1;
/** bpf_skb_set_tunnel_key() (`linux/bpf.h`). */
const FUNC_SKB_SET_TUNNEL_KEY = 21;
const ETHERTYPE_IPV4 = "0800";
const ETHERTYPE_IPV6 = "86dd";

/** Returns the skip reason if the kernel has no BTF, or undefined. */
export function missingBtf(): string | undefined {
  try {
    Deno.statSync("/sys/kernel/btf/vmlinux");
    return undefined;
  } catch {
    return "the kernel has no BTF";
  }
}

/** Loads a program that returns `result` for every frame. */
export function constantProgram(result: number): Fd {
  return loadClassifier("constant", assemble([set(R.R0, result), exit()]));
}

function findMissing(): string | undefined {
  if (Deno.uid() !== 0) return "needs root";
  try {
    Deno.statSync("/dev/net/tun");
    // Not the tested program: its errors must not skip the tests.
    using program = constantProgram(BpfTcx.NEXT);
    using netns = createNamespace();
    withNamespace(netns.number, () => attachAtEgress(program, LOOPBACK))
      .close();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return missingBtf();
}

const missing = findMissing();

/** Registers a test that attaches programs. If that is impossible, it is skipped with the reason in its name. */
export function programTest(
  name: string,
  fn: () => void | Promise<void>,
): void {
  testWhere(missing, name, fn);
}

/** Route types that the program writes. */
export const RouteType = { Unicast: 1, Broadcast: 3, Multicast: 5 } as const;

/** Returns the Ethernet destination that the program writes, in hexadecimal. */
export function nextHop(type: number, gateway = "0.0.0.0"): string {
  const bytes = new Uint8Array(6);
  bytes.set([NEXT_HOP_KNOWN, type]);
  new DataView(bytes.buffer).setInt32(2, parseIpv4(gateway)!);
  return bytes.toHex();
}

/** The Ethernet destination that the kernel writes for a neighbour without a link-layer address. */
export const NO_NEXT_HOP = "000000000000";

/** A namespace with ib0 of link type 32, with address 10.1.0.1/24 and neighbours 10.1.0.7 to 10.1.0.9. */
export class Rig implements Disposable {
  readonly host = new TestHost();
  readonly tap = new Tap(
    this.host.fd,
    "ib0",
    new Uint8Array([2, 0, 0, 0, 0, 1]),
    LinkType.InfiniBand,
  );

  constructor() {
    this.host.ip("link set lo up");
    configure(this.host, "ib0");
  }

  get ifindex(): number {
    using requests = new RequestSocket(this.host.fd);
    return indexOf(requests, "ib0");
  }

  attach(): NextHopProgram {
    return attachNextHopProgram(this.ifindex, this.host.fd);
  }

  /** Sends a datagram and returns its first frame. */
  frame(to: string, sending?: Sending): Frame {
    return this.frames(to, sending)[0]!;
  }

  /** Sends a datagram and returns its frames. */
  frames(to: string, sending?: Sending): Frame[] {
    this.host.send(to, sending);
    return this.tap.until(isTo(to));
  }

  /** Sends a datagram and returns the Ethernet destination of its first frame. */
  destination(to: string, sending?: Sending): string {
    return this.frame(to, sending).destination;
  }

  [Symbol.dispose](): void {
    this.tap.close();
    this.host[Symbol.dispose]();
  }
}

/** Configures an interface like that of {@linkcode Rig}. */
export function configure(host: TestHost, name: string): void {
  host.ip(
    `link set ${name} mtu 2044 up`,
    `address add 10.1.0.1/24 dev ${name}`,
    ...[7, 8, 9].map((i) =>
      `neighbour add 10.1.0.${i} dev ${name} nud permanent`
    ),
    `route add 10.5.0.0/16 via 10.1.0.7 dev ${name}`,
  );
}

/** Returns a predicate for packets to an address. */
export function isTo(address: string): (frame: Frame) => boolean {
  const wanted = IpAddress.parse(address)!;
  const [etherType, at] = wanted.isIpv4
    ? [ETHERTYPE_IPV4, Ipv4Field.Destination]
    : [ETHERTYPE_IPV6, Ipv6Field.Destination];
  const bytes = wanted.bytes();
  return ({ type, packet }) =>
    type === etherType &&
    packet.subarray(at, at + bytes.length).toHex() === bytes.toHex();
}

/** Returns the gateways that `ip route get` prints, one per flow. */
export function gateways(rig: Rig, ...flows: string[]): string[] {
  const output = rig.host.ip(...flows.map((flow) => `route get ${flow}`));
  return [...output.matchAll(/ via (\S+)/g)].map(([, gateway]) => gateway!);
}

/** Loads a program that replaces the route of a frame with tunnel metadata, as tunnels do. */
export function tunnelProgram(): Fd {
  const KEY_LENGTH = 8;
  return loadClassifier(
    "tunnel",
    assemble([
      storeValue(Width.Double, R.R10, -KEY_LENGTH, 0),
      move(R.R2, R.R10),
      add(R.R2, -KEY_LENGTH),
      set(R.R3, KEY_LENGTH),
      set(R.R4, 0),
      callHelper(FUNC_SKB_SET_TUNNEL_KEY),
      set(R.R0, BpfTcx.NEXT),
      exit(),
    ]),
  );
}
