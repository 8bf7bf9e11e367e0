import { assertEquals } from "@std/assert";
import {
  ETHERNET_HEADER_LENGTH,
  EthernetKind,
  ethernetKind,
} from "../../src/wire/ethernet.ts";
import {
  HOST_ADDRESS,
  writeEthernetHeader,
} from "../../src/wire/frame_header.ts";
import { hex, prefilled, viewOf } from "./support.ts";

const headers = [
  {
    kind: EthernetKind.Host,
    type: 0x0800,
    golden: "020000000001 020000000002 0800",
  },
  {
    kind: EthernetKind.Broadcast,
    type: 0x0806,
    golden: "ffffffffffff 020000000002 0806",
  },
  {
    kind: EthernetKind.Multicast,
    type: 0x86dd,
    golden: "01005e000000 020000000002 86dd",
  },
];

for (const { kind, type, golden } of headers) {
  Deno.test(`writeEthernetHeader() writes the 14 golden bytes of kind ${kind}`, () => {
    const bytes = prefilled(ETHERNET_HEADER_LENGTH + 4);
    writeEthernetHeader(viewOf(bytes), 2, kind, type);
    assertEquals(bytes.slice(2, -2), hex(golden));
    assertEquals([bytes[1], bytes.at(-2)], [0xa5, 0xa5]);
    assertEquals(ethernetKind(viewOf(bytes), 2), kind);
  });
}

Deno.test("HOST_ADDRESS is the destination of a host's header", () => {
  assertEquals(HOST_ADDRESS, hex(headers[0]!.golden).slice(0, 6));
});
