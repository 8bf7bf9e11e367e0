import { assertEquals } from "@std/assert";
import {
  add,
  dropsText,
  growth,
  lossesAmong,
  socketOverflows,
} from "../../../scripts/bench/drops.ts";

Deno.test("lossesAmong() returns only counters of lost packets", () => {
  assertEquals(
    lossesAmong({
      rx_echoes: 1,
      rx_frames: 2,
      tx_waiting: 2,
      tx_arp: 2,
      rx_nd: 2,
      port_xmit_packets: 3,
      port_cq_events: 4,
      port_multicast_filtered: 5,
      port_xmit_no_credit: 6,
      port_rcv_no_buffer: 0,
    }),
    { port_xmit_no_credit: 6, port_rcv_no_buffer: 0 },
  );
});

Deno.test("growth() returns increased counters, also those that are missing before", () => {
  assertEquals(
    growth({ a: 1, b: 2, c: 3 }, { a: 1, b: 5, d: 4 }),
    { b: 3, d: 4 },
  );
});

Deno.test("add() adds counters by name", () => {
  const sum = { a: 1 };
  add(sum, { a: 2, b: 3 });
  assertEquals(sum, { a: 3, b: 3 } as typeof sum);
});

Deno.test("socketOverflows() returns RcvbufErrors of UDP, not of UDP-Lite", () => {
  const text = [
    "Icmp: InMsgs",
    "Icmp: 9",
    "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors",
    "Udp: 100 2 17 50 17 0",
    "UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors",
    "UdpLite: 0 0 0 0 3",
    "",
  ].join("\n");
  assertEquals(socketOverflows(text), 17);
  assertEquals(socketOverflows(""), 0);
});

Deno.test("dropsText() lists the counters, or prints none", () => {
  assertEquals(dropsText({ tun_queue: 3, b: 1 }), "tun_queue 3, b 1");
  assertEquals(dropsText({}), "none");
});
