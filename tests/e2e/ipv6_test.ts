/** IPv6: link-local and global addresses, duplicate address detection, multicast and TCP. */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import {
  type Host,
  iperf,
  iperfServer,
  labTest,
  linkLocal,
  until,
} from "./harness/mod.ts";
import { ipv6Addresses } from "./harness/ipv6.ts";

async function pings(host: Host, to: string, size = 56): Promise<void> {
  const result = await host.ping(to, { count: 3, size });
  assertEquals(result, { sent: 3, received: 3 });
}

labTest(
  "IPv6: ping by link-local and global addresses, and TCP in both directions",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const [, toB] = await Promise.all([linkLocal(a), linkLocal(b)]);
    const { address } = await a.link();
    const guid = address.split(":").slice(12).join("");
    assertEquals(
      (await linkLocal(a)).replace("fe80::", "").split(":").map((each) =>
        each.padStart(4, "0")
      ).join(""),
      guid.replace(
        /^../,
        (byte) => (parseInt(byte, 16) | 2).toString(16).padStart(2, "0"),
      ),
      "interface identifier from the GUID",
    );
    await pings(a, `${toB}%ib0`);
    await pings(a, `${toB}%ib0`, 6000);
    await a.ip("-6", "addr", "add", "fd00::1/64", "dev", "ib0");
    await b.ip("-6", "addr", "add", "fd00::2/64", "dev", "ib0");
    for (const host of [a, b]) {
      await until(
        "the end of duplicate address detection",
        async () =>
          !(await ipv6Addresses(host)).some((each) =>
            each.includes("tentative")
          ),
      );
    }
    await pings(a, "fd00::2");
    await pings(b, "fd00::1");
    const neighbours = await a.ipoib("neigh", "show");
    assertMatch(neighbours.stdout, /^fd00::2 dev ib0 lladdr 80:00:00:/m);
    await iperfServer(b);
    for (const direction of [[], ["-R"]]) {
      assertGreater((await iperf(a, "fd00::2", ...direction)).received, 1e6);
    }
  },
);

labTest("IPv6: a duplicate address is detected", async (lab) => {
  const [a, b] = await lab.running(2);
  await Promise.all([linkLocal(a), linkLocal(b)]);
  await a.ip("-6", "addr", "add", "fd00::7/64", "dev", "ib0");
  await until(
    "the end of duplicate address detection",
    async () => (await ipv6Addresses(a)).includes("fd00::7/64"),
  );
  await b.ip("-6", "addr", "add", "fd00::7/64", "dev", "ib0");
  await until(
    "the detection of the conflict",
    async () =>
      (await ipv6Addresses(b)).some((each) =>
        each.startsWith("fd00::7") && each.includes("dadfailed")
      ),
  );
});

labTest(
  "IPv6: the link-local address is restored after link down and after a small MTU, unless addr_gen_mode is none",
  async (lab) => {
    const [a] = await lab.running(1);
    const address = await linkLocal(a);
    await a.ip("link", "set", "ib0", "down");
    assertEquals(await ipv6Addresses(a), []);
    await a.ip("link", "set", "ib0", "up");
    assertEquals(await linkLocal(a), address);
    const setMtu = (by: "ip" | "ipoib", mtu: number) =>
      a[by]("link", "set", "ib0", "mtu", `${mtu}`);
    for (const by of ["ip", "ipoib"] as const) {
      await setMtu(by, 1000);
      await until(
        "the removal of the addresses",
        async () => (await ipv6Addresses(a)).length === 0,
      );
      await setMtu(by, 2044);
      assertEquals(await linkLocal(a), address, by);
    }
    await a.ip("link", "set", "ib0", "addrgenmode", "none");
    await a.ip("link", "set", "ib0", "down");
    await a.ip("link", "set", "ib0", "up");
    await until(
      "the link to be up",
      async () => (await a.link()).operstate === "UP",
    );
    assertEquals(await ipv6Addresses(a), []);
  },
);

labTest(
  "IPv6: the link-local address is restored if the process reads both changes of the link, or of the MTU, at once",
  async (lab) => {
    const [a] = await lab.running(1);
    const address = await linkLocal(a);
    for (
      const [away, back] of [
        [["down"], ["up"]],
        [["mtu", "1000"], ["mtu", "2044"]],
      ] as const
    ) {
      a.daemon.kill("SIGSTOP");
      await a.ip("link", "set", "ib0", ...away);
      await a.ip("link", "set", "ib0", ...back);
      assertEquals(await ipv6Addresses(a), []);
      a.daemon.kill("SIGCONT");
      assertEquals(await linkLocal(a), address);
    }
  },
);

labTest(
  "IPv6: only members of a group receive its packets",
  async (lab) => {
    const [a, b, c] = await lab.running(3);
    await Promise.all([a, b, c].map(linkLocal));
    const group = "ff05::4321";
    const listen = (host: Host, join: boolean) =>
      host.start(
        ...["socat", "-u"],
        `UDP6-RECVFROM:5555,fork${
          join ? `,ipv6-join-group=[${group}]:ib0` : ""
        }`,
        "STDOUT",
      );
    const member = listen(b, true);
    const other = listen(c, false);
    await a.ip(
      "-6",
      "route",
      "add",
      "ff05::/16",
      "dev",
      "ib0",
      "table",
      "local",
    );
    await until("the multicast packet", async () => {
      await a.run([
        "sh",
        "-c",
        `echo packet | socat -u STDIN "UDP6-SENDTO:[${group}]:5555"`,
      ]);
      return member.output.includes("packet");
    });
    assert(!other.output.includes("packet"));
    const { stdout } = await b.ipoib("mcg", "show");
    assertMatch(stdout, /^ff12:601b:ffff::4321 .*full joined/m);
  },
);
