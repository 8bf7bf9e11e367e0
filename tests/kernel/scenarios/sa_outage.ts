/**
 * A subnet administrator that answers nothing, refuses all joins, or restarts with other MLIDs, while pings pass through
 * ipoib and an ib_ipoib. The pause of ipoib is two seconds at most if that of ib_ipoib is not longer.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Event, raise, reregister } from "../../../scripts/rig/events.ts";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { outages } from "../../../scripts/rig/outage.ts";
import { unresolved } from "../../../scripts/rig/ping.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { formatMadStatus, MadStatus } from "../../../src/wire/mad.ts";
import { assertPauses, flows, onBoth } from "../flows.ts";

const LIMIT_MS = 2000;
/** Time limit of a join. Its maximum back-off is 16 s. */
const JOIN_SECONDS = 40;
/** Time in which the interface remains in doubt. */
const DOUBT_SECONDS = 5;
const SILENCES = [
  { seconds: 30, event: false },
  { seconds: 30, event: true },
  { seconds: 120, event: false },
  { seconds: 120, event: true },
];
const STATUSES = [
  MadStatus.RequestInvalid,
  MadStatus.NoRecords,
  MadStatus.TooManyRecords,
  MadStatus.InsufficientComponents,
  MadStatus.RequestDenied,
  MadStatus.UnsupportedMethodAttribute,
  MadStatus.Busy,
];
/** LIDs of the guests whose requests are counted. */
const LIDS = [["ipoib", 3], ["ib_ipoib", 2]] as const;
const OTHER_MLID = 0xc100;
const DOUBT = "ib0: membership in doubt: ";
const CONFIRMED = "ib0: membership confirmed";

export function saOutage(fabric: Fabric): void {
  const setFault = (fault: string) =>
    fabric.a.must(`echo ${fault} > /run/sa.fault`);
  /** Runs `run` while the SA has a fault. */
  const withFault = async (fault: string, run: () => Promise<void>) => {
    await setFault(fault);
    try {
      await run();
    } finally {
      await setFault("");
    }
  };
  const inDoubt = async () => (await fabric.node.link()).membership_in_doubt;

  /** Waits until the membership is not in doubt any more. */
  async function confirmed(): Promise<void> {
    const end = performance.now() + fabric.c.patient(JOIN_SECONDS) * 1000;
    for (;;) {
      const doubt = await inDoubt();
      if (doubt === undefined) return;
      assert(performance.now() < end, doubt);
    }
  }

  /** Resolves the addresses of ipoib and the ib_ipoib by broadcast. */
  async function assertResolves(): Promise<void> {
    const { a, c } = fabric;
    assertEquals(await unresolved(a, [KERNELS[1], OURS]), []);
    assertEquals(await unresolved(c, [KERNELS[0]]), []);
  }

  for (const { seconds, event } of SILENCES) {
    const after = event ? " after a client reregister" : "";
    fullTest(
      `traffic does not pause while the SA is silent for ${seconds} s${after}`,
      async () => {
        const { a, node } = fabric;
        await node.clearLog();
        const before = await logLines(fabric);
        const found = await outages(flows(fabric), {
          title: `the SA silent for ${seconds} s${after}`,
          limit: 60,
          inject: () =>
            withFault("silent", async () => {
              if (event) await onBoth(fabric, raise(Event.Reregister));
              await a.must(`sleep ${seconds}`, seconds + 60);
              if (event) assertStringIncludes(await inDoubt() ?? "", "answer");
            }),
        });
        await reportRequests(fabric, before, `in ${seconds} s${after}`);
        assertPauses(fabric, found, LIMIT_MS);
        await confirmed();
        await reregister(fabric);
        await confirmed();
        await assertResolves();
      },
    );
  }

  fullTest(
    "traffic goes on while the SA refuses joins with any status, link show has the doubt, and it ends when the SA accepts again",
    async () => {
      const { a, c, node } = fabric;
      for (const status of STATUSES) {
        const title = `joins refused with status ${formatMadStatus(status)}`;
        await node.clearLog();
        const before = await logLines(fabric);
        const found = await outages(flows(fabric), {
          title,
          limit: 30,
          inject: async () => {
            await withFault(`refuse ${status}`, async () => {
              await onBoth(fabric, raise(Event.Reregister));
              await node.waitForLog(DOUBT, JOIN_SECONDS);
              await a.must(`sleep ${DOUBT_SECONDS}`);
              const doubt = await inDoubt();
              assert(doubt !== undefined, title);
              const shown = await c.must("ipoib link show ib0");
              assertStringIncludes(shown, `membership in doubt: ${doubt}`);
              report(`${title}: ${doubt}`);
            });
            await node.waitForLog(CONFIRMED, JOIN_SECONDS);
          },
        });
        await reportRequests(fabric, before, title);
        assertPauses(fabric, found, LIMIT_MS);
        assertEquals(await inDoubt(), undefined);
        assertEquals((await node.link()).state, "running");
      }
      await reregister(fabric);
      await assertResolves();
    },
  );

  fullTest(
    "traffic does not pause when the SA restarts with other MLIDs",
    async () => {
      const { a, c } = fabric;
      const restart = async (title: string, mlid: string) => {
        const found = await outages(flows(fabric), {
          title,
          limit: 30,
          inject: async () => {
            await a.must(`/rig/guest/sa '' '' ${mlid}`);
            await reregister(fabric);
          },
        });
        assertPauses(fabric, found, LIMIT_MS);
        await confirmed();
        await assertResolves();
      };
      await restart("the SA restarted with other MLIDs", String(OTHER_MLID));
      assertStringIncludes(
        await c.must("ipoib mcg show ib0"),
        `0x${OTHER_MLID.toString(16)}`,
      );
      await restart("the SA restarted with the first MLIDs", "");
    },
  );
}

/** Returns the number of lines of the SA's log. */
async function logLines({ a }: Fabric): Promise<number> {
  return Number(await a.must("wc -l < /run/sa.log"));
}

/** Reports the requests that the SA has received from the guests since its log had `before` lines. */
async function reportRequests(
  { a }: Fabric,
  before: number,
  title: string,
): Promise<void> {
  const log = await a.must(`tail -n +${before + 1} /run/sa.log`);
  const counts = LIDS.map(([name, lid]) => {
    const kinds = new Map<string, number>();
    for (const [, kind] of log.matchAll(requestsOf(lid))) {
      kinds.set(kind!, (kinds.get(kind!) ?? 0) + 1);
    }
    const words = [...kinds].map(([kind, count]) => `${count} ${kind}`);
    return `${name}: ${words.join(", ") || "none"}`;
  });
  report(`SA requests ${title}: ${counts.join("; ")}`);
}

/** Matches the requests from a LID in the SA's log: method and attribute. */
function requestsOf(lid: number): RegExp {
  return new RegExp(`^\\S+ LID ${lid} (\\w+ \\w+)`, "gm");
}
