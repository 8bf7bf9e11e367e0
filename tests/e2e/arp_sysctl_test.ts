/** The sysctls arp_ignore and arp_announce have the same effect as on a veth pair. */

import { assertEquals } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  type Lab,
  labTest,
  must,
  run,
  until,
  untilAnnounced,
} from "./harness/mod.ts";

const REQUESTER = "10.9.0.1";
const RESPONDER = "10.9.0.2";
/** Addresses of other devices of the two hosts. */
const REQUESTER_ELSEWHERE = "10.19.0.1";
const RESPONDER_ELSEWHERE = "10.29.0.1";
/** Interval of the three ARP requests. */
const RETRANS_MS = 200;

/** Two namespaces, connected by an IPoIB subnet or a veth pair. The device is named ib0 in both cases. */
interface Layout {
  readonly requester: string;
  readonly responder: string;
}

async function setup({ requester, responder }: Layout): Promise<void> {
  for (
    const [namespace, own] of [
      [requester, REQUESTER_ELSEWHERE],
      [responder, RESPONDER_ELSEWHERE],
    ] as const
  ) {
    await must(["ip", "-n", namespace, "-batch", "-"], {
      stdin: `link add other0 type veth peer name other1
link set other0 up
link set other1 up
addr add ${own}/24 dev other0
`,
    });
    await set(namespace, "neigh.ib0.retrans_time_ms", patient(RETRANS_MS));
  }
  // The responder has no route to the other address of the requester, and therefore sends no requests.
  await must([
    "ip",
    "-n",
    requester,
    "route",
    "add",
    RESPONDER_ELSEWHERE,
    "dev",
    "ib0",
  ]);
}

async function veth(lab: Lab): Promise<Layout> {
  const [requester, responder] = [await lab.namespace(), await lab.namespace()];
  await must([
    ...["ip", "link", "add", "ib0", "netns", requester],
    ...["type", "veth", "peer", "name", "ib0", "netns", responder],
  ]);
  for (
    const [name, address] of [[requester, REQUESTER], [
      responder,
      RESPONDER,
    ]] as const
  ) {
    await must(["ip", "-n", name, "link", "set", "ib0", "up"]);
    await must([
      "ip",
      "-n",
      name,
      "addr",
      "add",
      `${address}/24`,
      "dev",
      "ib0",
    ]);
  }
  return { requester, responder };
}

async function set(
  namespace: string,
  name: string,
  value: number,
): Promise<void> {
  await must([
    ...["ip", "netns", "exec", namespace],
    ...["sysctl", "-q", "-w", `net.ipv4.${name}=${Math.round(value)}`],
  ]);
}

/** Returns the addresses of the kernel's resolved neighbours, and of those being resolved. */
async function neighbours(namespace: string) {
  const text = await must([
    ...["ip", "-n", namespace, "-j", "-4", "neigh", "show", "dev", "ib0"],
  ]);
  const entries: { dst: string; state: string[] }[] = JSON.parse(text || "[]");
  const inState = (...states: string[]) =>
    entries.filter(({ state }) => states.some((each) => state.includes(each)))
      .map(({ dst }) => dst).sort();
  return {
    resolved: inState("REACHABLE", "STALE", "DELAY", "PROBE"),
    pending: inState("INCOMPLETE"),
  };
}

/**
 * Sends a ping from `source` to `target`. Returns whether ARP resolved the target, and `senders`: the neighbours that
 * the responder learned from the request.
 */
async function resolve(
  { requester, responder }: Layout,
  source: string,
  target: string,
): Promise<{ answered: boolean; senders: string[] }> {
  for (const namespace of [requester, responder]) {
    await must(["ip", "-n", namespace, "neigh", "flush", "dev", "ib0"]);
  }
  await run([
    ...["ip", "netns", "exec", requester],
    ...["ping", "-n", "-q", "-c", "1", "-W", "0.2", "-I", source, target],
  ]);
  const resolved = await until("the end of address resolution", async () => {
    const now = await neighbours(requester);
    return now.pending.length === 0 && now.resolved;
  });
  return {
    answered: resolved.includes(target),
    senders: (await neighbours(responder)).resolved,
  };
}

/** Value of the sysctl, source and target of the packet, and sender address of the ARP request if it is answered. */
type Case = readonly [
  number,
  source: string,
  target: string,
  sender: string | undefined,
];

const IGNORE: readonly Case[] = [
  [0, REQUESTER, RESPONDER, REQUESTER],
  [0, REQUESTER, RESPONDER_ELSEWHERE, REQUESTER],
  [0, REQUESTER_ELSEWHERE, RESPONDER, REQUESTER_ELSEWHERE],
  [1, REQUESTER, RESPONDER, REQUESTER],
  [1, REQUESTER, RESPONDER_ELSEWHERE, undefined],
  [1, REQUESTER_ELSEWHERE, RESPONDER, REQUESTER_ELSEWHERE],
  [2, REQUESTER, RESPONDER, REQUESTER],
  [2, REQUESTER_ELSEWHERE, RESPONDER, undefined],
  [8, REQUESTER, RESPONDER, undefined],
];

const ANNOUNCE: readonly Case[] = [
  [0, REQUESTER_ELSEWHERE, RESPONDER, REQUESTER_ELSEWHERE],
  [1, REQUESTER_ELSEWHERE, RESPONDER, REQUESTER],
  [2, REQUESTER_ELSEWHERE, RESPONDER, REQUESTER],
  [2, REQUESTER, RESPONDER_ELSEWHERE, REQUESTER],
];

labTest(
  "arp_ignore and arp_announce work as on a veth pair, also for addresses of other interfaces",
  async (lab) => {
    const [a, b] = await lab.running(2);
    assertEquals([a.address, b.address], [REQUESTER, RESPONDER]);
    await Promise.all([a, b].map(untilAnnounced));
    const layouts: [string, Layout][] = [
      ["ipoib", { requester: a.namespace, responder: b.namespace }],
      ["veth", await veth(lab)],
    ];
    await Promise.all(layouts.map(async ([name, layout]) => {
      await setup(layout);
      for (
        const [sysctl, side, cases] of [
          ["arp_ignore", "responder", IGNORE],
          ["arp_announce", "requester", ANNOUNCE],
        ] as const
      ) {
        for (const [value, source, target, sender] of cases) {
          await set(layout[side], `conf.ib0.${sysctl}`, value);
          const title = [name, sysctl, value, source, target];
          assertEquals(
            [...title, await resolve(layout, source, target)],
            [...title, {
              answered: sender !== undefined,
              senders: sender === undefined ? [] : [sender],
            }],
          );
        }
        await set(layout[side], `conf.ib0.${sysctl}`, 0);
      }
    }));
  },
);
