import { assertEquals } from "@std/assert";
import { GatewayPrefixes } from "../../src/netdev/gateway_prefixes.ts";
import { GATEWAY_PREFIXES } from "../../src/wire/kernel_next_hop.ts";
import { hex } from "../wire/support.ts";

Deno.test("GatewayPrefixes reads the table only for numbers that its copy lacks", () => {
  let reads = 0;
  let table = hex("fe80000000000000");
  const prefixes = new GatewayPrefixes((copy) => {
    reads++;
    copy.set(table);
  });
  assertEquals([prefixes.has(0), prefixes.has(0), reads], [true, true, 1]);
  assertEquals([prefixes.high(0), prefixes.low(0)], [0xfe800000 | 0, 0]);
  assertEquals([prefixes.has(1), reads], [false, 2]);
  table = hex("fe80000000000000 0000000000000005");
  assertEquals([prefixes.has(1), prefixes.has(1), reads], [true, true, 3]);
  assertEquals([prefixes.high(1), prefixes.low(1)], [0, 5]);
});

Deno.test("GatewayPrefixes has no entry beyond the table, and none without a program", () => {
  let reads = 0;
  const prefixes = new GatewayPrefixes(() => reads++);
  assertEquals([prefixes.has(GATEWAY_PREFIXES), prefixes.has(255)], [
    false,
    false,
  ]);
  assertEquals(reads, 0);
  assertEquals(new GatewayPrefixes().has(0), false);
});
