import { assertEquals } from "@std/assert";
import {
  linuxServiceId,
  rfcServiceId,
} from "../../../src/wire/cm/service_id.ts";

Deno.test("a Service ID is the prefix of Linux or of RFC 4755, and the QPN", () => {
  assertEquals(linuxServiceId(0xabcdef), 0x1000000000abcdefn);
  assertEquals(rfcServiceId(0xabcdef), 0x0100000000abcdefn);
});
