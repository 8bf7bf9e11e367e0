/**
 * Program that measures the cost of a packet by the size of the tables, and prints it as JSON.
 *
 * Packets to ten of the entries show the cost of a larger table; packets to all entries in random order also that of
 * cache misses, because each entry has memory of its own. The row `memory alone` visits as many objects as a packet
 * does, and does nothing else.
 */

import { printValues, type Values } from "./engine_measurement.ts";
import { interleave, type Work } from "./interleave.ts";
import { type Family, LeanHost, shuffled } from "./lean_host.ts";

const ACTIVE = 10;
const NEIGHBOURS = [10, 100, 1000, 10_000];
const GROUPS = [10, 100, 1000];
const FAMILIES: readonly Family[] = ["IPv4", "IPv6"];

/** As many objects as a packet to a neighbour reads: key, reference, neighbour, route, peer, and its time of use. */
interface Chain {
  readonly next: Chain | undefined;
  value: number;
}
const CHAIN_LENGTH = 6;

function memoryAlone(count: number): Work {
  const chains = Array.from({ length: count }, () => {
    let chain: Chain | undefined;
    for (let i = 0; i < CHAIN_LENGTH; i++) {
      // The other fields make an object larger than a cache line.
      const fields = { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0 };
      chain = { ...fields, next: chain, value: i };
    }
    return chain!;
  });
  const order = shuffled(count);
  let at = 0;
  return (operations) => {
    for (let i = 0; i < operations; i++) {
      let chain = chains[order[at]!]!;
      at = at + 1 === count ? 0 : at + 1;
      while (chain.next) chain = chain.next;
      chain.value++;
    }
  };
}

const hosts: LeanHost[] = [];
function newHost(): LeanHost {
  const host = new LeanHost();
  hosts.push(host);
  return host;
}

/** Works by row and number of entries. */
function allWorks(): Map<string, Work> {
  const works = new Map<string, Work>();
  for (const family of FAMILIES) {
    for (const count of NEIGHBOURS) {
      works.set(
        `${family}, to ten neighbours/${count}`,
        newHost().neighbours(family, count, ACTIVE),
      );
      works.set(
        `${family}, to all neighbours/${count}`,
        newHost().neighbours(family, count),
      );
    }
    for (const count of GROUPS) {
      works.set(
        `${family}, to ten groups/${count}`,
        newHost().groups(family, count, ACTIVE),
      );
      works.set(
        `${family}, to all groups/${count}`,
        newHost().groups(family, count),
      );
    }
  }
  for (const count of NEIGHBOURS) {
    const receiver = newHost();
    receiver.neighbours("IPv4", count);
    works.set(
      `IPv4, received/${count}`,
      (packets) => receiver.receive(packets),
    );
    works.set(`memory alone/${count}`, memoryAlone(count));
  }
  return works;
}

const values: Values = {};
for (const [name, time] of interleave(allWorks())) {
  const [row, count] = name.split("/") as [string, string];
  (values[row] ??= {})[count] = time;
}
for (const { counts } of hosts) {
  if (counts.dropped > 0) throw new Error(`${counts.dropped} packets dropped`);
}
printValues(values);
