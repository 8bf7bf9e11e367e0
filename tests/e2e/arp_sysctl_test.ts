/** Which requests the kernel answers, and in whose name it asks: each question is put to a veth of the same layout, too. */

import { assertEquals } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  announced,
  type Lab,
  labTest,
  must,
  run,
  until,
} from "./harness/mod.ts";

const ASKER = "10.9.0.1";
const ASKED = "10.9.0.2";
/** The addresses of other devices, which are not on the link. */
const ASKER_ELSEWHERE = "10.19.0.1";
const ASKED_ELSEWHERE = "10.29.0.1";
/** Three requests, this time apart. */
const RETRANS_MS = 200;

/** Two namespaces with a link between them, which is called ib0 whatever it is. */
interface Layout {
  readonly asker: string;
  readonly asked: string;
}

async function setup({ asker, asked }: Layout): Promise<void> {
  for (
    const [namespace, own] of [
      [asker, ASKER_ELSEWHERE],
      [asked, ASKED_ELSEWHERE],
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
  // The asked one has no way back to the asker's other address, and so asks for nothing itself.
  await must([
    "ip",
    "-n",
    asker,
    "route",
    "add",
    ASKED_ELSEWHERE,
    "dev",
    "ib0",
  ]);
}

async function veth(lab: Lab): Promise<Layout> {
  const [asker, asked] = [await lab.namespace(), await lab.namespace()];
  await must([
    ...["ip", "link", "add", "ib0", "netns", asker],
    ...["type", "veth", "peer", "name", "ib0", "netns", asked],
  ]);
  for (const [name, address] of [[asker, ASKER], [asked, ASKED]] as const) {
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
  return { asker, asked };
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

/** The kernel's neighbours that are known, and those that are being asked for. */
async function neighbours(namespace: string) {
  const text = await must([
    ...["ip", "-n", namespace, "-j", "-4", "neigh", "show", "dev", "ib0"],
  ]);
  const entries: { dst: string; state: string[] }[] = JSON.parse(text || "[]");
  const inState = (...states: string[]) =>
    entries.filter(({ state }) => states.some((each) => state.includes(each)))
      .map(({ dst }) => dst).sort();
  return {
    known: inState("REACHABLE", "STALE", "DELAY", "PROBE"),
    asked: inState("INCOMPLETE"),
  };
}

/** Has the asker send from `source` to `target`; returns whom it was answered as, if at all. */
async function ask(
  { asker, asked }: Layout,
  source: string,
  target: string,
): Promise<{ answered: boolean; as: string[] }> {
  for (const namespace of [asker, asked]) {
    await must(["ip", "-n", namespace, "neigh", "flush", "dev", "ib0"]);
  }
  await run([
    ...["ip", "netns", "exec", asker],
    ...["ping", "-n", "-q", "-c", "1", "-W", "0.2", "-I", source, target],
  ]);
  const known = await until("the question ends", async () => {
    const now = await neighbours(asker);
    return now.asked.length === 0 && now.known;
  });
  return {
    answered: known.includes(target),
    as: (await neighbours(asked)).known,
  };
}

/** A setting, the source and the target of a packet, and in whose name the request for it is answered. */
type Case = readonly [
  number,
  source: string,
  target: string,
  as: string | undefined,
];

const IGNORE: readonly Case[] = [
  [0, ASKER, ASKED, ASKER],
  [0, ASKER, ASKED_ELSEWHERE, ASKER],
  [0, ASKER_ELSEWHERE, ASKED, ASKER_ELSEWHERE],
  [1, ASKER, ASKED, ASKER],
  [1, ASKER, ASKED_ELSEWHERE, undefined],
  [1, ASKER_ELSEWHERE, ASKED, ASKER_ELSEWHERE],
  [2, ASKER, ASKED, ASKER],
  [2, ASKER_ELSEWHERE, ASKED, undefined],
  [8, ASKER, ASKED, undefined],
];

const ANNOUNCE: readonly Case[] = [
  [0, ASKER_ELSEWHERE, ASKED, ASKER_ELSEWHERE],
  [1, ASKER_ELSEWHERE, ASKED, ASKER],
  [2, ASKER_ELSEWHERE, ASKED, ASKER],
  [2, ASKER, ASKED_ELSEWHERE, ASKER],
];

labTest(
  "arp_ignore, arp_announce and the addresses of other interfaces are as on a veth",
  async (lab) => {
    const [a, b] = await lab.running(2);
    assertEquals([a.address, b.address], [ASKER, ASKED]);
    await Promise.all([a, b].map(announced));
    const layouts: [string, Layout][] = [
      ["ipoib", { asker: a.namespace, asked: b.namespace }],
      ["veth", await veth(lab)],
    ];
    await Promise.all(layouts.map(async ([name, layout]) => {
      await setup(layout);
      for (
        const [sysctl, side, cases] of [
          ["arp_ignore", "asked", IGNORE],
          ["arp_announce", "asker", ANNOUNCE],
        ] as const
      ) {
        for (const [value, source, target, as] of cases) {
          await set(layout[side], `conf.ib0.${sysctl}`, value);
          const question = [name, sysctl, value, source, target];
          assertEquals(
            [...question, await ask(layout, source, target)],
            [...question, {
              answered: as !== undefined,
              as: as === undefined ? [] : [as],
            }],
          );
        }
        await set(layout[side], `conf.ib0.${sysctl}`, 0);
      }
    }));
  },
);
