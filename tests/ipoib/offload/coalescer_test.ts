import { assert, assertEquals } from "@std/assert";
import { golden } from "../../wire/support.ts";
import { checkPoll, CoalescerRig, type Written } from "./coalescer_rig.ts";
import { Packets, plain, type Step } from "./steps.ts";

const [FIN, SYN, RST, PSH, URG, ECE, CWR] = [1, 2, 4, 8, 32, 64, 128];
/** Indexes of flows. */
const [V4, V4_SHORT, V6, V6_SHORT, UDP4, UDP6, ICMP] = [0, 1, 2, 3, 4, 5, 6];
const MSS = 1400;

/** Coalesces the packets of a poll, checks the result, and returns the number of packets of each frame. */
function run(steps: readonly Step[], udp = true): number[] {
  return frames(steps, udp).map(({ packets }) => packets);
}

function frames(steps: readonly Step[], udp = true): Written[] {
  const rig = new CoalescerRig();
  rig.coalescer.udp = udp;
  const packets = new Packets();
  const received = steps.map((step) => packets.next(step));
  const written = rig.poll(received);
  checkPoll(received, written);
  return written;
}

/** Returns `count` packets of a flow. */
function stream(flow: number, count: number, more: Partial<Step> = {}): Step[] {
  return Array.from({ length: count }, () => plain(flow, MSS, more));
}

const FLOWS = { V4, V4_SHORT, V6, V6_SHORT, UDP4, UDP6 };

for (const [name, flow] of Object.entries(FLOWS)) {
  Deno.test(`consecutive packets become one frame (${name})`, () => {
    assertEquals(run(stream(flow, 20)), [20]);
    assertEquals(run([...stream(flow, 3), plain(flow, 7)]), [4]);
  });

  Deno.test(`a shorter packet ends a frame, a longer one starts the next (${name})`, () => {
    const short = plain(flow, MSS - 1);
    assertEquals(run([plain(flow, MSS), short, short, short]), [2, 2]);
    assertEquals(run([short, ...stream(flow, 2)]), [1, 2]);
    assertEquals(run([plain(flow, 1), plain(flow, 1)]), [2]);
  });

  Deno.test(`wrong checksums are neither hidden nor coalesced (${name})`, () => {
    const wrong = plain(flow, MSS, { checksum: "wrong" });
    assertEquals(run([...stream(flow, 2), wrong, ...stream(flow, 2)]), [
      2,
      1,
      2,
    ]);
    assertEquals(run([wrong, ...stream(flow, 2)]), [1, 2]);
    assertEquals(run([wrong, wrong]), [1, 1]);
  });

  Deno.test(`the HCA's verification is used (${name})`, () => {
    const verified = { verified: true };
    assertEquals(run(stream(flow, 3, verified)), [3]);
    const [only] = frames([plain(flow, MSS, verified)]);
    assertEquals(only!.frame[0], 2, "DATA_VALID");
    // A packet that needs no verification is not read for it.
    const rig = new CoalescerRig();
    rig.coalescer.udp = true;
    const packets = new Packets();
    const received = stream(flow, 3).map((step) => {
      const { packet } = packets.next(step);
      packet[packet.length - 1]! ^= 1;
      return { packet, verified: true };
    });
    assertEquals(rig.poll(received).map(({ packets }) => packets), [3]);
  });
}

Deno.test("a packet that the coalescer has verified without coalescing it is marked as verified", () => {
  const wrong = plain(V4, MSS, { checksum: "wrong" });
  const [first, second] = frames([plain(V4, MSS), wrong]);
  assertEquals([first!.frame[0], second!.frame[0]], [2, 0]);
  const [alone] = frames([plain(V4, MSS)]);
  assertEquals(alone!.frame[0], 0, "a packet alone is left to the kernel");
});

Deno.test("packets of several flows are coalesced side by side, up to eight flows", () => {
  const flows = [V4, V4_SHORT, V6, V6_SHORT, 7, 8, 9, 10];
  const round = flows.map((flow) => plain(flow, MSS));
  assertEquals(run([...round, ...round, ...round]), flows.map(() => 3));
  const ninth = plain(11, MSS);
  // The frame of the oldest flow is written for the ninth.
  assertEquals(run([...round, ...round, ninth, ...round]), [
    ...[2, 2, 2, 2, 2, 2, 2, 2],
    ...[1, 1, 1, 1, 1, 1, 1, 1, 1],
  ]);
});

Deno.test("a frame has at most 65535 bytes and 64 packets", () => {
  const size = 4000;
  const long = Array.from({ length: 40 }, () => plain(V4, size));
  const [first, second] = run(long);
  assertEquals([first, second], [16, 16]);
  assertEquals(run(Array.from({ length: 64 }, () => plain(V4, 10))), [64]);
});

Deno.test("packets after a gap, a repetition or in another order are not coalesced", () => {
  const step = (more: Partial<Step>) => plain(V4, MSS, more);
  assertEquals(run([step({}), step({ skip: MSS }), step({})]), [1, 2]);
  assertEquals(run([step({}), step({ skip: -MSS }), step({})]), [1, 2]);
  assertEquals(run([step({}), step({ skip: MSS }), step({ skip: -2 * MSS })]), [
    ...[1, 1, 1],
  ]);
});

Deno.test("identifications must increase by one, modulo 65536", () => {
  const step = (skipId: number) => plain(V4_SHORT, MSS, { skipId });
  assertEquals(run([step(0), step(-1), step(0)]), [1, 2]);
  assertEquals(run([step(0), step(1), step(0)]), [1, 2]);
  assertEquals(run(stream(V4, 40)), [40], "from 0xfff0 past 0xffff");
  const [{ frame }] = frames(stream(V4, 40)) as [Written];
  assertEquals([frame[26 + 4], frame[26 + 5]], [0xff, 0xf0]);
});

Deno.test("flags start, end and exclude frames as in the kernel", () => {
  for (const flow of [V4, V6]) {
    const step = (flags: number) => plain(flow, MSS, { flags });
    assertEquals(run([step(0), step(PSH), step(0), step(0)]), [2, 2]);
    assertEquals(run([step(0), step(FIN | PSH), step(0)]), [2, 1]);
    assertEquals(run([step(PSH), step(PSH)]), [1, 1]);
    for (const alone of [SYN, RST, URG]) {
      assertEquals(run([step(0), step(alone), step(alone), step(0)]), [
        ...[1, 1, 1, 1],
      ]);
    }
    assertEquals(run([step(ECE), step(ECE), step(0)]), [2, 1]);
    assertEquals(run([step(CWR), step(0), step(0)]), [3]);
    assertEquals(run([step(0), step(CWR), step(0)]), [1, 2]);
    assertEquals(run([step(CWR), step(CWR)]), [1, 1]);
  }
});

Deno.test("a pure acknowledgment is passed on alone, after the frame of its flow", () => {
  const ack = plain(V4, 0);
  assertEquals(run([...stream(V4, 2), ack, ...stream(V4, 2), ack, ack]), [
    ...[2, 1, 2, 1, 1],
  ]);
});

/** Bytes of the headers, for {@linkcode Step.at}. The number of bits is 1. */
const DIFFERENCES: readonly [string, number, number][] = [
  ["type of service", V4, 1],
  ["fragment flags", V4, 6],
  ["TTL", V4, 8],
  ["header length", V4, 0],
  ["acknowledgment number", V4, 20 + 11],
  ["window", V4, 20 + 15],
  ["urgent pointer", V4, 20 + 19],
  ["timestamp", V4, 20 + 27],
  ["timestamp echo", V4, 20 + 31],
  ["reserved flag", V4, 20 + 12],
  ["traffic class", V6, 1],
  ["flow label", V6, 3],
  ["hop limit", V6, 7],
  ["window", V6, 40 + 15],
  ["timestamp", V6, 40 + 27],
];

for (const [name, flow, at] of DIFFERENCES) {
  Deno.test(`a packet with another ${name} is not coalesced (IPv${flow === V4 ? 4 : 6})`, () => {
    const other = plain(flow, MSS, { at, bits: 1 });
    assertEquals(run([...stream(flow, 2), other, ...stream(flow, 2)]), [
      2,
      1,
      2,
    ]);
  });
}

Deno.test("packets of any flow keep their place between all packets of their addresses", () => {
  const fragment = plain(ICMP, 100, { at: 6, bits: 0x20 });
  assertEquals(
    run([plain(V4, MSS), plain(V4_SHORT, MSS), fragment, plain(V4, MSS)]),
    [1, 1, 1, 1],
  );
  // Of other flows, and between other addresses.
  assertEquals(
    run([plain(V4, MSS), plain(ICMP, 100), plain(V6, MSS), plain(V4, MSS)]),
    [1, 2, 1],
  );
  const truncated = plain(V4, MSS, { at: 20 + 12, bits: 0xf0 });
  assertEquals(run([plain(V4, MSS), truncated, plain(V4, MSS)]), [1, 1, 1]);
});

Deno.test("a checksum of 0xffff, which the kernel writes as 0, is left as it is", () => {
  for (const verified of [false, true]) {
    for (const checksum of ["ones", "ones header"] as const) {
      const odd = plain(V4, MSS, { checksum, verified });
      assertEquals(run([odd, plain(V4, MSS), plain(V4, MSS)]), [1, 2]);
    }
  }
  const udp = plain(UDP4, MSS, { checksum: "ones" });
  assertEquals(run([udp, plain(UDP4, MSS)]), [2]);
});

Deno.test("UDP packets are coalesced only if that is enabled, and only with checksums", () => {
  assertEquals(run(stream(UDP4, 3), false), [1, 1, 1]);
  const rig = new CoalescerRig();
  rig.coalescer.udp = true;
  const packets = new Packets();
  const received = stream(UDP4, 3).map((step) => {
    const { packet } = packets.next(step);
    packet.fill(0, 20 + 6, 20 + 8);
    return { packet, verified: false };
  });
  assertEquals(rig.poll(received).map(({ packets }) => packets), [1, 1, 1]);
});

Deno.test("UDP packets are not coalesced for a kernel that does not take the frames", () => {
  const rig = new CoalescerRig();
  rig.coalescer.udp = true;
  rig.takesUdpFrames = false;
  const packets = new Packets();
  const received = stream(UDP4, 3).map((step) => packets.next(step));
  assertEquals(rig.poll(received).length, 3);
});

Deno.test("no packet is held beyond its poll", () => {
  const rig = new CoalescerRig();
  const packets = new Packets();
  const one = rig.poll([packets.next(plain(V4, MSS))]);
  const two = rig.poll([packets.next(plain(V4, MSS))]);
  assertEquals([one.length, two.length], [1, 1]);
});

for (const [name, flow] of [["v4", V4], ["v6", V6]] as const) {
  Deno.test(`the frame of three TCP segments has the golden bytes (${name})`, () => {
    const [written, more] = frames([
      plain(flow, 10, { flags: CWR }),
      plain(flow, 10),
      plain(flow, 3, { flags: PSH | FIN }),
    ]);
    assert(more === undefined);
    assertEquals(written!.frame, golden(`coalesced_tcp_${name}`));
  });
}

Deno.test("the frame of three UDP packets has the golden bytes", () => {
  const [written] = frames([plain(UDP4, 9), plain(UDP4, 9), plain(UDP4, 1)]);
  assertEquals(written!.frame, golden("coalesced_udp"));
});
