/** Measurements between two ends: idle round trip, a TCP stream, datagrams at a fixed rate, and a flood. */

import type { Measurement } from "../measurement.ts";
import { idleRtt } from "../ping.ts";
import { lossPercent } from "../statistics.ts";
import { MTU } from "../subject.ts";
import { tcp } from "../tcp.ts";
import { FLOOD_RATE, udp, UDP_RATE, UDP_SIZE } from "../udp.ts";

export const roundTrip: Measurement = {
  name: "rtt",
  ends: 2,
  quantities: [
    { name: "Idle round trip", unit: "us", better: "less" },
    { name: "Idle round trip: minimum", unit: "us", better: "less" },
  ],
  measure: async (subject) => {
    const { average, smallest } = await idleRtt(subject);
    return [average, smallest];
  },
};

export const stream: Measurement = {
  name: "tcp",
  ends: 2,
  quantities: [
    { name: `TCP, MTU ${MTU}`, unit: "Gbit/s", better: "more" },
    { name: `TCP, MTU ${MTU}: CPU`, unit: "s/GB", better: "less" },
    { name: `TCP, MTU ${MTU}: CPU, user`, unit: "s/GB", better: "less" },
    {
      name: `TCP, MTU ${MTU}: retransmitted`,
      unit: "segments/GB",
      better: "less",
      nearZero: true,
    },
  ],
  measure: async (subject, { seconds }) => {
    const { gbitPerSecond, cpuPerGb, retransmits, bytes } = await tcp(
      subject,
      seconds,
    );
    const { all, user } = cpuPerGb;
    return [gbitPerSecond, all, user, retransmits / (bytes / 1e9)];
  },
};

const TCP_IPV6 = `TCP over IPv6, MTU ${MTU}`;

export const ipv6Stream: Measurement = {
  name: "tcp6",
  ends: 2,
  quantities: [
    { name: TCP_IPV6, unit: "Gbit/s", better: "more" },
    { name: `${TCP_IPV6}: CPU`, unit: "s/GB", better: "less" },
  ],
  suits: ({ ipv6 }) => ipv6 !== undefined,
  measure: async (subject, { seconds }) => {
    const { gbitPerSecond, cpuPerGb } = await tcp(
      subject,
      seconds,
      subject.ipv6,
    );
    return [gbitPerSecond, cpuPerGb.all];
  },
};

const UDP = `UDP, ${UDP_SIZE} bytes, ${UDP_RATE}/s`;

export const datagrams: Measurement = {
  name: "udp",
  ends: 2,
  quantities: [
    { name: `${UDP}: lost`, unit: "%", better: "less", nearZero: true },
    { name: `${UDP}: CPU`, unit: "us/packet", better: "less" },
  ],
  measure: async (subject, { pps, seconds }) => {
    const { sent, received, cpu } = await udp(subject, pps, UDP_RATE, seconds);
    return [lossPercent(sent, received), 1e6 * cpu.all / received];
  },
};

const FLOOD = `UDP, ${UDP_SIZE} bytes, flood`;

export const flood: Measurement = {
  name: "flood",
  ends: 2,
  quantities: [
    { name: `${FLOOD}: received`, unit: "1/s", better: "more" },
    { name: `${FLOOD}: CPU`, unit: "us/packet", better: "less" },
    { name: `${FLOOD}: CPU, user`, unit: "us/packet", better: "less" },
  ],
  measure: async (subject, { pps, seconds }) => {
    const { received, cpu } = await udp(subject, pps, FLOOD_RATE, seconds);
    const micros = (cpuSeconds: number) => 1e6 * cpuSeconds / received;
    return [received / seconds, micros(cpu.all), micros(cpu.user)];
  },
};
