/** Basic operation of two hosts: ping, TCP, UDP, records, carrier, MTU. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  holdTakeover,
  iperf,
  iperfServer,
  labTest,
  pause,
  startManager,
  until,
} from "./harness/mod.ts";

/** Lost datagrams at normal machine speed, and on a slow machine. */
const LOST_PERCENT = 5;
const MAX_LOST_PERCENT = 20;
const ADDRESS = /^80:00:00:[0-9a-f]{2}:fe:80(:[0-9a-f]{2}){14}$/;

labTest(
  "Two hosts exchange pings, fragments, TCP and UDP in both directions",
  async (lab) => {
    const [a, b] = await lab.running(2);
    for (const [from, to] of [[a, b], [b, a]] as const) {
      assertEquals(await from.ping(to), { sent: 5, received: 5 });
      const fragmented = await from.ping(to, { size: 6000 });
      assertEquals(fragmented, { sent: 5, received: 5 });
    }
    const fitting = await a.run(
      ["ping", "-n", "-M", "do", "-c", "1", "-s", "2016", b.address],
    );
    assertEquals(fitting.code, 0, fitting.stdout);
    const tooLong = await a.run(
      ["ping", "-n", "-M", "do", "-c", "1", "-s", "2017", b.address],
    );
    assertStringIncludes(tooLong.stdout + tooLong.stderr, "too long");

    await iperfServer(b);
    for (const direction of [[], ["-R"]]) {
      assertGreater((await iperf(a, b.address, ...direction)).received, 1e6);
      // A low rate: the buffer of the receiving socket must hold all datagrams while a busy machine does not schedule
      // iperf3.
      const udp = await iperf(
        a,
        b.address,
        ...["-u", "-b", "2M", "-l", "500", ...direction],
      );
      assertGreater(udp.received, 1e5);
      assertLess(udp.lost, Math.min(patient(LOST_PERCENT), MAX_LOST_PERCENT));
    }
  },
);

labTest(
  "The kernel and the show commands of ipoib print the state of the link",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const [kernel] = JSON.parse(await a.ip("-d", "-j", "link", "show", "ib0"));
    assertEquals(kernel.link_type, "infiniband");
    assertEquals(kernel.mtu, 2044);
    assert(kernel.flags.includes("LOWER_UP"), kernel.flags.join());

    await a.ping(b);
    const addresses: string[] = [];
    for (const host of [a, b]) {
      const [link] = await host.show<Link[]>("link", "show", "ib0");
      assertMatch(link!.address, ADDRESS);
      assertEquals(link!.mtu, 2044);
      assertEquals(link!.operstate, "UP");
      assertEquals(link!.pkey, "0xffff");
      addresses.push(link!.address);
    }
    assert(addresses[0] !== addresses[1]);
    const text = await a.ipoib("-d", "-s", "link", "show", "ib0");
    assertEquals([text.code, text.stderr], [0, ""]);
    assertStringIncludes(text.stdout, `link/infiniband ${addresses[0]}`);

    const [neighbour] = await a.show<Neighbour[]>("neigh", "show");
    assertEquals(neighbour!.dst, b.address);
    assertEquals(neighbour!.lladdr, addresses[1]);
    const [path] = await a.show<{ gid: string; dlid: number }[]>(
      "path",
      "show",
    );
    assertEquals(path!.gid, (await b.link()).gid);
    assertEquals(path!.dlid, (await b.link()).hca.lid);
    const groups = await a.show<{ mgid: string; attached: boolean }[]>(
      "mcg",
      "show",
    );
    const broadcast = groups.find((group) => group.mgid.endsWith("ffff:ffff"));
    assertEquals(broadcast?.attached, true);
    const [subnet] = await a.show<{ ports: unknown[] }[]>("subnet", "show");
    assertEquals(subnet!.ports.length, 2);
    for (
      const [file, value] of [
        ["mode", "datagram"],
        ["pkey", "0xffff"],
        ["mtu", "2044"],
      ] as const
    ) {
      const got = await a.ipoib("get", "ib0", file);
      assertEquals(got.stdout.trim(), value);
    }
  },
);

labTest(
  "The interface has no carrier until it has joined the broadcast group",
  async (lab) => {
    const manager = await startManager(lab);
    using _takeover = holdTakeover(lab);
    manager.kill("SIGSTOP");
    const [a] = await lab.hosts(1);
    await a.up({ wait: false });
    const flags = async () =>
      JSON.parse(await a.ip("-j", "link", "show", "ib0"))[0].flags as string[];
    const up = await until("the device to be up", async () => {
      const seen = await flags().catch(() => [""]);
      return seen.includes("UP") && seen;
    });
    assert(up.includes("NO-CARRIER"), up.join());
    await pause(300);
    assert((await flags()).includes("NO-CARRIER"));
    assertEquals((await a.link()).operstate, "DOWN");
    manager.kill("SIGCONT");
    await a.ready();
    assert((await flags()).includes("LOWER_UP"));
  },
);

labTest(
  "--subnet-mtu 4096 gives an MTU of 4092, and a port with another value is refused",
  async (lab) => {
    const [a, b, c] = await lab.hosts(3);
    await a.up({ args: ["--subnet-mtu", "4096"] });
    await b.up();
    assertEquals((await b.link()).mtu, 4092);
    assertEquals(await a.ping(b, { size: 4064 }), { sent: 5, received: 5 });
    const refused = await c.up({ args: ["--subnet-mtu", "2048"], wait: false });
    assertEquals(await refused.exit(), 2);
    const message = refused.output.split("\n").find((line) =>
      line.startsWith("ipoib: ")
    );
    assertMatch(message ?? refused.output, /\b2048\b/);
    assertMatch(message ?? refused.output, /\b4096\b/);
    assert(await a.reaches(b));
  },
);

interface Link {
  address: string;
  mtu: number;
  operstate: string;
  pkey: string;
}

interface Neighbour {
  dst: string;
  lladdr: string;
}
