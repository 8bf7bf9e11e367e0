/** The program that tells next hops, on an interface. */

import type { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import { attachAtEgress, checkEgress } from "./attach.ts";
import { kernelTypes } from "./kernel_types.ts";
import { loadClassifier } from "./load.ts";
import { nextHopProgram } from "./program.ts";

/** As `bpftool prog` shows it. */
const NAME = "ipoib_next_hop";

/** The program while it is attached; see program.ts for what it writes. */
export class NextHopProgram implements Disposable {
  readonly #link: Fd;

  constructor(link: Fd) {
    this.#link = link;
  }

  /** Detaches the program; so does the end of the process. */
  close(): void {
    this.#link.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Attaches the program to interface `ifindex` of `netns`, an open network namespace, or of the calling thread's own. It
 * stays when the interface is renamed, or moves to another namespace. The interface's frames must begin with an Ethernet
 * header, as a TAP's do: without one the program would write over the packet. Throws `E_NEXT_HOP_PROGRAM` with errno and a hint where the kernel or the
 * process's privileges do not allow it, and `E_NETNS` if the namespace cannot be entered.
 */
export function attachNextHopProgram(
  ifindex: number,
  netns?: number,
): NextHopProgram {
  const inside = <T>(fn: () => T): T =>
    netns === undefined ? fn() : withNamespace(netns, fn);
  inside(() => checkEgress(ifindex));
  using program = loadClassifier(NAME, nextHopProgram(kernelTypes()));
  return new NextHopProgram(inside(() => attachAtEgress(program, ifindex)));
}
