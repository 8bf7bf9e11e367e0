import { assertEquals } from "@std/assert";
import {
  encapType,
  encapWord,
  EtherType,
  isCarried,
} from "../../src/wire/encap.ts";
import { hex, prefilled, viewOf } from "./support.ts";

Deno.test("encapWord() gives the header's golden bytes", () => {
  for (
    const [type, bytes] of [
      [EtherType.Ipv4, "0800 0000"],
      [EtherType.Arp, "0806 0000"],
      [EtherType.Rarp, "8035 0000"],
      [EtherType.Ipv6, "86dd 0000"],
      [EtherType.Tipc, "88ca 0000"],
    ] as const
  ) {
    const buffer = prefilled(4);
    viewOf(buffer).setInt32(0, encapWord(type));
    assertEquals(buffer, hex(bytes));
    assertEquals(encapWord(type), encapWord(type) | 0);
  }
});

Deno.test("encapType() ignores the reserved half", () => {
  for (const bytes of ["86dd 0000", "86dd ffff", "86dd 8001"]) {
    assertEquals(encapType(viewOf(hex(bytes)).getInt32(0)), EtherType.Ipv6);
  }
});

Deno.test("isCarried() is true for what ib_ipoib sends and nothing else", () => {
  const carried: number[] = [];
  for (let type = 0; type < 0x10000; type++) {
    if (isCarried(type)) carried.push(type);
  }
  assertEquals(carried, [0x0800, 0x0806, 0x8035, 0x86dd, 0x88ca]);
});
