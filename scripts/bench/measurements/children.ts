/** Measures the cost of a packet on a parent interface with 1 and with 200 child interfaces at both ends. */

import type { Measurement } from "../measurement.ts";
import { pause } from "../inside.ts";
import { idleRtt } from "../ping.ts";
import { startProgram } from "../program.ts";
import { lossPercent } from "../statistics.ts";
import { cpuBetween, type Subject } from "../subject.ts";
import { udp } from "../udp.ts";

/** Datagrams per second, below the maximum, so that each turn of the reactor carries few packets. */
const RATE = 20_000;
const FEW = "1 child";
const MANY = "200 children";
const COUNTS = { [FEW]: 1, [MANY]: 200 };
const IDLE_MS = 2000;

const NAME = `UDP, 64 bytes, ${RATE}/s, on the parent`;

export const children: Measurement = {
  name: "children",
  ends: 2,
  quantities: [
    { name: `${NAME}: CPU`, unit: "us/packet", better: "less" },
    { name: `${NAME}: CPU, user`, unit: "us/packet", better: "less" },
    { name: `${NAME}: lost`, unit: "%", better: "less", nearZero: true },
    { name: "Idle round trip on the parent", unit: "us", better: "less" },
    {
      name: "CPU of the idle hosts",
      unit: "%",
      better: "less",
      nearZero: true,
    },
  ],
  own: {
    start: async (subjects, folder) => {
      for (const [i, [name, children]] of Object.entries(COUNTS).entries()) {
        const options = { name, children, net: 8 + i };
        subjects.push(await startProgram(`${folder}/children-${i}`, options));
      }
    },
    columns: [
      { title: FEW, subject: FEW },
      { title: MANY, subject: MANY },
      { title: "200 / 1", subject: MANY, to: FEW },
    ],
  },
  measure: async (subject, { pps, seconds }) => {
    const { sent, received, cpu } = await udp(subject, pps, RATE, seconds);
    const { average } = await idleRtt(subject);
    return [
      1e6 * cpu.all / received,
      1e6 * cpu.user / received,
      lossPercent(sent, received),
      average,
      await idlePercent(subject),
    ];
  },
};

/** Returns the CPU time of the processes without traffic, in percent of one CPU. */
async function idlePercent(subject: Subject): Promise<number> {
  const before = subject.cpu();
  await pause(IDLE_MS);
  return 100_000 * cpuBetween(before, subject.cpu()).all / IDLE_MS;
}
