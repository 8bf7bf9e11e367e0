import { assertEquals } from "@std/assert";
import {
  ETHERNET_HEADER_LENGTH,
  EthernetField,
  EthernetKind,
  ethernetKind,
  FRAME_HEADER_LENGTH,
} from "../../src/wire/ethernet.ts";
import { viewOf } from "./support.ts";

Deno.test("a frame's header is 26 bytes: a virtio header and an Ethernet header", () => {
  assertEquals(FRAME_HEADER_LENGTH, 26);
  assertEquals(EthernetField.Type + 2, ETHERNET_HEADER_LENGTH);
});

Deno.test("ethernetKind() classifies an address as host, multicast or broadcast", () => {
  const kind = (...address: number[]) =>
    ethernetKind(viewOf(new Uint8Array([0xaa, ...address])), 1);
  assertEquals(kind(0x02, 0, 0, 0, 0, 1), EthernetKind.Host);
  assertEquals(kind(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff), EthernetKind.Host);
  assertEquals(kind(0x01, 0, 0x5e, 0, 0, 1), EthernetKind.Multicast);
  assertEquals(kind(0x33, 0x33, 0, 0, 0, 1), EthernetKind.Multicast);
  const broadcast = new Array(6).fill(0xff);
  assertEquals(kind(...broadcast), EthernetKind.Broadcast);
  for (let i = 1; i < 6; i++) {
    assertEquals(
      kind(...broadcast.with(i, 0xfe)),
      EthernetKind.Multicast,
      `byte ${i}`,
    );
  }
});
