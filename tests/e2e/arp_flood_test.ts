/** A port that asks as fast as it can, under another name each time. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import { type Arp, ArpOperation } from "../../src/wire/arp.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import {
  agreement,
  type Host,
  labTest,
  pause,
  TcpFlow,
  until,
} from "./harness/mod.ts";
import { acceptable, RogueLink } from "./harness/rogue_link.ts";
import { RoguePort } from "./harness/rogue_port.ts";

const PORT = 7003;
const FLOOD_MS = 3000;
const SLOTS = 128;
const GUID = "0x0200000000000bad";
const LINK_LOCAL = 0xfe80n << 48n;
const ARP = 0x08060000;
/**
 * Of the victim's process: full tables, which take 10 MiB, and what the runtime has not collected yet; 125 to 140 MiB in all
 * after 60 000 requests.
 */
const MAX_GROWTH_KIB = 256 * 1024;

/** Memory of a process that is its own, in KiB. */
async function ownMemory(host: Host): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${host.daemon.pid}/status`);
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)![1]);
}

function random(): number {
  return Math.trunc(Math.random() * 2 ** 32) | 0;
}

/**
 * A request from a random address. One in four is of the subnet, which the kernel answers and remembers; the others are from
 * anywhere, and it takes them for forged. More of the first kind would fill its table, which all namespaces share.
 */
function request(targetIp: number): Arp {
  const ip = random();
  const subnet = IpAddress.parse("10.9.0.0")!.w3;
  return {
    operation: ArpOperation.Request,
    senderAddress: {
      flags: 0,
      qpn: random() & 0xffffff,
      gid: gidFrom(LINK_LOCAL, BigInt(random() >>> 0)),
    },
    senderIp: (ip & 3) === 0 ? subnet | 10 + (ip >>> 2) % 240 : ip,
    targetAddress: { flags: 0, qpn: 0, gid: new Uint8Array(16) },
    targetIp,
  };
}

labTest("A flood of ARP requests stops nobody", async (lab) => {
  // A process of its own, whose memory is not counted.
  const manager = lab.start([...programCommand(), "subnet", "run"]);
  await manager.says(/subnet manager running/);
  const [victim, other] = await lab.running(2);
  await victim.must("sysctl", "-q", "-w", "net.ipv4.conf.all.rp_filter=1");
  const { hca, qpn } = await victim.link();
  using port = await RoguePort.register(lab, GUID);
  const fields = { ...acceptable({ lid: hca.lid, qpn }, port), encap: ARP };
  const target = IpAddress.parse(victim.address)!.w3;
  using flow = TcpFlow.open(other, victim, PORT);
  using link = await RogueLink.open(port, hca.guid, SLOTS);
  await until("bytes flow", () => flow.received > 0);

  const before = await ownMemory(victim);
  let sent = 0;
  let most = before;
  let { received } = flow;
  let progress = 0;
  const end = performance.now() + FLOOD_MS;
  while (performance.now() < end) {
    sent += link.flood(fields, () => request(target));
    await pause(0);
    most = Math.max(most, await ownMemory(victim));
    if (flow.received > received) progress++;
    ({ received } = flow);
  }
  // Slots came back: it was a flood.
  assertGreater(sent, SLOTS);
  assertGreater(progress, 1);
  assertLess(most - before, MAX_GROWTH_KIB);
  for (const host of [victim, other]) assertEquals(host.daemon.ended, false);
  await until("bytes flow", () => flow.received > received);
  assert(await other.reaches(victim));
  await victim.ip("neigh", "flush", "dev", "ib0");
  assert(await victim.reaches(other));
  assertEquals(await agreement(victim), [other.address]);
});
