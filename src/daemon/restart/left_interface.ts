/** What an earlier process has left of an interface: its record, and descriptors of its devices. */

import { IpoibError } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import { adoptTap, attachTap } from "../../netdev/tap/adopt_tap.ts";
import type { Tap } from "../../netdev/tap/tap.ts";
import { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import type { SavedInterface, SavedLink } from "./saved_interface.ts";

/** The parts of an interface that an earlier process has left; can be sent to a worker. */
export interface LeftInterface {
  readonly saved?: SavedInterface;
  /** False if the settings of the parent come from the options of this process, which the user has changed. */
  readonly settings: boolean;
  /** Descriptors of the devices by {@linkcode Tap.label}. Their ownership is transferred. */
  readonly taps: Readonly<Record<string, number>>;
}

/** The devices of a {@linkcode LeftInterface}. Disposal closes the descriptors that were not taken. */
export class LeftDevices implements Disposable {
  readonly #descriptors: Map<string, Fd>;

  constructor(left: LeftInterface | undefined) {
    const taps = Object.entries(left?.taps ?? {});
    this.#descriptors = new Map(taps.map(([label, fd]) => [label, new Fd(fd)]));
  }

  /**
   * Takes a device: by its descriptor, or if it is persistent by its name in the namespace `netns`. Returns undefined if
   * it does not exist any more.
   */
  take(link: SavedLink, netns: number): Tap | undefined {
    const { name, label, takesUdpFrames } = link;
    const facts = { label, takesUdpFrames };
    const fd = this.#descriptors.get(label);
    this.#descriptors.delete(label);
    try {
      if (fd) return adoptTap(fd, facts);
      return withNamespace(netns, () => attachTap(name, facts));
    } catch (error) {
      getLogger(name).warn(IpoibError.from(error).message);
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#descriptors.values()) fd.close();
  }
}
