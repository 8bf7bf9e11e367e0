/**
 * Two interfaces on one port, in one host: the kernel's ib_ipoib and ours, and two processes of ours. The subnet administrator has one
 * membership for both. However one of them ends, a third machine finds the other by ARP two seconds later.
 */

import { assertEquals } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { Node } from "../../../scripts/rig/node.ts";
import { report } from "../../../scripts/rig/report.ts";
import { FULL, fullTest } from "../../../scripts/test/form.ts";

const NAMESPACE = "beside";
const BESIDE_KERNEL = "10.44.0.12";
const BESIDE_OURS = "10.44.0.13";
/** On a usual machine. */
const WITHIN_SECONDS = 2;
/** How long a late leave is waited for. */
const LATER_SECONDS = 5;

/** How one of two interfaces ends, and what begins it anew. */
interface End {
  readonly title: string;
  /** The one that stays. */
  readonly survivor: string;
  end(): Promise<unknown>;
  restore(): Promise<unknown>;
}

/** Which addresses do not answer the first ARP request for them; what is known of them is forgotten before. */
async function unheard(
  from: Guest,
  addresses: readonly string[],
): Promise<string[]> {
  const output = await from.must(
    addresses.map((address) =>
      `ip neigh flush to ${address} dev ib0
       ping -q -n -c 1 -W ${from.patient(1)} ${address} > /dev/null ||
         echo ${address}`
    ).join("\n"),
  );
  return output.split("\n").filter((line) => line !== "");
}

export function sharedPort(fabric: Fabric): void {
  const pause = (seconds: number) =>
    fabric.a.must(`sleep ${fabric.a.patient(seconds)}`);

  /** Ends one of the two, and asks for the other from a third machine. */
  async function survives(
    { title, survivor, end, restore }: End,
  ): Promise<void> {
    await end();
    await pause(WITHIN_SECONDS);
    const soon = await unheard(fabric.a, [survivor]);
    await pause(LATER_SECONDS);
    const later = await unheard(fabric.a, [survivor]);
    report(
      `${title}: the other answers ${
        soon.length === 0 ? "soon" : "not soon"
      } and ${later.length === 0 ? "later" : "not later"}`,
    );
    await restore();
    assertEquals([soon, later], [[], []], title);
  }

  Deno.test("the kernel's ib_ipoib and ours on one port: what ends one does not end the other", async () => {
    const { a, b } = fabric;
    const ours = new Node(b, BESIDE_KERNEL, NAMESPACE);
    const [, kernel] = KERNELS;
    const kernelUp = () => b.must(`/rig/guest/kernel-ipoib ib0 ${kernel}/24`);
    await ours.up();
    assertEquals(await unheard(a, [kernel, BESIDE_KERNEL]), []);
    const ends: End[] = [
      {
        title: "ours is taken down",
        survivor: kernel,
        end: () => ours.down(),
        restore: () => ours.up(),
      },
      {
        title: "the kernel's is set down",
        survivor: BESIDE_KERNEL,
        end: () => b.must("ip link set ib0 down"),
        restore: kernelUp,
      },
      {
        title: "ours is killed",
        survivor: kernel,
        end: () => ours.kill(),
        restore: () => ours.up(),
      },
      {
        title: "ib_ipoib is unloaded",
        survivor: BESIDE_KERNEL,
        end: () => b.must("modprobe -r ib_ipoib"),
        restore: kernelUp,
      },
    ];
    try {
      for (const each of FULL ? ends : ends.slice(0, 2)) await survives(each);
    } finally {
      await ours.down();
      await kernelUp();
    }
    assertEquals(await unheard(a, [kernel]), []);
  });

  fullTest(
    "two processes of ours on one port: what ends one does not end the other",
    async () => {
      const { a, c, node } = fabric;
      const other = new Node(c, BESIDE_OURS, NAMESPACE);
      await other.up();
      assertEquals(await unheard(a, [OURS, BESIDE_OURS]), []);
      const ends: End[] = [
        {
          title: "the second is taken down",
          survivor: OURS,
          end: () => other.down(),
          restore: () => other.up(),
        },
        {
          title: "the second is killed",
          survivor: OURS,
          end: () => other.kill(),
          restore: () => other.up(),
        },
        {
          title: "the first is taken down",
          survivor: BESIDE_OURS,
          end: () => node.down(),
          restore: () => node.up(),
        },
        {
          title: "the first is killed",
          survivor: BESIDE_OURS,
          end: () => node.kill(),
          restore: () => node.up(),
        },
      ];
      try {
        for (const each of ends) await survives(each);
      } finally {
        await other.down();
      }
      assertEquals(await unheard(a, [OURS]), []);
    },
  );
}
