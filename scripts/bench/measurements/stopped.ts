/**
 * One member of eight is stopped: what the other seven still get, of multicast at a fixed rate and of TCP.
 *
 * While TCP is measured a little multicast goes on, so that the stopped member is always one that is sent to.
 */

import type { Measurement } from "../measurement.ts";
import { GROUP_RATE, MEMBERS, Members } from "../members.ts";
import { reach } from "../ping.ts";
import { mean } from "../statistics.ts";
import type { Subject } from "../subject.ts";
import { type Flow, tcpStreams } from "../tcp.ts";

/** The end that is stopped: the last, since the first is the subnet manager and sends. */
const STOPPED = MEMBERS;
/** Datagrams a second to the group beside TCP. */
const TRICKLE = 1000;
const OTHERS = MEMBERS - 1;

interface Throughput {
  /** Datagrams a second that one of the others gets. */
  readonly multicast: number;
  /** Gbit/s of all the others. */
  readonly unicast: number;
}

export const stopped: Measurement = {
  name: "stopped",
  ends: MEMBERS + 1,
  quantities: [
    ...quantities(
      `Multicast to ${MEMBERS}, ${GROUP_RATE}/s: one of ${OTHERS} gets`,
      "1/s",
    ),
    ...quantities(`TCP to ${OTHERS} at once`, "Gbit/s"),
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
