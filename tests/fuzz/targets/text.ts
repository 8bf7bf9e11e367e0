/** Fuzz target of the text of GIDs, IPv4 addresses and link-layer addresses. */

import { assertEquals } from "@std/assert";
import { formatGid, formatGidLong, parseGid } from "../../../src/wire/gid.ts";
import { formatIpv4, parseIpv4 } from "../../../src/wire/ipv4_address.ts";
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
  const address = parseIpv4(text);
  if (address !== undefined) assertEquals(formatIpv4(address), text);
  const link = parseLinkAddressText(text);
  if (link) {
    assertEquals(parseLinkAddressText(formatLinkAddress(link)), link);
  }
  return [gid, address, link].some((value) => value !== undefined);
}

export const textTarget = parserTarget("text", "text", run);
