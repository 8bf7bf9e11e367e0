/**
 * The module of ib_ipoib is removed and loaded again: on a peer of ipoib, on a peer with a child interface, and on the
 * port that ipoib itself uses. The new interfaces have other QPNs.
 */

import { assert, assertEquals } from "@std/assert";
import { type Fabric, KERNELS } from "../../../scripts/rig/fabric.ts";
import { Node } from "../../../scripts/rig/node.ts";
import { type Flow, outages } from "../../../scripts/rig/outage.ts";
import { unresolved } from "../../../scripts/rig/ping.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { assertPauses } from "../flows.ts";

const CHILD = "ib0.8001";
const PKEY = 0x8001;
const NAMESPACE = "second";
const BESIDE_KERNEL = "10.44.0.12";
/** Maximum outages at normal machine speed: of a peer after its reload, and of ipoib when the other user reloads. */
const LIMIT_MS = 5000;
const UNAFFECTED_MS = 2000;
/** Seconds after which a flow is lost. An entry of a peer with an old QPN is probed after 30 s at the latest. */
const LOST_SECONDS = 60;

export function reload(fabric: Fabric): void {
  const kernelUp = (name: string, net: string) =>
    fabric.b.must(`/rig/guest/kernel-ipoib ${name} ${net}.2/24`);
  const load = async (names: Record<string, string>) => {
    await fabric.b.must("modprobe -r ib_ipoib");
    for (const [name, net] of Object.entries(names)) await kernelUp(name, net);
  };
  /** The flows of the reloaded guest `b` with ipoib, then those with ib_ipoib of guest `a`. */
  const flows = (net: string): Flow[] => {
    const { a, b, c } = fabric;
    return [
      { name: "to ipoib", from: b, to: `${net}.3` },
      { name: "from ipoib", from: c, to: `${net}.2` },
      { name: "to ib_ipoib", from: b, to: `${net}.1` },
      { name: "from ib_ipoib", from: a, to: `${net}.2` },
    ];
  };

  fullTest(
    "traffic with ib_ipoib returns after its module is loaded again",
    async () => {
      assertPauses(
        fabric,
        await outages(flows("10.44.0"), {
          title: "ib_ipoib loaded again",
          inject: () => load({ ib0: "10.44.0" }),
          limit: LOST_SECONDS,
        }),
        LIMIT_MS,
      );
    },
  );

  fullTest(
    "traffic with a child of ib_ipoib returns after its module is loaded again",
    async () => {
      const { a, c, node } = fabric;
      await node.child(PKEY, "10.45.0.3");
      try {
        await kernelUp(CHILD, "10.45.0");
        await a.must(`/rig/guest/kernel-ipoib ${CHILD} 10.45.0.1/24`);
        assertPauses(
          fabric,
          await outages(flows("10.45.0"), {
            title: "ib_ipoib with a child loaded again",
            inject: () => load({ ib0: "10.44.0", [CHILD]: "10.45.0" }),
            limit: LOST_SECONDS,
          }),
          LIMIT_MS,
        );
      } finally {
        await c.must(`ipoib child delete ${PKEY}`);
      }
    },
  );

  fullTest(
    "ipoib is unaffected while ib_ipoib on its port is loaded again",
    async () => {
      const { a, b } = fabric;
      const beside = new Node(b, BESIDE_KERNEL, NAMESPACE);
      await beside.up();
      try {
        assertEquals(await unresolved(a, [BESIDE_KERNEL]), []);
        const found = await outages(
          [{ name: "to ipoib", from: a, to: BESIDE_KERNEL }],
          {
            title: "ib_ipoib on the port of ipoib loaded again",
            inject: () => load({ ib0: "10.44.0" }),
            limit: LOST_SECONDS,
          },
        );
        for (const { pauseMs } of found) {
          assert(pauseMs <= b.patient(UNAFFECTED_MS), `${pauseMs} ms`);
        }
      } finally {
        await beside.down();
      }
      assertEquals(await unresolved(a, [KERNELS[1]]), []);
    },
  );
}
