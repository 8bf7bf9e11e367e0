/**
 * The network devices of children: their creation and deletion, without the waits for the kernel that would stop the
 * packets of the other interfaces (device_thread.ts).
 */

import { IpoibError } from "../base/errors.ts";
import type { OpenNetdev } from "../ipoib/device.ts";
import {
  type NetdevOptions,
  openNetdev,
  openNextHopProgram,
  type TapNetdev,
} from "../netdev/open_netdev.ts";
import {
  type LoadedProgram,
  loadNextHopProgram,
  type NextHopProgram,
} from "../netdev/next_hop_program/next_hop_program.ts";
import { openTap } from "../netdev/tap/open_tap.ts";
import type { Tap, TapLocation } from "../netdev/tap/tap.ts";
import { Errno } from "../base/errno.ts";
import { closeAll, Fd } from "../system/fd.ts";
import type { Reactor } from "../system/reactor.ts";
import type { ChildDevices } from "./commands/context.ts";
import { DeviceThread } from "./device_thread.ts";
import { Later } from "./thread/commands.ts";

/** Options of all devices of children. */
type CommonOptions = Pick<
  NetdevOptions,
  "memberships" | "nextHops" | "txQueueLength" | "offload" | "keeper"
>;

export class TapChildDevices implements ChildDevices {
  readonly #reactor: Reactor;
  readonly #thread: DeviceThread;
  readonly #parent: TapNetdev;
  readonly #options: CommonOptions;
  /** Devices whose program is being attached, and their parts. */
  readonly #waiting = new Map<Tap, DisposableStack>();
  #closed = false;

  constructor(reactor: Reactor, parent: TapNetdev, options: CommonOptions) {
    this.#reactor = reactor;
    this.#thread = new DeviceThread(reactor);
    this.#parent = parent;
    this.#options = options;
  }

  /** @param left the device of a child that an earlier process has left, instead of a new one */
  create<T>(
    name: string,
    use: (open: OpenNetdev) => T,
    left?: Tap,
  ): Later<T> {
    return new Later((done, fail) => {
      using parts = new DisposableStack();
      if (left) parts.use(left);
      const place = parts.use(left?.locate() ?? this.#place());
      const options = { ...this.#options, name, netns: place.netns };
      const tap = left ?? parts.use(openTap(options));
      this.#attach(tap, place.netns, parts.move(), (attach) => {
        using _place = place;
        try {
          done(this.#use(options, tap, attach, use));
        } catch (error) {
          fail(error);
        }
      });
    });
  }

  afterDeletion<T>(result: T): Later<T> {
    return new Later((done) => this.#thread.afterTasks(() => done(result)));
  }

  /**
   * Ends the creation of devices, and closes the descriptors of removed children: from now on at once. The kernel deletes
   * the devices.
   */
  close(): void {
    for (const tap of this.#waiting.keys()) this.#keepNoLonger(tap);
    this.leave();
  }

  /** As {@linkcode close}; the devices that an earlier process has left stay for another one. */
  leave(): void {
    this.#closed = true;
    this.#thread.close();
    for (const parts of this.#waiting.values()) parts.dispose();
  }

  /** Called before a device is closed that no child has: an earlier process may have kept it. */
  #keepNoLonger(tap: Tap): void {
    if (tap.adopted) this.#options.keeper?.release(tap);
  }

  #close(descriptors: readonly number[]): void {
    if (this.#closed) closeAll(descriptors);
    else this.#thread.run({ type: "close", descriptors });
  }

  /**
   * Attaches the program in the device thread, if the parent has one. Calls `then` with a function that returns the
   * program or the text for `nextHopSource`, or throws. `parts` are closed if `close()` comes first.
   */
  #attach(
    tap: Tap,
    netns: number,
    parts: DisposableStack,
    then: (attach: () => NextHopProgram | string) => void,
  ): void {
    const attachHere = () =>
      openNextHopProgram(this.#options.nextHops, tap, netns);
    const loaded = this.#load();
    if (!loaded) return then(attachHere);
    parts.use(loaded);
    this.#waiting.set(tap, parts);
    const { ifindex } = tap;
    this.#thread.run(
      { type: "attach", program: loaded.number, netns, ifindex },
      (link) => {
        this.#waiting.delete(tap);
        if (link >= 0) return then(() => loaded.attached(new Fd(link)));
        loaded.close();
        // The attempt in this thread has the error for `link show`.
        then(attachHere);
      },
    );
  }

  /** Returns undefined if the parent has no program, or if it cannot be loaded. */
  #load(): LoadedProgram | undefined {
    if (this.#parent.nextHopSource !== "program") return undefined;
    try {
      return loadNextHopProgram();
    } catch {
      return undefined;
    }
  }

  /** Returns the result of `use`. Closes the TAP and the program if it throws before it has opened the device. */
  #use<T>(
    options: Omit<NetdevOptions, "memory">,
    tap: Tap,
    attach: () => NextHopProgram | string,
    use: (open: OpenNetdev) => T,
  ): T {
    let program: NextHopProgram | string | undefined;
    let opened = false;
    try {
      const device = { tap, program: program = attach() };
      return use((_name, memory) => {
        const netdev = openNetdev(this.#reactor, {
          ...options,
          memory,
          device,
          closeDescriptors: (each) => this.#close(each),
        });
        opened = true;
        return netdev;
      });
    } catch (error) {
      if (!opened) {
        this.#keepNoLonger(tap);
        const held = typeof program === "object" ? program.release() : [];
        this.#close([tap.release(), ...held]);
      }
      throw error;
    }
  }

  /** Returns the location of the parent: children are created in its namespace, as in ib_ipoib. */
  #place(): TapLocation {
    const place = this.#parent.tap.locate();
    if (place) return place;
    throw new IpoibError(
      "E_NETDEV_GONE",
      `Network interface ${this.#parent.name} does not exist`,
      { errno: Errno.ENODEV },
    );
  }
}
