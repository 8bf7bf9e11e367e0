import { assertEquals } from "@std/assert";
import { encapWord, EtherType } from "../../src/wire/encap.ts";
import { hex, prefilled, viewOf } from "./support.ts";

Deno.test("encapWord() returns the header's golden bytes", () => {
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
