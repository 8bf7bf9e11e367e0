/**
 * Two interfaces on one port of one host: ib_ipoib and ipoib, or two processes of ipoib. The subnet administrator has
 * one membership for both. Two seconds after one of them ends, and later, a third machine resolves the address of the
 * other.
 */

import { assertEquals } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { Node } from "../../../scripts/rig/node.ts";
import { unresolved } from "../../../scripts/rig/ping.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const NAMESPACE = "second";
const BESIDE_KERNEL = "10.44.0.12";
const BESIDE_OURS = "10.44.0.13";
/** Time limit at normal machine speed. */
const WITHIN_SECONDS = 2;
/** Time after which a late leave would also have taken effect. */
const LATER_SECONDS = 5;
/** Maximum length of a pause on a slow machine: an earlier check is the stricter one. */
const MAX_PAUSE_SECONDS = 20;

/** An end of one of two interfaces, and its restart. */
interface End {
  readonly title: string;
  /** Address of the other interface. */
  readonly survivor: string;
  end(): Promise<unknown>;
  restore(): Promise<unknown>;
}

/** Returns the ends of a process by a command and by a signal. */
function endsOf(title: string, node: Node, survivor: string): [End, End] {
  const restore = () => node.up();
  return [
    {
      ...{ title: `down of ${title}`, survivor, restore },
      end: () => node.down(),
    },
    {
      ...{ title: `SIGKILL of ${title}`, survivor, restore },
      end: () => node.kill(),
    },
  ];
}

export function sharedPort(fabric: Fabric): void {
  const pause = (seconds: number) => {
    const wait = Math.min(fabric.a.patient(seconds), MAX_PAUSE_SECONDS);
    return fabric.a.must(`sleep ${wait}`);
  };

  /** Ends one interface and resolves the address of the other from a third machine, twice. */
  async function assertUnaffected(
    { title, survivor, end }: End,
  ): Promise<void> {
    await end();
    await pause(WITHIN_SECONDS);
    const soon = await unresolved(fabric.a, [survivor]);
    await pause(LATER_SECONDS);
    const later = await unresolved(fabric.a, [survivor]);
    report(
      `${title}: the other interface answers early ${
        soon.length === 0
      }, later ${later.length === 0}`,
    );
    assertEquals([soon, later], [[], []], title);
  }

  /** Ends one interface after the other, and restores each before the next end. */
  async function assertEachUnaffected(ends: readonly End[]): Promise<void> {
    for (const [i, each] of ends.entries()) {
      if (i > 0) await ends[i - 1]!.restore();
      await assertUnaffected(each);
    }
  }

  fullTest(
    "the end of ib_ipoib or ipoib does not affect the other one on the same port",
    async () => {
      const { a, b } = fabric;
      const ours = new Node(b, BESIDE_KERNEL, NAMESPACE);
      const [, kernel] = KERNELS;
      const kernelUp = () => b.must(`/rig/guest/kernel-ipoib ib0 ${kernel}/24`);
      await ours.up();
      assertEquals(await unresolved(a, [kernel, BESIDE_KERNEL]), []);
      const [down, killed] = endsOf("ipoib", ours, kernel);
      const ends: End[] = [
        down,
        {
          title: "ib_ipoib set down",
          survivor: BESIDE_KERNEL,
          end: () => b.must("ip link set ib0 down"),
          restore: kernelUp,
        },
        killed,
        {
          title: "ib_ipoib unloaded",
          survivor: BESIDE_KERNEL,
          end: () => b.must("modprobe -r ib_ipoib"),
          restore: kernelUp,
        },
      ];
      try {
        await assertEachUnaffected(ends);
      } finally {
        if (ours.started) await ours.down();
        await kernelUp();
      }
      assertEquals(await unresolved(a, [kernel]), []);
    },
  );

  fullTest(
    "the end of a process of ipoib does not affect another one on the same port",
    async () => {
      const { a, c, node } = fabric;
      const other = new Node(c, BESIDE_OURS, NAMESPACE);
      await other.up();
      assertEquals(await unresolved(a, [OURS, BESIDE_OURS]), []);
      const ends = [
        ...endsOf("the second process", other, OURS),
        ...endsOf("the first process", node, BESIDE_OURS),
      ];
      try {
        await assertEachUnaffected(ends);
      } finally {
        await other.down();
        if (!node.started) await node.up();
      }
      assertEquals(await unresolved(a, [OURS]), []);
    },
  );
}
