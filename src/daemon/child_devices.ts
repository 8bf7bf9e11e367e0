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
  loadNextHopProgram,
  type NextHopProgram,
} from "../netdev/next_hop_program/next_hop_program.ts";
import { openTap } from "../netdev/tap/open_tap.ts";
import type { TapLocation } from "../netdev/tap/tap.ts";
import { Errno } from "../base/errno.ts";
import { Fd } from "../system/fd.ts";
import type { Reactor } from "../system/reactor.ts";
import type { ChildDevices } from "./commands/context.ts";
import { DeviceThread } from "./device_thread.ts";
import { Later } from "./thread/commands.ts";

/** Options of all devices of children. */
type CommonOptions = Pick<
  NetdevOptions,
  "memberships" | "nextHops" | "txQueueLength" | "offload"
>;

export class TapChildDevices implements ChildDevices {
  readonly #reactor: Reactor;
  readonly #thread: DeviceThread;
  readonly #parent: TapNetdev;
  readonly #options: CommonOptions;
  /** The parts of devices whose program is being attached. */
  readonly #waiting = new Set<DisposableStack>();
  #closed = false;

  constructor(reactor: Reactor, parent: TapNetdev, options: CommonOptions) {
    this.#reactor = reactor;
    this.#thread = new DeviceThread(reactor);
    this.#parent = parent;
    this.#options = options;
  }

  create<T>(name: string, use: (open: OpenNetdev) => T): Later<T> {
    return new Later((done, fail) => {
      using parts = new DisposableStack();
      const place = parts.use(this.#place());
      const { netns } = place;
      const tap = parts.use(openTap({ ...this.#options, name, netns }));
      const options = { ...this.#options, name, netns };
      const finish = (program: NextHopProgram | string) => {
        using unused = new DisposableStack();
        unused.use(place);
        const device = { tap, program };
        let opened = false;
        try {
          done(use((_name, memory) => {
            opened = true;
            return openNetdev(this.#reactor, {
              ...options,
              memory,
              device,
              closeDescriptors: (each) => this.#close(each),
            });
          }));
        } catch (error) {
          if (!opened) {
            this.#close([
              tap.release(),
              ...typeof program === "string" ? [] : program.release(),
            ]);
          }
          fail(error);
        }
      };
      const attachHere = () =>
        finish(openNextHopProgram(options.nextHops, tap, netns));
      if (this.#parent.nextHopSource !== "program") {
        parts.move();
        return attachHere();
      }
      const loaded = parts.use(loadNextHopProgram());
      const waiting = parts.move();
      this.#waiting.add(waiting);
      this.#thread.run({
        type: "attach",
        program: loaded.number,
        netns: place.netns,
        ifindex: tap.ifindex,
      }, (link) => {
        this.#waiting.delete(waiting);
        if (link >= 0) return finish(loaded.attached(new Fd(link)));
        loaded.close();
        // The attempt in this thread has the error for `link show`.
        attachHere();
      });
    });
  }

  afterDeletion<T>(result: T): Later<T> {
    return new Later((done) => this.#thread.afterTasks(() => done(result)));
  }

  /** Ends the creation of devices, and closes the descriptors of removed children: from now on at once. */
  close(): void {
    this.#closed = true;
    this.#thread.close();
    for (const parts of this.#waiting) parts.dispose();
  }

  #close(descriptors: readonly number[]): void {
    if (this.#closed) { for (const fd of descriptors) new Fd(fd).close(); }
    else this.#thread.run({ type: "close", descriptors });
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
