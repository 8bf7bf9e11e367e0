/** A host joins and leaves 1000 IPv6 groups, and more than its limit; none remains at the subnet administrator. */

import { assert, assertEquals } from "@std/assert";
import { type Host, labTest, membershipSockets, until } from "./harness/mod.ts";

const GROUPS = 1000;
const LIMIT = 1050;
/** Groups that a socket joins in the prefix ff05::9:0/112, as ipoib shows them. */
const MGID = /^ff12:601b:ffff:0:0:0:9:/;
/** The same as the subnet shows them. */
const SHORT_MGID = /^ff12:601b:ffff::9:/;
const LIMIT_MS = 60_000;

async function joined(host: Host): Promise<number> {
  const groups = await host.call("mcg.show", { name: "ib0" });
  return groups.filter(({ mgid, attached, join }) =>
    MGID.test(mgid) && attached && join === "joined"
  ).length;
}

/** Returns the number of these groups that exist at the subnet administrator. */
async function known(host: Host): Promise<number> {
  const [subnet] = await host.show<{ groups: { mgid: string }[] }[]>(
    ...["subnet", "show"],
  );
  return subnet!.groups.filter(({ mgid }) => SHORT_MGID.test(mgid)).length;
}

async function shown(host: Host): Promise<number> {
  const { stdout } = await host.ipoib("maddr", "show", "ib0");
  return [...stdout.matchAll(/^\s+inet6 ff05::9:/gm)].length;
}

async function untilLeft(host: Host): Promise<void> {
  await until(
    "the end of the memberships",
    async () => await joined(host) === 0,
    LIMIT_MS,
  );
  await until(
    "the end of the groups at the administrator",
    async () => await known(host) === 0,
    LIMIT_MS,
  );
  assertEquals(await shown(host), 0);
}

labTest(
  "A host joins and leaves 1000 IPv6 groups, and keeps to its limit",
  async (lab) => {
    const [host, other] = await lab.running(2, ["--max-groups", `${LIMIT}`]);
    {
      using _sockets = await membershipSockets(host, GROUPS, "ipv6");
      await until(
        "the joins",
        async () => await joined(host) === GROUPS,
        LIMIT_MS,
      );
      assertEquals([await shown(host), await known(host)], [GROUPS, GROUPS]);
      assert(await host.reaches(other));
    }
    await untilLeft(host);
    {
      using _sockets = await membershipSockets(host, GROUPS + 300, "ipv6");
      // The groups of the kernel itself count towards the limit.
      const total = async () => {
        const groups = await host.call("mcg.show", { name: "ib0" });
        return groups.filter(({ attached }) => attached).length;
      };
      await until("the joins", async () => await total() > LIMIT, LIMIT_MS);
      await until(
        "the refusals",
        async () => (await host.counters())["groups_refused"]! >= 250,
      );
      // The broadcast group does not count.
      assertEquals(await total(), LIMIT + 1);
      assert(await host.reaches(other));
    }
    await untilLeft(host);
  },
);
