/**
 * Measures UD messages between two devices of one virtual machine with this program's verbs path and with
 * `ib_send_bw -c UD`, on the kernel's soft RoCE (rdma_rxe) and on the rig's driver with an InfiniBand link (rxe_ib).
 *
 * By default ib_send_bw posts one work request a call, with `-l 32` it posts 32. It polls its completion queues without
 * end, and with `-e` sleeps until an event, as this program does.
 */

import type { Guest } from "../../rig/guest.ts";
import { Rig } from "../../rig/rig.ts";
import { RIG_PACKAGES } from "../../rig/tools.ts";
import type { Quantity } from "../report.ts";
import type { GuestMeasurement, Measure, Stage } from "./guest_measurement.ts";
import { measureIbSendBw } from "./ib_send_bw.ts";
import { measureUdPath } from "./ud_path.ts";
import type { DevicePair, UdRates } from "./ud_rates.ts";

const PERFTEST = "ib_send_bw";
const LISTS = "-l 32";
const LISTS_EVENTS = "-l 32 -e";
const PERFTEST_LISTS = `${PERFTEST} ${LISTS}`;
const PERFTEST_EVENTS = `${PERFTEST} ${LISTS_EVENTS}`;
const PROGRAM = "ipoib";
const SIZES = [2048, 64];
const MBIT = 1e6;

const ROCE: DevicePair = { from: "roce0", to: "roce1", roce: true };
const INFINIBAND: DevicePair = { from: "ibx0", to: "ibx1", roce: false };

type Tool = (
  guest: Guest,
  pair: DevicePair,
  size: number,
  seconds: number,
) => Promise<UdRates>;

function ibSendBw(options: string): Tool {
  return (guest, pair, size, seconds) =>
    measureIbSendBw(guest, pair, size, seconds, options);
}

let rig: Rig<"one"> | undefined;

function guest(): Guest {
  if (!rig) throw new Error("The rig has not started");
  return rig.guests.s;
}

/** Creates RoCE devices on both ends of a veth pair whose MTU fits a message and its headers. */
async function makeRoceDevices(): Promise<void> {
  const ends = ["e0", "e1"];
  await guest().must(
    [
      "modprobe rdma_rxe",
      `ip link add ${ends[0]} type veth peer name ${ends[1]}`,
      ...ends.map((end, i) =>
        `ip link set ${end} mtu 4200 up && rdma link add roce${i} type rxe netdev ${end}`
      ),
      // Tentative addresses are not in the GID table.
      "while ip -6 addr show tentative | grep -q fe80; do sleep 0.2; done",
    ].join(" && "),
  );
}

function measure(tool: Tool, pair: DevicePair, size: number): Measure {
  return async (seconds) => {
    const { sent, received } = await tool(guest(), pair, size, seconds);
    return [sent, received, received * size * 8 / MBIT];
  };
}

function stage(
  device: string,
  pair: DevicePair,
  size: number,
  setUp: () => Promise<void>,
): Stage {
  const quantity = (what: string, unit: string): Quantity => ({
    name: `UD over ${device}, ${size} bytes: ${what}`,
    unit,
    better: "more",
  });
  const subjects = {
    [PERFTEST]: measure(ibSendBw(""), pair, size),
    [PERFTEST_LISTS]: measure(ibSendBw(LISTS), pair, size),
    [PERFTEST_EVENTS]: measure(ibSendBw(LISTS_EVENTS), pair, size),
    [PROGRAM]: measure(measureUdPath, pair, size),
  };
  return {
    quantities: [
      quantity("sent", "1/s"),
      quantity("received", "1/s"),
      quantity("throughput", "Mbit/s"),
    ],
    subjects,
    prepare: setUp,
  };
}

const unchanged = () => Promise.resolve();

export const perftest: GuestMeasurement = {
  name: "perftest",
  columns: [
    { title: PERFTEST, subject: PERFTEST },
    { title: PERFTEST_LISTS, subject: PERFTEST_LISTS },
    { title: PERFTEST_EVENTS, subject: PERFTEST_EVENTS },
    { title: PROGRAM, subject: PROGRAM },
    { title: `${PROGRAM} / ${PERFTEST}`, subject: PROGRAM, to: PERFTEST },
    {
      title: `${PROGRAM} / ${PERFTEST_LISTS}`,
      subject: PROGRAM,
      to: PERFTEST_LISTS,
    },
    {
      title: `${PROGRAM} / ${PERFTEST_EVENTS}`,
      subject: PROGRAM,
      to: PERFTEST_EVENTS,
    },
  ],
  packages: { ...RIG_PACKAGES, ib_send_bw: "perftest" },
  stages: [
    ...SIZES.map((size, i) =>
      stage("rdma_rxe", ROCE, size, i === 0 ? makeRoceDevices : unchanged)
    ),
    ...SIZES.map((size) => stage("rxe_ib", INFINIBAND, size, unchanged)),
  ],
  start: async () => {
    rig = await Rig.start("one");
  },
  stop: async () => {
    await rig?.stop();
  },
};
