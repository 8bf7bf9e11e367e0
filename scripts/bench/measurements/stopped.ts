/**
 * Measures multicast at a fixed rate and TCP to seven members of a group while the eighth member is stopped.
 *
 * Multicast continues at a low rate during TCP, so that the sender always has packets for the stopped member.
 */

import type { Measurement } from "../measurement.ts";
import { GROUP_RATE, MEMBERS, Members } from "../members.ts";
import { reach } from "../ping.ts";
import { mean } from "../statistics.ts";
import type { Subject } from "../subject.ts";
import { type Flow, tcpStreams } from "../tcp.ts";

/** The stopped end: the last, because the first sends and is the subnet manager. */
const STOPPED = MEMBERS;
/** Datagrams per second to the group during TCP. */
const TRICKLE = 1000;
const OTHERS = MEMBERS - 1;

interface Throughput {
  /** Datagrams per second at one of the other members. */
  readonly multicast: number;
  /** Total Gbit/s of the other members. */
  readonly unicast: number;
}

export const stopped: Measurement = {
  name: "stopped",
  ends: MEMBERS + 1,
  quantities: [
    ...quantities(
      `Multicast to ${MEMBERS}, ${GROUP_RATE}/s: received by one of ${OTHERS}`,
      "1/s",
    ),
    ...quantities(`TCP to ${OTHERS} at the same time`, "Gbit/s"),
  ],
  suits: ({ pids }) => pids !== undefined,
  measure: async (subject, { pps, seconds }) => {
    const pid = subject.pids![STOPPED]!;
    const members = await Members.join(subject, pps);
    try {
      const before = await throughput(subject, members, seconds);
      Deno.kill(pid, "SIGSTOP");
      const during = await throughput(subject, members, seconds);
      return [
        before.multicast,
        during.multicast,
        100 * during.multicast / before.multicast,
        before.unicast,
        during.unicast,
        100 * during.unicast / before.unicast,
      ];
    } finally {
      Deno.kill(pid, "SIGCONT");
      await members.leave();
      await reach(subject, STOPPED);
    }
  },
};

function quantities(name: string, unit: string): Measurement["quantities"] {
  return [
    { name, unit, better: "more" },
    { name: `${name}, one stopped`, unit, better: "more" },
    { name: `${name}, one stopped: kept`, unit: "%", better: "more" },
  ];
}

async function throughput(
  subject: Subject,
  members: Members,
  seconds: number,
): Promise<Throughput> {
  const { received } = await members.send(seconds);
  const flows = Array.from({ length: OTHERS }, (_, i): Flow => [0, i + 1]);
  const trickle = members.send(seconds, TRICKLE);
  const { streams } = await tcpStreams(subject, flows, seconds);
  await trickle;
  return {
    multicast: mean(received.slice(0, OTHERS)) / seconds,
    unicast: streams.reduce((sum, each) => sum + each.gbitPerSecond, 0),
  };
}
