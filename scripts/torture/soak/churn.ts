/** What goes on beside the traffic: hosts that come and go, groups, flaps, commands. */

import {
  type Host,
  membershipSockets,
  pause,
} from "../../../tests/e2e/harness/mod.ts";
import type { Random } from "../../../tests/wire/support.ts";

const GROUPS = 15;
const STAY_MS = 2000;
const FLAP_MS = 1000;

/** One kind of disturbance, again and again until `ended` says so; counts what it did. */
export class Churn {
  readonly name: string;
  count = 0;
  readonly #step: () => Promise<number>;

  /** @param step does it once; returns what is added to the count */
  constructor(name: string, step: () => Promise<number>) {
    this.name = name;
    this.#step = step;
  }

  async run(ended: () => boolean): Promise<void> {
    while (!ended()) this.count += await this.#step();
  }
}

/** A host comes, is reached, and goes: by a signal or by kill -9. */
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

/** Groups are joined and left. */
export function groups(host: Host, next: Random): Churn {
  return new Churn("groups joined and left", async () => {
    using _joined = membershipSockets(host, GROUPS);
    await pause(next(STAY_MS));
    return GROUPS;
  });
}

/** An interface goes down and comes up. */
export function flaps(host: Host, next: Random): Churn {
  return new Churn("flaps", async () => {
    for (const state of ["down", "up"]) {
      await host.ip("link", "set", "ib0", state);
      await pause(next(FLAP_MS));
    }
    return 1;
  });
}

/** Commands ask for everything there is. */
export function commands(host: Host, next: Random): Churn {
  const methods = ["link.show", "neigh.show", "mcg.show", "path.show"];
  return new Churn("commands", async () => {
    const method = methods[next(methods.length)] as "link.show";
    await host.call(method, { name: "ib0" });
    await pause(next(FLAP_MS));
    return 1;
  });
}
