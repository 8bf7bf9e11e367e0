/** Addresses and identifiers as people write them. */

import { assert, assertEquals } from "@std/assert";
import {
  formatGid,
  formatGidLong,
  formatGuid,
  parseGid,
  parseGuid,
} from "../../../src/wire/gid.ts";
import {
  formatIpv4,
  parseIpv4,
  parseIpv4Prefix,
} from "../../../src/wire/ipv4_address.ts";
import {
  formatLinkAddress,
  parseLinkAddressText,
} from "../../../src/wire/link_address.ts";
import { parserTarget } from "./target.ts";

const decoder = new TextDecoder();

function run(bytes: Uint8Array): boolean {
  const text = decoder.decode(bytes);
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
}

export const textTarget = parserTarget("text", "text", run);
