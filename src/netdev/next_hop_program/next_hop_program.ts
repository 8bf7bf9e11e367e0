/** Attaches the next-hop program to an interface. */

import type { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import { GatewayPrefixes } from "../gateway_prefixes.ts";
import { attachAtEgress, checkEgress } from "./attach.ts";
import { kernelTypes } from "./kernel_types.ts";
import { loadClassifier } from "./load.ts";
import { createPrefixMap, readPrefixMap } from "./prefix_map.ts";
import { nextHopProgram } from "./program.ts";

/** Name of the program in `bpftool prog`. */
const NAME = "ipoib_next_hop";

/** An attached next-hop program (program.ts). */
export class NextHopProgram implements Disposable {
  readonly #link: Fd;
  readonly #map: Fd;
  /** The IPv6 gateways of its frames. */
  readonly prefixes: GatewayPrefixes;

  constructor(link: Fd, map: Fd) {
    this.#link = link;
    this.#map = map;
    this.prefixes = new GatewayPrefixes((table) => readPrefixMap(map, table));
  }

  /** Detaches the program. The kernel also detaches it when the process ends. */
  close(): void {
    this.#link.close();
    this.#map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Attaches the program to interface `ifindex` of `netns`, an open network namespace, or of the calling thread's
 * namespace. The program stays attached when the interface is renamed or moved. The frames of the interface must start
 * with an Ethernet header, as those of a TAP do, because the program overwrites their first bytes. Throws
 * `E_NEXT_HOP_PROGRAM` with errno and hint if the kernel lacks a feature or the process lacks privileges, and `E_NETNS`
 * if the namespace cannot be entered.
 */
export function attachNextHopProgram(
  ifindex: number,
  netns?: number,
): NextHopProgram {
  const inside = <T>(fn: () => T): T =>
    netns === undefined ? fn() : withNamespace(netns, fn);
  inside(() => checkEgress(ifindex));
  using parts = new DisposableStack();
  const types = kernelTypes();
  const map = parts.use(createPrefixMap());
  using program = loadClassifier(NAME, nextHopProgram(types, map.number));
  const link = inside(() => attachAtEgress(program, ifindex));
  parts.move();
  return new NextHopProgram(link, map);
}
