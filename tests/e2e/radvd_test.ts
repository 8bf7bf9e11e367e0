/** Stateless autoconfiguration by radvd: prefix, default router, DNS server, and the settings of the client. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Host, labTest, linkLocal, until } from "./harness/mod.ts";
import { addIpv6, ipv6Addresses, routeIpv6, setIpv6 } from "./harness/ipv6.ts";

const PREFIX = "fd00:8:0:1:";
const CONFIGURATION = `
interface ib0 {
  AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;
  AdvDefaultLifetime 600;
  prefix fd00:8:0:1::/64 { };
  RDNSS fd00:8:0:1::53 { };
};
`;

/** Runs radvd on ib0 of a host while `body` runs. */
async function withRadvd(
  router: Host,
  body: () => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/radvd.conf`;
    await Deno.writeTextFile(file, CONFIGURATION);
    await routeIpv6(router);
    await addIpv6(router, `${PREFIX}:1/64`);
    await using _radvd = router.start(
      ...["radvd", "--nodaemon", "--logmethod", "stderr", "--debug", "1"],
      ...["--username", "root", "--config", file],
      ...["--pidfile", `${folder}/pid`],
    );
    await body();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Returns the addresses in the prefix. */
async function inPrefix(host: Host, ...words: string[]): Promise<string[]> {
  const all = await ipv6Addresses(host, ...words);
  return all.filter((each) => each.startsWith(PREFIX));
}

async function untilConfigured(host: Host): Promise<string[]> {
  return await until("an address in the prefix", async () => {
    const found = await inPrefix(host);
    return found.length > 0 && found;
  });
}

labTest(
  "radvd: a client gets address, default router and DNS server, and a temporary address if it wants one",
  async (lab) => {
    const [router, client, other] = await lab.running(3);
    const gateway = await linkLocal(router);
    await addIpv6(router, "fd77::1/128");
    await setIpv6(other, "use_tempaddr", 2);
    const changes = [client, other].map((host) =>
      host.start("ip", "-6", "monitor", "route")
    );
    for (const [i, host] of [client, other].entries()) {
      await until("the first line of the monitor", async () => {
        for (const verb of ["replace", "del"]) {
          await host.ip("-6", "route", verb, "fd99::/64", "dev", "lo");
        }
        return changes[i]!.output !== "";
      });
    }
    await withRadvd(router, async () => {
      const [address] = await untilConfigured(client);
      // The interface identifier of the link-local address, which is that of the GUID.
      const [identifier] = (await linkLocal(client)).split("::").slice(1);
      assertMatch(address!, new RegExp(`^${PREFIX}${identifier}/64 .*dynamic`));
      const route = await client.ip("-6", "route", "show", "default");
      assertMatch(route, new RegExp(`via ${gateway} dev ib0 proto ra`));
      await until(
        "a reply through the router",
        () => client.reaches("fd77::1"),
      );
      assertEquals((await inPrefix(client, "temporary")).length, 0);

      const temporary = await until(
        "a temporary address",
        async () => (await inPrefix(other, "temporary"))[0],
      );
      const [source] = temporary.split("/");
      await until(
        "the use of the temporary address",
        async () => {
          const get = ["ip", "-6", "route", "get", "fd77::1"];
          const { stdout } = await other.run(get);
          return stdout.includes(` src ${source} `) &&
            await other.reaches("fd77::1");
        },
      );

      // A solicitation of a program; the reply has the options of radvd.
      const solicited = await until("a reply to the solicitation", async () => {
        const { code, stdout } = await client.run(["rdisc6", "-1", "ib0"]);
        return code === 0 && stdout;
      });
      assertMatch(solicited, /Recursive DNS server {5}: fd00:8:0:1::53\n/);
      assertMatch(solicited, new RegExp(`from ${gateway}\n`));
      // The announcements of the router left the default routes as they are.
      for (const { output } of changes) {
        assert(!output.includes("Deleted default"), output);
      }
      // Flow labels in messages of programs do not affect those that the kernels receive.
      for (const host of [router, client, other]) {
        assertEquals((await host.counters())["rx_device_refused"] ?? 0, 0);
      }
    });
  },
);

labTest(
  "radvd: accept_ra=0 and addr_gen_mode none and stable-privacy are respected",
  async (lab) => {
    const [router, ignoring, none, stable] = await lab.running(4) as [
      ...[Host, Host, Host, Host],
    ];
    const own = await linkLocal(stable);
    const prefixed = await linkLocal(ignoring);
    await linkLocal(router);
    await setIpv6(ignoring, "accept_ra", 0);
    for (
      const [host, mode] of [[none, "none"], [stable, "random"]] as const
    ) {
      await host.ip("link", "set", "ib0", "down");
      await host.ip("link", "set", "ib0", "addrgenmode", mode);
      await host.ip("link", "set", "ib0", "up");
    }
    const stableLocal = await linkLocal(stable);
    assert(stableLocal !== own, stableLocal);
    await withRadvd(router, async () => {
      const [address] = await untilConfigured(stable);
      const [identifier] = own.split("::").slice(1);
      assert(!address!.includes(identifier!), address);
      await until(
        "the end of duplicate address detection",
        async () => (await inPrefix(stable, "-tentative")).length === 1,
      );
      assert(await router.reaches(address!.split("/")[0]!));
      // The advertisement that has configured one host has reached all.
      assertEquals(await ipv6Addresses(none), []);
      assertEquals(await ipv6Addresses(ignoring), [`${prefixed}/64`]);
      assertEquals(
        await ignoring.ip("-6", "route", "show", "default"),
        "",
      );
    });
  },
);
