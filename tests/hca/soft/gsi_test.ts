/** MADs between ports: over their links, with the address that the subnet manager assigned to the sender. */

import { assertEquals } from "@std/assert";
import type { MadAgent } from "../../../src/hca/hca.ts";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { BTH, DETH, LRH, PAYLOAD } from "../../../src/hca/soft/slot_layout.ts";
import {
  GSI_QKEY,
  GSI_QPN,
  gsiAddress,
  MAD_LENGTH,
  type MadAddress,
  MgmtClass,
} from "../../../src/wire/mad.ts";
import { openInterface } from "./connection.ts";
import { memoryOf, Subnet } from "./subnet.ts";

const CLASS = MgmtClass.CommunicationManagement;

/** Opens the port's agent and records the MADs that it receives: their last byte, and their source. */
function agentOf(port: SoftPort) {
  const received: { mark: number; from: MadAddress }[] = [];
  const agent = port.openMadAgent(CLASS);
  agent.onMad = (mad, from) =>
    received.push({ mark: mad[MAD_LENGTH - 1]!, from: { ...from } });
  return { agent, received };
}

function mad(mark: number): Uint8Array {
  const bytes = new Uint8Array(MAD_LENGTH);
  bytes.set([1, CLASS, 2]);
  bytes[MAD_LENGTH - 1] = mark;
  return bytes;
}

function scene(...guids: bigint[]) {
  const subnet = new Subnet();
  const ports = subnet.openAll(...guids);
  for (const port of ports) openInterface(subnet, port);
  const agents = ports.map(agentOf);
  return { subnet, ports, agents };
}

Deno.test("a MAD reaches the agent of the port with its destination LID, and the reply returns", () => {
  const { subnet, ports, agents } = scene(0x11n, 0x12n);
  using _ = subnet;
  const [a, b] = agents;
  const lids = ports.map(({ attributes }) => attributes.lid);
  a!.agent.send(mad(7), gsiAddress(lids[1]!, 1, 3));
  subnet.until(() => b!.received.length === 1);
  const { mark, from } = b!.received[0]!;
  assertEquals([mark, from], [7, gsiAddress(lids[0]!, 1, 3)]);
  b!.agent.send(mad(8), from);
  subnet.until(() => a!.received.length === 1, "the reply");
  assertEquals(a!.received[0]!.mark, 8);
});

Deno.test("MADs between ports need no subnet manager", () => {
  const { subnet, ports, agents } = scene(0x11n, 0x12n);
  using _ = subnet;
  subnet.killManager();
  subnet.settle();
  agents[0]!.agent.send(mad(7), gsiAddress(ports[1]!.attributes.lid));
  subnet.until(() => agents[1]!.received.length === 1);
});

Deno.test("a port sends MADs to itself", () => {
  const { subnet, ports, agents } = scene(0x11n);
  using _ = subnet;
  const { lid } = ports[0]!.attributes;
  agents[0]!.agent.send(mad(7), gsiAddress(lid));
  subnet.until(() => agents[0]!.received.length === 1);
  assertEquals(agents[0]!.received[0]!.from, gsiAddress(lid));
});

Deno.test("the manager forwards the MADs of a port that has no memory in the partition", () => {
  using subnet = new Subnet();
  const ports = subnet.openAll(0x11n, 0x12n);
  const [a, b] = ports.map(agentOf);
  a!.agent.send(mad(7), gsiAddress(ports[1]!.attributes.lid, 1));
  subnet.until(() => b!.received.length === 1);
  assertEquals(
    b!.received[0]!.from,
    gsiAddress(ports[0]!.attributes.lid, 1),
  );
  assertEquals(ports[0]!.counters().mads_dropped, 0);
  subnet.killManager();
  subnet.until(() => subnet.ports[0]!.missing.length > 0);
  a!.agent.send(mad(8), gsiAddress(ports[1]!.attributes.lid, 1));
  subnet.settle();
  assertEquals(b!.received.length, 1);
  assertEquals(ports[0]!.counters().mads_dropped, 1);
});

Deno.test("a port without slots drops MADs and counts them", () => {
  const { subnet, ports, agents } = scene(0x11n, 0x12n);
  using _ = subnet;
  const memory = memoryOf(ports[0]!);
  const slots: number[] = [];
  for (let slot; (slot = memory.reserve(true)) >= 0;) slots.push(slot);
  const to = gsiAddress(ports[1]!.attributes.lid);
  agents[0]!.agent.send(mad(7), to);
  assertEquals(ports[0]!.counters().mads_dropped, 1);
  for (const slot of slots) memory.unreserve(slot);
  agents[0]!.agent.send(mad(8), to);
  subnet.until(() => agents[1]!.received.length === 1);
  assertEquals(agents[1]!.received[0]!.mark, 8);
});

Deno.test("a flood of MADs from one port delays those of another by one turn at most", () => {
  const { subnet, ports, agents } = scene(0x11n, 0x12n, 0x13n);
  using _ = subnet;
  const [flooder, victim, other] = agents.map(({ agent }) => agent) as [
    MadAgent,
    MadAgent,
    MadAgent,
  ];
  const to = gsiAddress(ports[1]!.attributes.lid);
  let handled = 0;
  let atLast = 0;
  victim.onMad = (bytes) => {
    if (bytes[MAD_LENGTH - 1] === 9) atLast = handled;
    handled++;
  };
  other.send(mad(0), to);
  flooder.send(mad(0), to);
  subnet.until(() => handled === 2, "the links");
  for (let n = 0; n < 100; n++) flooder.send(mad(1), to);
  other.send(mad(9), to);
  subnet.until(() => handled >= 103, "all MADs");
  // One turn takes 32 packets of each link.
  assertEquals(atLast <= 2 + 32, true, `after ${atLast} MADs`);
});

Deno.test("packets to QP1 that are no MADs of the sender's QP1 are dropped and counted", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  openInterface(subnet, port!);
  const { received } = agentOf(port!);
  using rogue = subnet.linkedRogue(port!);
  const deliver = (
    length: number,
    qkey: number,
    sourceQpn: number,
    mgmtClass: number = CLASS,
    slid = rogue.lid,
  ) => {
    const { view } = rogue;
    view.setUint8(LRH + 1, 2);
    view.setUint16(LRH + 2, port!.attributes.lid);
    view.setUint16(LRH + 6, slid);
    view.setUint8(BTH, 0x64);
    view.setUint16(BTH + 2, 0xffff);
    view.setUint32(BTH + 4, GSI_QPN);
    view.setUint32(DETH, qkey);
    view.setUint32(DETH + 4, sourceQpn);
    view.setUint8(PAYLOAD + 1, mgmtClass);
    rogue.exchange(length);
  };
  deliver(MAD_LENGTH, GSI_QKEY, GSI_QPN);
  assertEquals(received.length, 1);
  assertEquals(received[0]!.from.lid, rogue.lid);
  deliver(MAD_LENGTH, 1, GSI_QPN);
  deliver(MAD_LENGTH, GSI_QKEY, 0x48);
  deliver(MAD_LENGTH - 1, GSI_QKEY, GSI_QPN);
  deliver(MAD_LENGTH, GSI_QKEY, GSI_QPN, 0x32);
  deliver(MAD_LENGTH, GSI_QKEY, GSI_QPN, CLASS, port!.attributes.lid);
  assertEquals(received.length, 1);
  const { qkey_violations, bad_header, mads_no_agent, bad_lid } = port!
    .counters();
  assertEquals(
    [qkey_violations, bad_header, mads_no_agent, bad_lid],
    [1, 2, 1, 1],
  );
});
