/** Activities during the traffic: hosts that start and stop, groups, flaps, commands. */

import {
  type Host,
  membershipSockets,
  pause,
} from "../../../tests/e2e/harness/mod.ts";
import type { Random } from "../../../tests/wire/support.ts";

const GROUPS = 15;
const STAY_MS = 2000;
const FLAP_MS = 1000;

/** Repeats an activity and counts it. */
export class Churn {
  readonly name: string;
  count = 0;
  readonly #step: () => Promise<number>;

  /** @param step runs the activity once and returns the increment of the count */
  constructor(name: string, step: () => Promise<number>) {
    this.name = name;
    this.#step = step;
  }

  /** Repeats the activity until `ended` returns true. */
  async run(ended: () => boolean): Promise<void> {
    while (!ended()) this.count += await this.#step();
  }
}

/** Starts a host, waits until it is reachable, and stops it with SIGTERM or SIGKILL. */
export function visitor(host: Host, peer: Host, next: Random): Churn {
  return new Churn("hosts that came and went", async () => {
    const daemon = await host.up();
    await peer.reaches(host);
    await pause(next(STAY_MS));
    daemon.kill(next(2) ? "SIGTERM" : "SIGKILL");
    await daemon.exit();
    return 1;
  });
}

/** Joins and leaves groups. */
export function groups(host: Host, next: Random): Churn {
  return new Churn("groups joined and left", async () => {
    using _joined = await membershipSockets(host, GROUPS);
    await pause(next(STAY_MS));
    return GROUPS;
  });
}

/** Sets an interface down and up. */
export function flaps(host: Host, next: Random): Churn {
  return new Churn("flaps", async () => {
    for (const state of ["down", "up"]) {
      await host.ip("link", "set", "ib0", state);
      await pause(next(FLAP_MS));
    }
    return 1;
  });
}

/** Runs commands that list interfaces, neighbours, groups and paths. */
export function commands(host: Host, next: Random): Churn {
  const methods = ["link.show", "neigh.show", "mcg.show", "path.show"];
  return new Churn("commands", async () => {
    const method = methods[next(methods.length)] as "link.show";
    await host.call(method, { name: "ib0" });
    await pause(next(FLAP_MS));
    return 1;
  });
}
