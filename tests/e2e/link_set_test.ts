/**
 * Changes by `ip link set` and by `ipoib link set` have the same effect, and `ip -d link show` and `ipoib -d link show`
 * agree about it, for a parent and for a child.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LinkRecord } from "../../src/ipc/schema.ts";
import {
  Host,
  type Lab,
  labTest,
  startPartitions,
  until,
} from "./harness/mod.ts";

const CHILD = "ib0.8001";

/** Members of `ip -d -j link show` that the record of the program has too. */
const COMMON = [
  ...["ifindex", "ifname", "flags", "mtu", "qdisc", "operstate", "linkmode"],
  ...["group", "txqlen", "link_type", "ifalias", "promiscuity", "allmulti"],
  ...["min_mtu", "max_mtu", "inet6_addr_gen_mode"],
  ...["num_tx_queues", "num_rx_queues", "gso_max_size", "gso_max_segs"],
  ...["tso_max_size", "tso_max_segs", "gro_max_size"],
];

type Values = Record<string, unknown>;

function common(link: object): Values {
  const values: Values = { ...link };
  return Object.fromEntries(COMMON.map((key) => [key, values[key]]));
}

async function kernelLink(host: Host, name: string): Promise<Values> {
  const words = ["-d", "-j", "link", "show", name];
  return common(JSON.parse(await host.ip(...words))[0]);
}

/** Waits until the kernel and the program show the same, and `accept` accepts it. Returns the values. */
async function agreed(
  host: Host,
  name: string,
  what: string,
  accept: (values: Values) => boolean = () => true,
): Promise<Values> {
  let shown: [Values, Values] | undefined;
  try {
    return await until(`${what} of ${name}`, async () => {
      shown = [await kernelLink(host, name), common(await host.link(name))];
      const [theirs, ours] = shown;
      return JSON.stringify(theirs) === JSON.stringify(ours) &&
        accept(ours) && ours;
    }, 10_000);
  } catch (error) {
    if (shown) assertEquals(shown[1], shown[0], what);
    throw error;
  }
}

/** Two hosts with a parent and a running child each. */
async function twoHosts(lab: Lab): Promise<[Host, Host]> {
  const hosts = await lab.running(2);
  for (const host of hosts) {
    await host.call("child.create", { pkey: 0x8001 });
    await host.ip("link", "set", CHILD, "up");
    await host.call("wait", { name: CHILD });
  }
  return hosts;
}

/** Changes the interface of the first host with `ip link set`, that of the second with `ipoib link set`. */
async function setBoth(
  [a, b]: readonly [Host, Host],
  name: string,
  words: readonly string[],
): Promise<void> {
  await a.ip("link", "set", name, ...words);
  const { code, stderr } = await b.ipoib("link", "set", name, ...words);
  assertEquals([code, stderr], [0, ""], words.join(" "));
}

/** A change, and the values that it gives. */
type Row = readonly [words: readonly string[], values: Values];

const FLAGS = ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"];

const ROWS: readonly Row[] = [
  [
    ["alias", "rail 1", "txqueuelen", "64", "group", "7"],
    { ifalias: "rail 1", txqlen: 64, group: "7" },
  ],
  [["alias", "", "group", "default"], { ifalias: undefined, group: "default" }],
  [
    ["arp", "off", "multicast", "off", "allmulticast", "on", "promisc", "on"],
    {
      flags: ["BROADCAST", "NOARP", "ALLMULTI", "PROMISC", "UP", "LOWER_UP"],
      promiscuity: 1,
      allmulti: 1,
    },
  ],
  [
    ["arp", "on", "multicast", "on", "allmulticast", "off", "promisc", "off"],
    { flags: FLAGS, promiscuity: 0, allmulti: 0 },
  ],
  [["addrgenmode", "none"], { inet6_addr_gen_mode: "none" }],
  [["addrgenmode", "eui64"], { inet6_addr_gen_mode: "eui64" }],
  [["mtu", "1400"], { mtu: 1400 }],
  [["mtu", "2044"], { mtu: 2044 }],
  [["down"], { flags: ["BROADCAST", "MULTICAST"], operstate: "DOWN" }],
  [["up"], { flags: FLAGS, operstate: "UP" }],
];

for (const name of ["ib0", CHILD]) {
  labTest(
    `ip link set and ipoib link set change ${name} in the same way, and its address stays`,
    async (lab) => {
      const hosts = await twoHosts(lab);
      const before = await Promise.all(
        hosts.map((host) => host.link(name)),
      );
      for (const [words, values] of ROWS) {
        await setBoth(hosts, name, words);
        for (const host of hosts) {
          const has = (shown: Values) =>
            Object.entries(values).every(([key, value]) =>
              JSON.stringify(shown[key]) === JSON.stringify(value)
            );
          const shown = await agreed(host, name, words.join(" "), has);
          assertEquals(shown, { ...shown, ...values }, words.join(" "));
        }
        for (const [i, host] of hosts.entries()) {
          const { address, qpn } = await host.link(name);
          const old = before[i]!;
          assertEquals([address, qpn], [old.address, old.qpn]);
        }
      }
    },
  );
}

labTest(
  "down leaves the groups of the interface and up joins them again, with the same QPN",
  async (lab) => {
    const hosts = await twoHosts(lab);
    for (const name of ["ib0", CHILD]) {
      for (const [i, host] of hosts.entries()) {
        const groups = async () =>
          (await host.call("mcg.show", { name }))
            .filter((group) => group.attached).map((group) => group.mgid);
        const set = async (word: "up" | "down") => {
          if (i === 0) await host.ip("link", "set", name, word);
          else {assertEquals(
              (await host.ipoib("link", "set", name, word)).code,
              0,
            );}
        };
        const before = await host.link(name);
        const joined = await until("the groups", async () => {
          const mgids = await groups();
          return mgids.length >= 3 && mgids;
        });
        await set("down");
        await until("no groups", async () => (await groups()).length === 0);
        const down = await host.link(name);
        assertEquals(down.state, "administratively down");
        assertEquals([down.qpn, down.address], [before.qpn, before.address]);
        await set("up");
        await host.call("wait", { name });
        await until("the groups again", async () => {
          const mgids = await groups();
          return joined.every((mgid) => mgids.includes(mgid));
        });
        const up = await host.link(name);
        assertEquals([up.qpn, up.address], [before.qpn, before.address]);
      }
    }
    // The parent was set down and up with its child.
    await until(
      "the hosts to reach each other",
      () => hosts[0].reaches(hosts[1]),
    );
  },
);

/** Starts a stand-alone manager whose broadcast groups have an IB MTU of 1024 on a subnet of 2048. */
async function startSmallGroups(lab: Lab): Promise<void> {
  const text = ["Default=0x7fff", "one=0x0001"].map((head) =>
    `${head}, ipoib, mtu=3 : ALL=full ;\n`
  ).join("");
  await startPartitions(lab, text);
}

labTest(
  "an MTU over that of the group is limited, and one out of range is set back, logged once and shown",
  async (lab) => {
    await startSmallGroups(lab);
    const [a, b] = await twoHosts(lab);
    const chain = async (host: Host, name: string) => {
      const { admin, device, refused, binding } =
        (await host.link(name)).mtu_chain;
      return [admin, device, refused, binding];
    };
    const becomes = async (host: Host, name: string, values: unknown[]) => {
      let last: unknown;
      await until(`MTUs ${values} of ${name}`, async () => {
        last = await chain(host, name);
        return JSON.stringify(last) === JSON.stringify(values);
      }, 10_000).catch((error) => {
        assertEquals(last, values);
        throw error;
      });
      assertEquals((await kernelLink(host, name)).mtu, values[1]);
    };
    const none = undefined;
    for (const name of ["ib0", CHILD]) {
      await setBoth([a, b], name, ["mtu", "900"]);
      for (const host of [a, b]) {
        await becomes(host, name, [900, 900, none, "admin"]);
      }
      await a.must("sh", "-c", `echo 1500 > /sys/class/net/${name}/mtu`);
      assertEquals((await b.ipoib("set", name, "mtu", "1500")).code, 0);
      for (const host of [a, b]) {
        await becomes(host, name, [1500, 1020, none, "group"]);
      }
      for (const mtu of [9000, 71]) {
        await a.ip("link", "set", name, "mtu", `${mtu}`);
        await becomes(a, name, [1500, 1020, mtu, "group"]);
        const refused = await b.ipoib("link", "set", name, "mtu", `${mtu}`);
        assertEquals(refused.code, 2);
        assertMatch(
          refused.stderr,
          /out of range in datagram mode.*72 to 2044/,
        );
        await becomes(b, name, [1500, 1020, none, "group"]);
        const lines = a.daemon.output.split("\n").filter((line) =>
          line.includes(`MTU ${mtu} of ${name} is out of range`)
        );
        assertEquals(lines.length, 1, a.daemon.output);
        assert(lines[0]!.includes("set back to 1020"), lines[0]);
      }
      const { stdout } = await a.ipoib("-d", "link", "show", name);
      assertMatch(
        stdout,
        /mtu port 2044 group 1020 mode datagram admin 1500 device 1020, limited by the broadcast group, 71 was refused/,
      );
      const limited = a.daemon.output.split("\n").filter((line) =>
        line.includes("MTU 1500 is limited to 1020 by that of the broadcast")
      );
      assertEquals(limited.length, name === "ib0" ? 1 : 2, a.daemon.output);
      await setBoth([a, b], name, ["mtu", "800"]);
      for (const host of [a, b]) {
        await becomes(host, name, [800, 800, none, "admin"]);
      }
      // The device had this MTU before `ipoib link set` changed it.
      await b.ip("link", "set", name, "mtu", "1020");
      await becomes(b, name, [1020, 1020, none, "admin"]);
    }
  },
);

labTest(
  "carrier and operational state follow the port and the link mode, and cannot be changed otherwise",
  async (lab) => {
    const hosts = await twoHosts(lab);
    const [a, b] = hosts;
    for (const name of ["ib0", CHILD]) {
      await a.ip("link", "set", name, "carrier", "off");
      await until(
        "the log of the restored carrier",
        () => a.daemon.output.includes(`${name}: warning: Another program has`),
      );
      await agreed(
        a,
        name,
        "carrier",
        ({ flags }) => JSON.stringify(flags) === JSON.stringify(FLAGS),
      );
      const states = [
        ["dormant", "DORMANT", "DORMANT"],
        ["default", "UP", "DEFAULT"],
      ] as const;
      for (const [mode, operstate, linkmode] of states) {
        await setBoth(hosts, name, ["mode", mode]);
        // The kernel applies the mode at the next change of state.
        await setBoth(hosts, name, ["down"]);
        await setBoth(hosts, name, ["up"]);
        for (const host of hosts) {
          await agreed(
            host,
            name,
            mode,
            (link) =>
              link.operstate === operstate && link.linkmode === linkmode,
          );
        }
      }
    }
    const { hca } = await a.link();
    const port = `${hca.lid}`;
    const fault = (...words: string[]) =>
      b.ipoib("subnet", "fault", "port", port, ...words);
    assertEquals((await fault("down")).code, 0);
    await agreed(
      a,
      "ib0",
      "port down",
      ({ operstate, flags }) =>
        operstate === "DOWN" && (flags as string[])[0] === "NO-CARRIER",
    );
    // The kernel does not know the parent of a TAP, and shows DOWN.
    const child = await a.link(CHILD);
    assertEquals(child.operstate, "LOWERLAYERDOWN");
    assertEquals((await kernelLink(a, CHILD)).operstate, "DOWN");
    assertEquals((await fault("up")).code, 0);
    for (const name of ["ib0", CHILD]) {
      await agreed(a, name, "port up", ({ operstate }) => operstate === "UP");
    }
  },
);

labTest(
  "ipoib link set renames an interface and moves it to another namespace, as ip link set does",
  async (lab) => {
    const hosts = await twoHosts(lab);
    const there: Host[] = [];
    for (const { address } of hosts) {
      there.push(new Host(lab, await lab.namespace(), address));
    }
    for (
      const [name, renamed] of [[CHILD, "rail1"], ["ib0", "rail0"]] as const
    ) {
      const before: LinkRecord[] = [];
      for (const [i, host] of hosts.entries()) {
        before.push(await host.link(name));
        const to = ["name", renamed, "netns", there[i]!.namespace];
        const words = ["link", "set", "dev", name, "down"];
        if (i === 0) {
          await host.ip(...words);
          await host.ip("link", "set", "dev", name, ...to);
        } else {
          assertEquals((await host.ipoib(...words)).code, 0);
          const moved = await host.ipoib("link", "set", "dev", name, ...to);
          assertEquals([moved.code, moved.stderr], [0, ""]);
        }
      }
      const after = await Promise.all(
        there.map((host) =>
          until(`${renamed} in its new namespace`, async () => {
            const shown = await host.ipoib("-jd", "link", "show", renamed);
            return shown.code === 0 &&
              JSON.parse(shown.stdout)[0] as LinkRecord;
          })
        ),
      );
      for (const [i, link] of after.entries()) {
        assertEquals(common(link), await kernelLink(there[i]!, renamed));
        assertEquals(
          [link.ifname, link.qpn, link.address, link.state],
          [
            renamed,
            before[i]!.qpn,
            before[i]!.address,
            "administratively down",
          ],
        );
      }
      const pick = (link: LinkRecord) => ({ ...common(link), ifindex: 0 });
      assertEquals(pick(after[1]!), pick(after[0]!));
    }
  },
);

labTest(
  "ipoib link set reports what the kernel and ib_ipoib refuse",
  async (lab) => {
    const [host] = await lab.running(1);
    const { address } = await host.link();
    const fifo = `${lab.runtime}/fifo`;
    await host.must("mkfifo", fifo);
    const set = async (...words: string[]) =>
      await host.ipoib("link", "set", "ib0", ...words);
    assertEquals((await set("address", address)).code, 0);
    const other = address.slice(0, -2) + (address.endsWith("00") ? "01" : "00");
    for (
      const [words, text] of [
        [["name", "lo"], /File exists/],
        [["netns", "nonsense"], /Cannot open network namespace "nonsense"/],
        // A FIFO without a writer does not block the process.
        [["netns", fifo], /Invalid argument/],
        [["address", `00${address.slice(2)}`], /only the last 8 bytes/],
        [["address", other], /has no such GID/],
        [["mtu", "9000"], /MTU 9000 of ib0 is out of range in datagram mode/],
      ] as const
    ) {
      const { code, stderr } = await set(...words);
      assertEquals(code, 2, words.join(" "));
      assertMatch(stderr, text);
    }
    assertEquals((await host.link()).address, address);
  },
);

labTest(
  "with arp off only static neighbours are reachable, and arp on resolves addresses again",
  async (lab) => {
    const hosts = await lab.running(2);
    const [a, b] = hosts;
    assert(await a.reaches(b));
    await setBoth(hosts, "ib0", ["arp", "off"]);
    // The process learns later than the kernel that the neighbours were deleted.
    await until(
      "the neighbours to be forgotten",
      async () => !(await a.reaches(b)),
    );
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const { address } = await to.link();
      const words = ["neigh", "replace", to.address, "lladdr", address];
      assertEquals((await from.ipoib(...words)).code, 0);
    }
    await until("the static neighbour to answer", () => a.reaches(b));
    for (const [from, to] of [[a, b], [b, a]] as const) {
      assertEquals((await from.ipoib("neigh", "del", to.address)).code, 0);
    }
    await setBoth(hosts, "ib0", ["arp", "on"]);
    await until("the hosts to reach each other", () => a.reaches(b));
  },
);
