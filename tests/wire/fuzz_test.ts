/**
 * Octets from anywhere: the files of tests/fuzz/<format> and 2000 seeded mutations of them.
 *
 * No parser may throw, and what it takes for good must hold its promises. Checksums are repaired in every second
 * mutation, so that what lies behind them is reached. A file that once broke a parser belongs in the corpus.
 */

import { assert, assertEquals } from "@std/assert";
import { ARP_LENGTH, emitArp, parseArp } from "../../src/wire/arp.ts";
import { Bth } from "../../src/wire/bth.ts";
import { checksum, completeChecksum } from "../../src/wire/checksum.ts";
import { icrc, vcrc } from "../../src/wire/crc.ts";
import {
  formatGid,
  formatGidLong,
  formatGuid,
  parseGid,
  parseGuid,
} from "../../src/wire/gid.ts";
import {
  emitIcmpEcho,
  emitUnreachable,
  mayReportError,
  parseIcmpEcho,
  UNREACHABLE_MAX_LENGTH,
  UnreachableCode,
} from "../../src/wire/icmp.ts";
import { parseIgmpReport } from "../../src/wire/igmp.ts";
import { emitIpv4Header, IpProtocol, Ipv4Packet } from "../../src/wire/ipv4.ts";
import {
  formatIpv4,
  isMulticast,
  parseIpv4,
  parseIpv4Prefix,
} from "../../src/wire/ipv4_address.ts";
import { Ipv6Packet } from "../../src/wire/ipv6.ts";
import {
  formatLinkAddress,
  linkAddressOctets,
  parseLinkAddress,
  parseLinkAddressText,
} from "../../src/wire/link_address.ts";
import { Lrh } from "../../src/wire/lrh.ts";
import { VNET_HEADER_LENGTH, VnetHeader } from "../../src/wire/vnet.ts";
import { hex, mutate, prefilled, random, viewOf } from "./support.ts";

const MUTATIONS = 2000;
const CORPUS = new URL("../fuzz/", import.meta.url);

/** Feeds octets to the parsers of a format; true if one took them for good. */
type Feed = (octets: Uint8Array) => boolean;

const feeds: Record<string, Feed> = {
  arp(octets) {
    const arp = parseArp(viewOf(octets), 0, octets.length);
    if (arp === undefined) return false;
    const again = prefilled(ARP_LENGTH);
    emitArp(arp, viewOf(again), 0);
    assertEquals(again, Uint8Array.from(octets.subarray(0, ARP_LENGTH)));
    return true;
  },

  ipv4(octets) {
    const packet = new Ipv4Packet(viewOf(octets), 0);
    if (!packet.valid(octets.length)) return false;
    assert(packet.headerLength >= 20);
    assert(packet.totalLength >= packet.headerLength);
    assert(packet.totalLength <= octets.length);
    packet.checksumOk();
    mayReportError(packet, octets.length);
    parseIgmpReport(packet);
    const error = prefilled(UNREACHABLE_MAX_LENGTH);
    const length = emitUnreachable(
      { source: packet.destination, code: UnreachableCode.Host },
      packet,
      viewOf(error),
      0,
    );
    const made = new Ipv4Packet(viewOf(error), 0);
    assert(made.valid(length) && made.checksumOk());
    assertEquals(made.destination, packet.source);
    return true;
  },

  ipv6(octets) {
    const packet = new Ipv6Packet(viewOf(octets), 0);
    if (!packet.valid(octets.length)) return false;
    assert(packet.payloadLength + 40 <= octets.length);
    assert(packet.destinationOffset + 16 <= octets.length);
    return true;
  },

  icmp(octets) {
    const echo = parseIcmpEcho(viewOf(octets), 0, octets.length);
    if (echo === undefined) return false;
    const again = prefilled(octets.length);
    assertEquals(emitIcmpEcho(echo, viewOf(again), 0), octets.length);
    assertEquals(parseIcmpEcho(viewOf(again), 0, octets.length), echo);
    return true;
  },

  igmp(message) {
    const octets = prefilled(24 + message.length);
    const packet = new Ipv4Packet(viewOf(octets), 0);
    const fields = { source: 1, destination: 2, protocol: IpProtocol.Igmp };
    emitIpv4Header(
      { ...fields, payloadLength: message.length },
      packet.view,
      0,
    );
    octets.set(message, 20);
    const report = parseIgmpReport(packet);
    if (report === undefined) return false;
    const groups = [...report.joined, ...report.left];
    assert(groups.every(isMulticast));
    assert(groups.length <= message.length / 8);
    return true;
  },

  vnet(octets) {
    if (octets.length < VNET_HEADER_LENGTH) return false;
    const view = viewOf(octets);
    const header = new VnetHeader(view, 0);
    const { checksumStart, checksumOffset } = header;
    const before = octets.slice();
    const done = completeChecksum(
      view,
      VNET_HEADER_LENGTH,
      checksumStart,
      checksumOffset,
      octets.length,
    );
    const field = VNET_HEADER_LENGTH + checksumStart + checksumOffset;
    assertEquals(done, field + 2 <= octets.length);
    if (done) before.set(octets.subarray(field, field + 2), field);
    assertEquals(octets, before);
    return done;
  },

  // deno-lint-ignore camelcase -- the name of the folder
  link_address(octets) {
    const address = parseLinkAddress(octets);
    if (address === undefined) return false;
    const again = linkAddressOctets(address);
    assertEquals(again, Uint8Array.from(octets.subarray(0, 20)));
    return true;
  },

  frame(octets) {
    const crc = icrc(octets, 0, octets.length);
    assert(crc >= 0 && crc <= 0xffffffff && Number.isInteger(crc));
    assert(vcrc(octets, 0, octets.length) <= 0xffff);
    if (octets.length < 20) return false;
    const lrh = new Lrh(viewOf(octets), 0);
    assert(lrh.packetLength <= 0x7ff && lrh.nextHeader <= 3);
    assert(new Bth(viewOf(octets), 8).padCount <= 3);
    return true;
  },

  text(octets) {
    const text = new TextDecoder().decode(octets);
    const gid = parseGid(text);
    if (gid) {
      assertEquals(parseGid(formatGid(gid)), gid);
      assertEquals(parseGid(formatGidLong(gid)), gid);
    }
    const guid = parseGuid(text);
    if (guid !== undefined) assertEquals(parseGuid(formatGuid(guid)), guid);
    const address = parseIpv4(text);
    if (address !== undefined) assertEquals(formatIpv4(address), text);
    const prefix = parseIpv4Prefix(text);
    if (prefix) assert(prefix.prefixLength >= 0 && prefix.prefixLength <= 32);
    const link = parseLinkAddressText(text);
    if (link) {
      assertEquals(parseLinkAddressText(formatLinkAddress(link)), link);
    }
    return [gid, guid, prefix, link].some((value) => value !== undefined);
  },
};

/** Where a format keeps a checksum over all of its octets. */
const checksumAt: Record<string, number> = { icmp: 2, igmp: 2 };

function repaired(octets: Uint8Array, format: string): Uint8Array {
  const at = checksumAt[format];
  if (at === undefined || octets.length < at + 2) return octets;
  const view = viewOf(octets);
  view.setUint16(at, 0);
  view.setUint16(at, checksum(view, 0, octets.length));
  return octets;
}

function corpus(format: string): Map<string, Uint8Array> {
  const folder = new URL(`${format}/`, CORPUS);
  const files = new Map<string, Uint8Array>();
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
  for (const name of names) {
    const text = Deno.readTextFileSync(new URL(name, folder));
    files.set(
      name,
      name.endsWith(".hex") ? hex(text) : new TextEncoder().encode(text),
    );
  }
  return files;
}

for (const [format, feed] of Object.entries(feeds)) {
  Deno.test(`the ${format} parsers stand the corpus and its mutations`, () => {
    const files = [...corpus(format)];
    assert(files.length > 0, "the corpus is there");
    const next = random(0x1b0b);
    let good = 0;
    for (const [name, octets] of files) {
      try {
        if (feed(octets.slice())) good++;
      } catch (cause) {
        throw new Error(`${format}/${name}`, { cause });
      }
    }
    assert(good > 0, "something in the corpus is good");
    assert(good < files.length, "something in the corpus is bad");
    for (let i = 0; i < MUTATIONS; i++) {
      const [name, octets] = files[next(files.length)]!;
      const mutated = mutate(octets, next);
      if (i % 2 === 0) repaired(mutated, format);
      const text = Array.from(mutated, (o) => o.toString(16).padStart(2, "0"));
      try {
        feed(mutated);
      } catch (cause) {
        throw new Error(`${format}/${name} as ${text.join("")}`, { cause });
      }
    }
  });
}
