/** Commands of the data worker with the engine on the fake fabric. Every result is checked against its schema. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { SubnetSnapshot } from "../../src/subnet/messages.ts";
import {
  formatLinkAddress,
  linkAddressBytes,
} from "../../src/wire/link_address.ts";
import { type Host, ip, ipv4Frame, Rig } from "../ipoib/rig.ts";
import { refusal, run } from "./commands/support.ts";

function busyPair(): [Host, Host] {
  const rig = new Rig();
  const pair = rig.pair();
  const [a] = pair;
  a.netdev.config.join(ip("239.1.1.1"));
  a.send(
    ipv4Frame("10.0.0.1", "10.0.0.2"),
    ipv4Frame("10.0.0.1", "10.0.0.77"),
    ipv4Frame("10.0.0.1", "239.2.2.2"),
  );
  return pair;
}

Deno.test("link.show returns the members of ip link and those of this program", () => {
  const [a] = busyPair();
  const [link, ...others] = run(a, "link.show");
  assertEquals(others, []);
  assert(link);
  assertEquals(
    [link.ifname, link.mtu, link.operstate, link.state],
    ["ib1", 2044, "UP", "running"],
  );
  assertEquals(link.flags, ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"]);
  assertEquals(
    link.address,
    "00:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01",
  );
  assertEquals(
    link.broadcast,
    "00:ff:ff:ff:ff:12:40:1b:ff:ff:00:00:00:00:00:00:ff:ff:ff:ff",
  );
  assertEquals(link.linkinfo.info_data.key, "0xffff");
  assertEquals(link.hca.rate_mbps, 100_000);
  assertEquals(link.mtu_chain, {
    port: 2044,
    group: 2044,
    device: 2044,
    binding: "group",
  });
  assert(link.stats64.tx.packets > 0);
});

Deno.test("link.show returns the reason if the link is down", () => {
  const rig = new Rig();
  const host = rig.host({ register: false });
  const [link] = run(host, "link.show");
  assertEquals(link!.flags, ["NO-CARRIER", "BROADCAST", "MULTICAST", "UP"]);
  assertEquals([link!.operstate, link!.state], [
    "DOWN",
    "waiting for the subnet manager",
  ]);
  assertEquals("pkey_index" in link!, false);
  assertEquals(link!.mtu_chain.group, undefined);
  host.netdev.change({ up: false });
  assertEquals(run(host, "link.show")[0]!.flags, ["BROADCAST", "MULTICAST"]);
});

Deno.test("neigh.show returns the kernel's neighbours with their link-layer addresses", () => {
  const [a] = busyPair();
  const rows = run(a, "neigh.show");
  const [known, unknown] = rows;
  assertEquals([known!.dst, known!.state, known!.qpn], [
    "10.0.0.2",
    ["REACHABLE"],
    0x48,
  ]);
  assertEquals([unknown!.dst, unknown!.state], ["10.0.0.77", ["INCOMPLETE"]]);
  assertEquals("lladdr" in unknown!, false);
});

Deno.test("neigh.flush removes one neighbour or all", () => {
  const [a] = busyPair();
  const known = () => run(a, "neigh.show").map(({ dst }) => dst);
  const flush = (dst?: string) =>
    run(a, "neigh.flush", { name: "ib1", ...(dst ? { dst } : {}) });
  assertEquals(known(), ["10.0.0.2", "10.0.0.77"]);
  flush("10.0.0.9");
  assertEquals(known(), ["10.0.0.2", "10.0.0.77"]);
  flush("10.0.0.2");
  assertEquals(known(), ["10.0.0.77"]);
  flush();
  assertEquals(known(), []);
  const wrong = { name: "ib1", dst: "10.0.0" };
  assertEquals(refusal(a, "neigh.flush", wrong), ["E_ADDRESS", 22]);
});

Deno.test("neigh.add adds a static neighbour, neigh.del deletes it", () => {
  const [a, b] = busyPair();
  const { neighbours } = a.netdev.config;
  const lladdr = formatLinkAddress(linkAddressBytes(b.address));
  const at = { name: "ib1", dst: "10.0.0.50" };
  run(a, "neigh.add", { ...at, lladdr });
  assertEquals(neighbours.changes, ["permanent 10.0.0.50"]);
  const held = run(a, "neigh.show").find(({ dst }) => dst === at.dst)!;
  assertEquals([held.state, held.lladdr], [["PERMANENT"], lladdr]);
  b.received();
  a.send(ipv4Frame("10.0.0.1", "10.0.0.50"));
  assertEquals(b.received().length, 1);
  assertEquals(refusal(a, "neigh.add", { ...at, lladdr }), [
    "E_NEIGHBOUR_EXISTS",
    17,
  ]);
  run(a, "neigh.add", { ...at, lladdr, how: "change" });
  run(a, "neigh.add", { ...at, lladdr, how: "replace" });
  run(a, "neigh.del", at);
  assertEquals(neighbours.changes.at(-1), "remove 10.0.0.50");
  assertEquals(refusal(a, "neigh.del", at), ["E_NO_NEIGHBOUR", 2]);
  const change = { ...at, lladdr, how: "change" };
  assertEquals(refusal(a, "neigh.add", change), ["E_NO_NEIGHBOUR", 2]);
  run(a, "neigh.add", { ...at, lladdr, how: "replace" });
  run(a, "neigh.del", at);
  const short = { ...at, lladdr: "00:11" };
  assertEquals(refusal(a, "neigh.add", short), ["E_ADDRESS", 22]);
});

Deno.test("neigh.del of a neighbour on another interface names that interface", () => {
  const [a, b] = busyPair();
  const { ifname } = run(a, "child.create", { pkey: 0x8001 });
  const lladdr = formatLinkAddress(linkAddressBytes(b.address));
  run(a, "neigh.add", { name: ifname, dst: "10.1.0.50", lladdr });
  const remove = (dst: string) => () =>
    run(a, "neigh.del", { name: "ib1", dst });
  const wrong = assertThrows(remove("10.1.0.50"), IpoibError);
  assertEquals(
    [wrong.message, wrong.hint],
    ["Neighbour 10.1.0.50 does not exist on ib1", `add dev ${ifname}`],
  );
  const missing = assertThrows(remove("10.1.0.51"), IpoibError);
  assertEquals(missing.hint, "see ipoib neigh show");
});

Deno.test("path.show and mcg.show return the members of the debugfs files of ib_ipoib", () => {
  const [a, b] = busyPair();
  const [path] = run(a, "path.show");
  assertEquals([path!.gid, path!.complete, path!.dlid], [
    "fe80:0:0:0:2:c903:0:2",
    true,
    b.port.attributes.lid,
  ]);
  const groups = run(a, "mcg.show");
  assertEquals(
    groups.map((row) => [row.mgid, row.send_only, row.attached, row.join]),
    [
      ["ff12:401b:ffff:0:0:0:0:1", false, true, "joined"],
      ["ff12:401b:ffff:0:0:0:f01:101", false, true, "joined"],
      ["ff12:401b:ffff:0:0:0:f02:202", true, false, "joined"],
      ["ff12:401b:ffff:0:0:0:ffff:ffff", false, true, "joined"],
    ],
  );
  assertEquals([groups[3]!.mtu, groups[3]!.qkey], [2048, 0x0b1b]);
});

Deno.test("mcg.show and path.show return failures and the time until the next attempt", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  rig.subnet!.lose = () => true;
  a.netdev.config.join(ip("239.1.1.1"));
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  rig.advance(3301);
  const failed = run(a, "mcg.show").find(({ complete }) => !complete);
  assertEquals([failed!.join, failed!.error], ["waiting", "status -110"]);
  assert(failed!.retry_ms! > 1000 && failed!.retry_ms! <= 2000);
  // The path for the ARP reply of the other host.
  const [path] = run(b, "path.show");
  assertEquals([path!.complete, path!.error], [false, "status -110"]);
});

Deno.test("stats returns the counters of the engine and of the port", () => {
  const [a] = busyPair();
  const [stats] = run(a, "stats");
  assertEquals(stats!.ifname, "ib1");
  assertEquals(
    stats!.counters.port_xmit_packets,
    a.port.counters().xmit_packets,
  );
  assert(stats!.counters.tx_arp! > 0);
  // Counters of the bounded tables and of withheld leaves.
  assertEquals(stats!.counters.neighbours_evicted, 0);
  assertEquals(stats!.counters.groups_refused, 0);
  assertEquals(stats!.counters.port_leaves_withheld, 0);
});

Deno.test("child.create, child.list and child.delete manage children", () => {
  const [a] = busyPair();
  const changes: (readonly string[])[] = [];
  a.device.onInterfaces = (all) => changes.push(all.map(({ name }) => name));
  const child = run(a, "child.create", { pkey: 0x8001 });
  assertEquals(changes.splice(0), [["ib1", "ib1.8001"]]);
  assertEquals([child.ifname, child.link, child.pkey], [
    "ib1.8001",
    "ib1",
    "0x8001",
  ]);
  assertEquals(run(a, "child.list").length, 1);
  assertEquals(run(a, "link.show").map(({ ifname, link }) => [ifname, link]), [
    ["ib1", undefined],
    ["ib1.8001", "ib1"],
  ]);
  assertEquals(refusal(a, "child.create", { pkey: 0x8001 }), [
    "E_PKEY_TAKEN",
    76,
  ]);
  const wrong = { parent: "ib1.8001", pkey: 0x8002 };
  assertEquals(refusal(a, "child.create", wrong)[0], "E_NOT_PARENT");
  run(a, "child.delete", { pkey: 0x8001 });
  assertEquals([run(a, "child.list"), changes], [[], [["ib1"]]]);
  assertEquals(refusal(a, "child.delete", { pkey: 0x8001 }), [
    "E_NO_CHILD",
    19,
  ]);
});

Deno.test("child.delete takes the P_Key that child.create has taken, without the full-member bit", () => {
  const [a] = busyPair();
  assertEquals(run(a, "child.create", { pkey: 0x1f41 }).pkey, "0x9f41");
  run(a, "child.delete", { pkey: 0x1f41 });
  assertEquals(run(a, "child.list"), []);
});

Deno.test("link.set sets MTU and state, and refuses invalid MTUs and unknown interfaces", () => {
  const [a] = busyPair();
  run(a, "link.set", { name: "ib1", mtu: 1500 });
  assertEquals(a.netdev.config.mtu, 1500);
  run(a, "link.set", { name: "ib1", up: false });
  assertEquals(a.netdev.config.up, false);
  for (const mtu of [0, 71, 2045, 65521]) {
    assertEquals(refusal(a, "link.set", { name: "ib1", mtu })[1], 22);
  }
  run(a, "link.set", { name: "ib1", mtu: 72 });
  assertEquals(refusal(a, "link.set", { name: "ib7", mtu: 1500 }), [
    "E_NO_INTERFACE",
    19,
  ]);
});

Deno.test("link.set passes all other changes to the kernel in one request", () => {
  const [a] = busyPair();
  run(a, "link.set", {
    ...{ name: "ib1", rename: "ib7", alias: "rail", txqlen: 64, group: 7 },
    ...{ linkmode: "dormant", addrgenmode: "none", arp: false, up: true },
  });
  assertEquals(a.netdev.changes.at(-1), {
    ...{ name: "ib7", alias: "rail", txQueueLength: 64, group: 7 },
    ...{ linkMode: "dormant", addrGenMode: "none", arp: false, up: true },
  });
  const before = a.netdev.changes.length;
  run(a, "link.set", { name: "ib7", mtu: 1400, umcast: true });
  assertEquals(a.netdev.changes.length, before);
});

Deno.test("link.set accepts only the address of the port, and refuses others with the errno of ib_ipoib", () => {
  const [a] = busyPair();
  const own = formatLinkAddress(linkAddressBytes(a.link.address));
  run(a, "link.set", { name: "ib1", address: own });
  const set = (address: string) =>
    refusal(a, "link.set", { name: "ib1", address });
  const withByte = (at: number) =>
    own.split(":").map((byte, i) => i === at ? "7e" : byte).join(":");
  // Flags, QPN and subnet prefix cannot be changed, and the GUID is not 0.
  for (const at of [0, 3, 4, 11]) {
    assertEquals(set(withByte(at)), ["E_ADDRESS", 22]);
  }
  const zero = own.split(":").map((byte, i) => i < 12 ? byte : "00").join(":");
  assertEquals(set(zero), ["E_ADDRESS", 22]);
  assertEquals(set("00:11"), ["E_ADDRESS", 22]);
  assertEquals(set(withByte(19)), ["E_ADDRESS", 99]);
});

Deno.test("link.show returns the kernel's attributes, and LOWERLAYERDOWN for a child whose parent has no carrier", () => {
  const [a] = busyPair();
  a.netdev.kernelStatus = {
    ...a.netdev.kernelStatus,
    ...{ alias: "rail", group: 7, dormantMode: true, txQueueLength: 64 },
  };
  run(a, "child.create", { pkey: 0x8001 });
  const [parent, child] = run(a, "link.show");
  assertEquals(
    [parent!.ifalias, parent!.group, parent!.linkmode, parent!.txqlen],
    ["rail", "7", "DORMANT", 64],
  );
  assertEquals([child!.operstate, child!.group], ["DOWN", "default"]);
  run(a, "link.set", { name: "ib1.8001", up: true });
  a.port.emit({ type: "port_error" }, { state: "down" });
  const states = () => run(a, "link.show").map(({ operstate }) => operstate);
  assertEquals(states(), ["DOWN", "LOWERLAYERDOWN"]);
  a.netdev.config.setLink({ up: false });
  run(a, "link.set", { name: "ib1.8001", up: true });
  const down = run(a, "link.show")[1]!;
  assertEquals(down.operstate, "LOWERLAYERDOWN");
  assertEquals(down.flags.at(-1), "M-DOWN");
});

Deno.test("get returns attributes of parents and children", () => {
  const [a] = busyPair();
  run(a, "child.create", { pkey: 0x8001 });
  const get = (name: string, file: string) =>
    run(a, "get", { name, file }).value;
  assertEquals(get("ib1", "mode"), "datagram");
  assertEquals(get("ib1", "umcast"), "0");
  assertEquals(get("ib1", "pkey"), "0xffff");
  assertEquals(get("ib1", "mtu"), "2044");
  assertEquals(get("ib1.8001", "pkey"), "0x8001");
  assertEquals(get("ib1.8001", "parent"), "ib1");
  for (
    const [name, file] of [
      ["ib1", "parent"],
      ["ib1", "create_child"],
      ["ib1.8001", "create_child"],
      ["ib1", "nonsense"],
    ] as const
  ) {
    const [, errno] = refusal(a, "get", { name, file });
    assert(errno !== undefined, file);
  }
});

Deno.test("subnet.show returns the snapshot of the manager and refuses other subnets", () => {
  const [a] = busyPair();
  const { manager } = a.rig.subnet!;
  const showSubnet = (done: (subnet: SubnetSnapshot) => void) =>
    done(manager.snapshot());
  const shown = run(a, "subnet.show", {}, { showSubnet });
  assertEquals(shown.ports.length, 2);
  assertEquals(refusal(a, "subnet.show", { name: "other" }), [
    "E_SUBNET_NAME",
    2,
  ]);
});
