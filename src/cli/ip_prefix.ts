/** Prefixes of IP addresses, which select records by address as `ip` does. */

import { isIpPrefix } from "../ipc/schema.ts";

/** The words that `ip` accepts for the prefix that contains all addresses. */
const ALL = ["all", "any", "default"];

/** True for an address, or for the prefix that contains it. */
export type Prefix = (address: string) => boolean;

/** Parses an IP address, a prefix such as `10.9.0.0/24`, or `all`; undefined if the text is none of them. */
export function parsePrefix(text: string): Prefix | undefined {
  if (ALL.includes(text)) return () => true;
  const bits = bitsOf(text);
  const prefix = text.includes("/") ? text : `${text}/${bits}`;
  if (!isIpPrefix(prefix)) return undefined;
  const [network, length] = prefix.split("/") as [string, string];
  const shift = BigInt(bits - Number(length));
  const wanted = valueOf(network) >> shift;
  return (address) =>
    bitsOf(address) === bits && valueOf(address) >> shift === wanted;
}

function bitsOf(address: string): number {
  return address.includes(":") ? 128 : 32;
}

/** Returns the number that a valid address stands for. */
function valueOf(address: string): bigint {
  if (!address.includes(":")) return join(address.split("."), 10, 8n);
  const text = address.replace(/[0-9]+(\.[0-9]+){3}$/, (tail) => {
    const number = valueOf(tail);
    return `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`;
  });
  const [head = [], tail = []] = text.split("::").map((part) =>
    part === "" ? [] : part.split(":")
  );
  const zeros = new Array<string>(8 - head.length - tail.length).fill("0");
  return join([...head, ...zeros, ...tail], 16, 16n);
}

function join(parts: readonly string[], radix: number, width: bigint): bigint {
  return parts.reduce(
    (sum, part) => (sum << width) | BigInt(parseInt(part, radix)),
    0n,
  );
}
