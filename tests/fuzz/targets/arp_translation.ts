/**
 * Fuzz target of the translation of ARP in both directions, and there and back.
 *
 * | byte | bits    | meaning                                                                                       |
 * |------|---------|-----------------------------------------------------------------------------------------------|
 * | 0    | 0       | direction: from the kernel, or from a peer                                                    |
 * |      | 1       | sent to the broadcast group                                                                   |
 * |      | 2       | the first six bytes of the packet are kept; else those of ARP on the device or on the link    |
 * |      | 3, 4    | sender's link-layer address: that in the packet, or that of a host                            |
 * | 1    | 0 to 2  | sender's IP address, of ADDRESSES; the last choice takes it from the packet                   |
 * |      | 3 to 5  | target's IP address                                                                           |
 * | 2    |         | the packet                                                                                    |
 */

import { assert, assertEquals } from "@std/assert";
import { ARP_LENGTH, ArpOperation, parseArp } from "../../../src/wire/arp.ts";
import {
  DEVICE_ARP_LENGTH,
  emitDeviceArp,
} from "../../../src/wire/device_arp.ts";
import { EtherType } from "../../../src/wire/encap.ts";
import { linkAddressBytes } from "../../../src/wire/link_address.ts";
import { isMulticast } from "../../../src/wire/ipv4_address.ts";
import { ip } from "../../ipoib/rig.ts";
import { hex, viewOf } from "../../wire/support.ts";
import { assertSameBytes, type FuzzTarget } from "./target.ts";
import {
  ethernetHeader,
  TranslationHosts,
  typeOf,
} from "./translation_hosts.ts";

const HEADER = 2;
const DEVICE_START = hex("0020 0800 00 04");
const LINK_START = hex("0020 0800 14 04");
const ADDRESSES = [
  ...["10.0.0.1", "10.0.0.2", "10.0.0.3", "0.0.0.0"],
  ...["255.255.255.255", "239.1.2.3", "10.0.0.255"],
].map(ip);
const MAX_LENGTH = 2044;
const ETHERNET = ethernetHeader(EtherType.Arp);

/** Offsets of the fields that an input selects. */
const LINK = { senderAddress: 8, senderIp: 28, targetIp: 52 };
const DEVICE = { senderIp: 8, targetIp: 12 };

/** Returns the packet of an input. */
function compose({ a, b }: TranslationHosts, input: Uint8Array): Uint8Array {
  const flags = input[0]!;
  const chosen = input[1]!;
  const packet = input.slice(HEADER);
  const whole = packet.length >= ARP_LENGTH;
  const received = (flags & 1) !== 0;
  if (packet.length < DEVICE_ARP_LENGTH) return packet;
  const onLink = received || whole;
  if ((flags & 4) === 0) packet.set(onLink ? LINK_START : DEVICE_START);
  if (onLink && !whole) return packet;
  const view = viewOf(packet);
  const fields = onLink ? LINK : DEVICE;
  const sender = ADDRESSES[chosen & 7];
  const target = ADDRESSES[chosen >> 3 & 7];
  if (sender !== undefined) view.setInt32(fields.senderIp, sender);
  if (target !== undefined) view.setInt32(fields.targetIp, target);
  const address = [undefined, a.address, b.address][flags >> 3 & 3];
  if (onLink && address) {
    packet.set(linkAddressBytes(address), LINK.senderAddress);
  }
  return packet;
}

/** True if the packet starts with these bytes and is long enough. */
function starts(
  packet: Uint8Array,
  start: Uint8Array,
  length: number,
): boolean {
  return packet.length >= length &&
    start.every((byte, i) => packet[i] === byte);
}

/** Returns the packet of a kernel with the operation and IP addresses of a packet on the link. */
function deviceArp(packet: Uint8Array): Uint8Array {
  const arp = new Uint8Array(DEVICE_ARP_LENGTH);
  const view = viewOf(packet);
  emitDeviceArp(
    {
      operation: view.getUint16(6),
      senderIp: view.getInt32(LINK.senderIp),
      targetIp: view.getInt32(LINK.targetIp),
    },
    viewOf(arp),
    0,
  );
  return arp;
}

function fromKernel(hosts: TranslationHosts, packet: Uint8Array): boolean {
  const outcome = hosts.fromKernel(packet, ETHERNET);
  const outputs = outcome.posted
    .filter((each) => typeOf(each) === EtherType.Arp)
    .map(({ payload }) => payload);
  const short = starts(packet, DEVICE_START, DEVICE_ARP_LENGTH);
  const long = starts(packet, LINK_START, ARP_LENGTH);
  // A forged request may lead to the own port.
  const { lid } = hosts.a.port.attributes;
  const looped = outcome.posted.some(({ handle }) => handle.dlid === lid);
  assert(looped || outcome.written.length === 0, "no output returns");
  // A reply to a forged link-layer address waits for its path, which the administrator refuses.
  const { drops, queued, malformed, alone } = outcome;
  assertEquals(outputs.length + drops + queued, 1);
  assertEquals(malformed === 0, short || long, "valid packets pass");
  const [output] = outputs;
  if (!output || !alone) return malformed === 0;
  const arp = parseArp(viewOf(output), 0, output.length);
  assertEquals([arp?.senderAddress, output.length], [hosts.a.address, 56]);
  const device = short
    ? packet.subarray(0, DEVICE_ARP_LENGTH)
    : deviceArp(packet);
  assertSameBytes(deviceArp(output), device);
  for (const back of outcome.writtenToOther) assertSameBytes(back, device);
  return true;
}

function fromLink(
  hosts: TranslationHosts,
  packet: Uint8Array,
  toAll: boolean,
): boolean {
  const { a } = hosts;
  const { size } = a.link.neighbours;
  const { written, drops, malformed } = hosts.fromLink(
    packet,
    EtherType.Arp,
    toAll,
  );
  assertEquals(a.link.neighbours.size, size, "the kernel has not replied");
  if (!starts(packet, LINK_START, ARP_LENGTH)) {
    assertEquals([written.length, drops, malformed], [0, 1, 1]);
    return false;
  }
  assertEquals(drops, 0);
  const expected = deviceArp(packet);
  const { operation, senderAddress, senderIp, targetIp } = parseArp(
    viewOf(packet),
    0,
    packet.length,
  )!;
  if (written[0]) assertSameBytes(written[0], expected);
  else {
    const own = linkAddressBytes(a.address).join() ===
      linkAddressBytes(senderAddress).join();
    const known = operation === ArpOperation.Request ||
      operation === ArpOperation.Reply;
    assert(
      own || !known || isMulticast(senderIp) || isMulticast(targetIp),
      "only echoes, other operations and multicast addresses are ignored",
    );
  }
  return true;
}

export const arpTranslationTarget: FuzzTarget = {
  name: "arp_translation",
  kind: "bytes",
  inputsPerSession: 1000,
  open() {
    const hosts = new TranslationHosts();
    return {
      run(input) {
        if (input.length <= HEADER) return false;
        hosts.prepare();
        const packet = compose(hosts, input).subarray(0, MAX_LENGTH);
        return (input[0]! & 1) !== 0
          ? fromLink(hosts, packet, (input[0]! & 2) !== 0)
          : fromKernel(hosts, packet);
      },
      close: () => hosts.close(),
    };
  },
};
