/** Neighbour discovery in the kernels of both ends: vanished peers, moved addresses, proxies, redirects, path MTU. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  type Host,
  labTest,
  linkAddress,
  linkLocal,
  must,
  ownNeighbours,
  Pings,
  until,
} from "./harness/mod.ts";
import { addIpv6, routeIpv6, setIpv6 } from "./harness/ipv6.ts";

const B = "fd00::b";
/** The network behind the router. */
const BEHIND = "fd20::2";
const SMALL_MTU = 1400;

/** Returns two hosts or three with the addresses fd00::a, fd00::b and fd00::c. */
async function hosts<N extends 2 | 3>(
  running: readonly Host[] & { length: N },
): Promise<void> {
  for (const [i, host] of running.entries()) {
    await linkLocal(host);
    await addIpv6(host, `fd00::${"abc"[i]}/64`);
  }
}

/** Connects `router` (fd20::1) and `behind` (fd20::2) by a veth pair of this MTU. */
async function connectBehind(
  router: Host,
  behind: Host,
  mtu: number,
): Promise<void> {
  await routeIpv6(router);
  await must([
    ...["ip", "link", "add", "veth0", "netns", router.namespace],
    ...["type", "veth", "peer", "veth0", "netns", behind.namespace],
  ]);
  for (const [i, host] of [router, behind].entries()) {
    const address = `fd20::${i + 1}/64`;
    await host.ip("link", "set", "veth0", "mtu", `${mtu}`, "up");
    await host.ip("addr", "add", address, "dev", "veth0", "nodad");
  }
  await behind.ip("-6", "route", "add", "default", "via", "fd20::1");
}

/** Returns the kernel's state of a neighbour, or undefined. */
async function stateOf(host: Host, address: string) {
  const text = await host.ip("-6", "neigh", "show", address, "dev", "ib0");
  return text.trim().split(/\s+/).at(-1);
}

labTest(
  "NUD: the entry of a peer that vanishes fails, and is valid again when the peer returns",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await hosts([a, b]);
    const neighbour = "net.ipv6.neigh.ib0";
    await a.must("sysctl", "-qw", `${neighbour}.base_reachable_time_ms=1000`);
    await a.must("sysctl", "-qw", `${neighbour}.delay_first_probe_time=1`);
    await using pings = await Pings.start(a, B, { interval: 0.1 });
    await pings.next();
    b.daemon.kill("SIGSTOP");
    await until(
      "the failure",
      async () => ["FAILED", "INCOMPLETE"].includes(await stateOf(a, B) ?? ""),
    );
    assertEquals((await ownNeighbours(a)).has(B), false);
    b.daemon.kill("SIGCONT");
    await pings.next();
    assertEquals((await ownNeighbours(a)).get(B), await linkAddress(b));
  },
);

labTest(
  "NUD: a neighbour that the kernel probes and the process does not know is resolved again",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await hosts([a, b]);
    assert(await a.reaches(B));
    assertEquals((await a.ipoib("neigh", "flush", "ib0")).code, 0);
    await a.ip("-6", "neigh", "replace", B, "dev", "ib0", "nud", "probe");
    await until(
      "the reply to the probe",
      async () => await stateOf(a, B) === "REACHABLE",
    );
    assert(await a.reaches(B));
    assertEquals((await ownNeighbours(a)).get(B), await linkAddress(b));
    assertEquals((await a.link()).drops, {});
  },
);

labTest(
  "ndisc_notify: neighbours follow an address that moves to another host",
  async (lab) => {
    const [a, b, c] = await lab.running(3);
    await hosts([a, b, c]);
    const moving = "fd00::f";
    await addIpv6(b, `${moving}/64`);
    assertEquals(await a.ping(moving), { sent: 5, received: 5 });
    assertEquals((await ownNeighbours(a)).get(moving), await linkAddress(b));
    await setIpv6(c, "ndisc_notify", 1);
    await b.ip("addr", "del", `${moving}/64`, "dev", "ib0");
    await c.ip("addr", "add", `${moving}/64`, "dev", "ib0");
    const to = await linkAddress(c);
    await until(
      "the new link-layer address",
      async () => (await ownNeighbours(a)).get(moving) === to,
    );
    assertEquals(await a.ping(moving), { sent: 5, received: 5 });
  },
);

labTest(
  "Proxy neighbour discovery: a router answers for an address behind it",
  async (lab) => {
    const [a, router] = await lab.running(2);
    const [behind] = await lab.hosts(1);
    await hosts([a, router]);
    const proxied = "fd00::beef";
    await connectBehind(router, behind, 1500);
    await behind.ip("addr", "add", `${proxied}/128`, "dev", "lo");
    await router.ip("-6", "route", "add", proxied, "via", BEHIND);
    assertEquals(await a.reaches(proxied), false);
    await setIpv6(router, "proxy_ndp", 1);
    await router.ip("-6", "neigh", "add", "proxy", proxied, "dev", "ib0");
    await until("the first answer", () => a.reaches(proxied));
    assertEquals(await a.ping(proxied), { sent: 5, received: 5 });
    assertEquals(
      (await ownNeighbours(a)).get(proxied),
      await linkAddress(router),
    );
  },
);

labTest(
  "Redirect: the kernel sends to the better next hop, whose link-layer address the redirect has",
  async (lab) => {
    const [a, b, router] = await lab.running(3);
    await hosts([a, b, router]);
    const target = "fd77::1";
    await addIpv6(b, `${target}/128`);
    const [gateway, better] = await Promise.all([router, b].map(linkLocal));
    await routeIpv6(router);
    await a.ip("-6", "route", "add", target, "via", gateway!, "dev", "ib0");
    await router.ip("-6", "route", "add", target, "via", better!, "dev", "ib0");
    // The redirect then has the link-layer address.
    await until("the resolution", () => router.reaches(target));
    assertMatch(await a.ip("-6", "route", "get", target), RegExp(gateway!));
    await until("the redirect", async () => {
      await a.reaches(target);
      const route = await a.ip("-6", "route", "get", target);
      return route.includes(` via ${better} `);
    });
    assert(await a.reaches(target));
    assertEquals((await ownNeighbours(a)).get(better!), await linkAddress(b));
    const before = (await router.counters())["port_rcv_packets"]!;
    assertEquals(await a.ping(target), { sent: 5, received: 5 });
    // Solicitations of the router may arrive, the requests do not.
    assert((await router.counters())["port_rcv_packets"]! - before < 5);
  },
);

labTest(
  "Path MTU: Packet Too Big of a router reaches the sender, which fragments",
  async (lab) => {
    const [a, router] = await lab.running(2);
    const [behind] = await lab.hosts(1);
    await hosts([a, router]);
    await connectBehind(router, behind, SMALL_MTU);
    await a.ip("-6", "route", "add", "fd20::/64", "via", B);
    // The group of a new address may not be joined yet when the first solicitation is sent.
    await until("the first answer", () => a.reaches(BEHIND));
    const big = (...words: string[]) =>
      a.run([
        "ping",
        "-6",
        "-n",
        "-c",
        "1",
        "-W",
        `${patient(2)}`,
        ...words,
        BEHIND,
      ]);
    const refused = await big("-s", "1900", "-M", "do");
    assertMatch(refused.stdout, /Packet too big: mtu=1400/);
    assertMatch(await a.ip("-6", "route", "get", BEHIND), / mtu 1400/);
    await until(
      "a ping of 6000 bytes",
      async () => (await big("-s", "6000")).code === 0,
    );
    assertEquals(
      await a.ping(BEHIND, { size: 6000 }),
      { sent: 5, received: 5 },
    );
  },
);
