/** Policy routing by mark and type of service: packets take the same gateway as over Ethernet. */

import { assertEquals } from "@std/assert";
import { Host, type Lab, must, until } from "./harness/mod.ts";
import { nextHopsTest } from "./harness/next_hops.ts";
import { patient } from "../../scripts/machine.ts";

const TARGET = "10.20.0.1";
/** Initial TTL of the replies of each gateway, which identifies the gateway. */
const TTL = { first: 101, second: 102 } as const;
type GatewayName = keyof typeof TTL;

/** Options of ping, and the gateway that the kernel selects. */
const KERNEL: readonly (readonly [options: string, GatewayName])[] = [
  ["", "first"],
  ["-m 1", "second"],
  ["-m 2", "first"],
  ["-m 19", "second"],
  ["-Q 0x10", "second"],
  ["-Q 0x08", "second"],
  ["-Q 0x04", "first"],
  ["-m 3 -Q 0x10", "first"],
];

/** Differences with `--next-hops routes`: the mark of a packet is not visible to the device. */
const WITHOUT_MARKS: Readonly<Record<string, GatewayName>> = {
  "-m 1": "first",
  "-m 19": "first",
  "-m 3 -Q 0x10": "second",
};

/** Configures three hosts, two of which are gateways. */
async function configure(
  [from, first, second]: readonly Host[],
): Promise<void> {
  for (const [host, ttl] of [[first!, 101], [second!, 102]] as const) {
    await host.ip("addr", "add", `${TARGET}/32`, "dev", "lo");
    const file = "/proc/sys/net/ipv4/ip_default_ttl";
    await host.must("sh", "-c", `echo ${ttl} > ${file}`);
  }
  const network = "10.20.0.0/24";
  for (
    const line of [
      `route add ${network} via ${first!.address}`,
      `route add ${network} tos 0x08 via ${second!.address}`,
      `route add ${network} via ${second!.address} table 100`,
      `route add ${network} via ${first!.address} table 101`,
      "rule add pref 100 fwmark 1 table 100",
      "rule add pref 101 fwmark 0x10/0xf0 table 100",
      "rule add pref 102 fwmark 3 table 101",
      "rule add pref 103 tos 0x10 table 100",
    ]
  ) await from!.ip(...line.split(" "));
}

/** Creates hosts with these addresses whose ib0 is an Ethernet device on a common bridge. */
async function onEthernet(
  lab: Lab,
  addresses: readonly string[],
): Promise<Host[]> {
  const bridge = await lab.namespace();
  await must(
    ["ip", "-n", bridge, "link", "add", "bridge", "up", "type", "bridge"],
  );
  return await Promise.all(addresses.map(async (address, i) => {
    const host = new Host(lab, await lab.namespace(), address);
    await must([
      ...["ip", "-n", bridge, "link", "add", `port${i}`, "master", "bridge"],
      ...["up", "type", "veth", "peer", "ib0", "netns", host.namespace],
    ]);
    await host.ip("addr", "add", `${address}/24`, "dev", "ib0");
    await host.ip("link", "set", "ib0", "up");
    return host;
  }));
}

/** Returns the gateway that answers a ping with these options. */
async function chosen(from: Host, options: string): Promise<GatewayName> {
  const words = [
    ...["ping", "-n", "-c", "1", "-W", `${patient(1)}`],
    ...options.split(" ").filter((word) => word !== ""),
    TARGET,
  ];
  const ttl = await until(`a reply to ping ${options}`, async () => {
    const { code, stdout, stderr } = await from.run(words);
    if (code > 1) throw new Error(`${words.join(" ")}: ${stderr}`);
    return /ttl=(\d+)/.exec(stdout)?.[1];
  });
  return Number(ttl) === TTL.first ? "first" : "second";
}

async function choices(from: Host): Promise<[string, GatewayName][]> {
  const found: [string, GatewayName][] = [];
  for (const [options] of KERNEL) {
    found.push([options, await chosen(from, options)]);
  }
  return found;
}

nextHopsTest(
  "Policy routes by mark and type of service select the gateway",
  async (lab, source) => {
    const hosts = await lab.running(3, ["--next-hops", source]);
    const ethernet = await onEthernet(lab, hosts.map(({ address }) => address));
    const kernel = KERNEL.map(([options, name]) => [options, name]);
    for (const layout of [ethernet, hosts]) await configure(layout);
    assertEquals(await choices(ethernet[0]!), kernel);
    assertEquals(
      await choices(hosts[0]!),
      source === "program" ? kernel : KERNEL.map((
        [options, name],
      ) => [options, WITHOUT_MARKS[options] ?? name]),
    );
  },
);
