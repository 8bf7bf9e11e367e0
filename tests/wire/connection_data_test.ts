import { assertEquals } from "@std/assert";
import { ConnectionData } from "../../src/wire/connection_data.ts";
import { hex } from "./support.ts";

Deno.test("ConnectionData.emit() writes the golden bytes", () => {
  assertEquals(
    ConnectionData.emit({ qpn: 0x123456, mtu: 65524 }),
    hex("00123456 0000fff4"),
  );
});

Deno.test("ConnectionData.parse() ignores the reserved byte and what follows", () => {
  assertEquals(ConnectionData.parse(hex("ff123456 fffffff4 aabb")), {
    qpn: 0x123456,
    mtu: 0xfffffff4,
  });
  assertEquals(ConnectionData.parse(hex("00123456 0000ff")), undefined);
});
