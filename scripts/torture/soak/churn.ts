/** What goes on beside the traffic: hosts that come and go, groups, flaps, commands. */

import { type Host, pause } from "../../../tests/e2e/harness/mod.ts";
import type { Random } from "../../../tests/wire/support.ts";
import { GroupSockets } from "../group_sockets.ts";

const GROUPS = 15;
const STAY_MS = 2000;
const FLAP_MS = 1000;

/** One kind of disturbance, again and again until `ended` says so; counts what it did. */
export interface Churn {
  readonly name: string;
  run(ended: () => boolean): Promise<void>;
  count: number;
}

/** A host comes, is reached, and goes: by a signal or by kill -9. */
export function visitor(host: Host, peer: Host, next: Random): Churn {
  const churn: Churn = {
    name: "hosts that came and went",
    count: 0,
    async run(ended) {
      while (!ended()) {
        const daemon = await host.up();
        await peer.reaches(host);
        await pause(next(STAY_MS));
        daemon.kill(next(2) ? "SIGTERM" : "SIGKILL");
        await daemon.exit();
        churn.count++;
      }
    },
  };
  return churn;
}

/** Groups are joined and left. */
export function groups(host: Host, next: Random): Churn {
  const churn: Churn = {
    name: "groups joined and left",
    count: 0,
    async run(ended) {
      while (!ended()) {
        using _joined = GroupSockets.join(host, GROUPS);
        await pause(next(STAY_MS));
        churn.count += GROUPS;
      }
    },
  };
  return churn;
}

/** An interface goes down and comes up. */
export function flaps(host: Host, next: Random): Churn {
  const churn: Churn = {
    name: "flaps",
    count: 0,
    async run(ended) {
      while (!ended()) {
        for (const state of ["down", "up"]) {
          await host.ip("link", "set", "ib0", state);
          await pause(next(FLAP_MS));
        }
        churn.count++;
      }
    },
  };
  return churn;
}

/** Commands ask for everything there is. */
export function commands(host: Host, next: Random): Churn {
  const churn: Churn = {
    name: "commands",
    count: 0,
    async run(ended) {
      const methods = ["link.show", "neigh.show", "mcg.show", "path.show"];
      while (!ended()) {
        const method = methods[next(methods.length)] as "link.show";
        await host.call(method, { name: "ib0" });
        await pause(next(FLAP_MS));
        churn.count++;
      }
    },
  };
  return churn;
}
