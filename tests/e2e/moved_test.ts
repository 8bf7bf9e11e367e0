/** An interface that is renamed and moved to another network namespace keeps its flows. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { Host, labTest, Pings, socketsIn, until } from "./harness/mod.ts";

const TARGET = "10.20.0.1";
const PORT = 6000;

/** Renames the interface. Before Linux 6.2 it must be down. */
async function rename(host: Host, from: string, to: string): Promise<void> {
  const words = ["ip", "link", "set", from, "name", to];
  if ((await host.run(words)).code === 0) return;
  await host.ip("link", "set", from, "down");
  await host.ip("link", "set", from, "name", to);
  await host.ip("link", "set", to, "up");
}

/** Moves the interface and configures it again: the kernel sets it down and removes its addresses and routes. */
async function move(
  name: string,
  from: Host,
  to: Host,
  gateways: readonly Host[],
): Promise<void> {
  await from.ip("link", "set", name, "netns", to.namespace);
  await configure(name, to, gateways);
}

/** Adds the address, and routes to the target: via the first gateway, or via the second for packets with mark 1. */
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
  "An interface keeps its flows when it is renamed, moved to another namespace and back",
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
    /** Returns the TTL of a reply of the target, which identifies the gateway. */
    const replyTtl = async (from: Host, ...options: string[]) => {
      const words = ["ping", "-n", "-c", "1", "-W", `${patient(1)}`];
      return await until(`a reply of ${TARGET}`, async () => {
        const { stdout } = await from.run([...words, ...options, TARGET]);
        return Number(/ttl=(\d+)/.exec(stdout)?.[1]) || undefined;
      });
    };
    const assertWorks = async (host: Host) => {
      assertEquals(await replyTtl(host), 101);
      assertEquals(await replyTtl(host, "-m", "1"), marked);
      const before = Math.max(0, ...pings.answered);
      await until(
        "replies to the peer's pings",
        () => Math.max(...pings.answered) > before + 2,
      );
    };

    await configure("ib0", here, gateways);
    await until("the peer to reach the host", () => peer.reaches(here));
    await using pings = await Pings.start(peer, here.address, {
      interval: 0.05,
    });
    const server = peer.start("socat", "-u", `TCP4-LISTEN:${PORT}`, "STDOUT");
    await until(
      "the peer to listen",
      async () => await peer.must("ss", "-Hltn", `sport = :${PORT}`) !== "",
    );
    const to = `TCP4:${peer.address}:${PORT}`;
    const client = here.start("socat", "-u", "STDIN", to);
    await client.write("here\n");
    await server.prints(/here\n/);
    await assertWorks(here);

    await rename(here, "ib0", "ib7");
    await client.write("renamed\n");
    await server.prints(/renamed\n/);
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
    await server.prints(/back\n/);
    assertEquals(server.output, "here\nrenamed\naway\nback\n");
    await assertWorks(here);
    assert(!here.daemon.ended);
    assertEquals((await here.link()).state, "running");
  },
);

labTest(
  "Commands find an interface by its new name in its new namespace",
  async (lab) => {
    const [here, peer] = await lab.running(2);
    const there = new Host(lab, await lab.namespace(), here.address);
    const child = await here.ipoib("child", "create", "0x8001");
    assertEquals(child.code, 0);
    const { daemon } = here;
    await move("ib0", here, there, [peer, peer]);
    await rename(there, "ib0", "eth7");
    const shown = await until(
      "the interface in its new namespace",
      async () => {
        const words = ["link", "show", "eth7", "-jd", "-n", there.namespace];
        const { code, stdout } = await lab.ipoib(...words);
        return code === 0 ? JSON.parse(stdout) : undefined;
      },
    );
    const { ino } = await Deno.stat(`/run/netns/${there.namespace}`);
    assertEquals(
      [shown[0].ifname, shown[0].namespace, shown[0].pid],
      ["eth7", ino, daemon.pid],
    );
    for (const [host, name] of [[there, "eth7"], [here, "ib0.8001"]] as const) {
      const only = await host.show<{ ifname: string }[]>("link");
      assertEquals(only.map(({ ifname }) => ifname), [name]);
    }

    // In the old namespace its name is free, and its child is still accessible.
    assertEquals((await here.ipoib("link", "show", "ib0")).code, 3);
    assertEquals((await here.ipoib("link", "show", "ib0.8001")).code, 0);
    const second = await here.ipoib(
      ...["up", "ib0", "--hca", "soft", "--background"],
    );
    assertEquals([second.code, second.stdout], [0, ""]);
    assertEquals((await here.ipoib("down", "ib0")).code, 0);

    // A new child is created in the namespace of its parent.
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
