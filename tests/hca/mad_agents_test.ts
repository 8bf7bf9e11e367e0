import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { MadAgents } from "../../src/hca/mad_agents.ts";
import { type MadAddress, MgmtClass } from "../../src/wire/mad.ts";

const ADDRESS: MadAddress = { lid: 1, qpn: 1, qkey: 2, pkeyIndex: 0, sl: 0 };

function rig() {
  const sent: Uint8Array[] = [];
  let unclaimed = 0;
  const agents = new MadAgents(
    (mad) => sent.push(mad),
    () => unclaimed++,
  );
  return { agents, sent, unclaimed: () => unclaimed };
}

function mad(mgmtClass: number): Uint8Array {
  const bytes = new Uint8Array(256);
  bytes[1] = mgmtClass;
  return bytes;
}

Deno.test("a MAD is delivered to the agent of its class, with its address", () => {
  const { agents, unclaimed } = rig();
  const received: [string, Uint8Array, MadAddress][] = [];
  const sa = agents.open(MgmtClass.SubnAdm);
  const cm = agents.open(MgmtClass.CommunicationManagement);
  sa.onMad = (mad, from) => received.push(["sa", mad, from]);
  cm.onMad = (mad, from) => received.push(["cm", mad, from]);
  agents.deliver(mad(7), ADDRESS);
  agents.deliver(mad(3), ADDRESS);
  assertEquals(received, [["cm", mad(7), ADDRESS], ["sa", mad(3), ADDRESS]]);
  assertEquals(unclaimed(), 0);
});

Deno.test("a MAD of another length, or of a class without an agent, is dropped and counted", () => {
  const { agents, unclaimed } = rig();
  const agent = agents.open(3);
  agent.onMad = () => {
    throw new Error("A MAD of another class was delivered");
  };
  agents.deliver(mad(4), ADDRESS);
  agents.deliver(new Uint8Array(1), ADDRESS);
  assertEquals(unclaimed(), 2);
  agent.close();
  agents.deliver(mad(3), ADDRESS);
  assertEquals(unclaimed(), 3);
});

Deno.test("a class has one agent at a time, and a closed agent sends nothing", () => {
  const { agents, sent, unclaimed } = rig();
  const first = agents.open(3);
  const { code, errno } = assertThrows(() => agents.open(3), IpoibError);
  assertEquals([code, errno], ["E_MAD_CLASS", 16]);
  first.close();
  const second = agents.open(3);
  let received = 0;
  second.onMad = () => received++;
  first.close();
  first.send(mad(3), ADDRESS);
  second.send(mad(3), ADDRESS);
  agents.deliver(mad(3), ADDRESS);
  assertEquals([sent.length, received, unclaimed()], [1, 1, 0]);
});

Deno.test("an observer receives sent and received MADs, also those without an agent, until it is removed", () => {
  const { agents } = rig();
  const seen: [string, number][] = [];
  const end = agents.observe(({ direction, mad, address }) => {
    assertEquals(address, ADDRESS);
    seen.push([direction, mad[1]!]);
  });
  const agent = agents.open(MgmtClass.SubnAdm);
  agent.send(mad(3), ADDRESS);
  agents.deliver(mad(3), ADDRESS);
  agents.deliver(mad(9), ADDRESS);
  end();
  agent.send(mad(3), ADDRESS);
  assertEquals(seen, [["sent", 3], ["received", 3], ["received", 9]]);
});
