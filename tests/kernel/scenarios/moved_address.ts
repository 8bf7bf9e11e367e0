/**
 * An address that moves between interfaces of ib_ipoib and ipoib: hosts with both reach it again within three seconds.
 * ipoib announces a new address itself; for ib_ipoib, gratuitous ARP requests are sent, as by keepalived.
 */

import { assert } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { Node } from "../../../scripts/rig/node.ts";
import { outages } from "../../../scripts/rig/outage.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const ADDRESS = "10.44.0.50";
const SECOND = "10.44.0.13";
const NAMESPACE = "second";
const LIMIT_MS = 3000;

/** A host with an interface `ib0`. */
interface Host {
  readonly title: string;
  readonly guest: Guest;
  /** True if the host does not announce a new address itself. */
  readonly silent: boolean;
}

export function movedAddress(fabric: Fabric): void {
  fullTest(
    "an address that moves between ib_ipoib and ipoib in each direction is reached again within three seconds",
    async () => {
      const { a, b, c } = fabric;
      const other = new Node(c, SECOND, NAMESPACE);
      await other.up();
      const kernel = { title: "ib_ipoib", guest: a, silent: true };
      const kernel2 = { title: "a second ib_ipoib", guest: b, silent: true };
      const ours = { title: "ipoib", guest: c, silent: false };
      const ours2 = {
        title: "a second ipoib",
        guest: c.inNamespace(NAMESPACE),
        silent: false,
      };
      const all: Host[] = [kernel, kernel2, ours, ours2];
      const moves: [Host, Host][] = [
        [kernel, kernel2],
        [kernel2, ours],
        [ours, ours2],
        [ours2, kernel],
      ];
      try {
        await assign(kernel);
        for (const [from, to] of moves) {
          const observers = all.filter((host) => host !== from && host !== to);
          await assertMoves(from, to, observers);
        }
      } finally {
        await Promise.all(all.map(remove));
        await other.down();
      }
    },
  );
}

/** Moves the address, and checks the pauses of pings to it from the observers. */
async function assertMoves(
  from: Host,
  to: Host,
  observers: readonly Host[],
): Promise<void> {
  const found = await outages(
    observers.map(({ title, guest }) => ({
      name: `from ${title}`,
      from: guest,
      to: ADDRESS,
    })),
    {
      title: `an address moved from ${from.title} to ${to.title}`,
      limit: 30,
      inject: async () => {
        await remove(from);
        await assign(to);
      },
    },
  );
  const limit = to.guest.patient(LIMIT_MS);
  for (const { pauseMs } of found) {
    assert(pauseMs <= limit, JSON.stringify(found));
  }
}

function assign({ guest, silent }: Host): Promise<string> {
  const announce = `/rig/guest/gratuitous-arp ib0 ${ADDRESS}`;
  return guest.must(
    `ip addr add ${ADDRESS}/24 dev ib0 ${silent ? `&& ${announce}` : ""}`,
  );
}

function remove({ guest }: Host): Promise<string> {
  return guest.must(`ip addr del ${ADDRESS}/24 dev ib0 2> /dev/null || true`);
}
