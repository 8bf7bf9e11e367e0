/**
 * Fuzz target of the translation of neighbour discovery, in both directions and there and back, and of other ICMPv6
 * messages, which pass unchanged.
 *
 * | byte | bits    | meaning                                                                                       |
 * |------|---------|-----------------------------------------------------------------------------------------------|
 * | 0    | 0       | direction: from the kernel, or from a peer                                                    |
 * |      | 1 to 6  | defects: hop limit, payload length, checksum, option lengths, bytes after the packet, code    |
 * |      | 7       | sent to the broadcast group                                                                   |
 * | 1    | 0 to 2  | type, of TYPES                                                                                |
 * |      | 3 to 5  | source                                                                                        |
 * | 2    | 0 to 2  | destination                                                                                   |
 * |      | 3 to 5  | target; the last choice takes it from the body                                                |
 * | 3    | 0, 1    | number of extension headers                                                                   |
 * |      | 2, 3    | link-layer address in options: that in the body, or that of a host                            |
 * |      | 4 to 7  | kind of the first extension header                                                            |
 * | 4    |         | the body: the message from the fifth byte on                                                  |
 */

import { assert, assertEquals } from "@std/assert";
import { EtherType } from "../../../src/wire/encap.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { isLinkLocal } from "../../../src/wire/ipv6_address.ts";
import {
  type LinkAddress,
  linkAddressBytes,
} from "../../../src/wire/link_address.ts";
import { NaFlag, NdType } from "../../../src/wire/neighbour_discovery.ts";
import { ipAddress, viewOf } from "../../wire/support.ts";
import {
  composeNd,
  EXTENSIONS,
  joinNd,
  ndOffset,
  type NdParts,
  splitNd,
} from "./nd_packet.ts";
import { assertSameBytes, type FuzzTarget } from "./target.ts";
import {
  ethernetHeader,
  type Outcome,
  TranslationHosts,
  typeOf,
} from "./translation_hosts.ts";

const HEADER = 4;
/** Types of messages: neighbour discovery, echo request, packet too big, MLDv2 report. */
const TYPES = [133, 134, 135, 136, 137, 128, 2, 143] as const;
const ADDRESSES = [
  ...["fe80::a", "fe80::b", "ff02::1", "ff02::1:ff00:a", "ff02::1:ff00:b"],
  ...["::", "fe80::c", "2001:db8::d"],
].map(ipAddress);
/** An IPv4 neighbour as an IPv6 address. */
const MAPPED = IpAddress.parse("10.0.0.2")!;
const MAX_LENGTH = 2044;
/** Type of the option with the target's link-layer address, and bytes of one with 20 bytes of address. */
const TARGET_OPTION = 2;
const OPTION_LENGTH = 24;
/** Bytes of a packet that the program translates at most. */
const MAX_TRANSLATED = 4096;
const OTHER: LinkAddress = {
  flags: 0,
  qpn: 7,
  gid: new Uint8Array(16).fill(9),
};
const ETHERNET = ethernetHeader(EtherType.Ipv6);

function bit(byte: number, at: number): number {
  return byte >> at & 1;
}

function compose({ a, b }: TranslationHosts, input: Uint8Array): Uint8Array {
  const [flags, kinds, to, rest] = input as unknown as [
    number,
    number,
    number,
    number,
  ];
  const links = [undefined, a.address, b.address, OTHER];
  const target = ADDRESSES[to >> 3 & 7];
  const packet = composeNd({
    type: TYPES[kinds & 7]!,
    code: bit(flags, 6),
    hopLimit: bit(flags, 1) ? 64 : 255,
    source: ADDRESSES[kinds >> 3 & 7]!.bytes(),
    destination: ADDRESSES[to & 7]!.bytes(),
    target: target === ADDRESSES.at(-1) ? undefined : target!.bytes(),
    linkAddress: links[rest >> 2 & 3],
    extensions: Array.from(
      { length: rest & 3 },
      (_, i) => EXTENSIONS[((rest >> 4) + i) % EXTENSIONS.length]!,
    ),
    repairOptions: !bit(flags, 4),
    lengthError: bit(flags, 2) ? 1 + (input[HEADER] ?? 0) - 128 : 0,
    checksumError: bit(flags, 3),
  }, input.subarray(HEADER));
  if (!bit(flags, 5)) return packet;
  const trailed = new Uint8Array(packet.length + 5);
  trailed.set(packet);
  return trailed;
}

/** Returns the link-layer address option for a message of this type. */
function linkOption(type: number, address: LinkAddress): Uint8Array {
  const option = new Uint8Array(OPTION_LENGTH);
  option[0] = type === NdType.NeighbourAdvertisement || type === NdType.Redirect
    ? TARGET_OPTION
    : 1;
  option[1] = 3;
  option.set(linkAddressBytes(address), 4);
  return option;
}

/** Asserts that a packet which is not neighbour discovery passes unchanged, waits, or is dropped and counted. */
function checkOther(
  packet: Uint8Array,
  outputs: readonly Uint8Array[],
  { drops, queued, alone }: Outcome,
): boolean {
  assertEquals(outputs.length + drops + queued, 1);
  if (outputs[0] && alone) assertSameBytes(outputs[0], packet);
  return drops === 0;
}

function fromKernel(hosts: TranslationHosts, packet: Uint8Array): boolean {
  const outcome = hosts.fromKernel(packet, ETHERNET);
  const { written, writtenToOther, drops, queued, malformed, alone } = outcome;
  const outputs = outcome.posted
    .filter((each) => typeOf(each) === EtherType.Ipv6)
    .map(({ payload }) => payload);
  // A forged advertisement may lead to the own port.
  const { lid } = hosts.a.port.attributes;
  const looped = outcome.posted.some(({ handle }) => handle.dlid === lid);
  assert(looped || written.length === 0, "no output returns");
  if (ndOffset(packet) === 0) return checkOther(packet, outputs, outcome);
  // A reply to a forged link-layer address waits for its path, which the administrator refuses.
  assertEquals(outputs.length + drops + queued, 1);
  const parts = splitNd(packet);
  assertEquals(malformed === 0, parts !== undefined, "valid messages pass");
  const [output] = outputs;
  if (!parts || !output || !alone) return malformed === 0;
  const { linkOptions } = splitNd(output)!;
  assert(linkOptions.length <= 1);
  if (linkOptions[0] && parts.type !== NdType.Redirect) {
    assertSameBytes(linkOptions[0], linkOption(parts.type, hosts.a.address));
  }
  assertSameBytes(output, joinNd(parts, linkOptions[0]));
  for (const back of writtenToOther) assertSameBytes(back, joinNd(parts));
  return true;
}

/** The stored peers of the addresses that messages are about, and the number of neighbours. */
function snapshot({ a }: TranslationHosts) {
  const { neighbours } = a.link;
  const peers = [...ADDRESSES, MAPPED].map((each) =>
    neighbours.find(each)?.peer
  );
  return { peers, size: neighbours.size };
}

/** Returns the address whose entry the message may change, and whether it may create the entry. */
function mayChange(
  { type, headers, fixed }: NdParts,
): { address: IpAddress; create: boolean } | undefined {
  const source = IpAddress.ipv6(viewOf(headers), 8);
  if (type === NdType.RouterAdvertisement) {
    return isLinkLocal(source) ? { address: source, create: true } : undefined;
  }
  const solicitedByGroup = headers[24] === 0xff &&
    (fixed[4]! & NaFlag.Solicited) !== 0;
  if (type !== NdType.NeighbourAdvertisement || solicitedByGroup) {
    return undefined;
  }
  return { address: IpAddress.ipv6(viewOf(fixed), 8), create: false };
}

/** Returns true if the message is an advertisement for an unresolved neighbour, which needs a link-layer address. */
function needsLinkAddress(
  { a }: TranslationHosts,
  { type, fixed }: NdParts,
): boolean {
  return type === NdType.NeighbourAdvertisement &&
    a.link.neighbours.isUnresolved(IpAddress.ipv6(viewOf(fixed), 8));
}

function fromLink(
  hosts: TranslationHosts,
  packet: Uint8Array,
  toAll: boolean,
): boolean {
  const before = snapshot(hosts);
  const parts = splitNd(packet);
  const needs = parts !== undefined && needsLinkAddress(hosts, parts);
  const outcome = hosts.fromLink(packet, EtherType.Ipv6, toAll);
  const { written, drops, malformed, alone } = outcome;
  const after = snapshot(hosts);
  const change = ndOffset(packet) !== 0 && parts ? mayChange(parts) : undefined;
  assert(after.size <= before.size + Number(change?.create ?? false));
  for (const [i, peer] of after.peers.entries()) {
    if (peer === before.peers[i]) continue;
    const address = [...ADDRESSES, MAPPED][i]!;
    assert(change?.address.equals(address), `${address} has changed`);
  }
  if (ndOffset(packet) === 0) return checkOther(packet, written, outcome);
  if (!parts) {
    assertEquals([written.length, drops, malformed], [0, 1, 1]);
    return false;
  }
  assert(drops === 0 || !alone, "a valid message passes");
  const [output] = written;
  const useless = needs &&
    !parts.linkOptions.some((each) =>
      each[0] === TARGET_OPTION && each.length === OPTION_LENGTH
    );
  if (output) {
    assert(!useless, "the kernel would take the neighbour for resolved");
    assertSameBytes(output, joinNd(parts));
  } else {
    const own = linkOption(parts.type, hosts.a.address).subarray(4).join();
    const echo = parts.linkOptions.some((each) => own === each.slice(4).join());
    assert(echo || useless, "only those two are ignored");
  }
  return true;
}

export const ndTranslationTarget: FuzzTarget = {
  name: "nd_translation",
  kind: "bytes",
  inputsPerSession: 1000,
  open() {
    const hosts = new TranslationHosts();
    return {
      run(input) {
        if (input.length <= HEADER) return false;
        hosts.prepare();
        const packet = compose(hosts, input).subarray(0, MAX_TRANSLATED);
        return bit(input[0]!, 0)
          ? fromLink(hosts, packet.subarray(0, MAX_LENGTH), !!bit(input[0]!, 7))
          : fromKernel(hosts, packet);
      },
      close: () => hosts.close(),
    };
  },
};
