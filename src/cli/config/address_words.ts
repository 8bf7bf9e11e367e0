/**
 * Values of the keys `address` and `route`, in the words of `ip address add` and `ip route add`: their parser and
 * their text. Each parser throws `E_USAGE`.
 */

import {
  ADDRESS_FLAGS,
  type AddressRecord,
  isIpAddress,
  isIpPrefix,
  type NewAddressRecord,
  type RouteRecord,
} from "../../ipc/schema.ts";
import { usageError } from "../errors.ts";
import { readNumber } from "../link_values.ts";

/** Numbers of the routing tables that have names in iproute2. */
const TABLES: Readonly<Record<string, number>> = {
  default: 253,
  main: 254,
  local: 255,
};
const FOREVER = 0xffffffff;

/** The words of a value. Each method throws `E_USAGE`. */
class Words {
  readonly #rest: string[];
  readonly #seen = new Set<string>();

  constructor(value: string) {
    this.#rest = value.split(/\s+/);
  }

  /** Takes the next word; undefined after the last one. */
  next(): string | undefined {
    return this.#rest.shift();
  }

  /** Takes the next attribute, which must not be a repeated one. */
  attribute(): string | undefined {
    const word = this.next();
    if (word === undefined) return undefined;
    if (this.#seen.has(word)) throw usageError(`Duplicate word "${word}"`);
    this.#seen.add(word);
    return word;
  }

  /** Takes the value of an attribute. */
  value(attribute: string): string {
    const word = this.next();
    if (word !== undefined) return word;
    throw usageError(`Word "${attribute}" requires a value`);
  }

  number(attribute: string): number {
    return readNumber(attribute, this.value(attribute));
  }

  /** Takes an address of the family of `prefix`. */
  address(attribute: string, prefix: string): string {
    const word = this.value(attribute);
    if (isIpAddress(word)) {
      if (isIpv6(word) === isIpv6(prefix)) return word;
      throw usageError(
        `Address "${word}" of ${attribute} is not of the family of ${prefix}`,
      );
    }
    throw usageError(`Invalid address "${word}" of ${attribute}`);
  }
}

function isIpv6(text: string): boolean {
  return text.includes(":");
}

/** Adds the length of a prefix with one address, as `ip` does, to an address without a length. */
function withLength(text: string): string {
  return text.includes("/") ? text : `${text}/${isIpv6(text) ? 128 : 32}`;
}

function readPrefix(text: string): string {
  const prefix = withLength(text);
  if (isIpPrefix(prefix)) return prefix;
  throw usageError(
    `Invalid address "${text}"`,
    "expected ADDRESS/LENGTH, such as 10.9.0.1/24",
  );
}

const ADDRESS_WORDS = "peer, brd, label, metric, nodad, noprefixroute";

/** Parses `ADDRESS/LENGTH [peer ADDRESS] [brd ADDRESS|+] [label NAME] [metric N] [nodad] [noprefixroute]`. */
export function parseAddressWords(value: string): NewAddressRecord {
  const words = new Words(value);
  const local = readPrefix(words.next()!);
  const address: NewAddressRecord = { local };
  for (let word; (word = words.attribute()) !== undefined;) {
    const flag = ADDRESS_FLAGS.find((each) => each === word);
    if (flag) address.flags = [...address.flags ?? [], flag];
    else if (word === "peer") address.address = words.address(word, local);
    else if (word === "label") address.label = words.value(word);
    else if (word === "metric") address.metric = words.number(word);
    else if (word === "brd" || word === "broadcast") {
      address.broadcast = readBroadcast(words, word, local);
    } else {
      throw usageError(`Unknown word "${word}"`, `expected ${ADDRESS_WORDS}`);
    }
  }
  return address;
}

function readBroadcast(words: Words, word: string, local: string): string {
  if (isIpv6(local)) {
    throw usageError(`IPv6 address ${local} cannot have a broadcast address`);
  }
  const given = words.value(word);
  return given === "+" ? given : new Words(given).address(word, local);
}

/**
 * Returns the text of an address, or undefined if no administrator added it: one with a lifetime, or a link-local one of
 * IPv6, which each interface has.
 */
export function addressWords(
  address: AddressRecord,
  ifname: string,
): string | undefined {
  const { family, scope, label, metric, broadcast } = address;
  if (address.valid_life_time !== FOREVER) return undefined;
  if (family === "inet6" && scope === "link") return undefined;
  return [
    `${address.local}/${address.prefixlen}`,
    ...address.address === undefined ? [] : ["peer", address.address],
    ...broadcast === undefined ? [] : ["brd", broadcast],
    // The kernel's default label.
    ...label === undefined || label === ifname ? [] : ["label", label],
    ...metric === undefined ? [] : ["metric", metric],
    ...ADDRESS_FLAGS.filter((flag) => address.flags.includes(flag)),
  ].join(" ");
}

const ROUTE_WORDS = "via, src, metric, table, mtu, onlink";

/**
 * Parses `PREFIX|default [via ADDRESS] [src ADDRESS] [metric N] [table N|main] [mtu BYTES] [onlink]`. The family of
 * `default` is that of the first address after it, or IPv4.
 */
export function parseRouteWords(value: string): RouteRecord {
  const words = new Words(value);
  const first = words.next()!;
  const dst = first === "default" ? defaultRoute(value) : readPrefix(first);
  const route: RouteRecord = { dst };
  for (let word; (word = words.attribute()) !== undefined;) {
    if (word === "via") route.gateway = words.address(word, dst);
    else if (word === "src") route.prefsrc = words.address(word, dst);
    else if (word === "metric") route.metric = words.number(word);
    else if (word === "table") route.table = readTable(words.value(word));
    else if (word === "mtu") route.mtu = words.number(word);
    else if (word === "onlink") route.onlink = true;
    else throw usageError(`Unknown word "${word}"`, `expected ${ROUTE_WORDS}`);
  }
  return route;
}

/** Returns the default route of the family of the addresses in a text. */
function defaultRoute(value: string): string {
  return isIpv6(value) ? "::/0" : "0.0.0.0/0";
}

function readTable(text: string): number {
  return TABLES[text] ?? readNumber("table", text);
}

/** Returns the text of a route. */
export function routeWords(route: RouteRecord): string {
  const { dst, gateway, prefsrc, metric, table, mtu } = route;
  const isDefault = dst === defaultRoute(`${gateway} ${prefsrc}`);
  return [
    isDefault ? "default" : dst,
    ...gateway === undefined ? [] : ["via", gateway],
    ...prefsrc === undefined ? [] : ["src", prefsrc],
    ...metric === undefined ? [] : ["metric", metric],
    ...table === undefined ? [] : ["table", table],
    ...mtu === undefined ? [] : ["mtu", mtu],
    ...route.onlink ? ["onlink"] : [],
  ].join(" ");
}
