/** The interface gets another name and goes through another namespace, while flows go on. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { Host, labTest, Pings, socketsIn, until } from "./harness/mod.ts";

const TARGET = "10.20.0.1";
const PORT = 6000;

/** Renames the interface; before Linux 6.2 that takes one that is down. */
async function rename(host: Host, from: string, to: string): Promise<void> {
  const words = ["ip", "link", "set", from, "name", to];
  if ((await host.run(words)).code === 0) return;
  await host.ip("link", "set", from, "down");
  await host.ip("link", "set", from, "name", to);
  await host.ip("link", "set", to, "up");
}

/** Moves the interface, and sets it up anew: the kernel takes it down, and drops its addresses and routes. */
async function move(
  name: string,
  from: Host,
  to: Host,
  gateways: readonly Host[],
): Promise<void> {
  await from.ip("link", "set", name, "netns", to.namespace);
  await configure(name, to, gateways);
}

/** The address, and routes to the target: by the first gateway, with mark 1 by the second. */
async function configure(
  name: string,
  host: Host,
  [first, second]: readonly Host[],
): Promise<void> {
  await host.ip("link", "set", name, "up");
  await host.ip("addr", "replace", `${host.address}/24`, "dev", name);
  await host.ip("route", "replace", TARGET, "via", first!.address);
  const table = ["table", "100"];
  await host.ip("route", "replace", TARGET, "via", second!.address, ...table);
  await host.run(["ip", "rule", "del", ...table]);
  await host.ip("rule", "add", "fwmark", "1", ...table);
}

labTest(
  "An interface that is renamed and goes to another namespace and back keeps its flows",
  async (lab) => {
    const [here, ...gateways] = await lab.running(3);
    const [peer, second] = gateways as [Host, Host];
    const there = new Host(lab, await lab.namespace(), here.address);
    for (const [host, ttl] of [[peer, 101], [second, 102]] as const) {
      await host.ip("addr", "add", `${TARGET}/32`, "dev", "lo");
      const file = "/proc/sys/net/ipv4/ip_default_ttl";
      await host.must("sh", "-c", `echo ${ttl} > ${file}`);
    }
    const [link] = await here.show<{ next_hops: string }[]>("link", "show");
    const marked = link!.next_hops === "program" ? 102 : 101;
    /** TTL of the answer of the target: it tells which gateway that is. */
    const answer = async (from: Host, ...options: string[]) => {
      const words = ["ping", "-n", "-c", "1", "-W", `${patient(1)}`];
      return await until(`an answer of ${TARGET}`, async () => {
        const { stdout } = await from.run([...words, ...options, TARGET]);
        return Number(/ttl=(\d+)/.exec(stdout)?.[1]) || undefined;
      });
    };
    const assertWorks = async (host: Host) => {
      assertEquals(await answer(host), 101);
      assertEquals(await answer(host, "-m", "1"), marked);
      const before = Math.max(0, ...pings.answered);
      await until(
        "the peer's pings are answered",
        () => Math.max(...pings.answered) > before + 2,
      );
    };

    await configure("ib0", here, gateways);
    await until("the peer reaches it", () => peer.reaches(here));
    await using pings = await Pings.start(peer, here.address, {
      interval: 0.05,
    });
    const server = peer.start("socat", "-u", `TCP4-LISTEN:${PORT}`, "STDOUT");
    await until(
      "the peer listens",
      async () => await peer.must("ss", "-Hltn", `sport = :${PORT}`) !== "",
    );
    const to = `TCP4:${peer.address}:${PORT}`;
    const client = here.start("socat", "-u", "STDIN", to);
    await client.write("here\n");
    await server.says(/here\n/);
    await assertWorks(here);

    await rename(here, "ib0", "ib7");
    await client.write("renamed\n");
    await server.says(/renamed\n/);
    await assertWorks(here);
    for (const words of [[], ["ib7"]]) {
      const [renamed] = await here.show<{ ifname: string }[]>(
        "link",
        "show",
        ...words,
      );
      assertEquals(renamed!.ifname, "ib7");
    }
    const { code, stderr } = await here.ipoib("link", "show", "ib0");
    assertEquals(code, 3);
    assertStringIncludes(stderr, "ib0 is not running (running here: ib7)");

    await move("ib7", here, there, gateways);
    await assertWorks(there);
    await client.write("away\n");

    await move("ib7", there, here, gateways);
    await assertWorks(here);
    await rename(here, "ib7", "ib0");
    await client.write("back\n");
    await server.says(/back\n/);
    assertEquals(server.output, "here\nrenamed\naway\nback\n");
    await assertWorks(here);
    assert(!here.daemon.ended);
    assertEquals((await here.link()).state, "running");
  },
);

labTest(
  "An interface that was moved and renamed is shown and ended where it is",
  async (lab) => {
    const [here, peer] = await lab.running(2);
    const there = new Host(lab, await lab.namespace(), here.address);
    const child = await here.ipoib("child", "create", "0x8001");
    assertEquals(child.code, 0);
    const { daemon } = here;
    await move("ib0", here, there, [peer, peer]);
    await rename(there, "ib0", "eth7");
    const shown = await until("it is found in its namespace", async () => {
      const words = ["link", "show", "eth7", "-j", "-n", there.namespace];
      const { code, stdout } = await lab.ipoib(...words);
      return code === 0 ? JSON.parse(stdout) : undefined;
    });
    const { ino } = await Deno.stat(`/run/netns/${there.namespace}`);
    assertEquals(
      [shown[0].ifname, shown[0].namespace, shown[0].pid],
      ["eth7", ino, daemon.pid],
    );
    const only = await there.show<{ ifname: string }[]>("link", "show");
    assertEquals(only.map(({ ifname }) => ifname), ["eth7", "ib0.8001"]);

    // Where it came from, its name is free for another one, and its child is still found.
    assertEquals((await here.ipoib("link", "show", "ib0")).code, 3);
    assertEquals((await here.ipoib("link", "show", "ib0.8001")).code, 0);
    const second = await here.ipoib(
      ...["up", "ib0", "--hca", "soft", "--background"],
    );
    assertEquals([second.code, second.stdout], [0, ""]);
    assertEquals((await here.ipoib("down", "ib0")).code, 0);

    // A new child is made beside its parent.
    const made = await there.ipoib("child", "create", "0x8002");
    assertEquals([made.code, made.stdout], [0, "eth7.8002\n"]);
    assert(await there.hasDevice("eth7.8002"));

    const down = await there.ipoib("down", "eth7");
    assertEquals([down.code, down.stderr], [0, ""]);
    assertEquals(await daemon.exit(), 0);
    for (const host of [here, there]) {
      assertEquals(socketsIn(host.sockets), []);
      assertEquals(await host.hasDevice("ib0.8001"), false);
    }
    assertEquals(await there.hasDevice("eth7"), false);
  },
);
