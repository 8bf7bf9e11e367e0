/** Attaches the next-hop program to an interface. */

import { Fd } from "../../system/fd.ts";
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

  /** Returns the descriptors, whose last close detaches the program, and transfers their ownership to the caller. */
  release(): number[] {
    return [this.#link.release(), this.#map.release()];
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A program that is loaded into the kernel and not attached, and its map. */
export class LoadedProgram implements Disposable {
  readonly #program: Fd;
  readonly #map: Fd;

  constructor(program: Fd, map: Fd) {
    this.#program = program;
    this.#map = map;
  }

  /** The descriptor of the program. */
  get number(): number {
    return this.#program.number;
  }

  /** Returns the program once it is attached, with `link` as the descriptor of the attachment (attach.ts). */
  attached(link: Fd): NextHopProgram {
    const map = new Fd(this.#map.release());
    this.close();
    return new NextHopProgram(link, map);
  }

  close(): void {
    this.#program.close();
    this.#map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Loads the program. Throws `E_NEXT_HOP_PROGRAM` with errno and hint. */
export function loadNextHopProgram(): LoadedProgram {
  using parts = new DisposableStack();
  const types = kernelTypes();
  const map = parts.use(createPrefixMap());
  const program = loadClassifier(NAME, nextHopProgram(types, map.number));
  parts.move();
  return new LoadedProgram(program, map);
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
  using loaded = loadNextHopProgram();
  return loaded.attached(inside(() => attachAtEgress(loaded, ifindex)));
}
