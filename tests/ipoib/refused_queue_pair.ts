/** A device that refuses queue pairs, for tests. */

import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import type { FakeCall } from "../../src/hca/fake_transport.ts";

/** Returns an `onCall` of a fake port that refuses queue pairs while `refused` returns true. */
export function refuseQueuePairs(
  refused: () => boolean,
): (call: FakeCall) => void {
  return (call) => {
    if (call !== "createUdQp" || !refused()) return;
    throw new IpoibError("E_VERBS", "Cannot create a queue pair", {
      errno: Errno.ENOMEM,
    });
  };
}
