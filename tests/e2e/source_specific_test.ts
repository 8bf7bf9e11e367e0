/** Source-specific multicast (RFC 4607) of both families: two receivers, and a bystander that receives nothing. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { type Host, labTest, UdpSocket, until } from "./harness/mod.ts";

const PORT = 5000;
const PACKETS = 200;
const MEMBERSHIPS = ["port_rcv_packets", "port_multicast_filtered"] as const;

interface Case {
  readonly family: string;
  readonly group: string;
  readonly mgid: string;
  /** Addresses of the sender; receivers join the first as source, later the second. */
  readonly sources: readonly [string, string];
  readonly any: string;
  readonly prefix: number;
  /** The route of the sender to the group. */
  readonly route: readonly string[];
}

const CASES: readonly Case[] = [
  {
    family: "IPv4",
    group: "232.1.2.3",
    mgid: "ff12:401b:ffff:0:0:0:801:203",
    sources: ["10.9.1.1", "10.9.1.2"],
    any: "0.0.0.0",
    prefix: 16,
    route: ["232.0.0.0/8", "dev", "ib0"],
  },
  {
    family: "IPv6",
    group: "ff35::4:5",
    mgid: "ff12:601b:ffff:0:0:0:4:5",
    sources: ["fd00::1:1", "fd00::1:2"],
    any: "::",
    prefix: 64,
    route: ["ff35::/16", "dev", "ib0", "table", "local"],
  },
];

async function membership(host: Host, mgid: string) {
  const groups = await host.call("mcg.show", { name: "ib0" });
  return groups.find((each) => each.mgid === mgid);
}

for (
  const { family, group, mgid, sources, any, prefix, route } of CASES
) {
  labTest(
    `${family}: two receivers of a source-specific group get the packets of its source only, a bystander none`,
    async (lab) => {
      const [sender, one, two, bystander] = await lab.running(4) as [
        ...[Host, Host, Host, Host],
      ];
      const nodad = family === "IPv6" ? ["nodad"] : [];
      for (const source of sources) {
        await sender.ip(
          ...["addr", "add", `${source}/${prefix}`, "dev", "ib0", ...nodad],
        );
      }
      await sender.ip("route", "add", ...route);
      // The kernel passes on packets of a source only if it has a route to it.
      const near = family === "IPv6" ? "fd00::2:" : "10.9.2.";
      for (const [i, host] of [one, two].entries()) {
        await host.ip(
          ...["addr", "add", `${near}${i + 1}/${prefix}`],
          ...["dev", "ib0", ...nodad],
        );
      }
      using named = UdpSocket.open(sender, 0, sources[0]);
      using other = UdpSocket.open(sender, 0, sources[1]);
      using atOne = UdpSocket.open(one, PORT, any);
      using atTwo = UdpSocket.open(two, PORT, any);
      using atBystander = UdpSocket.open(bystander, PORT, any);
      const receivers = [[one, atOne], [two, atTwo]] as const;
      for (const [host, socket] of receivers) {
        socket.joinSource(await host.ifindex(), group, sources[0]);
      }
      for (const [host] of receivers) {
        await until(
          "the join",
          async () => (await membership(host, mgid))?.attached,
        );
        const shown = await host.ipoib("maddr", "show");
        assert(shown.stdout.includes(` ${group}\n`), shown.stdout);
      }
      const send = (from: UdpSocket, byte: number) =>
        from.send(group, PORT, Uint8Array.of(byte));
      const kinds = (socket: UdpSocket) =>
        socket.receive().map((bytes) => bytes[0]!);
      // The first packet makes the sender join.
      await until("a packet at both receivers", () => {
        send(named, 0);
        return receivers.every(([, socket]) => kinds(socket).length > 0);
      });

      const before = await bystander.counters();
      const received = receivers.map(() => new Array<number>());
      for (let i = 0; i < PACKETS; i++) {
        send(other, 2);
        send(named, 1);
        if (i % 20 === 19) {
          await until("the packets of the named source", () => {
            receivers.forEach(([, socket], at) =>
              received[at]!.push(...kinds(socket).filter((each) => each !== 0))
            );
            return received.every(({ length }) => length >= i + 1);
          });
        }
      }
      assertEquals(received, [
        new Array(PACKETS).fill(1),
        new Array(PACKETS).fill(1),
      ]);
      const after = await bystander.counters();
      for (const name of MEMBERSHIPS) {
        // Other packets to all nodes may arrive at the same time.
        assertLess(after[name]! - before[name]!, PACKETS / 2, name);
      }
      assertEquals(kinds(atBystander), []);
      assertEquals(await membership(bystander, mgid), undefined);

      // A second source, then the end of both; the membership ends with the last source.
      atOne.joinSource(await one.ifindex(), group, sources[1]);
      await until("a packet of the other source", () => {
        send(other, 3);
        return kinds(atOne).includes(3);
      });
      atOne.leaveSource(await one.ifindex(), group, sources[0]);
      const rest: number[] = [];
      await until("a packet of the remaining source", () => {
        send(named, 4);
        send(other, 5);
        rest.push(...kinds(atOne));
        return rest.includes(5);
      });
      assert(!rest.includes(4));
      assertEquals((await membership(one, mgid))?.attached, true);
      atOne.leaveSource(await one.ifindex(), group, sources[1]);
      await until(
        "the end of the membership",
        async () => !(await membership(one, mgid))?.attached,
      );
      assertEquals((await membership(two, mgid))?.attached, true);
    },
  );
}
