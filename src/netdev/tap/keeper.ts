/**
 * Ways to keep the network devices of a process that ends unexpectedly, for the process that is started after it.
 *
 * | way     | the device exists until                                           | carrier without a process |
 * |---------|-------------------------------------------------------------------|---------------------------|
 * | none    | its process ends                                                  | -                         |
 * | persist | it is deleted, or a process takes it over without this option     | off                       |
 * | store   | the service manager stops the unit, and with it its descriptors   | unchanged                 |
 *
 * `store` is the descriptor store of systemd (sd_notify(3), FDSTORE=1): a device without a unit cannot remain.
 */

import { getLogger } from "../../base/log.ts";
import { notify } from "../../system/notify.ts";
import type { Tap } from "./tap.ts";

export type KeeperKind = "none" | "persist" | "store";

export interface DeviceKeeper {
  /** Keeps a device that was created or taken over. */
  keep(tap: Tap): void;
  /** Keeps a device no longer, because it is about to be closed. */
  release(tap: Tap): void;
}

/** @param socket path of the service manager's socket, for `store` */
export function deviceKeeper(
  kind: KeeperKind,
  socket: string | undefined,
): DeviceKeeper {
  switch (kind) {
    case "none":
      return { keep: makeTransient, release: () => {} };
    case "persist":
      return { keep: makePersistent, release: makeTransient };
    case "store":
      return {
        keep: (tap) => {
          makeTransient(tap);
          notify(`FDSTORE=1\nFDNAME=${tap.label}`, socket, [tap.fd]);
        },
        release: ({ label }) =>
          notify(`FDSTOREREMOVE=1\nFDNAME=${label}`, socket),
      };
  }
}

function makePersistent(tap: Tap): void {
  if (tap.setPersistent(true)) return;
  getLogger(tap.name).warn(
    "The kernel refuses to make the interface persistent: it will not survive an unexpected end of this process",
  );
}

/** The device may be persistent because an earlier process has made it so. */
function makeTransient(tap: Tap): void {
  tap.setPersistent(false);
}
