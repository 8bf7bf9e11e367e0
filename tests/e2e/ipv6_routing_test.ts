/** Default routers that advertise themselves. */

import { assertEquals } from "@std/assert";
import {
  type Host,
  labTest,
  linkLocal,
  startDnsmasq,
  until,
} from "./harness/mod.ts";

/** Address on the loopback interface of each router. */
const TARGET = "fd77::1";
const RA = ["--enable-ra", "--ra-param=ib0,4,30"] as const;

labTest(
  "a client of two default routers uses the other when one dies",
  async (lab) => {
    const [client, ...routers] = await lab.running(3);
    for (const [i, router] of routers.entries()) {
      await linkLocal(router);
      await router.ip("-6", "addr", "add", `fd00:6::${i + 1}/64`, "dev", "ib0");
      await router.ip("-6", "addr", "add", `${TARGET}/128`, "dev", "lo");
      await router.run(["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
      await startDnsmasq(
        ...[router, "--pid-file", "--leasefile-ro", ...RA] as const,
        "--dhcp-range=fd00:6::,ra-only",
      );
    }
    const gateways = await Promise.all(routers.map(linkLocal));
    const shown = () => client.ip("-6", "route", "show", "default");
    await until("two default routes", async () => {
      const text = await shown();
      return gateways.every((each) => text.includes(each));
    });
    await until("the first answer", () => client.reaches(TARGET));
    const used = await usedGateway(client);
    const died = gateways.indexOf(used);
    routers[died]!.daemon.kill("SIGKILL");
    await until("an answer of the other router", () => client.reaches(TARGET));
    assertEquals(await usedGateway(client), gateways[1 - died]);
  },
);

async function usedGateway(client: Host): Promise<string> {
  const text = await client.ip("-6", "route", "get", TARGET);
  return / via (fe80:\S+) /.exec(text)![1]!;
}
