import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  GSO_ECN,
  GsoType,
  VNET_HEADER_LENGTH,
  VnetFlag,
  VnetHeader,
} from "../../src/wire/vnet.ts";
import { golden, prefilled, viewOf } from "./support.ts";

const TSO = golden("vnet_tso");

Deno.test("VnetHeader getters read the golden bytes", () => {
  const header = new VnetHeader().at(viewOf(TSO), 0);
  assertEquals(TSO.length, VNET_HEADER_LENGTH);
  assertEquals(header.flags, VnetFlag.NeedsChecksum);
  assert(header.needsChecksum);
  assertEquals(header.gsoType, GsoType.Tcpv4 | GSO_ECN);
  assertEquals(header.headerLength, 54);
  assertEquals(header.gsoSize, 2004);
  assertEquals(header.checksumStart, 20);
  assertEquals(header.checksumOffset, 16);
  assertEquals(header.buffers, 1);
});

Deno.test("VnetHeader setters write the golden bytes", () => {
  const buffer = prefilled(VNET_HEADER_LENGTH + 2);
  const header = new VnetHeader(viewOf(buffer), 1);
  header.flags = VnetFlag.NeedsChecksum;
  header.gsoType = GsoType.Tcpv4 | GSO_ECN;
  header.headerLength = 54;
  header.gsoSize = 2004;
  header.checksumStart = 20;
  header.checksumOffset = 16;
  header.buffers = 1;
  assertEquals(buffer.subarray(1, -1), TSO);
  assertEquals([buffer[0], buffer.at(-1)], [0xa5, 0xa5]);
});

Deno.test("VnetHeader.clear() zeroes its 12 bytes and no other", () => {
  const buffer = prefilled(VNET_HEADER_LENGTH + 2);
  new VnetHeader(viewOf(buffer), 1).clear();
  assertEquals(buffer.subarray(1, -1), new Uint8Array(12));
  assertEquals([buffer[0], buffer.at(-1)], [0xa5, 0xa5]);
});

Deno.test("VnetHeader agrees with the kernel's structure in host order", () => {
  const bytes12 = fc.uint8Array({ minLength: 12, maxLength: 12 });
  fc.assert(fc.property(bytes12, (bytes) => {
    const header = new VnetHeader(viewOf(bytes), 0);
    const host = new Uint16Array(bytes.slice().buffer);
    assertEquals(
      [
        header.flags,
        header.gsoType,
        header.headerLength,
        header.gsoSize,
        header.checksumStart,
        header.checksumOffset,
        header.buffers,
      ],
      [bytes[0]!, bytes[1]!, ...host.slice(1)],
    );
  }));
});
