/** What the tests of this folder share: whether they can run, an interface of link type 32, and what is expected of it. */

import { BpfTcx } from "../../../ffi/bpf.ts";
import {
  assemble,
  exit,
  R,
  set,
} from "../../../src/netdev/next_hop_program/assembler.ts";
import { attachAtEgress } from "../../../src/netdev/next_hop_program/attach.ts";
import { loadClassifier } from "../../../src/netdev/next_hop_program/load.ts";
import {
  attachNextHopProgram,
  type NextHopProgram,
} from "../../../src/netdev/next_hop_program/next_hop_program.ts";
import { NEXT_HOP_KNOWN } from "../../../src/wire/told_next_hop.ts";
import { indexOf } from "../support.ts";
import { RequestSocket } from "../../../src/netdev/rtnetlink/socket.ts";
import type { Fd } from "../../../src/system/fd.ts";
import {
  createNamespace,
  withNamespace,
} from "../../../src/system/namespace.ts";
import { parseIpv4 } from "../../../src/wire/ipv4_address.ts";
import { testWhere } from "../../test_where.ts";
import { Place, type Sending } from "./place.ts";
import { type Frame, LinkType, Tap } from "./tap.ts";

const LOOPBACK = 1;
const ETHERTYPE_IPV4 = "0800";

/** Why there is no file of the kernel's types, or undefined. */
export function whyNoBtf(): string | undefined {
  try {
    Deno.statSync("/sys/kernel/btf/vmlinux");
    return undefined;
  } catch {
    return "the kernel has no BTF";
  }
}

/** A program that returns `result` for every frame. */
export function constantProgram(result: number): Fd {
  return loadClassifier("constant", assemble([set(R.R0, result), exit()]));
}

function why(): string | undefined {
  if (Deno.uid() !== 0) return "needs root";
  try {
    Deno.statSync("/dev/net/tun");
    // Not the program itself: what is wrong with that must not skip its tests.
    using program = constantProgram(BpfTcx.NEXT);
    using netns = createNamespace();
    withNamespace(netns.number, () => attachAtEgress(program, LOOPBACK))
      .close();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return whyNoBtf();
}

const reason = why();

/** A test that attaches programs; skipped, with the reason in its name, where the kernel cannot. */
export function programTest(
  name: string,
  fn: () => void | Promise<void>,
): void {
  testWhere(reason, name, fn);
}

/** Types of routes, as the program writes them. */
export const RouteType = { Unicast: 1, Broadcast: 3, Multicast: 5 } as const;

/** The Ethernet destination that the program writes. */
export function told(type: number, gateway = "0.0.0.0"): string {
  const bytes = new Uint8Array(6);
  bytes.set([NEXT_HOP_KNOWN, type]);
  new DataView(bytes.buffer).setInt32(2, parseIpv4(gateway)!);
  return bytes.toHex();
}

/** What the kernel writes for a destination without a link-layer address. */
export const UNTOLD = "000000000000";

/** ib0, 10.1.0.1/24, of link type 32, with the neighbours 10.1.0.7 to 10.1.0.9, in a namespace of its own. */
export class Rig implements Disposable {
  readonly place = new Place();
  readonly tap = new Tap(
    this.place.fd,
    "ib0",
    new Uint8Array([2, 0, 0, 0, 0, 1]),
    LinkType.InfiniBand,
  );

  constructor() {
    this.place.ip("link set lo up");
    configure(this.place, "ib0");
  }

  get ifindex(): number {
    using requests = new RequestSocket(this.place.fd);
    return indexOf(requests, "ib0");
  }

  attach(): NextHopProgram {
    return attachNextHopProgram(this.ifindex, this.place.fd);
  }

  /** Sends a datagram: the frame that it becomes. */
  frame(to: string, sending?: Sending): Frame {
    return this.frames(to, sending)[0]!;
  }

  /** Sends a datagram: the frames that it becomes. */
  frames(to: string, sending?: Sending): Frame[] {
    this.place.send(to, sending);
    return this.tap.until(isTo(to));
  }

  /** Sends a datagram: the Ethernet destination of its frame. */
  destination(to: string, sending?: Sending): string {
    return this.frame(to, sending).destination;
  }

  [Symbol.dispose](): void {
    this.tap.close();
    this.place[Symbol.dispose]();
  }
}

/** Configures an interface that just came into a namespace, as {@linkcode Rig} has it. */
export function configure(place: Place, name: string): void {
  place.ip(
    `link set ${name} mtu 2044 up`,
    `address add 10.1.0.1/24 dev ${name}`,
    ...[7, 8, 9].map((i) =>
      `neighbour add 10.1.0.${i} dev ${name} nud permanent`
    ),
    `route add 10.5.0.0/16 via 10.1.0.7 dev ${name}`,
  );
}

/** Takes IPv4 packets to an address. */
export function isTo(address: string): (frame: Frame) => boolean {
  return ({ type, packet }) =>
    type === ETHERTYPE_IPV4 && packet.subarray(16, 20).join(".") === address;
}
