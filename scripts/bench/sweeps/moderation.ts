/** Costs and benefits of the moderation of receive events: `rx-usecs` at both ends. */

import { idleRtt } from "../ping.ts";
import { startProgram } from "../program.ts";
import { lossPercent } from "../statistics.ts";
import { cpuOf } from "../subject.ts";
import type { Sweep } from "../sweep.ts";
import { blast, Counter, UDP_SIZE } from "../udp.ts";

/** Datagrams per second. */
const RATE = 50_000;

export const moderation: Sweep = {
  name: "moderation",
  title:
    `${RATE} datagrams/s of ${UDP_SIZE} bytes in one direction; before them, pings on the idle link`,
  parameter: "rx-usecs",
  settings: [0, 16, 64, 256, "adaptive"],
  quantities: [
    { name: "Receive events", unit: "1/s", better: "less", drawn: true },
    { name: "Sleeps", unit: "1/s", better: "less", drawn: false },
    { name: "Receiver's CPU", unit: "us/packet", better: "less", drawn: true },
    { name: "Sender's CPU", unit: "us/packet", better: "less", drawn: false },
    { name: "Idle round trip", unit: "us", better: "less", drawn: true },
    { name: "Lost", unit: "%", better: "less", nearZero: true, drawn: false },
  ],
  start: async (subjects, folder) => {
    subjects.push(await startProgram(`${folder}/moderation`));
  },
  set: (subject, setting) =>
    subject.setModeration!(setting === "adaptive" ? setting : Number(setting)),
  measure: async (subject, { pps, seconds }) => {
    const { average } = await idleRtt(subject);
    const [near, far] = subject.pids!;
    const counter = await Counter.start(subject, 1, pps);
    try {
      const sample = async () => ({
        events: await subject.receiveEvents!(1),
        sleeps: sleepsOf(far),
        near: cpuOf(near).all,
        far: cpuOf(far).all,
      });
      const before = await sample();
      const to = subject.addresses[1];
      const sent = await blast(subject, pps, to, RATE, seconds);
      const after = await sample();
      return [
        (after.events - before.events) / seconds,
        (after.sleeps - before.sleeps) / seconds,
        1e6 * (after.far - before.far) / sent,
        1e6 * (after.near - before.near) / sent,
        average,
        lossPercent(sent, await counter.count()),
      ];
    } finally {
      await counter.end();
    }
  },
};

/** Returns the number of voluntary context switches of a process. */
function sleepsOf(pid: number): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`);
    sum += Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
  }
  return sum;
}
