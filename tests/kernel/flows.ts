/**
 * Pings through ipoib beside those through an ib_ipoib, while an event occurs on the ports of both. If the outage of
 * ib_ipoib exceeds the limit, the fabric itself was down, and ipoib may take longer by that outage.
 */

import { assert } from "@std/assert";
import type { Fabric } from "../../scripts/rig/fabric.ts";
import type { Flow, Outage } from "../../scripts/rig/outage.ts";

/** Returns the flows to and from ipoib, then those to and from an ib_ipoib; the other end of each is a second ib_ipoib. */
export function flows({ a, b, c }: Fabric, net = "10.44.0"): Flow[] {
  return [
    { name: "to ipoib", from: a, to: `${net}.3` },
    { name: "from ipoib", from: c, to: `${net}.1` },
    { name: "to ib_ipoib", from: a, to: `${net}.2` },
    { name: "from ib_ipoib", from: b, to: `${net}.1` },
  ];
}

/** Checks that the pauses of ipoib in the outages of {@linkcode flows} do not exceed the limit at normal machine speed. */
export function assertPauses(
  { c }: Fabric,
  found: readonly Outage[],
  limitMs: number,
): void {
  const limit = c.patient(limitMs);
  const [toOurs, fromOurs, toKernel, fromKernel] = found as [
    Outage,
    Outage,
    Outage,
    Outage,
  ];
  const allowed = (kernel: Outage) =>
    kernel.pauseMs > limit ? kernel.pauseMs + limit : limit;
  assert(toOurs.pauseMs <= allowed(toKernel), JSON.stringify(found));
  assert(fromOurs.pauseMs <= allowed(fromKernel), JSON.stringify(found));
}

/** Runs a script on a guest with ib_ipoib and on the guest with ipoib. */
export function onBoth({ b, c }: Fabric, script: string): Promise<unknown> {
  return Promise.all([b.must(script), c.must(script)]);
}
