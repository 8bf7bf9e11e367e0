/**
 * A multicast router with an interface on the embedded subnet and one on another network. As with ib_ipoib,
 * all-multicast mode joins no group: the router receives the groups that it has joined, and sends to others send-only.
 */

import { assertEquals } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  connectBehind,
  type Host,
  labTest,
  pause,
  type Program,
  until,
} from "./harness/mod.ts";

const PORT = 5000;
/** Options of setsockopt(2): level, name, value. */
const IPV6_HOPS = "setsockopt-int=41:18:4";
const IPV6_INTERFACE = "setsockopt-int=41:17";

/** What differs between the families. */
interface Family {
  readonly name: string;
  /** Group of a sender on the subnet, and of one behind the router, with their MGIDs. */
  readonly inward: readonly [group: string, mgid: string];
  readonly outward: readonly [group: string, mgid: string];
  /** Source addresses on the subnet and behind the router. */
  readonly sources: readonly [subnet: string, behind: string];
}

const FAMILIES: readonly Family[] = [
  {
    name: "IPv4",
    inward: ["239.1.2.3", "ff12:401b:ffff:0:0:0:f01:203"],
    outward: ["239.4.5.6", "ff12:401b:ffff:0:0:0:f04:506"],
    sources: ["10.9.0.1", "10.20.0.2"],
  },
  {
    name: "IPv6",
    inward: ["ff3e::1:2", "ff12:601b:ffff:0:0:0:1:2"],
    outward: ["ff3e::4:5", "ff12:601b:ffff:0:0:0:4:5"],
    sources: ["fd09::1", "fd20::2"],
  },
];

async function group(host: Host, mgid: string) {
  const groups = await host.call("mcg.show", { name: "ib0" });
  return groups.find((each) => each.mgid === mgid);
}

/** Starts a member of a group, which prints the datagrams that it receives. */
function member(host: Host, device: string, to: string): Program {
  const [type, option] = to.includes(":")
    ? ["UDP6-RECV", `ipv6-join-group=[${to}]:${device}`]
    : ["UDP4-RECV", `ip-add-membership=${to}:${device}`];
  return host.start("socat", "-u", `${type}:${PORT},${option}`, "STDOUT");
}

/** Sends a datagram to a group, with a TTL of 4. */
async function send(
  host: Host,
  device: string,
  source: string,
  to: string,
  text: string,
): Promise<void> {
  const index = (await host.must("cat", `/sys/class/net/${device}/ifindex`))
    .trim();
  const address = to.includes(":")
    ? `UDP6-DATAGRAM:[${to}]:${PORT},bind=[${source}],${IPV6_HOPS},${IPV6_INTERFACE}:${index}`
    : `UDP4-DATAGRAM:${to}:${PORT},bind=${source},ip-multicast-ttl=4,ip-multicast-if=${source}`;
  const { code, stderr } = await host.run(
    ["socat", "-u", "STDIN", address],
    { stdin: text },
  );
  assertEquals([code, stderr], [0, ""]);
}

/** Sends datagrams until the member prints one. */
async function arrives(
  to: Program,
  sendOne: (text: string) => Promise<void>,
): Promise<void> {
  let n = 0;
  await until("a datagram at the member", async () => {
    await sendOne(`packet ${n++}\n`);
    return /packet \d+\n/.test(to.output);
  });
}

for (const family of FAMILIES) {
  labTest(
    `smcrouted forwards ${family.name} groups that it has joined from the subnet, and any group to the subnet`,
    async (lab) => {
      const [source, router, behind] = await lab.hosts(3);
      await Promise.all([source.up(), router.up()]);
      await connectBehind(router, behind);
      const forwarding = "/proc/sys/net/ipv6/conf/all/forwarding";
      await router.must("sh", "-c", `echo 1 > ${forwarding}`);
      const add = (host: Host, address: string, device: string) =>
        host.ip("addr", "add", `${address}/64`, "dev", device, "nodad");
      await add(source, "fd09::1", "ib0");
      await add(router, "fd09::2", "ib0");
      await add(router, "fd20::1", "veth0");
      await add(behind, "fd20::2", "veth0");

      const { inward: [inGroup, inMgid], outward: [outGroup, outMgid] } =
        family;
      const [onSubnet, onVeth] = family.sources;
      const file = `${lab.runtime}/smcroute.conf`;
      const socket = `${file}.sock`;
      await Deno.writeTextFile(
        file,
        `mroute from ib0 source ${onSubnet} group ${inGroup} to veth0
mroute from veth0 source ${onVeth} group ${outGroup} to ib0
`,
      );
      router.start(
        ...["smcrouted", "-n", "-l", "info", "-f", file, "-u", socket],
        ...["-P", `${file}.pid`],
      );
      const control = (...words: string[]) =>
        router.must("smcroutectl", "-u", socket, ...words);
      await until(
        "the routes",
        async () =>
          (await router.run(["ip", "-4", "mroute", "show"])).stdout +
                (await router.run(["ip", "-6", "mroute", "show"])).stdout !==
            "" &&
          (await router.link()).allmulti > 0,
      );

      const inside = member(behind, "veth0", inGroup);
      const sendIn = (text: string) =>
        send(source, "ib0", onSubnet, inGroup, text);
      await sendIn("before the join\n");
      await until(
        "the send-only membership of the source",
        async () => (await group(source, inMgid))?.complete,
      );
      // A route, and with it all-multicast mode, joins no group.
      await sendIn("without a join\n");
      await pause(patient(300));
      assertEquals(await group(router, inMgid), undefined);
      assertEquals(inside.output, "");

      await control("join", "ib0", inGroup);
      await until(
        "the router's join",
        async () => (await group(router, inMgid))?.attached,
      );
      await arrives(inside, sendIn);

      const outside = member(source, "ib0", outGroup);
      await until(
        "the member's join",
        async () => (await group(source, outMgid))?.attached,
      );
      await arrives(
        outside,
        (text) => send(behind, "veth0", onVeth, outGroup, text),
      );
      const sent = await group(router, outMgid);
      assertEquals([sent?.send_only, sent?.attached], [true, false]);

      await control("leave", "ib0", inGroup);
      await until(
        "the router's leave",
        async () => !(await group(router, inMgid)),
      );
    },
  );
}
