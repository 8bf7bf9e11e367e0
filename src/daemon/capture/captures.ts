/** The captures of a process: starts them up to a limit, and ends those of interfaces that are deleted. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { powerOfTwo } from "../../base/units.ts";
import { CAPTURE_VERSION } from "../../capture/record.ts";
import type { HcaPort } from "../../hca/hca.ts";
import {
  namespaceIdentity,
  runtimeDirectory,
  socketDirectory,
} from "../../ipc/locate.ts";
import type { CaptureEdges, CaptureRecord } from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import { DROP_REASONS } from "../../ipoib/statistics.ts";
import { initialNamespaceInode } from "../../system/namespace_inodes.ts";
import type { Reactor } from "../../system/reactor.ts";
import { Capture } from "./capture.ts";

/** Maximum number of captures, each of which costs time per packet, and memory. */
const MAX_CAPTURES = 8;

export class Captures {
  readonly #reactor: Reactor;
  readonly #port: HcaPort;
  readonly #captures = new Set<Capture>();

  constructor(reactor: Reactor, port: HcaPort) {
    this.#reactor = reactor;
    this.#port = port;
  }

  /**
   * Starts a capture that waits for its client. Throws `E_CAPTURES` (EBUSY) at the limit, and the errors of
   * {@linkcode Capture}.
   *
   * @param bytes capacity of the ring, rounded up to a power of two
   */
  start(
    iface: IpoibInterface,
    edges: CaptureEdges,
    bytes: number,
  ): CaptureRecord {
    if (this.#captures.size >= MAX_CAPTURES) {
      throw new IpoibError(
        "E_CAPTURES",
        `${iface.name} already has ${MAX_CAPTURES} captures`,
        { errno: Errno.EBUSY, hint: "stop one of them" },
      );
    }
    const capacity = powerOfTwo(bytes);
    const capture = new Capture({
      ...{ iface, edges, capacity },
      reactor: this.#reactor,
      port: this.#port,
      directory: socketDirectoryOf(iface),
      ended: () => this.#captures.delete(capture),
    });
    this.#captures.add(capture);
    const { device, port } = this.#port.attributes;
    return {
      ...{ capacity, device, port },
      socket: capture.socket,
      version: CAPTURE_VERSION,
      reasons: [...DROP_REASONS],
    };
  }

  /** Ends the captures of other interfaces. */
  follow(interfaces: readonly IpoibInterface[]): void {
    for (const capture of [...this.#captures]) {
      if (interfaces.includes(capture.iface)) continue;
      capture.close();
      this.#captures.delete(capture);
    }
  }

  /** Ends all captures. */
  close(): void {
    this.follow([]);
  }
}

/** Returns a new name of a directory beside the control socket of an interface. */
function socketDirectoryOf({ netdev }: IpoibInterface): string {
  const { inode } = netdev.config.namespace;
  const identity = namespaceIdentity(inode, initialNamespaceInode());
  const beside = socketDirectory(runtimeDirectory(), identity);
  return `${beside}/.${crypto.randomUUID().slice(0, 8)}`;
}
